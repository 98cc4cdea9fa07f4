//! One generation on its way through the log.

use std::{sync::Arc, time::Duration};

use bus::trace::process_span;
use contracts::Service;
use deadpool_postgres::{Object, Pool, PoolError, Transaction};
use eventlog::{ReadError, Reader, Recorded};
use opentelemetry::{KeyValue, metrics::Gauge};
use tokio_postgres::error::SqlState;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use super::{Generation, Projection, ProjectionError, checkpoint};
use crate::{
    clock::Clock,
    error::words,
    follower::{FollowError, Follower},
    health::Dependency,
    rebuild::change_over,
};

/// What every lane of a projection needs.
pub(crate) struct Ground<P> {
    pub(crate) projection: P,
    pub(crate) service: Service,
    pub(crate) pool: Pool,
    pub(crate) reader: Reader,
    pub(crate) bus: bus::Bus,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) health: Dependency,
    pub(crate) lag: Gauge<f64>,
}

/// One generation, where it stands, and what it follows.
pub(crate) struct Lane<P> {
    pub(crate) ground: Arc<Ground<P>>,
    pub(crate) generation: Generation,
    pub(crate) position: i64,
    pub(crate) follower: Follower,
    /// Whether it is to be changed over to, once level.
    pub(crate) building: bool,
}

/// Why a step was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    #[error("no connection to PostgreSQL")]
    Pool(#[from] PoolError),
    #[error(transparent)]
    Projection(#[from] ProjectionError),
    #[error(transparent)]
    Log(#[from] ReadError),
    #[error("another instance moved the checkpoint")]
    Fenced,
    #[error("halted at position {position}: {reason}")]
    Halted { position: i64, reason: String },
}

impl From<tokio_postgres::Error> for StepError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Projection(error.into())
    }
}

impl StepError {
    /// Names the event that fails for good.
    fn at(self, position: i64) -> Self {
        match self {
            Self::Halted { .. } => self,
            error if error.is_lasting() => Self::Halted { position, reason: words(&error) },
            error => error,
        }
    }

    /// Whether these events would fail again, however often they are tried.
    fn is_lasting(&self) -> bool {
        match self {
            Self::Projection(ProjectionError::Event(_)) | Self::Halted { .. } => true,
            // Data exception, integrity violation, syntax or missing object, and errors raised by hand.
            Self::Projection(ProjectionError::Database(error)) => {
                error
                .code()
                .is_some_and(|code| ["22", "23", "42", "P0"].contains(&&code.code()[..2]) && *code != SqlState::INSUFFICIENT_PRIVILEGE)
                // Without a code from the server: a value that does not fit its parameter.
                || (error.code().is_none() && !error.is_closed() && error.to_string().contains("serializing"))
            }
            Self::Pool(_) | Self::Log(_) | Self::Fenced => false,
        }
    }
}

/// How a lane ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It was told to.
    Stopped,
    /// Another instance is active, or the history has a hole: begin anew from what the table says.
    Lost,
    /// What it built is read now.
    ChangedOver,
}

/// Pause after an error that may pass.
pub(crate) const PAUSE: Duration = Duration::from_millis(500);
/// Time between two tries of an event that fails: whoever mends the cause need not restart anything.
pub(crate) const HALTED: Duration = Duration::from_secs(30);
/// A checkpoint that is so far behind an idle log is moved, so that the next start has less to look through.
pub(crate) const IDLE: i64 = 10_000;

/// So many new events at once say that more are on their way …
const BUSY: usize = 8;
/// … and waiting a moment makes the next batch larger: a transaction costs as much as many rows.
const GATHER: Duration = Duration::from_millis(20);

