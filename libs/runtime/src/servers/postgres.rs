//! The private PostgreSQL: a cluster of its own, on a Unix socket alone, with SCRAM and checksums.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::sys::signal::Signal;
use sha2::{Digest as _, Sha256};
use tokio::{
    process::Command,
    time::{Instant, sleep},
};
use tokio_postgres::error::SqlState;

use super::{
    Runner, ServerError,
    process::{self, Process},
    program,
};
use crate::{
    config::Environment,
    database::{DatabaseError, Endpoint},
    secrets::{ADMIN_ROLE, Secrets},
};

/// The database that Chancery works in.
pub const DATABASE: &str = "chancery";

/// A socket's path may have at most 107 bytes.
const LONGEST_SOCKET: usize = 107;
const SOCKET: &str = ".s.PGSQL.5432";

/// A start may replay much of the log of writes; it is given up only when nothing answers for so long.
const START: Duration = Duration::from_secs(300);
const STOP: Duration = Duration::from_secs(60);
/// Children of a server that was killed notice within a moment, unless a statement keeps them.
const HAUNTED: Duration = Duration::from_secs(30);

/// Settings of every private server: durable (N-7), and sized for a small machine.
const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", "''"),
    ("port", "5432"),
    ("unix_socket_permissions", "0700"),
    ("password_encryption", "scram-sha-256"),
    ("max_connections", "100"),
    ("fsync", "on"),
    ("full_page_writes", "on"),
    ("synchronous_commit", "on"),
    ("data_sync_retry", "off"),
    ("wal_level", "replica"),
    ("wal_buffers", "16MB"),
    ("min_wal_size", "256MB"),
    ("max_wal_size", "4GB"),
    ("checkpoint_timeout", "15min"),
    ("shared_buffers", "256MB"),
    ("effective_cache_size", "1GB"),
    ("random_page_cost", "1.1"),
    // Short statements on few cores: what these save elsewhere they cost here.
    ("jit", "off"),
    ("max_parallel_workers_per_gather", "0"),
    ("log_timezone", "UTC"),
    ("timezone", "UTC"),
    ("lc_messages", "C"),
    // Statements may carry values; errors alone are logged, without them (K-5).
    ("log_min_error_statement", "panic"),
    ("log_parameter_max_length_on_error", "0"),
];

/// Where a cluster is, and how it runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its folder is `postgresql` under this one.
    pub data_dir: PathBuf,
    /// Where its programs are looked for, and what they get to see.
    pub environment: Environment,
    /// Settings beside and over those that every private server has.
    pub settings: Vec<(String, String)>,
}

/// A private PostgreSQL that runs.
#[derive(Clone, Debug)]
pub struct Postgres {
    options: Options,
    place: Place,
    process: Process,
    /// Whether it already ran.
    pub adopted: bool,
}

/// Where the private server of a data folder answers, if it runs.
#[must_use]
pub fn endpoint_of(data_dir: &Path) -> Endpoint {
    Endpoint::socket(&Place::under(data_dir).socket, DATABASE)
}

/// The folders of a cluster.
#[derive(Clone, Debug)]
struct Place {
    data: PathBuf,
    socket: PathBuf,
    log: PathBuf,
}

impl Place {
    fn under(data_dir: &Path) -> Self {
        let socket = data_dir.join("postgresql-socket");
        let length = socket.join(SOCKET).as_os_str().len();
        let digest = hex::encode(&Sha256::digest(data_dir.as_os_str().as_encoded_bytes())[..8]);
        Self {
            data: data_dir.join("postgresql"),
            socket: if length <= LONGEST_SOCKET { socket } else { format!("/tmp/chancery-{digest}").into() },
            log: data_dir.join("postgresql.log"),
        }
    }
}

