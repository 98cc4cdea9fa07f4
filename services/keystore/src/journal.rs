//! The signature journal (C-3): a signature leaves keystore only after it is durable here, under its intent, and an
//! intent has one for ever. Of two that sign the same intent, the first to be journaled is what both release.

use std::collections::HashMap;

use contracts::KeyId;
use deadpool_postgres::Pool;
use uuid::Uuid;

use crate::{
    database::DatabaseError,
    group::{Group, Together},
};

/// A signature that was made and not released.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The event that permits it.
    pub intent: Uuid,
    /// The key that made it.
    pub key: KeyId,
    /// SHA-256 of what was signed.
    pub tbs_sha256: [u8; 32],
    /// The signature.
    pub signature: Vec<u8>,
}

/// The journal, written by many callers in one transaction at a time.
pub type Journal = Group<Writer>;

/// Writes entries together.
#[derive(Debug)]
pub struct Writer {
    pool: Pool,
}

/// The journal in this database.
#[must_use]
pub fn open(pool: Pool) -> Journal {
    Group::start(Writer { pool })
}

const INSERT: &str = "insert into keystore.signature (intent_event, key_id, tbs_sha256, signature) \
     select * from unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::bytea[]) \
     on conflict (intent_event) do nothing returning intent_event";
const FIND: &str = "select intent_event, signature from keystore.signature where intent_event = any ($1)";

impl Together for Writer {
    type Question = Entry;
    /// The signature to release: this one, or the one that was there first.
    type Answer = Result<Vec<u8>, DatabaseError>;

    async fn answer(&mut self, entries: Vec<Entry>) -> Vec<Self::Answer> {
        match self.write(&entries).await {
            Ok(released) => entries
                .iter()
                .map(|entry| released.get(&entry.intent).cloned().ok_or(DatabaseError::Missing))
                .collect(),
            Err(error) => entries.iter().map(|_| Err(error.clone())).collect(),
        }
    }
}

impl Writer {
    /// Makes every entry durable in one statement; what is there already is read back.
    async fn write(&self, entries: &[Entry]) -> Result<HashMap<Uuid, Vec<u8>>, DatabaseError> {
        // Two callers with one intent: the first one's is it.
        let mut released: HashMap<Uuid, Vec<u8>> = HashMap::with_capacity(entries.len());
        let mut firsts = Vec::with_capacity(entries.len());
        for entry in entries {
            released.entry(entry.intent).or_insert_with(|| {
                firsts.push(entry);
                entry.signature.clone()
            });
        }
        let intents: Vec<Uuid> = firsts.iter().map(|entry| entry.intent).collect();
        let keys: Vec<Uuid> = firsts.iter().map(|entry| entry.key.uuid()).collect();
        let hashes: Vec<&[u8]> = firsts.iter().map(|entry| entry.tbs_sha256.as_slice()).collect();
        let signatures: Vec<&[u8]> = firsts.iter().map(|entry| entry.signature.as_slice()).collect();

        let client = self.pool.get().await?;
        let insert = client.prepare_cached(INSERT).await?;
        let written = client.query(&insert, &[&intents, &keys, &hashes, &signatures]).await?;
        if written.len() < firsts.len() {
            for (intent, signature) in find(&self.pool, &intents).await? {
                released.insert(intent, signature);
            }
        }
        Ok(released)
    }
}

/// The signatures that stand in the journal under these intents.
pub async fn find(pool: &Pool, intents: &[Uuid]) -> Result<Vec<(Uuid, Vec<u8>)>, DatabaseError> {
    let client = pool.get().await?;
    let find = client.prepare_cached(FIND).await?;
    let rows = client.query(&find, &[&intents]).await?;
    Ok(rows
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<_, tokio_postgres::Error>>()?)
}
