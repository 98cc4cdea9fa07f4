//! Private keys: they are made, wrapped, used and destroyed here, and their bytes stay here. Credentials are kept the same
//! way, and go out only sealed to the one service that uses them.
//!
//! | | |
//! |---|---|
//! | commands answered | `generate_key` `generate_ca_key` `generate_request_key` `begin_key_import` `import_key` `export_key` `mark_key_compromised` `destroy_key` `sign_certificate` `sign_self_signed` `sign_ca_certificate` `sign_csr` `sign_built_csr` `sign_checkpoint` `keep_mail_credential` `use_` `destroy_`, `keep_sign_in_credential` `use_` `destroy_`, `rotate_master_key` `unseal_keystore` `make_master_key_shares` |
//! | events written | `key.*` `compromised_key.*` `credential.*` `master_key.*` |
//! | events read | `issuance.*` `ca.*` `key.*`, from the log, just before a signature (N-5) |
//! | tables owned | `keystore.wrapped_key` `organization_key` `master_key` (keys), `wrapped_credential`, `signature` (the journal), `checkpoint` `checkpoint_key`; `key` `compromised_key` (read models) |
//!
//! | file | says |
//! |---|---|
//! | [`master_key`], [`wrapping`], [`vault`], [`rotation`] | where the master key comes from; envelope encryption; the blobs; new organization keys |
//! | [`mastership`], [`custodian`], [`registry`], [`replacement`] | which master key counts: the aggregate, the commands, the row, another one taking its place |
//! | [`shamir`], [`share`] | splitting a master key; its shares as people keep and enter them |
//! | [`secret`], [`signing_key`], [`memory`] | what key bytes are in memory |
//! | [`key`], [`generate`], [`commands`], [`commit`] | the aggregate; making keys; making and destroying them, with their events |
//! | [`import`], [`upload`], [`export`] | keys that were made elsewhere, sealed on their way in; keys on their way out (K-7) |
//! | [`compromise`], [`compromised_key`], [`compromised_view`] | keys that others know: the command, the aggregate, what users see |
//! | [`credential`], [`credentials`] | secrets that people gave us: the aggregate; keeping, using and destroying them |
//! | [`precondition`], [`tbs`], [`ca`] | what must stand in the log before a signature, as pure functions |
//! | [`facts`], [`sign`], [`journal`], [`guard`] | reading the log; signing; releasing once; not by a wrong clock |
//! | [`checkpoint`] | heads of the log |
//! | [`token`] | keys in PKCS #11 tokens: made and used there |
//! | [`custody`] | whether what is kept is all that the log knows, and opens: for backups |
//! | [`projection`], [`view`], [`in_use`] | what users see; which keys CAs need |

pub mod ca;
pub mod checkpoint;
pub mod commands;
pub mod commit;
pub mod compromise;
pub mod compromised_key;
pub mod compromised_view;
pub mod credential;
pub mod credentials;
pub mod custodian;
pub mod custody;
pub mod database;
pub mod export;
pub mod facts;
pub mod generate;
pub mod group;
pub mod guard;
pub mod import;
pub mod in_use;
pub mod journal;
pub mod key;
pub mod keyring;
pub mod master_key;
pub mod mastership;
pub mod memory;
pub mod operation;
pub mod precondition;
pub mod projection;
pub mod registry;
pub mod replacement;
pub mod rotation;
pub mod secret;
pub mod shamir;
pub mod share;
pub mod sign;
pub mod signing_key;
mod start;
pub mod tbs;
pub mod token;
pub mod upload;
pub mod vault;
pub mod view;
pub mod wrapping;

pub use secret::SecretBytes;
pub use start::{StartError, replay, start};

/// The tables beside the read model.
pub const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_tables.sql"),
    include_str!("../migrations/0002_credentials.sql"),
    include_str!("../migrations/0003_master_key.sql"),
    include_str!("../migrations/0004_sealed_start.sql"),
    include_str!("../migrations/0005_shares.sql"),
];
