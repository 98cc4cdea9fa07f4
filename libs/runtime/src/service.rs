//! What a service's `start` receives.

use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use bus::{Bus, BusError, BusOptions};
use contracts::Service;
use deadpool_postgres::Pool;
use eventlog::{Appender, Reader};

use crate::{
    aggregate::Aggregate,
    authority::Authority,
    clock::Clock,
    config::Config,
    database::{DatabaseError, Endpoint},
    entropy::Entropy,
    health::Health,
    ids::Ids,
    repository::Repository,
    secrets::{SecretError, Secrets},
    shutdown::Shutdown,
    telemetry::Metrics,
    transport_ca::TransportError,
};

/// Everything a service works with; clones share it.
#[derive(Clone)]
pub struct ServiceContext {
    /// Which service.
    pub service: Service,
    /// The configuration.
    pub config: Arc<Config>,
    /// Where the process's files of secrets are.
    pub secrets: Secrets,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// New ids.
    pub ids: Ids,
    /// Connections as the service's own role.
    pub pool: Pool,
    /// Appends to the log.
    pub appender: Appender,
    /// Reads the log.
    pub reader: Reader,
    /// Commands and news.
    pub bus: Bus,
    /// Who may do what.
    pub authority: Authority,
    /// What is missing, under the service's name.
    pub health: Health,
    /// The process's figures.
    pub metrics: Metrics,
    /// The service's tasks and the word to stop.
    pub shutdown: Shutdown,
}

/// What the services of one process share.
#[derive(Clone)]
pub struct Foundation {
    /// The configuration.
    pub config: Arc<Config>,
    /// The files of secrets.
    pub secrets: Secrets,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Where PostgreSQL is.
    pub database: Endpoint,
    /// Where NATS is.
    pub nats_url: String,
    /// The register of what is missing.
    pub health: Health,
    /// The figures.
    pub metrics: Metrics,
}

/// Why a service cannot even begin. A server that is away is not a reason: that shows in the health.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// A file of secrets.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// PostgreSQL's pool.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// NATS.
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// Why a service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// What every service needs.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// NATS.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// PostgreSQL.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A file of secrets.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The HTTPS certificate.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// An address is taken or not ours.
    #[error("{key}: cannot listen on {address}: {reason}; end what listens there, or set another address")]
    Listen {
        /// The key of the configuration that says where.
        key: &'static str,
        /// Where.
        address: SocketAddr,
        /// What the system said.
        reason: io::Error,
    },
    /// A reason of the service's own.
    #[error(transparent)]
    Refused(Box<dyn std::error::Error + Send + Sync>),
}

impl StartError {
    /// A reason of the service's own.
    pub fn refused(reason: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Refused(Box::new(reason))
    }
}

/// A service that runs until it is stopped.
#[derive(Debug)]
pub struct Running {
    service: Service,
    shutdown: Shutdown,
    bus: Bus,
}

impl Running {
    /// Which service.
    #[must_use]
    pub const fn service(&self) -> Service {
        self.service
    }

    /// Takes no more commands and answers those begun, tells its tasks to stop, waits for them, and closes its connection
    /// to NATS once what it said is sent. False: something still ran after `patience`.
    pub async fn stop(&self, patience: Duration) -> bool {
        let answered = tokio::time::timeout(patience, self.bus.stop_serving()).await.is_ok();
        let stopped = self.shutdown.stop(patience).await && answered;
        // Closed already, or NATS is away: either way there is nothing left to say.
        _ = tokio::time::timeout(Duration::from_secs(1), self.bus.client().drain()).await;
        stopped
    }
}

impl ServiceContext {
    /// The service, as running: what its `start` returns.
    #[must_use]
    pub fn running(&self) -> Running {
        Running { service: self.service, shutdown: self.shutdown.clone(), bus: self.bus.clone() }
    }

    /// Makes the context of one service: its own role, its own NATS user, its own tasks. Connects in the background.
    pub async fn open(foundation: &Foundation, service: Service) -> Result<Self, ContextError> {
        let (config, secrets) = (foundation.config.clone(), foundation.secrets.clone());
        let pool = crate::database::pool(&foundation.database, &secrets, service, config.database.pool_size)?;
        let seed = secrets.nats_seed(service.into())?;
        let clock = foundation.clock.clone();
        let now = {
            let clock = clock.clone();
            move || clock.now()
        };
        let options = BusOptions::new(foundation.nats_url.clone(), service, seed.reveal(), now);
        let bus = Bus::connect(BusOptions { gateway: Some(secrets.gateway_nkey()?), ..options }).await?;
        let waker = bus.clone();
        let appender = Appender::start(pool.clone(), move |head| waker.wake(head));
        let reader = Reader::new(pool.clone());
        let health = foundation.health.scope(service);
        let shutdown = Shutdown::new();
        crate::dependencies::watch(&reader, &bus, &health, &shutdown);
        let authority = Authority::start(&reader, &bus, clock.clone(), &health, &shutdown);
        Ok(Self {
            service,
            config,
            secrets,
            ids: Ids::new(clock.clone(), foundation.entropy.clone()),
            clock,
            entropy: foundation.entropy.clone(),
            pool,
            appender,
            reader,
            bus,
            authority,
            health,
            metrics: foundation.metrics.clone(),
            shutdown,
        })
    }

    /// A repository of aggregates that remembers up to `capacity` of them.
    #[must_use]
    pub fn repository<A: Aggregate>(&self, capacity: usize) -> Repository<A> {
        Repository::new(
            self.appender.clone(),
            self.reader.clone(),
            self.clock.clone(),
            self.ids.clone(),
            capacity,
        )
    }
}

impl fmt::Debug for ServiceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceContext({})", self.service)
    }
}
