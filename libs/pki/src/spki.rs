//! Subject public keys: which are accepted (C-6), and verifying with them.

use aws_lc_rs::signature::{self, ParsedPublicKey, RsaParameters, RsaPssSaltLength, RsaPublicKeyComponents};
use aws_lc_rs::{digest, signature::UnparsedPublicKey, signature::VerificationAlgorithm};
use const_oid::ObjectIdentifier;
use contracts::x509::{KeyAlgorithm, SignatureAlgorithm};

use crate::{
    algorithm::SignatureScheme,
    asn1::{self, DerError, Reader, tag},
    oid,
    weak_rsa::{self, WeakModulus},
};

/// Why a public key is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not a SubjectPublicKeyInfo in DER.
    #[error("the public key is not valid DER")]
    Der(#[from] DerError),
    /// A kind of key that is not issued for, such as DSA.
    #[error(
        "key algorithm {0} is not accepted; accepted are RSA, ECDSA on P-256, P-384 or P-521, and Ed25519"
    )]
    Algorithm(String),
    /// Not one of the accepted RSA sizes.
    #[error("an RSA key of {0} bits is not accepted; accepted are 2048, 3072 and 4096")]
    RsaSize(usize),
    /// RSA with e ≠ 65537.
    #[error("the RSA key's public exponent is not 65537")]
    RsaExponent,
    /// A modulus that can be factored.
    #[error("the RSA key is weak")]
    WeakRsa(#[source] WeakModulus),
    /// A curve that is not one of the three, or that is not named.
    #[error("elliptic curve {0} is not accepted; accepted are P-256, P-384 and P-521 by name")]
    Curve(String),
    /// Not on the curve, at infinity, or in compressed form.
    #[error("the public key is not an uncompressed point on its curve")]
    Point,
    /// An Ed25519 key that verifies what nobody signed.
    #[error("the Ed25519 key is not 32 bytes of a point of full order")]
    Ed25519,
}

impl KeyError {
    /// Its stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Der(_) => "key_malformed",
            Self::Algorithm(_) => "key_algorithm_unsupported",
            Self::RsaSize(_) => "rsa_size_unsupported",
            Self::RsaExponent => "rsa_exponent_unsupported",
            Self::WeakRsa(WeakModulus::SmallFactor(_)) => "rsa_small_factor",
            Self::WeakRsa(WeakModulus::Roca) => "rsa_roca",
            Self::WeakRsa(WeakModulus::SharedFactor) => "rsa_shared_factor",
            Self::WeakRsa(WeakModulus::CloseFactors) => "rsa_close_factors",
            Self::Curve(_) => "curve_unsupported",
            Self::Point => "point_invalid",
            Self::Ed25519 => "ed25519_key_invalid",
        }
    }
}

/// A signature that does not fit message and key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

/// A public key that passed the checks of C-6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey<'a> {
    algorithm: KeyAlgorithm,
    spki: &'a [u8],
    key: &'a [u8],
}

impl<'a> PublicKey<'a> {
    /// Reads and checks a SubjectPublicKeyInfo.
    ///
    /// RSA of 2048, 3072 or 4096 bits with e = 65537, no factor below 752, no ROCA, no close factors; P-256, P-384 and
    /// P-521 by name with an uncompressed point on the curve; Ed25519 of full order. Keys with the id-RSASSA-PSS
    /// identifier are refused: few relying parties read them.
    pub fn read(spki: &'a [u8]) -> Result<Self, KeyError> {
        let parts = Parts::read(spki)?;
        let algorithm = parts.algorithm()?;
        match algorithm {
            KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096 => check_rsa(parts.key)?,
            KeyAlgorithm::EcdsaP256 | KeyAlgorithm::EcdsaP384 | KeyAlgorithm::EcdsaP521 => {
                check_point(algorithm, parts.key)?;
            }
            KeyAlgorithm::Ed25519 => check_ed25519(parts.key)?,
        }
        Ok(Self { algorithm, spki, key: parts.key })
    }

    /// Its kind and size.
    #[must_use]
    pub const fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// Its SubjectPublicKeyInfo, DER.
    #[must_use]
    pub const fn spki(&self) -> &'a [u8] {
        self.spki
    }

    /// Whether `signature` over `message` was made with this key. Any hash goes with any curve.
    pub fn verify(
        &self,
        scheme: SignatureScheme,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        verify(self.algorithm, self.key, scheme, message, signature)
    }
}

/// Kind and size of a SubjectPublicKeyInfo, without the checks that cost time.
pub fn key_algorithm(spki: &[u8]) -> Result<KeyAlgorithm, KeyError> {
    Parts::read(spki)?.algorithm()
}

/// SHA-256 of a SubjectPublicKeyInfo: what identifies a key.
#[must_use]
pub fn spki_sha256(spki: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, spki).as_ref());
    hash
}

