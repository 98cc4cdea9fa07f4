//! The counts beside the log: told to a table now and then, so that a restart begins where it ended and replicas know
//! of each other's. No request waits for it.

use std::{sync::Arc, time::Duration};

use deadpool_postgres::Pool;
use runtime::database::DatabaseError;

use super::window::minute_of;
use crate::gateway::Gateway;

/// The pause between two tellings.
const PERIOD: Duration = Duration::from_secs(2);
/// How long the start waits for what was counted before it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Takes in what was counted before, and tells what is counted from now on until shutdown.
pub async fn keep(gateway: &Arc<Gateway>) {
    let restored = tokio::time::timeout(PATIENCE, restore(gateway)).await;
    let mut restored = matches!(restored, Ok(Ok(())));
    let keeper = gateway.clone();
    gateway.shutdown.spawn(async move {
        let stop = keeper.shutdown.token();
        loop {
            let go_on = stop.run_until_cancelled(tokio::time::sleep(PERIOD)).await.is_some();
            if !restored {
                restored = restore(&keeper).await.is_ok();
            }
            if let Err(error) = save(&keeper).await {
                // What was not told is lost to a restart; here it counts on.
                tracing::debug!(%error, "counts of requests not saved");
            }
            if !go_on {
                return;
            }
        }
    });
}

async fn restore(gateway: &Gateway) -> Result<(), DatabaseError> {
    let now = gateway.clock.now();
    let client = gateway.pool.get().await?;
    let sql = "select key, minute, count from gateway.request_count where minute >= $1";
    for row in client.query(sql, &[&(minute_of(now) - 1)]).await? {
        let (key, minute, count): (String, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if let Ok(key) = key.parse() {
            gateway.rates.restore(key, minute, count.unsigned_abs(), now);
        }
    }
    Ok(())
}

async fn save(gateway: &Gateway) -> Result<(), DatabaseError> {
    let now = gateway.clock.now();
    let unsaved = gateway.rates.take_unsaved(now);
    if unsaved.is_empty() {
        return Ok(());
    }
    let keys: Vec<String> = unsaved.iter().map(|(key, ..)| key.to_string()).collect();
    let minutes: Vec<i64> = unsaved.iter().map(|(_, minute, _)| *minute).collect();
    let counts: Vec<i64> =
        unsaved.iter().map(|(.., count)| i64::try_from(*count).unwrap_or(i64::MAX)).collect();
    let rows = write(&gateway.pool, &keys, &minutes, &counts, minute_of(now) - 1).await?;
    for (key, minute, count) in rows {
        if let Ok(key) = key.parse() {
            gateway.rates.shared(key, minute, count.unsigned_abs());
        }
    }
    Ok(())
}

/// Adds to the counts and answers what they are now; drops what is too old to count. Rows are taken in one order, so that
/// replicas do not wait for each other in a circle.
async fn write(
    pool: &Pool,
    keys: &[String],
    minutes: &[i64],
    counts: &[i64],
    oldest: i64,
) -> Result<Vec<(String, i64, i64)>, DatabaseError> {
    let client = pool.get().await?;
    let add = client
        .prepare_cached(
            "insert into gateway.request_count as t (key, minute, count) \
             select * from unnest($1::text[], $2::bigint[], $3::bigint[]) as x(key, minute, count) order by key, minute \
             on conflict (key, minute) do update set count = t.count + excluded.count returning key, minute, count",
        )
        .await?;
    let rows = client.query(&add, &[&keys, &minutes, &counts]).await?;
    client.execute("delete from gateway.request_count where minute < $1", &[&oldest]).await?;
    let read = |row: &tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
    rows.iter().map(read).collect()
}
