//! The event log: append, read, publish, seal, verify. PostgreSQL holds the truth; NATS carries it.
//!
//! | module | says |
//! |---|---|
//! | [`schema`] | tables, functions, roles and grants of the log, and how they are brought up to date |
//! | [`append`] | the one way in: commands grouped into one transaction at a time |
//! | [`read`] | the way out: in order, without gaps |
//! | [`relay`] | publishes the log to JetStream, where a message's sequence number is its position |
//! | [`merkle`] | the tree over the log (RFC 9162): hashes, tiles, proofs |
//! | [`checkpoint`] | signed statements of the tree's size and root (C2SP) |
//! | [`seal`] | asks for such a statement as the log grows |
//! | [`verify`] | recomputes everything and names the row that was tampered with |
//!
//! Every event has a *position*: 1, 2, 3 … without gaps, in the order of commit. Nothing recorded is ever changed.

pub mod append;
pub mod checkpoint;
pub mod merkle;
pub mod read;
mod recorded;
pub mod relay;
pub mod schema;
pub mod seal;
pub mod verify;

pub use append::{Append, AppendError, Appender, Expected, NewEvent, Outcome};
pub use contracts::log::Recorded;
pub use read::{CommandOutcome, Pages, ReadError, Reader};

/// The one shard there is. Column and parameter are in place for more.
pub const SHARD: i16 = 0;
