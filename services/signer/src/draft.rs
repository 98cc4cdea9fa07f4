//! What is going to be signed, byte for byte, and whether it would make a good certificate.

use base64::{Engine, prelude::BASE64_STANDARD};
use contracts::{
    Code, KeyId, Problem, Timestamp, Violation,
    signer::{ApprovalNeed, CertificateRequestSubmitted, IssuanceIntended, issuance_stream},
    x509::SignatureAlgorithm,
};
use pki::{
    builder::{self, Addresses, BuildError, LeafTemplate},
    certificate::Certificate,
    lint::{self, LintFinding, Role, Severity},
    serial::Serial,
    spki,
};
use uuid::Uuid;

use crate::{certificate_request::serial_text, issuer::Issuer, rules::Rules, throwaway::ThrowawayKey};

/// A leaf certificate that is not signed yet, and judged as the certificate it will become: there is no other.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The stream of its issuance.
    pub stream: Uuid,
    /// The TBSCertificate.
    pub tbs: Vec<u8>,
    signing_key_id: KeyId,
    signature_algorithm: SignatureAlgorithm,
    serial: String,
    spki_sha256: String,
}

/// What a draft is made from.
#[derive(Clone, Copy, Debug)]
pub struct Contents<'a> {
    /// The subject, a Name in DER.
    pub subject: &'a [u8],
    /// The public key, SubjectPublicKeyInfo in DER.
    pub spki: &'a [u8],
    /// How it is made.
    pub rules: &'a Rules,
    /// By whom.
    pub signatory: Signatory<'a>,
    /// From when it is valid.
    pub not_before: Timestamp,
}

/// Who signs.
#[derive(Clone, Copy, Debug)]
pub enum Signatory<'a> {
    /// A CA.
    Ca(&'a Issuer),
    /// The certificate's own managed key.
    Itself(KeyId),
}

impl<'a> Signatory<'a> {
    const fn role(self) -> Role<'a> {
        match self {
            Self::Ca(issuer) => Role::Leaf(&issuer.template),
            Self::Itself(_) => Role::SelfSignedLeaf,
        }
    }
}

impl Draft {
    /// Writes the TBSCertificate of an accepted request and judges it: it keeps every rule of its format, and names,
    /// subject and key in its final bytes are those that the policy allowed (C-2).
    ///
    /// Errors: `lint_failed`, with every rule that it breaks.
    pub fn new(
        submitted: &CertificateRequestSubmitted,
        contents: Contents<'_>,
        serial: Serial,
        throwaway: &ThrowawayKey,
    ) -> Result<Self, Problem> {
        let Contents { subject, spki, rules, signatory, not_before } = contents;
        let addresses = Addresses::default();
        let template = LeafTemplate {
            serial,
            subject,
            sans: &submitted.sans,
            spki,
            not_before,
            ttl: submitted.ttl,
            certificate_type: rules.profile.certificate_type,
            key_usages: rules.profile.key_usages.as_deref(),
            extended_key_usages: rules.profile.extended_key_usages.as_deref(),
            addresses: &addresses,
        };
        let (tbs, issuer, signing_key_id, signature_algorithm) = match signatory {
            Signatory::Ca(ca) => {
                let tbs = builder::build_tbs(&template, &ca.template, ca.signature_algorithm);
                (tbs, ca.id.uuid(), ca.key_id, ca.signature_algorithm)
            }
            Signatory::Itself(key) => {
                let algorithm = submitted.key_algorithm.default_signature();
                (builder::build_self_signed_tbs(&template, algorithm), key.uuid(), key, algorithm)
            }
        };
        let tbs = tbs.map_err(|error| unbuildable(&error))?;
        let copy = judged(&tbs, signature_algorithm, signatory.role(), throwaway)?;
        if copy.subject_der() != subject || copy.sans() != submitted.sans || copy.spki() != spki {
            tracing::error!(request_id = %submitted.id, "a draft differs from the request that was accepted");
            return Err(Problem::internal());
        }
        let serial = serial_text(serial);
        Ok(Self {
            stream: issuance_stream(issuer, &serial),
            tbs,
            signing_key_id,
            signature_algorithm,
            serial,
            spki_sha256: hex::encode(spki::spki_sha256(spki)),
        })
    }

    /// The intent to sign it (C-2).
    #[must_use]
    pub fn intent(
        &self,
        submitted: &CertificateRequestSubmitted,
        signatory: Signatory<'_>,
    ) -> IssuanceIntended {
        let approval_id = match &submitted.approval {
            Some(ApprovalNeed::Needed { approval_id, .. }) => Some(*approval_id),
            Some(ApprovalNeed::Automatic { .. }) | None => None,
        };
        IssuanceIntended {
            ca_id: match signatory {
                Signatory::Ca(issuer) => Some(issuer.id),
                Signatory::Itself(_) => None,
            },
            signing_key_id: self.signing_key_id,
            signature_algorithm: self.signature_algorithm,
            serial: self.serial.clone(),
            tbs: BASE64_STANDARD.encode(&self.tbs),
            spki_sha256: self.spki_sha256.clone(),
            request_id: submitted.id,
            certificate_id: submitted.certificate_id,
            profile_id: submitted.profile_id,
            approval_id,
            // Without an approval the request itself says both, at the same moment.
            rules_sha256: approval_id.map(|_| submitted.rules_sha256.clone()),
            subject_changes: approval_id.map_or(vec![], |_| submitted.subject_changes.clone()),
            key_id: submitted.key_id,
            belongs: submitted.belongs,
            labels: submitted.labels.clone(),
            note: submitted.note.clone(),
        }
    }
}

