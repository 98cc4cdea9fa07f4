//! Timers: rows with a due time, fired once whoever looks (event-log.md §9). Not kept in JetStream: they would be state
//! that nobody can rebuild.
//!
//! A timer that is due is leased (`skip locked`, an epoch that grows with each lease), acted upon, and deleted under
//! that epoch; whoever comes back late changes nothing. Its command's id follows from process, name and due time, so
//! two that act have one effect.

use std::{collections::BTreeMap, time::Duration};

use contracts::{Service, Timestamp};
use deadpool_postgres::{Pool, Transaction};
use futures::{StreamExt, stream};
use serde_json::Value;
use time::OffsetDateTime;
use tokio::{sync::Notify, time::Instant};
use tokio_postgres::Error;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{clock::Clock, error::words, process::Process};

/// A timer that is due.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// Its name.
    pub name: String,
    /// When it was due.
    pub due: Timestamp,
    /// What its event said.
    pub payload: Value,
    /// The id of the command to send: UUIDv5(process, name, due), the same at each attempt.
    pub command_id: Uuid,
    /// 1 at first.
    pub attempt: i32,
}

/// Time between two looks while nothing rings.
const PERIOD: Duration = Duration::from_millis(500);
/// Timers taken at one look.
const TAKEN: i64 = 64;
/// Timers acted upon at once.
const AT_ONCE: usize = 16;
/// The part of a lease that an act may take; it begins only while so much of the lease is left.
const ACT: f32 = 0.8;
/// The longest pause between two attempts.
const LONGEST: Duration = Duration::from_secs(60);

/// Creates the tables of processes; a repeat changes nothing, and of two at once one waits.
pub(crate) fn schema(service: Service) -> String {
    format!(
        "select pg_advisory_xact_lock(hashtextextended('{service}.process', 0));\n\
         create table if not exists {service}.process (name text primary key, position bigint not null default 0);\n\
         create table if not exists {service}.timer (\
           process text not null, name text not null, due timestamptz not null, payload json not null, \
           not_before timestamptz not null, attempts int not null default 0, \
           lease_until timestamptz, epoch int not null default 0, primary key (process, name));\n\
         create index if not exists timer_not_before on {service}.timer (process, not_before);\n"
    )
}

/// Sets and clears timers within the transaction that moves the process's checkpoint. `true`: some were set.
pub(crate) async fn write(
    transaction: &Transaction<'_>,
    service: Service,
    process: &str,
    outcome: &BTreeMap<String, Option<(Timestamp, Value)>>,
) -> Result<bool, Error> {
    let cleared: Vec<&str> =
        outcome.iter().filter(|(_, set)| set.is_none()).map(|(name, _)| name.as_str()).collect();
    if !cleared.is_empty() {
        let sql = format!("delete from {service}.timer where process = $1 and name = any ($2)");
        let statement = transaction.prepare_cached(&sql).await?;
        transaction.execute(&statement, &[&process, &cleared]).await?;
    }
    let set: Vec<(&str, OffsetDateTime, &Value)> = outcome
        .iter()
        .filter_map(|(name, set)| set.as_ref().map(|(due, payload)| (name.as_str(), due.0, payload)))
        .collect();
    if set.is_empty() {
        return Ok(false);
    }
    let sql = format!(
        "insert into {service}.timer as t (process, name, due, payload, not_before) \
         select $1, u.name, u.due, u.payload, u.due from unnest($2::text[], $3::timestamptz[], $4::json[]) as u(name, due, payload) \
         on conflict (process, name) do update set due = excluded.due, payload = excluded.payload, \
           not_before = excluded.due, attempts = 0, lease_until = null, epoch = t.epoch + 1"
    );
    let statement = transaction.prepare_cached(&sql).await?;
    let names: Vec<&str> = set.iter().map(|(name, ..)| *name).collect();
    let dues: Vec<OffsetDateTime> = set.iter().map(|(_, due, _)| *due).collect();
    let payloads: Vec<&Value> = set.iter().map(|(.., payload)| *payload).collect();
    transaction.execute(&statement, &[&process, &names, &dues, &payloads]).await?;
    Ok(true)
}

/// Sets timers that are due at once, from within an act of the process. Where somebody acts upon one, it is due when their
/// lease is over: they may have begun before what called for it.
pub async fn arm<P: Process>(
    transaction: &Transaction<'_>,
    service: Service,
    names: &[String],
    now: Timestamp,
) -> Result<(), Error> {
    let sql = format!(
        "insert into {service}.timer as t (process, name, due, payload, not_before) \
         select $1, name, $3, 'null', $3 from unnest($2::text[]) as name \
         on conflict (process, name) do update set due = excluded.due, payload = excluded.payload, \
           not_before = greatest(excluded.due, t.lease_until), attempts = 0, lease_until = null, epoch = t.epoch + 1"
    );
    let statement = transaction.prepare_cached(&sql).await?;
    transaction.execute(&statement, &[&P::NAME, &names, &now.0]).await.map(|_| ())
}

