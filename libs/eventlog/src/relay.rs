//! Publishes the log to JetStream: the sequence number of a message in `LOG_0` is the position of its event.
//!
//! One relay leads per shard; others wait. It keeps no cursor: it compares the stream with the log at the start, after
//! any error and every 10 s, and goes on where the stream ends. So a stream that was lost, cut short or restored is
//! made whole, and only one that says something else than the log ([`Standing::Fork`]) stops everything.

mod answers;
mod leadership;
mod message;
mod metrics;
mod partitions;
mod publisher;
mod stream;
mod trace;

use std::{sync::Arc, time::Duration};

use deadpool_postgres::{Connect, Pool};
use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;

use self::{leadership::Leadership, metrics::Metrics, publisher::Publisher};
use crate::{
    Reader,
    seal::{CheckpointSigner, Sealer},
};

/// What a relay needs.
pub struct RelayConfig {
    /// How to reach the database directly, for the session lock: not through a pooler.
    pub postgres: tokio_postgres::Config,
    /// Makes that connection (with or without TLS).
    pub connect: Box<dyn Connect>,
    /// Connections with the login `chancery_relay`.
    pub pool: Pool,
    /// JetStream, where the log is published; wake-ups come over the same connection.
    pub jetstream: async_nats::jetstream::Context,
    /// Copies that JetStream keeps of the stream: 1, or 3 in a cluster.
    pub replicas: usize,
}

/// What the last comparison of stream and log said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// They were not compared yet.
    Unknown,
    /// The stream is a beginning of the log.
    Sound,
    /// The stream says something else than the log, which was restored or changed behind it. Nothing is published or
    /// sealed until an operator begins a new epoch and deletes the stream.
    Fork,
}

/// The relay of one shard.
pub struct Relay;

/// Pause before another try for what failed.
const PAUSE: Duration = Duration::from_secs(1);

impl Relay {
    /// Leads whenever it can, until `shutdown`: publishes, keeps partitions ahead, and seals with `signer` (`None`:
    /// nothing is sealed). Outlives restarts of PostgreSQL and NATS.
    pub async fn run<S: CheckpointSigner>(
        config: RelayConfig,
        signer: Option<S>,
        shutdown: CancellationToken,
    ) {
        let metrics = Arc::new(Metrics::new());
        let lead = async {
            loop {
                let leadership = Leadership::acquire(&config).await;
                tracing::info!(shard = crate::SHARD, "relay leads");
                metrics.leads(true);
                tokio::select! {
                    () = leadership.lost() => tracing::warn!("relay lost its session lock"),
                    () = duties(&config, signer.as_ref(), &metrics) => {}
                }
                metrics.leads(false);
            }
        };
        metrics.leads(false);
        shutdown.run_until_cancelled(lead).await;
        metrics.leads(false);
    }
}

/// What the leader does, without end.
async fn duties<S: CheckpointSigner>(config: &RelayConfig, signer: Option<&S>, metrics: &Arc<Metrics>) {
    let (standing, standings) = watch::channel(Standing::Unknown);
    let publisher = Publisher::new(config, metrics.clone(), standing);
    let published = publisher.published();
    let seal = async {
        match signer {
            Some(signer) => Sealer::new(config.pool.clone(), signer, standings).run().await,
            None => std::future::pending().await,
        }
    };
    tokio::join!(
        publisher.run(),
        partitions::keep_ahead(config.pool.clone()),
        answers::sweep(config.pool.clone()),
        metrics::watch_lag(Reader::new(config.pool.clone()), config.pool.clone(), published, metrics.clone()),
        seal,
    );
}

async fn pause() {
    sleep(PAUSE).await;
}
