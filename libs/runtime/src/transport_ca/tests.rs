//! N-2: at most seven days, renewed at a third, from nothing but two key files and the clock.

use std::sync::Arc;

use x509_parser::extensions::GeneralName;

use super::*;
use crate::{
    clock::{Clock as _, TestClock},
    config::{Config, Server, Sources},
    entropy::SystemEntropy,
};

struct Case {
    _folder: tempfile::TempDir,
    server: Server,
    secrets: Secrets,
    clock: TestClock,
}

fn case() -> Case {
    let folder = tempfile::tempdir().unwrap();
    let flags = vec![
        ("".into(), "server.data_dir".into(), folder.path().display().to_string()),
        ("".into(), "server.public_url".into(), "https://pki.example.com:8443".into()),
    ];
    let (config, _) = Config::load(&Sources { flags, ..Sources::default() }).unwrap();
    let secrets = Secrets::at(&config.server.secrets_dir);
    secrets.make_missing(&SystemEntropy).unwrap();
    let clock = TestClock::at("2026-11-21T09:00:00Z".parse().unwrap());
    Case { _folder: folder, server: config.server, secrets, clock }
}

impl Case {
    fn start(&self) -> Arc<GatewayCertificate> {
        let clock = Arc::new(self.clock.clone());
        GatewayCertificate::issue(&self.server, &self.secrets, clock, Arc::new(SystemEntropy)).unwrap()
    }

    /// Whether the chain is good now; gives the certificate's names.
    fn verify(&self, shown: &GatewayCertificate) -> Vec<String> {
        let chain = shown.chain();
        let (_, leaf) = X509Certificate::from_der(&chain[0]).unwrap();
        let (_, ca) = X509Certificate::from_der(&chain[1]).unwrap();
        leaf.verify_signature(Some(ca.public_key())).unwrap();
        ca.verify_signature(None).unwrap();
        assert!(ca.is_ca() && !leaf.is_ca());
        let now = self.clock.now().unix();
        for certificate in [&leaf, &ca] {
            let validity = certificate.validity();
            assert!(validity.not_before.timestamp() <= now && now <= validity.not_after.timestamp());
        }
        let length = leaf.validity().not_after.timestamp() - leaf.validity().not_before.timestamp();
        assert!(length <= 7 * 86_400, "{length}");
        let names = leaf.subject_alternative_name().unwrap().unwrap();
        names.value.general_names.iter().map(shown_name).collect()
    }
}

fn shown_name(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) => (*name).to_owned(),
        GeneralName::IPAddress(bytes) => hex::encode(bytes),
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_answers_to_every_name_of_this_machine_and_its_public_one() {
    let case = case();
    let names = case.verify(&case.start());
    for name in ["pki.example.com", "localhost", "7f000001", "00000000000000000000000000000001"] {
        assert!(names.iter().any(|known| known == name), "{name} is not among {names:?}");
    }
}

#[test]
fn it_is_renewed_while_a_third_is_left() {
    let case = case();
    let shown = case.start();
    let first = shown.chain();
    case.clock.advance(Duration::days(4));
    assert!(!shown.renew_if_due().unwrap());
    case.clock.advance(Duration::hours(16));
    assert!(shown.renew_if_due().unwrap());
    case.verify(&shown);
    assert_ne!(shown.chain()[0], first[0]);
    assert_eq!(shown.chain()[1], first[1], "the CA stays");
}

#[test]
fn a_start_with_everything_expired_repairs_itself_and_keeps_the_ca_key() {
    let case = case();
    let before = case.start().chain();
    case.clock.advance(Duration::days(20 * 365));
    let shown = case.start();
    case.verify(&shown);
    assert_ne!(shown.chain()[1], before[1]);
    let key = |der: &CertificateDer<'_>| X509Certificate::from_der(der).unwrap().1.public_key().raw.to_vec();
    assert_eq!(key(&shown.chain()[1]), key(&before[1]));
    // The new certificate is good for who trusts the old CA certificate: same name, same key.
    let chain = shown.chain();
    let (leaf, old) =
        (X509Certificate::from_der(&chain[0]).unwrap().1, X509Certificate::from_der(&before[1]).unwrap().1);
    leaf.verify_signature(Some(old.public_key())).unwrap();
    assert_eq!(leaf.issuer(), old.subject());
}

#[test]
fn a_running_gateway_outlives_its_ca_certificate() {
    let case = case();
    let shown = case.start();
    case.clock.advance(Duration::days(9 * 365));
    assert!(shown.renew_if_due().unwrap());
    case.verify(&shown);
}

#[test]
fn a_second_start_keeps_the_fingerprint() {
    let case = case();
    let first = case.start().ca_fingerprint();
    assert_eq!(case.start().ca_fingerprint(), first);
    assert_eq!(first.len(), 32 * 3 - 1);
}

#[test]
fn a_certificate_of_another_key_is_replaced() {
    let (case, other) = (case(), self::case());
    case.start();
    other.start();
    std::fs::copy(
        other.server.data_dir.join("transport-ca.pem"),
        case.server.data_dir.join("transport-ca.pem"),
    )
    .unwrap();
    case.verify(&case.start());
}
