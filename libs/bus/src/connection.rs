//! The connection of one service to NATS.

use std::{
    fmt,
    str::FromStr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use async_nats::{Client, ConnectOptions, Event, jetstream};
use contracts::{Service, Timestamp};
use parking_lot::Mutex;
use tokio::{sync::watch, time::Instant};

use crate::{actor_signature::Signatures, alarm::Alarm, serve::Serving, wake::Waker};

/// A NATS user: one per service, and one for subscribers of the public events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum User {
    /// A service of ours, with the rights of its row in `contracts::service::TABLE`.
    Service(Service),
    /// Someone outside who reads `CHANCERY_EVENTS`.
    Subscriber,
}

impl User {
    /// Every user.
    #[must_use]
    pub fn all() -> Vec<Self> {
        Service::ALL.iter().copied().map(Self::Service).chain([Self::Subscriber]).collect()
    }

    /// Its name: in inboxes, in file names of seeds, in the server's connection list.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Service(service) => service.as_str(),
            Self::Subscriber => "subscriber",
        }
    }
}

impl From<Service> for User {
    fn from(service: Service) -> Self {
        Self::Service(service)
    }
}
impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not a user's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a NATS user: expected a service's name or 'subscriber'")]
pub struct UserError(String);

impl FromStr for User {
    type Err = UserError;
    fn from_str(text: &str) -> Result<Self, UserError> {
        Self::all()
            .into_iter()
            .find(|user| user.as_str() == text)
            .ok_or_else(|| UserError(text.chars().take(64).collect()))
    }
}

/// How to connect.
#[derive(Clone)]
pub struct BusOptions {
    /// `nats://host:port` or `tls://host:port`; several, separated by commas.
    pub url: String,
    /// Who connects.
    pub user: User,
    /// The user's nkey seed (`SU…`).
    pub seed: String,
    /// The clock, by which deadlines are judged.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// How many requests of one command are worked on at once; more wait, until their deadline.
    pub concurrency: usize,
    /// Trust anchors for `tls://` (PEM file); `None`: the system's.
    pub trust: Option<std::path::PathBuf>,
    /// The public half of the gateway's nkey (`U…`), whose signature administrators' commands need; `None`: none is taken.
    pub gateway: Option<String>,
}

impl BusOptions {
    /// Options with the defaults: 256 requests of each command at once.
    #[must_use]
    pub fn new(
        url: impl Into<String>,
        user: impl Into<User>,
        seed: impl Into<String>,
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        Self {
            url: url.into(),
            user: user.into(),
            seed: seed.into(),
            now: Arc::new(now),
            concurrency: 256,
            trust: None,
            gateway: None,
        }
    }
}

impl fmt::Debug for BusOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BusOptions")
            .field("url", &self.url)
            .field("user", &self.user)
            .field("seed", &"[redacted]")
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}

/// Why the bus cannot be used at all. A server that is away is none of these: the connection is retried.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The seed is not an nkey seed of a user, or the gateway's public key is none.
    #[error("NATS seed or the gateway's public key is not an nkey of a user")]
    Seed(#[source] nkeys::error::Error),
    /// The options cannot work, or the server refused these credentials.
    #[error("cannot connect to NATS at '{url}'")]
    Connect {
        /// Where.
        url: String,
        /// What async-nats found.
        #[source]
        source: async_nats::ConnectError,
    },
    /// The connection was closed for good.
    #[error("subscribing to '{subject}' failed")]
    Subscribe {
        /// To what.
        subject: String,
        /// What async-nats found.
        #[source]
        source: async_nats::SubscribeError,
    },
    /// A command was offered by someone whose row in the table does not name it.
    #[error("'{user}' does not answer the commands of '{service}'")]
    NotOurs {
        /// Who connects.
        user: User,
        /// Whose command it is.
        service: Service,
    },
}

/// One service's connection to NATS; clones share it.
#[derive(Clone)]
pub struct Bus {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) user: User,
    pub(crate) client: Client,
    pub(crate) jetstream: jetstream::Context,
    pub(crate) now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    pub(crate) connected: watch::Receiver<bool>,
    /// When the connection was lost last, or first looked for.
    lost_at: Arc<Mutex<Instant>>,
    pub(crate) concurrency: usize,
    pub(crate) serving: Serving,
    pub(crate) waker: Waker,
    pub(crate) signatures: Signatures,
    alarm: Arc<Alarm>,
}

