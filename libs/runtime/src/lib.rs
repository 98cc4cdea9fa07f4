//! What every service has: clock and randomness, aggregates and their repository, followers of the log, folds,
//! projections, processes and timers, the authority, configuration, telemetry, health, shutdown.

pub mod aggregate;
pub mod approvals;
pub mod authority;
pub mod clock;
pub mod command;
pub mod config;
pub mod database;
pub mod dependencies;
pub mod domains;
pub mod entropy;
pub mod error;
pub mod failpoint;
pub mod fold;
pub mod follower;
pub mod health;
pub mod ids;
mod locks;
pub mod migrate;
pub mod names;
pub mod ops;
pub mod outbound;
pub mod process;
pub mod projection;
pub mod rebuild;
pub mod repository;
pub mod roots;
pub mod sealed;
pub mod secrets;
pub mod servers;
pub mod service;
pub mod shown;
pub mod shutdown;
pub mod telemetry;
pub mod timer;
pub mod transport_ca;
pub mod trusted_roots;
