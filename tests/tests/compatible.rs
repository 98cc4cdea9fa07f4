//! C9, S2: clients of other certificate managers work unchanged against the compatible endpoint.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::process::Command;

use chancery_tests::{in_both_modes, subscriber, tool::run_with, world::World};
use contracts::ProfileId;
use serde_json::{Value, json};

in_both_modes!(
    the_published_curl_gets_a_certificate,
    a_managed_key_stays_with_us,
    a_refusal_is_worded_as_those_clients_expect,
    a_request_can_be_looked_at_later,
);

const PATH: &str = "/api/v1/cert-manager/certificates";

async fn the_published_curl_gets_a_certificate(world: &mut World) {
    let csr = subscriber::csr(&["-newkey", "rsa:2048", "-subj", "/CN=shop.example.com/O=Example/C=US"]);
    let answer = curl(world, &default_profile(world).await, &csr.pem.replace('\n', "\\n")).await;

    assert_eq!(keys(&answer), ["certificate", "certificateRequestId", "status"]);
    let certificate = &answer["certificate"];
    let expected =
        ["certificate", "certificateChain", "certificateId", "issuingCaCertificate", "serialNumber"];
    assert_eq!(keys(certificate), expected);
    assert_eq!(answer["status"], "issued");
    assert!(!answer.to_string().contains("privateKey"), "{answer}");
    for id in [&answer["certificateRequestId"], &certificate["certificateId"]] {
        assert!(uuid::Uuid::try_parse(text(id)).is_ok(), "{id} is a bare UUID");
    }

    let leaf = text(&certificate["certificate"]);
    let root = world.root().await;
    subscriber::verify(&root, text(&certificate["certificateChain"]), leaf).unwrap();
    assert_eq!(certificate["issuingCaCertificate"], root.as_str());
    let serial = subscriber::x509(leaf, &["-serial"]);
    assert_eq!(serial.trim().to_lowercase(), format!("serial={}", text(&certificate["serialNumber"])));
    assert_eq!(length_in_seconds(leaf), 365 * 86_400);
}

async fn a_managed_key_stays_with_us(world: &mut World) {
    let body = json!({"profileId": default_profile(world).await, "attributes": {
        "ttl": "30d", "commonName": "managed.example.com", "keyAlgorithm": "RSA_2048",
        "altNames": [{"type": "dns_name", "value": "managed.example.com"}, {"type": "ip_address", "value": "192.0.2.7"}],
        "keyUsages": ["digital_signature", "keyEncipherment"], "extendedKeyUsages": ["server_auth"]}});
    let answer = world.api().post(PATH, &body).await.expect(200).json();
    let leaf = text(&answer["certificate"]["certificate"]);
    subscriber::verify(&world.root().await, "", leaf).unwrap();
    let shown = subscriber::x509(leaf, &["-text"]);
    assert!(shown.contains("DNS:managed.example.com, IP Address:192.0.2.7"), "{shown}");
    assert!(shown.contains("Public-Key: (2048 bit)"), "{shown}");
    // Exportable keys come with a later issue; until then a key does not leave.
    assert!(answer["certificate"].get("privateKey").is_none());
}

async fn a_refusal_is_worded_as_those_clients_expect(world: &mut World) {
    let policy = json!({"name": "only-rsa", "keyAlgorithms": ["rsa_2048"]});
    _ = world.api().post("/api/v1/policies", &policy).await.expect(201);
    let profile = json!({"name": "only-rsa", "policy": "name:only-rsa"});
    let profile = world.api().post("/api/v1/profiles", &profile).await.expect(201).json();
    let body = json!({"profileId": profile["id"], "csr": subscriber::p256("a.example.com").pem});
    let refused = world.api().post(PATH, &body).await.expect(422);
    assert_eq!(refused.header("content-type"), "application/problem+json");
    let problem = refused.json();
    assert_eq!(problem["statusCode"], 422);
    assert_eq!(problem["error"], "Unprocessable Entity");
    assert_eq!(problem["message"], "Key algorithm is not allowed by template policy");
    assert_eq!(problem["code"], "policy_violation");
    assert_eq!(problem["errors"][0]["pointer"], "#/csr");

    // Without a CSR it points into the attributes; the usages that are named are judged too.
    let policy = json!({"name": "no-client", "extendedKeyUsages": ["serverAuth"]});
    _ = world.api().post("/api/v1/policies", &policy).await.expect(201);
    let profile = json!({"name": "no-client", "policy": "name:no-client"});
    let profile = world.api().post("/api/v1/profiles", &profile).await.expect(201).json();
    let attributes = json!({"commonName": "a.example.com", "extendedKeyUsages": ["client_auth"]});
    let body = json!({"profileId": profile["id"], "attributes": attributes});
    let problem = world.api().post(PATH, &body).await.expect(422).json();
    assert_eq!(problem["message"], "clientAuth extended key usage is not allowed by template policy");
    assert_eq!(problem["errors"][0]["pointer"], "#/attributes/extendedKeyUsages");

    let nobody = world.api().with_token(None).post(PATH, &body).await.expect(401).json();
    assert_eq!((&nobody["statusCode"], &nobody["error"]), (&json!(401), &json!("Unauthorized")));
}

async fn a_request_can_be_looked_at_later(world: &mut World) {
    let body = json!({"csr": subscriber::p256("later.example.com").pem, "attributes": {"ttl": "1d"}});
    let issued = world.api().post(PATH, &body).await.expect(200).json();
    let path = format!("{PATH}/certificate-requests/{}", text(&issued["certificateRequestId"]));
    assert_eq!(world.api().get(&path).await.expect(200).json(), issued);
}

/// The published sample, with host, token, profile id and CSR replaced and nothing else.
async fn curl(world: &World, profile: &str, csr: &str) -> Value {
    let mut command = Command::new("curl");
    // The sample trusts the host's certificate as the machine does; here that is our CA.
    command.env("CURL_CA_BUNDLE", world.ca_file()).arg("--silent").arg("--show-error");
    command.args(["--location", "--request", "POST"]);
    command.arg(format!("{}/api/v1/cert-manager/certificates", world.address()));
    command.arg("--header").arg(format!("Authorization: Bearer {}", world.token()));
    command.args(["--header", "Content-Type: application/json", "--data-raw"]);
    command.arg(format!(
        r#"{{
    "profileId": "{profile}",
    "csr": "{csr}",
    "attributes": {{
      "ttl": "365d"
    }}
  }}"#
    ));
    command.args(["--write-out", "\n%{http_code}"]);
    let printed = run_with(command, b"").await.done();
    let (body, status) = printed.rsplit_once('\n').unwrap();
    assert_eq!(status, "200", "{body}");
    serde_json::from_str(body).unwrap()
}

/// The id of the profile `default`, as those clients know ids: a bare UUID.
async fn default_profile(world: &World) -> String {
    let profile = world.api().get("/api/v1/profiles/name:default").await.expect(200).json();
    text(&profile["id"]).parse::<ProfileId>().unwrap().uuid().to_string()
}

/// notAfter − notBefore + 1 s: both ends count (RFC 5280 §4.1.2.5).
fn length_in_seconds(certificate: &str) -> i64 {
    let (_, block) = x509_parser::pem::parse_x509_pem(certificate.as_bytes()).unwrap();
    let validity = block.parse_x509().unwrap().validity().clone();
    validity.not_after.timestamp() - validity.not_before.timestamp() + 1
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}
