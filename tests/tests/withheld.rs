//! A signature that does not fit (C-4): the certificate is withheld, its CA is suspended where it has one, and people are
//! told why.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use chancery_tests::{
    subscriber::p256,
    world::{Mode, World, eventually},
};
use serde_json::{Value, json};
use testkit::Answer;

const PATH: &str = "/api/v1/certificate-requests";
const HEADERS: [(&str, &str); 2] = [("idempotency-key", "withheld"), ("prefer", "wait=0")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_fails_its_last_checks_never_leaves_and_suspends_its_ca() {
    let mut world = World::start(Mode::ProcessPerService).await;
    let admin = world.admin().await;
    let ca = world.api().get("/api/v1/cas").await.expect(200).json()["items"][0].clone();
    let ca = format!("/api/v1/cas/{}", ca["id"].as_str().unwrap());

    let body = json!({"csr": p256("withheld.example.com").pem});
    let accepted = forge(&mut world, &body).await;

    let suspended = eventually("the CA is suspended", async || {
        let now = world.api().get(&ca).await.expect(200).json();
        (now["status"] == "suspended").then_some(now)
    })
    .await;
    let operation = world.api().get(accepted.header("location")).await.expect(200).json();
    assert_eq!(
        (&operation["status"], &operation["error"]["code"]),
        (&json!("failed"), &json!("invalid_state"))
    );
    let reason = operation["error"]["detail"].as_str().unwrap();
    let name = suspended["name"].as_str().unwrap();
    assert!(
        reason.starts_with(&format!("the certification authority '{name}' is suspended: certificate crt_"))
    );
    assert!(reason.contains("failed its last checks"), "{reason}");
    assert!(world.logs().contains("a certificate failed its last checks and was withheld"));

    // Whoever asks again gets none, and the CA signs nothing else.
    let again = world.api().post_with(PATH, &HEADERS[..1], &body).await;
    assert!(!again.status.is_success() || again.status == 202, "{}", again.text());
    let other = json!({"csr": p256("other.example.com").pem});
    let refused = world.api().post(PATH, &other).await.expect(409).json();
    assert_eq!(refused["code"], "invalid_state");
    let sql = "select count(*) from log.event where type = 'issuance.completed'";
    assert_eq!(admin.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 0);
    let listed = world.api().get("/api/v1/certificates").await.expect(200).json();
    assert!(!listed.to_string().contains("withheld.example.com"), "{listed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_self_signed_certificate_that_fails_its_last_checks_ends_its_request() {
    let mut world = World::start(Mode::ProcessPerService).await;
    let ca = world.root().await;
    assert!(!ca.is_empty(), "its signature is there to be misused");
    _ = world.api().post("/api/v1/profiles", &json!({"name": "own", "ca": "self"})).await.expect(201);
    let body = json!({"profile": "name:own", "key": {"algorithm": "ecdsa_p256"},
        "subject": {"commonName": "withheld.example.com"}});
    let accepted = forge(&mut world, &body).await;

    let operation = eventually("the operation has failed", async || {
        let now = world.api().get(accepted.header("location")).await.expect(200).json();
        (now["status"] == "failed").then_some(now)
    })
    .await;
    let error = &operation["error"];
    assert_eq!((&error["code"], &error["retryable"]), (&json!("internal"), &json!(false)), "{operation}");
    let detail = error["detail"].as_str().unwrap();
    assert!(detail.contains("failed its last checks and was withheld: "), "{detail}");

    // Whoever asks again is told the same; the request has failed for good, and nothing tries again.
    let again = world.api().post_with(PATH, &HEADERS[..1], &body).await.expect(500).json();
    assert_eq!(again["detail"], error["detail"]);
    let request = operation["resource"]["path"].as_str().unwrap();
    eventually("the request is shown as failed", async || {
        (world.api().get(request).await.expect(200).json()["status"] == "failed").then_some(())
    })
    .await;
    let failed = world.api().get(&format!("{PATH}?status=failed")).await.expect(200).json();
    assert_eq!(failed["items"].as_array().unwrap().len(), 1);
    let open = "select count(*) from api_signer.issuance where status = 'intended'";
    let admin = world.admin().await;
    admin.execute("set chancery.scope = '*'", &[]).await.unwrap();
    assert_eq!(admin.query_one(open, &[]).await.unwrap().get::<_, i64>(0), 0);
    let timeline = world.api().get(&format!("{request}/timeline")).await.expect(200).json();
    assert_eq!(timeline["items"].as_array().unwrap().last().unwrap()["type"], "issuance.withheld");
}

/// Asks for a certificate. Its intent stands in the log and the signer dies; meanwhile the journal gets another signature
/// for it.
async fn forge(world: &mut World, body: &Value) -> Answer {
    world.start_armed("signer", "X07-intent-appended").await;
    let (api, body) = (world.api(), body.clone());
    let asking = tokio::spawn(async move { api.post_with(PATH, &HEADERS, &body).await });
    world.has_crashed("signer").await;
    let accepted = asking.await.unwrap().expect(202);
    let forged = "insert into keystore.signature (intent_event, key_id, tbs_sha256, signature) \
                  select e.id, s.key_id, e.hash, s.signature \
                  from log.event e, (select * from keystore.signature limit 1) s where e.type = 'issuance.intended'";
    assert_eq!(world.admin().await.execute(forged, &[]).await.unwrap(), 1);
    world.start().await;
    accepted
}
