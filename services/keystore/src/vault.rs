//! The wrapped keys and credentials in the database, and the wrapping keys in memory (K-1, K-2).

use std::{collections::HashMap, fmt, sync::Arc};

use contracts::{Code, KeyId, OrganizationId, Problem, keystore::KeyGenerated};
use deadpool_postgres::Pool;
use parking_lot::Mutex;
use runtime::entropy::Entropy;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    SecretBytes,
    database::DatabaseError,
    master_key::{MasterKey, MasterKeyError, Source},
    registry::{self, Registered},
    signing_key::{SigningError, SigningKey},
    wrapping::{Binding, Subject, Wrapped, WrappingError, WrappingKey},
};

/// How often it is tried again after the master key was replaced meanwhile.
const TRIES: usize = 3;

/// Wraps and opens private keys.
pub struct Vault {
    pub(crate) pool: Pool,
    pub(crate) entropy: Arc<dyn Entropy>,
    source: Arc<Source>,
    /// The master keys, or nothing when it is not the one that this database belongs to, or nobody entered it yet.
    masters: watch::Sender<Option<Arc<Masters>>>,
    organization_keys: Mutex<HashMap<(OrganizationId, i32), Arc<WrappingKey>>>,
}

/// The master key, and while a rotation goes on the one before.
#[derive(Debug)]
pub(crate) struct Masters {
    pub(crate) current: Arc<MasterKey>,
    pub(crate) previous: Option<Arc<MasterKey>>,
}

impl Masters {
    fn named(&self, id: Uuid) -> Option<&MasterKey> {
        let previous = self.previous.as_deref();
        [Some(&*self.current), previous].into_iter().flatten().find(|master| master.id() == id)
    }
}

