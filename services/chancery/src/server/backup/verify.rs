//! `chancery backup verify`: the proof that a backup restores. It is restored into a database of its own, which is gone
//! afterwards; the log is verified and replayed.

use std::{os::unix::fs::PermissionsExt as _, path::PathBuf};

use clap::Args;
use contracts::{Service, service::TABLE};
use keystore::master_key::Source;
use runtime::{
    config::Environment,
    database::Endpoint,
    entropy::SystemEntropy,
    secrets::Secrets,
    servers::postgres::{Options, Postgres},
};

use super::{
    key::Pair,
    manifest::Manifest,
    restore::{Checked, elsewhere, restore},
};
use crate::server::{
    failure::Failure,
    log_verify::counted,
    options::{self, ServerOptions},
    services, terminal,
};

/// Restore a backup into a scratch database, verify the log, build every read model again and compare
#[derive(Args, Debug)]
pub struct Verify {
    /// The backup
    file: PathBuf,
    /// The key pair that it was sealed to
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Open each private key, too, with the master key that the configuration names
    #[arg(long)]
    with_master_key: bool,
    #[command(flatten)]
    options: ServerOptions,
}

impl Verify {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (config, _, environment) = self.options.load()?;
        let pair = Pair::read(&self.key)?;
        let master_key = self
            .with_master_key
            .then(|| Source::read(&config.keystore, config.server.production))
            .transpose()
            .map_err(|error| Failure::Usage(error.to_string()))?;
        if matches!(master_key, Some(Source::Entered(_))) {
            let words = "people open this keystore: leave out --with-master-key, or give its passphrase by keystore.passphrase_file";
            return Err(Failure::Usage(words.to_owned()));
        }
        let scratch = tempfile::Builder::new().prefix("chancery-verify-").tempdir()?;
        // PostgreSQL may run as another user than this; what is in the folder stays its owners'.
        std::fs::set_permissions(scratch.path(), std::fs::Permissions::from_mode(0o755))?;
        let secrets = Secrets::at(scratch.path().join("secrets"));
        secrets.make_missing(&SystemEntropy)?;
        let settings = [("fsync", "off"), ("full_page_writes", "off"), ("synchronous_commit", "off")];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let options =
            Options { data_dir: scratch.path().to_owned(), environment: environment.clone(), settings };
        let server = Postgres::start(options, &secrets).await?;
        let verdict = self.look(pair, &server.endpoint(), &secrets, &environment, master_key).await;
        server.stop().await;
        let (manifest, checked, replayed) = verdict?;
        let tried = if self.with_master_key { "each opens" } else { "not opened" };
        terminal::line(&format!(
            "The backup is sound: installation {}, {} up to {}, {} ({tried}), {} equal to a replay of the log.{}",
            manifest.installation,
            counted(checked.log.events, "event"),
            manifest.created_at,
            counted(checked.custody.keys as u64, "private key"),
            counted(replayed, "read model"),
            elsewhere(&checked.custody),
        ));
        Ok(())
    }

    async fn look(
        &self,
        pair: Pair,
        endpoint: &Endpoint,
        secrets: &Secrets,
        environment: &Environment,
        master_key: Option<Source>,
    ) -> Result<(Manifest, Checked, u64), Failure> {
        let (manifest, checked) =
            restore(&self.file, pair, endpoint, secrets, environment, master_key).await?;
        let (mut count, mut differing) = (0, vec![]);
        for service in TABLE.iter().filter(|row| row.projects).map(|row| row.service) {
            for replayed in replay(service, endpoint, secrets).await? {
                count += 1;
                let tables = replayed.differing.iter();
                differing.extend(tables.map(|(table, rows)| format!("{service}.{table}: {rows} rows")));
            }
        }
        if differing.is_empty() {
            return Ok((manifest, checked, count));
        }
        let words = format!("read models differ from a replay of the log: {}", differing.join(", "));
        Err(Failure::Unsound(words))
    }
}

async fn replay(
    service: Service,
    endpoint: &Endpoint,
    secrets: &Secrets,
) -> Result<Vec<runtime::projection::Replayed>, Failure> {
    let pool = options::pool(endpoint, secrets, service, 2).await?;
    services::replay(service, &pool).await.map_err(|error| Failure::Other(runtime::error::words(&error)))
}
