//! Appending to the log: commands of many callers ride together in one transaction at a time.

mod batch;
mod group;
mod worker;

use deadpool_postgres::Pool;
use tokio::sync::{mpsc, oneshot};
use tracing::{Instrument, Span};
use uuid::Uuid;

use self::{group::Unit, worker::Worker};

/// An event to append.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// Its id (UUIDv7).
    pub id: Uuid,
    /// `<category>.<past_tense>`.
    pub kind: &'static str,
    /// Schema version of the payload.
    pub schema: i16,
    /// The payload's exact bytes (JSON, at most 256 KiB).
    pub payload: String,
}

/// What one command appends to one stream: all of it or nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Append {
    /// The organization the stream belongs to, for good.
    pub tenant: Uuid,
    /// The aggregate's type, for good.
    pub category: &'static str,
    /// The aggregate's stream.
    pub stream: Uuid,
    /// What the decision was based on.
    pub expected: Expected,
    /// The command's id. A repeat is answered with the first outcome and appends nothing.
    pub command_id: Uuid,
    /// Fingerprint of the command: a repeat with another one is refused.
    pub fingerprint: [u8; 32],
    /// What led to this command.
    pub causation: Uuid,
    /// What all of this began with.
    pub correlation: Uuid,
    /// Who acts.
    pub actor: String,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// At least one.
    pub events: Vec<NewEvent>,
}

/// The version a stream must have for an append to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Any: the events are true whatever happened meanwhile.
    Any,
    /// Exactly this one; 0 = the stream does not exist yet.
    Version(i32),
}

/// What became of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Appended and durable.
    Committed {
        /// The stream's version now.
        version: i32,
        /// Position of the first event.
        first: i64,
        /// Position of the last event.
        last: i64,
    },
    /// The same command was appended before: this was its outcome.
    Replayed {
        /// The stream's version then.
        version: i32,
        /// Position of the first event.
        first: i64,
        /// Position of the last event.
        last: i64,
    },
}

/// Why nothing was appended; or, for [`Self::Unavailable`], why that is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The stream has another version than expected: load its tail and decide again.
    #[error("stream is at version {version}, which is not the expected one")]
    Conflict {
        /// The version it has.
        version: i32,
    },
    /// The command id was used before, for another command.
    #[error("command id was used before for another command")]
    KeyReuse,
    /// The stream belongs to another organization or category.
    #[error("stream belongs to another organization or category")]
    WrongStream,
    /// The database is away or busy. The outcome may be unknown; a repeat with the same command id settles it.
    #[error("log is unavailable: {0}")]
    Unavailable(String),
    /// The database refuses this command, today and tomorrow.
    #[error("log refuses the append: {0}")]
    Refused(String),
}

impl AppendError {
    /// Whether the same append may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Conflict { .. } | Self::Unavailable(_))
    }
}

/// Appends to the log. One transaction is in flight at a time; what is queued meanwhile rides in the next.
///
/// Clones share the queue. Its task ends when the last of them is dropped and the queue is empty.
#[derive(Clone, Debug)]
pub struct Appender {
    queue: mpsc::Sender<Unit>,
}

/// Commands waiting in the queue before callers wait too.
const QUEUE: usize = 4096;

impl Appender {
    /// Starts the task that appends with this pool's login; `wake` is called with the new head after each commit.
    pub fn start(pool: Pool, wake: impl Fn(i64) + Send + Sync + 'static) -> Self {
        let (queue, units) = mpsc::channel(QUEUE);
        tokio::spawn(Worker::new(pool, units, wake).run());
        Self { queue }
    }

    /// Appends one command's events. Returns once they are durable.
    ///
    /// Dropping the future does not take the command back: a repeat with the same command id tells what became of it.
    pub async fn append(&self, append: Append) -> Result<Outcome, AppendError> {
        let mut results = self.append_all(vec![append]).await;
        results.pop().unwrap_or_else(|| Err(stopped()))
    }

    /// Appends several commands in one transaction, each to a stream of its own; answers in their order.
    ///
    /// Each succeeds or is refused for itself, but those that succeed become durable together.
    pub async fn append_all(&self, appends: Vec<Append>) -> Vec<Result<Outcome, AppendError>> {
        let count = appends.len();
        if let Some(refusal) = group::refusal(&appends) {
            return vec![Err(refusal); count];
        }
        if count == 0 {
            return Vec::new();
        }
        let span = span(&appends);
        let (answer, answered) = oneshot::channel();
        if self.queue.send(Unit { appends, answer }).await.is_err() {
            return vec![Err(stopped()); count];
        }
        answered.instrument(span).await.unwrap_or_else(|_| vec![Err(stopped()); count])
    }
}

/// A span of the wait for the commit, where the request's trace is sampled.
fn span(appends: &[Append]) -> Span {
    let sampled = |append: &Append| append.traceparent.as_ref().is_some_and(|trace| trace.ends_with("-01"));
    if !appends.iter().any(sampled) {
        return Span::none();
    }
    tracing::info_span!(
        "append",
        otel.name = "INSERT events",
        otel.kind = "client",
        db.system.name = "postgresql",
        db.operation.name = "INSERT",
        db.collection.name = "log.event",
    )
}

/// The runtime is shutting down.
fn stopped() -> AppendError {
    AppendError::Unavailable("appender has stopped".into())
}
