//! NATS as Chancery uses it: commands, wake-ups, the log's stream, and who may touch which subject.
//!
//! | file | says |
//! |---|---|
//! | [`connection`] | how a service connects: nkey, own inbox, quick reconnects |
//! | [`alarm`] | what a denied subject does: a log line, a metric, a count |
//! | [`context`] | what a command carries beside its body, and its headers |
//! | [`reply`] | what a command answers |
//! | [`call`], [`serve`] | the two ends of a command |
//! | [`service_api`] | `$SRV.PING`, `$SRV.INFO`, `$SRV.STATS` |
//! | [`wake`] | "the log has grown" |
//! | [`log_messages`] | the log as JetStream carries it: a shortcut, never the truth |
//! | [`trace`] | spans of both |
//! | [`permissions`] | nats-server's configuration, generated from `contracts::service::TABLE` |
//!
//! A message is a hint (N-5): whoever acts irreversibly reads the log first.

pub mod actor_signature;
mod alarm;
pub mod call;
pub mod connection;
pub mod context;
pub mod log_messages;
pub mod permissions;
pub mod reply;
pub mod serve;
pub mod service_api;
pub mod trace;
pub mod wake;

pub use connection::{Bus, BusError, BusOptions, User};
pub use context::Context;
pub use log_messages::{Interrupted, LogMessage, LogMessages};
pub use reply::{Answer, IntoAnswer, Outcome, Reply, Waits};
