//! What every server command understands: where the configuration comes from.

use std::path::PathBuf;

use clap::Args;
use contracts::Service;
use deadpool_postgres::Pool;
use runtime::{
    config::{Config, Environment, Settings, Sources, default_file},
    database::{self, Endpoint},
    secrets::Secrets,
    servers::postgres,
};

use super::failure::Failure;

/// Flags of every server command.
#[derive(Args, Debug, Default)]
pub struct ServerOptions {
    /// Configuration file; CHANCERY_CONFIG, or chancery/chancery.toml in the user's configuration (root: /etc)
    #[arg(long, value_name = "FILE", help_heading = "Configuration")]
    config: Option<PathBuf>,
    /// Folder of everything on disk
    #[arg(long, value_name = "FOLDER", help_heading = "Configuration")]
    data_dir: Option<PathBuf>,
    /// Address by which clients reach this server
    #[arg(long, value_name = "URL", help_heading = "Configuration")]
    public_url: Option<String>,
    /// Where the gateway listens for HTTPS
    #[arg(long, value_name = "ADDRESS", help_heading = "Configuration")]
    listen: Option<String>,
    /// Any key of the configuration, such as telemetry.log=debug; may be repeated
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Configuration")]
    set: Vec<String>,
}

impl ServerOptions {
    /// Reads the configuration: flags, then environment, then the file, then defaults.
    pub(super) fn load(&self) -> Result<(Config, Settings, Environment), Failure> {
        let environment = Environment::of_process();
        let file = self.file(&environment);
        let sources = Sources { flags: self.flags()?, file, environment: environment.clone() };
        let (config, settings) = Config::load(&sources)?;
        Ok((config, settings, environment))
    }

    /// The configuration file: the one that is named, else the one in its usual place.
    pub(super) fn file(&self, environment: &Environment) -> Option<PathBuf> {
        let named = self.config.clone().or_else(|| environment.get("CHANCERY_CONFIG").map(PathBuf::from));
        named.or_else(|| default_file(environment))
    }

    /// What flags say: flag, key, value.
    pub(super) fn flags(&self) -> Result<Vec<(String, String, String)>, Failure> {
        let data_dir = self.data_dir.as_ref().map(|folder| folder.display().to_string());
        let named = [
            ("--data-dir", "server.data_dir", &data_dir),
            ("--public-url", "server.public_url", &self.public_url),
            ("--listen", "server.listen", &self.listen),
        ];
        let named = named.into_iter().filter_map(|(flag, key, value)| {
            value.as_ref().map(|value| Ok((flag.to_owned(), key.to_owned(), value.clone())))
        });
        let set = self.set.iter().map(|pair| {
            let (key, value) = pair
                .split_once('=')
                .ok_or_else(|| Failure::Usage(format!("--set {pair}: expected KEY=VALUE")))?;
            Ok(("--set".to_owned(), key.to_owned(), value.to_owned()))
        });
        set.chain(named).collect()
    }
}

/// A pool of `service`'s, when PostgreSQL answers: a pool by itself would notice later, in the words of pools.
pub(super) async fn pool(
    endpoint: &Endpoint,
    secrets: &Secrets,
    service: Service,
    size: usize,
) -> Result<Pool, Failure> {
    let role = service.role();
    let connected = endpoint.connect(&role, &secrets.database_password(&role)?).await;
    connected.map_err(|error| Failure::connecting(endpoint, &error))?;
    Ok(database::pool(endpoint, secrets, service, size)?)
}

/// Where PostgreSQL is: as configured, or the private one of `up`.
pub(super) fn endpoint(config: &Config) -> Result<Endpoint, Failure> {
    match &config.database.url {
        Some(url) => Ok(url.parse()?),
        None => Ok(postgres::endpoint_of(&config.server.data_dir)),
    }
}
