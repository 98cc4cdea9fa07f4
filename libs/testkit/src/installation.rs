//! The real `chancery`, as `up` or with each service as its own process.

mod process;

use std::{
    collections::BTreeMap,
    fs,
    net::{IpAddr, SocketAddr},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use contracts::Service;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use runtime::{database::Endpoint, secrets::Secrets, servers::postgres};

use self::process::Process;
use crate::{Folder, Https, Servers, environment, ports, servers::Durability};

/// Everything on one machine may take so long to be ready, beside other tests.
const READY: Duration = Duration::from_secs(120);
/// One for each service, and `up`.
const PROCESSES: usize = Service::ALL.len() + 1;
/// And so long to stop.
const STOP: Duration = Duration::from_secs(60);

/// An installation of a test's own; gone with its data when dropped.
#[derive(Debug)]
pub struct Installation {
    processes: BTreeMap<String, Process>,
    variables: BTreeMap<String, String>,
    listen: SocketAddr,
    operations: BTreeMap<&'static str, SocketAddr>,
    /// The servers of services that run as processes of their own; `up` has its own.
    pub servers: Option<Servers>,
    folder: Arc<Folder>,
}

/// An installation that is not started yet.
#[derive(Debug)]
pub struct Plan(Installation);

impl Plan {
    /// Sets a key of the configuration, such as `telemetry.otlp_endpoint`.
    #[must_use]
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.0.set(key, value);
        self
    }

    /// What it will be: its place, its commands.
    #[must_use]
    pub fn unstarted(&self) -> &Installation {
        &self.0
    }

    /// Sets a variable of the environment that is none of ours, such as `SSL_CERT_FILE`.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.0.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Starts `chancery up` and waits until it is ready.
    pub async fn up(mut self) -> Installation {
        self.0.start().await;
        self.0
    }

    /// Starts PostgreSQL and NATS, migrates, starts each service as a process of its own, and waits for all.
    pub async fn serve(mut self) -> Installation {
        let servers = Servers::start_in(self.0.folder.clone(), Durability::Full).await;
        self = self.set("database.url", &servers.postgres.url()).set("bus.url", &servers.nats.url());
        self.0.servers = Some(servers);
        let migrated = self.0.command(&["migrate"]).output().expect("chancery runs");
        assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
        self.0.start().await;
        self.0
    }
}

impl Installation {
    /// `chancery up`, ready.
    pub async fn up() -> Self {
        Self::plan().up().await
    }

    /// Each service as a process of its own, ready.
    pub async fn serve() -> Self {
        Self::plan().serve().await
    }

    /// One that is to be configured before it starts.
    #[must_use]
    pub fn plan() -> Plan {
        let [listen, operations @ ..] = ports::free::<{ PROCESSES + 1 }>();
        let folder = Arc::new(Folder::new());
        let names = Service::ALL.iter().map(|service| service.as_str()).chain(["up"]);
        let mut new = Self {
            processes: BTreeMap::new(),
            variables: BTreeMap::new(),
            listen,
            operations: names.zip(operations).collect(),
            servers: None,
            folder,
        };
        let data_dir = new.data_dir().display().to_string();
        for (key, value) in [
            ("server.public_url", format!("https://localhost:{}", listen.port())),
            ("server.listen", listen.to_string()),
            ("server.data_dir", data_dir),
            ("telemetry.log_format", "text".into()),
        ] {
            new.set(key, &value);
        }
        Plan(new)
    }

    /// A client with the first token.
    #[must_use]
    pub fn https(&self) -> Https {
        Https::new(&self.address(), &self.ca_file(), Some(&self.token()))
    }

    /// The same, coming from another address of this machine.
    #[must_use]
    pub fn https_from(&self, address: IpAddr) -> Https {
        Https::coming_from(address, &self.address(), &self.ca_file(), Some(&self.token()))
    }

    /// The address of the gateway.
    #[must_use]
    pub fn address(&self) -> String {
        format!("https://localhost:{}", self.listen.port())
    }

    /// Where a process tells its health and its metrics: `up`, or a service's.
    #[must_use]
    pub fn operations(&self, name: &str) -> SocketAddr {
        self.operations[name]
    }

