//! Organization keys are replaced before they wear out (K-1): yearly, or before 2^28 uses; and after the master key was.
//!
//! Only data keys are wrapped anew, one by one and while everything goes on; an interrupted rotation goes on where it
//! stopped, and several instances may do it at once. An old version is deleted once nothing needs it for a day.

use std::{collections::HashMap, sync::Arc, time::Duration};

use contracts::{
    CredentialId, Event as _, OrganizationId,
    keystore::{CredentialPurpose, KeyEvent},
};
use eventlog::{ReadError, Reader};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::{
    credential,
    database::DatabaseError,
    vault::{self, Vault, VaultError},
    wrapping::{Binding, Wrapped},
};

/// Time between two looks.
const PERIOD: Duration = Duration::from_secs(3_600);
/// Keys or credentials looked at in one query.
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
     having max(k.made_at) < now() - interval '365 days' \
     or max(k.made_at) < (select replaced_at from keystore.master_key) or \
     (select count(*) from keystore.wrapped_key w where w.organization = k.organization \
     and w.organization_key = max(k.version)) + \
     (select count(*) from keystore.wrapped_credential w where w.organization = k.organization \
     and w.organization_key = max(k.version)) >= 268435456 - 1000000";
const DROP: &str = "delete from keystore.organization_key k where exists (select from keystore.organization_key n \
     where n.organization = k.organization and n.version > k.version and n.made_at < now() - interval '1 day') \
     and not exists (select from keystore.wrapped_key w where w.organization = k.organization and w.organization_key = k.version) \
     and not exists (select from keystore.wrapped_credential w where w.organization = k.organization \
     and w.organization_key = k.version)";

/// Makes new versions of worn organization keys, wraps what is under older ones anew, and drops versions that nothing
/// needs. Returns how many keys and credentials were wrapped anew.
pub async fn rotate(vault: &Vault, reader: &Reader) -> Result<u64, RotationError> {
    for row in vault.pool.get().await?.query(WORN, &[]).await? {
        let (organization, version): (Uuid, i32) = (row.try_get(0)?, row.try_get(1)?);
        vault.make_organization_key(OrganizationId(organization), version + 1).await?;
    }
    let rewrapped =
        rewrap_all(vault, reader, Kind::Key).await? + rewrap_all(vault, reader, Kind::Credential).await?;
    vault.pool.get().await?.execute(DROP, &[]).await?;
    Ok(rewrapped)
}

/// What is wrapped anew: a table each.
#[derive(Clone, Copy)]
enum Kind {
    Key,
    Credential,
}

impl Kind {
    const fn outdated(self) -> &'static str {
        match self {
            Self::Key => {
                "select w.key_id, w.organization, w.organization_key, w.data_key, w.private_key, n.version, null::text \
                 from keystore.wrapped_key w join (select organization, max(version) as version \
                 from keystore.organization_key group by organization) n \
                 on n.organization = w.organization and n.version > w.organization_key \
                 where w.key_id > $1 order by w.key_id limit $2"
            }
            Self::Credential => {
                "select w.credential_id, w.organization, w.organization_key, w.data_key, w.secret, n.version, w.purpose \
                 from keystore.wrapped_credential w join (select organization, max(version) as version \
                 from keystore.organization_key group by organization) n \
                 on n.organization = w.organization and n.version > w.organization_key \
                 where w.credential_id > $1 order by w.credential_id limit $2"
            }
        }
    }

    const fn rewrap(self) -> &'static str {
        match self {
            Self::Key => {
                "update keystore.wrapped_key set organization_key = $1, data_key = $2 \
                 where key_id = $3 and organization_key = $4"
            }
            Self::Credential => {
                "update keystore.wrapped_credential set organization_key = $1, data_key = $2 \
                 where credential_id = $3 and organization_key = $4"
            }
        }
    }
}

