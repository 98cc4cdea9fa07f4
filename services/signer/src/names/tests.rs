use contracts::{
    DomainId, Event, OrganizationId, Timestamp,
    directory::{DomainCreated, DomainDelegated, DomainDelegationWithdrawn, DomainEvent, EVERY_NAME},
    x509::{KeyAlgorithm, Subject, SubjectAltName},
};
use eventlog::Recorded;
use pki::csr::CertificationRequest;
use runtime::fold::Fold;
use testkit::openssl;
use time::macros::datetime;
use uuid::Uuid;

use super::*;

const HQ: OrganizationId = OrganizationId(Uuid::from_u128(1));
const SERVER: CertificateType = CertificateType::Server;

fn recorded(stream: Uuid, event: &DomainEvent) -> Recorded {
    Recorded {
        position: 1,
        tenant: Uuid::nil(),
        category: DomainEvent::CATEGORY.into(),
        stream,
        version: 1,
        id: Uuid::nil(),
        kind: event.kind().into(),
        schema: event.schema_version(),
        recorded_at: Timestamp(datetime!(2026-11-21 12:00 UTC)),
        command_id: Uuid::nil(),
        causation: Uuid::nil(),
        correlation: Uuid::nil(),
        actor: "service:directory".into(),
        traceparent: None,
        payload: event.to_payload().unwrap(),
        hash: [0; 32],
    }
}

/// Domains that are delegated to an organization for servers.
fn domains(names: &[&str]) -> Domains {
    let mut domains = Domains::default();
    for name in names {
        let id = Uuid::new_v5(&Uuid::NAMESPACE_DNS, name.as_bytes());
        let created = DomainCreated {
            id: DomainId(id),
            name: (*name).into(),
            description: None,
            types: CertificateType::ALL.to_vec(),
        };
        domains.apply(&recorded(id, &created.into())).unwrap();
        let delegated = DomainDelegated { delegate: HQ.into(), types: vec![SERVER] };
        domains.apply(&recorded(id, &delegated.into())).unwrap();
    }
    domains
}

fn managed(common_name: Option<&str>, sans: &[SubjectAltName]) -> Applicant {
    Applicant::Managed {
        key: None,
        token: None,
        key_algorithm: KeyAlgorithm::EcdsaP256,
        subject: Subject { common_name: common_name.map(Into::into), ..Subject::default() },
        sans: sans.to_vec(),
        key_usages: vec![],
        extended_key_usages: vec![],
    }
}

/// Place and code of each refusal.
fn told(domains: &Domains, applicant: &Applicant, kind: CertificateType) -> Vec<(String, &'static str)> {
    let refused = judge(domains, applicant, HQ.into(), kind).into_iter();
    refused.map(|refused| (refused.pointer, refused.refusal.code())).collect()
}

#[test]
fn every_kind_of_name_is_judged_by_its_host_and_all_are_told_at_once() {
    let domains = domains(&["example.com"]);
    let names = |host: &str| {
        [
            SubjectAltName::Dns(host.into()),
            SubjectAltName::Dns(format!("*.{host}")),
            SubjectAltName::Email(format!("ada@{host}")),
            SubjectAltName::Uri(format!("https://{host}/path")),
        ]
    };
    assert_eq!(told(&domains, &managed(Some("www.example.com"), &names("www.example.com")), SERVER), []);
    let refused = told(&domains, &managed(Some("www.example.org"), &names("www.example.org")), SERVER);
    let expected: Vec<_> = (0..4).map(|at| (format!("#/sans/{at}/value"), "domain_not_delegated")).collect();
    assert_eq!(refused, expected);
}

#[test]
fn addresses_and_names_without_a_host_are_for_the_policy() {
    let domains = domains(&["example.com"]);
    let names =
        [SubjectAltName::Ip("192.0.2.1".parse().unwrap()), SubjectAltName::Uri("urn:uuid:f81d4fae".into())];
    assert_eq!(told(&domains, &managed(Some("Ada Lovelace"), &names), SERVER), []);
}

#[test]
fn a_common_name_that_is_a_host_or_a_mailbox_is_judged_too() {
    let domains = domains(&["example.com"]);
    let dns = [SubjectAltName::Dns("www.example.com".into())];
    for (common_name, expected) in [
        ("WWW.example.com", vec![]),
        ("other.example.com", vec![]),
        ("www.example.org", vec![("#/subject/commonName".to_owned(), "domain_not_delegated")]),
        ("ada@example.org", vec![("#/subject/commonName".to_owned(), "domain_not_delegated")]),
        ("Ada", vec![]),
    ] {
        assert_eq!(told(&domains, &managed(Some(common_name), &dns), SERVER), expected, "{common_name}");
    }
    // Without names it becomes the name.
    let alone = told(&domains, &managed(Some("www.example.org"), &[]), SERVER);
    assert_eq!(alone, [("#/subject/commonName".to_owned(), "domain_not_delegated")]);
}

#[test]
fn names_of_a_csr_are_found_in_the_csr() {
    let p256 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let csr = openssl::csr_with(&p256, "www.example.org", &[]).csr;
    let applicant = Applicant::Csr(CertificationRequest::read(csr.as_bytes()).unwrap());
    let refused = told(&domains(&["example.com"]), &applicant, SERVER);
    assert_eq!(refused, [("#/csr".to_owned(), "domain_not_delegated")]);
}

#[test]
fn who_has_no_domain_gets_no_certificate_even_without_names() {
    let mut domains = domains(&[EVERY_NAME]);
    assert_eq!(told(&domains, &managed(Some("Ada"), &[]), SERVER), []);
    let id = Uuid::new_v5(&Uuid::NAMESPACE_DNS, EVERY_NAME.as_bytes());
    let withdrawn = DomainDelegationWithdrawn { delegate: HQ.into(), reason: None };
    domains.apply(&recorded(id, &withdrawn.into())).unwrap();
    let refused = told(&domains, &managed(Some("Ada"), &[]), SERVER);
    assert_eq!(refused, [("#/subject/commonName".to_owned(), "organization_without_domain")]);
}

#[test]
fn the_words_name_organization_domain_and_what_is_allowed() {
    let domains = domains(&["example.com", "example.net"]);
    let violation = |applicant: &Applicant, kind| {
        judge(&domains, applicant, HQ.into(), kind).pop().unwrap().tell("the organization 'hq'")
    };
    let foreign = violation(&managed(Some("www.example.org"), &[]), SERVER);
    assert_eq!(
        foreign.detail,
        "'www.example.org' is under no domain that is delegated to the organization 'hq'"
    );
    assert_eq!(foreign.allowed, ["example.com", "example.net"]);
    assert_eq!(foreign.rule.as_deref(), Some("domains"));
    let typed = violation(&managed(Some("www.example.com"), &[]), CertificateType::Client);
    assert!(typed.detail.contains("'example.com'") && typed.detail.contains("type client"), "{typed:?}");
    assert_eq!(typed.allowed, ["server"]);
}
