//! Making keys: slow for RSA, so on threads of its own and few at once; signing never waits for it.

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa,
    signature::{EcdsaKeyPair, Ed25519KeyPair},
};
use contracts::x509::KeyAlgorithm;
use pki::spki::{KeyError, PublicKey};
use tokio::sync::Semaphore;

use crate::{
    SecretBytes,
    signing_key::{self, SigningError, SigningKey},
};

/// A key that exists nowhere else yet.
#[derive(Debug)]
pub struct NewKey {
    /// PKCS #8, version 1 (Ed25519 too: OpenSSL 3.0 reads no other).
    pub pkcs8: SecretBytes,
    /// SubjectPublicKeyInfo, DER.
    pub spki: Vec<u8>,
}

/// Why no key was made.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The cryptographic library failed.
    #[error("the cryptographic library made no key")]
    Failed,
    /// The key was made and is not what was asked (C-6).
    #[error("the new key is not usable")]
    Unusable(#[from] SigningError),
    /// The key was made, and others would not accept it (C-6).
    #[error("the new key is weak")]
    Weak(#[from] KeyError),
    /// The process is stopping.
    #[error("key generation was cut off")]
    Stopped,
}

/// Makes keys, a bounded number at once.
#[derive(Debug)]
pub struct Generator {
    permits: Semaphore,
}

impl Generator {
    /// A generator that leaves processors to others: half of them, at least one.
    #[must_use]
    pub fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { permits: Semaphore::new(processors.div_ceil(2)) }
    }

    /// Makes a key, after those that were asked for before.
    pub async fn generate(&self, algorithm: KeyAlgorithm) -> Result<NewKey, GenerateError> {
        let _permit = self.permits.acquire().await.map_err(|_| GenerateError::Stopped)?;
        tokio::task::spawn_blocking(move || generate(algorithm)).await.map_err(|_| GenerateError::Stopped)?
    }
}

impl Default for Generator {
    fn default() -> Self {
        Self::new()
    }
}

/// Makes a key on this thread: up to seconds for RSA 4096.
pub fn generate(algorithm: KeyAlgorithm) -> Result<NewKey, GenerateError> {
    let pkcs8 = match algorithm {
        KeyAlgorithm::Rsa2048 => rsa(rsa::KeySize::Rsa2048)?,
        KeyAlgorithm::Rsa3072 => rsa(rsa::KeySize::Rsa3072)?,
        KeyAlgorithm::Rsa4096 => rsa(rsa::KeySize::Rsa4096)?,
        KeyAlgorithm::Ed25519 => {
            let document = Ed25519KeyPair::generate().and_then(|pair| pair.to_pkcs8v1());
            SecretBytes::copy_of(document.map_err(|_| GenerateError::Failed)?.as_ref())
        }
        KeyAlgorithm::EcdsaP256 | KeyAlgorithm::EcdsaP384 | KeyAlgorithm::EcdsaP521 => {
            let curve = signing_key::ecdsa(algorithm).ok_or(GenerateError::Failed)?;
            let document = EcdsaKeyPair::generate(curve).and_then(|pair| pair.to_pkcs8v1());
            SecretBytes::copy_of(document.map_err(|_| GenerateError::Failed)?.as_ref())
        }
    };
    // Read back as it will be read from the table: what cannot be used is not kept.
    let spki = SigningKey::from_pkcs8(algorithm, &pkcs8)?.spki()?;
    PublicKey::read(&spki)?;
    Ok(NewKey { pkcs8, spki })
}

fn rsa(size: rsa::KeySize) -> Result<SecretBytes, GenerateError> {
    let pair = rsa::KeyPair::generate(size).map_err(|_| GenerateError::Failed)?;
    let document: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| GenerateError::Failed)?;
    Ok(SecretBytes::copy_of(document.as_ref()))
}

#[cfg(test)]
mod tests;
