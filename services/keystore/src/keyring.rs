//! Signing keys that are ready in memory: those of CAs and of the log, which sign again and again.

use std::sync::Arc;

use contracts::{
    KeyId, OrganizationId,
    keystore::{KeyGenerated, KeyPurpose},
};
use quick_cache::sync::Cache;

use crate::{
    signing_key::SigningKey,
    vault::{Vault, VaultError},
};

/// Most keys kept ready.
const CAPACITY: usize = 1_000;

/// Opens keys, and keeps those of CAs and of the log.
pub struct Keyring {
    vault: Arc<Vault>,
    ready: Cache<KeyId, Arc<SigningKey>>,
}

impl Keyring {
    /// An empty one.
    #[must_use]
    pub fn new(vault: Arc<Vault>) -> Self {
        Self { vault, ready: Cache::new(CAPACITY) }
    }

    /// Whether keys can be opened at all. Errors: [`VaultError::OtherMasterKey`].
    pub fn check(&self) -> Result<(), VaultError> {
        self.vault.check()
    }

    /// The key, ready to sign. The caller has seen in the log that it is active.
    pub async fn key(
        &self,
        organization: OrganizationId,
        key: &KeyGenerated,
    ) -> Result<Arc<SigningKey>, VaultError> {
        if let Some(ready) = self.ready.get(&key.id) {
            return Ok(ready);
        }
        let opened = Arc::new(self.vault.open_key(organization, key).await?);
        if key.purpose != KeyPurpose::EndEntity {
            self.ready.insert(key.id, opened.clone());
        }
        Ok(opened)
    }

    /// Wipes a key that was destroyed.
    pub fn forget(&self, key: KeyId) {
        self.ready.remove(&key);
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyring([redacted])")
    }
}
