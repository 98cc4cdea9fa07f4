//! Judging a certificate before its CA's key signs it: RFC 5280, and what the CA/Browser Forum's Baseline Requirements
//! ask of the same fields.
//!
//! The subject is the finished certificate, signed with a throwaway key, so that what is judged are the bytes that
//! will be signed, whatever path built them (C-2).

use contracts::x509::{ExtendedKeyUsage, KeyUsage, SubjectAltName};
use serde::{Deserialize, Serialize};

use crate::{
    asn1,
    builder::Issuer,
    certificate::Certificate,
    extension::{self, BasicConstraints},
    name, oid, san,
    spki::{self, PublicKey},
};

/// What the certificate is meant to be, and so what it is measured by.
#[derive(Clone, Copy, Debug)]
pub enum Role<'a> {
    /// An end entity's, signed by this CA.
    Leaf(&'a Issuer),
    /// An end entity's, signed with its own key.
    SelfSignedLeaf,
    /// A CA's, signed by this CA.
    Subordinate(&'a Issuer),
    /// A CA's, signed with its own key.
    Root,
}

impl<'a> Role<'a> {
    const fn is_ca(self) -> bool {
        matches!(self, Self::Subordinate(_) | Self::Root)
    }

    const fn issuer(self) -> Option<&'a Issuer> {
        match self {
            Self::Leaf(issuer) | Self::Subordinate(issuer) => Some(issuer),
            Self::SelfSignedLeaf | Self::Root => None,
        }
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Blocks the signature.
    Error,
    /// Is only recorded.
    Warning,
}

/// One rule that a certificate breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LintFinding {
    /// Stable code.
    pub code: String,
    /// What was found and what belongs there.
    pub detail: String,
    /// Whether it blocks.
    pub severity: Severity,
}

/// Every rule that the DER of a certificate breaks; empty for a good one.
#[must_use]
pub fn lint(certificate: &[u8], role: Role<'_>) -> Vec<LintFinding> {
    let mut report = Report::default();
    match Certificate::read_der(certificate) {
        Ok(parsed) => {
            encoding(&mut report, certificate);
            fields(&mut report, &parsed, role);
            names(&mut report, &parsed);
            key_and_usages(&mut report, &parsed, role);
            identifiers(&mut report, &parsed, role);
        }
        Err(error) => report.error("der_invalid", format!("the certificate cannot be read: {error}")),
    }
    report.findings
}