impl Postgres {
    /// Makes the cluster if there is none, adopts the server if one runs, starts it otherwise; returns when it
    /// answers and has the database [`DATABASE`].
    pub async fn start(options: Options, secrets: &Secrets) -> Result<Self, ServerError> {
        let runner = Runner::choose();
        let place = Place::under(&options.data_dir);
        let password = secrets.database_password(ADMIN_ROLE)?;
        let starting = Starting { options: &options, place: &place, runner: &runner, password: &password };
        let running = process::named_in(&place.data.join("postmaster.pid"), &place.data).map(Process::found);
        let adopted = match running {
            Some(process) => starting.adopt(process).await?,
            None => None,
        };
        let (process, adopted) = match adopted {
            Some(process) => (process, true),
            None => (starting.launch().await?, false),
        };
        if let Err(error) = starting.make_database().await {
            if !adopted {
                process.stop(Signal::SIGINT, STOP).await;
            }
            return Err(error);
        }
        tracing::info!(pid = process.pid, adopted, folder = %place.data.display(), "PostgreSQL runs");
        Ok(Self { options, place, process, adopted })
    }

    /// Where it answers.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::socket(&self.place.socket, DATABASE)
    }

    /// The address in words, as `database.url` has it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgresql:///{DATABASE}?host={}", self.place.socket.display())
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.process.pid
    }

    /// Whether its process still runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.process.is_running()
    }

    /// Starts it again after it ended by itself.
    pub async fn restart(&mut self, secrets: &Secrets) -> Result<(), ServerError> {
        *self = Self::start(self.options.clone(), secrets).await?;
        Ok(())
    }

    /// Stops it: open transactions are rolled back, everything is on disk afterwards.
    pub async fn stop(&self) {
        self.process.stop(Signal::SIGINT, STOP).await
    }
}

/// What is needed on the way to a server that answers.
struct Starting<'a> {
    options: &'a Options,
    place: &'a Place,
    runner: &'a Runner,
    password: &'a str,
}

