//! `chancery migrate`: brings the database up to date; a repeat changes nothing.

use std::time::Duration;

use clap::Args;
use runtime::{
    migrate::migrate,
    secrets::{ADMIN_ROLE, Secrets},
};
use tokio::time::{Instant, sleep};

use super::{
    failure::Failure,
    options::{self, ServerOptions},
    services::SCHEMAS,
    terminal,
};

/// How long PostgreSQL may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bring the database up to date with this program
#[derive(Args, Debug)]
pub struct Migrate {
    #[command(flatten)]
    options: ServerOptions,
}

impl Migrate {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (config, _, _) = self.options.load()?;
        let endpoint = options::endpoint(&config)?;
        let secrets = Secrets::at(&config.server.secrets_dir);
        let password = secrets.database_password(ADMIN_ROLE)?;
        let deadline = Instant::now() + PATIENCE;
        let mut told = false;
        // Only the way there is tried again; what the server refuses it refuses for good.
        while let Err(error) = endpoint.connect(ADMIN_ROLE, &password).await {
            if !error.is_away() || Instant::now() > deadline {
                return Err(Failure::connecting(&endpoint, &error));
            }
            if !told {
                terminal::note(&format!("Waiting for PostgreSQL at {endpoint}"));
                told = true;
            }
            sleep(Duration::from_millis(500)).await;
        }
        migrate(&endpoint, &secrets, SCHEMAS).await?;
        terminal::line("The database is up to date.");
        Ok(())
    }
}
