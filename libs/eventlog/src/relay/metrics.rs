//! How far behind the relay is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use deadpool_postgres::Pool;
use opentelemetry::{
    global,
    metrics::{Counter, Gauge},
};
use tokio::time::interval;

use crate::{ReadError, Reader, SHARD};

pub(super) struct Metrics {
    lag_events: Gauge<i64>,
    lag_seconds: Gauge<f64>,
    republished: Counter<u64>,
    fork: Gauge<u64>,
    leader: Gauge<u64>,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let meter = global::meter("chancery");
        Self {
            lag_events: meter
                .i64_gauge("chancery_relay_lag_events")
                .with_description("Events of the log that are not published")
                .build(),
            lag_seconds: meter
                .f64_gauge("chancery_relay_lag_seconds")
                .with_description("Age of the oldest event that is not published")
                .build(),
            republished: meter
                .u64_counter("chancery_relay_republished_total")
                .with_description("Events published again after JetStream lost them")
                .build(),
            fork: meter
                .u64_gauge("chancery_relay_fork")
                .with_description("1 if stream and log disagree and publishing has stopped")
                .build(),
            leader: meter
                .u64_gauge("chancery_relay_leader")
                .with_description("1 where the relay leads")
                .build(),
        }
    }

    pub(super) fn leads(&self, leads: bool) {
        self.leader.record(leads.into(), &[]);
    }

    pub(super) fn forked(&self, forked: bool) {
        self.fork.record(forked.into(), &[]);
    }

    pub(super) fn republished(&self, events: u64) {
        self.republished.add(events, &[]);
    }
}

/// Records every second how many events are not published yet and how old the oldest of them is.
pub(super) async fn watch_lag(reader: Reader, pool: Pool, published: Arc<AtomicI64>, metrics: Arc<Metrics>) {
    let mut seconds = interval(Duration::from_secs(1));
    loop {
        seconds.tick().await;
        let last = published.load(Ordering::Relaxed);
        match lag(&reader, &pool, last).await {
            Ok((events, seconds)) => {
                metrics.lag_events.record(events, &[]);
                metrics.lag_seconds.record(seconds, &[]);
            }
            Err(error) => tracing::debug!(%error, "relay cannot measure its lag"),
        }
    }
}

async fn lag(reader: &Reader, pool: &Pool, published: i64) -> Result<(i64, f64), ReadError> {
    let events = (reader.head().await? - published).max(0);
    if events == 0 {
        return Ok((0, 0.0));
    }
    let client = pool.get().await?;
    let statement = client
        .prepare_cached(
            "select extract(epoch from clock_timestamp() - recorded_at)::float8 from log.event \
             where shard = $1 and position = $2",
        )
        .await?;
    let row = client.query_opt(&statement, &[&SHARD, &(published + 1)]).await?;
    Ok((events, row.map_or(Ok(0.0), |row| row.try_get(0))?))
}
