//! The private NATS server: JetStream on the loopback interface, users and rights from the one table.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    time::Duration,
};

use bus::{
    User,
    permissions::{ServerOptions, nats_server_conf},
};
use contracts::Service;
use nix::sys::signal::Signal;
use tokio::{
    process::Command,
    time::{Instant, sleep},
};

use super::{
    Runner, ServerError,
    process::{self, Process},
    program,
};
use crate::{config::Environment, secrets::Secrets};

/// NATS's own port.
pub const PORT: u16 = 4222;
const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(20);
/// How long the only address that will do may be somebody else's. A client that tries and tries to reach a port in the
/// range of outgoing connections may come from that very port, and meet itself until it notices.
const TAKEN: Duration = Duration::from_secs(15);

/// Whether streams may be made on a server of this version (N-3): 2.12.9 and later, but not 2.14.0.
#[must_use]
pub fn is_supported(version: &str) -> bool {
    let numbers = version.split(['-', '+']).next().unwrap_or_default().split('.').map(str::parse::<u32>);
    match numbers.collect::<Result<Vec<_>, _>>().as_deref() {
        Ok([2, 12, patch]) => *patch >= 9,
        Ok([2, 13, _]) => true,
        Ok([2, 14, patch]) => *patch >= 1,
        Ok([2, minor, _]) => *minor > 14,
        Ok([major, ..]) => *major > 2,
        _ => false,
    }
}

/// Where a server is, and how it runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its folder is `nats` under this one.
    pub data_dir: PathBuf,
    /// Where its program is looked for, and what it gets to see.
    pub environment: Environment,
    /// Whether each message is synced before it is acknowledged.
    pub sync_always: bool,
    /// The port to take if it is free; 0 is any.
    pub port: u16,
}

/// A private NATS server that runs.
#[derive(Clone, Debug)]
pub struct Nats {
    options: Options,
    address: SocketAddr,
    process: Process,
    /// Whether it already ran.
    pub adopted: bool,
}

impl Nats {
    /// Adopts the server if one runs, starts it otherwise; returns when it takes our credentials.
    pub async fn start(options: Options, secrets: &Secrets) -> Result<Self, ServerError> {
        Self::start_at(options, secrets, None).await
    }

    /// The same; `address` is the only one that will do.
    async fn start_at(
        options: Options,
        secrets: &Secrets,
        address: Option<SocketAddr>,
    ) -> Result<Self, ServerError> {
        let folder = options.data_dir.join("nats");
        let runner = &Runner::choose();
        let starting = Starting { options: &options, folder: &folder, secrets, runner, address };
        let adopted = match process::named_in(&folder.join("nats.pid"), &folder).map(Process::found) {
            Some(process) => starting.adopt(process).await?,
            None => None,
        };
        let ((process, address), adopted) = match adopted {
            Some(running) => (running, true),
            None => (starting.launch().await?, false),
        };
        tracing::info!(pid = process.pid, adopted, %address, "NATS runs");
        Ok(Self { options, address, process, adopted })
    }

    /// Where it answers, as `bus.url` has it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
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

    /// Starts it again after it ended by itself, at the same address: its clients know no other.
    pub async fn restart(&mut self, secrets: &Secrets) -> Result<(), ServerError> {
        *self = Self::start_at(self.options.clone(), secrets, Some(self.address)).await?;
        Ok(())
    }

    /// Stops it; streams are on disk afterwards.
    pub async fn stop(&self) {
        self.process.stop(Signal::SIGTERM, STOP).await
    }
}

struct Starting<'a> {
    options: &'a Options,
    folder: &'a Path,
    secrets: &'a Secrets,
    runner: &'a Runner,
    /// The only address that will do, if there is one.
    address: Option<SocketAddr>,
}

