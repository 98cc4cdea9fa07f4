//! keystore on a PostgreSQL and a NATS server of the test's own, and the signer's part played by the test.
#![allow(dead_code, missing_docs)] // each test file uses its part
#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod ca;
pub mod credentials;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use bus::{Context, Reply};
use contracts::{
    Actor, AdministratorId, Command, Event, KeyId, OrganizationId, Problem, Service, Timestamp, TokenId,
    directory::{
        AdministratorAppointed, AdministratorEvent, AdministratorKind, BuiltInRole, Grant, Role, TokenEvent,
        TokenIssued,
    },
    keystore::{GenerateCaKey, GenerateRequestKey, KeyView},
    x509::KeyAlgorithm,
};
use eventlog::{Expected, Outcome};
use runtime::{
    clock::{Clock, SystemClock},
    config::{Config, Environment, Sources},
    entropy::SystemEntropy,
    health::Health,
    migrate::ServiceSchema,
    service::{Foundation, ServiceContext},
    telemetry::Telemetry,
};
use testkit::Servers;
use tokio::sync::OnceCell;
use uuid::Uuid;

pub const OURS: OrganizationId = OrganizationId(Uuid::from_u128(0x0a));
pub const THEIRS: OrganizationId = OrganizationId(Uuid::from_u128(0x0b));

pub struct Stage {
    pub servers: Servers,
    pub foundation: Foundation,
    pub keystore: ServiceContext,
    pub signer: ServiceContext,
    pub clock: Arc<ShiftedClock>,
    administrator: OnceCell<(ServiceContext, Actor)>,
    directory: OnceCell<ServiceContext>,
}

/// The machine's clock, set forward or back.
#[derive(Default)]
pub struct ShiftedClock {
    clock: SystemClock,
    seconds: AtomicI64,
}

impl ShiftedClock {
    pub fn shift(&self, seconds: i64) {
        self.seconds.store(seconds, Ordering::SeqCst);
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> Timestamp {
        self.clock.now().plus(time::Duration::seconds(self.seconds.load(Ordering::SeqCst)))
    }
    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }
}

impl Stage {
    /// Servers with the log and keystore's tables; keystore is ready.
    pub async fn start() -> Self {
        let stage = Self::set().await;
        chancery_keystore::start(stage.keystore.clone()).await.unwrap();
        stage.ready().await;
        stage
    }

    /// The same without keystore running.
    pub async fn set() -> Self {
        let schema = ServiceSchema { service: Service::Keystore, migrations: chancery_keystore::MIGRATIONS };
        let servers = Servers::migrated(&[schema]).await;
        let clock = Arc::new(ShiftedClock::default());
        let foundation = foundation(&servers, clock.clone());
        let keystore = ServiceContext::open(&foundation, Service::Keystore).await.unwrap();
        let signer = ServiceContext::open(&foundation, Service::Signer).await.unwrap();
        Self {
            servers,
            foundation,
            keystore,
            signer,
            clock,
            administrator: OnceCell::new(),
            directory: OnceCell::new(),
        }
    }

    pub async fn ready(&self) {
        // A keystore that waits for people is as far as it gets without them.
        let waiting = tokio::time::timeout(Duration::from_secs(30), self.foundation.health.settled());
        assert!(waiting.await.is_ok(), "{:?}", self.foundation.health);
    }

    /// A second instance of keystore on the same servers.
    pub async fn second_keystore(&self) -> ServiceContext {
        let context = ServiceContext::open(&self.foundation, Service::Keystore).await.unwrap();
        chancery_keystore::start(context.clone()).await.unwrap();
        self.ready().await;
        context
    }

    /// A command of the signer.
    pub fn command(&self) -> Context {
        self.command_in(OURS)
    }

    pub fn command_in(&self, organization: OrganizationId) -> Context {
        let deadline = self.clock.now().plus(time::Duration::seconds(20));
        Context::new(self.signer.ids.uuid(), organization, Actor::Service(Service::Signer), deadline)
    }

    /// Sends a command as the signer.
    pub async fn send<C: Command>(&self, command: &C) -> Result<Reply<C::Reply>, Problem> {
        self.signer.bus.call(&self.command(), command).await
    }

    pub async fn ca_key(&self, algorithm: KeyAlgorithm) -> KeyView {
        self.send(&GenerateCaKey { algorithm, label: "test".into(), token: None }).await.unwrap().result
    }

