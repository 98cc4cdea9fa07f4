//! Tries of second factors, used steps and recovery codes: beside the log, across all sign-ins of an account.

use contracts::{AdministratorId, Problem, Timestamp};
use deadpool_postgres::Pool;
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

use crate::{lock_out::locked, person::away};

/// So many codes that do not fit may be tried …
const TRIES: usize = 5;
/// … in this time.
const WINDOW: Duration = Duration::minutes(15);

/// The tables `directory.second_factor` and `directory.recovery_code`.
pub struct SecondFactors {
    pool: Pool,
}

impl SecondFactors {
    /// The tables behind this pool.
    pub fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// Begins a try, which counts as failed until it is forgiven, and answers the step that was used last. Errors:
    /// `sign_in_locked`, also for who would have had the right code.
    pub async fn begin(&self, administrator: AdministratorId, now: Timestamp) -> Result<i64, Problem> {
        let mut client = self.pool.get().await.map_err(away)?;
        let transaction = client.transaction().await.map_err(away)?;
        let add = "insert into directory.second_factor (administrator, step, tries) values ($1, 0, '{}') \
                   on conflict do nothing";
        transaction.execute(add, &[&administrator.uuid()]).await.map_err(away)?;
        let find = "select step, tries from directory.second_factor where administrator = $1 for update";
        let row = transaction.query_one(find, &[&administrator.uuid()]).await.map_err(away)?;
        let (step, tries): (i64, Vec<OffsetDateTime>) =
            (row.try_get(0).map_err(away)?, row.try_get(1).map_err(away)?);
        let tries = tried(tries, now)?;
        let sql = "update directory.second_factor set tries = $2 where administrator = $1";
        transaction.execute(sql, &[&administrator.uuid(), &tries]).await.map_err(away)?;
        transaction.commit().await.map_err(away)?;
        Ok(step)
    }

    /// Uses a step up, and takes the try back. Answers whether this was the first to use it.
    pub async fn use_step(&self, administrator: AdministratorId, step: i64) -> Result<bool, Problem> {
        let client = self.pool.get().await.map_err(away)?;
        let sql = "update directory.second_factor set step = $2, tries = trim_array(tries, 1) \
                   where administrator = $1 and step < $2 and cardinality(tries) > 0";
        Ok(client.execute(sql, &[&administrator.uuid(), &step]).await.map_err(away)? == 1)
    }

    /// Uses a recovery code up, and takes the try back. Answers how many are left, if it was one.
    pub async fn use_recovery_code(
        &self,
        administrator: AdministratorId,
        code: &str,
    ) -> Result<Option<u32>, Problem> {
        let mut client = self.pool.get().await.map_err(away)?;
        let transaction = client.transaction().await.map_err(away)?;
        let (id, hash) = (administrator.uuid(), Sha256::digest(code.as_bytes()).to_vec());
        let take = "delete from directory.recovery_code where administrator = $1 and hash = $2";
        if transaction.execute(take, &[&id, &hash]).await.map_err(away)? == 0 {
            return Ok(None);
        }
        let forgive = "update directory.second_factor set tries = trim_array(tries, 1) \
                       where administrator = $1 and cardinality(tries) > 0";
        transaction.execute(forgive, &[&id]).await.map_err(away)?;
        let count = "select count(*) from directory.recovery_code where administrator = $1";
        let left: i64 = transaction.query_one(count, &[&id]).await.map_err(away)?.try_get(0).map_err(away)?;
        transaction.commit().await.map_err(away)?;
        Ok(Some(u32::try_from(left).unwrap_or(u32::MAX)))
    }

    /// Keeps new recovery codes in the place of older ones.
    pub async fn keep_recovery_codes(
        &self,
        administrator: AdministratorId,
        codes: &[String],
    ) -> Result<(), Problem> {
        let mut client = self.pool.get().await.map_err(away)?;
        let transaction = client.transaction().await.map_err(away)?;
        let hashes: Vec<Vec<u8>> =
            codes.iter().map(|code| Sha256::digest(code.as_bytes()).to_vec()).collect();
        let clear = "delete from directory.recovery_code where administrator = $1";
        transaction.execute(clear, &[&administrator.uuid()]).await.map_err(away)?;
        let add = "insert into directory.recovery_code (administrator, hash) select $1, unnest($2::bytea[])";
        transaction.execute(add, &[&administrator.uuid(), &hashes]).await.map_err(away)?;
        transaction.commit().await.map_err(away)?;
        Ok(())
    }

    /// Forgets recovery codes; tries and used steps stay.
    pub async fn erase(&self, administrator: AdministratorId) -> Result<(), Problem> {
        self.keep_recovery_codes(administrator, &[]).await
    }
}

/// The tries that count, with one more. Errors: `sign_in_locked`.
fn tried(tries: Vec<OffsetDateTime>, now: Timestamp) -> Result<Vec<OffsetDateTime>, Problem> {
    let mut counting: Vec<_> = tries.into_iter().filter(|at| *at + WINDOW > now.0).collect();
    match counting.first() {
        Some(first) if counting.len() >= TRIES => Err(locked(Timestamp(*first + WINDOW), now)),
        _ => {
            counting.push(now.0);
            Ok(counting)
        }
    }
}

#[cfg(test)]
mod tests {
    use contracts::Code;

    use super::*;

    #[test]
    fn a_sixth_try_in_a_quarter_of_an_hour_waits_until_the_first_is_old() {
        let noon = time::macros::datetime!(2026-11-21 12:00 UTC);
        let mut tries = vec![];
        for minute in 0..5 {
            tries = tried(tries, Timestamp(noon + Duration::minutes(minute))).unwrap();
        }
        let refused = tried(tries.clone(), Timestamp(noon + Duration::minutes(14))).unwrap_err();
        assert_eq!((refused.code, refused.retry_after), (Code::SignInLocked, Some(61)));
        assert_eq!(tried(tries, Timestamp(noon + Duration::minutes(15))).unwrap().len(), 5);
    }
}
