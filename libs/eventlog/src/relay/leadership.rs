//! The leader is whoever holds the session lock `(7102, shard)`: it ends with its connection, however that ends.

use std::time::Duration;

use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_postgres::Client;

use super::{RelayConfig, pause};
use crate::SHARD;

/// Held for as long as its connection lives.
pub(super) struct Leadership {
    client: Client,
    connection: JoinHandle<()>,
}

/// The lock's first key; the second is the shard.
const LOCK: i32 = 7102;
/// How often a waiting relay asks for the lock.
const ASK: Duration = Duration::from_secs(1);
/// How often a leader looks whether its connection is alive, and how long that may take.
const PING: Duration = Duration::from_secs(2);

impl Leadership {
    /// Waits until this relay leads, through any failure.
    pub(super) async fn acquire(config: &RelayConfig) -> Self {
        loop {
            match Self::try_acquire(config).await {
                Ok(leadership) => return leadership,
                Err(error) => tracing::warn!(%error, "relay cannot ask for its session lock"),
            }
            pause().await;
        }
    }

    async fn try_acquire(config: &RelayConfig) -> Result<Self, tokio_postgres::Error> {
        let (client, connection) = config.connect.connect(&config.postgres).await?;
        let leadership = Self { client, connection };
        let shard = i32::from(SHARD);
        let ask = "select pg_try_advisory_lock($1, $2)";
        while !leadership.client.query_one(ask, &[&LOCK, &shard]).await?.try_get::<_, bool>(0)? {
            sleep(ASK).await;
        }
        Ok(leadership)
    }

    /// Returns when the connection, and with it the lock, is gone.
    pub(super) async fn lost(&self) {
        while let Ok(Ok(())) = timeout(PING, self.client.batch_execute("")).await {
            sleep(PING).await;
        }
    }
}

impl Drop for Leadership {
    fn drop(&mut self) {
        self.connection.abort();
    }
}
