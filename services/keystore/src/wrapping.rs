//! Envelope encryption (K-1): master key → organization key → data key → private key or credential, AES-256-GCM throughout.
//!
//! A blob is `nonce ‖ ciphertext ‖ tag`. What it belongs to is authenticated with it, so a blob that is moved to
//! another row or organization does not open.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use contracts::{
    CredentialId, KeyId, OrganizationId,
    keystore::{CredentialPurpose, KeyPurpose},
    x509::KeyAlgorithm,
};
use runtime::entropy::Entropy;
use uuid::Uuid;
use zeroize::Zeroize as _;

use crate::SecretBytes;

const NONCE: usize = 12;
const TAG: usize = 16;
/// Length of every wrapping key in bytes.
pub const KEY: usize = 32;

/// Why a blob does not open, or a key does not wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrappingError {
    /// Wrong key, wrong place or changed bytes: authenticated encryption does not tell which.
    #[error("the wrapped key does not open")]
    DoesNotOpen,
    /// A wrapping key is 32 bytes.
    #[error("a wrapping key has {KEY} bytes")]
    Length,
    /// The cryptographic library failed.
    #[error("the cryptographic library failed to wrap")]
    Failed,
}

/// A key that wraps others.
#[derive(Debug)]
pub struct WrappingKey {
    id: Uuid,
    version: i32,
    cipher: LessSafeKey,
}

/// What a wrapped secret belongs to. All of it is authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Whose it is.
    pub organization: OrganizationId,
    /// What it is.
    pub subject: Subject,
    /// Its version: 1 until keys are re-keyed in place.
    pub version: i32,
}

/// What is wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A private key.
    Key {
        /// Its id.
        id: KeyId,
        /// Its kind.
        algorithm: KeyAlgorithm,
        /// What it is for.
        purpose: KeyPurpose,
    },
    /// A credential.
    Credential {
        /// Its id.
        id: CredentialId,
        /// What it is for.
        purpose: CredentialPurpose,
    },
    /// The one-time key that something is sealed to on its way in. It stands in no table.
    Upload {
        /// Its id.
        id: Uuid,
    },
}

impl Subject {
    /// Its id, which is the name its data key goes by.
    #[must_use]
    pub const fn uuid(&self) -> Uuid {
        match self {
            Self::Key { id, .. } => id.uuid(),
            Self::Credential { id, .. } => id.uuid(),
            Self::Upload { id } => *id,
        }
    }

    /// The name of the layer beneath the data key, the kind and the purpose.
    const fn texts(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Key { algorithm, purpose, .. } => (PRIVATE_KEY, algorithm.as_str(), purpose_text(*purpose)),
            Self::Credential { purpose, .. } => (CREDENTIAL, "credential", purpose.as_str()),
            Self::Upload { .. } => (UPLOAD, "upload", "upload"),
        }
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key { id, .. } => write!(f, "key {id}"),
            Self::Credential { id, .. } => write!(f, "credential {id}"),
            Self::Upload { id } => write!(f, "one-time key {id}"),
        }
    }
}

/// A private key or credential as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// Version of the organization key that wraps the data key.
    pub organization_key: i32,
    /// The data key, under the organization key.
    pub data_key: Vec<u8>,
    /// The private key (PKCS #8) or credential, under the data key.
    pub secret: Vec<u8>,
}

impl std::fmt::Debug for Wrapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wrapped").field("organization_key", &self.organization_key).finish_non_exhaustive()
    }
}

/// Names of the layers, part of what is authenticated: `1` is the format's version.
const MASTER_KEY: &str = "chancery.keystore.master_key.1";
const ORGANIZATION_KEY: &str = "chancery.keystore.organization_key.1";
const DATA_KEY: &str = "chancery.keystore.data_key.1";
const PRIVATE_KEY: &str = "chancery.keystore.private_key.1";
const CREDENTIAL: &str = "chancery.keystore.credential.1";
const UPLOAD: &str = "chancery.keystore.upload.1";

impl WrappingKey {
    /// A wrapping key under the name by which blobs refer to it.
    pub fn new(id: Uuid, version: i32, key: &SecretBytes) -> Result<Self, WrappingError> {
        let unbound = UnboundKey::new(&AES_256_GCM, key.expose()).map_err(|_| WrappingError::Length)?;
        Ok(Self { id, version, cipher: LessSafeKey::new(unbound) })
    }