/// Judges a TBSCertificate as the certificate it would become: a copy that a throwaway key signs, which is the answer.
///
/// Errors: `lint_failed`, with every rule that it breaks.
pub fn judged(
    tbs: &[u8],
    algorithm: SignatureAlgorithm,
    role: Role<'_>,
    throwaway: &ThrowawayKey,
) -> Result<Certificate, Problem> {
    let signature = throwaway.sign(tbs).map_err(|_| Problem::internal())?;
    let copy = builder::assemble(tbs, algorithm, &signature);
    let findings = lint::lint(&copy, role);
    if lint::blocks(&findings) {
        return Err(lint_failed(&findings));
    }
    Certificate::read_der(&copy).map_err(|_| Problem::internal()) // the lint has read it
}

/// No certificate can be made of it.
#[must_use]
pub fn unbuildable(error: &BuildError) -> Problem {
    let violation = Violation::at("#", "unbuildable", error.to_string());
    Problem::new(Code::LintFailed, error.to_string()).with_errors(vec![violation])
}

fn lint_failed(findings: &[LintFinding]) -> Problem {
    let violations: Vec<_> = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| Violation::at("#", finding.code.clone(), finding.detail.clone()).by_rule("lint"))
        .collect();
    let detail = match &violations[..] {
        [only] => only.detail.clone(),
        several => format!("the certificate would break {} rules", several.len()),
    };
    Problem::new(Code::LintFailed, detail).with_errors(violations)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use contracts::{
        CertificateId, CertificateRequestId, Lifetime, PolicyId, ProfileId,
        signer::{CaKind, RequestSource},
        x509::{
            CertificateType, ExtendedKeyUsage, KeyAlgorithm, KeyUsage, LifetimeRule, PolicyRules,
            ProfileIssuer, ProfileRules, Subject, SubjectAltName, SubjectSources,
        },
    };
    use pki::name;
    use time::macros::datetime;

    use super::*;
    use crate::issuer::test::issuer;

    const NOON: Timestamp = Timestamp(datetime!(2026-11-21 12:00 UTC));

    fn rules() -> Rules {
        Rules {
            profile_id: ProfileId(Uuid::from_u128(1)),
            profile_name: "default".into(),
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
            policy_name: "default".into(),
            policy: PolicyRules::default(),
            policy_version: 1,
            sha256: "00".into(),
        }
    }

    fn submitted(common_name: Option<&str>) -> CertificateRequestSubmitted {
        CertificateRequestSubmitted {
            id: CertificateRequestId(Uuid::from_u128(3)),
            source: RequestSource::Csr,
            csr: None,
            key_id: None,
            profile_id: ProfileId(Uuid::from_u128(1)),
            rules_sha256: "00".into(),
            common_name: common_name.map(str::to_owned),
            subject_changes: vec![],
            sans: vec![SubjectAltName::Dns("shop.example.com".into())],
            key_algorithm: KeyAlgorithm::EcdsaP256,
            ttl: Lifetime::days(90),
            issuance: None,
            approval: None,
            manual: false,
            accepted_terms: None,
            certificate_id: CertificateId(Uuid::from_u128(4)),
            belongs: contracts::directory::Belonging::default(),
            labels: BTreeMap::new(),
            note: None,
        }
    }

    fn draft(rules: &Rules, common_name: Option<&str>) -> Result<Draft, Problem> {
        let key = ThrowawayKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let ca = issuer("micro-ca", CaKind::Micro, NOON, Lifetime::days(3_650));
        let subject = Subject { common_name: common_name.map(str::to_owned), ..Subject::default() };
        let contents = Contents {
            subject: &name::subject_to_name(&subject).unwrap(),
            spki: key.spki(),
            rules,
            signatory: Signatory::Ca(&ca),
            not_before: NOON,
        };
        Draft::new(&submitted(common_name), contents, Serial::new([5; 18]), &key)
    }

    #[test]
    fn a_good_draft_says_what_will_be_signed_by_whom() {
        let draft = draft(&rules(), Some("shop.example.com")).unwrap();
        let ca = issuer("micro-ca", CaKind::Micro, NOON, Lifetime::days(3_650));
        let intent = draft.intent(&submitted(Some("shop.example.com")), Signatory::Ca(&ca));
        assert_eq!((intent.ca_id, intent.signing_key_id), (Some(ca.id), ca.key_id));
        assert_eq!(intent.serial, "05".repeat(18)[1..]);
        assert_eq!(draft.stream, issuance_stream(ca.id.uuid(), &intent.serial));
        assert_eq!(BASE64_STANDARD.decode(intent.tbs).unwrap(), draft.tbs);
    }

    #[test]
    fn without_a_subject_the_names_are_critical() {
        // The lint refuses an empty subject beside names that are not critical (RFC 5280 §4.2.1.6).
        draft(&rules(), None).unwrap();
    }

    #[test]
    fn a_profile_that_breaks_the_format_is_stopped_and_the_rule_named() {
        let mut planted = rules();
        planted.profile.key_usages = Some(vec![KeyUsage::KeyCertSign]);
        planted.profile.extended_key_usages = Some(vec![ExtendedKeyUsage::ServerAuth]);
        let refusal = draft(&planted, Some("shop.example.com")).unwrap_err();
        assert_eq!(refusal.code, Code::LintFailed);
        assert!(
            refusal.errors.iter().all(|violation| violation.rule.as_deref() == Some("lint")),
            "{refusal:?}"
        );
    }
}
