//! A world of its own for each test: PostgreSQL, NATS, a relay, services, and a thing that counts.

use std::{convert::Infallible, sync::Arc, time::Duration};

use chancery_runtime::{
    aggregate::Aggregate,
    clock::{Clock, SystemClock},
    config::{Config, Environment, Sources},
    entropy::SystemEntropy,
    health::Health,
    service::{Foundation, ServiceContext},
    telemetry::Telemetry,
};
use contracts::{Actor, Code, OrganizationId, Problem, Service, Timestamp};
use deadpool_postgres::ConfigConnectImpl;
use eventlog::{
    Recorded,
    relay::{Relay, RelayConfig},
};
use serde_json::{Value, json};
use testkit::Servers;
use tokio_postgres::NoTls;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub const OURS: OrganizationId = OrganizationId(Uuid::from_u128(0x0a));
pub const THEIRS: OrganizationId = OrganizationId(Uuid::from_u128(0x0b));

pub struct World {
    pub servers: Servers,
    pub foundation: Foundation,
}

impl World {
    pub async fn new() -> Self {
        Self::at(Arc::new(SystemClock::new())).await
    }

    pub async fn at(clock: Arc<dyn Clock>) -> Self {
        let servers = Servers::migrated(&[]).await;
        let data = servers.folder.path().display().to_string();
        let environment: Environment = [("CHANCERY_SERVER__DATA_DIR", &*data)].into();
        let (config, _) = Config::load(&Sources { environment, ..Sources::default() }).unwrap();
        static TELEMETRY: std::sync::OnceLock<Telemetry> = std::sync::OnceLock::new();
        let begin = || Telemetry::begin(&config.telemetry, Service::ALL, "test").unwrap();
        let metrics = TELEMETRY.get_or_init(begin).metrics();
        let foundation = Foundation {
            config: Arc::new(config),
            secrets: servers.secrets.clone(),
            clock,
            entropy: Arc::new(SystemEntropy),
            database: servers.endpoint(),
            nats_url: servers.nats.url(),
            health: Health::new(),
            metrics,
        };
        Self { servers, foundation }
    }

    /// One more instance of a service.
    pub async fn service(&self, service: Service) -> ServiceContext {
        let context = ServiceContext::open(&self.foundation, service).await.unwrap();
        context.bus.connected().wait_for(|up| *up).await.unwrap();
        context
    }

    /// An instance whose health is not mixed with others'.
    pub async fn instance(&self, service: Service) -> ServiceContext {
        let foundation = Foundation { health: Health::new(), ..self.foundation.clone() };
        let context = ServiceContext::open(&foundation, service).await.unwrap();
        context.bus.connected().wait_for(|up| *up).await.unwrap();
        context
    }

    /// Publishes the log until the guard is dropped.
    pub async fn relay(&self) -> tokio_util::sync::DropGuard {
        let context = self.service(Service::Relay).await;
        let role = Service::Relay.role();
        let config = RelayConfig {
            postgres: self
                .servers
                .endpoint()
                .config_for(&role, &self.servers.secrets.database_password(&role).unwrap()),
            connect: Box::new(ConfigConnectImpl { tls: NoTls }),
            pool: context.pool.clone(),
            jetstream: context.bus.jetstream().clone(),
            replicas: 1,
        };
        let stop = CancellationToken::new();
        tokio::spawn(Relay::run(config, None::<Infallible>, stop.clone()));
        stop.drop_guard()
    }

    pub async fn kill_nats(&self) {
        let pid = nix::unistd::Pid::from_raw(self.servers.nats.pid());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
        while self.servers.nats.is_running() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub fn wipe_nats(&self) {
        std::fs::remove_dir_all(self.servers.folder.path().join("nats/store")).unwrap();
    }

    pub async fn restart_nats(&mut self) {
        let secrets = self.servers.secrets.clone();
        self.servers.nats.restart(&secrets).await.unwrap();
    }
}

/// Waits until something is so.
pub async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    for _ in 0..3_000 {
        if so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}: not within 30 s");
}

/// A command of the signer's own, with ten seconds to go.
pub fn command(context: &ServiceContext, id: u128) -> bus::Context {
    bus::Context {
        fingerprint: [id as u8; 32],
        ..bus::Context::new(
            Uuid::from_u128(id),
            OURS,
            Actor::Service(Service::Signer),
            context.clock.now().plus(time::Duration::seconds(10)),
        )
    }
}

/// A sum that never exceeds its limit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counter {
    pub sum: i64,
}

pub const LIMIT: i64 = 1_000_000;

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Counted {
    pub amount: i64,
}

contracts::events! {
    /// What happens to a counter. It stands in a category that the table lets the signer write.
    CounterEvent in "ca" { Counted(Counted) = "ca.counted" v 1 }
}

#[derive(Clone, Debug)]
pub struct Count(pub i64);

#[derive(Debug, PartialEq)]
pub struct TooMuch;
impl From<TooMuch> for Problem {
    fn from(_: TooMuch) -> Self {
        Self::new(Code::ValidationFailed, "the limit is exceeded")
    }
}

impl Aggregate for Counter {
    type Command = Count;
    type Event = CounterEvent;
    type Refusal = TooMuch;
    fn decide(&self, Count(amount): Count, _: Timestamp) -> Result<Vec<CounterEvent>, TooMuch> {
        match amount {
            0 => Ok(vec![]),
            amount if self.sum + amount > LIMIT => Err(TooMuch),
            amount => Ok(vec![Counted { amount }.into()]),
        }
    }
    fn evolve(self, CounterEvent::Counted(counted): CounterEvent) -> Self {
        Self { sum: self.sum + counted.amount }
    }
    fn describe(&self) -> Value {
        json!({ "sum": self.sum })
    }
}

/// Counts once on a stream; gives the position.
pub async fn count(signer: &ServiceContext, stream: u128, amount: i64) -> i64 {
    count_for(signer, OURS, stream, amount).await
}

pub async fn count_for(signer: &ServiceContext, tenant: OrganizationId, stream: u128, amount: i64) -> i64 {
    raw(signer, "ca", "ca.counted", tenant, stream, json!({ "amount": amount }).to_string()).await
}

/// Appends any event at all.
pub async fn raw(
    signer: &ServiceContext,
    category: &'static str,
    kind: &'static str,
    tenant: OrganizationId,
    stream: u128,
    payload: String,
) -> i64 {
    let id = signer.ids.uuid();
    let append = eventlog::Append {
        tenant: tenant.uuid(),
        category,
        stream: Uuid::from_u128(stream),
        expected: eventlog::Expected::Any,
        command_id: id,
        fingerprint: [0; 32],
        causation: id,
        correlation: id,
        actor: "service:signer".into(),
        traceparent: None,
        events: vec![eventlog::NewEvent { id, kind, schema: 1, payload }],
    };
    match signer.appender.append(append).await.unwrap() {
        eventlog::Outcome::Committed { last, .. } | eventlog::Outcome::Replayed { last, .. } => last,
    }
}

pub fn positions(events: &[Recorded]) -> Vec<i64> {
    events.iter().map(|event| event.position).collect()
}
