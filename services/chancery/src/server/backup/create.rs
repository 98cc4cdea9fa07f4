//! `chancery backup create`: the whole database as it is at one moment, sealed as it is written, so that nothing of it ever
//! lies on the disk in clear.

use std::{
    fs,
    io::{BufWriter, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use runtime::{
    clock::{Clock as _, SystemClock},
    database::DatabaseError,
    secrets::{ADMIN_ROLE, Secrets},
};
use tokio_postgres::Client;

use super::{
    key::Recipient,
    manifest::Manifest,
    programs::{Programs, server_version},
    seal::Sealing,
};
use crate::server::{
    failure::Failure,
    options::{self, ServerOptions},
    terminal,
};

/// Write log, wrapped keys, read models and settings into one sealed file, while everything runs
#[derive(Args, Debug)]
pub struct Create {
    /// The file to write; one that exists is not overwritten
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Who can open it: the public half that `chancery backup key` printed; may be repeated
    #[arg(long, value_name = "KEY", required = true)]
    recipient: Vec<Recipient>,
    #[command(flatten)]
    options: ServerOptions,
}

impl Create {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (config, _, environment) = self.options.load()?;
        let secrets = Secrets::at(&config.server.secrets_dir);
        let endpoint = options::endpoint(&config)?;
        let password = secrets.database_password(ADMIN_ROLE)?;
        let connected = endpoint.connect(ADMIN_ROLE, &password).await;
        let client = connected.map_err(|error| Failure::connecting(&endpoint, &error))?;
        let version = server_version(&client).await?;
        let programs = Programs::find(&environment, version, &endpoint, &secrets).await?;
        let configuration = self.options.file(&environment).map(fs::read_to_string).transpose();
        let manifest = Manifest {
            format: Manifest::FORMAT,
            program: env!("CARGO_PKG_VERSION").into(),
            postgresql: version,
            installation: client.query_one("select id from log.installation", &[]).await?.get(0),
            created_at: SystemClock::new().now(),
            position: 0,
            public_url: config.server.public_url.clone(),
            configuration: configuration.unwrap_or(None),
        };
        let (snapshot, position) = snapshot(&client).await?;
        let manifest = Manifest { position, ..manifest };
        let (to, recipients) = (self.to, self.recipient);
        let written =
            tokio::task::spawn_blocking(move || write(&to, &recipients, &manifest, &programs, &snapshot));
        let (to, size, manifest) = written.await.map_err(|error| Failure::Other(error.to_string()))??;
        drop(client); // the snapshot lasted as long as its transaction
        terminal::line(&format!(
            "{}: {} events up to {}, {size} bytes; the master key is not in it.",
            to.display(),
            manifest.position,
            manifest.created_at
        ));
        Ok(())
    }
}

/// A moment of the database that others can look at, too, and the last event in it.
async fn snapshot(client: &Client) -> Result<(String, i64), Failure> {
    let begin = "begin transaction isolation level repeatable read, read only";
    client.batch_execute(begin).await.map_err(DatabaseError::from)?;
    let row = client.query_one("select pg_export_snapshot(), log.head(0::smallint)", &[]).await?;
    Ok((row.get(0), row.get(1)))
}

/// Writes beside the file's place and moves it there when it is whole.
fn write(
    to: &PathBuf,
    recipients: &[Recipient],
    manifest: &Manifest,
    programs: &Programs,
    snapshot: &str,
) -> Result<(PathBuf, u64, Manifest), Failure> {
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| ".".as_ref());
    let draft =
        tempfile::Builder::new().prefix(".backup-").tempfile_in(folder).map_err(Failure::file(folder))?;
    draft.as_file().set_permissions(fs::Permissions::from_mode(0o600)).map_err(Failure::file(to))?;
    let bar = bar(None, "writing");
    let failed = Failure::file(to.clone());
    let mut sealing = Sealing::begin(BufWriter::new(draft.as_file()), recipients).map_err(failed)?;
    manifest.write(&mut sealing).map_err(Failure::file(to))?;
    programs.dump(snapshot, &mut sealing, &bar)?;
    sealing.finish().and_then(|mut out| out.flush()).map_err(Failure::file(to))?;
    draft.as_file().sync_all().map_err(Failure::file(to))?;
    bar.finish_and_clear();
    let size = draft.as_file().metadata().map_err(Failure::file(to))?.len();
    draft.persist_noclobber(to).map_err(|error| Failure::file(to)(error.error))?;
    Ok((to.clone(), size, manifest.clone()))
}

/// A bar over a known length, or a count.
pub(super) fn bar(length: Option<u64>, what: &'static str) -> ProgressBar {
    let (bar, template) = match length {
        Some(length) => {
            (ProgressBar::new(length), "{msg} {wide_bar} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left")
        }
        None => (ProgressBar::new_spinner(), "{msg} {spinner} {bytes}, {bytes_per_sec}, {elapsed}"),
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style).with_message(what)
}