/// The key identifier: SHA-1 of the key's bits (RFC 5280 §4.2.1.2, method 1), 20 bytes.
pub fn key_identifier(spki: &[u8]) -> Result<Vec<u8>, KeyError> {
    let key = Parts::read(spki)?.key;
    Ok(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, key).as_ref().to_vec())
}

/// Name and size in bits of any key, for descriptions: `("ecdsa_p256", Some(256))`, `("rsa_1024", Some(1024))`.
pub(crate) fn describe(spki: &[u8]) -> (String, Option<usize>) {
    let Ok(parts) = Parts::read(spki) else { return ("unknown".to_owned(), None) };
    match parts.algorithm() {
        Ok(KeyAlgorithm::Rsa2048) => ("rsa_2048".to_owned(), Some(2048)),
        Ok(KeyAlgorithm::Rsa3072) => ("rsa_3072".to_owned(), Some(3072)),
        Ok(KeyAlgorithm::Rsa4096) => ("rsa_4096".to_owned(), Some(4096)),
        Ok(KeyAlgorithm::EcdsaP384) => ("ecdsa_p384".to_owned(), Some(384)),
        Ok(KeyAlgorithm::EcdsaP521) => ("ecdsa_p521".to_owned(), Some(521)),
        Ok(known @ (KeyAlgorithm::EcdsaP256 | KeyAlgorithm::Ed25519)) => (known.to_string(), Some(256)),
        Err(KeyError::RsaSize(bits)) => (format!("rsa_{bits}"), Some(bits)),
        Err(KeyError::Curve(curve)) => (format!("ec {curve}"), None),
        Err(KeyError::Algorithm(name)) => (name, None),
        Err(_) => (crate::algorithm::name(parts.identifier), None),
    }
}

/// Verifies with any of the accepted kinds of key, without the checks of [`PublicKey::read`]: for certificates of
/// CAs that others run, and for keys that were checked before.
pub fn verify_with(
    spki: &[u8],
    scheme: SignatureScheme,
    message: &[u8],
    signature: &[u8],
) -> Result<(), BadSignature> {
    let parts = Parts::read(spki).map_err(|_| BadSignature)?;
    let algorithm = parts.algorithm().map_err(|_| BadSignature)?;
    verify(algorithm, parts.key, scheme, message, signature)
}

/// A SubjectPublicKeyInfo, taken apart.
struct Parts<'a> {
    identifier: &'a [u8],
    key: &'a [u8],
}

impl<'a> Parts<'a> {
    fn read(spki: &'a [u8]) -> Result<Self, DerError> {
        let mut reader = Reader::new(asn1::whole(spki, tag::SEQUENCE)?.value);
        let identifier = reader.expect(tag::SEQUENCE)?.value;
        let key = reader.octets_in_bits()?;
        reader.finish()?;
        Ok(Self { identifier, key })
    }

    fn algorithm(&self) -> Result<KeyAlgorithm, KeyError> {
        let mut identifier = Reader::new(self.identifier);
        let kind = identifier.expect(tag::OID)?.value;
        if kind == oid::RSA_ENCRYPTION.as_bytes() {
            identifier.expect(tag::NULL)?;
            identifier.finish()?;
            let bits = rsa_bits(rsa(self.key)?.0);
            return match bits {
                2048 => Ok(KeyAlgorithm::Rsa2048),
                3072 => Ok(KeyAlgorithm::Rsa3072),
                4096 => Ok(KeyAlgorithm::Rsa4096),
                bits => Err(KeyError::RsaSize(bits)),
            };
        }
        if kind == oid::EC_PUBLIC_KEY.as_bytes() {
            let curve = identifier.element()?;
            identifier.finish()?;
            return named_curve(curve);
        }
        if kind == oid::ED25519.as_bytes() {
            identifier.finish()?;
            return Ok(KeyAlgorithm::Ed25519);
        }
        Err(KeyError::Algorithm(crate::algorithm::name(self.identifier)))
    }
}

fn named_curve(curve: asn1::Element<'_>) -> Result<KeyAlgorithm, KeyError> {
    if curve.tag != tag::OID {
        return Err(KeyError::Curve("given by its parameters".to_owned()));
    }
    let known = [
        (oid::P256, KeyAlgorithm::EcdsaP256),
        (oid::P384, KeyAlgorithm::EcdsaP384),
        (oid::P521, KeyAlgorithm::EcdsaP521),
    ];
    match known.iter().find(|(oid, _)| oid.as_bytes() == curve.value) {
        Some((_, algorithm)) => Ok(*algorithm),
        None => Err(KeyError::Curve(
            ObjectIdentifier::from_bytes(curve.value)
                .map_or_else(|_| "unknown".to_owned(), |oid| oid.to_string()),
        )),
    }
}

/// Modulus and exponent, both without leading zeros.
fn rsa(key: &[u8]) -> Result<(&[u8], &[u8]), DerError> {
    let mut reader = Reader::new(asn1::whole(key, tag::SEQUENCE)?.value);
    let parts = (reader.unsigned()?, reader.unsigned()?);
    reader.finish()?;
    Ok(parts)
}

