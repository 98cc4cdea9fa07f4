//! Processes: what has to happen next, and what if it does not.
//!
//! A process follows the log and keeps timers (see [`crate::timer`]); a timer that is due becomes a command. Timers and
//! the process's checkpoint change in one transaction, so a timer is neither lost nor set twice. An event that calls
//! for something at once sets a timer that is due at once: work then belongs to a row with a lease, not to an instance.

use std::{collections::BTreeMap, pin::pin, sync::Arc, time::Duration};

use contracts::{Problem, Service, Timestamp, event::EventError};
use deadpool_postgres::{Object, Pool, PoolError};
use eventlog::Recorded;
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    error::words,
    follower::{FollowError, FollowOptions, Follower},
    health::Dependency,
    locks::{hold, try_lock},
    projection::lane::{HALTED, IDLE, PAUSE, begin},
    service::ServiceContext,
    timer::{self, Due},
};

/// Events to commands.
pub trait Process: Send + Sync + 'static {
    /// Its name, unique within the service; part of the ids of its commands, so never changed.
    const NAME: &'static str;
    /// The categories it follows.
    const CATEGORIES: &'static [&'static str];
    /// How long events may be gathered before timers are written. What is set and cleared meanwhile costs nothing, so a
    /// process that only guards against rare failures does well to be patient.
    const PATIENCE: Duration = Duration::ZERO;
    /// For how long a timer that is due belongs to who took it: most of it is the limit of [`Self::act`], and all of it
    /// passes before somebody else goes on where a crash left it.
    const LEASE: Duration = Duration::from_secs(30);

    /// What an event calls for.
    fn react(&self, event: &Recorded) -> Result<Vec<Reaction>, EventError>;

    /// Does what is due: usually a command with [`Due::command_id`], so that a repeat has one effect. After an error it
    /// is tried again, later and later.
    fn act(&self, due: Due) -> impl Future<Output = Result<(), Problem>> + Send;
}

/// What an event calls for.
#[derive(Clone, Debug, PartialEq)]
pub enum Reaction {
    /// Set a timer, in place of one with the same name.
    Remind {
        /// Unique within the process: what it is about, such as a stream's id.
        name: String,
        /// When; the past means at once.
        due: Timestamp,
        /// What [`Process::act`] needs to know.
        payload: Value,
    },
    /// Clear a timer, if it is set.
    Forget {
        /// Its name.
        name: String,
    },
}

/// Runs a process until shutdown. In `health` it stands under its name; ready when level with the log.
pub fn start<P: Process>(context: &ServiceContext, process: P) {
    let desk = Arc::new(Desk {
        process: Arc::new(process),
        service: context.service,
        pool: context.pool.clone(),
        health: context.health.register(P::NAME),
        written: Arc::new(Notify::new()),
    });
    let (timers, clock, stop) = (desk.clone(), context.clock.clone(), context.shutdown.token());
    context.shutdown.spawn(async move {
        timer::fire::<P>(&timers.process, timers.service, &timers.pool, &*clock, &timers.written, &stop)
            .await;
    });
    let (context, stop) = (context.clone(), context.shutdown.token());
    context.shutdown.clone().spawn(async move {
        while !stop.is_cancelled() {
            if let Err(error) = desk.active(&context, &stop).await {
                tracing::warn!(process = P::NAME, error = words(&error), "process is not active");
                desk.health.set_failing(words(&error));
            }
            _ = stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
        }
    });
}

struct Desk<P> {
    process: Arc<P>,
    service: Service,
    pool: Pool,
    health: Dependency,
    /// Rings when timers were written.
    written: Arc<Notify>,
}