impl<P: Projection> Lane<P> {
    /// Applies events until told to stop.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> End {
        loop {
            // Only waiting may be broken off: what was given must be applied.
            let Some(news) = stop.run_until_cancelled(self.follower.next()).await else {
                return End::Stopped;
            };
            match news {
                Ok(events) => loop {
                    let error = match self.take(&events).await {
                        Ok(true) => return End::ChangedOver,
                        Ok(false) => {
                            if events.len() >= BUSY && self.follower.is_level() {
                                _ = stop.run_until_cancelled(tokio::time::sleep(GATHER)).await;
                            }
                            break;
                        }
                        Err(error) => error,
                    };
                    let pause = match &error {
                        StepError::Fenced => return End::Lost,
                        error if error.is_lasting() => HALTED,
                        _ => PAUSE,
                    };
                    tracing::error!(projection = P::NAME, error = words(&error), "projection stands still");
                    self.ground.health.set_failing(words(&error));
                    if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                        return End::Stopped;
                    }
                },
                Err(error @ FollowError::Torn { .. }) => {
                    tracing::error!(projection = P::NAME, %error, "projection has to be rebuilt");
                    self.ground.health.set_failing(format_args!("{error}; rebuild '{}'", P::NAME));
                    stop.cancelled().await;
                    return End::Stopped;
                }
                Err(error @ FollowError::Log(_)) => {
                    self.ground.health.set_failing(words(&error));
                    if stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
                        return End::Stopped;
                    }
                }
            }
        }
    }

    /// `true`: changed over.
    async fn take(&mut self, events: &[Recorded]) -> Result<bool, StepError> {
        // What was applied in an earlier try, or while switching, is not applied again.
        let fresh = events.iter().position(|event| event.position > self.position).unwrap_or(events.len());
        let events = &events[fresh..];
        if !events.is_empty() {
            self.apply(events).await?;
        } else if self.follower.horizon() - self.position >= IDLE {
            self.note_idle().await?;
        }
        self.measure(events);
        if !self.follower.is_level() {
            return Ok(false);
        }
        if self.building {
            return change_over(self).await;
        }
        self.ground.health.set_ready();
        Ok(false)
    }

    /// Applies a batch; when it fails for good, event by event, so that only the one that fails is left.
    async fn apply(&mut self, events: &[Recorded]) -> Result<(), StepError> {
        match self.commit(events).await {
            Err(error) if error.is_lasting() && events.len() > 1 => {
                for event in events {
                    let one = self.commit(std::slice::from_ref(event)).await;
                    one.map_err(|error| error.at(event.position))?;
                }
                Ok(())
            }
            other => other.map_err(|error| error.at(events[0].position)),
        }
    }

    async fn commit(&mut self, events: &[Recorded]) -> Result<(), StepError> {
        let Some(last) = events.last() else { return Ok(()) };
        let consumer = self.ground.health.name();
        let _spans: Vec<Span> = events
            .iter()
            .map(|event| process_span(consumer, &event.kind, event.traceparent.as_deref()))
            .filter(|span| !span.is_none())
            .collect();
        fail::fail_point!("X04-delivered-no-effect");
        let mut client = self.ground.pool.get().await?;
        let transaction = begin(&mut client).await?;
        self.write(&transaction, events).await?;
        transaction.commit().await?;
        fail::fail_point!("X05-effect-no-ack");
        self.position = last.position;
        Ok(())
    }

    /// Applies events and moves the checkpoint, within a transaction that the caller commits.
    pub(crate) async fn write(
        &self,
        transaction: &Transaction<'_>,
        events: &[Recorded],
    ) -> Result<(), StepError> {
        let Some(last) = events.last() else { return Ok(()) };
        self.ground.projection.apply(transaction, &self.generation, events).await?;
        self.move_checkpoint(transaction, last.position, Some(&last.hash)).await
    }

    async fn move_checkpoint(
        &self,
        transaction: &Transaction<'_>,
        to: i64,
        hash: Option<&[u8]>,
    ) -> Result<(), StepError> {
        let (service, number) = (self.ground.service, self.generation.number);
        let moved =
            checkpoint::advance(transaction, service, P::NAME, number, (self.position, to), hash).await?;
        if moved { Ok(()) } else { Err(StepError::Fenced) }
    }

    async fn note_idle(&mut self) -> Result<(), StepError> {
        let horizon = self.follower.horizon();
        let mut client = self.ground.pool.get().await?;
        let transaction = begin(&mut client).await?;
        self.move_checkpoint(&transaction, horizon, None).await?;
        transaction.commit().await?;
        self.position = horizon;
        Ok(())
    }

    fn measure(&self, events: &[Recorded]) {
        let lag = match events.last() {
            Some(last) if !self.follower.is_level() => {
                (self.ground.clock.now().0 - last.recorded_at.0).as_seconds_f64()
            }
            _ => 0.0,
        };
        self.ground.lag.record(lag.max(0.0), &[KeyValue::new("projection", P::NAME)]);
    }
}

/// Begins a transaction of a read model: it need not survive a crash, and may take longer than an append.
pub(crate) async fn begin(client: &mut Object) -> Result<Transaction<'_>, tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    transaction
        .batch_execute(
            "set local synchronous_commit = off; set local statement_timeout = '60s'; \
             set local idle_in_transaction_session_timeout = '60s'",
        )
        .await?;
    Ok(transaction)
}
