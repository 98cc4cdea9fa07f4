//! The log as JetStream carries it. A shortcut, never the truth: whatever looks wrong ends it with [`Interrupted`],
//! and the reader goes to the log in PostgreSQL, then subscribes again.

use std::{str::FromStr, time::Duration};

use async_nats::{
    HeaderMap,
    jetstream::{
        self,
        consumer::{AckPolicy, DeliverPolicy, pull},
    },
};
use contracts::{
    log::{Recorded, header},
    service::Stream as LogStream,
};
use futures::{FutureExt, StreamExt};
use uuid::Uuid;

use crate::Bus;

/// One event as the stream carries it.
#[derive(Clone, Debug, PartialEq)]
pub struct LogMessage {
    /// The stream's sequence number.
    pub sequence: i64,
    /// Previous position of the same category; 0 = none.
    pub previous: i64,
    /// The log's epoch.
    pub epoch: i32,
    /// The event.
    pub event: Recorded,
}

/// Why the shortcut cannot be used now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Interrupted {
    /// NATS is away, or does not answer.
    #[error("NATS is away")]
    Away,
    /// The stream does not exist (yet, or any more).
    #[error("stream does not exist")]
    NoStream,
    /// The stream has forgotten the position where reading is to start.
    #[error("stream begins at {first}, after {start}")]
    Forgotten {
        /// Where reading was to start.
        start: i64,
        /// The first position it still has.
        first: i64,
    },
    /// Messages within the stream are missing: a filtered consumer would skip them without a word.
    #[error("stream lacks {count} messages")]
    Holes {
        /// How many.
        count: u64,
    },
    /// A message does not say what a log message says.
    #[error("message {sequence} cannot be read: {reason}")]
    Unreadable {
        /// Its sequence number, if known.
        sequence: i64,
        /// What is wrong with it.
        reason: String,
    },
    /// The consumer was deleted, missed heartbeats, or lost a message.
    #[error("consumer was lost: {0}")]
    Lost(String),
}

/// Reads `LOG_0` in order from a position, without acknowledgements: progress is kept by the reader.
pub struct LogMessages {
    messages: pull::Stream,
    delivered: u64,
}

/// How many messages are asked for at once.
const BATCH: usize = 500;
/// The server's sign of life; a reader that misses two of them gives up.
const HEARTBEAT: Duration = Duration::from_secs(1);

