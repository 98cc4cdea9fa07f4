//! Publishes in order, many messages in flight, each fenced by the sequence number that must come before it. So only the
//! last of a batch is acknowledged: had the server refused one before it, it would refuse that one, too.

use std::{
    collections::HashMap,
    future::IntoFuture,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_nats::jetstream::{self, message::PublishMessage};
use deadpool_postgres::{Pool, PoolError};
use futures::{StreamExt, future::BoxFuture, stream::FuturesOrdered};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, sleep},
};

use super::{RelayConfig, Standing, message, metrics::Metrics, pause, stream::LogStream, trace};
use crate::{ReadError, Reader, Recorded, SHARD};

/// Messages sent and not yet acknowledged.
const IN_FLIGHT: i64 = 512;
/// How often stream and log are compared while all seems well.
const COMPARE: Duration = Duration::from_secs(10);
/// How often the log is looked at when nobody wakes the relay.
const POLL: Duration = Duration::from_millis(250);

pub(super) struct Publisher {
    client: async_nats::Client,
    jetstream: jetstream::Context,
    reader: Reader,
    pool: Pool,
    stream: LogStream,
    metrics: Arc<Metrics>,
    standing: watch::Sender<Standing>,
    /// The last position known to be in the stream.
    published: Arc<AtomicI64>,
    /// The highest position that ever was.
    highest: i64,
    epoch: i32,
    /// Last position sent, by category.
    previous: HashMap<String, i64>,
}

/// Why publishing stopped; stream and log are compared before it goes on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Setback {
    #[error("the stream at {at} says something else than the log, whose head is {head}")]
    Fork { at: i64, head: i64 },
    #[error("event {position} got sequence number {sequence}")]
    WrongSequence { position: i64, sequence: u64 },
    #[error("the log has no event {0}, which the stream needs next")]
    Gap(i64),
    #[error("JetStream: {0}")]
    Nats(String),
    #[error(transparent)]
    Log(#[from] ReadError),
}

impl Publisher {
    pub(super) fn new(
        config: &RelayConfig,
        metrics: Arc<Metrics>,
        standing: watch::Sender<Standing>,
    ) -> Self {
        Self {
            // The same connection as JetStream's: what both send stays in order.
            client: config.jetstream.client(),
            jetstream: config.jetstream.clone(),
            reader: Reader::new(config.pool.clone()),
            pool: config.pool.clone(),
            stream: LogStream::new(config.jetstream.clone(), config.pool.clone(), config.replicas),
            metrics,
            standing,
            published: Arc::default(),
            highest: 0,
            epoch: 0,
            previous: HashMap::new(),
        }
    }

    /// The last position known to be in the stream, for whoever watches.
    pub(super) fn published(&self) -> Arc<AtomicI64> {
        self.published.clone()
    }

    /// Publishes without end.
    pub(super) async fn run(mut self) {
        loop {
            let Err(setback) = self.round().await else { continue };
            match setback {
                Setback::Fork { .. } => {
                    tracing::error!(%setback, "relay stops: begin a new epoch as the runbook says");
                    self.metrics.forked(true);
                    self.standing.send_replace(Standing::Fork);
                    sleep(COMPARE).await;
                }
                Setback::WrongSequence { .. } | Setback::Gap(_) => {
                    tracing::error!(%setback, "relay rebuilds the stream from the log");
                    if let Err(error) = self.stream.delete().await {
                        tracing::warn!(%error, "relay cannot delete the stream");
                        pause().await;
                    }
                }
                Setback::Nats(_) | Setback::Log(_) => {
                    tracing::warn!(%setback, "relay compares stream and log again");
                    sleep(POLL).await;
                }
            }
        }
    }

    /// Compares once, then publishes until it is time to compare again.
    async fn round(&mut self) -> Result<(), Setback> {
        let last = self.stream.compare().await?;
        self.metrics.forked(false);
        self.standing
            .send_if_modified(|standing| std::mem::replace(standing, Standing::Sound) != Standing::Sound);
        self.published.store(last, Ordering::Relaxed);
        self.highest = self.highest.max(last);
        self.epoch = self.reader.epoch().await?;
        self.previous.clear();
        self.publish_after(last).await
    }