impl Starting<'_> {
    /// A server found running keeps its address; rights that changed with the program are put in force. None when it
    /// ended meanwhile: it had been told to stop before we came.
    async fn adopt(&self, process: Process) -> Result<Option<(Process, SocketAddr)>, ServerError> {
        let address = self.last_address().unwrap_or_else(|| loopback(self.options.port));
        if self.configure(address)? {
            process.signal(Signal::SIGHUP);
        }
        match self.answers(&process, address).await {
            Ok(()) => Ok(Some((process, address))),
            Err(_) if !process.is_running() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn launch(&self) -> Result<(Process, SocketAddr), ServerError> {
        let program = program::nats_server(&self.options.environment).await?;
        for path in [&program, self.folder] {
            if let Some(barrier) = self.runner.barrier(path) {
                let user = self.runner.name.clone();
                return Err(ServerError::Unreachable { barrier, user, server: "NATS" });
            }
        }
        self.runner.own_folder(self.folder)?;
        let wanted = match self.address {
            Some(address) => vec![address],
            None => self
                .last_address()
                .into_iter()
                .chain([loopback(self.options.port), loopback(0), loopback(0)])
                .collect(),
        };
        let mut failure = None;
        for address in wanted {
            // Between this look at the port and the server's own, somebody else may take it: then the next is tried.
            let Some(address) = self.free(address).await else { continue };
            self.configure(address)?;
            let mut command = Command::new(&program);
            command.arg("-c").arg(self.configuration());
            let process = Process::start(command, self.runner, &self.options.environment, &self.log())?;
            match self.answers(&process, address).await {
                Ok(()) => return Ok((process, address)),
                Err(error) if process.ends_within(Duration::from_secs(2)).await => failure = Some(error),
                Err(error) => {
                    process.stop(Signal::SIGTERM, STOP).await;
                    return Err(error);
                }
            }
        }
        let reason = "no free port".to_owned();
        Err(failure.unwrap_or_else(|| ServerError::Start { server: "NATS", reason, log: self.log() }))
    }

    /// The address with the real port, if nobody listens there; the only one that will do is waited for.
    async fn free(&self, address: SocketAddr) -> Option<SocketAddr> {
        let deadline = Instant::now() + if self.address.is_some() { TAKEN } else { Duration::ZERO };
        loop {
            match TcpListener::bind(address).and_then(|listener| listener.local_addr()) {
                Ok(free) => return Some(free),
                Err(_) if Instant::now() < deadline => sleep(Duration::from_millis(50)).await,
                Err(_) => return None,
            }
        }
    }

    fn configuration(&self) -> PathBuf {
        self.folder.join("nats.conf")
    }

    fn log(&self) -> PathBuf {
        self.options.data_dir.join("nats.log")
    }

    /// Where it last listened: what was printed then stays true.
    fn last_address(&self) -> Option<SocketAddr> {
        fs::read_to_string(self.folder.join("address")).ok()?.trim().parse().ok()
    }

    /// Writes the configuration; says whether it changed.
    fn configure(&self, address: SocketAddr) -> Result<bool, ServerError> {
        let options = ServerOptions {
            name: "chancery".into(),
            listen: address,
            monitor: None,
            store_dir: self.folder.join("store"),
            sync_always: self.options.sync_always,
            pid_file: Some(self.folder.join("nats.pid")),
            log_file: None,
        };
        let text = nats_server_conf(&options, &self.secrets.nats_users()?);
        let path = self.configuration();
        if fs::read_to_string(&path).is_ok_and(|old| old == text) {
            return Ok(false);
        }
        for (path, content) in [(path, text), (self.folder.join("address"), address.to_string())] {
            fs::write(&path, content).map_err(ServerError::file(&path))?;
            self.runner.own(&path, 0o600)?;
        }
        Ok(true)
    }

    /// Waits until it takes our credentials.
    async fn answers(&self, process: &Process, address: SocketAddr) -> Result<(), ServerError> {
        let user = User::Service(Service::Relay);
        let seed = self.secrets.nats_seed(user)?;
        let deadline = Instant::now() + START;
        loop {
            let options = async_nats::ConnectOptions::with_nkey(seed.reveal().to_owned())
                .connection_timeout(Duration::from_secs(2))
                .name("chancery-start");
            let error = match options.connect(address.to_string()).await {
                Ok(client) => return self.supported(&client, process),
                Err(error) => error,
            };
            if matches!(
                error.kind(),
                async_nats::ConnectErrorKind::AuthorizationViolation
                    | async_nats::ConnectErrorKind::Authentication
            ) {
                return Err(self.foreign(process, error.to_string()));
            }
            let ended = !process.is_running();
            if ended || Instant::now() > deadline {
                let reason = if ended { process::tail(&self.log()) } else { error.to_string() };
                return Err(ServerError::Start { server: "NATS", reason, log: self.log() });
            }
            sleep(Duration::from_millis(25)).await;
        }
    }

    /// An adopted server may be older than the program that would be started today.
    fn supported(&self, client: &async_nats::Client, process: &Process) -> Result<(), ServerError> {
        let version = client.server_info().version;
        if is_supported(&version) {
            return Ok(());
        }
        Err(self.foreign(process, format!("its version {version} is not 2.12.9 or newer (2.14.0 excepted)")))
    }

    fn foreign(&self, process: &Process, reason: String) -> ServerError {
        ServerError::Foreign { server: "NATS", folder: self.folder.into(), pid: process.pid, reason }
    }
}

const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_with_known_losses_are_refused() {
        for good in ["2.12.9", "2.12.10", "2.14.1", "2.15.0", "2.15.1-beta.1", "3.0.0"] {
            assert!(is_supported(good), "{good}");
        }
        for bad in ["2.11.99", "2.12.8", "2.14.0", "2.14.0-RC.1", "", "x"] {
            assert!(!is_supported(bad), "{bad}");
        }
    }
}
