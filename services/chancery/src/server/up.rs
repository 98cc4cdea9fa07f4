//! `chancery up`: everything on one machine, from an empty folder to answering requests.

use std::{
    io::IsTerminal as _,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
};

use clap::Args;
use contracts::Service;
use runtime::{
    config::{Config, Environment},
    entropy::SystemEntropy,
    migrate::migrate,
    service::StartError,
    shutdown::Signals,
    transport_ca,
};

use super::{
    context_file,
    failure::Failure,
    lock::{Attempt, Lock},
    options::ServerOptions,
    private_servers::{PrivateServers, make_data_folder},
    process::Process,
    readiness, services, terminal,
};

/// Start everything on this machine: PostgreSQL and NATS unless configured, the schema, every service
#[derive(Args, Debug)]
pub struct Up {
    #[command(flatten)]
    options: ServerOptions,
    /// File to write once everything is ready; removed at the end
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

impl Up {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (config, _, environment) = self.options.load()?;
        make_data_folder(&config.server.data_dir)?;
        let lock = match Lock::take(&config.server.data_dir, &config.server.public_url).await? {
            Attempt::Ours(lock) => lock,
            Attempt::Theirs(holder) => {
                terminal::line(&format!("Chancery already runs: process {}, {}", holder.pid, holder.address));
                return Ok(());
            }
        };
        // From here on a signal waits until what is being started can be stopped.
        let mut signals = Signals::listen()?;
        check_free(config.server.listen)?;
        let mut process = Process::begin(config, Service::ALL).await?;
        process.secrets.make_missing(&SystemEntropy)?;
        let servers = PrivateServers::start(&process.config, &process.secrets, &environment).await?;
        let ended = self.serve(&mut process, &servers, &environment, &mut signals).await;
        readiness::end(self.ready_file.as_deref(), &environment);
        process.stop().await;
        servers.stop().await;
        drop(lock);
        ended
    }

    /// Serves until a signal comes.
    async fn serve(
        &self,
        process: &mut Process,
        servers: &PrivateServers,
        environment: &Environment,
        signals: &mut Signals,
    ) -> Result<(), Failure> {
        migrate(&servers.database, &process.secrets, services::SCHEMAS).await?;
        tracing::warn!(
            "all services share this process's memory; in production run keystore and signer by `chancery serve`"
        );
        process.start(Service::ALL, &servers.database, &servers.nats_url).await?;
        let ready = tokio::select! {
            ready = process.health.settled() => ready,
            signal = signals.next() => return stopping(signal),
        };
        self.announce(process, servers, environment, ready)?;
        stopping(signals.next().await)
    }

    fn announce(
        &self,
        process: &Process,
        servers: &PrivateServers,
        environment: &Environment,
        ready: bool,
    ) -> Result<(), Failure> {
        let (address, token) = (&process.config.server.public_url, process.secrets.first_token()?);
        let ca_file = transport_ca::ca_file(&process.config.server);
        context_file::write(environment, address, &ca_file, &token)?;
        terminal::line(&greeting(&process.config, servers));
        if !ready {
            terminal::note(
                "The keystore is sealed: nothing is signed until 'chancery keystore unseal' opens it.",
            );
        }
        if std::io::stdout().is_terminal() {
            // To a person, once; a pipe may end in a file that others read.
            terminal::line(&format!("  API token       {}", token.reveal()));
        }
        readiness::tell(self.ready_file.as_deref(), environment, address)
    }
}

/// Told before anything is started, not after.
fn check_free(address: SocketAddr) -> Result<(), Failure> {
    let taken = |reason| StartError::Listen { key: "server.listen", address, reason };
    Ok(TcpListener::bind(address).map(drop).map_err(taken)?)
}

fn stopping(signal: &'static str) -> Result<(), Failure> {
    tracing::info!(signal, "stopping");
    Ok(())
}

fn greeting(config: &Config, servers: &PrivateServers) -> String {
    let ca_file = transport_ca::ca_file(&config.server);
    let fingerprint = transport_ca::fingerprint_of(&ca_file).unwrap_or_else(|| "unknown".into());
    let secrets = config.server.secrets_dir.display();
    format!(
        "Chancery is ready at {address}\n  \
           CA certificate  {ca}\n  \
           CA fingerprint  SHA-256 {fingerprint}\n  \
           Token file      {secrets}/first.token\n  \
           Events          {nats} (seed: {secrets}/nats-subscriber.nk)\n  \
           Sign in         chancery admin link master (a link to set the first password)\n  \
           Next            chancery issue --dns shop.localhost",
        address = config.server.public_url,
        ca = ca_file.display(),
        nats = servers.nats_url,
    )
}
