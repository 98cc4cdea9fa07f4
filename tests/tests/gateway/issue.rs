//! From a CSR over HTTPS to a certificate that OpenSSL believes, in every way the API offers.

use std::time::Duration;

use super::support::installation;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::Method;
use serde_json::{Value, json};
use testkit::openssl;

#[tokio::test(flavor = "multi_thread")]
async fn a_csr_becomes_a_certificate_that_openssl_believes() {
    let it = installation().await;
    let csr = openssl::csr("shop.example.com", &["shop.example.com", "www.example.com"]);
    let body = json!({"csr": csr.csr, "ttl": "30d", "labels": {"env": "prod"}, "note": "CHG-1"});

    // Said beforehand, then done, then said again.
    let validated = it.https.post("/api/v1/certificate-requests/validate", &body).await.expect(200).json();
    assert_eq!(validated, json!({"ok": true, "code": null, "errors": []}));
    let key = [("idempotency-key", "one")];
    let issued = it.https.post_with("/api/v1/certificate-requests", &key, &body).await.expect(201);
    let request = issued.json();
    assert_eq!((&request["status"], &request["source"]), (&json!("issued"), &json!("csr")));
    let again = it.https.post_with("/api/v1/certificate-requests", &key, &body).await.expect(201);
    assert_eq!(
        (again.header("idempotency-replayed"), &again.json()["certificate"]),
        ("true", &request["certificate"])
    );
    let chain = request["certificateChain"].as_str().unwrap();
    openssl::verify(chain, request["certificate"].as_str().unwrap()).unwrap();

    // Read back at the position of the write.
    let path = format!("/api/v1/certificates/{}", request["certificateId"].as_str().unwrap());
    let certificate = it.read_after(&path, &issued).await;
    assert_eq!(certificate["certificate"], request["certificate"]);
    assert_eq!((&certificate["status"], &certificate["labels"]), (&json!("active"), &json!({"env": "prod"})));
    for query in [
        "q=shop",
        "labels.env=prod",
        "status=active,expired",
        "commonName=shop.example.com",
        "notAfter[gt]=2026-01-01T00:00:00Z",
        "sort=-notAfter,commonName",
        "keyAlgorithm[ne]=ed25519",
    ] {
        let found = it.https.get(&format!("/api/v1/certificates?{query}")).await.expect(200).json();
        assert_eq!(found["items"].as_array().unwrap().len(), 1, "{query}");
    }
    let none = it.https.get("/api/v1/certificates?labels.env=test").await.expect(200).json();
    assert_eq!(none["items"], json!([]));

    // In other forms.
    let form = |path: String, accept: &'static str| {
        let https = it.https.clone();
        async move {
            https.request(Method::GET, &path, &[("accept", accept)], "".into()).await.unwrap().expect(200)
        }
    };
    let der = form(path.clone(), "application/pkix-cert").await;
    assert_eq!(der.header("content-type"), "application/pkix-cert");
    let pem = request["certificate"].as_str().unwrap();
    let inner: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    assert_eq!(der.body, STANDARD.decode(inner).unwrap());
    assert_eq!(form(path.clone(), "application/pem-certificate-chain").await.text(), pem);
    let p7b = form(format!("{path}/chain"), "application/pkcs7-mime").await;
    assert!(p7b.header("content-type").starts_with("application/pkcs7-mime"));
    let whole = it.https.get(&format!("{path}/chain?format=pem&root=include")).await.expect(200).text();
    assert_eq!(whole, format!("{pem}{chain}"));
    assert_eq!(it.https.get(&format!("{path}/chain?format=pem")).await.expect(200).text(), pem);

    // What happened, and what is recorded about it.
    let timeline = it.https.get(&format!("{path}/timeline")).await.expect(200).json();
    let kinds: Vec<&str> =
        timeline["items"].as_array().unwrap().iter().map(|e| e["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["issuance.intended", "issuance.completed"]);
    let headers = [("content-type", "application/json"), ("if-match", "\"0\"")];
    let changes = json!({"owner": "web team"}).to_string();
    let annotated =
        it.https.request(Method::PATCH, &path, &headers, changes.into()).await.unwrap().expect(200);
    assert_eq!((&annotated.json()["owner"], annotated.header("etag")), (&json!("web team"), "\"1\""));
    assert_eq!(it.read_after(&path, &annotated).await["owner"], "web team");
    let request_path = format!("/api/v1/certificate-requests/{}", request["id"].as_str().unwrap());
    assert_eq!(it.https.get(&format!("{request_path}/csr")).await.expect(200).text(), csr.csr);
    assert_eq!(it.read_after(&request_path, &issued).await["certificateId"], request["certificateId"]);

    // As raw PKCS #10, and without waiting.
    let raw = it.https.request(
        Method::POST,
        "/api/v1/certificate-requests?profile=name:default&ttl=1d",
        &[("content-type", "application/pkcs10"), ("prefer", "wait=0")],
        csr.csr.clone().into(),
    );
    let accepted = raw.await.unwrap();
    assert!([201, 202].contains(&accepted.status.as_u16()), "{}", accepted.text());
    if accepted.status == 202 {
        let operation = accepted.header("location").to_owned();
        let mut state = accepted.json();
        while state["status"] != "done" {
            tokio::time::sleep(Duration::from_millis(50)).await;
            state = it.https.get(&operation).await.expect(200).json();
        }
        assert_eq!(state["resource"]["kind"], "certificate_request");
    }

    // Refused with every reason at once, and nothing kept.
    let problem =
        it.https.post("/api/v1/certificate-requests", &json!({"csr": "  "})).await.expect(422).json();
    assert_eq!(problem["errors"][0]["detail"], "CSR cannot be empty");
    it.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_published_curl_of_the_compatible_endpoint_works() {
    let it = installation().await;
    let csr = openssl::csr("api.example.com", &[]);
    let profile: contracts::ProfileId = super::support::until_some(|| async {
        let profiles = it.https.get("/api/v1/profiles?name=default").await.json();
        profiles["items"][0]["id"].as_str().map(|id| id.parse().unwrap())
    })
    .await;
    let body = json!({"profileId": profile.uuid(), "csr": csr.csr, "attributes": {"ttl": "365d"}});
    let answer = it.https.post("/api/v1/cert-manager/certificates", &body).await.expect(200).json();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let mut names = keys(&answer["certificate"]);
    names.sort();
    assert_eq!(
        names,
        ["certificate", "certificateChain", "certificateId", "issuingCaCertificate", "serialNumber"]
    );
    assert_eq!(keys(&answer).len(), 3);
    assert_eq!(answer["status"], "issued");
    let certificate = &answer["certificate"];
    openssl::verify(
        certificate["certificateChain"].as_str().unwrap(),
        certificate["certificate"].as_str().unwrap(),
    )
    .unwrap();
    let text = openssl::text(certificate["certificate"].as_str().unwrap()).to_lowercase().replace(':', "");
    assert!(text.contains(certificate["serialNumber"].as_str().unwrap()), "{text}");

    let id = answer["certificateRequestId"].as_str().unwrap();
    assert!(uuid::Uuid::try_parse(id).is_ok());
    let path = format!("/api/v1/cert-manager/certificates/certificate-requests/{id}");
    let shown = super::support::until(503, || it.https.get(&path)).await.expect(200).json();
    assert_eq!(shown, answer);

    let refused =
        it.https.post("/api/v1/cert-manager/certificates", &json!({"csr": ""})).await.expect(422).json();
    assert_eq!((&refused["message"], &refused["statusCode"]), (&json!("CSR cannot be empty"), &json!(422)));
    let missing = it.https.post("/api/v1/cert-manager/certificates", &json!({})).await.expect(422).json();
    assert_eq!(missing["message"], "CSR cannot be empty");
    it.stop().await;
}
