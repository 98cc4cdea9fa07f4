//! Passwords: hashed by argon2id a few at a time, kept beside the log. Names that do not exist take as long.

use std::{collections::HashSet, fs, io, path::Path, sync::Arc, time::Duration};

use argon2::{Algorithm, Argon2, Params, Version};
use contracts::{AdministratorId, Code, Problem, SecretText, Violation};
use deadpool_postgres::Pool;
use runtime::entropy::{self, Entropy};
use subtle::ConstantTimeEq as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use unicode_normalization::UnicodeNormalization as _;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{fields::sign_in_name, person::away};

/// Least characters of a password.
const LEAST: usize = 12;
/// Hashes at once: each takes 64 MiB.
const AT_ONCE: usize = 4;
/// How long a hash waits for its turn.
const PATIENCE: Duration = Duration::from_secs(1);

/// How a password is hashed; kept with each, so that it can be made stronger later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cost {
    memory: u32,
    passes: u32,
    lanes: u32,
}

/// m = 64 MiB, t = 3, p = 4.
const COST: Cost = Cost { memory: 64 * 1_024, passes: 3, lanes: 4 };

/// A password as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Kept {
    salt: Vec<u8>,
    hash: Vec<u8>,
    cost: Cost,
}

/// Compares, judges and keeps passwords.
pub struct Passwords {
    pool: Pool,
    entropy: Arc<dyn Entropy>,
    slots: Arc<Semaphore>,
    breached: HashSet<String>,
}

/// The turn to hash one password.
pub struct Slot(OwnedSemaphorePermit);

impl Passwords {
    /// The table behind this pool; passwords of the file are refused beside the common ones.
    pub fn new(pool: Pool, entropy: Arc<dyn Entropy>, breached: Option<&Path>) -> io::Result<Self> {
        let further = breached.map(fs::read_to_string).transpose()?.unwrap_or_default();
        let breached =
            runtime::common_passwords::LIST.lines().chain(further.lines()).map(sign_in_name).collect();
        Ok(Self { pool, entropy, slots: Arc::new(Semaphore::new(AT_ONCE)), breached })
    }

    /// Waits for a turn, though not for long. Errors: `service_unavailable`.
    pub async fn slot(&self) -> Result<Slot, Problem> {
        let turn = tokio::time::timeout(PATIENCE, self.slots.clone().acquire_owned()).await;
        let taken = turn.ok().and_then(Result::ok);
        taken.map(Slot).ok_or_else(|| Problem::unavailable("too many people sign in at once; try again"))
    }

    /// Whether a password is the kept one. Without one it takes the same time and is not.
    pub async fn is(&self, slot: Slot, kept: Option<Kept>, password: &SecretText) -> Result<bool, Problem> {
        let there = kept.is_some();
        let kept = kept.unwrap_or_else(|| Kept { salt: vec![0; 16], hash: vec![0; 32], cost: COST });
        let hash = hashed(slot, password, kept.salt.clone(), kept.cost).await?;
        let same: bool = hash.ct_eq(&kept.hash).into();
        Ok(there && same)
    }

    /// A password, hashed with a new salt.
    pub async fn hash(&self, slot: Slot, password: &SecretText) -> Result<Kept, Problem> {
        let salt = entropy::bytes::<16>(&*self.entropy).to_vec();
        let hash = hashed(slot, password, salt.clone(), COST).await?;
        Ok(Kept { salt, hash, cost: COST })
    }

    /// What is wrong with a new password of somebody. Errors: `validation_failed`.
    pub fn judge(&self, pointer: &str, password: &SecretText, name: &str) -> Result<(), Problem> {
        let text: Zeroizing<String> = Zeroizing::new(password.reveal().nfkc().collect());
        let refuse = |code: &str, words: String| {
            let violation = Violation::at(pointer, code, words);
            Err(Problem::new(Code::ValidationFailed, "the password cannot be chosen")
                .with_errors(vec![violation]))
        };
        if text.chars().count() < LEAST {
            return refuse("password_too_short", format!("a password has at least {LEAST} characters"));
        }
        let folded = Zeroizing::new(sign_in_name(&text));
        let mut different: Vec<char> = folded.chars().collect();
        different.sort_unstable();
        different.dedup();
        if different.len() < 5 || self.breached.contains(folded.as_str()) {
            let words = "this password is among those that are tried first; a few unrelated words are better";
            return refuse("password_breached", words.to_owned());
        }
        if name.chars().count() >= 4 && folded.contains(name) {
            return refuse("password_contains_name", "the password holds the sign-in name".to_owned());
        }
        Ok(())
    }

    /// The password of an administrator, hashed.
    pub async fn find(&self, administrator: Option<AdministratorId>) -> Result<Option<Kept>, Problem> {
        let id = administrator.map_or(Uuid::nil(), AdministratorId::uuid);
        let client = self.pool.get().await.map_err(away)?;
        let sql = "select salt, hash, memory, passes, lanes from directory.password where administrator = $1";
        let statement = client.prepare_cached(sql).await.map_err(away)?;
        let row = client.query_opt(&statement, &[&id]).await.map_err(away)?;
        Ok(row.map(|row| {
            let number = |at: usize| row.get::<_, i32>(at).unsigned_abs();
            let cost = Cost { memory: number(2), passes: number(3), lanes: number(4) };
            Kept { salt: row.get(0), hash: row.get(1), cost }
        }))
    }

    /// Keeps a password.
    pub async fn keep(&self, administrator: AdministratorId, kept: &Kept) -> Result<(), Problem> {
        let client = self.pool.get().await.map_err(away)?;
        let sql = "insert into directory.password (administrator, salt, hash, memory, passes, lanes) \
                   values ($1, $2, $3, $4, $5, $6) on conflict (administrator) do update set salt = excluded.salt, \
                   hash = excluded.hash, memory = excluded.memory, passes = excluded.passes, lanes = excluded.lanes";
        let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
        let Cost { memory, passes, lanes } = kept.cost;
        let (memory, passes, lanes) = (number(memory), number(passes), number(lanes));
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
            [&administrator.uuid(), &kept.salt, &kept.hash, &memory, &passes, &lanes];
        client.execute(sql, &values).await.map_err(away)?;
        Ok(())
    }

    /// Forgets the password of an administrator.
    pub async fn erase(&self, administrator: AdministratorId) -> Result<(), Problem> {
        let client = self.pool.get().await.map_err(away)?;
        let sql = "delete from directory.password where administrator = $1";
        client.execute(sql, &[&administrator.uuid()]).await.map_err(away)?;
        Ok(())
    }
}

/// argon2id, where blocking is allowed.
async fn hashed(slot: Slot, password: &SecretText, salt: Vec<u8>, cost: Cost) -> Result<Vec<u8>, Problem> {
    let text: Zeroizing<String> = Zeroizing::new(password.reveal().nfkc().collect());
    let work = move || {
        let _turn = slot.0;
        argon2id(text.as_bytes(), &salt, cost)
    };
    let done = tokio::task::spawn_blocking(work).await.map_err(|_| Problem::internal())?;
    done.map_err(|error| {
        tracing::error!(%error, "a password cannot be hashed");
        Problem::internal()
    })
}

fn argon2id(password: &[u8], salt: &[u8], cost: Cost) -> Result<Vec<u8>, argon2::Error> {
    let params = Params::new(cost.memory, cost.passes, cost.lanes, Some(32))?;
    let mut hash = vec![0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(password, salt, &mut hash)?;
    Ok(hash)
}

#[cfg(test)]
mod tests;
