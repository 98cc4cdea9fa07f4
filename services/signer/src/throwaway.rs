//! Keys that certify nothing: what will be signed is signed with one of them first, so that it can be judged as the
//! certificate it would become (C-2).

use std::{collections::HashMap, fmt, sync::Arc};

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    error::Unspecified,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        self, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
        EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair,
    },
};
use contracts::x509::KeyAlgorithm;
use parking_lot::RwLock;

/// A key made in memory, never stored, never certified.
pub struct ThrowawayKey {
    pair: Pair,
    spki: Vec<u8>,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl ThrowawayKey {
    /// Makes a key. RSA takes up to seconds.
    pub fn generate(algorithm: KeyAlgorithm) -> Result<Self, Unspecified> {
        let curve = match algorithm {
            KeyAlgorithm::EcdsaP256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
            KeyAlgorithm::EcdsaP384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
            KeyAlgorithm::EcdsaP521 => &ECDSA_P521_SHA512_ASN1_SIGNING,
            KeyAlgorithm::Ed25519 => {
                let pair = Ed25519KeyPair::generate()?;
                return Ok(Self { spki: spki(pair.public_key())?, pair: Pair::Ed25519(pair) });
            }
            KeyAlgorithm::Rsa2048 => return Self::rsa(KeySize::Rsa2048),
            KeyAlgorithm::Rsa3072 => return Self::rsa(KeySize::Rsa3072),
            KeyAlgorithm::Rsa4096 => return Self::rsa(KeySize::Rsa4096),
        };
        let pair = EcdsaKeyPair::generate(curve)?;
        Ok(Self { spki: spki(pair.public_key())?, pair: Pair::Ecdsa(pair) })
    }

    fn rsa(size: KeySize) -> Result<Self, Unspecified> {
        let pair = RsaKeyPair::generate(size)?;
        Ok(Self { spki: spki(pair.public_key())?, pair: Pair::Rsa(pair) })
    }

    /// SubjectPublicKeyInfo, DER.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Signs with the algorithm that is the default of the key's kind, as X.509 carries signatures.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        match &self.pair {
            Pair::Ecdsa(pair) => Ok(pair.sign(&SystemRandom::new(), message)?.as_ref().to_vec()),
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)?;
                Ok(signature)
            }
        }
    }
}

fn spki(public: &impl AsDer<PublicKeyX509Der<'static>>) -> Result<Vec<u8>, Unspecified> {
    Ok(public.as_der()?.as_ref().to_vec())
}

impl fmt::Debug for ThrowawayKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ThrowawayKey([redacted])")
    }
}

/// One throwaway key of each kind, made when it is first needed.
#[derive(Debug, Default)]
pub struct ThrowawayKeys(RwLock<HashMap<KeyAlgorithm, Arc<ThrowawayKey>>>);

impl ThrowawayKeys {
    /// The key of a kind.
    pub async fn of(&self, algorithm: KeyAlgorithm) -> Result<Arc<ThrowawayKey>, Unspecified> {
        if let Some(key) = self.0.read().get(&algorithm) {
            return Ok(key.clone());
        }
        let key = tokio::task::spawn_blocking(move || ThrowawayKey::generate(algorithm))
            .await
            .map_err(|_stopped| Unspecified)??;
        Ok(self.0.write().entry(algorithm).or_insert_with(|| Arc::new(key)).clone())
    }
}

#[cfg(test)]
mod tests {
    use pki::spki;

    use super::*;

    #[test]
    fn each_kind_is_what_it_says_and_signs() {
        // RSA alike, but slow to make without optimization.
        for algorithm in [
            KeyAlgorithm::EcdsaP256,
            KeyAlgorithm::EcdsaP384,
            KeyAlgorithm::EcdsaP521,
            KeyAlgorithm::Ed25519,
            KeyAlgorithm::Rsa2048,
        ] {
            let key = ThrowawayKey::generate(algorithm).unwrap();
            assert_eq!(spki::key_algorithm(key.spki()), Ok(algorithm));
            assert!(!key.sign(b"tbs").unwrap().is_empty(), "{algorithm}");
        }
    }
}
