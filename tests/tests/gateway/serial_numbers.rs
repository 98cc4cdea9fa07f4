//! Randomness that repeats itself, as after a copied machine: a serial number is used once per CA all the same (C-1).

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::support::installation_with;
use chancery_tests::subscriber::x509;
use runtime::entropy::{Entropy, SystemEntropy};
use serde_json::json;
use testkit::openssl;

/// Gives one serial number again and again, so many times; everything else is random.
#[derive(Default)]
struct Stuck {
    times: AtomicUsize,
}

impl Entropy for Stuck {
    fn fill(&self, bytes: &mut [u8]) {
        let serial_number = bytes.len() == 18;
        let again = |times: usize| times.checked_sub(1);
        if serial_number && self.times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, again).is_ok() {
            bytes.fill(0x5a);
        } else {
            SystemEntropy.fill(bytes);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_serial_number_that_is_drawn_again_is_not_used_again() {
    let entropy = Arc::new(Stuck::default());
    let it = installation_with(entropy.clone()).await;
    let body = |name: &str| json!({"csr": openssl::csr(name, &[name]).csr});
    let serial = |certificate: &str| x509(certificate, &["-serial"]);

    entropy.times.store(1, Ordering::SeqCst);
    let path = "/api/v1/certificate-requests";
    let first = it.https.post(path, &body("first.example.com")).await.expect(201).json();
    let first_serial = serial(first["certificate"].as_str().unwrap());
    assert_eq!(first_serial.trim(), format!("serial=01{}", "5A".repeat(17)));

    // Twice the same, then another one.
    entropy.times.store(2, Ordering::SeqCst);
    let wish = body("second.example.com");
    let key = [("idempotency-key", "second")];
    let second = it.https.post_with(path, &key, &wish).await.expect(201);
    assert_eq!(entropy.times.load(Ordering::SeqCst), 0);
    let answered = second.json();
    let certificate = answered["certificate"].as_str().unwrap();
    assert_ne!(serial(certificate), first_serial);
    let again = it.https.post_with(path, &key, &wish).await.expect(201).json();
    assert_eq!(again["certificate"], certificate);

    // Whatever is told of the second request is about its own certificate.
    let request = answered["id"].as_str().unwrap();
    let shown = it.read_after(&format!("{path}/{request}"), &second).await;
    assert_eq!((&shown["status"], &shown["certificateId"]), (&json!("issued"), &answered["certificateId"]));
    let timeline = it.read_after(&format!("{path}/{request}/timeline"), &second).await;
    let items = timeline["items"].as_array().unwrap();
    let kinds: Vec<_> = items.iter().map(|item| item["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["certificate_request.submitted", "issuance.intended", "issuance.completed"]);
    assert!(items.iter().all(|item| item["correlationId"] == items[0]["correlationId"]), "{timeline}");
    let operation = timeline["items"][0]["correlationId"].as_str().unwrap();
    let operation = it.https.get(&format!("/api/v1/operations/{operation}")).await.expect(200).json();
    assert_eq!(operation["status"], "done");
    let path = format!("/api/v1/cert-manager/certificates/certificate-requests/{request}");
    let compatible = it.https.get(&path).await.expect(200).json();
    assert_eq!(compatible["certificate"]["certificate"].as_str().unwrap().trim(), certificate.trim());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_fresh_serial_number_nothing_is_issued() {
    let entropy = Arc::new(Stuck::default());
    let it = installation_with(entropy.clone()).await;
    let body = |name: &str| json!({"csr": openssl::csr(name, &[name]).csr});
    let path = "/api/v1/certificate-requests";
    entropy.times.store(usize::MAX, Ordering::SeqCst);
    _ = it.https.post(path, &body("first.example.com")).await.expect(201);
    let (key, wish) = ([("idempotency-key", "second")], body("second.example.com"));
    let refused = it.https.post_with(path, &key, &wish).await.expect(503);
    assert!(!refused.header("retry-after").is_empty());
    let sql = "select count(*) filter (where type = 'issuance.completed'), (select count(*) from keystore.signature) \
               from log.event";
    let row = it.servers.admin().await.query_one(sql, &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 1);
    assert_eq!(row.get::<_, i64>(1), 2, "the CA's own and the first certificate's");

    // Randomness came back: the same wish is granted, once.
    entropy.times.store(0, Ordering::SeqCst);
    let granted = it.https.post_with(path, &key, &wish).await.expect(201).json();
    let again = it.https.post_with(path, &key, &wish).await.expect(201).json();
    assert_eq!(granted, again);
    let row = it.servers.admin().await.query_one(sql, &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 2);
}