/// Fires what is due until told to stop. Any number of instances may do so.
pub(crate) async fn fire<P: Process>(
    process: &P,
    service: Service,
    pool: &Pool,
    clock: &dyn Clock,
    written: &Notify,
    stop: &CancellationToken,
) {
    let table = &Table { process: P::NAME, lease: P::LEASE, service, pool };
    while !stop.is_cancelled() {
        let taken = match table.take(clock.now()).await {
            Ok(taken) => taken,
            Err(error) => {
                tracing::debug!(process = P::NAME, error, "timers cannot be looked at");
                vec![]
            }
        };
        let (full, since) = (taken.len() as i64 == TAKEN, Instant::now());
        stream::iter(taken)
            .for_each_concurrent(AT_ONCE, |leased| async move {
                if since.elapsed() > P::LEASE.mul_f32(1.0 - ACT) {
                    // Others were slow: somebody else could take it while it is acted upon.
                    return table.give_back(&leased).await;
                }
                let act = tokio::time::timeout(P::LEASE.mul_f32(ACT), process.act(leased.due.clone()));
                let failure = match act.await {
                    Ok(Ok(())) => None,
                    Ok(Err(problem)) => Some(problem.to_string()),
                    Err(_) => Some("it took too long".to_owned()),
                };
                if let Some(error) = &failure {
                    let (name, attempt) = (&leased.due.name, leased.due.attempt);
                    tracing::warn!(
                        process = P::NAME,
                        name,
                        attempt,
                        error,
                        "a step failed and will be repeated"
                    );
                }
                if let Err(error) = table.settle(&leased, failure.is_none(), clock.now()).await {
                    // Its lease runs out, then it is repeated with the same command id.
                    tracing::warn!(process = P::NAME, error, "a timer cannot be settled");
                }
            })
            .await;
        if !full {
            tokio::select! {
                () = tokio::time::sleep(PERIOD) => {}
                () = written.notified() => {}
                () = stop.cancelled() => {}
            }
        }
    }
}

/// The timers of one process.
struct Table<'a> {
    process: &'static str,
    lease: Duration,
    service: Service,
    pool: &'a Pool,
}

struct Leased {
    due: Due,
    epoch: i32,
}

impl Table<'_> {
    async fn take(&self, now: Timestamp) -> Result<Vec<Leased>, String> {
        let service = self.service;
        let sql = format!(
            "update {service}.timer t set lease_until = $3, epoch = t.epoch + 1, attempts = t.attempts + 1 \
             from (select name from {service}.timer where process = $1 and not_before <= $2 \
                   and (lease_until is null or lease_until < $2) order by not_before limit $4 for update skip locked) d \
             where t.process = $1 and t.name = d.name returning t.name, t.due, t.payload, t.epoch, t.attempts"
        );
        let lease = time::Duration::seconds(self.lease.as_secs() as i64);
        let client = self.pool.get().await.map_err(|error| words(&error))?;
        let read = async {
            let statement = client.prepare_cached(&sql).await?;
            client.query(&statement, &[&self.process, &now.0, &now.plus(lease).0, &TAKEN]).await
        };
        let rows = read.await.map_err(|error| words(&error))?;
        Ok(rows
            .iter()
            .map(|row| {
                let (name, due): (String, OffsetDateTime) = (row.get(0), row.get(1));
                let command_id = command_id(self.process, &name, due);
                let due =
                    Due { name, due: Timestamp(due), payload: row.get(2), command_id, attempt: row.get(4) };
                Leased { due, epoch: row.get(3) }
            })
            .collect())
    }

    /// Ends a lease that nothing was done with. Failing that, it runs out.
    async fn give_back(&self, leased: &Leased) {
        let sql = format!(
            "update {}.timer set lease_until = null where process = $1 and name = $2 and epoch = $3",
            self.service
        );
        let Ok(client) = self.pool.get().await else { return };
        if let Err(error) = client.execute(&sql, &[&self.process, &leased.due.name, &leased.epoch]).await {
            tracing::debug!(process = self.process, error = words(&error), "a timer cannot be given back");
        }
    }

    async fn settle(&self, leased: &Leased, done: bool, now: Timestamp) -> Result<(), String> {
        let service = self.service;
        let client = self.pool.get().await.map_err(|error| words(&error))?;
        let (name, epoch) = (&leased.due.name, &leased.epoch);
        let settled = async {
            if done {
                let sql =
                    format!("delete from {service}.timer where process = $1 and name = $2 and epoch = $3");
                client.execute(&client.prepare_cached(&sql).await?, &[&self.process, name, epoch]).await
            } else {
                let sql = format!(
                    "update {service}.timer set lease_until = null, not_before = $4 \
                     where process = $1 and name = $2 and epoch = $3"
                );
                let again = now.plus(pause(leased.due.attempt)).0;
                client
                    .execute(&client.prepare_cached(&sql).await?, &[&self.process, name, epoch, &again])
                    .await
            }
        };
        settled.await.map(|_| ()).map_err(|error| words(&error))
    }
}

/// 1 s, 2 s, 4 s … at most a minute.
fn pause(attempt: i32) -> time::Duration {
    let seconds = 1i64 << (attempt - 1).clamp(0, 6);
    time::Duration::seconds(seconds.min(LONGEST.as_secs() as i64))
}

/// UUIDv5(process, name, due).
fn command_id(process: &str, name: &str, due: OffsetDateTime) -> Uuid {
    let namespace = Uuid::new_v5(&Uuid::NAMESPACE_OID, process.as_bytes());
    Uuid::new_v5(&namespace, format!("{name}/{}", due.unix_timestamp_nanos() / 1_000).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute_and_no_further() {
        let seconds: Vec<i64> =
            [1, 2, 3, 6, 7, 100].iter().map(|attempt| pause(*attempt).whole_seconds()).collect();
        assert_eq!(seconds, [1, 2, 4, 32, 60, 60]);
    }

    #[test]
    fn a_timer_set_again_for_another_time_is_another_command() {
        let due = OffsetDateTime::UNIX_EPOCH;
        let later = due + time::Duration::seconds(1);
        assert_eq!(command_id("p", "a", due), command_id("p", "a", due));
        assert_ne!(command_id("p", "a", due), command_id("p", "a", later));
        assert_ne!(command_id("p", "a", due), command_id("q", "a", due));
    }
}
