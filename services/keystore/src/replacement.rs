//! A new master key takes the place of the one before (B9), while everything goes on.
//!
//! The new key is on the disk before the event that names it; then one statement makes it the one that opens the database,
//! and puts the old one, wrapped under the new one, beside it. From there on everything under the old one is wrapped anew,
//! every organization gets a new key, and every data key comes under that. At the end the old one is forgotten. Whatever is
//! cut off is gone on with: what is to be done is read from the database, and done twice it changes nothing.

use std::{sync::Arc, time::Duration};

use bus::Context;
use contracts::{
    Actor, OrganizationId, Problem, Service,
    keystore::{MasterKeyRotationBegun, master_key_stream},
};
use eventlog::Reader;
use runtime::{clock::Clock, repository::Repository};
use tokio::sync::{Mutex, Notify};
use uuid::Uuid;

use crate::{
    database::DatabaseError,
    master_key::{MasterKey, MasterKeyError, Source},
    mastership::{Command, Mastership},
    registry::{self, Registered},
    rotation::{self, RotationError},
    vault::{OpenError, Vault, VaultError},
    wrapping::WrappingError,
};

/// Time between two looks at whether something is left to do.
const PERIOD: Duration = Duration::from_secs(3_600);
/// Pause after something went wrong.
const PAUSE: Duration = Duration::from_secs(5);
/// Organization keys wrapped anew in one go.
const BATCH: i64 = 100;

/// Replaces master keys.
pub struct Replacement {
    /// The keys.
    pub vault: Arc<Vault>,
    /// The log.
    pub reader: Reader,
    /// What was decided.
    pub mastership: Repository<Mastership>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Something is to be done.
    pub wanted: Notify,
    /// Held while a new key is announced and takes hold, and while a rotation is gone on with.
    pub turn: Mutex<()>,
}

