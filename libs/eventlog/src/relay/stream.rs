//! The log's stream on JetStream: how it is made, and where it stands beside the log.

use std::time::Duration;

use async_nats::jetstream::{
    self, ErrorCode,
    context::GetStreamErrorKind,
    stream::{Compression, Config, RawMessageErrorKind, StorageType, Stream},
};
use deadpool_postgres::Pool;

use super::{message, publisher::Setback};
use crate::{Reader, SHARD};

/// The stream's name.
pub(super) const NAME: &str = contracts::service::Stream::Log.name();
/// How long messages are kept. Who needs older ones reads the log.
const RETENTION: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Makes and compares the stream.
pub(super) struct LogStream {
    jetstream: jetstream::Context,
    reader: Reader,
    pool: Pool,
    replicas: usize,
}

impl LogStream {
    pub(super) fn new(jetstream: jetstream::Context, pool: Pool, replicas: usize) -> Self {
        Self { jetstream, reader: Reader::new(pool.clone()), pool, replicas }
    }

    /// The stream's last sequence number, once it is known that the log says the same there. Makes the stream if there
    /// is none, to begin with the oldest event that is not past retention.
    pub(super) async fn compare(&self) -> Result<i64, Setback> {
        let stream = match self.jetstream.get_stream(NAME).await {
            Ok(stream) => stream,
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                    return self.create().await;
                }
                _ => return Err(Setback::nats(error)),
            },
        };
        self.update(&stream).await?;
        let last = stream.cached_info().state.last_sequence as i64;
        // The head is asked after the stream, so that the stream can be ahead only of a log that went back.
        let head = self.reader.head().await?;
        if last > head {
            return Err(Setback::Fork { at: last, head });
        }
        if last > 0 && self.differs(&stream, last).await? {
            return Err(Setback::Fork { at: last, head });
        }
        Ok(last)
    }

    /// Deletes the stream: the next comparison makes it anew.
    pub(super) async fn delete(&self) -> Result<(), Setback> {
        self.jetstream.delete_stream(NAME).await.map(drop).map_err(Setback::nats)
    }

    async fn create(&self) -> Result<i64, Setback> {
        let first = self.retention_floor().await?;
        tracing::info!(first, "relay makes the log's stream");
        self.jetstream.create_stream(self.config(first)).await.map_err(Setback::nats)?;
        Ok(first - 1)
    }

    /// Settings changed by a newer program or another number of replicas.
    async fn update(&self, stream: &Stream) -> Result<(), Setback> {
        let found = &stream.cached_info().config;
        let Config { max_age, num_replicas, duplicate_window, deny_delete, compression, .. } = self.config(1);
        let wanted =
            Config { max_age, num_replicas, duplicate_window, deny_delete, compression, ..found.clone() };
        if wanted != *found {
            self.jetstream.update_stream(wanted).await.map_err(Setback::nats)?;
        }
        Ok(())
    }

    /// Whether the message at this position is another event than the log has there.
    async fn differs(&self, stream: &Stream, position: i64) -> Result<bool, Setback> {
        let message = match stream.get_raw_message(position as u64).await {
            Ok(message) => message,
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => return Ok(false), // past retention
            Err(error) => return Err(Setback::nats(error)),
        };
        let events = self.reader.read(position - 1, None, 1).await?;
        let recorded = events.first().filter(|event| event.position == position);
        Ok(recorded.is_some_and(|event| !message::is(&message.headers, event)))
    }

    /// The first position that is not past retention: the next one to be given when all are. Times rise with positions.
    async fn retention_floor(&self) -> Result<i64, Setback> {
        let client = self.pool.get().await?;
        let past = client
            .prepare_cached(
                "select recorded_at < clock_timestamp() - make_interval(secs => $3) from log.event \
                 where shard = $1 and position = $2",
            )
            .await?;
        let (mut low, mut high) = (1, self.reader.head().await? + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let row = client.query_opt(&past, &[&SHARD, &middle, &RETENTION.as_secs_f64()]).await?;
            // An event that is no longer there was detached with its partition, long past retention.
            if row.map_or(Ok(true), |row| row.try_get(0))? {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    fn config(&self, first: i64) -> Config {
        Config {
            name: NAME.to_owned(),
            description: Some("the event log; a copy, made by the relay".to_owned()),
            subjects: vec![format!("log.{SHARD}.>")],
            storage: StorageType::File,
            num_replicas: self.replicas,
            max_age: RETENTION,
            compression: Some(Compression::S2),
            deny_delete: true,
            allow_direct: true,
            // Positions are fenced by the expected sequence; the shortest window the server takes saves its memory.
            duplicate_window: Duration::from_millis(100),
            first_sequence: Some(first as u64),
            ..Config::default()
        }
    }
}
