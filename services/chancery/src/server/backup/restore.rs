//! `chancery backup restore`: a backup into an empty installation, on this machine or another, at another place and address.

use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _, path::PathBuf};

use clap::Args;
use contracts::Service;
use eventlog::verify;
use indicatif::ProgressBar;
use keystore::{
    custody::{self, Custody},
    master_key::Source,
};
use runtime::{
    config::{Config, Environment},
    database::{DatabaseError, Endpoint},
    entropy::SystemEntropy,
    migrate,
    secrets::{ADMIN_ROLE, Secrets},
};
use std::sync::Arc;

use super::{
    key::Pair,
    manifest::Manifest,
    programs::{self, Programs, server_version},
    seal::Opening,
};
use crate::server::{
    failure::Failure,
    lock::{Attempt, Lock},
    log_verify::{counted, published_key},
    options::{self, ServerOptions},
    private_servers::{make_data_folder, start_postgres},
    services, terminal,
};

/// Restore a backup into an empty installation, on this machine or another
#[derive(Args, Debug)]
pub struct Restore {
    /// The backup
    file: PathBuf,
    /// The key pair that it was sealed to
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    options: ServerOptions,
}

impl Restore {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (config, _, environment) = self.options.load()?;
        let pair = Pair::read(&self.key)?;
        let master_key = master_key(&config)?;
        make_data_folder(&config.server.data_dir)?;
        let _lock = match Lock::take(&config.server.data_dir, &config.server.public_url).await? {
            Attempt::Ours(lock) => lock,
            Attempt::Theirs(holder) => {
                return Err(Failure::Usage(format!(
                    "Chancery runs here (process {}); a backup is restored where nothing runs",
                    holder.pid
                )));
            }
        };
        let secrets = Secrets::at(&config.server.secrets_dir);
        secrets.make_missing(&SystemEntropy)?;
        let server = start_postgres(&config, &secrets, &environment).await?;
        let endpoint = options::endpoint(&config)?;
        // What people enter is not here; they see whether it opens when they do.
        let master_key = Some(master_key).filter(|source| !matches!(source, Source::Entered(_)));
        let restored = restore(&self.file, pair, &endpoint, &secrets, &environment, master_key).await;
        if let Some(server) = server {
            server.stop().await;
        }
        let (manifest, checked) = restored?;
        keep_configuration(&config, &manifest)?;
        terminal::line(&format!(
            "Restored: installation {}, {} up to {}; {} open; the log is sound.",
            manifest.installation,
            counted(checked.log.events, "event"),
            manifest.created_at,
            counted(checked.custody.keys as u64, "key"),
        ));
        if manifest.public_url != config.server.public_url {
            terminal::note(&format!(
                "It was at {} and will be at {}: clients, links in mails and OpenID providers have to be told.",
                manifest.public_url, config.server.public_url
            ));
        }
        let elsewhere = elsewhere(&checked.custody);
        if !elsewhere.is_empty() {
            terminal::note(elsewhere.trim_start());
        }
        terminal::note(
            "Next: chancery up, or migrate and serve as before; tokens and passwords are the ones it had.",
        );
        Ok(())
    }
}

/// The master key is not in the backup: it has to be here first, or one would be made that opens nothing.
fn master_key(config: &Config) -> Result<Source, Failure> {
    Source::read(&config.keystore, config.server.production).map_err(|error| {
        Failure::Usage(format!(
            "the master key of the installation is needed before its backup is restored ({error}); put keystore-master.key \
             of the old secrets folder into {}",
            config.server.secrets_dir.display()
        ))
    })
}

/// The configuration that the installation had, for comparison; it is not used.
fn keep_configuration(config: &Config, manifest: &Manifest) -> Result<(), Failure> {
    let Some(text) = &manifest.configuration else { return Ok(()) };
    let path = config.server.data_dir.join("restored-chancery.toml");
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(Failure::file(&path))?;
    terminal::note(&format!("The configuration file that it had is in {}; it is not read.", path.display()));
    Ok(())
}