    pub async fn request_key(&self, algorithm: KeyAlgorithm) -> KeyView {
        self.send(&GenerateRequestKey { algorithm, exportable: false, label: None, token: None })
            .await
            .unwrap()
            .result
    }

    /// Appends an event as the service whose category it is.
    pub async fn append<E: Event>(&self, by: &ServiceContext, stream: Uuid, version: i32, event: E) -> Uuid {
        let context = self.command();
        let expected = Expected::Version(version);
        let append = runtime::command::append(&context, &by.ids, stream, expected, &[event]).unwrap();
        let id = append.events[0].id;
        assert!(matches!(by.appender.append(append).await, Ok(Outcome::Committed { .. })));
        id
    }

    /// Sends a command through the gateway as a master administrator.
    pub async fn as_administrator<C: Command>(&self, command: &C) -> Result<Reply<C::Reply>, Problem> {
        let (gateway, context) = self.by_administrator().await;
        gateway.bus.call(&context, command).await
    }

    /// The gateway, and a command of a master administrator.
    pub async fn by_administrator(&self) -> (&ServiceContext, Context) {
        let (gateway, actor) = self.administrator.get_or_init(|| self.appoint()).await;
        (gateway, self.command().by(*actor))
    }

    async fn appoint(&self) -> (ServiceContext, Actor) {
        let actor = self.master("root").await;
        (ServiceContext::open(&self.foundation, Service::Gateway).await.unwrap(), actor)
    }

    /// Sends a command through the gateway as somebody.
    pub async fn send_by<C: Command>(&self, by: Actor, command: &C) -> Result<Reply<C::Reply>, Problem> {
        let (gateway, context) = self.by_administrator().await;
        gateway.bus.call(&context.by(by), command).await
    }

    /// Appoints a master administrator, who has a token.
    pub async fn master(&self, name: &str) -> Actor {
        let directory = self.directory().await;
        let (id, token) = (directory.ids.id::<AdministratorId>(), directory.ids.id::<TokenId>());
        let appointed = AdministratorAppointed {
            id,
            name: name.into(),
            kind: AdministratorKind::Service,
            grants: vec![Grant::installation(Role::BuiltIn(BuiltInRole::Master))],
            identity_provider_id: None,
        };
        self.append(directory, id.uuid(), 0, AdministratorEvent::from(appointed)).await;
        let issued = TokenIssued {
            id: token,
            name: "test".into(),
            administrator_id: id,
            organization_id: OURS,
            all_organizations: true,
            hash: "00".repeat(32),
            scope: Default::default(),
            within: None,
            expires_at: self.clock.now().plus(time::Duration::days(1)),
        };
        self.append(directory, token.uuid(), 0, TokenEvent::from(issued)).await;
        self.ready().await;
        self.keystore.authority.catch_up().await.unwrap();
        Actor::Administrator { administrator: id, credential: token.into() }
    }

    /// The number of rows of one of keystore's tables.
    pub async fn count(&self, table: &str) -> i64 {
        let client = self.servers.connect(&Service::Keystore.role()).await;
        client.query_one(&format!("select count(*) from keystore.{table}"), &[]).await.unwrap().get(0)
    }

    pub async fn has_blob(&self, key: KeyId) -> bool {
        let client = self.servers.connect(&Service::Keystore.role()).await;
        let sql = "select exists (select from keystore.wrapped_key where key_id = $1)";
        client.query_one(sql, &[&key.uuid()]).await.unwrap().get(0)
    }
}

pub fn foundation(servers: &Servers, clock: Arc<dyn Clock>) -> Foundation {
    static TELEMETRY: std::sync::OnceLock<Telemetry> = std::sync::OnceLock::new();
    let data = servers.folder.path().display().to_string();
    let secrets = servers.secrets.folder().display().to_string();
    let environment: Environment =
        [("CHANCERY_SERVER__DATA_DIR", &*data), ("CHANCERY_SERVER__SECRETS_DIR", &*secrets)].into();
    let (config, _) = Config::load(&Sources { environment, ..Sources::default() }).unwrap();
    let telemetry =
        TELEMETRY.get_or_init(|| Telemetry::begin(&config.telemetry, Service::ALL, "test").unwrap());
    Foundation {
        config: Arc::new(config),
        secrets: servers.secrets.clone(),
        clock,
        entropy: Arc::new(SystemEntropy),
        database: servers.endpoint(),
        nats_url: servers.nats.url(),
        health: Health::new(),
        metrics: telemetry.metrics(),
    }
}
