//! Keeps two partitions of the log ahead of the one in use: there is no default partition to fall into.

use std::time::Duration;

use deadpool_postgres::Pool;
use tokio::time::sleep;
use tokio_postgres::error::SqlState;

use super::pause;
use crate::{ReadError, Reader, SHARD};

/// Positions in a partition.
const POSITIONS: i64 = 20_000_000;
/// Partitions kept beyond the one in use.
const AHEAD: i64 = 2;
/// At 10,000 events a second a partition lasts half an hour, two of them an hour.
const CHECK: Duration = Duration::from_secs(20 * 60);

/// Looks at the start and every 20 minutes; soon again after a failure.
pub(super) async fn keep_ahead(pool: Pool) {
    loop {
        match add_missing(&pool).await {
            Ok(()) => sleep(CHECK).await,
            Err(error) => {
                tracing::warn!(%error, "relay cannot add a partition to the log");
                pause().await;
            }
        }
    }
}

async fn add_missing(pool: &Pool) -> Result<(), ReadError> {
    let current = Reader::new(pool.clone()).head().await? / POSITIONS;
    let client = pool.get().await?;
    for from in (current..=current + AHEAD).map(|number| number * POSITIONS) {
        let name = format!("log.event_{SHARD}_{from}");
        let exists = client.query_one("select to_regclass($1) is not null", &[&name]).await?;
        if exists.try_get(0)? {
            continue;
        }
        let to = from + POSITIONS;
        match client.execute("select log.add_partition($1, $2, $3)", &[&SHARD, &from, &to]).await {
            Err(error) if error.code() == Some(&SqlState::DUPLICATE_TABLE) => {}
            added => {
                added?;
                tracing::info!(name, "relay added a partition to the log");
            }
        }
    }
    Ok(())
}
