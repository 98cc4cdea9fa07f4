//! `chancery serve <service>…`: chosen services; PostgreSQL and NATS run elsewhere, the schema is there.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use contracts::Service;
use runtime::{
    config::{Config, Environment},
    database::{self, DatabaseError, Endpoint},
    health::Dependency,
    migrate::{SchemaError, check},
    shutdown::Signals,
};

use super::{failure::Failure, options::ServerOptions, process::Process, readiness, services};

/// Time between two tries to reach PostgreSQL.
const PAUSE: Duration = Duration::from_millis(500);

/// Run the named services; PostgreSQL and NATS run elsewhere
#[derive(Args, Debug)]
pub struct Serve {
    /// gateway, directory, inventory, keystore, signer, notifier, relay
    #[arg(required = true, value_name = "SERVICE")]
    services: Vec<Service>,
    #[command(flatten)]
    options: ServerOptions,
    /// File to write once everything is ready; removed at the end
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

impl Serve {
    pub(super) async fn run(mut self) -> Result<(), Failure> {
        let (config, _, environment) = self.options.load()?;
        let (database, nats_url) = elsewhere(&config)?;
        self.services.sort();
        self.services.dedup();
        let mut signals = Signals::listen()?;
        let mut process = Process::begin(config, &self.services).await?;
        let ended = tokio::select! {
            failed = self.serve(&mut process, &database, &nats_url, &environment) => failed,
            signal = signals.next() => {
                tracing::info!(signal, "stopping");
                Ok(())
            }
        };
        readiness::end(self.ready_file.as_deref(), &environment);
        process.stop().await;
        ended
    }

    /// Serves without end, unless it cannot begin.
    async fn serve(
        &self,
        process: &mut Process,
        database: &Endpoint,
        nats_url: &str,
        environment: &Environment,
    ) -> Result<(), Failure> {
        let schema = process.health.register("schema");
        for service in &self.services {
            self.wait_for_schema(process, database, *service, &schema).await?;
        }
        schema.set_ready();
        process.start(&self.services, database, nats_url).await?;
        // What waits for people counts: they reach it only through what runs.
        process.health.settled().await;
        readiness::tell(self.ready_file.as_deref(), environment, &process.config.server.public_url)?;
        std::future::pending().await
    }

    /// Waits for PostgreSQL, however long it takes, and refuses a schema of another version.
    async fn wait_for_schema(
        &self,
        process: &Process,
        database: &Endpoint,
        service: Service,
        shown: &Dependency,
    ) -> Result<(), Failure> {
        let pool = database::pool(database, &process.secrets, service, 1)?;
        loop {
            let error = match pool.get().await.map_err(DatabaseError::from) {
                Ok(client) => match check(&**client, &services::schema(service)).await {
                    Err(SchemaError::Database(error)) => error,
                    judged => return Ok(judged?),
                },
                Err(error) => error,
            };
            shown.set_failing(runtime::error::words(&error));
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Where both servers are; `serve` starts none.
fn elsewhere(config: &Config) -> Result<(Endpoint, String), Failure> {
    match (&config.database.url, &config.bus.url) {
        (Some(database), Some(bus)) => Ok((database.parse()?, bus.clone())),
        _ => Err(Failure::Usage(
            "`serve` connects to servers that run elsewhere: set database.url and bus.url, or run `chancery up`, which \
             starts both"
                .into(),
        )),
    }
}
