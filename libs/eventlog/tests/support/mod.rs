//! A throwaway PostgreSQL with the log in it, and a throwaway nats-server.
#![allow(dead_code, missing_docs)] // each test file uses its part
#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod events;
pub mod nats;
pub mod postgres;
pub mod relaying;
pub mod signer;
