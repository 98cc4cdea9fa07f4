//! The task behind an [`Appender`](super::Appender): takes groups from the queue, commits them, answers their callers.

use std::{collections::VecDeque, time::Duration};

use contracts::service::TABLE;
use deadpool_postgres::{Object, Pool};
use opentelemetry::{KeyValue, global, metrics::Counter};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use tokio_postgres::{Row, error::SqlState};

use super::{
    Append, AppendError, Outcome,
    batch::{self, Batch},
    group::{self, MAX_COMMANDS, Unit},
};

pub(super) struct Worker<W> {
    pool: Pool,
    units: mpsc::Receiver<Unit>,
    queue: VecDeque<Unit>,
    batch: Batch,
    wake: W,
    metrics: Metrics,
    /// The last call found no database: until one is found, nobody is kept waiting for it.
    away: bool,
}

/// How a call of `log.append` failed.
enum Failure {
    /// The connection broke: whether the call took effect is not known.
    Lost(String),
    /// Nothing was appended; later it may be.
    Unavailable(String),
    /// Nothing was appended, and never will be.
    Refused(String),
}

/// How long a group is tried again after its connection was lost.
const PATIENCE: Duration = Duration::from_secs(5);
/// The server gives up after 5 s (`statement_timeout`); no answer by then means a dead connection.
const CALL_TIMEOUT: Duration = Duration::from_secs(8);

impl<W: Fn(i64) + Send + Sync + 'static> Worker<W> {
    pub(super) fn new(pool: Pool, units: mpsc::Receiver<Unit>, wake: W) -> Self {
        Self {
            pool,
            units,
            queue: VecDeque::new(),
            batch: Batch::new(),
            wake,
            metrics: Metrics::new(),
            away: false,
        }
    }

    pub(super) async fn run(mut self) {
        while self.gather().await {
            let group = group::take(&mut self.queue);
            self.commit(group).await;
        }
    }

    /// Fills the queue; `false` once there is nothing left and no caller.
    async fn gather(&mut self) -> bool {
        if self.queue.is_empty() {
            match self.units.recv().await {
                Some(unit) => self.queue.push_back(unit),
                None => return false,
            }
        }
        // Callers just answered are about to come back: let them run first, or every other group has one command.
        loop {
            let before = self.queue.len();
            tokio::task::yield_now().await;
            while self.queue.len() < 2 * MAX_COMMANDS
                && let Ok(unit) = self.units.try_recv()
            {
                self.queue.push_back(unit);
            }
            if self.queue.len() == before || before >= MAX_COMMANDS {
                return true;
            }
        }
    }

    async fn commit(&mut self, group: Vec<Unit>) {
        match self.call(&group).await {
            Ok(rows) => self.answer(group, &rows),
            // A poison command hurts only its caller.
            Err(Failure::Refused(_)) if group.len() > 1 => {
                for unit in group {
                    Box::pin(self.commit(vec![unit])).await;
                }
            }
            Err(failure) => {
                let error = match failure {
                    Failure::Refused(reason) => AppendError::Refused(reason),
                    Failure::Lost(reason) | Failure::Unavailable(reason) => AppendError::Unavailable(reason),
                };
                tracing::warn!(%error, commands = group.len(), "append failed");
                for unit in group {
                    // A caller that has gone away does not need an answer.
                    _ = unit.answer.send(vec![Err(error.clone()); unit.appends.len()]);
                }
            }
        }
    }

    /// Calls `log.append`, again while the connection is lost: the command ids tell what had been done.
    async fn call(&mut self, group: &[Unit]) -> Result<Vec<Row>, Failure> {
        self.batch.fill(group.iter().flat_map(|unit| &unit.appends));
        let deadline = Instant::now() + PATIENCE;
        let mut pause = Duration::from_millis(20);
        loop {
            match self.try_call().await {
                Err(Failure::Lost(reason)) => {
                    if self.away || Instant::now() + pause > deadline {
                        self.away = true;
                        return Err(Failure::Lost(reason));
                    }
                    tracing::warn!(reason, "connection lost while appending; trying again");
                    sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(1));
                }
                settled => {
                    self.away = false;
                    return settled;
                }
            }
        }
    }

    async fn try_call(&self) -> Result<Vec<Row>, Failure> {
        let client = self.pool.get().await.map_err(|error| Failure::Lost(error.to_string()))?;
        let call = async {
            let statement = client.prepare_cached(batch::SQL).await?;
            client.query(&statement, &self.batch.parameters()).await
        };
        let failure = match timeout(CALL_TIMEOUT, call).await {
            Ok(Ok(rows)) => return Ok(rows),
            Ok(Err(error)) => Failure::from(error),
            Err(_) => Failure::Lost("no answer from the database".into()),
        };
        if matches!(failure, Failure::Lost(_)) {
            drop(Object::take(client)); // not back into the pool
        }
        Err(failure)
    }

    fn answer(&self, group: Vec<Unit>, rows: &[Row]) {
        let mut rows = rows.iter();
        let mut head = 0;
        for unit in group {
            let results = unit
                .appends
                .iter()
                .map(|append| {
                    let result = rows.next().map_or_else(
                        || Err(AppendError::Unavailable("the database left a command unanswered".into())),
                        outcome,
                    );
                    self.metrics.count(append, &result);
                    if let Ok(Outcome::Committed { last, .. }) = result {
                        head = head.max(last);
                    }
                    result
                })
                .collect();
            // A caller that has gone away does not need an answer.
            _ = unit.answer.send(results);
        }
        if head > 0 {
            (self.wake)(head);
        }
    }
}

