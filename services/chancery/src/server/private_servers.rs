//! The private PostgreSQL and NATS of `up`: started where no address is configured, and kept running.

use std::{
    fs::{self, DirBuilder},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::Arc,
    time::Duration,
};

use runtime::{
    config::{Config, Environment},
    database::Endpoint,
    secrets::Secrets,
    servers::{ServerError, nats, nats::Nats, postgres, postgres::Postgres},
    shutdown::Shutdown,
};
use tokio::sync::Mutex;

use super::failure::Failure;

/// How often they are looked at.
const ROUND: Duration = Duration::from_millis(500);

/// Those that run because of us.
#[derive(Debug)]
pub(super) struct PrivateServers {
    postgres: Option<Arc<Mutex<Postgres>>>,
    nats: Option<Arc<Mutex<Nats>>>,
    watch: Shutdown,
    /// Where PostgreSQL is, private or not.
    pub(super) database: Endpoint,
    /// Where NATS is, private or not.
    pub(super) nats_url: String,
}

impl PrivateServers {
    /// Starts, or adopts, what is not configured to be elsewhere. When one of them does not start the other is stopped.
    pub(super) async fn start(
        config: &Config,
        secrets: &Secrets,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        let configured = config.database.url.as_deref().map(str::parse).transpose()?;
        let started = tokio::join!(
            start_postgres(config, secrets, environment),
            start_nats(config, secrets, environment)
        );
        let (postgres, nats) = match started {
            (Ok(postgres), Ok(nats)) => (postgres, nats),
            (Ok(postgres), Err(failure)) => {
                if let Some(postgres) = postgres {
                    postgres.stop().await;
                }
                return Err(failure);
            }
            (Err(failure), nats) => {
                if let Ok(Some(nats)) = nats {
                    nats.stop().await;
                }
                return Err(failure);
            }
        };
        let database = match (configured, &postgres) {
            (Some(endpoint), _) => endpoint,
            (None, Some(postgres)) => postgres.endpoint(),
            (None, None) => postgres::endpoint_of(&config.server.data_dir),
        };
        let nats_url = match (&config.bus.url, &nats) {
            (Some(url), _) => url.clone(),
            (None, server) => server.as_ref().map(Nats::url).unwrap_or_default(),
        };
        let servers = Self {
            postgres: postgres.map(Mutex::new).map(Arc::new),
            nats: nats.map(Mutex::new).map(Arc::new),
            watch: Shutdown::new(),
            database,
            nats_url,
        };
        servers.watch_over(secrets);
        Ok(servers)
    }

    /// One that ends by itself is started again: services wait for it meanwhile, as for one far away.
    fn watch_over(&self, secrets: &Secrets) {
        if let Some(postgres) = &self.postgres {
            self.watch.spawn_droppable(keep_running(postgres.clone(), secrets.clone()));
        }
        if let Some(nats) = &self.nats {
            self.watch.spawn_droppable(keep_running(nats.clone(), secrets.clone()));
        }
    }

    /// Stops them: NATS first, PostgreSQL last.
    pub(super) async fn stop(self) {
        self.watch.stop(ROUND).await;
        if let Some(nats) = self.nats {
            nats.lock().await.stop().await;
        }
        if let Some(postgres) = self.postgres {
            postgres.lock().await.stop().await;
        }
    }
}

/// What both servers can say and do.
trait PrivateServer: Send + 'static {
    const NAME: &str;
    fn is_running(&self) -> bool;
    fn restart(&mut self, secrets: &Secrets) -> impl Future<Output = Result<(), ServerError>> + Send;
}

impl PrivateServer for Postgres {
    const NAME: &str = "PostgreSQL";
    fn is_running(&self) -> bool {
        Self::is_running(self)
    }
    async fn restart(&mut self, secrets: &Secrets) -> Result<(), ServerError> {
        Self::restart(self, secrets).await
    }
}

impl PrivateServer for Nats {
    const NAME: &str = "NATS";
    fn is_running(&self) -> bool {
        Self::is_running(self)
    }
    async fn restart(&mut self, secrets: &Secrets) -> Result<(), ServerError> {
        Self::restart(self, secrets).await
    }
}

async fn keep_running<S: PrivateServer>(server: Arc<Mutex<S>>, secrets: Secrets) {
    loop {
        tokio::time::sleep(ROUND).await;
        let mut server = server.lock().await;
        if !server.is_running() {
            tracing::error!(server = S::NAME, "private server ended; starting it again");
            if let Err(error) = server.restart(&secrets).await {
                tracing::error!(server = S::NAME, %error, "private server does not start");
            }
        }
    }
}

/// Starts the private PostgreSQL; none where one is configured.
pub(super) async fn start_postgres(
    config: &Config,
    secrets: &Secrets,
    environment: &Environment,
) -> Result<Option<Postgres>, Failure> {
    if config.database.url.is_some() {
        return Ok(None);
    }
    let options = postgres::Options {
        data_dir: config.server.data_dir.clone(),
        environment: environment.clone(),
        settings: Vec::new(),
    };
    Ok(Some(Postgres::start(options, secrets).await?))
}

async fn start_nats(
    config: &Config,
    secrets: &Secrets,
    environment: &Environment,
) -> Result<Option<Nats>, Failure> {
    if config.bus.url.is_some() {
        return Ok(None);
    }
    let options = nats::Options {
        data_dir: config.server.data_dir.clone(),
        environment: environment.clone(),
        sync_always: config.server.production,
        port: nats::PORT,
    };
    Ok(Some(Nats::start(options, secrets).await?))
}

/// Makes the data folder: as root 0755, so that PostgreSQL's user can enter; each part inside is its owner's alone.
pub(super) fn make_data_folder(data_dir: &Path) -> Result<(), Failure> {
    if data_dir.exists() {
        return Ok(());
    }
    let mode = if nix::unistd::geteuid().is_root() { 0o755 } else { 0o700 };
    let made = DirBuilder::new().recursive(true).create(data_dir);
    // Said again: the process's mask may have taken from it.
    made.and_then(|()| fs::set_permissions(data_dir, fs::Permissions::from_mode(mode)))
        .map_err(Failure::file(data_dir))
}
