//! What every service has: clock and randomness, aggregates and their repository, followers of the log, folds,
//! projections, processes and timers, the authority, configuration, telemetry, health, shutdown.

pub mod aggregate;
pub mod clock;
pub mod entropy;
pub mod ids;
