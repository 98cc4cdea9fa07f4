//! The last look at a certificate before it leaves the house (C-4).

use contracts::{Timestamp, x509::ExtendedKeyUsage};

use crate::{
    certificate::{Certificate, CertificateError},
    chain::{self, ChainError, Usage},
    extension, oid,
};

/// Why a certificate must not leave. Each is a fault of ours or of the CA's key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// It cannot be read.
    #[error("the certificate cannot be read")]
    Unreadable(#[from] CertificateError),
    /// Not what was meant to be signed.
    #[error("the certificate does not hold the TBSCertificate that was recorded")]
    TbsDiffers,
    /// Another key than the subscriber's.
    #[error("the certificate does not hold the key of the CSR")]
    KeyDiffers,
    /// The signature inside is of another algorithm than outside.
    #[error("the certificate names two signature algorithms")]
    AlgorithmsDiffer,
    /// Not signed by its issuer.
    #[error("the signature does not verify with the issuer's key")]
    Signature,
    /// No relying party would believe it.
    #[error("the certificate is not valid under its issuer")]
    Chain(#[source] ChainError),
}

/// Checks a finished leaf: it parses, holds exactly `tbs` and the key `spki`, and is valid under `issuer` as
/// rustls-webpki sees it, at the beginning of its own validity and for each purpose it names.
///
/// The issuer is taken as trusted; its own chain is verified when the CA is made. One signature is verified.
pub fn release_check(
    tbs: &[u8],
    certificate: &[u8],
    issuer: &Certificate,
    spki: &[u8],
) -> Result<Certificate, ReleaseError> {
    let certificate = same_contents(tbs, certificate, spki)?;
    let usage = first_usage(&certificate).unwrap_or(ExtendedKeyUsage::ServerAuth);
    let at: Timestamp = certificate.not_before();
    chain::verify(&certificate, &[], &[issuer], at, Usage::new(usage)).map_err(|error| match error {
        ChainError::Signature => ReleaseError::Signature,
        other => ReleaseError::Chain(other),
    })?;
    Ok(certificate)
}

/// Checks a finished certificate that its own key signed, a root or a self-signed leaf. rustls-webpki verifies no such
/// chain, so it is the signature alone that is checked beside the contents.
pub fn self_signed_release_check(
    tbs: &[u8],
    certificate: &[u8],
    spki: &[u8],
) -> Result<Certificate, ReleaseError> {
    let certificate = same_contents(tbs, certificate, spki)?;
    if chain::issued(&certificate, &certificate) { Ok(certificate) } else { Err(ReleaseError::Signature) }
}

/// Checks a finished certificate of a subordinate CA: contents, and the signature of `issuer`. rustls-webpki takes no
/// CA's certificate for the end of a path; the leaves below it are what it will judge.
pub fn subordinate_release_check(
    tbs: &[u8],
    certificate: &[u8],
    issuer: &Certificate,
    spki: &[u8],
) -> Result<Certificate, ReleaseError> {
    let certificate = same_contents(tbs, certificate, spki)?;
    if chain::issued(issuer, &certificate) { Ok(certificate) } else { Err(ReleaseError::Signature) }
}

fn same_contents(tbs: &[u8], certificate: &[u8], spki: &[u8]) -> Result<Certificate, ReleaseError> {
    let certificate = Certificate::read_der(certificate)?;
    if certificate.tbs() != tbs {
        return Err(ReleaseError::TbsDiffers);
    }
    if certificate.spki() != spki {
        return Err(ReleaseError::KeyDiffers);
    }
    if certificate.inner_algorithm() != certificate.outer_algorithm() {
        return Err(ReleaseError::AlgorithmsDiffer);
    }
    Ok(certificate)
}

fn first_usage(certificate: &Certificate) -> Option<ExtendedKeyUsage> {
    let value = certificate.extension(oid::EXTENDED_KEY_USAGE)?.value;
    extension::read_extended_key_usage(value).ok()?.0.first().copied()
}