/// Reads the answer to one command.
fn outcome(row: &Row) -> Result<Outcome, AppendError> {
    let malformed = |error: tokio_postgres::Error| AppendError::Unavailable(error.to_string());
    let version: i32 = row.try_get(2).map_err(malformed)?;
    let first = || row.try_get(3).map_err(malformed);
    let last = || row.try_get(4).map_err(malformed);
    match row.try_get(1).map_err(malformed)? {
        "ok" => Ok(Outcome::Committed { version, first: first()?, last: last()? }),
        "replayed" => Ok(Outcome::Replayed { version, first: first()?, last: last()? }),
        "conflict" => Err(AppendError::Conflict { version }),
        "key_reuse" => Err(AppendError::KeyReuse),
        "wrong_stream" => Err(AppendError::WrongStream),
        other => Err(AppendError::Refused(format!("unknown status '{other}'"))),
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(database) = error.as_db_error() else {
            return Self::Lost(error.to_string());
        };
        let reason = database.to_string();
        let code = database.code();
        let missing_partition = *code == SqlState::CHECK_VIOLATION && database.constraint().is_none();
        let lost = [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::READ_ONLY_SQL_TRANSACTION, // a standby: the pool will find the primary
            SqlState::INVALID_SQL_STATEMENT_NAME, // prepared on a connection that is no longer the same
            SqlState::FEATURE_NOT_SUPPORTED, // "cached plan must not change result type", after a migration
        ];
        let busy = [
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::QUERY_CANCELED,
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        ];
        match code.code() {
            class if class.starts_with("08") || lost.contains(code) => Self::Lost(reason),
            // 53: out of memory, disk, connections. 58: the server's file system.
            class
                if class.starts_with("53")
                    || class.starts_with("58")
                    || missing_partition
                    || busy.contains(code) =>
            {
                Self::Unavailable(reason)
            }
            _ => Self::Refused(reason),
        }
    }
}

struct Metrics {
    appended: Counter<u64>,
    conflicts: Counter<u64>,
}

impl Metrics {
    fn new() -> Self {
        let meter = global::meter("chancery");
        Self {
            appended: meter
                .u64_counter("chancery_events_appended_total")
                .with_description("Events appended")
                .build(),
            conflicts: meter
                .u64_counter("chancery_append_conflicts_total")
                .with_description("Appends that met another version of their stream")
                .build(),
        }
    }

    fn count(&self, append: &Append, result: &Result<Outcome, AppendError>) {
        let writer = || TABLE.iter().find(|row| row.writes.contains(&append.category));
        let service = || KeyValue::new("service", writer().map_or("", |row| row.service.as_str()));
        match result {
            Ok(Outcome::Committed { .. }) => {
                for event in &append.events {
                    self.appended.add(1, &[service(), KeyValue::new("type", event.kind)]);
                }
            }
            Err(AppendError::Conflict { .. }) => self.conflicts.add(1, &[service()]),
            _ => {}
        }
    }
}
