//! Whether the keystore holds what the log says it holds: every key that was made and not destroyed has its blob, and the
//! blob opens. Keys in tokens have none. A backup is worth nothing without that.

use std::{collections::BTreeMap, sync::Arc};

use contracts::{
    Event, KeyId, OrganizationId,
    keystore::{KeyEvent, KeyGenerated},
};
use deadpool_postgres::Pool;
use eventlog::Reader;
use runtime::entropy::Entropy;

use crate::{
    database::DatabaseError,
    master_key::Source,
    vault::{OpenError, Vault, VaultError},
};

/// Most events read at once.
const PAGE: i64 = 5_000;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Custody {
    /// Keys that the log says are kept here.
    pub keys: usize,
    /// Keys that are in tokens: there is nothing of them here.
    pub in_tokens: usize,
    /// Those without a blob.
    pub missing: Vec<KeyId>,
    /// Those whose blob does not open; none are tried without a master key.
    pub closed: Vec<KeyId>,
}

/// Why it could not be found out.
#[derive(Debug, thiserror::Error)]
pub enum CustodyError {
    /// The log.
    #[error("the log cannot be read: {0}")]
    Log(String),
    /// The tables.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The master key.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It is another one, or the tables are away.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// Compares the blobs with the log, with the keystore's login; with a master key each is opened, too.
pub async fn custody(
    pool: &Pool,
    master_key: Option<Source>,
    entropy: Arc<dyn Entropy>,
) -> Result<Custody, CustodyError> {
    let mut kept = kept(&Reader::new(pool.clone())).await?;
    let all = kept.len();
    kept.retain(|_, (_, key)| key.token.is_none());
    let mut found = Custody { keys: kept.len(), in_tokens: all - kept.len(), ..Custody::default() };
    let Some(source) = master_key else {
        let blobs = blobs(pool).await?;
        found.missing = kept.into_keys().filter(|key| !blobs.contains(key)).collect();
        return Ok(found);
    };
    let vault = Vault::unlock(pool.clone(), Arc::new(source), entropy).await?;
    vault.check()?;
    for (id, (organization, key)) in kept {
        match vault.open_key(organization, &key).await {
            Ok(_) => {}
            Err(VaultError::Gone(_)) => found.missing.push(id),
            Err(error @ VaultError::Database(_)) => return Err(error.into()),
            Err(_) => found.closed.push(id),
        }
    }
    Ok(found)
}

/// What the log says is kept.
async fn kept(reader: &Reader) -> Result<BTreeMap<KeyId, (OrganizationId, KeyGenerated)>, CustodyError> {
    let (mut kept, mut position) = (BTreeMap::new(), 0);
    loop {
        let page = reader.read(position, Some(&[KeyEvent::CATEGORY]), PAGE).await;
        let page = page.map_err(|error| CustodyError::Log(runtime::error::words(&error)))?;
        let Some(last) = page.last() else { return Ok(kept) };
        position = last.position;
        for recorded in &page {
            let event = KeyEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload);
            match event.map_err(|error| CustodyError::Log(runtime::error::words(&error)))? {
                KeyEvent::Generated(key) => {
                    kept.insert(key.id, (OrganizationId(recorded.tenant), key));
                }
                KeyEvent::Imported(imported) => {
                    kept.insert(imported.key.id, (OrganizationId(recorded.tenant), imported.key));
                }
                KeyEvent::Destroyed(_) => {
                    kept.remove(&KeyId(recorded.stream));
                }
                KeyEvent::Exported(_) | KeyEvent::CsrSigned(_) | KeyEvent::Compromised(_) => {}
            }
        }
    }
}

async fn blobs(pool: &Pool) -> Result<std::collections::HashSet<KeyId>, DatabaseError> {
    let client = pool.get().await?;
    let rows = client.query("select key_id from keystore.wrapped_key", &[]).await?;
    rows.iter().map(|row| Ok(KeyId(row.try_get(0)?))).collect()
}
