//! The files of `server.secrets_dir`: made once, before anything runs, and never printed.
//!
//! | file | holds | read by |
//! |---|---|---|
//! | `db-<role>` | a role's password | its service; all of them by `migrate` |
//! | `nats-<user>.nk` | a user's nkey seed | its service; the public halves by NATS's configuration |
//! | `nats-gateway.pub` | the public half of the gateway's nkey, under which it signs commands | every service |
//! | `keystore-master.key` | the master key (K-2) | keystore |
//! | `transport-ca.key`, `gateway-tls.key` | the issuer of the HTTPS certificate, and its key (N-2) | gateway |
//! | `first.token` | the first API token | directory, the operator |
//!
//! The folder is 0700, each file 0600. A file that exists is kept, whatever it holds.

mod files;

use std::{
    io,
    path::{Path, PathBuf},
};

use bus::User;
use contracts::{Service, TokenId, token::TokenText};
use zeroize::Zeroizing;

use crate::{config::Secret, entropy::Entropy};

/// The role that `migrate` works as.
pub const ADMIN_ROLE: &str = "chancery_admin";

/// A folder of secrets.
#[derive(Clone, Debug)]
pub struct Secrets {
    folder: PathBuf,
}

/// A secret could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file system.
    #[error("{}: {reason}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What failed.
        reason: io::Error,
    },
    /// Others may read it.
    #[error("{} is open to others (mode {mode:04o}); expected 0600", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It holds something else.
    #[error("{} does not hold {expected}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
}

impl Secrets {
    /// The secrets in a folder, which may not exist yet.
    #[must_use]
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Makes the folder and every secret that is missing. Two processes that do so at once end with the same files.
    ///
    /// The master key is made at the first start and never again: one that is missing later is lost, another in its place
    /// opens nothing, and a keystore without one says so.
    pub fn make_missing(&self, entropy: &dyn Entropy) -> Result<(), SecretError> {
        files::private_folder(&self.folder)?;
        for role in roles() {
            self.make(&database_file(&role), || Ok(hex::encode(draw::<24>(entropy))))?;
        }
        for user in User::all() {
            self.make(&nats_file(user), || {
                bus::permissions::seed_from(*draw(entropy)).map_err(io::Error::other)
            })?;
        }
        self.make(GATEWAY_NKEY, || {
            let seed = self.nats_seed(Service::Gateway.into()).map_err(io::Error::other)?;
            bus::permissions::public_key(seed.reveal()).map_err(io::Error::other)
        })?;
        // What is made after it tells whether it was there before.
        if !self.folder.join(TRANSPORT_CA_KEY).exists() {
            self.make(MASTER_KEY, || Ok(hex::encode(draw::<32>(entropy))))?;
        }
        for key in [TRANSPORT_CA_KEY, GATEWAY_KEY] {
            self.make(key, || {
                rcgen::KeyPair::generate().map(|key| key.serialize_pem()).map_err(io::Error::other)
            })?;
        }
        self.make(FIRST_TOKEN, || Ok(first_token(entropy).reveal()))
    }

    /// A role's password.
    pub fn database_password(&self, role: &str) -> Result<String, SecretError> {
        self.read(&database_file(role)).map(|text| text.to_string())
    }

    /// A user's nkey seed.
    pub fn nats_seed(&self, user: User) -> Result<Secret, SecretError> {
        self.read(&nats_file(user)).map(|text| Secret::new(text.to_string()))
    }

    /// The public half of the gateway's nkey.
    pub fn gateway_nkey(&self) -> Result<String, SecretError> {
        self.read(GATEWAY_NKEY).map(|text| text.to_string())
    }

    /// Every user with the public half of its nkey, as NATS's configuration wants them.
    pub fn nats_users(&self) -> Result<Vec<(User, String)>, SecretError> {
        let public = |user| {
            let seed = self.nats_seed(user)?;
            let public = bus::permissions::public_key(seed.reveal());
            public.map(|public| (user, public)).map_err(|_| self.wrong(&nats_file(user), "an nkey seed"))
        };
        User::all().into_iter().map(public).collect()
    }

    /// The first API token.
    pub fn first_token(&self) -> Result<TokenText, SecretError> {
        let text = self.read(FIRST_TOKEN)?;
        TokenText::parse(&text).ok_or_else(|| self.wrong(FIRST_TOKEN, "an API token"))
    }

    /// Where the master key is kept unless the configuration says otherwise.
    #[must_use]
    pub fn master_key_file(&self) -> PathBuf {
        self.folder.join(MASTER_KEY)
    }

    /// The transport CA's private key, PEM.
    pub fn transport_ca_key(&self) -> Result<Secret, SecretError> {
        self.read(TRANSPORT_CA_KEY).map(|text| Secret::new(text.to_string()))
    }

    /// The gateway's private key, PEM.
    pub fn gateway_key(&self) -> Result<Secret, SecretError> {
        self.read(GATEWAY_KEY).map(|text| Secret::new(text.to_string()))
    }

    /// The folder itself.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A secret file's text without the line end; refuses one that others may read.
    fn read(&self, name: &str) -> Result<Zeroizing<String>, SecretError> {
        files::read(&self.folder.join(name))
    }

    fn make(&self, name: &str, content: impl FnOnce() -> io::Result<String>) -> Result<(), SecretError> {
        files::make_once(&self.folder.join(name), || content().map(Zeroizing::new))
    }

    fn wrong(&self, name: &str, expected: &'static str) -> SecretError {
        SecretError::Content { path: self.folder.join(name), expected }
    }
}

const GATEWAY_NKEY: &str = "nats-gateway.pub";
const MASTER_KEY: &str = "keystore-master.key";
const TRANSPORT_CA_KEY: &str = "transport-ca.key";
const GATEWAY_KEY: &str = "gateway-tls.key";
const FIRST_TOKEN: &str = "first.token";

/// Every role that logs in.
pub fn roles() -> impl Iterator<Item = String> {
    std::iter::once(ADMIN_ROLE.to_owned()).chain(Service::ALL.iter().map(|service| service.role()))
}

/// The file of a role's password.
#[must_use]
pub fn database_file(role: &str) -> String {
    format!("db-{role}")
}

/// The file of a user's seed.
#[must_use]
pub fn nats_file(user: User) -> String {
    format!("nats-{user}.nk")
}

fn draw<const N: usize>(entropy: &dyn Entropy) -> Zeroizing<[u8; N]> {
    let mut bytes = Zeroizing::new([0; N]);
    entropy.fill(&mut *bytes);
    bytes
}

/// The token's id is random: time is no part of it, so nothing but entropy is needed here.
fn first_token(entropy: &dyn Entropy) -> TokenText {
    let id = uuid::Builder::from_random_bytes(*draw(entropy)).into_uuid();
    TokenText::new(TokenId(id), *draw(entropy))
}

#[cfg(test)]
mod tests;
