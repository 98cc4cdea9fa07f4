//! Private keys: they are generated, wrapped, used and destroyed here, and their bytes stay here.

pub mod ca;
pub mod generate;
pub mod key;
pub mod master_key;
pub mod memory;
pub mod precondition;
pub mod secret;
pub mod signing_key;
pub mod tbs;
pub mod wrapping;

pub use secret::SecretBytes;