/// Why a key cannot be wrapped or opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The database was made with another master key.
    #[error("the configured master key is not the one this database was made with")]
    OtherMasterKey,
    /// Nobody opened it yet.
    #[error("the keystore is sealed: a custodian opens it with 'chancery keystore unseal'")]
    Sealed,
    /// No blob: destroyed, or never stored.
    #[error("the secret part of {0} is gone")]
    Gone(Subject),
    /// The blob is not what was stored here.
    #[error("{0} does not open")]
    Wrapping(Subject, #[source] WrappingError),
    /// The master key cannot be read any more.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
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
            VaultError::Sealed => Self::new(Code::KeystoreSealed, error.to_string()),
            VaultError::OtherMasterKey => {
                Self::new(Code::KeystoreSealed, format!("{error}; nothing can be opened"))
            }
            VaultError::MasterKey(error) => {
                tracing::error!(error = runtime::error::words(&error), "the master key cannot be read");
                Self::new(Code::KeystoreSealed, "the master key cannot be read; the keystore's log says why")
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
        let vault = Self {
            pool,
            entropy,
            source,
            masters: watch::Sender::default(),
            organization_keys: Mutex::default(),
        };
        vault.reload().await?;
        Ok(vault)
    }

    /// Takes the master key that this database belongs to now: another instance may have replaced it.
    pub(crate) async fn reload(&self) -> Result<(), OpenError> {
        let registered = registry::read(&self.pool, &*self.entropy).await?;
        let (source, wanted, salt) = (self.source.clone(), registered.id, registered.salt);
        let find = move || source.master_key(wanted, &salt);
        let found = tokio::task::spawn_blocking(find).await.map_err(|_| OpenError::Stopped)??;
        // What people entered is in memory alone.
        let entered = || self.masters.borrow().as_ref().map(|masters| masters.current.clone());
        let Some(current) = found.map(Arc::new).or_else(entered) else { return Ok(()) };
        let id = match wanted {
            Some(id) => id,
            None => registry::register(&self.pool, current.id()).await?,
        };
        self.take(current, id, registered)
    }

    /// Opens with a master key that people entered. Whether it is the one that this database belongs to.
    pub(crate) async fn unseal(&self, entered: MasterKey) -> Result<bool, OpenError> {
        let registered = registry::read(&self.pool, &*self.entropy).await?;
        if registered.id != Some(entered.id()) {
            return Ok(false);
        }
        self.take(Arc::new(entered), registered.id.unwrap_or_default(), registered)?;
        Ok(true)
    }

    fn take(&self, current: Arc<MasterKey>, id: Uuid, registered: Registered) -> Result<(), OpenError> {
        let previous = registered.previous.filter(|_| id == current.id());
        let previous = previous.map(|(id, blob)| current.open_previous(id, &blob).map(Arc::new)).transpose();
        let previous = previous.map_err(MasterKeyError::from)?;
        let masters = (id == current.id()).then(|| Arc::new(Masters { current, previous }));
        self.masters.send_replace(masters);
        Ok(())
    }

    /// Returns as soon as it is open.
    pub async fn opened(&self) {
        // The sender lives in `self`, so this cannot fail.
        _ = self.masters.subscribe().wait_for(Option::is_some).await;
    }

    /// Where the master key comes from.
    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Whether the master key is there, and the right one. Errors: [`VaultError::OtherMasterKey`], [`VaultError::Sealed`].
    pub fn check(&self) -> Result<(), VaultError> {
        self.masters().map(|_| ())
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

    pub(crate) fn masters(&self) -> Result<Arc<Masters>, VaultError> {
        let why = || match *self.source {
            Source::Entered(_) => VaultError::Sealed,
            Source::File(_) | Source::Key(_) | Source::Passphrase(_) => VaultError::OtherMasterKey,
        };
        self.masters.borrow().clone().ok_or_else(why)
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
    ///
    /// It is stored only while the master key that wraps it is the one in use, and a rotation waits for the row's lock: once
    /// a new one took hold, nothing comes to be under the old one.
    pub(crate) async fn make_organization_key(
        &self,
        organization: OrganizationId,
        version: i32,
    ) -> Result<(), VaultError> {
        const SQL: &str = "insert into keystore.organization_key (organization, version, wrapped, master_key) \
             select $1, $2, $3, $4 from keystore.master_key where id = $4 for share on conflict do nothing";
        for _ in 0..TRIES {
            let masters = self.masters()?;
            let master = masters.current.wrapping();
            let wrapped = master
                .make_organization_key(organization, version, &*self.entropy)
                .map_err(|error| VaultError::OrganizationKey(organization, error))?;
            let client = self.pool.get().await.map_err(DatabaseError::from)?;
            let statement = client.prepare_cached(SQL).await.map_err(DatabaseError::from)?;
            let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
                [&organization.uuid(), &version, &wrapped, &master.id()];
            let made = client.execute(&statement, &parameters).await.map_err(DatabaseError::from)?;
            drop(client);
            if made == 1 || self.wrapped_organization_key(organization, version).await?.is_some() {
                return Ok(());
            }
            self.look_again().await?;
        }
        Err(VaultError::OtherMasterKey)
    }

    /// A version of an organization's key, opened.
    pub(crate) async fn organization_key(
        &self,
        organization: OrganizationId,
        version: i32,
    ) -> Result<Arc<WrappingKey>, VaultError> {
        if let Some(key) = self.organization_keys.lock().get(&(organization, version)) {
            return Ok(key.clone());
        }
        for _ in 0..TRIES {
            let masters = self.masters()?;
            let found = self.wrapped_organization_key(organization, version).await?;
            let (wrapped, master) = found.ok_or(DatabaseError::Missing)?;
            let Some(master) = masters.named(master) else {
                self.look_again().await?;
                continue;
            };
            let key = master
                .wrapping()
                .open_organization_key(organization, version, &wrapped)
                .map_err(|error| VaultError::OrganizationKey(organization, error))?;
            let key = Arc::new(key);
            self.organization_keys.lock().insert((organization, version), key.clone());
            return Ok(key);
        }
        Err(VaultError::OtherMasterKey)
    }

    /// An organization's key as it is stored, and the name of the master key it is under.
    async fn wrapped_organization_key(
        &self,
        organization: OrganizationId,
        version: i32,
    ) -> Result<Option<(Vec<u8>, Uuid)>, DatabaseError> {
        const SQL: &str = "select wrapped, master_key from keystore.organization_key \
             where organization = $1 and version = $2";
        let client = self.pool.get().await?;
        let statement = client.prepare_cached(SQL).await?;
        let row = client.query_opt(&statement, &[&organization.uuid(), &version]).await?;
        Ok(row.map(|row| Ok::<_, tokio_postgres::Error>((row.try_get(0)?, row.try_get(1)?))).transpose()?)
    }

    async fn look_again(&self) -> Result<(), VaultError> {
        self.reload().await.map_err(|error| match error {
            OpenError::MasterKey(error) => VaultError::MasterKey(error),
            OpenError::Database(error) => VaultError::Database(error),
            OpenError::Stopped => VaultError::OtherMasterKey,
        })
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