fn rsa_bits(modulus: &[u8]) -> usize {
    modulus.first().map_or(0, |first| modulus.len() * 8 - first.leading_zeros() as usize)
}

fn check_rsa(key: &[u8]) -> Result<(), KeyError> {
    let (modulus, exponent) = rsa(key)?;
    if exponent != [1, 0, 1] {
        return Err(KeyError::RsaExponent);
    }
    weak_rsa::check(modulus).map_err(KeyError::WeakRsa)
}

fn check_point(algorithm: KeyAlgorithm, key: &[u8]) -> Result<(), KeyError> {
    let (length, parser): (usize, &'static dyn VerificationAlgorithm) = match algorithm {
        KeyAlgorithm::EcdsaP256 => (65, &signature::ECDSA_P256_SHA256_ASN1),
        KeyAlgorithm::EcdsaP384 => (97, &signature::ECDSA_P384_SHA384_ASN1),
        _ => (133, &signature::ECDSA_P521_SHA512_ASN1),
    };
    let uncompressed = key.len() == length && key.first() == Some(&4);
    if uncompressed && ParsedPublicKey::new(parser, key).is_ok() { Ok(()) } else { Err(KeyError::Point) }
}

/// The y coordinates of the points whose order divides 8, among them two that are not reduced; the sign bit, which is
/// left out of the comparison, doubles the list. From RFC 8032's curve; the same list stands in libsodium.
const SMALL_ORDER: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

fn check_ed25519(key: &[u8]) -> Result<(), KeyError> {
    let mut y = <[u8; 32]>::try_from(key).map_err(|_| KeyError::Ed25519)?;
    y[31] &= 0x7f;
    if SMALL_ORDER.contains(&hex::encode(y).as_str()) { Err(KeyError::Ed25519) } else { Ok(()) }
}

fn verify(
    key_algorithm: KeyAlgorithm,
    key: &[u8],
    scheme: SignatureScheme,
    message: &[u8],
    signature: &[u8],
) -> Result<(), BadSignature> {
    use KeyAlgorithm::{EcdsaP256, EcdsaP384, EcdsaP521, Ed25519};
    use SignatureAlgorithm as S;
    let verifier: &'static dyn VerificationAlgorithm = match (key_algorithm, scheme.algorithm) {
        (EcdsaP256, S::EcdsaSha256) => &signature::ECDSA_P256_SHA256_ASN1,
        (EcdsaP256, S::EcdsaSha384) => &signature::ECDSA_P256_SHA384_ASN1,
        (EcdsaP256, S::EcdsaSha512) => &signature::ECDSA_P256_SHA512_ASN1,
        (EcdsaP384, S::EcdsaSha256) => &signature::ECDSA_P384_SHA256_ASN1,
        (EcdsaP384, S::EcdsaSha384) => &signature::ECDSA_P384_SHA384_ASN1,
        (EcdsaP384, S::EcdsaSha512) => &signature::ECDSA_P384_SHA512_ASN1,
        (EcdsaP521, S::EcdsaSha256) => &signature::ECDSA_P521_SHA256_ASN1,
        (EcdsaP521, S::EcdsaSha384) => &signature::ECDSA_P521_SHA384_ASN1,
        (EcdsaP521, S::EcdsaSha512) => &signature::ECDSA_P521_SHA512_ASN1,
        (Ed25519, S::Ed25519) => &signature::ED25519,
        (rsa, _) if rsa.is_rsa() => return verify_rsa(key, scheme, message, signature),
        _ => return Err(BadSignature),
    };
    UnparsedPublicKey::new(verifier, key).verify(message, signature).map_err(|_| BadSignature)
}

fn verify_rsa(
    key: &[u8],
    scheme: SignatureScheme,
    message: &[u8],
    signature: &[u8],
) -> Result<(), BadSignature> {
    let parameters: RsaParameters = match scheme.algorithm {
        SignatureAlgorithm::RsaSha256 => signature::RSA_PKCS1_2048_8192_SHA256,
        SignatureAlgorithm::RsaSha384 => signature::RSA_PKCS1_2048_8192_SHA384,
        SignatureAlgorithm::RsaSha512 => signature::RSA_PKCS1_2048_8192_SHA512,
        SignatureAlgorithm::RsaPssSha256 => signature::RSA_PSS_2048_8192_SHA256,
        SignatureAlgorithm::RsaPssSha384 => signature::RSA_PSS_2048_8192_SHA384,
        SignatureAlgorithm::RsaPssSha512 => signature::RSA_PSS_2048_8192_SHA512,
        _ => return Err(BadSignature),
    };
    let parameters = match scheme.salt {
        Some(salt) => parameters.with_pss_salt_length(RsaPssSaltLength::Custom(salt)),
        None => parameters,
    };
    let (n, e) = rsa(key).map_err(|_| BadSignature)?;
    RsaPublicKeyComponents { n, e }.verify(&parameters, message, signature).map_err(|_| BadSignature)
}