impl Starting<'_> {
    async fn launch(&self) -> Result<Process, ServerError> {
        let Place { data, socket, log } = self.place;
        for path in [data, socket] {
            self.reachable(path)?;
        }
        let made_by =
            fs::read_to_string(data.join("PG_VERSION")).ok().and_then(|text| text.trim().parse().ok());
        let programs = program::postgres(&self.options.environment, made_by).await?;
        self.reachable(&programs.join("postgres"))?;
        if made_by.is_none() {
            self.initialize(&programs).await?;
        }
        self.runner.own_folder(socket)?;
        self.configure()?;
        let deadline = Instant::now() + HAUNTED;
        loop {
            let mut command = Command::new(programs.join("postgres"));
            command.arg("-D").arg(data);
            let process = Process::start(command, self.runner, &self.options.environment, log)?;
            let Err(error) = self.answers(&process).await else { return Ok(process) };
            process.stop(Signal::SIGINT, STOP).await;
            if !is_haunted(&error) || Instant::now() > deadline {
                return Err(error);
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// None when it ended meanwhile: it had been told to stop before we came.
    async fn adopt(&self, process: Process) -> Result<Option<Process>, ServerError> {
        match self.answers(&process).await {
            Ok(()) => Ok(Some(process)),
            Err(_) if !process.is_running() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn reachable(&self, path: &Path) -> Result<(), ServerError> {
        let unreachable = |barrier| ServerError::Unreachable {
            barrier,
            user: self.runner.name.clone(),
            server: "PostgreSQL",
        };
        self.runner.barrier(path).map_or(Ok(()), |barrier| Err(unreachable(barrier)))
    }

    /// Makes the cluster beside its place and moves it there when it is whole.
    async fn initialize(&self, programs: &Path) -> Result<(), ServerError> {
        let data = &self.place.data;
        let draft = data.with_extension("new");
        _ = fs::remove_dir_all(&draft); // of an attempt that was cut off
        self.runner.own_folder(&draft)?;
        let password_file = data.with_extension("password");
        fs::write(&password_file, "").map_err(ServerError::file(&password_file))?;
        self.runner.own(&password_file, 0o600)?;
        fs::write(&password_file, self.password).map_err(ServerError::file(&password_file))?;
        let made = self.initdb(programs, &draft, &password_file).await;
        fs::remove_file(&password_file).map_err(ServerError::file(&password_file))?;
        made?;
        fs::rename(&draft, data).map_err(ServerError::file(data))
    }

    async fn initdb(&self, programs: &Path, draft: &Path, password_file: &Path) -> Result<(), ServerError> {
        let program = programs.join("initdb");
        let mut command = Command::new(&program);
        command.arg("--pgdata").arg(draft).arg("--pwfile").arg(password_file).args([
            "--username",
            ADMIN_ROLE,
            "--auth=scram-sha-256",
            "--data-checksums",
            "--encoding=UTF8",
            "--locale=C",
        ]);
        process::clear_environment(&mut command, &self.options.environment);
        self.runner.run(&mut command);
        let output = command.current_dir("/").output().await.map_err(ServerError::file(&program))?;
        if output.status.success() {
            return Ok(());
        }
        let reason = String::from_utf8_lossy(&output.stderr).trim().replace('\n', " | ");
        Err(ServerError::Start { server: "PostgreSQL", reason, log: self.place.log.clone() })
    }

    /// Writes the two files of settings anew: what this program knows decides, not what an older one wrote.
    fn configure(&self) -> Result<(), ServerError> {
        let mut settings = String::from("# Written at every start of Chancery; changes are lost.\n");
        let socket = format!("'{}'", self.place.socket.display().to_string().replace('\'', "''"));
        let own = self.options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let all = SETTINGS.iter().copied().chain([("unix_socket_directories", socket.as_str())]).chain(own);
        for (name, value) in all {
            _ = writeln!(settings, "{name} = {value}"); // writing to a string cannot fail
        }
        let files =
            [("postgresql.conf", settings.as_str()), ("pg_hba.conf", "local all all scram-sha-256\n")];
        for (name, content) in files {
            let path = self.place.data.join(name);
            fs::write(&path, content).map_err(ServerError::file(&path))?;
            self.runner.own(&path, 0o600)?;
        }
        Ok(())
    }

    /// Waits until it takes our credentials.
    async fn answers(&self, process: &Process) -> Result<(), ServerError> {
        let maintenance = Endpoint::socket(&self.place.socket, "postgres");
        let deadline = Instant::now() + START;
        loop {
            let error = match maintenance.connect(ADMIN_ROLE, self.password).await {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            if is_refusal(&error) {
                return Err(ServerError::Foreign {
                    server: "PostgreSQL",
                    folder: self.place.data.clone(),
                    pid: process.pid,
                    reason: error.to_string(),
                });
            }
            let ended = !process.is_running();
            if ended || Instant::now() > deadline {
                let reason = if ended { process::tail(&self.place.log) } else { error.to_string() };
                return Err(ServerError::Start { server: "PostgreSQL", reason, log: self.place.log.clone() });
            }
            sleep(Duration::from_millis(25)).await;
        }
    }

    async fn make_database(&self) -> Result<(), ServerError> {
        let client =
            Endpoint::socket(&self.place.socket, "postgres").connect(ADMIN_ROLE, self.password).await?;
        let exists = client.query_opt("select from pg_database where datname = $1", &[&DATABASE]).await;
        if exists.map_err(DatabaseError::from)?.is_none() {
            client
                .batch_execute(&format!("create database {DATABASE}"))
                .await
                .map_err(DatabaseError::from)?;
        }
        Ok(())
    }
}

/// Whether children of a server that was killed are still there: they end once they notice.
fn is_haunted(error: &ServerError) -> bool {
    matches!(error, ServerError::Start { reason, .. } if reason.contains("pre-existing shared memory block"))
}

/// Whether the server answered and said no, rather than being away or not ready.
fn is_refusal(error: &DatabaseError) -> bool {
    matches!(error, DatabaseError::Server(error) if matches!(
        error.code(),
        Some(code) if [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION].contains(code)
    ))
}
