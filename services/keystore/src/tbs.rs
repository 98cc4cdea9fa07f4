//! What a to-be-signed certificate says, as far as keystore checks it.

use contracts::x509::SignatureAlgorithm;
use sha2::{Digest as _, Sha256};
use x509_parser::{
    asn1_rs::{Oid, oid},
    certification_request::X509CertificationRequestInfo,
    prelude::{FromDer as _, TbsCertificate, X509Certificate},
};

/// A parsed TBSCertificate (RFC 5280 §4.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tbs {
    /// Issuer, DER.
    pub issuer: Vec<u8>,
    /// Subject, DER.
    pub subject: Vec<u8>,
    /// Serial number, hexadecimal without leading zeros.
    pub serial: String,
    /// SHA-256 of the SubjectPublicKeyInfo, hexadecimal.
    pub spki_sha256: String,
    /// The algorithm it says it is signed with; `None` for one that is not made here.
    pub signature: Option<SignatureAlgorithm>,
    /// Whether basic constraints say CA.
    pub is_ca: bool,
}

/// Not a TBSCertificate, or CertificationRequestInfo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what is to be signed is not valid DER")]
pub struct TbsError;

impl Tbs {
    /// Parses DER, wholly.
    pub fn parse(der: &[u8]) -> Result<Self, TbsError> {
        let (rest, tbs) = TbsCertificate::from_der(der).map_err(|_| TbsError)?;
        let constraints = tbs.basic_constraints().map_err(|_| TbsError)?;
        if !rest.is_empty() {
            return Err(TbsError);
        }
        Ok(Self {
            issuer: tbs.issuer.as_raw().to_vec(),
            subject: tbs.subject.as_raw().to_vec(),
            serial: serial(&hex::encode(tbs.raw_serial())).to_owned(),
            spki_sha256: hex::encode(Sha256::digest(tbs.subject_pki.raw)),
            signature: signature_algorithm(tbs.signature.oid()),
            is_ca: constraints.is_some_and(|constraints| constraints.value.ca),
        })
    }
}

/// SHA-256 of the SubjectPublicKeyInfo of a CertificationRequestInfo (RFC 2986 §4.1), hexadecimal.
pub fn spki_of_request(info: &[u8]) -> Result<String, TbsError> {
    match X509CertificationRequestInfo::from_der(info) {
        Ok(([], info)) => Ok(hex::encode(Sha256::digest(info.subject_pki.raw))),
        _ => Err(TbsError),
    }
}

/// A serial number's digits without leading zeros.
#[must_use]
pub fn serial(hexadecimal: &str) -> &str {
    hexadecimal.trim_start_matches('0')
}

/// The subject of a certificate, DER.
pub fn subject_of(certificate: &[u8]) -> Result<Vec<u8>, TbsError> {
    let (_, certificate) = X509Certificate::from_der(certificate).map_err(|_| TbsError)?;
    Ok(certificate.subject().as_raw().to_vec())
}

/// The algorithms that are signed with here (RFC 4055 §5, RFC 5758 §3.2, RFC 8410 §3).
const ALGORITHMS: [(Oid<'static>, SignatureAlgorithm); 7] = [
    (oid!(1.2.840.113549.1.1.11), SignatureAlgorithm::RsaSha256),
    (oid!(1.2.840.113549.1.1.12), SignatureAlgorithm::RsaSha384),
    (oid!(1.2.840.113549.1.1.13), SignatureAlgorithm::RsaSha512),
    (oid!(1.2.840.10045.4.3.2), SignatureAlgorithm::EcdsaSha256),
    (oid!(1.2.840.10045.4.3.3), SignatureAlgorithm::EcdsaSha384),
    (oid!(1.2.840.10045.4.3.4), SignatureAlgorithm::EcdsaSha512),
    (oid!(1.3.101.112), SignatureAlgorithm::Ed25519),
];

fn signature_algorithm(found: &Oid<'_>) -> Option<SignatureAlgorithm> {
    ALGORITHMS.iter().find(|(oid, _)| oid == found).map(|(_, algorithm)| *algorithm)
}