/// The longest pause between two attempts to reconnect.
const RECONNECT: Duration = Duration::from_secs(1);
/// How long a JetStream call may take.
const JETSTREAM: Duration = Duration::from_secs(2);

impl Bus {
    /// Connects. Returns at once when no server answers: the connection is made as soon as one does.
    pub async fn connect(options: BusOptions) -> Result<Self, BusError> {
        let signatures = Signatures::new(options.user, &options.seed, options.gateway.as_deref());
        let signatures = signatures.map_err(BusError::Seed)?;
        let alarm = Arc::new(Alarm::new(options.user));
        let (report, connected) = watch::channel(false);
        let report = Arc::new(report);
        let lost_at = Arc::new(Mutex::new(Instant::now()));
        let on_event = {
            let (alarm, lost_at) = (alarm.clone(), lost_at.clone());
            move |event: Event| {
                match &event {
                    Event::Connected => _ = report.send_replace(true),
                    Event::Disconnected | Event::Closed => {
                        if *report.borrow() {
                            *lost_at.lock() = Instant::now();
                        }
                        report.send_replace(false);
                    }
                    _ => {}
                }
                alarm.hear(&event);
                std::future::ready(())
            }
        };
        let mut connect = ConnectOptions::with_nkey(options.seed)
            .name(format!("chancery-{}", options.user))
            .custom_inbox_prefix(format!("_INBOX.{}", options.user))
            .connection_timeout(Duration::from_secs(2))
            .request_timeout(Some(JETSTREAM))
            .reconnect_delay_callback(|attempt| {
                if attempt <= 1 {
                    Duration::ZERO
                } else {
                    RECONNECT.min(Duration::from_millis(50) * attempt as u32)
                }
            })
            .ping_interval(Duration::from_secs(5))
            .retry_on_initial_connect()
            .event_callback(on_event);
        if let Some(trust) = options.trust {
            connect = connect.add_root_certificates(trust).require_tls(true);
        }
        let servers: Vec<&str> = options.url.split(',').map(str::trim).collect();
        let client = connect
            .connect(&servers[..])
            .await
            .map_err(|source| BusError::Connect { url: options.url.clone(), source })?;
        let jetstream = jetstream::context::ContextBuilder::new()
            .timeout(JETSTREAM)
            .ack_timeout(JETSTREAM)
            .build(client.clone());
        let waker = Waker::start(client.clone(), connected.clone());
        Ok(Self {
            inner: Arc::new(Inner {
                user: options.user,
                serving: Serving::new(),
                client,
                jetstream,
                now: options.now,
                connected,
                lost_at,
                concurrency: options.concurrency,
                waker,
                signatures,
                alarm,
            }),
        })
    }

    /// Who this connection belongs to.
    #[must_use]
    pub fn user(&self) -> User {
        self.inner.user
    }

    /// The connection itself.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.inner.client
    }

    /// JetStream over this connection.
    #[must_use]
    pub fn jetstream(&self) -> &jetstream::Context {
        &self.inner.jetstream
    }

    /// Whether a server answers now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        *self.inner.connected.borrow()
    }

    /// Follows whether a server answers.
    #[must_use]
    pub fn connected(&self) -> watch::Receiver<bool> {
        self.inner.connected.clone()
    }

    /// How often the server denied this user a subject. Anything but 0 is a fault of ours or an attack.
    #[must_use]
    pub fn violations(&self) -> u64 {
        self.inner.alarm.violations()
    }

    /// Which connection this is: another number after each reconnection.
    pub(crate) fn connection(&self) -> u64 {
        self.client().statistics().connects.load(Ordering::Relaxed)
    }

    /// Waits until no server answers.
    pub(crate) async fn disconnected(&self) {
        // An error means that the connection is closed for good.
        _ = self.inner.connected.clone().wait_for(|up| !up).await;
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.inner.now)()
    }

    /// Waits for a server to answer, at most until `patience` after the connection was lost: one that has been away for
    /// longer is known to be down.
    pub(crate) async fn wait_connected(&self, patience: Duration) -> bool {
        let mut connected = self.inner.connected.clone();
        let until = *self.inner.lost_at.lock() + patience;
        tokio::time::timeout_at(until, connected.wait_for(|up| *up)).await.is_ok_and(|up| up.is_ok())
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bus({})", self.inner.user)
    }
}