impl LogMessages {
    /// Subscribes to the events of `categories` (`None`: all) from position `start` on.
    pub async fn subscribe(bus: &Bus, categories: Option<&[&str]>, start: i64) -> Result<Self, Interrupted> {
        if !bus.is_connected() {
            return Err(Interrupted::Away);
        }
        let stream = LogStream::Log.name();
        let info = bus.jetstream().get_stream(stream).await.map_err(|error| match error.kind() {
            jetstream::context::GetStreamErrorKind::JetStream(_) => Interrupted::NoStream,
            _ => Interrupted::Away,
        })?;
        let state = &info.cached_info().state;
        let start = start.max(1);
        let first = i64::try_from(state.first_sequence).unwrap_or(i64::MAX);
        if first > start {
            return Err(Interrupted::Forgotten { start, first });
        }
        if let Some(count) = state.deleted_count.filter(|count| *count > 0) {
            return Err(Interrupted::Holes { count });
        }
        let config = pull::Config {
            // A name of its own, so that the call goes to a subject below the stream's name (N-4).
            name: bus.client().new_inbox().rsplit('.').next().map(str::to_owned),
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: start.unsigned_abs() },
            ack_policy: AckPolicy::None,
            max_deliver: 1,
            memory_storage: true,
            num_replicas: 1,
            inactive_threshold: Duration::from_secs(30),
            filter_subjects: categories
                .map(|all| all.iter().map(|category| format!("log.0.{category}.>")).collect())
                .unwrap_or_default(),
            ..Default::default()
        };
        let consumer = bus
            .jetstream()
            .create_consumer_on_stream(config, stream)
            .await
            .map_err(|error| Interrupted::Lost(error.to_string()))?;
        let messages = consumer
            .stream()
            .max_messages_per_batch(BATCH)
            .expires(Duration::from_secs(30))
            .heartbeat(HEARTBEAT)
            .messages()
            .await
            .map_err(|error| Interrupted::Lost(error.to_string()))?;
        Ok(Self { messages, delivered: 0 })
    }

    /// The next messages, in order: waits for one, adds what is there already, at most `limit`. After an error the
    /// subscription is of no more use. Dropping the future loses nothing.
    pub async fn next(&mut self, limit: usize) -> Result<Vec<LogMessage>, Interrupted> {
        let first = self.messages.next().await;
        let mut batch = vec![self.take(first)?];
        while batch.len() < limit {
            let Some(more) = self.messages.next().now_or_never() else { break };
            match self.take(more) {
                Ok(message) => batch.push(message),
                // What came before is good; the fault shows again at the next call, as a lost consumer.
                Err(interrupted) => {
                    tracing::debug!(%interrupted, "log messages interrupted");
                    self.delivered = u64::MAX;
                    break;
                }
            }
        }
        Ok(batch)
    }

    fn take(
        &mut self,
        item: Option<Result<jetstream::Message, pull::MessagesError>>,
    ) -> Result<LogMessage, Interrupted> {
        let lost = |why: &dyn std::fmt::Display| Interrupted::Lost(why.to_string());
        let message = item.ok_or_else(|| lost(&"subscription ended"))?.map_err(|error| lost(&error))?;
        let info = message.info().map_err(|error| lost(&error))?;
        if Some(info.consumer_sequence) != self.delivered.checked_add(1) {
            return Err(lost(&"a message is missing"));
        }
        self.delivered = info.consumer_sequence;
        let sequence = i64::try_from(info.stream_sequence).unwrap_or(i64::MAX);
        LogMessage::read(sequence, message.headers.as_ref(), &message.payload)
            .map_err(|reason| Interrupted::Unreadable { sequence, reason })
    }
}

impl LogMessage {
    /// Reads a message; `Err` says which header is missing or wrong.
    pub fn read(sequence: i64, headers: Option<&HeaderMap>, payload: &[u8]) -> Result<Self, String> {
        let headers = headers.ok_or("no headers")?;
        let text =
            |name: &str| headers.get(name).map(|value| value.as_str()).ok_or_else(|| format!("no {name}"));
        fn parse<T: FromStr>(name: &str, text: &str) -> Result<T, String> {
            text.parse().map_err(|_| format!("{name} is '{text}'"))
        }
        let uuid = |name: &str| parse::<Uuid>(name, text(name)?);
        let kind = text(header::TYPE)?;
        let mut hash = [0; 32];
        hex::decode_to_slice(text(header::HASH)?, &mut hash)
            .map_err(|_| "Log-Hash is not 32 bytes".to_owned())?;
        let event = Recorded {
            position: parse(header::POSITION, text(header::POSITION)?)?,
            tenant: uuid(header::TENANT)?,
            category: kind.split('.').next().unwrap_or_default().to_owned(),
            stream: uuid(header::STREAM)?,
            version: parse(header::VERSION, text(header::VERSION)?)?,
            id: uuid(header::ID)?,
            kind: kind.to_owned(),
            schema: parse(header::SCHEMA, text(header::SCHEMA)?)?,
            recorded_at: parse(header::TIME, text(header::TIME)?)?,
            command_id: uuid(header::COMMAND)?,
            causation: uuid(header::CAUSATION)?,
            correlation: uuid(header::CORRELATION)?,
            actor: text(header::ACTOR)?.to_owned(),
            traceparent: headers.get(header::TRACEPARENT).map(|value| value.as_str().to_owned()),
            payload: std::str::from_utf8(payload).map_err(|_| "payload is not UTF-8")?.to_owned(),
            hash,
        };
        Ok(Self {
            sequence,
            previous: parse(header::PREV, text(header::PREV)?)?,
            epoch: parse(header::EPOCH, text(header::EPOCH)?)?,
            event,
        })
    }
}
