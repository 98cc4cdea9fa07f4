//! Lock-out: whoever fails to sign in too often waits, twice as long after each further failure. Counted per account
//! and per address, and per session for who is signed in already, in a table, so that a restart forgives nobody. A try
//! counts from its beginning and is forgiven when it succeeds: tries at the same time cannot outrun the count.

use std::net::IpAddr;

use contracts::{Code, Problem, SessionId, Timestamp};
use deadpool_postgres::{Pool, Transaction};
use sha2::{Digest, Sha256};
use time::Duration;
use tokio_postgres::Error;

use crate::person::away;

/// How often one may fail, and how long one waits then.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Whose failures are counted.
    kind: &'static str,
    /// So many failures cost nothing.
    free: u32,
    /// The first wait; each further failure doubles it.
    first: Duration,
    /// The longest wait.
    longest: Duration,
    /// After so long without a failure all is forgotten.
    forgotten: Duration,
}

/// Of an account, whether there is such or not.
const ACCOUNT: Rule = Rule {
    kind: "account",
    free: 5,
    first: Duration::seconds(30),
    longest: Duration::HOUR,
    forgotten: Duration::DAY,
};
/// Of an address: more people may be behind it.
const ADDRESS: Rule = Rule {
    kind: "address",
    free: 30,
    first: Duration::seconds(30),
    longest: Duration::minutes(15),
    forgotten: Duration::HOUR,
};
/// Within a session: whoever shares the account's name from elsewhere has no part in it.
const SESSION: Rule = Rule {
    kind: "session",
    free: 5,
    first: Duration::seconds(30),
    longest: Duration::HOUR,
    forgotten: Duration::DAY,
};
/// Of mails to people who forgot their password.
const FORGOTTEN: Rule = Rule {
    kind: "forgotten",
    free: 2,
    first: Duration::minutes(5),
    longest: Duration::hours(12),
    forgotten: Duration::DAY,
};

/// What failed of late.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Failures {
    /// How many in a row.
    pub count: u32,
    /// When the last one was.
    pub last: Option<Timestamp>,
}

impl Rule {
    /// The failures with one more, if another try is allowed now; else until when to wait.
    pub fn next(&self, failures: Failures, now: Timestamp) -> Result<Failures, Timestamp> {
        let count = match failures.last {
            Some(last) if last.plus(self.forgotten) > now => failures.count,
            _ => 0,
        };
        let wait = match (count.checked_sub(self.free), failures.last) {
            (Some(beyond), Some(last)) => Some(last.plus(self.wait(beyond))).filter(|until| *until > now),
            _ => None,
        };
        wait.map_or_else(|| Ok(Failures { count: count + 1, last: Some(now) }), Err)
    }

    fn wait(&self, beyond: u32) -> Duration {
        let doubled = 2_i32.checked_pow(beyond).and_then(|times| self.first.checked_mul(times));
        doubled.map_or(self.longest, |wait| wait.min(self.longest))
    }
}

/// The table `directory.sign_in_guard`.
pub struct LockOut {
    pool: Pool,
}

/// A try that counts as failed until it is forgiven.
#[derive(Clone, Debug)]
#[must_use]
pub struct Try(Vec<(Rule, Vec<u8>)>);

impl LockOut {
    /// The table behind this pool.
    pub fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// Begins a try to sign in as somebody. Errors: `sign_in_locked`, with the time to wait.
    pub async fn begin(&self, name: &str, address: Option<&str>, now: Timestamp) -> Result<Try, Problem> {
        let account = (ACCOUNT, Sha256::digest(name.as_bytes()).to_vec());
        let address = address.map(|address| (ADDRESS, network(address)));
        self.count([account].into_iter().chain(address).collect(), now).await
    }

    /// Begins a try of whoever is signed in already to show again who they are. Strangers cannot lock them out here.
    /// Errors: `sign_in_locked`.
    pub async fn begin_again(&self, session: SessionId, now: Timestamp) -> Result<Try, Problem> {
        self.count(vec![(SESSION, session.uuid().as_bytes().to_vec())], now).await
    }

    /// Counts a mail to somebody who says that they forgot their password. Errors: `sign_in_locked`.
    pub async fn forgotten(&self, name: &str, now: Timestamp) -> Result<(), Problem> {
        let account = (FORGOTTEN, Sha256::digest(name.as_bytes()).to_vec());
        self.count(vec![account], now).await.map(drop)
    }

    /// Takes a try back that succeeded: the account begins anew, the address has one failure less.
    pub async fn forgive(&self, tried: Try) -> Result<(), Problem> {
        let client = self.pool.get().await.map_err(away)?;
        for (rule, key) in tried.0 {
            let left = if rule.kind == ADDRESS.kind { "greatest(failures - 1, 0)" } else { "0" };
            let sql =
                format!("update directory.sign_in_guard set failures = {left} where kind = $1 and key = $2");
            client.execute(&sql, &[&rule.kind, &key]).await.map_err(away)?;
        }
        Ok(())
    }