    async fn publish_after(&mut self, mut sent: i64) -> Result<(), Setback> {
        let mut wakes = self.client.subscribe(format!("wake.log.{SHARD}")).await.map_err(Setback::nats)?;
        let statistics = self.client.statistics();
        let connects = || statistics.connects.load(Ordering::Relaxed);
        let connected = connects();
        let mut poll = interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut flight: FuturesOrdered<BoxFuture<'static, Result<i64, Setback>>> = FuturesOrdered::new();
        let mut more = true; // whether the log may hold events not sent yet
        let time = sleep(COMPARE);
        tokio::pin!(time);
        loop {
            let room = IN_FLIGHT - (sent - self.published.load(Ordering::Relaxed));
            if more && room >= IN_FLIGHT / 2 {
                let events = self.reader.read(sent, None, room).await?;
                more = events.len() as i64 == room;
                if let Some(last) = events.last() {
                    let position = last.position;
                    flight.push_back(self.send(events, sent).await?);
                    sent = position;
                }
            }
            tokio::select! {
                Some(acknowledged) = flight.next() => self.acknowledged(acknowledged?),
                Some(_) = wakes.next() => more = true,
                // After a reconnect the server may be another one, or have lost something.
                _ = poll.tick() => if connects() == connected { more = true } else { break },
                () = &mut time => break,
            }
        }
        while let Some(acknowledged) = flight.next().await {
            self.acknowledged(acknowledged?);
        }
        Ok(())
    }

    /// Sends the events after `sent`; the future waits until the server has the last one, and with it all of them.
    async fn send(
        &mut self,
        events: Vec<Recorded>,
        mut sent: i64,
    ) -> Result<BoxFuture<'static, Result<i64, Setback>>, Setback> {
        let mut spans = Vec::new();
        let mut acknowledgement = None;
        let last = events.len().saturating_sub(1);
        for (number, event) in events.into_iter().enumerate() {
            if event.position != sent + 1 {
                return Err(Setback::Gap(sent + 1));
            }
            sent = event.position;
            spans.push(trace::send_span(&event));
            let previous = self.previous(&event).await?;
            let subject = message::subject(&event);
            let headers = message::headers(&event, self.epoch, previous);
            let payload = event.payload.into();
            if number < last {
                let published = self.client.publish_with_headers(subject, headers, payload).await;
                published.map_err(Setback::nats)?;
            } else {
                let message = PublishMessage::build().headers(headers).payload(payload);
                let sent = self.jetstream.send_publish(subject, message).await;
                acknowledgement = Some(sent.map_err(Setback::nats)?);
            }
        }
        let position = sent;
        Ok(Box::pin(async move {
            if let Some(acknowledgement) = acknowledgement {
                let sequence = acknowledgement.into_future().await.map_err(Setback::nats)?.sequence;
                if i64::try_from(sequence) != Ok(position) {
                    return Err(Setback::WrongSequence { position, sequence });
                }
            }
            drop(spans);
            fail::fail_point!("X03-relayed-unmarked");
            Ok(position)
        }))
    }

    fn acknowledged(&mut self, position: i64) {
        let before = self.published.swap(position, Ordering::Relaxed);
        let again = position.min(self.highest) - before;
        self.metrics.republished(u64::try_from(again).unwrap_or(0));
        self.highest = self.highest.max(position);
    }

    /// The last position of the event's category before it; from the log for the first of a round, then from memory.
    async fn previous(&mut self, event: &Recorded) -> Result<i64, Setback> {
        if let Some(previous) = self.previous.get_mut(&event.category) {
            return Ok(std::mem::replace(previous, event.position));
        }
        let client = self.pool.get().await?;
        let statement = client
            .prepare_cached(
                "select position from log.event where category = $1 and shard = $2 and position < $3 \
                 order by position desc limit 1",
            )
            .await?;
        let row = client.query_opt(&statement, &[&event.category, &SHARD, &event.position]).await?;
        let previous = row.map_or(Ok(0), |row| row.try_get(0))?;
        self.previous.insert(event.category.clone(), event.position);
        Ok(previous)
    }
}

impl Setback {
    pub(super) fn nats(error: impl std::fmt::Display) -> Self {
        Self::Nats(error.to_string())
    }
}

impl From<PoolError> for Setback {
    fn from(error: PoolError) -> Self {
        Self::Log(error.into())
    }
}

impl From<tokio_postgres::Error> for Setback {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Log(error.into())
    }
}
