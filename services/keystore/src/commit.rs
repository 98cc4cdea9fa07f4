//! The event of a key or credential and its wrapped bytes change in one statement: one that the log knows has a blob until
//! it is destroyed, unless it is in a token, and none from then on. A crash at any instruction leaves both or neither, so nothing is swept.
//!
//! Such appends are rare, so they go past the shared appender; the log's lock is held within this one statement,
//! never across a round trip.

use contracts::keystore::CredentialPurpose;
use deadpool_postgres::Pool;
use eventlog::{Append, AppendError, Expected, Outcome, SHARD};
use sha2::{Digest as _, Sha256};
use tokio_postgres::{Row, error::SqlState, types::ToSql};

use crate::wrapping::Wrapped;

/// What happens to the wrapped bytes of the key or credential whose stream is appended to.
#[derive(Clone, Copy, Debug)]
pub enum Blob<'a> {
    /// A key's are stored.
    KeepKey(&'a Wrapped),
    /// A key has none: it is in a token.
    InToken,
    /// A key's are deleted (K-8).
    ShredKey,
    /// A credential's are stored.
    KeepCredential(CredentialPurpose, &'a Wrapped),
    /// A credential's are deleted.
    ShredCredential,
}

const APPENDED: &str = "with appended as (select * from log.append($1, array[$2::uuid], array[$3::text], array[$4::uuid], \
     array[$5::int], array[$6::uuid], array[$7::bytea], array[$8::uuid], array[$9::uuid], array[$10::text], \
     array[$11::text], array[1], array[$12::uuid], array[$13::text], array[$14::smallint], array[$15::text::json], \
     array[$16::bytea]))";
const KEEP_KEY: &str = ", kept as (insert into keystore.wrapped_key (key_id, organization, organization_key, data_key, \
     private_key) select $4, $2, $17, $18, $19 from appended where status = 'ok')";
const SHRED_KEY: &str = ", shredded as (delete from keystore.wrapped_key where key_id = $4 \
     and exists (select from appended where status in ('ok', 'replayed')))";
const KEEP_CREDENTIAL: &str = ", kept as (insert into keystore.wrapped_credential (credential_id, organization, \
     organization_key, data_key, secret, purpose) select $4, $2, $17, $18, $19, $20 from appended where status = 'ok')";
const SHRED_CREDENTIAL: &str = ", shredded as (delete from keystore.wrapped_credential where credential_id = $4 \
     and exists (select from appended where status in ('ok', 'replayed')))";
const RESULT: &str = " select status, version, first, last from appended";

/// Appends one event to the stream of a key or credential and changes its blob with it.
///
/// A connection lost midway leaves the outcome unknown: it is asked again once, with the same command id.
pub async fn commit(pool: &Pool, append: &Append, blob: Blob<'_>) -> Result<Outcome, AppendError> {
    match attempt(pool, append, blob).await {
        Err(AppendError::Unavailable(_)) => attempt(pool, append, blob).await,
        settled => settled,
    }
}

async fn attempt(pool: &Pool, append: &Append, blob: Blob<'_>) -> Result<Outcome, AppendError> {
    let [event] = &append.events[..] else {
        return Err(AppendError::Refused("such a command has one event".into()));
    };
    let expected = match append.expected {
        Expected::Any => -1,
        Expected::Version(version) => version,
    };
    let hash = Sha256::digest(&event.payload);
    let (fingerprint, hash) = (append.fingerprint.as_slice(), hash.as_slice());
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![
        &SHARD,
        &append.tenant,
        &append.category,
        &append.stream,
        &expected,
        &append.command_id,
        &fingerprint,
        &append.causation,
        &append.correlation,
        &append.actor,
        &append.traceparent,
        &event.id,
        &event.kind,
        &event.schema,
        &event.payload,
        &hash,
    ];
    let purpose;
    let change = match blob {
        Blob::KeepKey(wrapped) => {
            parameters.extend(columns(wrapped));
            KEEP_KEY
        }
        Blob::KeepCredential(of, wrapped) => {
            purpose = of.as_str();
            parameters.extend(columns(wrapped));
            parameters.push(&purpose);
            KEEP_CREDENTIAL
        }
        Blob::InToken => "",
        Blob::ShredKey => SHRED_KEY,
        Blob::ShredCredential => SHRED_CREDENTIAL,
    };
    let client = pool.get().await.map_err(|error| AppendError::Unavailable(error.to_string()))?;
    let statement =
        client.prepare_cached(&format!("{APPENDED}{change}{RESULT}")).await.map_err(unavailable)?;
    let row = client.query_one(&statement, &parameters).await.map_err(unavailable)?;
    outcome(&row).map_err(unavailable)?
}

fn columns(wrapped: &Wrapped) -> [&(dyn ToSql + Sync); 3] {
    [&wrapped.organization_key, &wrapped.data_key, &wrapped.secret]
}

fn outcome(row: &Row) -> Result<Result<Outcome, AppendError>, tokio_postgres::Error> {
    let (status, version): (&str, i32) = (row.try_get(0)?, row.try_get(1)?);
    let positions = || Ok::<(i64, i64), tokio_postgres::Error>((row.try_get(2)?, row.try_get(3)?));
    Ok(match status {
        "ok" => positions().map(|(first, last)| Ok(Outcome::Committed { version, first, last }))?,
        "replayed" => positions().map(|(first, last)| Ok(Outcome::Replayed { version, first, last }))?,
        "conflict" => Err(AppendError::Conflict { version }),
        "key_reuse" => Err(AppendError::KeyReuse),
        _ => Err(AppendError::WrongStream),
    })
}

/// What the database refuses today and tomorrow, or an outcome that a repeat settles.
fn unavailable(error: tokio_postgres::Error) -> AppendError {
    let words = runtime::error::words(&error);
    match error.code() {
        // Limits and refusals of the log itself; everything else (locks, time-outs, lost connections) may pass.
        Some(
            &SqlState::CHECK_VIOLATION
            | &SqlState::INSUFFICIENT_PRIVILEGE
            | &SqlState::INVALID_TEXT_REPRESENTATION,
        ) => AppendError::Refused(words),
        _ => AppendError::Unavailable(words),
    }
}