async fn rewrap_all(vault: &Vault, reader: &Reader, kind: Kind) -> Result<u64, RotationError> {
    let (mut rewrapped, mut last) = (0, Uuid::nil());
    loop {
        let batch = outdated(vault, kind, last).await?;
        let Some(end) = batch.last() else { return Ok(rewrapped) };
        last = end.id;
        let bindings = match kind {
            Kind::Key => bindings_of_keys(reader, &batch).await?,
            Kind::Credential => batch.iter().filter_map(binding_of_credential).collect(),
        };
        for outdated in &batch {
            // What is not in the log, or does not open, is left as it is: it is of no use under any key.
            let Some(binding) = bindings.get(&outdated.id) else { continue };
            match rewrap(vault, kind, outdated, binding).await {
                Ok(changed) => rewrapped += changed,
                Err(RotationError::Vault(error @ VaultError::Wrapping(..))) => {
                    tracing::error!(error = runtime::error::words(&error), "what is stored cannot be used");
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// A blob under an older organization key.
struct Outdated {
    id: Uuid,
    organization: OrganizationId,
    wrapped: Wrapped,
    newest: i32,
    /// Of a credential.
    purpose: Option<String>,
}

async fn outdated(vault: &Vault, kind: Kind, after: Uuid) -> Result<Vec<Outdated>, RotationError> {
    let rows = vault.pool.get().await?.query(kind.outdated(), &[&after, &BATCH]).await?;
    let read = |row: &tokio_postgres::Row| {
        let (organization_key, data_key, secret) = (row.try_get(2)?, row.try_get(3)?, row.try_get(4)?);
        Ok(Outdated {
            id: row.try_get(0)?,
            organization: OrganizationId(row.try_get(1)?),
            wrapped: Wrapped { organization_key, data_key, secret },
            newest: row.try_get(5)?,
            purpose: row.try_get(6)?,
        })
    };
    rows.iter().map(read).collect()
}

/// What these keys are bound to, as the log says.
async fn bindings_of_keys(
    reader: &Reader,
    keys: &[Outdated],
) -> Result<HashMap<Uuid, Binding>, RotationError> {
    let keys: Vec<Uuid> = keys.iter().map(|key| key.id).collect();
    let events = reader.read_streams(&keys).await?;
    let binding = |event: &eventlog::Recorded| {
        let read = KeyEvent::from_payload(&event.kind, event.schema, &event.payload);
        let key = match read {
            Ok(KeyEvent::Generated(key)) => key,
            Ok(KeyEvent::Imported(imported)) => imported.key,
            _ => return None,
        };
        Some((event.stream, vault::binding(OrganizationId(event.tenant), &key)))
    };
    Ok(events.iter().filter_map(binding).collect())
}

/// What a credential is bound to, as its row says; a row that says something else does not open.
fn binding_of_credential(outdated: &Outdated) -> Option<(Uuid, Binding)> {
    let text = outdated.purpose.as_deref()?;
    let purpose = CredentialPurpose::ALL.iter().copied().find(|purpose| purpose.as_str() == text)?;
    let binding = credential::binding(outdated.organization, CredentialId(outdated.id), purpose);
    Some((outdated.id, binding))
}

async fn rewrap(
    vault: &Vault,
    kind: Kind,
    outdated: &Outdated,
    binding: &Binding,
) -> Result<u64, RotationError> {
    let version = outdated.wrapped.organization_key;
    let old = vault.organization_key(outdated.organization, version).await?;
    let new = vault.organization_key(outdated.organization, outdated.newest).await?;
    let rewrapped = new
        .rewrap(&old, binding, &outdated.wrapped, &*vault.entropy)
        .map_err(|error| VaultError::Wrapping(binding.subject, error))?;
    let parameters: [&(dyn ToSql + Sync); 4] =
        [&rewrapped.organization_key, &rewrapped.data_key, &outdated.id, &version];
    Ok(vault.pool.get().await?.execute(kind.rewrap(), &parameters).await?)
}
