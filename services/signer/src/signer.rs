//! What the handlers of the signer share.

use std::{sync::Arc, time::Duration};

use bus::Bus;
use contracts::signer::SignerNameEvent;
use eventlog::{Appender, Reader};
use runtime::{
    authority::Authority, blocked_keys::BlockedKeys, clock::Clock, domains::Domains, fold::Live, ids::Ids,
    names::Names, repository::Repository, service::ServiceContext, trusted_roots::TrustedRoots,
};

use tokio::sync::Mutex;

use crate::{
    ca::Ca, catalog::Catalog, certificate_request::CertificateRequest, guarded_act::GuardedAct,
    metrics::Metrics, outside::Outside, policy::Policy, profile::Profile, throwaway::ThrowawayKeys,
};

/// Aggregates of each kind that are remembered.
const CAPACITY: usize = 1_000;
/// When no news came for so long, the catalog asks the log.
const DOUBT: Duration = Duration::from_secs(1);
/// A domain that is withdrawn counts nowhere after one second, so they ask twice as often.
const DOMAINS_DOUBT: Duration = Duration::from_millis(500);

/// The signer at work.
pub struct Signer {
    pub(crate) authority: Authority,
    pub(crate) catalog: Live<Catalog>,
    pub(crate) domains: Live<Domains>,
    pub(crate) blocked: Live<BlockedKeys>,
    pub(crate) outside: Live<Outside>,
    pub(crate) trusted_roots: Live<TrustedRoots>,
    pub(crate) appender: Appender,
    pub(crate) reader: Reader,
    pub(crate) bus: Bus,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Ids,
    pub(crate) cas: Repository<Ca>,
    pub(crate) profiles: Repository<Profile>,
    pub(crate) policies: Repository<Policy>,
    pub(crate) requests: Repository<CertificateRequest>,
    pub(crate) acts: Repository<GuardedAct>,
    /// Whether CAs and policies need two persons where nobody says otherwise.
    pub(crate) production: bool,
    pub(crate) names: Names<SignerNameEvent>,
    pub(crate) throwaway_keys: ThrowawayKeys,
    pub(crate) furnishing: Mutex<()>,
    pub(crate) metrics: Metrics,
}

impl Signer {
    /// Follows the log; its handlers may be called at once and wait for what they need.
    #[must_use]
    pub fn start(context: &ServiceContext) -> Arc<Self> {
        let ServiceContext { authority, appender, reader, bus, clock, ids, health, shutdown, .. } =
            context.clone();
        let catalog = Live::start("catalog_in_memory", &reader, &bus, &health, &shutdown, DOUBT);
        let domains = Live::start("domains_in_memory", &reader, &bus, &health, &shutdown, DOMAINS_DOUBT);
        let blocked = Live::start("compromised_keys", &reader, &bus, &health, &shutdown, DOUBT);
        let outside = Live::start("outside_in_memory", &reader, &bus, &health, &shutdown, DOUBT);
        let trusted_roots = Live::start("trusted_roots", &reader, &bus, &health, &shutdown, DOUBT);
        Arc::new(Self {
            authority,
            catalog,
            domains,
            blocked,
            outside,
            trusted_roots,
            appender,
            bus,
            ids,
            cas: context.repository(CAPACITY),
            profiles: context.repository(CAPACITY),
            policies: context.repository(CAPACITY),
            requests: context.repository(CAPACITY),
            acts: context.repository(CAPACITY),
            production: context.config.server.production,
            names: Names::new(context.repository(CAPACITY), reader.clone(), clock.clone()),
            reader,
            clock,
            throwaway_keys: ThrowawayKeys::default(),
            furnishing: Mutex::default(),
            metrics: Metrics::new(),
        })
    }
}
