//! Services that run within the test, each with its own role and NATS user, over servers of the test's own.

#![allow(clippy::expect_used)] // a test cannot go on without what it asked for

use std::{sync::Arc, time::Duration};

use bus::{Context, Reply};
use contracts::{Actor, AdministratorId, Command, OrganizationId, Problem, Service, command::DryRun};
use eventlog::{
    Expected,
    relay::{Relay, RelayConfig},
};
use runtime::{
    clock::SystemClock,
    config::{Config, Environment, Sources},
    database::{Scope, scoped_read},
    entropy::SystemEntropy,
    health::Health,
    migrate::ServiceSchema,
    service::{Foundation, Running, ServiceContext},
    telemetry::Telemetry,
};
use testkit::Servers;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Every table.
pub const SCHEMAS: &[ServiceSchema] = &[
    ServiceSchema { service: Service::Directory, migrations: directory::MIGRATIONS },
    ServiceSchema { service: Service::Keystore, migrations: keystore::MIGRATIONS },
    ServiceSchema { service: Service::Signer, migrations: signer::MIGRATIONS },
    ServiceSchema { service: Service::Gateway, migrations: &[] },
];

/// Servers, and the services that run over them.
pub struct House {
    /// PostgreSQL and NATS.
    pub servers: Servers,
    /// The gateway's place on the wires: commands are sent from here.
    pub gateway: ServiceContext,
    foundation: Foundation,
    running: Vec<Running>,
    relay: CancellationToken,
    _telemetry: Telemetry,
}

impl House {
    /// Starts servers, relay and these services, and waits until all are ready.
    pub async fn start(services: &[Service]) -> Self {
        let servers = Servers::migrated(SCHEMAS).await;
        let folder = servers.folder.path().display().to_string();
        let log = Environment::of_process().get("TEST_LOG").unwrap_or("off").to_owned();
        let flag = |key: &str, value: String| (format!("--{key}"), key.to_owned(), value);
        let sources = Sources {
            flags: vec![
                flag("server.data_dir", folder.clone()),
                flag("server.secrets_dir", format!("{folder}/secrets")),
                flag("telemetry.log", log),
            ],
            environment: Environment::default(),
            file: None,
        };
        let (config, _) = Config::load(&sources).expect("the configuration is valid");
        let telemetry =
            Telemetry::begin(&config.telemetry, Service::ALL, "test").expect("telemetry begins once");
        let foundation = Foundation {
            config: Arc::new(config),
            secrets: servers.secrets.clone(),
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(SystemEntropy),
            database: servers.endpoint(),
            nats_url: servers.nats.url(),
            health: Health::new(),
            metrics: telemetry.metrics(),
        };
        let gateway =
            ServiceContext::open(&foundation, Service::Gateway).await.expect("the gateway's context opens");
        let relay = relay(&foundation, &servers).await;
        let mut house = Self { servers, gateway, foundation, running: vec![], relay, _telemetry: telemetry };
        for service in services {
            house.open(*service).await;
        }
        house.ready().await;
        house
    }

    /// Starts a service.
    pub async fn open(&mut self, service: Service) {
        let context =
            ServiceContext::open(&self.foundation, service).await.expect("the service's context opens");
        self.running.push(context.running());
        match service {
            Service::Directory => directory::start(context).await.expect("it starts"),
            Service::Keystore => keystore::start(context).await.expect("it starts"),
            Service::Signer => signer::start(context).await.expect("it starts"),
            Service::Notifier => notifier::start(context).await.expect("it starts"),
            Service::Gateway | Service::Inventory | Service::Relay => panic!("{service} is not run here"),
        }
    }

    /// Appends an event of a service that does not run, as the first of its stream.
    pub async fn append<E: contracts::Event>(&self, service: Service, tenant: Uuid, stream: Uuid, event: E) {
        let context =
            ServiceContext::open(&self.foundation, service).await.expect("the service's context opens");
        let deadline = context.clock.now().plus(time::Duration::seconds(30));
        let command = Context::new(context.ids.uuid(), tenant.into(), Actor::Service(service), deadline);
        let first = Expected::Version(0);
        let append = runtime::command::append(&command, &context.ids, stream, first, &[event])
            .expect("the event can be written");
        context.appender.append(append).await.expect("the log takes it");
        context.running().stop(Duration::from_secs(5)).await;
    }

