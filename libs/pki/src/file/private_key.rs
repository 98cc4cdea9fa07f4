//! Private keys in their encodings: PKCS #8 (RFC 5208, RFC 5958), PKCS #1 (RFC 8017), SEC 1 (RFC 5915).

use std::fmt;

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rsa,
    signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, PqdsaKeyPair},
};
use const_oid::ObjectIdentifier;
use contracts::x509::KeyAlgorithm;
use zeroize::Zeroizing;

use super::{
    FileError, Reading,
    encryption::{Encryption, Password, read_oid},
    error::At,
};
use crate::{
    asn1::{self, DerError, Reader, Writer, tag},
    oid, spki,
};

const PLACE: &str = "the private key";

/// A private key as PKCS #8, with its public half. The bytes are wiped when it is dropped; it has neither `Clone` nor
/// `Serialize`, and prints as `[redacted]`.
pub struct PrivateKeyDer {
    pkcs8: Zeroizing<Vec<u8>>,
    spki: Vec<u8>,
}

impl PrivateKeyDer {
    /// Reads a private key that is not locked: PKCS #8, PKCS #1 or SEC 1. Its numbers have to agree with each other.
    ///
    /// Errors: [`FileError::Damaged`], or [`FileError::UnsupportedAlgorithm`] for kinds of key that sign no
    /// certificate, and for rare curves.
    pub fn read(der: &[u8]) -> Result<Self, FileError> {
        let document = match encoding(der).at(PLACE)? {
            Encoding::Pkcs8 { algorithm, key } => wrap(algorithm, key),
            Encoding::Pkcs1 => wrap(&rsa_identifier(), der),
            Encoding::Sec1 { curve: Some(curve) } => wrap(&curve_identifier(curve), der),
            Encoding::Sec1 { curve: None } => {
                return Err(FileError::damaged(PLACE, "its elliptic curve is not named"));
            }
            Encoding::Dsa => return Err(FileError::unsupported(PLACE, "DSA")),
        };
        let spki = public_half(&document)?;
        Ok(Self { pkcs8: document, spki })
    }

    /// PKCS #8, DER, not locked.
    #[must_use]
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The public half: SubjectPublicKeyInfo, DER.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Kind and size, for keys of a kind that we make.
    #[must_use]
    pub fn algorithm(&self) -> Option<KeyAlgorithm> {
        spki::key_algorithm(&self.spki).ok()
    }

    /// Name and size in bits of any kind: `("rsa_1024", Some(1024))`.
    #[must_use]
    pub fn describe(&self) -> (String, Option<usize>) {
        spki::describe(&self.spki)
    }
}

impl fmt::Debug for PrivateKeyDer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKeyDer([redacted])")
    }
}

/// Opens a PKCS #8 EncryptedPrivateKeyInfo with the first passphrase that fits.
pub(super) fn open_pkcs8(der: &[u8], reading: &mut Reading<'_>) -> Result<PrivateKeyDer, FileError> {
    let (identifier, locked) = encrypted_parts(der).at(PLACE)?;
    let encryption = Encryption::read(identifier, PLACE)?;
    if reading.passphrases.is_empty() {
        return Err(FileError::passphrase_needed(PLACE));
    }
    for passphrase in reading.passphrases.iter() {
        let opened = encryption.open(&Password::new(passphrase), locked, PLACE, &mut reading.effort)?;
        if let Some(key) = opened_key(opened)? {
            return Ok(key);
        }
    }
    Err(FileError::wrong_passphrase(PLACE))
}

/// What came out of opening: no key's structure is what one of 256 wrong passphrases gives.
pub(super) fn opened_key(opened: Option<Zeroizing<Vec<u8>>>) -> Result<Option<PrivateKeyDer>, FileError> {
    match opened {
        Some(der) if encoding(&der).is_ok() => PrivateKeyDer::read(&der).map(Some),
        _ => Ok(None),
    }
}

/// AlgorithmIdentifier's contents and cipher text of an EncryptedPrivateKeyInfo.
pub(super) fn encrypted_parts(der: &[u8]) -> Result<(&[u8], &[u8]), DerError> {
    let mut outer = Reader::new(asn1::whole(der, tag::SEQUENCE)?.value);
    let identifier = outer.expect(tag::SEQUENCE)?.value;
    let locked = outer.expect(tag::OCTET_STRING)?.value;
    outer.finish()?;
    Ok((identifier, locked))
}

enum Encoding<'a> {
    Pkcs8 { algorithm: &'a [u8], key: &'a [u8] },
    Pkcs1,
    Sec1 { curve: Option<&'a [u8]> },
    Dsa,
}

fn encoding(der: &[u8]) -> Result<Encoding<'_>, DerError> {
    let mut outer = Reader::new(asn1::whole(der, tag::SEQUENCE)?.value);
    outer.small()?;
    if let Some(algorithm) = outer.optional(tag::SEQUENCE)? {
        return Ok(Encoding::Pkcs8 { algorithm: algorithm.der, key: outer.expect(tag::OCTET_STRING)?.value });
    }
    if outer.optional(tag::OCTET_STRING)?.is_some() {
        let curve = outer.optional(tag::constructed(0))?.map(|explicit| explicit.value);
        return Ok(Encoding::Sec1 { curve });
    }
    let mut numbers = 0;
    while !outer.is_empty() {
        outer.unsigned()?;
        numbers += 1;
    }
    match numbers {
        8 => Ok(Encoding::Pkcs1),
        5 => Ok(Encoding::Dsa),
        _ => Err(DerError::Value("private key")),
    }
}

