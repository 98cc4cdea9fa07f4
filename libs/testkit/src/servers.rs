//! PostgreSQL and NATS for tests that run services, or parts of them, within the test.

use std::sync::Arc;

use contracts::Service;
use deadpool_postgres::Pool;
use runtime::{
    database::Endpoint,
    entropy::SystemEntropy,
    migrate::{ServiceSchema, migrate},
    secrets::{ADMIN_ROLE, Secrets},
    servers::{nats, nats::Nats, postgres, postgres::Postgres},
};

use crate::{Folder, environment, ports};

/// A PostgreSQL and a NATS server of a test's own, with Chancery's roles, users and rights.
#[derive(Debug)]
pub struct Servers {
    /// PostgreSQL.
    pub postgres: Postgres,
    /// NATS.
    pub nats: Nats,
    /// Passwords and seeds.
    pub secrets: Secrets,
    /// All their files.
    pub folder: Arc<Folder>,
}

/// How much a test's PostgreSQL promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Nothing is synced: fast. A killed server process loses nothing, a power cut would.
    Fast,
    /// As in production.
    Full,
}

impl Servers {
    /// Starts both, with an empty database.
    pub async fn start() -> Self {
        Self::start_with(Durability::Fast).await
    }

    /// Starts both and migrates the log and these services.
    pub async fn migrated(services: &[ServiceSchema]) -> Self {
        let servers = Self::start().await;
        migrate(&servers.endpoint(), &servers.secrets, services)
            .await
            .expect("an empty database can be migrated");
        servers
    }

    /// Starts both with an empty database.
    pub async fn start_with(durability: Durability) -> Self {
        Self::start_in(Arc::new(Folder::new()), durability).await
    }

    /// Starts both with an empty database in a folder that others use too.
    pub(crate) async fn start_in(folder: Arc<Folder>, durability: Durability) -> Self {
        let secrets = Secrets::at(folder.path().join("secrets"));
        secrets.make_missing(&SystemEntropy).expect("the folder is ours");
        let (data_dir, environment) = (folder.path().to_path_buf(), environment::of_test());
        let postgres = postgres::Options {
            data_dir: data_dir.clone(),
            environment: environment.clone(),
            settings: settings(durability),
        };
        // Tests restart it where it was, so nothing else may take the port meanwhile.
        let [address] = ports::free();
        let nats = nats::Options { data_dir, environment, sync_always: false, port: address.port() };
        let (postgres, nats) = tokio::join!(Postgres::start(postgres, &secrets), Nats::start(nats, &secrets));
        let said = |error: runtime::servers::ServerError| error.to_string();
        let postgres = postgres.map_err(said).expect("PostgreSQL starts");
        Self { postgres, nats: nats.map_err(said).expect("NATS starts"), secrets, folder }
    }

    /// Where PostgreSQL is.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        self.postgres.endpoint()
    }

    /// A connection that may do everything.
    pub async fn admin(&self) -> tokio_postgres::Client {
        self.connect(ADMIN_ROLE).await
    }

    /// A connection of a role.
    pub async fn connect(&self, role: &str) -> tokio_postgres::Client {
        let password = self.secrets.database_password(role).expect("the role has a password");
        self.endpoint().connect(role, &password).await.expect("PostgreSQL takes the password")
    }

    /// Connections of a service's role.
    #[must_use]
    pub fn pool(&self, service: Service) -> Pool {
        runtime::database::pool(&self.endpoint(), &self.secrets, service, 4).expect("a pool can be made")
    }
}

fn settings(durability: Durability) -> Vec<(String, String)> {
    let fast = [("fsync", "off"), ("synchronous_commit", "off"), ("full_page_writes", "off")];
    let small = [("shared_buffers", "32MB"), ("min_wal_size", "32MB"), ("max_wal_size", "256MB")];
    let chosen = if durability == Durability::Fast { &fast[..] } else { &[] };
    chosen.iter().chain(&small).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