#[derive(Debug, thiserror::Error)]
enum DeskError {
    #[error("no connection to PostgreSQL")]
    Pool(#[from] PoolError),
    #[error("timers cannot be written")]
    Database(#[from] tokio_postgres::Error),
    #[error("another instance moved the checkpoint")]
    Fenced,
    #[error("halted at position {position}: {source}")]
    Event { position: i64, source: EventError },
}

/// The timers that a batch of events leaves set (`Some`) or cleared (`None`).
type Outcome = BTreeMap<String, Option<(Timestamp, Value)>>;

impl<P: Process> Desk<P> {
    /// One spell as the active instance.
    async fn active(&self, context: &ServiceContext, stop: &CancellationToken) -> Result<(), DeskError> {
        let lock = Object::take(self.pool.get().await?);
        if !try_lock(&lock, &format!("{}.{}", self.service, P::NAME)).await? {
            self.health.set_ready(); // another instance is active
            return Ok(());
        }
        let mut position = self.prepare().await?;
        let options = FollowOptions::new(P::CATEGORIES).after(position).batch(5_000);
        let mut follower = Follower::new(context.reader.clone(), context.bus.clone(), options);
        let mut lost = pin!(hold(&lock));
        loop {
            let news = tokio::select! {
                news = follower.next() => news,
                () = stop.cancelled() => return Ok(()),
                lost = &mut lost => return Err(lost.into()),
            };
            let mut events = match news {
                Ok(events) => events,
                Err(error) => {
                    // Torn or away: the checkpoint says where to go on.
                    self.health.set_failing(words(&error));
                    if matches!(error, FollowError::Torn { .. }) {
                        tracing::error!(process = P::NAME, %error, "following the log again");
                    }
                    return Ok(());
                }
            };
            if !P::PATIENCE.is_zero() && follower.is_level() && !events.is_empty() {
                self.gather(&mut follower, &mut events, stop).await;
            }
            while let Err(error) = self.take(&mut position, &events, follower.horizon()).await {
                let pause = match &error {
                    DeskError::Event { .. } => HALTED,
                    DeskError::Fenced => return Err(error),
                    DeskError::Pool(_) | DeskError::Database(_) => PAUSE,
                };
                tracing::error!(process = P::NAME, error = words(&error), "process stands still");
                self.health.set_failing(words(&error));
                if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                    return Ok(());
                }
            }
            if follower.is_level() {
                self.health.set_ready();
            }
        }
    }

    /// Adds what comes within the process's patience.
    async fn gather(&self, follower: &mut Follower, events: &mut Vec<Recorded>, stop: &CancellationToken) {
        let end = tokio::time::sleep(P::PATIENCE);
        tokio::pin!(end);
        loop {
            tokio::select! {
                news = follower.next() => match news {
                    Ok(more) => events.extend(more),
                    Err(_) => return, // shows again at the next call
                },
                () = &mut end => return,
                () = stop.cancelled() => return,
            }
        }
    }

    async fn prepare(&self) -> Result<i64, DeskError> {
        let service = self.service;
        let client = self.pool.get().await?;
        client.batch_execute(&timer::schema(service)).await?;
        let sql = format!(
            "insert into {service}.process (name) values ($1) on conflict (name) do update set name = excluded.name \
             returning position"
        );
        Ok(client.query_one(&sql, &[&P::NAME]).await?.get(0))
    }

    async fn take(&self, position: &mut i64, events: &[Recorded], horizon: i64) -> Result<(), DeskError> {
        let mut outcome = Outcome::new();
        let mut failure = None;
        let mut to = *position;
        for event in events.iter().filter(|event| event.position > *position) {
            match self.process.react(event) {
                Ok(reactions) => collect(&mut outcome, reactions),
                Err(source) => {
                    failure = Some(DeskError::Event { position: event.position, source });
                    break;
                }
            }
            to = event.position;
        }
        if to == *position && failure.is_none() && horizon - to >= IDLE {
            to = horizon;
        }
        if to > *position {
            self.commit(*position, to, outcome).await?;
            *position = to;
        }
        failure.map_or(Ok(()), Err)
    }

    async fn commit(&self, from: i64, to: i64, outcome: Outcome) -> Result<(), DeskError> {
        let mut client = self.pool.get().await?;
        let transaction = begin(&mut client).await?;
        let sets = timer::write(&transaction, self.service, P::NAME, &outcome).await?;
        let sql =
            format!("update {}.process set position = $1 where name = $2 and position = $3", self.service);
        let statement = transaction.prepare_cached(&sql).await?;
        if transaction.execute(&statement, &[&to, &P::NAME, &from]).await? != 1 {
            return Err(DeskError::Fenced);
        }
        transaction.commit().await?;
        if sets {
            self.written.notify_one();
        }
        Ok(())
    }
}

fn collect(outcome: &mut Outcome, reactions: Vec<Reaction>) {
    for reaction in reactions {
        match reaction {
            Reaction::Remind { name, due, payload } => outcome.insert(name, Some((due, payload))),
            Reaction::Forget { name } => outcome.insert(name, None),
        };
    }
}
