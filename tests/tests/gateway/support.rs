//! A whole installation within a test: real PostgreSQL and NATS, and the services that the gateway asks.

use std::{sync::Arc, time::Duration};

use contracts::Service;
use http::Method;
use runtime::{
    clock::SystemClock,
    config::{Config, Environment, Sources},
    entropy::{Entropy, SystemEntropy},
    health::Health,
    migrate::ServiceSchema,
    secrets::Secrets,
    service::{Foundation, Running, ServiceContext},
    telemetry::Telemetry,
    transport_ca,
};
use serde_json::Value;
use testkit::{Https, Servers};

/// An installation.
pub struct Installation {
    pub servers: Servers,
    health: Health,
    running: Vec<Running>,
    pub https: Https,
    /// The gateway's own context.
    pub gateway: ServiceContext,
}

const SCHEMAS: &[ServiceSchema] = &[
    ServiceSchema { service: Service::Directory, migrations: directory::MIGRATIONS },
    ServiceSchema { service: Service::Keystore, migrations: keystore::MIGRATIONS },
    ServiceSchema { service: Service::Signer, migrations: signer::MIGRATIONS },
    ServiceSchema { service: Service::Inventory, migrations: inventory::MIGRATIONS },
];

/// Starts one.
pub async fn installation() -> Installation {
    installation_with(Arc::new(SystemEntropy)).await
}

/// Starts one whose random numbers come from here.
pub async fn installation_with(entropy: Arc<dyn Entropy>) -> Installation {
    let servers = Servers::migrated(SCHEMAS).await;
    let folder = servers.folder.path().display().to_string();
    let [address] = testkit::ports::free::<1>();
    let listen = address.to_string();
    let environment = Environment::from([
        ("HOME", folder.as_str()),
        ("CHANCERY_SERVER__DATA_DIR", folder.as_str()),
        ("CHANCERY_SERVER__LISTEN", listen.as_str()),
        ("CHANCERY_KEYSTORE__ALLOW_UNLOCKED_MEMORY", "true"),
    ]);
    let (config, _) = Config::load(&Sources { environment, ..Sources::default() }).unwrap();
    let telemetry = Telemetry::begin(&config.telemetry, Service::ALL, "test").unwrap();
    let health = Health::new();
    let foundation = Foundation {
        secrets: Secrets::at(&config.server.secrets_dir),
        clock: Arc::new(SystemClock::new()),
        entropy,
        database: servers.endpoint(),
        nats_url: servers.nats.url(),
        health: health.clone(),
        metrics: telemetry.metrics(),
        config: Arc::new(config),
    };
    let (mut running, mut gateway) = (Vec::new(), None);
    for service in
        [Service::Directory, Service::Keystore, Service::Signer, Service::Inventory, Service::Gateway]
    {
        let context = ServiceContext::open(&foundation, service).await.unwrap();
        running.push(context.running());
        match service {
            Service::Directory => directory::start(context).await.unwrap(),
            Service::Keystore => keystore::start(context).await.unwrap(),
            Service::Signer => signer::start(context).await.unwrap(),
            Service::Inventory => inventory::start(context).await.unwrap(),
            Service::Gateway | Service::Notifier | Service::Relay => {
                gateway = Some(context.clone());
                gateway::start(context).await.unwrap();
            }
        }
    }
    let ready = tokio::time::timeout(Duration::from_secs(30), health.ready()).await;
    assert!(ready.is_ok(), "not ready: {:?}", health.report());
    let ca = transport_ca::ca_file(&foundation.config.server);
    let token = foundation.secrets.first_token().unwrap().reveal();
    let https = Https::new(&format!("https://{address}"), &ca, Some(&token));
    Installation { servers, health, running, https, gateway: gateway.unwrap() }
}

impl Installation {
    /// A read that sees a write.
    pub async fn read_after(&self, path: &str, written: &testkit::https::Answer) -> Value {
        let position = [("chancery-min-position", written.header("chancery-position"))];
        self.https.request(Method::GET, path, &position, "".into()).await.unwrap().expect(200).json()
    }

    /// Stops the services, then the servers.
    pub async fn stop(self) {
        for running in self.running.iter().rev() {
            running.stop(Duration::from_secs(5)).await;
        }
        drop(self.servers);
        drop(self.health);
    }
}

/// Asks until the answer has another status than `status`.
pub async fn until<F: Future<Output = testkit::https::Answer>>(
    status: u16,
    ask: impl Fn() -> F,
) -> testkit::https::Answer {
    until_some(|| async { Some(ask().await).filter(|answer| answer.status != status) }).await
}

/// Asks until there is an answer.
pub async fn until_some<T, F: Future<Output = Option<T>>>(ask: impl Fn() -> F) -> T {
    let asking = async {
        loop {
            match ask().await {
                Some(found) => return found,
                None => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asking).await.expect("within 20 s")
}