    /// The name by which blobs refer to it.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> i32 {
        self.version
    }

    /// Draws an organization key and wraps it under this one, the master key.
    pub fn make_organization_key(
        &self,
        organization: OrganizationId,
        version: i32,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, WrappingError> {
        self.seal(&self.organization_key_aad(organization, version), &draw_key(entropy), entropy)
    }

    /// Opens an organization key that was wrapped under this one, the master key.
    pub fn open_organization_key(
        &self,
        organization: OrganizationId,
        version: i32,
        blob: &[u8],
    ) -> Result<Self, WrappingError> {
        let key = self.open(&self.organization_key_aad(organization, version), blob)?;
        Self::new(organization.uuid(), version, &key)
    }

    /// Wraps an organization key anew under this one, the master key; what is beneath it stays as it is.
    pub fn rewrap_organization_key(
        &self,
        old: &Self,
        organization: OrganizationId,
        version: i32,
        blob: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, WrappingError> {
        let key = old.open(&old.organization_key_aad(organization, version), blob)?;
        self.seal(&self.organization_key_aad(organization, version), &key, entropy)
    }

    /// Wraps the master key before under this one.
    pub fn wrap_master_key(
        &self,
        id: Uuid,
        key: &SecretBytes,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, WrappingError> {
        self.seal(&self.master_key_aad(id), key, entropy)
    }

    /// Opens the master key before.
    pub fn open_master_key(&self, id: Uuid, blob: &[u8]) -> Result<SecretBytes, WrappingError> {
        self.open(&self.master_key_aad(id), blob)
    }

    /// Wraps a secret under this organization key, with a data key of its own.
    pub fn wrap(
        &self,
        binding: &Binding,
        secret: &SecretBytes,
        entropy: &dyn Entropy,
    ) -> Result<Wrapped, WrappingError> {
        let data_key = draw_key(entropy);
        let cipher = Self::new(binding.subject.uuid(), binding.version, &data_key)?;
        Ok(Wrapped {
            organization_key: self.version,
            data_key: self.seal(&self.aad(DATA_KEY, binding), &data_key, entropy)?,
            secret: cipher.seal(&cipher.inner_aad(binding), secret, entropy)?,
        })
    }

    /// Opens a secret that was wrapped under this organization key.
    pub fn unwrap(&self, binding: &Binding, wrapped: &Wrapped) -> Result<SecretBytes, WrappingError> {
        let data_key = self.open(&self.aad(DATA_KEY, binding), &wrapped.data_key)?;
        let cipher = Self::new(binding.subject.uuid(), binding.version, &data_key)?;
        cipher.open(&cipher.inner_aad(binding), &wrapped.secret)
    }

    /// Wraps a data key anew under this organization key; the secret beneath stays as it is.
    pub fn rewrap(
        &self,
        old: &Self,
        binding: &Binding,
        wrapped: &Wrapped,
        entropy: &dyn Entropy,
    ) -> Result<Wrapped, WrappingError> {
        let data_key = old.open(&old.aad(DATA_KEY, binding), &wrapped.data_key)?;
        Ok(Wrapped {
            organization_key: self.version,
            data_key: self.seal(&self.aad(DATA_KEY, binding), &data_key, entropy)?,
            secret: wrapped.secret.clone(),
        })
    }

    fn master_key_aad(&self, id: Uuid) -> Vec<u8> {
        self.authenticated(MASTER_KEY, Uuid::nil(), id, 1, "aes_256_gcm", "master_key")
    }

    fn organization_key_aad(&self, organization: OrganizationId, version: i32) -> Vec<u8> {
        let organization = organization.uuid();
        self.authenticated(
            ORGANIZATION_KEY,
            organization,
            organization,
            version,
            "aes_256_gcm",
            "organization_key",
        )
    }

    fn inner_aad(&self, binding: &Binding) -> Vec<u8> {
        self.aad(binding.subject.texts().0, binding)
    }

    fn aad(&self, layer: &str, binding: &Binding) -> Vec<u8> {
        let (organization, id) = (binding.organization.uuid(), binding.subject.uuid());
        let (_, kind, purpose) = binding.subject.texts();
        self.authenticated(layer, organization, id, binding.version, kind, purpose)
    }

    /// Each field with its length before it, so that no two different sets of fields give the same bytes.
    fn authenticated(
        &self,
        layer: &str,
        organization: Uuid,
        key: Uuid,
        version: i32,
        algorithm: &str,
        purpose: &str,
    ) -> Vec<u8> {
        let fields: [&[u8]; 8] = [
            layer.as_bytes(),
            organization.as_bytes(),
            key.as_bytes(),
            &version.to_be_bytes(),
            algorithm.as_bytes(),
            purpose.as_bytes(),
            self.id.as_bytes(),
            &self.version.to_be_bytes(),
        ];
        let mut aad = Vec::with_capacity(192);
        for field in fields {
            aad.extend((field.len() as u64).to_be_bytes());
            aad.extend(field);
        }
        aad
    }

    fn seal(
        &self,
        aad: &[u8],
        secret: &SecretBytes,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, WrappingError> {
        let mut nonce = [0; NONCE];
        entropy.fill(&mut nonce);
        // Reserved whole, so that no copy of the plaintext is left behind by growth.
        let mut blob = Vec::with_capacity(NONCE + secret.expose().len() + TAG);
        blob.extend(nonce);
        blob.extend(secret.expose());
        let tag = self
            .cipher
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(aad),
                &mut blob[NONCE..],
            )
            .map_err(|_| WrappingError::Failed);
        match tag {
            Ok(tag) => {
                blob.extend(tag.as_ref());
                Ok(blob)
            }
            Err(error) => {
                blob.zeroize();
                Err(error)
            }
        }
    }

    fn open(&self, aad: &[u8], blob: &[u8]) -> Result<SecretBytes, WrappingError> {
        let (nonce, sealed) = blob.split_first_chunk::<NONCE>().ok_or(WrappingError::DoesNotOpen)?;
        let mut buffer = zeroize::Zeroizing::new(sealed.to_vec());
        self.cipher
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), &mut buffer)
            .map(|secret| SecretBytes::copy_of(secret))
            .map_err(|_| WrappingError::DoesNotOpen)
    }
}

/// A purpose as it stands in tables and in what is authenticated.
#[must_use]
pub const fn purpose_text(purpose: KeyPurpose) -> &'static str {
    match purpose {
        KeyPurpose::Ca => "ca",
        KeyPurpose::EndEntity => "end_entity",
        KeyPurpose::Checkpoint => "checkpoint",
    }
}

fn draw_key(entropy: &dyn Entropy) -> SecretBytes {
    let mut key = vec![0; KEY];
    entropy.fill(&mut key);
    SecretBytes::new(key)
}

#[cfg(test)]
mod tests;
