//! Organization keys are replaced before they wear out (K-1): yearly, or before 2^28 uses.
//!
//! Only data keys are wrapped anew, one by one and while everything goes on; an interrupted rotation goes on where it
//! stopped, and several instances may do it at once. An old version is deleted once nothing needs it for a day.

use std::{collections::HashMap, sync::Arc, time::Duration};

use contracts::{Event as _, KeyId, OrganizationId, keystore::KeyEvent};
use eventlog::{ReadError, Reader};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::{
    database::DatabaseError,
    vault::{self, Vault, VaultError},
    wrapping::{Binding, WrappedKey},
};

/// Time between two looks.
const PERIOD: Duration = Duration::from_secs(3_600);
/// Keys looked at in one query.
const BATCH: i64 = 100;

/// Why a rotation stopped; the next one goes on.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The tables or the keys in them.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The log.
    #[error(transparent)]
    Log(#[from] ReadError),
}

impl From<tokio_postgres::Error> for RotationError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Vault(DatabaseError::from(error).into())
    }
}
impl From<deadpool_postgres::PoolError> for RotationError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        Self::Vault(DatabaseError::from(error).into())
    }
}

/// Rotates what is worn, for ever.
pub async fn run(vault: Arc<Vault>, reader: Reader) {
    loop {
        match rotate(&vault, &reader).await {
            Ok(0) => {}
            Ok(rewrapped) => tracing::info!(rewrapped, "data keys wrapped under new organization keys"),
            Err(error) => tracing::warn!(error = runtime::error::words(&error), "rotation will go on later"),
        }
        tokio::time::sleep(PERIOD).await;
    }
}

const WORN: &str = "select k.organization, max(k.version) from keystore.organization_key k group by k.organization \
     having max(k.made_at) < now() - interval '365 days' or (select count(*) from keystore.wrapped_key w \
     where w.organization = k.organization and w.organization_key = max(k.version)) >= 268435456 - 1000000";
const OUTDATED: &str = "select w.key_id, w.organization, w.organization_key, w.data_key, w.private_key, n.version \
     from keystore.wrapped_key w join (select organization, max(version) as version from keystore.organization_key \
     group by organization) n on n.organization = w.organization and n.version > w.organization_key \
     where w.key_id > $1 order by w.key_id limit $2";
const REWRAP: &str = "update keystore.wrapped_key set organization_key = $1, data_key = $2 \
     where key_id = $3 and organization_key = $4";
const DROP: &str = "delete from keystore.organization_key k where exists (select from keystore.organization_key n \
     where n.organization = k.organization and n.version > k.version and n.made_at < now() - interval '1 day') \
     and not exists (select from keystore.wrapped_key w where w.organization = k.organization and w.organization_key = k.version)";

/// Makes new versions of worn organization keys, wraps what is under older ones anew, and drops versions that nothing
/// needs. Returns how many keys were wrapped anew.
pub async fn rotate(vault: &Vault, reader: &Reader) -> Result<u64, RotationError> {
    for row in vault.pool.get().await?.query(WORN, &[]).await? {
        let (organization, version): (Uuid, i32) = (row.try_get(0)?, row.try_get(1)?);
        vault.make_organization_key(OrganizationId(organization), version + 1).await?;
    }
    let (mut rewrapped, mut last) = (0, Uuid::nil());
    loop {
        let batch = outdated(vault, last).await?;
        let Some(end) = batch.last() else { break };
        last = end.key;
        let keys: Vec<Uuid> = batch.iter().map(|outdated| outdated.key).collect();
        let bindings = bindings(reader, &keys).await?;
        for outdated in &batch {
            // A key that is not in the log, or does not open, is left as it is: it is of no use under any key.
            let Some(binding) = bindings.get(&outdated.key) else { continue };
            match rewrap(vault, outdated, binding).await {
                Ok(changed) => rewrapped += changed,
                Err(RotationError::Vault(error @ VaultError::Wrapping(..))) => {
                    tracing::error!(error = runtime::error::words(&error), "a stored key cannot be used");
                }
                Err(error) => return Err(error),
            }
        }
    }
    vault.pool.get().await?.execute(DROP, &[]).await?;
    Ok(rewrapped)
}

/// A key under an older organization key.
struct Outdated {
    key: Uuid,
    organization: OrganizationId,
    wrapped: WrappedKey,
    newest: i32,
}

async fn outdated(vault: &Vault, after: Uuid) -> Result<Vec<Outdated>, RotationError> {
    let rows = vault.pool.get().await?.query(OUTDATED, &[&after, &BATCH]).await?;
    let read = |row: &tokio_postgres::Row| {
        let (organization_key, data_key, private_key) = (row.try_get(2)?, row.try_get(3)?, row.try_get(4)?);
        Ok(Outdated {
            key: row.try_get(0)?,
            organization: OrganizationId(row.try_get(1)?),
            wrapped: WrappedKey { organization_key, data_key, private_key },
            newest: row.try_get(5)?,
        })
    };
    rows.iter().map(read).collect()
}

/// What these keys are bound to, as the log says.
async fn bindings(reader: &Reader, keys: &[Uuid]) -> Result<HashMap<Uuid, Binding>, RotationError> {
    let events = reader.read_streams(keys).await?;
    let binding = |event: &eventlog::Recorded| {
        let read = KeyEvent::from_payload(&event.kind, event.schema, &event.payload);
        let Ok(KeyEvent::Generated(key)) = read else { return None };
        Some((event.stream, vault::binding(OrganizationId(event.tenant), &key)))
    };
    Ok(events.iter().filter_map(binding).collect())
}

async fn rewrap(vault: &Vault, outdated: &Outdated, binding: &Binding) -> Result<u64, RotationError> {
    let version = outdated.wrapped.organization_key;
    let old = vault.organization_key(outdated.organization, version).await?;
    let new = vault.organization_key(outdated.organization, outdated.newest).await?;
    let rewrapped = new
        .rewrap(&old, binding, &outdated.wrapped, &*vault.entropy)
        .map_err(|error| VaultError::Wrapping(KeyId(outdated.key), error))?;
    let parameters: [&(dyn ToSql + Sync); 4] =
        [&rewrapped.organization_key, &rewrapped.data_key, &outdated.key, &version];
    Ok(vault.pool.get().await?.execute(REWRAP, &parameters).await?)
}
