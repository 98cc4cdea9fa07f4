//! A process that runs services: what `up` and `serve` have in common.

use std::sync::Arc;

use contracts::Service;
use runtime::{
    clock::SystemClock,
    config::Config,
    database::Endpoint,
    entropy::SystemEntropy,
    health::Health,
    ids::Ids,
    ops::{self, Listener, Operations},
    secrets::Secrets,
    service::{Foundation, Running, ServiceContext, StartError},
    telemetry::Telemetry,
};
use tokio_util::sync::CancellationToken;

use super::{
    failure::Failure,
    services::{self, STOP_ORDER},
};

/// The process: telemetry and the operations listener first, services when their servers are known.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) config: Arc<Config>,
    pub(super) secrets: Secrets,
    pub(super) health: Health,
    telemetry: Telemetry,
    operations: Listener,
    stop_operations: CancellationToken,
    running: Vec<Running>,
}

impl Process {
    /// Begins: from here on it logs, and `/livez` answers.
    pub(super) async fn begin(config: Config, services: &[Service]) -> Result<Self, Failure> {
        let ids = Ids::new(Arc::new(SystemClock::new()), Arc::new(SystemEntropy));
        let telemetry = Telemetry::begin(&config.telemetry, services, &ids.uuid().to_string())?;
        let (health, stop_operations) = (Health::new(), CancellationToken::new());
        let shown = Operations { health: health.clone(), metrics: telemetry.metrics() };
        let address = config.server.ops_listen;
        let operations = ops::listen(address, shown, stop_operations.clone())
            .await
            .map_err(|reason| StartError::Listen { key: "server.ops_listen", address, reason })?;
        tracing::info!(address = %operations.address, "operations listener: /livez /readyz /metrics");
        Ok(Self {
            secrets: Secrets::at(&config.server.secrets_dir),
            config: Arc::new(config),
            health,
            telemetry,
            operations,
            stop_operations,
            running: Vec::new(),
        })
    }

    /// Starts services, all at once. Those that did start run on when one fails; the caller stops them.
    pub(super) async fn start(
        &mut self,
        services: &[Service],
        database: &Endpoint,
        nats_url: &str,
    ) -> Result<(), Failure> {
        let foundation = Foundation {
            config: self.config.clone(),
            secrets: self.secrets.clone(),
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(SystemEntropy),
            database: database.clone(),
            nats_url: nats_url.to_owned(),
            health: self.health.clone(),
            metrics: self.telemetry.metrics(),
        };
        let starting = services.iter().map(|service| start_one(&foundation, *service));
        let mut failure = None;
        for started in futures::future::join_all(starting).await {
            match started {
                Ok(running) => self.running.push(running),
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Stops the services in order, then the operations listener; what telemetry holds is sent last.
    pub(super) async fn stop(self) {
        for (service, patience) in STOP_ORDER {
            for running in self.running.iter().filter(|running| running.service() == *service) {
                if running.stop(*patience).await {
                    tracing::info!(%service, "stopped");
                } else {
                    tracing::warn!(%service, "did not stop in time");
                }
            }
        }
        self.stop_operations.cancel();
        self.operations.stopped().await;
        self.telemetry.end().await;
    }
}

async fn start_one(foundation: &Foundation, service: Service) -> Result<Running, Failure> {
    let started = async { services::start(ServiceContext::open(foundation, service).await?).await };
    started.await.map_err(|error| Failure::Other(format!("{service}: {}", runtime::error::words(&error))))
}
