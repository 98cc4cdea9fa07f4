//! Where the master key comes from (K-2): a file, a passphrase or the environment. There is no built-in one.

use std::{
    fmt, fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::hmac;
use runtime::config::{Keystore, MasterKeyProvider, Secret};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    SecretBytes,
    wrapping::{KEY, WrappingError, WrappingKey},
};

/// Length of the salt of a passphrase in bytes.
pub const SALT: usize = 16;

/// Why there is no master key. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// Provider `file`, and there is none.
    #[error(
        "no master key: {} does not exist; restore it from its backup, or, if this installation never stored a key, \
         make one with: (umask 077; openssl rand -hex 32 > '{}')", .0.display(), .0.display()
    )]
    Missing(PathBuf),
    /// It cannot be read.
    #[error("the master key {} cannot be read", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// Others may read it.
    #[error("the master key {} is open to others (mode {mode:04o}); close it with: chmod 600 '{}'", path.display(), path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is another user's.
    #[error("the master key {} belongs to user {owner}, but keystore runs as user {user}", path.display())]
    Owner {
        /// Which file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        user: u32,
    },
    /// Not 64 hexadecimal digits.
    #[error("the master key in {0} is not 64 hexadecimal digits")]
    Content(String),
    /// The strict profile wants better.
    #[error(
        "the strict profile (server.production) refuses a master key from {0}; set keystore.provider to 'file', \
         or keystore.allow_weak_master_key to true"
    )]
    Weak(&'static str),
    /// argon2id failed, as when 256 MiB are not to be had.
    #[error("the master key cannot be derived from the passphrase: {0}")]
    Derivation(argon2::Error),
    /// The cryptographic library failed.
    #[error(transparent)]
    Wrapping(#[from] WrappingError),
}

/// What the configuration gives.
pub enum Source {
    /// The key itself.
    Key(SecretBytes),
    /// What it is derived from.
    Passphrase(Secret),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Source {
    /// Reads what the configuration names. Needs nothing but the file system, so it fails before anything starts.
    pub fn read(config: &Keystore, production: bool) -> Result<Self, MasterKeyError> {
        let strict = production && !config.allow_weak_master_key;
        match &config.provider {
            MasterKeyProvider::File(path) => from_file(path).map(Self::Key),
            MasterKeyProvider::Environment(_) if strict => Err(MasterKeyError::Weak("the environment")),
            MasterKeyProvider::Passphrase(_) if strict => Err(MasterKeyError::Weak("a passphrase")),
            MasterKeyProvider::Environment(digits) => {
                from_digits(digits.reveal(), "keystore.master_key").map(Self::Key)
            }
            MasterKeyProvider::Passphrase(passphrase) => Ok(Self::Passphrase(passphrase.clone())),
        }
    }

    /// The master key. `salt` belongs to the installation and is public; only a passphrase needs it.
    ///
    /// For a passphrase this takes a second or so and 256 MiB: call it where blocking is allowed.
    pub fn master_key(&self, salt: &[u8; SALT]) -> Result<WrappingKey, MasterKeyError> {
        let derived;
        let key = match self {
            Self::Key(key) => key,
            Self::Passphrase(passphrase) => {
                derived = from_passphrase(passphrase.reveal(), salt)?;
                &derived
            }
        };
        Ok(WrappingKey::new(fingerprint(key), 1, key)?)
    }
}

/// A name for the key that tells nothing about it: blobs carry it, so that a wrong master key is recognized as such.
fn fingerprint(key: &SecretBytes) -> Uuid {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()), b"chancery.keystore.master_key.1");
    let mut id = [0; 16];
    id.copy_from_slice(&tag.as_ref()[..16]);
    uuid::Builder::from_custom_bytes(id).into_uuid()
}

fn from_file(path: &Path) -> Result<SecretBytes, MasterKeyError> {
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => MasterKeyError::Missing(path.into()),
        _ => MasterKeyError::Unreadable(path.into(), error),
    };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    let (mode, owner, user) = (metadata.mode() & 0o7777, metadata.uid(), nix::unistd::geteuid().as_raw());
    if mode & 0o077 != 0 {
        return Err(MasterKeyError::Open { path: path.into(), mode });
    }
    if owner != user {
        return Err(MasterKeyError::Owner { path: path.into(), owner, user });
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(unreadable)?);
    from_digits(&text, &path.display().to_string())
}

fn from_digits(text: &str, place: &str) -> Result<SecretBytes, MasterKeyError> {
    let mut key = Zeroizing::new([0; KEY]);
    hex::decode_to_slice(text.trim(), &mut *key).map_err(|_| MasterKeyError::Content(place.to_owned()))?;
    Ok(SecretBytes::copy_of(&*key))
}

fn from_passphrase(passphrase: &str, salt: &[u8; SALT]) -> Result<SecretBytes, MasterKeyError> {
    let parameters = Params::new(256 * 1024, 4, 1, Some(KEY)).map_err(MasterKeyError::Derivation)?;
    let mut key = Zeroizing::new([0; KEY]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
        .hash_password_into(passphrase.as_bytes(), salt, &mut *key)
        .map_err(MasterKeyError::Derivation)?;
    Ok(SecretBytes::copy_of(&*key))
}

#[cfg(test)]
mod tests;