/// Why a rotation stopped; the next try goes on where it was.
#[derive(Debug, thiserror::Error)]
pub enum ReplacementError {
    /// The tables.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The place of the master key.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The vault, as it is opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Keys beneath.
    #[error(transparent)]
    Rotation(#[from] RotationError),
    /// An organization's key is not what was stored here.
    #[error("the key of organization {0} does not open under the master key before")]
    OrganizationKey(OrganizationId, #[source] WrappingError),
    /// The log.
    #[error("the log: {0}")]
    Log(Problem),
}

impl From<Problem> for ReplacementError {
    fn from(problem: Problem) -> Self {
        Self::Log(problem)
    }
}

impl Replacement {
    /// Goes on with what is to be done, for ever.
    pub async fn run(self: Arc<Self>) {
        loop {
            let pause = match self.go_on().await {
                Ok(()) => PERIOD,
                Err(error) => {
                    let error = runtime::error::words(&error);
                    tracing::warn!(error, "the rotation of the master key will go on later");
                    PAUSE
                }
            };
            _ = tokio::time::timeout(pause, self.wanted.notified()).await;
        }
    }

    /// Does all that is left of a rotation.
    pub async fn go_on(&self) -> Result<(), ReplacementError> {
        let _turn = self.turn.lock().await;
        let Ok(masters) = self.vault.masters() else { return Ok(()) };
        let known = self.mastership.reload(master_key_stream()).await?;
        if let Some(begun) = &known.state.rotating {
            if !self.take_hold(begun, None).await? {
                return self.give_up(begun).await;
            }
            let (organization_keys, data_keys) = self.wrap_anew().await?;
            // Written before the act: the one before is forgotten below.
            let command = Command::Finish { id: begun.id, organization_keys, data_keys };
            self.mastership.execute(&self.context(begun.id), master_key_stream(), command).await?;
            fail::fail_point!("X44-rotated-not-forgotten");
            tracing::info!(rewrapped = data_keys, "the master key was rotated");
        } else if masters.previous.is_none() {
            return Ok(());
        } else {
            // Cut off between the end of a rotation and this; or there is more to do than anybody knew.
            self.wrap_anew().await?;
        }
        let id = self.vault.masters()?.current.id();
        if registry::forget_previous(&self.vault.pool, id).await? {
            self.vault.reload().await?;
        }
        Ok(())
    }

    /// A rotation that did not take hold, and whose new key is not here. What people entered was in memory alone, so it is
    /// lost; a file may be with another instance.
    async fn give_up(&self, begun: &MasterKeyRotationBegun) -> Result<(), ReplacementError> {
        match **self.vault.source() {
            Source::Entered(_) => {
                let context = self.context(begun.id).step("abandon");
                self.mastership
                    .execute(&context, master_key_stream(), Command::Abandon { id: begun.id })
                    .await?;
            }
            Source::File(_) | Source::Key(_) | Source::Passphrase(_) => {
                tracing::warn!("a rotation of the master key waits for the instance that has the new key");
            }
        }
        Ok(())
    }

    /// Makes the new key the one that opens the database, unless it is already. Whether it is: its bytes may be with
    /// another instance alone. `new` is the key, where it stands nowhere yet.
    pub async fn take_hold(
        &self,
        begun: &MasterKeyRotationBegun,
        new: Option<MasterKey>,
    ) -> Result<bool, ReplacementError> {
        let vault = &self.vault;
        let Registered { id, .. } = registry::read(&vault.pool, &*vault.entropy).await?;
        if id == Some(begun.previous_id) {
            let (source, id) = (vault.source().clone(), begun.id);
            let prepared = match &new {
                Some(_) => None,
                None => blocking(move || source.prepared(id)).await?,
            };
            let Some(taken) = new.as_ref().or(prepared.as_ref()) else { return Ok(false) };
            let masters = vault.masters()?;
            let wrapped =
                taken.wrap_previous(&masters.current, &*vault.entropy).map_err(MasterKeyError::from)?;
            // What a rotation before this one left to be forgotten.
            registry::forget_previous(&vault.pool, begun.previous_id).await?;
            registry::replace(&vault.pool, begun.previous_id, begun.id, &wrapped).await?;
            fail::fail_point!("X42-master-key-registered");
        }
        // Only what opens the database is put into its place: whatever else was decided, the file stays what it is.
        if registry::read(&vault.pool, &*vault.entropy).await?.id != Some(begun.id) {
            return Ok(false);
        }
        let (source, id) = (vault.source().clone(), begun.id);
        blocking(move || source.install(id)).await?;
        match new {
            Some(new) => _ = vault.unseal(new).await?,
            None => vault.reload().await?,
        }
        Ok(vault.masters()?.current.id() == begun.id)
    }

    /// Wraps everything anew; so many organization keys and data keys it were.
    async fn wrap_anew(&self) -> Result<(u32, u32), ReplacementError> {
        let organization_keys = self.organization_keys().await?;
        let data_keys = rotation::rotate(&self.vault, &self.reader).await?;
        Ok((organization_keys, u32::try_from(data_keys).unwrap_or(u32::MAX)))
    }

    /// Wraps organization keys under the new master key, batch by batch.
    async fn organization_keys(&self) -> Result<u32, ReplacementError> {
        const OLD: &str = "select organization, version, wrapped from keystore.organization_key \
             where master_key = $1 order by organization, version limit $2";
        const REWRAP: &str = "update keystore.organization_key o set wrapped = n.wrapped, master_key = $1 \
             from unnest($2::uuid[], $3::int[], $4::bytea[]) n(organization, version, wrapped) \
             where o.organization = n.organization and o.version = n.version and o.master_key = $5";
        let masters = self.vault.masters()?;
        let Some(previous) = &masters.previous else { return Ok(0) };
        let (old, new) = (previous.id(), masters.current.id());
        let mut rewrapped = 0;
        loop {
            let client = self.vault.pool.get().await.map_err(DatabaseError::from)?;
            let rows = client.query(OLD, &[&old, &BATCH]).await.map_err(DatabaseError::from)?;
            if rows.is_empty() {
                return Ok(rewrapped);
            }
            let (mut organizations, mut versions, mut blobs) = (vec![], vec![], vec![]);
            for row in &rows {
                let read = || Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
                let (organization, version, blob): (Uuid, i32, Vec<u8>) =
                    read().map_err(|error: tokio_postgres::Error| DatabaseError::from(error))?;
                let wrapped = masters.current.wrapping().rewrap_organization_key(
                    previous.wrapping(),
                    OrganizationId(organization),
                    version,
                    &blob,
                    &*self.vault.entropy,
                );
                let wrapped = wrapped.map_err(|error| {
                    ReplacementError::OrganizationKey(OrganizationId(organization), error)
                })?;
                organizations.push(organization);
                versions.push(version);
                blobs.push(wrapped);
            }
            let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
                [&new, &organizations, &versions, &blobs, &old];
            let changed = client.execute(REWRAP, &parameters).await.map_err(DatabaseError::from)?;
            rewrapped += u32::try_from(changed).unwrap_or(u32::MAX);
            fail::fail_point!("X43-organization-keys-rewrapped");
        }
    }

    /// What the keystore does on its own account, the same however often it is done.
    fn context(&self, rotation: Uuid) -> Context {
        let command = Uuid::new_v5(&rotation, b"finish");
        let deadline = self.clock.now().plus(time::Duration::MINUTE);
        Context::new(command, OrganizationId::INSTALLATION, Actor::Service(Service::Keystore), deadline)
    }
}

impl std::fmt::Debug for Replacement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Replacement")
    }
}

/// Files are waited for elsewhere.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, MasterKeyError> + Send + 'static,
) -> Result<T, ReplacementError> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|_| OpenError::Stopped)?;
    Ok(done?)
}
