//! What every request needs.

use std::sync::Arc;

use bus::Bus;
use deadpool_postgres::Pool;
use eventlog::Reader;
use runtime::{
    clock::Clock,
    config::{Config, Limits},
    entropy::Entropy,
    ids::Ids,
    outbound::Outbound,
    service::ServiceContext,
    shutdown::Shutdown,
};

use crate::{
    authenticate::{Doorkeeper, Failures, Uses},
    client_certificate::ClientCertificates,
    gate::Gate,
    metrics::Figures,
    news::News,
    rate::Rates,
    rest::Rests,
};

/// What every request needs; one per process.
pub struct Gateway {
    /// Commands.
    pub bus: Bus,
    /// The guarded way out, to servers whose certificates are imported.
    pub outbound: Outbound,
    /// The services' views.
    pub pool: Pool,
    /// The log.
    pub reader: Reader,
    /// Addresses.
    pub gate: Gate,
    /// What TLS client certificates are worth.
    pub client_certificates: ClientCertificates,
    /// Requests in a minute.
    pub rates: Rates,
    /// Tokens.
    pub doorkeeper: Arc<dyn Doorkeeper>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness: the secrets of new tokens.
    pub entropy: Arc<dyn Entropy>,
    /// Ids of requests and commands.
    pub ids: Ids,
    /// Sizes and times (L-1).
    pub limits: Limits,
    /// Last uses of tokens, not yet told.
    pub uses: Uses,
    /// When sessions were last used.
    pub rests: Rests,
    /// Where the installation is, for browsers.
    pub place: Place,
    /// Failed sign-ins.
    pub failures: Failures,
    /// What requests take.
    pub figures: Figures,
    /// Tells when the log has grown.
    pub news: News,
    /// The OpenAPI document.
    pub openapi: bytes::Bytes,
    /// The word to stop.
    pub shutdown: Shutdown,
}

/// Where the installation is, for browsers: from the configuration alone, never from what a request says (L-4).
#[derive(Clone, Debug)]
pub struct Place {
    /// Scheme, host and port, as browsers write them in `Origin`.
    pub origin: String,
    /// Where people who cannot sign in find help.
    pub support_url: Option<String>,
}

impl Place {
    /// As it is configured.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let url = &config.server.public_url;
        let origin =
            url::Url::parse(url).map_or_else(|_| url.clone(), |url| url.origin().ascii_serialization());
        Self { origin, support_url: config.auth.support_url.clone() }
    }
}

impl Gateway {
    /// The gateway of a service context.
    #[must_use]
    pub fn new(context: &ServiceContext) -> Self {
        Self {
            bus: context.bus.clone(),
            outbound: Outbound::trusting_nobody(&context.config),
            pool: context.pool.clone(),
            reader: context.reader.clone(),
            gate: Gate::follow(context),
            client_certificates: ClientCertificates::follow(
                &context.config.auth,
                &context.health,
                &context.shutdown,
            ),
            rates: Rates::new(&context.config.limits),
            doorkeeper: Arc::new(context.authority.clone()),
            clock: context.clock.clone(),
            entropy: context.entropy.clone(),
            ids: context.ids.clone(),
            limits: context.config.limits.clone(),
            uses: Uses::default(),
            rests: Rests::new(context.config.auth.session_idle),
            place: Place::of(&context.config),
            failures: Failures::new(),
            figures: Figures::new(),
            news: News::start(context.bus.clone(), &context.shutdown),
            openapi: crate::openapi().to_string().into(),
            shutdown: context.shutdown.clone(),
        }
    }
}
