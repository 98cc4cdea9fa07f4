//! What every service has: clock and randomness, aggregates and their repository, followers of the log, folds,
//! projections, processes and timers, the authority, configuration, telemetry, health, shutdown.

pub mod aggregate;
pub mod clock;
pub mod config;
pub mod database;
pub mod entropy;
pub mod health;
pub mod ids;
pub mod migrate;
pub mod ops;
pub mod secrets;
pub mod servers;
pub mod shutdown;
pub mod telemetry;
pub mod transport_ca;
