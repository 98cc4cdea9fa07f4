//! Every rule, just satisfied and just broken; every refusal; every limit of a lifetime.

mod issuer;
mod lifetime;
mod rules;
mod submission;

use std::slice::from_ref;

use contracts::{
    CaId, PolicyId, ProfileId,
    signer::{CaKind, RequestSource},
    x509::{
        BasicConstraintsRule, CertificateType, ExtendedKeyUsage, HashAlgorithm, KeyAlgorithm, KeyUsage,
        LifetimeRule, PolicyRules, ProfileIssuer, ProfileRules, SanKind, SanRule, Subject, SubjectAltName,
        SubjectRule, SubjectRules, SubjectSources,
    },
};
use pki::csr::CertificationRequest;
use runtime::aggregate::test::given;
use testkit::openssl;
use time::macros::datetime;

use super::*;

const NOON: Timestamp = Timestamp(datetime!(2026-11-21 12:00 UTC));
const P256: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

/// A CSR of a new P-256 key for `/CN=<subject>`, with further arguments of `openssl req`.
fn csr(subject: &str, arguments: &[&str]) -> Arc<Applicant> {
    csr_of(&[P256, arguments].concat(), subject)
}

fn csr_of(arguments: &[&str], subject: &str) -> Arc<Applicant> {
    let pem = openssl::csr_with(arguments, subject, &[]).csr;
    Arc::new(Applicant::Csr(CertificationRequest::read(pem.as_bytes()).unwrap()))
}

fn shop() -> Arc<Applicant> {
    csr("shop.example.com", &[])
}

fn managed(subject: Subject, sans: &[SubjectAltName]) -> Arc<Applicant> {
    Arc::new(Applicant::Managed {
        key: None,
        token: None,
        key_algorithm: KeyAlgorithm::EcdsaP256,
        subject,
        sans: sans.to_vec(),
        key_usages: vec![KeyUsage::DigitalSignature],
        extended_key_usages: vec![ExtendedKeyUsage::ServerAuth],
    })
}

fn named(common_name: &str) -> Subject {
    Subject { common_name: Some(common_name.into()), ..Subject::default() }
}

fn dns(name: &str) -> SubjectAltName {
    SubjectAltName::Dns(name.into())
}

fn rules(policy: PolicyRules) -> Rules {
    Rules {
        profile_id: ProfileId(Uuid::from_u128(1)),
        profile_name: "internal-web".into(),
        profile: ProfileRules {
            certificate_type: CertificateType::Server,
            issuer: ProfileIssuer::MicroCa,
            policy: PolicyId(Uuid::from_u128(2)),
            ttl: LifetimeRule { default: Lifetime::days(90), max: Lifetime::days(398) },
            key_usages: None,
            extended_key_usages: None,
            exportable: false,
            subject: SubjectSources::default(),
            approval: None,
            terms: None,
        },
        policy_name: "public-web".into(),
        policy,
        policy_version: 1,
        sha256: "00".into(),
    }
}

/// A Micro CA that was made at noon, for ten years.
fn micro_ca() -> Issuer {
    crate::issuer::test::issuer("micro-ca", CaKind::Micro, NOON, Lifetime::days(3_650))
}

fn submit(applicant: Arc<Applicant>, policy: PolicyRules) -> Submit {
    Submit {
        applicant,
        rules: Arc::new(rules(policy)),
        issuer: Some(Arc::new(micro_ca())),
        refused_names: vec![],
        refused_key: None,
        values: OrganizationValues::default(),
        choice: Choice::default(),
        belongs: contracts::directory::Belonging::default(),
        ids: NewIds {
            request: CertificateRequestId(Uuid::from_u128(3)),
            certificate: CertificateId(Uuid::from_u128(4)),
            serial: Serial::new([1; 18]),
            key: None,
        },
    }
}

fn accepted(submit: Submit) -> CertificateRequestSubmitted {
    match CertificateRequest::default().decide(submit.into(), NOON).unwrap().pop() {
        Some(CertificateRequestEvent::Submitted(submitted)) => submitted,
        other => panic!("{other:?}"),
    }
}

/// The details of the violations; none when it is accepted.
fn details(submit: Submit) -> Vec<String> {
    match CertificateRequest::default().decide(submit.into(), NOON) {
        Ok(_) => vec![],
        Err(Refusal::Rules { violations, .. }) => {
            violations.into_iter().map(|violation| violation.detail).collect()
        }
        Err(other) => panic!("{other}"),
    }
}

fn words(text: &[&str]) -> Vec<String> {
    text.iter().map(ToString::to_string).collect()
}
