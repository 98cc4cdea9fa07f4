//! Relays for tests, and what they published.

use std::{convert::Infallible, time::Duration};

use async_nats::jetstream::{self, consumer};
use chancery_eventlog::relay::{Relay, RelayConfig};
use chancery_eventlog::seal::CheckpointSigner;
use contracts::Service;
use deadpool_postgres::ConfigConnectImpl;
use futures::StreamExt;
use tokio::task::JoinHandle;
use tokio_postgres::NoTls;
use tokio_util::sync::CancellationToken;

use super::{nats::Nats, postgres::Postgres};

pub struct Relaying {
    task: JoinHandle<()>,
    shutdown: CancellationToken,
}

impl Relaying {
    pub async fn start(postgres: &Postgres, nats: &Nats) -> Self {
        Self::sealing(postgres, nats, None::<Infallible>).await
    }

    pub async fn sealing<S: CheckpointSigner + 'static>(
        postgres: &Postgres,
        nats: &Nats,
        signer: Option<S>,
    ) -> Self {
        Self::run(Self::config(postgres, nats).await, signer)
    }

    /// Leads although another one may: its lock is in another database, as good as lost.
    pub async fn lead_anyway(postgres: &Postgres, nats: &Nats) -> Self {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
        let database = format!("elsewhere_{}", NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        postgres.admin().await.batch_execute(&format!("create database {database}")).await.unwrap();
        let mut config = Self::config(postgres, nats).await;
        config.postgres.dbname(database);
        Self::run(config, None::<Infallible>)
    }

    async fn config(postgres: &Postgres, nats: &Nats) -> RelayConfig {
        RelayConfig {
            postgres: postgres.config(&Service::Relay.role()),
            connect: Box::new(ConfigConnectImpl { tls: NoTls }),
            pool: postgres.pool(Service::Relay),
            jetstream: nats.jetstream().await,
            replicas: 1,
        }
    }

    fn run<S: CheckpointSigner + 'static>(config: RelayConfig, signer: Option<S>) -> Self {
        let shutdown = CancellationToken::new();
        Self { task: tokio::spawn(Relay::run(config, signer, shutdown.clone())), shutdown }
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }

    /// As if the process died: nothing is told to anyone.
    pub fn kill(self) {
        self.task.abort();
    }
}

/// Waits until the stream ends at `position`; fails after 30 s.
pub async fn published(jetstream: &jetstream::Context, position: i64) {
    let mut last = None;
    for _ in 0..600 {
        if let Ok(stream) = jetstream.get_stream("LOG_0").await {
            last = Some(stream.cached_info().state.last_sequence);
            if last == Some(position as u64) {
                return;
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("stream ends at {last:?} and not at {position}");
}

/// Every message of the stream.
pub async fn messages(jetstream: &jetstream::Context) -> Vec<jetstream::Message> {
    let mut stream = jetstream.get_stream("LOG_0").await.unwrap();
    let count = stream.info().await.unwrap().state.messages as usize;
    let config = consumer::pull::OrderedConfig::default();
    let messages = stream.create_consumer(config).await.unwrap().messages().await.unwrap();
    messages.take(count).map(Result::unwrap).collect().await
}
