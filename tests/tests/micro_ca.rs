//! D1, D2: from an empty folder to a verified certificate in less than a minute, by a CA that nobody had to make.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::time::Duration;

use chancery_tests::{
    subscriber::{self, p256},
    world::{Mode, World},
};
use futures::future::join_all;
use serde_json::json;
use tokio::time::Instant;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_one_process() {
    an_empty_folder_becomes_a_verified_certificate(Mode::OneProcess).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_process_per_service() {
    an_empty_folder_becomes_a_verified_certificate(Mode::ProcessPerService).await;
}

async fn an_empty_folder_becomes_a_verified_certificate(mode: Mode) {
    let begun = Instant::now();
    let world = World::start(mode).await;
    let issued = world.issue(&p256("first.example.com").pem).await;
    let root = world.root().await;
    subscriber::verify(&root, "", issued["certificate"].as_str().unwrap()).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());

    let subject = subscriber::x509(&root, &["-subject", "-nameopt", "RFC2253"]);
    let created = created(&root);
    assert_eq!(subject.trim(), format!("subject=CN=Chancery Micro CA {created},O=Chancery"));
    assert_eq!(
        subject.replacen("subject", "issuer", 1),
        subscriber::x509(&root, &["-issuer", "-nameopt", "RFC2253"])
    );
    let text = subscriber::x509(&root, &["-text"]);
    assert!(text.contains("CA:TRUE, pathlen:0") && text.contains("Certificate Sign, CRL Sign"), "{text}");
    assert_eq!(length_in_seconds(&root), 10 * 365 * 86_400, "10 years, both ends counted");

    twenty_first_requests_of_an_organization_make_one_micro_ca(&world).await;
    a_micro_ca_of_ones_own_issues_at_once(&world).await;
}

async fn twenty_first_requests_of_an_organization_make_one_micro_ca(world: &World) {
    let branch = world.organization("branch").await;
    let requests = (0..20).map(|number| {
        let body = json!({"csr": p256(&format!("branch{number}.example.com")).pem});
        let branch = branch.clone();
        async move { branch.post("/api/v1/certificate-requests", &body).await.expect(201) }
    });
    let answers = join_all(requests).await;
    let last = answers
        .iter()
        .map(|answer| answer.header("chancery-position").parse::<i64>().unwrap())
        .max()
        .unwrap();
    let position = last.to_string();
    let headers = [("chancery-min-position", position.as_str())];
    let cas = branch.request(http::Method::GET, "/api/v1/cas", &headers, bytes::Bytes::new()).await.unwrap();
    let cas = cas.expect(200).json();
    assert_eq!(cas["items"].as_array().unwrap().len(), 1, "{cas}");
    let root = cas["items"][0]["certificate"].as_str().unwrap();
    for answer in answers {
        subscriber::verify(root, "", answer.json()["certificate"].as_str().unwrap()).unwrap();
    }
}

async fn a_micro_ca_of_ones_own_issues_at_once(world: &World) {
    for (name, algorithm, curve) in
        [("lab", "ecdsa_p384", "NIST CURVE: P-384"), ("old", "rsa_2048", "(2048 bit)")]
    {
        let ca = json!({"name": name, "kind": "micro", "key": {"algorithm": algorithm}});
        let ca = world.api().post("/api/v1/cas", &ca).await.expect(201).json();
        assert_eq!(ca["status"], "active");
        let root = ca["certificate"].as_str().unwrap();
        assert!(subscriber::x509(root, &["-text"]).contains(curve));
        let profile = json!({"name": name, "ca": format!("name:{name}")});
        _ = world.api().post("/api/v1/profiles", &profile).await.expect(201);
        let body = json!({"profile": format!("name:{name}"), "csr": p256("lab.example.com").pem});
        let issued = world.api().post("/api/v1/certificate-requests", &body).await.expect(201).json();
        subscriber::verify(root, "", issued["certificate"].as_str().unwrap()).unwrap();
    }
}

/// When a certificate begins, as RFC 3339 writes it.
fn created(certificate: &str) -> String {
    let date = subscriber::x509(certificate, &["-startdate", "-dateopt", "iso_8601"]);
    date.trim().trim_start_matches("notBefore=").replace(' ', "T")
}

/// notAfter − notBefore + 1 s: both ends count (RFC 5280 §4.1.2.5).
fn length_in_seconds(certificate: &str) -> i64 {
    let (_, block) = x509_parser::pem::parse_x509_pem(certificate.as_bytes()).unwrap();
    let validity = block.parse_x509().unwrap().validity().clone();
    validity.not_after.timestamp() - validity.not_before.timestamp() + 1
}
