//! What the journeys in `tests/tests` share: installations to use, other people's programs, the generated contracts and an
//! example of each event.

pub mod bench;
pub mod browser;
pub mod canary;
pub mod checks;
pub mod clients;
pub mod examples;
pub mod forged;
pub mod forms;
pub mod house;
pub mod mailbox;
pub mod notifications;
pub mod observed;
pub mod openid;
pub mod operations;
pub mod refused;
pub mod schemas;
pub mod soft_hsm;
pub mod subscriber;
pub mod tool;
pub mod world;
