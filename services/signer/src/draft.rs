//! What is going to be signed, byte for byte, and whether it would make a good certificate.

use base64::{Engine, prelude::BASE64_STANDARD};
use contracts::{
    Code, KeyId, Problem, Timestamp, Violation,
    signer::{CertificateRequestSubmitted, IssuanceIntended, issuance_stream},
    x509::SignatureAlgorithm,
};
use pki::{
    builder::{self, Addresses, BuildError, LeafTemplate},
    lint::{self, LintFinding, Role, Severity},
    serial::Serial,
    spki,
};
use uuid::Uuid;

use crate::{certificate_request::serial_text, issuer::Issuer, rules::Rules, throwaway::ThrowawayKey};

/// A leaf certificate that is not signed yet.
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
    /// Writes the TBSCertificate of an accepted request. Errors: `lint_failed`, when no certificate can be made of it.
    pub fn write(
        submitted: &CertificateRequestSubmitted,
        contents: Contents<'_>,
        serial: Serial,
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
        let serial = serial_text(serial);
        Ok(Self {
            stream: issuance_stream(issuer, &serial),
            tbs: tbs.map_err(|error| unbuildable(&error))?,
            signing_key_id,
            signature_algorithm,
            serial,
            spki_sha256: hex::encode(spki::spki_sha256(spki)),
        })
    }

    /// Judges the certificate it would become. Errors: `lint_failed`, with every rule that it breaks.
    pub fn lint(&self, signatory: Signatory<'_>, throwaway: &ThrowawayKey) -> Result<(), Problem> {
        lint(&self.tbs, self.signature_algorithm, signatory.role(), throwaway)
    }

    /// The intent to sign it (C-2).
    #[must_use]
    pub fn intent(
        &self,
        submitted: &CertificateRequestSubmitted,
        signatory: Signatory<'_>,
    ) -> IssuanceIntended {
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
            key_id: submitted.key_id,
            labels: submitted.labels.clone(),
            note: submitted.note.clone(),
        }
    }
}

/// Judges a TBSCertificate as the certificate it would become, in a copy that a throwaway key signs (C-2).
pub fn lint(
    tbs: &[u8],
    algorithm: SignatureAlgorithm,
    role: Role<'_>,
    throwaway: &ThrowawayKey,
) -> Result<(), Problem> {
    let signature = throwaway.sign(tbs).map_err(|_| Problem::internal())?;
    let findings = lint::lint(&builder::assemble(tbs, algorithm, &signature), role);
    if lint::blocks(&findings) { Err(lint_failed(&findings)) } else { Ok(()) }
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
