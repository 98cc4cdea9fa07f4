//! Signature algorithms: their DER, and reading them back.

use const_oid::ObjectIdentifier;
use contracts::x509::{HashAlgorithm, SignatureAlgorithm};
use rustls_pki_types::alg_id;

use crate::{
    asn1::{DerError, Reader, Writer, tag},
    oid,
};

const IDENTIFIERS: &[(SignatureAlgorithm, alg_id::AlgorithmIdentifier)] = &[
    (SignatureAlgorithm::EcdsaSha256, alg_id::ECDSA_SHA256),
    (SignatureAlgorithm::EcdsaSha384, alg_id::ECDSA_SHA384),
    (SignatureAlgorithm::EcdsaSha512, alg_id::ECDSA_SHA512),
    (SignatureAlgorithm::RsaSha256, alg_id::RSA_PKCS1_SHA256),
    (SignatureAlgorithm::RsaSha384, alg_id::RSA_PKCS1_SHA384),
    (SignatureAlgorithm::RsaSha512, alg_id::RSA_PKCS1_SHA512),
    (SignatureAlgorithm::Ed25519, alg_id::ED25519),
    (SignatureAlgorithm::RsaPssSha256, alg_id::RSA_PSS_SHA256),
    (SignatureAlgorithm::RsaPssSha384, alg_id::RSA_PSS_SHA384),
    (SignatureAlgorithm::RsaPssSha512, alg_id::RSA_PSS_SHA512),
];

/// Writes the AlgorithmIdentifier; for RSA-PSS with a salt as long as the hash.
pub(crate) fn write(writer: &mut Writer, algorithm: SignatureAlgorithm) {
    let contents = IDENTIFIERS.iter().find(|(known, _)| *known == algorithm);
    if let Some((_, contents)) = contents {
        writer.put(tag::SEQUENCE, contents);
    }
}

/// A signature algorithm as a file names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignatureScheme {
    /// Which.
    pub algorithm: SignatureAlgorithm,
    /// RSA-PSS: the length of the salt in bytes, where it is not that of the hash.
    pub(crate) salt: Option<u16>,
}

impl From<SignatureAlgorithm> for SignatureScheme {
    fn from(algorithm: SignatureAlgorithm) -> Self {
        Self { algorithm, salt: None }
    }
}

/// A signature algorithm that is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signature algorithm {name} is not accepted")]
pub struct UnsupportedSignature {
    /// Its name such as `rsa_sha1`, or its object identifier.
    pub name: String,
}

impl SignatureScheme {
    /// Reads the contents of an AlgorithmIdentifier.
    pub(crate) fn read(identifier: &[u8]) -> Result<Self, UnsupportedSignature> {
        let known = IDENTIFIERS.iter().find(|(_, contents)| contents.as_ref() == identifier);
        if let Some((algorithm, _)) = known {
            return Ok(Self { algorithm: *algorithm, salt: None });
        }
        pss(identifier).unwrap_or_default().ok_or_else(|| UnsupportedSignature { name: name(identifier) })
    }
}

/// The name of the algorithm in an AlgorithmIdentifier's contents, or its object identifier.
pub(crate) fn name(contents: &[u8]) -> String {
    let oid =
        Reader::new(contents).expect(tag::OID).ok().and_then(|e| ObjectIdentifier::from_bytes(e.value).ok());
    match oid {
        Some(oid) => oid::algorithm_name(&oid).map_or_else(|| oid.to_string(), str::to_owned),
        None => "unknown".to_owned(),
    }
}

/// RSASSA-PSS-params (RFC 4055 §3.1) with any salt, one SHA-2 hash for both uses, and MGF1.
fn pss(contents: &[u8]) -> Result<Option<SignatureScheme>, DerError> {
    let mut reader = Reader::new(contents);
    if reader.expect(tag::OID)?.value != oid::RSA_PSS.as_bytes() {
        return Ok(None);
    }
    let mut parameters = reader.sequence()?;
    reader.finish()?;
    let hash = hash(parameters.enter(tag::constructed(0))?.sequence()?)?;
    let mut mask = parameters.enter(tag::constructed(1))?.sequence()?;
    if mask.expect(tag::OID)?.value != oid::MGF1.as_bytes() {
        return Ok(None);
    }
    let mask = self::hash(mask.sequence()?)?;
    let salt = parameters.enter(tag::constructed(2))?.small()?;
    if parameters.next_is(tag::constructed(3)) && parameters.enter(tag::constructed(3))?.small()? != 1 {
        return Ok(None);
    }
    parameters.finish()?;
    let (Some(hash), Ok(salt)) = (hash.filter(|_| hash == mask), u16::try_from(salt)) else {
        return Ok(None);
    };
    let algorithm = match hash {
        HashAlgorithm::Sha256 => SignatureAlgorithm::RsaPssSha256,
        HashAlgorithm::Sha384 => SignatureAlgorithm::RsaPssSha384,
        HashAlgorithm::Sha512 => SignatureAlgorithm::RsaPssSha512,
    };
    Ok(Some(SignatureScheme { algorithm, salt: Some(salt) }))
}

fn hash(mut identifier: Reader<'_>) -> Result<Option<HashAlgorithm>, DerError> {
    let oid = identifier.expect(tag::OID)?.value;
    identifier.optional(tag::NULL)?;
    identifier.finish()?;
    Ok([
        (oid::SHA256, HashAlgorithm::Sha256),
        (oid::SHA384, HashAlgorithm::Sha384),
        (oid::SHA512, HashAlgorithm::Sha512),
    ]
    .into_iter()
    .find(|(known, _)| known.as_bytes() == oid)
    .map(|(_, hash)| hash))
}
