//! What tests start: real PostgreSQL and NATS, the real `chancery`, and the peers they talk to.
//!
//! Everything lies in a folder of the test's own and listens on free ports or sockets in it; all of it is gone
//! afterwards, also when the test is killed. A failure here is a failure of the test, so helpers panic with words.

#![allow(clippy::expect_used, clippy::unwrap_used)] // a test cannot go on without what it asked for

pub mod environment;
pub mod exim;
pub mod folder;
mod guard;
pub mod https;
pub mod installation;
pub mod name_server;
pub mod openssl;
pub mod otlp;
pub mod ports;
pub mod relay;
pub mod servers;
pub mod web_server;

pub use exim::Exim;
pub use folder::Folder;
pub use https::{Answer, Https};
pub use installation::Installation;
pub use name_server::NameServer;
pub use otlp::OtlpReceiver;
pub use relay::Relay;
pub use servers::Servers;
pub use web_server::WebServer;
