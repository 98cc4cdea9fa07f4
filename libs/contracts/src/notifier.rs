//! `notifier`: tells people by mail, once.
//!
//! The log holds ids and outcomes. Addresses, names and texts are people's: they stand in the notifier's own tables, where
//! they can be erased.

mod notification;
mod settings;

pub use notification::*;
pub use settings::*;
