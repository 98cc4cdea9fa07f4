//! The wrapped keys and credentials in the database, and the wrapping keys in memory (K-1, K-2).

use std::{collections::HashMap, fmt, sync::Arc};

use contracts::{Code, KeyId, OrganizationId, Problem, keystore::KeyGenerated};
use deadpool_postgres::Pool;
use parking_lot::Mutex;
use runtime::entropy::{self, Entropy};
use uuid::Uuid;

use crate::{
    SecretBytes,
    database::DatabaseError,
    master_key::{MasterKeyError, SALT, Source},
    signing_key::{SigningError, SigningKey},
    wrapping::{Binding, Subject, Wrapped, WrappingError, WrappingKey},
};

/// Wraps and opens private keys.
pub struct Vault {
    pub(crate) pool: Pool,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// The master key, or nothing when it is not the one that this database belongs to.
    master: Option<WrappingKey>,
    organization_keys: Mutex<HashMap<(OrganizationId, i32), Arc<WrappingKey>>>,
}

/// Why a key cannot be wrapped or opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The database was made with another master key.
    #[error("the configured master key is not the one this database was made with")]
    OtherMasterKey,
    /// No blob: destroyed, or never stored.
    #[error("the secret part of {0} is gone")]
    Gone(Subject),
    /// The blob is not what was stored here.
    #[error("{0} does not open")]
    Wrapping(Subject, #[source] WrappingError),
    /// The organization's key is not what was stored here.
    #[error("the wrapping key of organization {0} does not open")]
    OrganizationKey(OrganizationId, #[source] WrappingError),
    /// What was opened is no key.
    #[error("key {0} is not what it should be")]
    Content(KeyId, #[source] SigningError),
    /// The tables.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Database(error) => error.into(),
            VaultError::OtherMasterKey => {
                Self::new(Code::KeystoreSealed, format!("{error}; nothing can be opened"))
            }
            VaultError::Gone(_) => Self::new(Code::InvalidState, error.to_string()),
            VaultError::Wrapping(..) | VaultError::OrganizationKey(..) | VaultError::Content(..) => {
                tracing::error!(error = runtime::error::words(&error), "a stored key cannot be used");
                Self::internal()
            }
        }
    }
}

/// Why the vault is not open yet.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No master key: somebody has to do something.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// The tables: trying again helps.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The process is stopping.
    #[error("keystore is stopping")]
    Stopped,
}

