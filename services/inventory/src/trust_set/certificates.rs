//! From what people give to certificates that chains may end at.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use contracts::{Code, Problem, Violation, inventory::TrustedCertificate};
use pki::Certificate;

/// The certificates of a PEM text, or the one that is there as DER in base64. Errors: `validation_failed`, all of what is
/// wrong at once.
pub fn read(text: &str) -> Result<Vec<TrustedCertificate>, Problem> {
    let certificates = Certificate::read_all(text.as_bytes()).map_err(|error| {
        let words = runtime::error::words(&error);
        refused(vec![Violation::at("#/certificates", "certificate_invalid", words)])
    })?;
    let odd = certificates.iter().enumerate().filter(|(_, certificate)| !may_end_a_chain(certificate));
    let errors: Vec<_> = odd
        .map(|(at, certificate)| {
            let words = format!(
                "certificate {} ('{}') is no CA's: its basic constraints do not say CA:TRUE",
                at + 1,
                certificate.subject()
            );
            Violation::at("#/certificates", "not_a_ca", words)
        })
        .collect();
    if errors.is_empty() { Ok(certificates.iter().map(trusted).collect()) } else { Err(refused(errors)) }
}

/// A certificate as a set holds it.
pub fn trusted(certificate: &Certificate) -> TrustedCertificate {
    TrustedCertificate {
        fingerprint_sha256: certificate.sha256(),
        certificate: BASE64_STANDARD.encode(certificate.der()),
    }
}

/// A CA's, or a self-issued one of a time before there were extensions.
fn may_end_a_chain(certificate: &Certificate) -> bool {
    certificate.is_ca() || certificate.version() == 1 && certificate.is_self_issued()
}

fn refused(errors: Vec<Violation>) -> Problem {
    let words = format!("{} of what was given cannot be trusted", errors.len());
    Problem::new(Code::ValidationFailed, words).with_errors(errors)
}
