//! A real nats-server with our permissions, on free ports, in a folder of its own.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use chancery_bus::{
    Bus, BusOptions, User,
    permissions::{ServerOptions, nats_server_conf, public_key, seed_from},
};
use contracts::{Actor, OrganizationId, Service, Timestamp};
use parking_lot::Mutex;
use uuid::Uuid;

pub struct Nats {
    pub url: String,
    folder: tempfile::TempDir,
    child: Child,
}

impl Nats {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listen = free_address();
        let options = ServerOptions {
            name: "test".into(),
            listen,
            monitor: None,
            store_dir: folder.path().join("jetstream"),
            sync_always: false,
            pid_file: None,
            log_file: Some(folder.path().join("log")),
        };
        let users: Vec<_> =
            User::all().into_iter().map(|user| (user, public_key(&seed(user)).unwrap())).collect();
        std::fs::write(folder.path().join("nats.conf"), nats_server_conf(&options, &users)).unwrap();
        let child = run(&folder);
        let nats = Self { url: format!("nats://{listen}"), folder, child };
        nats.up().await;
        nats
    }

    /// Kills the server without a word, as a power cut does.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub async fn restart(&mut self) {
        self.child = run(&self.folder);
        self.up().await;
    }

    pub fn wipe_store(&self) {
        std::fs::remove_dir_all(self.folder.path().join("jetstream")).unwrap();
    }

    pub async fn connect(&self, user: impl Into<User>) -> Bus {
        self.connect_at(user, &Hour::default()).await
    }

    pub async fn connect_at(&self, user: impl Into<User>, hour: &Hour) -> Bus {
        let (user, hour) = (user.into(), hour.clone());
        let gateway = public_key(&seed(Service::Gateway.into())).unwrap();
        let options = BusOptions::new(self.url.clone(), user, seed(user), move || hour.now());
        let bus = Bus::connect(BusOptions { gateway: Some(gateway), ..options }).await.unwrap();
        bus.connected().wait_for(|up| *up).await.unwrap();
        bus
    }

    async fn up(&self) {
        let address = self.url.strip_prefix("nats://").unwrap();
        for _ in 0..1_000 {
            if tokio::net::TcpStream::connect(address).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{}", std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default());
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn run(folder: &tempfile::TempDir) -> Child {
    Command::new("nats-server")
        .arg("-c")
        .arg(folder.path().join("nats.conf"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("nats-server stands on the PATH")
}

fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

fn seed(user: User) -> String {
    let mut random = [7; 32];
    random[..user.as_str().len()].copy_from_slice(user.as_str().as_bytes());
    seed_from(random).unwrap()
}

/// A clock that stands still until it is moved.
#[derive(Clone)]
pub struct Hour(Arc<Mutex<Timestamp>>);

impl Default for Hour {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Timestamp::from_unix(1_790_000_000))))
    }
}

impl Hour {
    pub fn now(&self) -> Timestamp {
        *self.0.lock()
    }
    pub fn advance(&self, seconds: i64) {
        let mut hour = self.0.lock();
        *hour = hour.plus(time::Duration::seconds(seconds));
    }
}

/// A command of the gateway's with three seconds to go.
pub fn context(hour: &Hour, id: u128) -> chancery_bus::Context {
    chancery_bus::Context::new(
        Uuid::from_u128(id),
        OrganizationId(Uuid::from_u128(1)),
        Actor::Service(Service::Gateway),
        hour.now().plus(time::Duration::seconds(3)),
    )
}

/// Waits until the server has dealt with whatever was sent: it answers this question, which everyone may ask, later.
pub async fn settle(bus: &Bus) {
    let stream = if bus.user() == User::Subscriber { "CHANCERY_EVENTS" } else { "LOG_0" };
    bus.client().request(format!("$JS.API.CONSUMER.INFO.{stream}.x"), "".into()).await.unwrap();
}