/// What was checked once it was in.
pub(super) struct Checked {
    pub(super) log: verify::Report,
    pub(super) custody: Custody,
}

/// Reads a backup into an empty database, brings that up to date, and checks log and keys.
pub(super) async fn restore(
    file: &std::path::Path,
    pair: Pair,
    endpoint: &Endpoint,
    secrets: &Secrets,
    environment: &Environment,
    master_key: Option<Source>,
) -> Result<(Manifest, Checked), Failure> {
    let connected = endpoint.connect(ADMIN_ROLE, &secrets.database_password(ADMIN_ROLE)?).await;
    let client = connected.map_err(|error| Failure::connecting(endpoint, &error))?;
    let taken = client.query_one("select to_regnamespace('log') is not null", &[]).await?;
    if taken.get(0) {
        let words = format!(
            "the database at {endpoint} holds an installation; a backup is restored into an empty one"
        );
        return Err(Failure::Usage(words));
    }
    let version = server_version(&client).await?;
    let programs = Programs::find(environment, version, endpoint, secrets).await?;
    migrate::make_roles(endpoint, secrets).await?;
    let (sealed, bar) = programs::file(file)?;
    let read = tokio::task::spawn_blocking(move || read(sealed, &pair, version, &programs, &bar));
    let manifest = read.await.map_err(|error| Failure::Other(error.to_string()))??;
    migrate::migrate(endpoint, secrets, services::SCHEMAS).await?;
    client.batch_execute("analyze").await.map_err(DatabaseError::from)?;
    let log = verified(endpoint, secrets).await?;
    let pool = options::pool(endpoint, secrets, Service::Keystore, 2).await?;
    let custody = custody::custody(&pool, master_key, Arc::new(SystemEntropy)).await;
    let custody = custody.map_err(|error| Failure::Unsound(runtime::error::words(&error)))?;
    judge(&log, &custody, &manifest)?;
    Ok((manifest, Checked { log, custody }))
}

fn read(
    sealed: impl std::io::BufRead,
    pair: &Pair,
    version: u32,
    programs: &Programs,
    bar: &ProgressBar,
) -> Result<Manifest, Failure> {
    let mut opening = Opening::begin(sealed, pair)?;
    let (manifest, beginning) = Manifest::read(&mut opening)?;
    if manifest.postgresql > version {
        return Err(Failure::Usage(format!(
            "the backup is of PostgreSQL {}; this one is {version}, and older",
            manifest.postgresql
        )));
    }
    programs.restore(&beginning, &mut opening, bar)?;
    bar.finish_and_clear();
    Ok(manifest)
}

/// Hashes, versions and signed heads of the restored log.
async fn verified(endpoint: &Endpoint, secrets: &Secrets) -> Result<verify::Report, Failure> {
    let pool = options::pool(endpoint, secrets, Service::Relay, 2).await?;
    let against = verify::Options { key: published_key(&pool).await?, anchor: None };
    let report = verify::verify_online(pool, &against, |_| {}).await;
    report.map_err(|error| Failure::Other(runtime::error::words(&error)))
}

/// What is no part of any backup: keys in tokens. Empty if there are none.
pub(super) fn elsewhere(custody: &Custody) -> String {
    match custody.in_tokens {
        0 => String::new(),
        keys => format!(" Not in it, but in tokens: {}.", counted(keys as u64, "private key")),
    }
}

/// What is wrong, all of it.
fn judge(log: &verify::Report, custody: &Custody, manifest: &Manifest) -> Result<(), Failure> {
    let mut wrong: Vec<String> = log.findings.iter().map(ToString::to_string).collect();
    if i64::try_from(log.events).unwrap_or(i64::MAX) != manifest.position {
        wrong.push(format!("it holds {} events and says that there are {}", log.events, manifest.position));
    }
    wrong.extend(custody.missing.iter().map(|key| format!("key {key} has no private half in it")));
    wrong.extend(custody.closed.iter().map(|key| format!("key {key} does not open")));
    if wrong.is_empty() { Ok(()) } else { Err(Failure::Unsound(wrong.join("; "))) }
}
