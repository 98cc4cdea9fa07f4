//! `chancery log verify`: whether the log is what was recorded and sealed; names every row that is not.

use std::{fs, path::PathBuf};

use clap::{Args, Subcommand};
use contracts::Service;
use eventlog::{
    SHARD,
    checkpoint::{SignedNote, VerifierKey},
    verify::{self, Progress, Report},
};
use indicatif::{ProgressBar, ProgressStyle};
use runtime::{database::DatabaseError, secrets::Secrets};

use super::{
    failure::Failure,
    options::{self, ServerOptions},
    terminal,
};

/// The event log
#[derive(Subcommand, Debug)]
pub enum LogCommand {
    /// Recompute every hash and signed head, and name each row that was changed, removed, inserted or moved
    Verify(Verify),
}

impl LogCommand {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Verify(verify) => verify.run().await,
        }
    }
}

/// Recompute every hash and signed head, and name each row that was changed, removed, inserted or moved
#[derive(Args, Debug)]
pub struct Verify {
    /// Read a plain-text dump (`pg_dump --schema=log`) in place of the database
    #[arg(long, value_name = "FILE")]
    dump: Option<PathBuf>,
    /// Public key of the checkpoints, as keystore logs it (`<name>+<hash>+<key>`); without it the database's is used
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Signed checkpoint that was kept elsewhere: the log must contain what it says
    #[arg(long, value_name = "FILE")]
    anchor: Option<PathBuf>,
    #[command(flatten)]
    options: ServerOptions,
}

impl Verify {
    async fn run(self) -> Result<(), Failure> {
        let mut against = self.against()?;
        let bar = ProgressBar::new(0).with_style(style());
        let show = {
            let bar = bar.clone();
            move |progress: Progress| {
                bar.set_length(progress.total);
                bar.set_position(progress.done);
            }
        };
        let report = match self.dump {
            Some(dump) => tokio::task::spawn_blocking(move || verify::verify_dump(&dump, &against, show))
                .await
                .map_err(|error| Failure::Other(error.to_string()))?,
            None => {
                let (config, _, _) = self.options.load()?;
                let secrets = Secrets::at(&config.server.secrets_dir);
                let pool = options::pool(&options::endpoint(&config)?, &secrets, Service::Relay, 2).await?;
                if against.key.is_none() {
                    against.key = published_key(&pool).await?;
                }
                verify::verify_online(pool, &against, show).await
            }
        };
        bar.finish_and_clear();
        tell(&report.map_err(|error| Failure::Other(runtime::error::words(&error)))?)
    }

    /// What the caller brings from outside, which nobody who holds the database can have changed.
    fn against(&self) -> Result<verify::Options, Failure> {
        let key = self.key.as_deref().map(|key| key.parse::<VerifierKey>()).transpose();
        let anchor = match &self.anchor {
            None => None,
            Some(path) => {
                let note: Result<SignedNote, _> =
                    fs::read_to_string(path).map_err(Failure::file(path))?.parse();
                Some(note.map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?.checkpoint)
            }
        };
        Ok(verify::Options { key: key.map_err(|error| Failure::Usage(format!("--key: {error}")))?, anchor })
    }
}

/// The key that keystore published; none before its first start.
pub(super) async fn published_key(pool: &deadpool_postgres::Pool) -> Result<Option<VerifierKey>, Failure> {
    let client = pool.get().await.map_err(DatabaseError::from)?;
    let query = "select verifier_key from api_keystore.checkpoint_key where shard = $1";
    let row = client.query_opt(query, &[&SHARD]).await?;
    let parse =
        |text: String| text.parse().map_err(|error| Failure::Other(format!("checkpoint key: {error}")));
    row.map(|row| parse(row.get(0))).transpose()
}

fn tell(report: &Report) -> Result<(), Failure> {
    let Report { events, heads, sealed, .. } = report;
    if report.is_sound() {
        terminal::line(&format!(
            "The log is sound: {}, {}, sealed up to position {sealed}.",
            counted(*events, "event"),
            counted(*heads, "signed head"),
        ));
        return Ok(());
    }
    for finding in &report.findings {
        terminal::line(&finding.to_string());
    }
    let found = report.findings.len() as u64 + report.more;
    Err(Failure::Altered(format!(
        "{} in {}; sealed and sound up to position {sealed}",
        counted(found, "finding"),
        counted(*events, "event"),
    )))
}

fn style() -> ProgressStyle {
    let template = "verifying {wide_bar} {human_pos}/{human_len} events, {per_sec}, {eta} left";
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A number of things.
pub(super) fn counted(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_thing_is_no_plural() {
        let counted = |number| super::counted(number, "signed head");
        assert_eq!([0, 1, 2].map(counted), ["0 signed heads", "1 signed head", "2 signed heads"]);
    }
}
