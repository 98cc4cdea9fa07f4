//! What every request needs.

use std::sync::Arc;

use bus::Bus;
use deadpool_postgres::Pool;
use eventlog::Reader;
use runtime::{clock::Clock, config::Limits, entropy::Entropy, ids::Ids, shutdown::Shutdown};

use crate::{
    authenticate::{Doorkeeper, Failures, Uses},
    metrics::Figures,
    news::News,
};

/// What every request needs; one per process.
pub struct Gateway {
    /// Commands.
    pub bus: Bus,
    /// The services' views.
    pub pool: Pool,
    /// The log.
    pub reader: Reader,
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