/// PrivateKeyInfo of version 0 without attributes, which everybody reads.
fn wrap(algorithm: &[u8], key: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut writer = Writer::with_capacity(key.len() + algorithm.len() + 32);
    writer.sequence(|info| {
        info.put(tag::INTEGER, &[0]).raw(algorithm).put(tag::OCTET_STRING, key);
    });
    Zeroizing::new(writer.finish())
}

fn rsa_identifier() -> Vec<u8> {
    let mut writer = Writer::default();
    writer.sequence(|identifier| {
        identifier.oid(oid::RSA_ENCRYPTION).put(tag::NULL, &[]);
    });
    writer.finish()
}

fn curve_identifier(curve: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.sequence(|identifier| {
        identifier.oid(oid::EC_PUBLIC_KEY).raw(curve);
    });
    writer.finish()
}

/// The public half of a PKCS #8 document, after its numbers were checked.
fn public_half(pkcs8: &[u8]) -> Result<Vec<u8>, FileError> {
    let Ok(Encoding::Pkcs8 { algorithm, key }) = encoding(pkcs8) else {
        return Err(FileError::damaged(PLACE, "it is no PKCS #8"));
    };
    let mut identifier = Reader::new(algorithm).sequence().at(PLACE)?;
    let kind = read_oid(&mut identifier).at(PLACE)?;
    if kind == oid::RSA_ENCRYPTION {
        return rsa_public_half(pkcs8, key);
    }
    if kind == oid::EC_PUBLIC_KEY {
        let curve = read_oid(&mut identifier)
            .map_err(|_| FileError::unsupported(PLACE, "an elliptic curve that is not named"))?;
        let pair = EcdsaKeyPair::from_private_key_der(ecdsa(&curve)?, pkcs8);
        return public_key(&pair.map_err(impossible)?.public_key().as_der());
    }
    if kind == oid::ED25519 {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(impossible)?;
        return public_key(&pair.public_key().as_der());
    }
    let ml_dsa = match kind.to_string().as_str() {
        "2.16.840.1.101.3.4.3.17" => &signature::ML_DSA_44_SIGNING,
        "2.16.840.1.101.3.4.3.18" => &signature::ML_DSA_65_SIGNING,
        "2.16.840.1.101.3.4.3.19" => &signature::ML_DSA_87_SIGNING,
        other => {
            let name = oid::algorithm_name(&kind).map_or_else(|| other.to_owned(), str::to_owned);
            return Err(FileError::unsupported(PLACE, name));
        }
    };
    let pair = PqdsaKeyPair::from_pkcs8(ml_dsa, pkcs8).map_err(impossible)?;
    public_key(&pair.public_key().as_der())
}

/// aws-lc checks keys of 2048 bits and more; smaller ones, which are imported to be seen as weak, come as they say.
fn rsa_public_half(pkcs8: &[u8], key: &[u8]) -> Result<Vec<u8>, FileError> {
    let mut numbers = Reader::new(key).sequence().at(PLACE)?;
    numbers.small().at(PLACE)?;
    let (modulus, exponent) =
        (numbers.expect(tag::INTEGER).at(PLACE)?, numbers.expect(tag::INTEGER).at(PLACE)?);
    if modulus.value.len() > 256 {
        let pair = rsa::KeyPair::from_pkcs8(pkcs8).map_err(impossible)?;
        return public_key(&pair.public_key().as_der());
    }
    let mut writer = Writer::with_capacity(modulus.der.len() + 64);
    writer.sequence(|info| {
        info.raw(&rsa_identifier()).nest(tag::BIT_STRING, |bits| {
            bits.raw(&[0]).sequence(|public| {
                public.raw(modulus.der).raw(exponent.der);
            });
        });
    });
    Ok(writer.finish())
}

fn public_key<E>(der: &Result<PublicKeyX509Der<'_>, E>) -> Result<Vec<u8>, FileError> {
    match der {
        Ok(der) => Ok(der.as_ref().to_vec()),
        Err(_) => Err(FileError::damaged(PLACE, "it has no public half")),
    }
}

fn impossible(error: aws_lc_rs::error::KeyRejected) -> FileError {
    FileError::damaged(PLACE, format!("its numbers do not fit each other ({error})"))
}

fn ecdsa(curve: &ObjectIdentifier) -> Result<&'static EcdsaSigningAlgorithm, FileError> {
    match *curve {
        oid::P256 => Ok(&signature::ECDSA_P256_SHA256_ASN1_SIGNING),
        oid::P384 => Ok(&signature::ECDSA_P384_SHA384_ASN1_SIGNING),
        oid::P521 => Ok(&signature::ECDSA_P521_SHA512_ASN1_SIGNING),
        other => {
            let name = match other.to_string().as_str() {
                "1.3.132.0.10" => "secp256k1".to_owned(),
                "1.3.36.3.3.2.8.1.1.7" => "brainpoolP256r1".to_owned(),
                "1.3.36.3.3.2.8.1.1.11" => "brainpoolP384r1".to_owned(),
                "1.3.36.3.3.2.8.1.1.13" => "brainpoolP512r1".to_owned(),
                other => other.to_owned(),
            };
            Err(FileError::unsupported(PLACE, format!("elliptic curve {name}")))
        }
    }
}