    /// Stops a service.
    pub async fn close(&mut self, service: Service) {
        for running in self.running.extract_if(.., |running| running.service() == service) {
            running.stop(Duration::from_secs(5)).await;
        }
    }

    /// Waits until everything that runs is ready.
    pub async fn ready(&self) {
        let waited = tokio::time::timeout(Duration::from_secs(60), self.foundation.health.ready()).await;
        assert!(waited.is_ok(), "not ready: {:#?}", self.foundation.health.report());
    }

    /// The first organization.
    pub async fn organization(&self) -> OrganizationId {
        OrganizationId(self.id("organization/default").await)
    }

    /// A command of the master administrator with this idempotency key.
    pub async fn context(&self, key: &str) -> Context {
        let organization = self.organization().await;
        let token = self.servers.secrets.first_token().expect("the first token is there").id;
        let administrator = AdministratorId(self.id("administrator/master").await);
        let actor = Actor::Administrator { administrator, credential: token.into() };
        let deadline = self.foundation.clock.now().plus(time::Duration::seconds(30));
        Context::new(Uuid::new_v5(&organization.uuid(), key.as_bytes()), organization, actor, deadline)
    }

    /// Sends a command as the master administrator.
    pub async fn call<C: Command>(&self, key: &str, command: &C) -> Result<Reply<C::Reply>, Problem> {
        self.gateway.bus.call(&self.context(key).await, command).await
    }

    /// Asks what a command would change.
    pub async fn dry_run<C: Command>(&self, key: &str, command: &C) -> Result<DryRun, Problem> {
        self.gateway.bus.dry_run(&self.context(key).await, command).await
    }

    /// How many events of a type the log holds.
    pub async fn count(&self, kind: &str) -> i64 {
        let sql = "select count(*) from log.event where type = $1";
        self.servers.admin().await.query_one(sql, &[&kind]).await.expect("the log is readable").get(0)
    }

    /// Waits until a service's read models know everything up to a position.
    pub async fn projected(&self, service: Service, position: i64) {
        let sql = format!("select position, categories from api_{service}.checkpoint where position < $1");
        let waited = tokio::time::timeout(Duration::from_secs(20), async {
            let client = self.servers.admin().await;
            loop {
                let behind = client.query(&sql, &[&position]).await.expect("the checkpoints are readable");
                let mut level = true;
                for row in behind {
                    let categories: Vec<&str> = row.get(1);
                    let reader = &self.gateway.reader;
                    level &=
                        reader.level(row.get(0), position, &categories).await.expect("the log is readable");
                }
                if level {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        assert!(waited.await.is_ok(), "the read models of {service} stay behind");
    }

    /// A row's document in one of the signer's views.
    pub async fn document(&self, view: &str, id: Uuid) -> serde_json::Value {
        let mut client = self.gateway.pool.get().await.expect("a connection as the gateway");
        let read = scoped_read(&mut client, &Scope::All).await.expect("a reading transaction");
        let sql = format!("select document from api_signer.{view} where id = $1");
        read.query_one(&sql, &[&id]).await.expect("the row is there").get(0)
    }

    async fn id(&self, what: &str) -> Uuid {
        let installation = self.gateway.reader.installation().await.expect("migrate has drawn it");
        Uuid::new_v5(&installation, what.as_bytes())
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.relay.cancel();
    }
}

async fn relay(foundation: &Foundation, servers: &Servers) -> CancellationToken {
    let context = ServiceContext::open(foundation, Service::Relay).await.expect("the relay's context opens");
    let role = Service::Relay.role();
    let password = servers.secrets.database_password(&role).expect("the role has a password");
    let config = RelayConfig {
        postgres: servers.endpoint().config_for(&role, &password),
        connect: servers.endpoint().connector().expect("no TLS is asked for"),
        pool: context.pool.clone(),
        jetstream: context.bus.jetstream().clone(),
        replicas: 1,
    };
    let stop = CancellationToken::new();
    tokio::spawn({
        let stop = stop.clone();
        async move {
            Relay::run(config, None::<std::convert::Infallible>, stop).await;
            drop(context);
        }
    });
    stop
}
