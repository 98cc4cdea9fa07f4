//! Publishes the public events to `CHANCERY_EVENTS`, in the order of the log, each once.
//!
//! One instance is active, by session lock. What was published last says where to go on, so no position is kept
//! anywhere else; each message names the sequence it expects before it, so two instances cannot interleave. A wiped
//! store is made anew and filled again from the log, as far back as the stream keeps anything.

use std::time::Duration;

use async_nats::{
    HeaderMap,
    header::{NATS_EXPECTED_LAST_SEQUENCE, NATS_MESSAGE_ID},
    jetstream::{
        Context,
        stream::{Config, DiscardPolicy, StorageType},
    },
};
use bytes::Bytes;
use contracts::{EventId, Timestamp, public::CloudEvent, service::Stream as Owned};
use deadpool_postgres::Object;
use eventlog::Recorded;
use runtime::{
    follower::{FollowError, FollowOptions, Follower},
    health::Dependency,
    service::ServiceContext,
};

use tokio::time::MissedTickBehavior;

use crate::translate;

/// The lock of the active instance: (this, shard).
const LOCK: i32 = 7103;
/// Pause before another try, and between two looks at the lock.
const PAUSE: Duration = Duration::from_secs(1);
/// How often the session that holds the lock, and the stream, are looked at.
const ROUND: Duration = Duration::from_secs(2);
/// How long the stream keeps a message.
const KEPT: Duration = Duration::from_secs(30 * 86_400);
/// How many log events are translated and published at once.
const BATCH: usize = 256;