impl Vault {
    /// Takes the master key and compares it with the one this database belongs to. With another one the vault is
    /// made all the same, and refuses every operation (see [`Self::check`]).
    pub async fn unlock(
        pool: Pool,
        source: Arc<Source>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, OpenError> {
        let salt = salt(&pool, &*entropy).await?;
        let derive = move || source.master_key(&salt);
        let master = tokio::task::spawn_blocking(derive).await.map_err(|_| OpenError::Stopped)??;
        let ours = registered(&pool, master.id()).await? == master.id();
        Ok(Self { pool, entropy, master: ours.then_some(master), organization_keys: Mutex::default() })
    }

    /// Whether the master key is the right one. Errors: [`VaultError::OtherMasterKey`].
    pub fn check(&self) -> Result<(), VaultError> {
        self.master().map(|_| ())
    }

    /// Wraps a new secret, for the caller to store.
    pub async fn wrap(&self, binding: &Binding, secret: &SecretBytes) -> Result<Wrapped, VaultError> {
        let organization_key = self.newest_organization_key(binding.organization).await?;
        organization_key
            .wrap(binding, secret, &*self.entropy)
            .map_err(|error| VaultError::Wrapping(binding.subject, error))
    }

    /// Opens a private key, given what the log says it is: another key's blob in its row does not open.
    pub async fn open_key(
        &self,
        organization: OrganizationId,
        key: &KeyGenerated,
    ) -> Result<SigningKey, VaultError> {
        let private_key = self.open_secret(&binding(organization, key)).await?;
        SigningKey::from_pkcs8(key.algorithm, &private_key)
            .map_err(|error| VaultError::Content(key.id, error))
    }

    /// Opens a secret, given what the caller takes it for: what is bound to anything else does not open.
    pub async fn open_secret(&self, binding: &Binding) -> Result<SecretBytes, VaultError> {
        self.check()?;
        let subject = binding.subject;
        let wrapped = self.wrapped(&subject).await?.ok_or(VaultError::Gone(subject))?;
        self.open(binding, &wrapped).await
    }

    /// Opens what was wrapped for this, wherever it stood.
    pub async fn open(&self, binding: &Binding, wrapped: &Wrapped) -> Result<SecretBytes, VaultError> {
        self.check()?;
        let organization_key = self.organization_key(binding.organization, wrapped.organization_key).await?;
        organization_key
            .unwrap(binding, wrapped)
            .map_err(|error| VaultError::Wrapping(binding.subject, error))
    }

    fn master(&self) -> Result<&WrappingKey, VaultError> {
        self.master.as_ref().ok_or(VaultError::OtherMasterKey)
    }

    async fn wrapped(&self, subject: &Subject) -> Result<Option<Wrapped>, DatabaseError> {
        let sql = match subject {
            Subject::Key { .. } => {
                "select organization_key, data_key, private_key from keystore.wrapped_key where key_id = $1"
            }
            Subject::Credential { .. } => {
                "select organization_key, data_key, secret from keystore.wrapped_credential \
                 where credential_id = $1"
            }
            Subject::Upload { .. } => return Ok(None),
        };
        let client = self.pool.get().await?;
        let statement = client.prepare_cached(sql).await?;
        let Some(row) = client.query_opt(&statement, &[&subject.uuid()]).await? else { return Ok(None) };
        let (organization_key, data_key, secret) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(Some(Wrapped { organization_key, data_key, secret }))
    }

    /// The key that new keys are wrapped under; made when there is none.
    async fn newest_organization_key(
        &self,
        organization: OrganizationId,
    ) -> Result<Arc<WrappingKey>, VaultError> {
        const SQL: &str = "select max(version) from keystore.organization_key where organization = $1";
        let client = self.pool.get().await.map_err(DatabaseError::from)?;
        let statement = client.prepare_cached(SQL).await.map_err(DatabaseError::from)?;
        let row = client.query_one(&statement, &[&organization.uuid()]).await.map_err(DatabaseError::from)?;
        drop(client);
        match row.try_get::<_, Option<i32>>(0).map_err(DatabaseError::from)? {
            Some(version) => self.organization_key(organization, version).await,
            None => {
                self.make_organization_key(organization, 1).await?;
                self.organization_key(organization, 1).await
            }
        }
    }

    /// Draws and stores an organization key, unless another instance was faster.
    pub(crate) async fn make_organization_key(
        &self,
        organization: OrganizationId,
        version: i32,
    ) -> Result<(), VaultError> {
        const SQL: &str = "insert into keystore.organization_key (organization, version, wrapped) \
             values ($1, $2, $3) on conflict do nothing";
        let wrapped = self
            .master()?
            .make_organization_key(organization, version, &*self.entropy)
            .map_err(|error| VaultError::OrganizationKey(organization, error))?;
        let client = self.pool.get().await.map_err(DatabaseError::from)?;
        let statement = client.prepare_cached(SQL).await.map_err(DatabaseError::from)?;
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
            [&organization.uuid(), &version, &wrapped];
        client.execute(&statement, &parameters).await.map_err(DatabaseError::from)?;
        Ok(())
    }

    /// A version of an organization's key, opened.
    pub(crate) async fn organization_key(
        &self,
        organization: OrganizationId,
        version: i32,
    ) -> Result<Arc<WrappingKey>, VaultError> {
        const SQL: &str =
            "select wrapped from keystore.organization_key where organization = $1 and version = $2";
        if let Some(key) = self.organization_keys.lock().get(&(organization, version)) {
            return Ok(key.clone());
        }
        let client = self.pool.get().await.map_err(DatabaseError::from)?;
        let statement = client.prepare_cached(SQL).await.map_err(DatabaseError::from)?;
        let row = client.query_one(&statement, &[&organization.uuid(), &version]).await;
        let wrapped: Vec<u8> = row.and_then(|row| row.try_get(0)).map_err(DatabaseError::from)?;
        let key = self
            .master()?
            .open_organization_key(organization, version, &wrapped)
            .map_err(|error| VaultError::OrganizationKey(organization, error))?;
        let key = Arc::new(key);
        self.organization_keys.lock().insert((organization, version), key.clone());
        Ok(key)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault([redacted])")
    }
}

/// What a key is bound to. Keys are not re-keyed in place yet, so each has its first version.
#[must_use]
pub fn binding(organization: OrganizationId, key: &KeyGenerated) -> Binding {
    let subject = Subject::Key { id: key.id, algorithm: key.algorithm, purpose: key.purpose };
    Binding { organization, subject, version: 1 }
}

/// The salt of this installation, drawn once.
async fn salt(pool: &Pool, entropy: &dyn Entropy) -> Result<[u8; SALT], DatabaseError> {
    let drawn = entropy::bytes::<SALT>(entropy);
    let client = pool.get().await?;
    let insert = "insert into keystore.master_key (salt) values ($1) on conflict do nothing";
    client.execute(insert, &[&drawn.as_slice()]).await?;
    let row = client.query_one("select salt from keystore.master_key", &[]).await?;
    row.try_get::<_, &[u8]>(0)?.try_into().map_err(|_| DatabaseError::Missing)
}

/// The name of the master key this database belongs to: `ours`, when it belongs to none yet.
async fn registered(pool: &Pool, ours: Uuid) -> Result<Uuid, DatabaseError> {
    let client = pool.get().await?;
    client.execute("update keystore.master_key set id = $1 where id is null", &[&ours]).await?;
    Ok(client.query_one("select id from keystore.master_key", &[]).await?.try_get(0)?)
}
