//! Sweeps old answers to commands: `log.command` is a cache, not history.

use std::time::Duration;

use deadpool_postgres::Pool;
use tokio::time::sleep;

use crate::ReadError;

/// How often the relay looks for old answers once there are none left.
const LOOK: Duration = Duration::from_secs(60 * 60);
/// Pause between two portions, which leaves the disk to those who append.
const PAUSE: Duration = Duration::from_secs(1);

/// Sweeps without end.
pub(super) async fn sweep(pool: Pool) {
    loop {
        match sweep_portion(&pool).await {
            Ok(0) => sleep(LOOK).await,
            Ok(_) => sleep(PAUSE).await,
            Err(error) => {
                tracing::warn!(%error, "relay cannot sweep old answers");
                sleep(LOOK).await;
            }
        }
    }
}

async fn sweep_portion(pool: &Pool) -> Result<i64, ReadError> {
    Ok(pool.get().await?.query_one("select log.sweep_answers()", &[]).await?.try_get(0)?)
}
