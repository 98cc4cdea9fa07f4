//! C8: a certificate carries the organization's own values where the profile says so. Each difference is shown before and
//! recorded after.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use chancery_tests::{
    in_both_modes,
    subscriber::{self, P256},
    world::World,
};
use serde_json::{Value, json};

in_both_modes!(
    a_csr_gets_the_organizations_own_values,
    the_policy_judges_what_will_be_certified,
    nothing_changes_unless_a_profile_says_so,
);

const REQUESTS: &str = "/api/v1/certificate-requests";

fn csr(subject: &str) -> String {
    subscriber::csr(&[P256, &["-subj", subject]].concat()).pem
}

fn subject_of(answer: &Value) -> String {
    let certificate = answer["certificate"].as_str().unwrap();
    let text = subscriber::x509(certificate, &["-subject", "-nameopt", "RFC2253"]);
    text.trim().trim_start_matches("subject=").to_owned()
}

async fn a_csr_gets_the_organizations_own_values(world: &mut World) {
    let api = world.api();
    let home = api.get("/api/v1/me").await.expect(200).json()["organizationId"].clone();
    let path = format!("/api/v1/organizations/{}", home.as_str().unwrap());
    let own = json!({"displayName": "Example", "city": "Kanata", "country": "CA"});
    let headers = [("content-type", "application/json")];
    let patched = api.request(http::Method::PATCH, &path, &headers, own.to_string().into()).await.unwrap();
    _ = patched.expect(200);
    let sources = json!({"organization": "replace", "locality": "fill", "state": "replace"});
    let profile = json!({"name": "own-values", "subject": sources});
    let profile = api.post("/api/v1/profiles", &profile).await.expect(201).json();
    assert_eq!(profile["rules"]["subject"], sources);

    let csr = csr("/C=US/O=Other/CN=www.example.com");
    let body = json!({"profile": "name:own-values", "csr": csr});
    let dry = api.post(&format!("{REQUESTS}?dryRun=true"), &body).await.expect(200).json();
    let shown = dry["changes"].as_array().unwrap().iter();
    let shown: Vec<_> =
        shown.filter(|change| change["pointer"].as_str().unwrap().starts_with("/subject/")).collect();
    let expected = [
        json!({"pointer": "/subject/organization", "from": "Other", "to": "Example"}),
        json!({"pointer": "/subject/locality", "from": null, "to": "Kanata"}),
    ];
    assert_eq!(shown, expected.iter().collect::<Vec<_>>(), "{dry}");

    let issued = api.post(REQUESTS, &body).await.expect(201).json();
    assert_eq!(subject_of(&issued), "CN=www.example.com,O=Example,L=Kanata,C=US");
    subscriber::verify(&world.root().await, "", issued["certificate"].as_str().unwrap()).unwrap();
    let changes = json!([
        {"attribute": "organization", "found": ["Other"], "used": ["Example"]},
        {"attribute": "locality", "found": [], "used": ["Kanata"]},
    ]);
    assert_eq!(issued["subjectChanges"], changes);
    let id = issued["id"].as_str().unwrap();
    let head = world.head().await.to_string();
    let headers = [("chancery-min-position", head.as_str())];
    let path = format!("{REQUESTS}/{id}");
    let shown = api.request(http::Method::GET, &path, &headers, bytes::Bytes::new()).await.unwrap();
    assert_eq!(shown.expect(200).json()["subjectChanges"], changes);
    let recorded = "select payload::text from log.event where type = 'certificate_request.submitted' \
                    order by position desc limit 1";
    let recorded: String = world.admin().await.query_one(recorded, &[]).await.unwrap().get(0);
    let recorded: Value = serde_json::from_str(&recorded).unwrap();
    assert_eq!(recorded["subjectChanges"], changes);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("request.csr");
    std::fs::write(&file, &csr).unwrap();
    let issue =
        ["issue", "--profile", "own-values", "--csr", file.to_str().unwrap(), "--dry-run", "-o", "json"];
    let said = world.cli(&issue).await.json();
    assert!(said["changes"].as_array().unwrap().contains(&expected[0]), "{said}");
}

async fn the_policy_judges_what_will_be_certified(world: &mut World) {
    let api = world.api();
    let rule =
        json!({"organization": {"required": true, "equals": "Example"}, "locality": {"required": true}});
    _ = api.post("/api/v1/policies", &json!({"name": "ours", "subject": rule})).await.expect(201);
    let plain = json!({"name": "plain", "policy": "name:ours"});
    _ = api.post("/api/v1/profiles", &plain).await.expect(201);
    let made = ["profile", "create", "filled", "--policy", "ours", "--subject", "organization=replace"];
    let made = [&made[..], &["--subject", "locality=fill"]].concat();
    _ = world.cli(&made).await.done();
    let csr = csr("/O=Other/CN=www.example.com");
    let refused = api.post(REQUESTS, &json!({"profile": "name:plain", "csr": csr})).await.expect(422).json();
    assert_eq!(refused["errors"].as_array().unwrap().len(), 2, "{refused}");
    let issued = api.post(REQUESTS, &json!({"profile": "name:filled", "csr": csr})).await.expect(201).json();
    assert_eq!(subject_of(&issued), "CN=www.example.com,O=Example,L=Kanata");
    let managed = json!({"profile": "name:filled", "key": {"algorithm": "ecdsa_p256"},
        "subject": {"commonName": "own.example.com"}});
    let issued = api.post(REQUESTS, &managed).await.expect(201).json();
    assert_eq!(subject_of(&issued), "CN=own.example.com,O=Example,L=Kanata");
    let wrong = world.cli(&["profile", "create", "wrong", "--subject", "commonName=replace"]).await;
    assert_eq!(wrong.code, 5, "{wrong:?}");
}

async fn nothing_changes_unless_a_profile_says_so(world: &mut World) {
    let body = json!({"csr": csr("/O=Other/CN=www.example.com")});
    let issued = world.api().post(REQUESTS, &body).await.expect(201).json();
    assert_eq!(subject_of(&issued), "CN=www.example.com,O=Other");
    assert_eq!(issued["subjectChanges"], json!([]));
}