    /// The certificate of the transport CA.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.data_dir().join("transport-ca.pem")
    }

    /// The first token.
    #[must_use]
    pub fn token(&self) -> String {
        self.secrets().first_token().expect("made at the first start").reveal()
    }

    /// The files of secrets.
    #[must_use]
    pub fn secrets(&self) -> Secrets {
        Secrets::at(self.data_dir().join("secrets"))
    }

    /// Where PostgreSQL is.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        postgres::endpoint_of(&self.data_dir())
    }

    /// Where NATS is.
    #[must_use]
    pub fn nats_url(&self) -> String {
        let address = fs::read_to_string(self.data_dir().join("nats/address")).expect("NATS was started");
        format!("nats://{}", address.trim())
    }

    /// The folder of all data.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().to_path_buf()
    }

    /// A `chancery` command in this installation's environment: its configuration, and its own contexts.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(environment::program("chancery"));
        command.args(arguments).envs(&self.variables).current_dir(self.folder.path());
        command.env("HOME", self.folder.path()).env("XDG_CONFIG_HOME", self.folder.path().join("config"));
        command.env_remove("CHANCERY_TOKEN").env_remove("CHANCERY_SERVER").env_remove("CHANCERY_CONTEXT");
        command
    }

    /// What every process has logged so far.
    #[must_use]
    pub fn logs(&self) -> String {
        let log = |name: &String| fs::read_to_string(self.log_file(name)).unwrap_or_default();
        self.processes.keys().map(log).collect()
    }

    /// The number of a process: `up`, or a service's.
    #[must_use]
    pub fn pid(&self, name: &str) -> u32 {
        self.processes[name].pid()
    }

    /// Kills every process with SIGKILL, as a crash would; PostgreSQL and NATS run on.
    pub fn kill(&mut self) {
        for process in self.processes.values_mut() {
            process.kill();
        }
    }

    /// Kills the PostgreSQL server with SIGKILL.
    pub async fn kill_postgres(&self) {
        kill_named_in(&self.data_dir().join("postgresql/postmaster.pid")).await;
    }

    /// Kills the NATS server with SIGKILL.
    pub async fn kill_nats(&self) {
        kill_named_in(&self.data_dir().join("nats/nats.pid")).await;
    }

    /// Sends a signal to one service's process, of those that have one each.
    pub fn signal(&self, service: Service, signal: Signal) {
        self.processes[service.as_str()].signal(signal);
    }

    /// Kills one service's process, of those that have one each.
    pub fn kill_service(&mut self, service: Service) {
        self.process(service.as_str()).kill();
    }

    /// Kills a process (`up`, or a service's) and starts it again with a crash point armed. Returns once it is ready, or
    /// dead: some come to the point by themselves.
    pub async fn start_armed(&mut self, name: &str, point: &str) {
        self.process(name).kill();
        let process = self.launch(name, &[(runtime::failpoint::VARIABLE, point)]);
        self.processes.insert(name.to_owned(), process);
        self.watch();
        let (ready, log) = (self.ready_file(name), self.log_file(name));
        self.process(name).wait_for_either(&ready, &log, READY).await;
    }

    /// Kills a process (`up`, or a service's) and starts it again, without waiting until it is ready.
    pub fn restart(&mut self, name: &str) {
        self.process(name).kill();
        let process = self.launch(name, &[]);
        self.processes.insert(name.to_owned(), process);
        self.watch();
    }

    /// Waits until a process has died of its crash point.
    pub async fn has_crashed(&mut self, name: &str) {
        let log = self.log_file(name);
        let status = self.process(name).has_ended(&log, STOP).await;
        assert_eq!(status.signal(), Some(Signal::SIGABRT as i32), "{name} ended with {status}");
    }

    /// Starts again what does not run, and waits until it is ready.
    pub async fn start(&mut self) {
        let names: Vec<&str> = match self.servers {
            Some(_) => Service::ALL.iter().map(|service| service.as_str()).collect(),
            None => vec!["up"],
        };
        for name in &names {
            if !self.processes.get_mut(*name).is_some_and(Process::is_running) {
                let process = self.launch(name, &[]);
                self.processes.insert((*name).to_owned(), process);
            }
        }
        self.watch();
        for name in names {
            let (ready, log) = (self.ready_file(name), self.log_file(name));
            self.process(name).wait_for(&ready, &log, READY).await;
        }
    }

    /// Tells every process to stop, and waits until all have ended well.
    pub async fn stop(&mut self) {
        for process in self.processes.values() {
            process.signal(Signal::SIGTERM);
        }
        let logs: Vec<PathBuf> = self.processes.keys().map(|name| self.log_file(name)).collect();
        for (process, log) in self.processes.values_mut().zip(logs) {
            process.ends_well(&log, STOP).await;
        }
    }

    fn set(&mut self, key: &str, value: &str) {
        self.variables.insert(variable(key), value.into());
    }

    fn process(&mut self, name: &str) -> &mut Process {
        self.processes.get_mut(name).unwrap_or_else(|| panic!("no process runs {name}"))
    }

    /// Whatever runs now ends with the test.
    fn watch(&self) {
        let pids: Vec<u32> = self.processes.values().map(Process::pid).collect();
        self.folder.guard.watch(&pids);
    }

    fn launch(&self, name: &str, variables: &[(&str, &str)]) -> Process {
        let ready = self.ready_file(name);
        _ = fs::remove_file(&ready);
        let mut arguments = if name == "up" { vec!["up"] } else { vec!["serve", name] };
        let ready = ready.display().to_string();
        arguments.extend(["--ready-file", &ready]);
        let mut command = self.command(&arguments);
        command.env(variable("server.ops_listen"), self.operations[name].to_string());
        command.envs(variables.iter().copied());
        Process::start(command, &self.log_file(name))
    }

    fn ready_file(&self, name: &str) -> PathBuf {
        self.in_folder(name, "ready")
    }

    fn log_file(&self, name: &str) -> PathBuf {
        self.in_folder(name, "log")
    }

    fn in_folder(&self, name: &str, kind: &str) -> PathBuf {
        Path::new(self.folder.path()).join(format!("{name}.{kind}"))
    }
}

/// The variable of a key of the configuration.
fn variable(key: &str) -> String {
    let known = runtime::config::KEYS.iter().find(|known| known.path == key);
    known.map(runtime::config::Key::variable).unwrap_or_else(|| panic!("there is no key {key}"))
}

/// Kills the process whose number is the first line of a file, and waits until it is gone.
async fn kill_named_in(file: &Path) {
    let text = fs::read_to_string(file).expect("a server that runs wrote its number");
    let pid = text.lines().next().and_then(|line| line.trim().parse().ok()).expect("a number");
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it is ours");
    // Until somebody has waited for it, PostgreSQL takes it for one that runs.
    while Path::new(&format!("/proc/{pid}")).exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
