//! An installation as its users meet it: an HTTPS address, a token, the command line, and a database to look into.
//!
//! A journey is an `async fn(&mut World)`. [`in_both_modes!`](crate::in_both_modes) runs the journeys of a file one after
//! another against one `chancery up`, and again against a process per service.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)] // helpers of tests fail as tests do

use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

use contracts::Service;
use runtime::secrets::ADMIN_ROLE;
use serde_json::{Value, json};
use testkit::{Https, Installation, installation::Plan};
use tokio::time::{Instant, sleep};

use crate::tool::{Ran, run_with};

/// How long anything that is waited for may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How Chancery runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `chancery up`.
    OneProcess,
    /// `chancery serve <service>`, each on its own.
    ProcessPerService,
}

/// An installation and what journeys do with it.
#[derive(Debug)]
pub struct World {
    /// How it runs.
    pub mode: Mode,
    installation: Installation,
    api: Https,
}

impl World {
    /// Starts one on an empty folder.
    pub async fn start(mode: Mode) -> Self {
        Self::start_with(mode, &[]).await
    }

    /// The same with these keys of the configuration.
    pub async fn start_with(mode: Mode, settings: &[(&str, &str)]) -> Self {
        let plan = settings.iter().fold(Installation::plan(), |plan, (key, value)| plan.set(key, value));
        Self::start_planned(mode, plan).await
    }

    /// The same as it was planned.
    pub async fn start_planned(mode: Mode, plan: Plan) -> Self {
        let installation = match mode {
            Mode::OneProcess => plan.up().await,
            Mode::ProcessPerService => plan.serve().await,
        };
        Self { mode, api: installation.https(), installation }
    }

    /// The API with the first token.
    #[must_use]
    pub fn api(&self) -> Https {
        self.api.clone()
    }

    /// Names of the processes.
    #[must_use]
    pub fn processes(&self) -> Vec<&'static str> {
        match self.mode {
            Mode::OneProcess => vec!["up"],
            Mode::ProcessPerService => Service::ALL.iter().map(|service| service.as_str()).collect(),
        }
    }

    /// The name of the process that runs a service.
    #[must_use]
    pub fn process_of(&self, service: Service) -> &'static str {
        if self.mode == Mode::OneProcess { "up" } else { service.as_str() }
    }

    /// Runs `chancery` as a client, with the first token.
    pub async fn cli(&self, arguments: &[&str]) -> Ran {
        self.cli_with(arguments, &[("CHANCERY_TOKEN", &self.token())], b"").await
    }

    /// The same with another environment, and something on standard input.
    pub async fn cli_with(&self, arguments: &[&str], environment: &[(&str, &str)], input: &[u8]) -> Ran {
        let mut command = self.command(arguments);
        command.env("CHANCERY_SERVER", self.address()).env("CHANCERY_CA_FILE", self.ca_file());
        command.envs(environment.iter().copied());
        run_with(command, input).await
    }

    /// Runs `chancery` with the server's configuration: `rebuild`, `log verify`, `config print`.
    pub async fn server_command(&self, arguments: &[&str]) -> Ran {
        run_with(self.command(arguments), b"").await
    }

    /// A connection that may do everything.
    pub async fn admin(&self) -> tokio_postgres::Client {
        let password = self.secrets().database_password(ADMIN_ROLE).unwrap();
        self.endpoint().connect(ADMIN_ROLE, &password).await.unwrap()
    }

    /// The position of the last event.
    pub async fn head(&self) -> i64 {
        self.admin().await.query_one("select log.head(0::smallint)", &[]).await.unwrap().get(0)
    }

    /// The Micro CA's certificate.
    pub async fn root(&self) -> String {
        let look = async || {
            let cas = self.api.get("/api/v1/cas?kind=micro&status=active").await.expect(200).json();
            cas["items"][0]["certificate"].as_str().map(str::to_owned)
        };
        eventually("the Micro CA is listed", look).await
    }

    /// A new organization, and a client of its own that may name whatever it likes.
    pub async fn organization(&self, name: &str) -> Https {
        let client = self.organization_without_domain(name).await;
        let delegation = json!({"delegateTo": format!("name:{name}")});
        _ = self.api.post("/api/v1/domains/name:*/delegations", &delegation).await.expect(201);
        client
    }

    /// A new organization to which nothing is delegated, and a client of its own.
    pub async fn organization_without_domain(&self, name: &str) -> Https {
        _ = self.api.post("/api/v1/organizations", &json!({"name": name})).await.expect(201);
        self.new_token(json!({"name": name, "organization": format!("name:{name}")})).await.1
    }

    /// A new token that is known everywhere: its id, and a client with it.
    pub async fn new_token(&self, body: Value) -> (String, Https) {
        let token = self.api.post("/api/v1/tokens", &body).await.expect(201).json();
        let client = self.api.with_token(token["secret"].as_str());
        eventually("the token is known", async || {
            client.get("/api/v1/me").await.status.is_success().then_some(())
        })
        .await;
        (token["id"].as_str().unwrap().to_owned(), client)
    }

    /// Gets a certificate for a CSR.
    pub async fn issue(&self, csr: &str) -> Value {
        self.api.post("/api/v1/certificate-requests", &json!({"csr": csr})).await.expect(201).json()
    }
}

impl Deref for World {
    type Target = Installation;
    fn deref(&self) -> &Installation {
        &self.installation
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Installation {
        &mut self.installation
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let logs = self.logs();
            let lines: Vec<&str> = logs.lines().filter(|line| !line.contains("DEBUG")).collect();
            eprintln!("--- the end of the log\n{}", lines[lines.len().saturating_sub(40)..].join("\n"));
        }
    }
}

/// Says which journey begins, so that a failure can be placed.
pub fn begin(journey: &str, mode: Mode) {
    eprintln!("--- {journey} ({mode:?})");
}

/// Looks again and again until there is something; panics with `what` when nothing comes.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "it did not happen: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Runs journeys in order, once against `chancery up` and once against a process per service.
#[macro_export]
macro_rules! in_both_modes {
    ($($journey:ident),+ $(,)?) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn in_one_process() {
            every_journey($crate::world::Mode::OneProcess).await;
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn in_a_process_per_service() {
            every_journey($crate::world::Mode::ProcessPerService).await;
        }

        async fn every_journey(mode: $crate::world::Mode) {
            let mut world = $crate::world::World::start(mode).await;
            $(
                $crate::world::begin(stringify!($journey), mode);
                $journey(&mut world).await;
            )+
        }
    };
}