/// Whether a finding among them blocks the signature.
#[must_use]
pub fn blocks(findings: &[LintFinding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}

#[derive(Default)]
struct Report {
    findings: Vec<LintFinding>,
}

impl Report {
    fn error(&mut self, code: &str, detail: impl Into<String>) {
        self.add(code, detail, Severity::Error);
    }

    fn warning(&mut self, code: &str, detail: impl Into<String>) {
        self.add(code, detail, Severity::Warning);
    }

    fn require(&mut self, holds: bool, code: &str, detail: &str) {
        if !holds {
            self.error(code, detail);
        }
    }

    fn add(&mut self, code: &str, detail: impl Into<String>, severity: Severity) {
        self.findings.push(LintFinding { code: code.to_owned(), detail: detail.into(), severity });
    }
}

/// Canonical DER: every element by rule, and another implementation writes the same bytes from what it read.
fn encoding(report: &mut Report, der: &[u8]) {
    use der::{Decode, Encode};
    if let Err(error) = asn1::check(der, 32) {
        report.error("der_not_canonical", error.to_string());
    }
    match x509_cert::Certificate::from_der(der).and_then(|certificate| certificate.to_der()) {
        Ok(again) => report.require(
            again == der,
            "der_not_canonical",
            "written again, the certificate is not the same",
        ),
        Err(error) => report.error("der_invalid", error.to_string()),
    }
}

fn fields(report: &mut Report, certificate: &Certificate, role: Role<'_>) {
    report.require(certificate.version() == 3, "version_not_3", "the version is not 3");
    let serial = certificate.serial();
    let positive = serial.first().is_some_and(|first| *first < 0x80) && serial.iter().any(|byte| *byte != 0);
    report.require(positive, "serial_not_positive", "the serial number is not positive");
    report.require(serial.len() <= 20, "serial_too_long", "the serial number has more than 20 octets");
    report.require(serial.len() >= 8, "serial_too_short", "the serial number has fewer than 64 bits");
    report.require(
        certificate.inner_algorithm() == certificate.outer_algorithm(),
        "signature_algorithms_differ",
        "the signature algorithm inside is not the one outside",
    );
    report.require(
        certificate.signature_algorithm().is_some(),
        "signature_algorithm_unsupported",
        "the signature algorithm is not one of SHA-256, SHA-384 or SHA-512 with RSA or ECDSA, or Ed25519",
    );
    report.require(
        certificate.not_before() <= certificate.not_after(),
        "validity_reversed",
        "the certificate ends before it begins",
    );
    if let Some(issuer) = role.issuer() {
        report.require(
            certificate.not_after() <= issuer.not_after(),
            "outlives_issuer",
            "the certificate ends after its issuer's",
        );
        report.require(
            certificate.issuer_der() == issuer.name(),
            "issuer_name_differs",
            "the issuer is not, byte for byte, the subject of its certificate",
        );
    } else {
        report.require(
            certificate.is_self_issued(),
            "issuer_name_differs",
            "the certificate is to be self-signed, but its issuer is not its subject",
        );
    }
    let mut seen = vec![];
    for extension in certificate.extensions() {
        if seen.contains(&extension.oid) {
            report.error("extension_repeated", format!("extension {} occurs twice", extension.oid));
        }
        seen.push(extension.oid);
    }
}

fn names(report: &mut Report, certificate: &Certificate) {
    let no_subject = name::is_empty(certificate.subject_der());
    let subject = name::name_to_subject(certificate.subject_der());
    if let Err(error) = &subject {
        report.error(error.code(), error.to_string());
    }
    report.require(!name::is_empty(certificate.issuer_der()), "issuer_empty", "the issuer's name is empty");
    let Some(extension) = certificate.extension(oid::SUBJECT_ALT_NAME) else {
        if no_subject {
            report.error("nameless", "there is neither a subject nor a subject alternative name");
        }
        return;
    };
    if no_subject && !extension.critical {
        report.error(
            "san_not_critical",
            "the subject is empty, so the subject alternative names must be critical",
        );
    }
    if !no_subject && extension.critical {
        report.error(
            "san_critical",
            "the subject is not empty, so the subject alternative names must not be critical",
        );
    }
    match san::read(extension.value) {
        Err(error) => report.error(error.code(), error.to_string()),
        Ok(sans) => {
            let host = subject.ok().and_then(|s| s.common_name).filter(|name| crate::hostname::is_host(name));
            let covered = |host: &String| {
                sans.iter()
                    .any(|san| matches!(san, SubjectAltName::Dns(name) if name.eq_ignore_ascii_case(host)))
            };
            if host.as_ref().is_some_and(|host| !covered(host)) {
                report.warning(
                    "common_name_not_in_san",
                    "the common name is a host's, but not among the names",
                );
            }
        }
    }
}

fn key_and_usages(report: &mut Report, certificate: &Certificate, role: Role<'_>) {
    if let Err(error) = PublicKey::read(certificate.spki()) {
        report.error(error.code(), error.to_string());
    }
    let constraints = certificate.extension(oid::BASIC_CONSTRAINTS);
    let parsed = constraints.map(|extension| BasicConstraints::read(extension.value));
    let is_ca = match parsed {
        Some(Err(_)) => {
            report.error("basic_constraints_malformed", "basic constraints cannot be read");
            false
        }
        Some(Ok(parsed)) => {
            report.require(
                parsed.ca || parsed.path_length.is_none(),
                "path_length_without_ca",
                "a path length goes with CA:TRUE alone",
            );
            parsed.ca
        }
        None => false,
    };
    let usages = key_usages(report, certificate);
    let extended = extended_key_usages(report, certificate);
    let has = |usage: KeyUsage| usages.contains(&usage);

    if role.is_ca() {
        report.require(is_ca, "ca_without_basic_constraints", "a CA's certificate needs CA:TRUE");
        let critical = constraints.is_none_or(|extension| extension.critical);
        report.require(
            critical,
            "basic_constraints_not_critical",
            "a CA's basic constraints must be critical",
        );
        report.require(
            has(KeyUsage::KeyCertSign),
            "ca_without_key_cert_sign",
            "a CA's certificate needs keyCertSign",
        );
        report.require(has(KeyUsage::CrlSign), "ca_without_crl_sign", "a CA's certificate needs cRLSign");
        if let Role::Root = role {
            report.require(
                extended.is_empty(),
                "root_with_extended_key_usage",
                "a root has no extended key usage",
            );
        }
    } else {
        report.require(!is_ca, "leaf_is_ca", "an end entity's certificate must not have CA:TRUE");
    }
    let signs_certificates = has(KeyUsage::KeyCertSign) || has(KeyUsage::CrlSign);
    if !is_ca && has(KeyUsage::KeyCertSign) {
        report.error("key_cert_sign_without_ca", "keyCertSign goes with CA:TRUE alone");
    }
    if !role.is_ca() && has(KeyUsage::CrlSign) {
        report.error("crl_sign_on_leaf", "cRLSign is for CAs");
    }
    if signs_certificates && extended.contains(&ExtendedKeyUsage::ServerAuth) {
        report.error("server_auth_with_ca_key_usage", "serverAuth does not go with the key usages of a CA");
    }
    if spki::key_algorithm(certificate.spki()).is_ok_and(|algorithm| !algorithm.is_rsa()) {
        let wrong =
            [KeyUsage::KeyEncipherment, KeyUsage::DataEncipherment].into_iter().find(|usage| has(*usage));
        if let Some(usage) = wrong {
            let name = extension::key_usage_name(usage);
            report.error(
                "key_usage_does_not_fit_key",
                format!("{name} does not fit a key that only signs or agrees"),
            );
        }
    } else if has(KeyUsage::KeyAgreement) {
        report.error("key_usage_does_not_fit_key", "keyAgreement does not fit an RSA key");
    }
}

fn key_usages(report: &mut Report, certificate: &Certificate) -> Vec<KeyUsage> {
    let Some(found) = certificate.extension(oid::KEY_USAGE) else {
        report.error("key_usage_missing", "there is no key usage");
        return vec![];
    };
    report.require(found.critical, "key_usage_not_critical", "key usage must be critical");
    match extension::read_key_usage(found.value) {
        Ok((usages, others)) => {
            report.require(
                !usages.is_empty() || !others.is_empty(),
                "key_usage_empty",
                "key usage names nothing",
            );
            usages
        }
        Err(_) => {
            report.error("key_usage_malformed", "key usage cannot be read");
            vec![]
        }
    }
}

fn extended_key_usages(report: &mut Report, certificate: &Certificate) -> Vec<ExtendedKeyUsage> {
    let Some(found) = certificate.extension(oid::EXTENDED_KEY_USAGE) else { return vec![] };
    match extension::read_extended_key_usage(found.value) {
        Ok((usages, others)) => {
            let any = others.iter().any(|name| name == "anyExtendedKeyUsage");
            report.require(!any, "any_extended_key_usage", "anyExtendedKeyUsage must not be issued");
            report.require(
                !usages.is_empty() || !others.is_empty(),
                "extended_key_usage_empty",
                "extended key usage names nothing",
            );
            usages
        }
        Err(_) => {
            report.error("extended_key_usage_malformed", "extended key usage cannot be read");
            vec![]
        }
    }
}

fn identifiers(report: &mut Report, certificate: &Certificate, role: Role<'_>) {
    let own = certificate.subject_key_identifier();
    match spki::key_identifier(certificate.spki()) {
        Ok(expected) if own == Some(&expected) => {}
        _ if own.is_none() => {
            report.error("subject_key_identifier_missing", "there is no subject key identifier")
        }
        _ => report.error(
            "subject_key_identifier_differs",
            "the subject key identifier is not the SHA-1 of the key",
        ),
    }
    let issuer = role.issuer().map_or(own, |issuer| Some(issuer.key_identifier()));
    match certificate.authority_key_identifier() {
        None => report.error("authority_key_identifier_missing", "there is no authority key identifier"),
        found if found == issuer => {}
        Some(_) => report.error(
            "authority_key_identifier_differs",
            "the authority key identifier is not the issuer's subject key identifier",
        ),
    }
    for oid in [oid::SUBJECT_KEY_IDENTIFIER, oid::AUTHORITY_KEY_IDENTIFIER, oid::AUTHORITY_INFORMATION_ACCESS]
    {
        let critical = certificate.extension(oid).is_some_and(|extension| extension.critical);
        report.require(
            !critical,
            "extension_critical",
            "a key identifier or information access must not be critical",
        );
    }
}