/// Why publishing has to begin again from what the stream holds.
#[derive(Debug, thiserror::Error)]
enum PublishError {
    #[error("no connection to PostgreSQL")]
    Pool(#[from] deadpool_postgres::PoolError),
    #[error("the session with the lock ended")]
    Lock(#[from] tokio_postgres::Error),
    #[error("the log cannot be followed")]
    Follow(#[from] FollowError),
    #[error("the stream cannot be used: {0}")]
    Stream(String),
    #[error("the last message of the stream is no event of ours")]
    Foreign,
    #[error("an event cannot be translated")]
    Event(#[from] contracts::EventError),
    #[error("an event cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

impl PublishError {
    fn stream(error: impl std::fmt::Display) -> Self {
        Self::Stream(error.to_string())
    }
}

/// Publishes until shutdown.
pub fn start(context: &ServiceContext) {
    let publisher = Publisher { context: context.clone(), health: context.health.register("public events") };
    context.shutdown.spawn_droppable(async move {
        loop {
            if let Err(error) = publisher.lead().await {
                tracing::warn!(%error, "public events: beginning again");
                publisher.health.set_failing(&error);
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
}

struct Publisher {
    context: ServiceContext,
    health: Dependency,
}

/// Where to go on.
#[derive(Debug, PartialEq, Eq)]
struct Resume {
    /// The stream's last sequence.
    sequence: u64,
    /// The log position of its last message.
    position: i64,
    /// Nothing older is published: the stream would not keep it.
    floor: Option<Timestamp>,
}

impl Publisher {
    /// Publishes while this instance holds the lock; returns at once when another one does.
    async fn lead(&self) -> Result<(), PublishError> {
        // Taken out of the pool for good: the session ends with this function, and the lock with it.
        let session = Object::take(self.context.pool.get().await?);
        let row = session
            .query_one("select pg_try_advisory_lock($1, $2)", &[&LOCK, &i32::from(eventlog::SHARD)])
            .await?;
        if !row.try_get::<_, bool>(0)? {
            self.health.set_ready();
            return Ok(());
        }
        let jetstream = self.context.bus.jetstream();
        let mut resume = resume(jetstream, self.context.clock.now()).await?;
        tracing::info!(sequence = resume.sequence, after = resume.position, "public events: publishing");
        let options = FollowOptions::new(&["*"]).after(resume.position).batch(BATCH);
        let mut follower = Follower::new(self.context.reader.clone(), self.context.bus.clone(), options);
        self.health.set_ready();
        let mut round = tokio::time::interval(ROUND);
        round.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = round.tick() => {
                    session.simple_query("").await?;
                    still_there(jetstream, &resume).await?;
                }
                events = follower.next() => publish(jetstream, &mut resume, &events?).await?,
            }
        }
    }
}

/// Whether the stream still ends where we left it: a store may be wiped while nothing happens.
async fn still_there(jetstream: &Context, resume: &Resume) -> Result<(), PublishError> {
    let stream = jetstream.get_stream(Owned::PublicEvents.name()).await.map_err(PublishError::stream)?;
    match stream.cached_info().state.last_sequence {
        last if last == resume.sequence => Ok(()),
        last => Err(PublishError::Stream(format!("it ends at {last}, not at {}", resume.sequence))),
    }
}

/// Makes the stream if it is missing, and reads where to go on.
async fn resume(jetstream: &Context, now: Timestamp) -> Result<Resume, PublishError> {
    let stream = jetstream.get_or_create_stream(config()).await.map_err(PublishError::stream)?;
    let state = stream.cached_info().state.clone();
    if state.messages == 0 {
        // New, wiped, or everything in it grew too old: whatever it would still keep is not in it.
        let floor = now.plus(-time::Duration::seconds(i64::try_from(KEPT.as_secs()).unwrap_or(0)));
        return Ok(Resume { sequence: state.last_sequence, position: 0, floor: Some(floor) });
    }
    let last = stream.get_raw_message(state.last_sequence).await.map_err(PublishError::stream)?;
    let event: CloudEvent = serde_json::from_slice(&last.payload).map_err(|_| PublishError::Foreign)?;
    let position = event.position.parse().map_err(|_| PublishError::Foreign)?;
    Ok(Resume { sequence: state.last_sequence, position, floor: None })
}

fn config() -> Config {
    Config {
        name: Owned::PublicEvents.name().to_owned(),
        description: Some("Public events: CloudEvents, translated from the log".to_owned()),
        subjects: vec!["evt.>".to_owned()],
        storage: StorageType::File,
        max_age: KEPT,
        discard: DiscardPolicy::Old,
        duplicate_window: Duration::from_secs(120),
        allow_direct: true,
        ..Config::default()
    }
}

/// Publishes what is public of these events. Each names the sequence before it, so the stream holds them in order or
/// not at all, and the answer to the last one stands for all.
async fn publish(jetstream: &Context, resume: &mut Resume, events: &[Recorded]) -> Result<(), PublishError> {
    let mut messages = Vec::new();
    for recorded in events {
        if resume.floor.is_some_and(|floor| recorded.recorded_at < floor) {
            continue;
        }
        let Some(mut message) = message(recorded)? else { continue };
        let before = resume.sequence + messages.len() as u64;
        message.headers.insert(NATS_EXPECTED_LAST_SEQUENCE, before.to_string());
        messages.push(message);
    }
    let sequence = resume.sequence + messages.len() as u64;
    if let Some(last) = messages.pop() {
        let client = jetstream.client();
        for Message { subject, headers, body } in messages {
            client.publish_with_headers(subject, headers, body).await.map_err(PublishError::stream)?;
        }
        let sent = jetstream.publish_with_headers(last.subject, last.headers, last.body).await;
        let ack = sent.map_err(PublishError::stream)?.await.map_err(PublishError::stream)?;
        fail::fail_point!("X03-public-unmarked");
        if ack.sequence != sequence || ack.duplicate {
            return Err(PublishError::Stream(format!("sequence {sequence} came back as {}", ack.sequence)));
        }
    }
    resume.sequence = sequence;
    resume.position = events.last().map_or(resume.position, |event| event.position);
    Ok(())
}

/// A public event on its way.
struct Message {
    subject: String,
    headers: HeaderMap,
    body: Bytes,
}

/// The message of a log event, if it is public.
fn message(recorded: &Recorded) -> Result<Option<Message>, PublishError> {
    let Some(translated) = translate::translate(recorded)? else { return Ok(None) };
    let subject = translate::subject(recorded, &translated.event);
    let body = serde_json::to_vec(&translate::envelope(recorded, translated)?)?.into();
    let mut headers = HeaderMap::new();
    headers.insert("Content-Type", "application/cloudevents+json");
    headers.insert(NATS_MESSAGE_ID, EventId(recorded.id).to_string());
    if let Some(traceparent) = &recorded.traceparent {
        headers.insert("traceparent", traceparent.as_str());
    }
    Ok(Some(Message { subject, headers, body }))
}
