//! A private key that is ready to sign.

use std::fmt;

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    rsa,
    signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _},
};
use contracts::x509::{KeyAlgorithm, SignatureAlgorithm};

use crate::SecretBytes;

/// An unwrapped private key. aws-lc wipes its memory when it is dropped; like [`SecretBytes`] it has no `Clone`,
/// no `Serialize`, and prints as `[redacted]`.
pub struct SigningKey {
    algorithm: KeyAlgorithm,
    pair: Pair,
}

enum Pair {
    Rsa(rsa::KeyPair),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// Why a key does not sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// The stored bytes are no key of the kind they should be.
    #[error("the stored bytes are not a key of algorithm {0}")]
    NotAKey(KeyAlgorithm),
    /// A signature this kind of key does not make.
    #[error("a key of algorithm {key} does not make {signature} signatures")]
    DoesNotFit {
        /// The key's kind.
        key: KeyAlgorithm,
        /// What was asked.
        signature: SignatureAlgorithm,
    },
    /// The cryptographic library failed.
    #[error("the cryptographic library failed to sign")]
    Failed,
}

impl SigningKey {
    /// Reads a PKCS #8 document, which must hold a key of kind `algorithm`.
    pub fn from_pkcs8(algorithm: KeyAlgorithm, pkcs8: &SecretBytes) -> Result<Self, SigningError> {
        let bytes = pkcs8.expose();
        let pair = match ecdsa(algorithm) {
            Some(curve) => EcdsaKeyPair::from_pkcs8(curve, bytes).map(Pair::Ecdsa),
            None if algorithm == KeyAlgorithm::Ed25519 => {
                Ed25519KeyPair::from_pkcs8(bytes).map(Pair::Ed25519)
            }
            None => rsa::KeyPair::from_pkcs8(bytes).map(Pair::Rsa),
        };
        let key = Self { algorithm, pair: pair.map_err(|_| SigningError::NotAKey(algorithm))? };
        match &key.pair {
            Pair::Rsa(rsa) if Some(rsa.public_modulus_len() * 8) != rsa_bits(algorithm) => {
                Err(SigningError::NotAKey(algorithm))
            }
            _ => Ok(key),
        }
    }

    /// Its kind.
    #[must_use]
    pub const fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// SubjectPublicKeyInfo, DER.
    pub fn spki(&self) -> Result<Vec<u8>, SigningError> {
        let der: Result<PublicKeyX509Der<'_>, _> = match &self.pair {
            Pair::Rsa(pair) => pair.public_key().as_der(),
            Pair::Ecdsa(pair) => pair.public_key().as_der(),
            Pair::Ed25519(pair) => pair.public_key().as_der(),
        };
        der.map(|der| der.as_ref().to_vec()).map_err(|_| SigningError::Failed)
    }

    /// Whether signing takes long enough (milliseconds) to be kept off the asynchronous threads.
    #[must_use]
    pub const fn is_slow(&self) -> bool {
        self.algorithm.is_rsa()
    }

    /// Signs a whole message, never a digest (K-10). Returns the signature as X.509 carries it: ECDSA as DER.
    pub fn sign(&self, algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        if !fits(self.algorithm, algorithm) {
            return Err(SigningError::DoesNotFit { key: self.algorithm, signature: algorithm });
        }
        let random = SystemRandom::new(); // aws-lc draws for itself; the argument is ring's signature
        match &self.pair {
            Pair::Ed25519(pair) => pair.try_sign(message).map(|signature| signature.as_ref().to_vec()),
            Pair::Ecdsa(pair) => pair.sign(&random, message).map(|signature| signature.as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let padding = match algorithm {
                    SignatureAlgorithm::RsaSha384 => &signature::RSA_PKCS1_SHA384,
                    SignatureAlgorithm::RsaSha512 => &signature::RSA_PKCS1_SHA512,
                    _ => &signature::RSA_PKCS1_SHA256, // `fits` leaves only SHA-256
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signature).map(|()| signature)
            }
        }
        .map_err(|_| SigningError::Failed)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, [redacted])", self.algorithm)
    }
}

/// Whether a key of kind `key` makes `signature`: RSA with PKCS #1 v1.5 and any hash, the others with their own.
#[must_use]
pub fn fits(key: KeyAlgorithm, signature: SignatureAlgorithm) -> bool {
    match signature {
        SignatureAlgorithm::RsaSha256 | SignatureAlgorithm::RsaSha384 | SignatureAlgorithm::RsaSha512 => {
            key.is_rsa()
        }
        other => other == key.default_signature(),
    }
}

/// The modulus' length in bits, for RSA.
pub(crate) const fn rsa_bits(algorithm: KeyAlgorithm) -> Option<usize> {
    match algorithm {
        KeyAlgorithm::Rsa2048 => Some(2048),
        KeyAlgorithm::Rsa3072 => Some(3072),
        KeyAlgorithm::Rsa4096 => Some(4096),
        _ => None,
    }
}

/// Curve and hash, for ECDSA.
pub(crate) fn ecdsa(algorithm: KeyAlgorithm) -> Option<&'static EcdsaSigningAlgorithm> {
    match algorithm {
        KeyAlgorithm::EcdsaP256 => Some(&signature::ECDSA_P256_SHA256_ASN1_SIGNING),
        KeyAlgorithm::EcdsaP384 => Some(&signature::ECDSA_P384_SHA384_ASN1_SIGNING),
        KeyAlgorithm::EcdsaP521 => Some(&signature::ECDSA_P521_SHA512_ASN1_SIGNING),
        _ => None,
    }
}
