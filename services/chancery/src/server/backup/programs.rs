//! PostgreSQL's own programs: `pg_dump` writes a database as it was at one moment, while it is in use; `pg_restore` reads it.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use indicatif::ProgressBar;
use runtime::{
    config::Environment,
    database::{DatabaseError, Endpoint},
    secrets::{ADMIN_ROLE, Secrets},
    servers::{self, ServerError},
};
use tempfile::NamedTempFile;
use tokio_postgres::Client;

use super::seal::Opening;
use crate::server::failure::Failure;

/// Where they are, and what they connect with.
pub(super) struct Programs {
    folder: PathBuf,
    endpoint: Endpoint,
    /// The password, where libpq reads it: neither arguments nor environment hold it (K-5). Removed when dropped.
    password: NamedTempFile,
}

/// The major version of the server that somebody is connected to.
pub(super) async fn server_version(client: &Client) -> Result<u32, Failure> {
    let row = client.query_one("select current_setting('server_version_num')::int / 10000", &[]).await;
    Ok(u32::try_from(row.map_err(DatabaseError::from)?.get::<_, i32>(0)).unwrap_or(0))
}

impl Programs {
    /// Those that understand a server of this version, for a database.
    pub(super) async fn find(
        environment: &Environment,
        version: u32,
        endpoint: &Endpoint,
        secrets: &Secrets,
    ) -> Result<Self, Failure> {
        let folder = servers::postgres_client(environment, version).await.map_err(ServerError::from)?;
        let mut password = tempfile::Builder::new()
            .prefix("db-")
            .tempfile_in(secrets.folder())
            .map_err(Failure::file(secrets.folder()))?;
        let text = secrets.database_password(ADMIN_ROLE)?.replace('\\', "\\\\").replace(':', "\\:");
        write!(password, "*:*:*:{ADMIN_ROLE}:{text}").map_err(Failure::file(password.path()))?;
        password.flush().map_err(Failure::file(password.path()))?;
        Ok(Self { folder, endpoint: endpoint.clone(), password })
    }

    /// Writes the database as a snapshot shows it.
    pub(super) fn dump(
        &self,
        snapshot: &str,
        out: &mut impl Write,
        bar: &ProgressBar,
    ) -> Result<(), Failure> {
        let mut command = self.command("pg_dump");
        command
            .args(["--format=custom", "--no-password", "--lock-wait-timeout=60s", "--snapshot"])
            .arg(snapshot);
        let mut child = started(command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
        let errors = errors_of(&mut child);
        let copied = match child.stdout.take() {
            Some(from) => copy(BufReader::new(from), out, bar),
            None => Ok(()),
        };
        if copied.is_err() {
            _ = child.kill();
        }
        let ended = ended(child, errors, "pg_dump");
        // It is stopped when what it gives cannot be written; then that is the reason.
        copied.map_err(|error| Failure::Other(format!("the backup cannot be written: {error}")))?;
        ended
    }

    /// Reads a database in, as a whole or not at all.
    pub(super) fn restore<R: BufRead>(
        &self,
        beginning: &[u8],
        rest: &mut Opening<R>,
        bar: &ProgressBar,
    ) -> Result<(), Failure> {
        let mut command = self.command("pg_restore");
        let name = self.endpoint.libpq().into_iter().find(|(key, _)| *key == "PGDATABASE");
        command.args(["--single-transaction", "--no-password", "--dbname"]);
        command.arg(name.map(|(_, name)| name).unwrap_or_default());
        let mut child = started(command.stdin(Stdio::piped()).stdout(Stdio::null()))?;
        let errors = errors_of(&mut child);
        let Some(mut into) = child.stdin.take() else {
            return Err(Failure::Other("pg_restore reads nothing".into()));
        };
        let given = give(beginning, rest, &mut into, bar);
        if given.is_err() {
            // Before it sees an end: what it did is undone.
            _ = child.kill();
        }
        drop(into);
        let ended = ended(child, errors, "pg_restore");
        // What is wrong with the file says more than that the program was stopped for it.
        given?;
        ended
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.folder.join(program));
        command
            .env_clear()
            .env("LC_ALL", "C")
            .env("PGUSER", ADMIN_ROLE)
            .env("PGPASSFILE", self.password.path());
        command.envs(self.endpoint.libpq()).current_dir("/").stderr(Stdio::piped());
        command
    }
}

fn give<R: BufRead>(
    beginning: &[u8],
    rest: &mut Opening<R>,
    into: &mut impl Write,
    bar: &ProgressBar,
) -> Result<(), Failure> {
    // It may end before its input does; then its own words say why.
    let mut takes = into.write_all(beginning).is_ok();
    loop {
        let bytes = rest.next()?;
        if bytes.is_empty() {
            return Ok(());
        }
        takes = takes && into.write_all(bytes).is_ok();
        bar.set_position(rest.at);
    }
}

fn copy(mut from: impl Read, out: &mut impl Write, bar: &ProgressBar) -> std::io::Result<()> {
    let mut buffer = vec![0; 65_536];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        out.write_all(&buffer[..read])?;
        bar.inc(read as u64);
    }
}

fn started(command: &mut Command) -> Result<Child, Failure> {
    let program = PathBuf::from(command.get_program());
    command.spawn().map_err(Failure::file(program))
}

/// What it complains of, read beside what it gives or takes, so that neither waits for the other.
fn errors_of(child: &mut Child) -> thread::JoinHandle<String> {
    let errors = child.stderr.take();
    thread::spawn(move || {
        let mut text = vec![];
        if let Some(errors) = errors {
            _ = errors.take(16_384).read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).trim().replace('\n', " | ")
    })
}

fn ended(mut child: Child, errors: thread::JoinHandle<String>, program: &str) -> Result<(), Failure> {
    let status = child.wait().map_err(Failure::file(program))?;
    let errors = errors.join().unwrap_or_default();
    if status.success() { Ok(()) } else { Err(Failure::Other(format!("{program} failed: {errors}"))) }
}

/// Opens the file of a backup, with a bar over its length.
pub(super) fn file(path: &Path) -> Result<(BufReader<File>, ProgressBar), Failure> {
    let file = File::open(path).map_err(Failure::file(path))?;
    let length = fs::metadata(path).map_err(Failure::file(path))?.len();
    Ok((BufReader::with_capacity(1 << 17, file), super::create::bar(Some(length), "reading")))
}