    /// Takes a try back that neither failed nor succeeded: one failure less.
    pub async fn take_back(&self, tried: Try) -> Result<(), Problem> {
        let client = self.pool.get().await.map_err(away)?;
        let sql = "update directory.sign_in_guard set failures = greatest(failures - 1, 0) where kind = $1 and key = $2";
        for (rule, key) in tried.0 {
            client.execute(sql, &[&rule.kind, &key]).await.map_err(away)?;
        }
        Ok(())
    }

    /// Lets somebody begin anew who came another way.
    pub async fn forget(&self, name: &str) -> Result<(), Problem> {
        self.forgive(Try(vec![(ACCOUNT, Sha256::digest(name.as_bytes()).to_vec())])).await
    }

    async fn count(&self, keys: Vec<(Rule, Vec<u8>)>, now: Timestamp) -> Result<Try, Problem> {
        let mut client = self.pool.get().await.map_err(away)?;
        let transaction = client.transaction().await.map_err(away)?;
        // Accounts before addresses, everywhere: nobody waits in a circle.
        for (rule, key) in &keys {
            let failures = read(&transaction, rule, key, now).await.map_err(away)?;
            let next = rule.next(failures, now).map_err(|until| locked(until, now))?;
            let count = i32::try_from(next.count).unwrap_or(i32::MAX);
            let sql =
                "update directory.sign_in_guard set failures = $3, last_at = $4 where kind = $1 and key = $2";
            transaction.execute(sql, &[&rule.kind, key, &count, &now.0]).await.map_err(away)?;
        }
        transaction.commit().await.map_err(away)?;
        // By itself, and past what others hold: nobody waits for somebody's try, or in a circle.
        let old = now.plus(-Duration::days(2));
        let sweep = "delete from directory.sign_in_guard where (kind, key) in
            (select kind, key from directory.sign_in_guard where last_at < $1 for update skip locked)";
        client.execute(sweep, &[&old.0]).await.map_err(away)?;
        Ok(Try(keys))
    }
}

/// What failed of late, held until the transaction ends.
async fn read(
    transaction: &Transaction<'_>,
    rule: &Rule,
    key: &Vec<u8>,
    now: Timestamp,
) -> Result<Failures, Error> {
    let add = "insert into directory.sign_in_guard (kind, key, failures, last_at) values ($1, $2, 0, $3) \
               on conflict do nothing";
    transaction.execute(add, &[&rule.kind, key, &now.0]).await?;
    let find =
        "select failures, last_at from directory.sign_in_guard where kind = $1 and key = $2 for update";
    let row = transaction.query_one(find, &[&rule.kind, key]).await?;
    let count: i32 = row.try_get(0)?;
    Ok(Failures { count: count.unsigned_abs(), last: Some(Timestamp(row.try_get(1)?)) })
}

/// An address; in IPv6 the network of 64 bits that one customer has.
fn network(address: &str) -> Vec<u8> {
    match address.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V4(address)) => address.octets().to_vec(),
        Ok(IpAddr::V6(address)) => address.octets()[..8].to_vec(),
        Err(_) => vec![],
    }
}

/// What somebody is told who has to wait.
pub fn locked(until: Timestamp, now: Timestamp) -> Problem {
    let seconds = (until.0 - now.0).whole_seconds().max(0).unsigned_abs() + 1;
    let words = format!("too many sign-ins failed; try again in {seconds} s");
    Problem::new(Code::SignInLocked, words).retry_after(u32::try_from(seconds).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));

    fn failed(count: u32) -> Failures {
        Failures { count, last: Some(NOON) }
    }

    #[test]
    fn the_wait_doubles_from_the_sixth_failure_on_and_has_an_end() {
        let after = |seconds| NOON.plus(Duration::seconds(seconds));
        for (failures, seconds) in [(5, 30), (6, 60), (7, 120), (11, 1_920), (12, 3_600), (60, 3_600)] {
            assert_eq!(ACCOUNT.next(failed(failures), after(1)), Err(after(seconds)), "{failures}");
            assert!(ACCOUNT.next(failed(failures), after(seconds)).is_ok(), "{failures}");
        }
        for failures in 0..5 {
            assert_eq!(ACCOUNT.next(failed(failures), NOON), Ok(failed(failures + 1)));
        }
    }

    #[test]
    fn a_day_without_a_failure_is_a_new_beginning() {
        let tomorrow = NOON.plus(Duration::DAY);
        assert_eq!(ACCOUNT.next(failed(50), tomorrow), Ok(Failures { count: 1, last: Some(tomorrow) }));
    }

    #[test]
    fn neighbours_in_one_ipv6_network_are_counted_together() {
        assert_eq!(network("2001:db8::1"), network("2001:db8::2"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
    }
}
