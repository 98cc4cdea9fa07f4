//! Where the master key comes from (K-2): a file, a passphrase or the environment. There is no built-in one.

mod file;

use std::{fmt, io, path::PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::hmac;
use contracts::keystore::MasterKeyProvider;
use runtime::{
    config::{self, Keystore, Secret},
    entropy::Entropy,
};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    SecretBytes,
    shamir::{self, Share},
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
    /// A new one cannot be put into its place.
    #[error("a new master key cannot be put beside {}", .0.display())]
    Unwritable(PathBuf, #[source] io::Error),
    /// There is no place to put a new one.
    #[error("the master key comes from {0}, where the keystore cannot put another one")]
    NoPlace(&'static str),
    /// argon2id failed, as when 256 MiB are not to be had.
    #[error("the master key cannot be derived from the passphrase: {0}")]
    Derivation(argon2::Error),
    /// The cryptographic library failed.
    #[error(transparent)]
    Wrapping(#[from] WrappingError),
}

/// A master key in memory.
#[derive(Debug)]
pub struct MasterKey {
    bytes: SecretBytes,
    wrapping: WrappingKey,
}

impl MasterKey {
    /// The master key of these bytes. Errors: [`WrappingError::Length`].
    pub fn new(bytes: SecretBytes) -> Result<Self, WrappingError> {
        let wrapping = WrappingKey::new(fingerprint(&bytes), 1, &bytes)?;
        Ok(Self { bytes, wrapping })
    }

    /// The master key that a passphrase gives, with the salt of the installation. Takes a second or so and 256 MiB: call it
    /// where blocking is allowed.
    pub fn from_passphrase(passphrase: &str, salt: &[u8; SALT]) -> Result<Self, MasterKeyError> {
        Ok(Self::new(from_passphrase(passphrase, salt)?)?)
    }

    /// Splits it into shares, of which so many give it back.
    pub fn split(&self, needed: u8, of: u8, entropy: &dyn Entropy) -> Result<Vec<Share>, WrappingError> {
        let mut bytes = Zeroizing::new([0; KEY]);
        let whole = self.bytes.expose();
        bytes.copy_from_slice(whole.get(..KEY).ok_or(WrappingError::Length)?);
        Ok(shamir::split(&bytes, needed, of, entropy))
    }

    /// Draws one.
    pub fn draw(entropy: &dyn Entropy) -> Result<Self, WrappingError> {
        let mut bytes = vec![0; KEY];
        entropy.fill(&mut bytes);
        Self::new(SecretBytes::new(bytes))
    }

    /// The name by which blobs refer to it.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.wrapping.id()
    }

    /// What it wraps with.
    #[must_use]
    pub const fn wrapping(&self) -> &WrappingKey {
        &self.wrapping
    }

    /// The master key before, wrapped under this one: whoever has the new one can go on with what is still under the old.
    pub fn wrap_previous(&self, previous: &Self, entropy: &dyn Entropy) -> Result<Vec<u8>, WrappingError> {
        self.wrapping.wrap_master_key(previous.id(), &previous.bytes, entropy)
    }

    /// Opens what [`Self::wrap_previous`] made.
    pub fn open_previous(&self, previous: Uuid, blob: &[u8]) -> Result<Self, WrappingError> {
        Self::new(self.wrapping.open_master_key(previous, blob)?)
    }
}

/// What the configuration gives.
pub enum Source {
    /// The file that holds the key. It is read anew whenever the key is needed: a rotation puts another one there.
    File(PathBuf),
    /// The key itself, from the environment.
    Key(SecretBytes),
    /// What it is derived from.
    Passphrase(Secret),
    /// People enter it.
    Entered(Entered),
}

/// What people enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entered {
    /// The passphrase that it is derived from.
    Passphrase,
    /// Shares of it.
    Shares {
        /// So many give a new one back.
        needed: u8,
        /// Of so many.
        of: u8,
    },
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Source {
    /// Reads what the configuration names. Needs nothing but the file system, so it fails before anything starts.
    pub fn read(config: &Keystore, production: bool) -> Result<Self, MasterKeyError> {
        use config::MasterKeyProvider as Provider;
        let strict = production && !config.allow_weak_master_key;
        match &config.provider {
            Provider::File(path) => file::read(path).map(|_| Self::File(path.clone())),
            Provider::Environment(_) if strict => Err(MasterKeyError::Weak("the environment")),
            Provider::Passphrase(_) if strict => Err(MasterKeyError::Weak("a passphrase")),
            Provider::Environment(digits) => {
                file::from_digits(digits.reveal(), "keystore.master_key").map(Self::Key)
            }
            Provider::Passphrase(Some(passphrase)) => Ok(Self::Passphrase(passphrase.clone())),
            Provider::Passphrase(None) => Ok(Self::Entered(Entered::Passphrase)),
            Provider::Shares { needed, of } => {
                Ok(Self::Entered(Entered::Shares { needed: *needed, of: *of }))
            }
        }
    }

    /// Its word.
    #[must_use]
    pub const fn provider(&self) -> MasterKeyProvider {
        match self {
            Self::File(_) => MasterKeyProvider::File,
            Self::Key(_) => MasterKeyProvider::Environment,
            Self::Passphrase(_) | Self::Entered(Entered::Passphrase) => MasterKeyProvider::Passphrase,
            Self::Entered(Entered::Shares { .. }) => MasterKeyProvider::Shares,
        }
    }

    /// The master key of this name, if it is here, or else the one that stands in its place; none where people enter it.
    /// `salt` belongs to the installation and is public; only a passphrase needs it.
    ///
    /// For a passphrase this takes a second or so and 256 MiB: call it where blocking is allowed.
    pub fn master_key(
        &self,
        wanted: Option<Uuid>,
        salt: &[u8; SALT],
    ) -> Result<Option<MasterKey>, MasterKeyError> {
        let bytes = match self {
            Self::File(path) => {
                let placed = MasterKey::new(file::read(path)?)?;
                let beside = match wanted.filter(|wanted| *wanted != placed.id()) {
                    // A rotation that was cut off: the new key stands beside the old one still.
                    Some(wanted) => self.prepared(wanted)?,
                    None => None,
                };
                return Ok(Some(beside.unwrap_or(placed)));
            }
            Self::Key(key) => SecretBytes::copy_of(key.expose()),
            Self::Passphrase(passphrase) => from_passphrase(passphrase.reveal(), salt)?,
            Self::Entered(_) => return Ok(None),
        };
        Ok(Some(MasterKey::new(bytes)?))
    }

    /// Draws a new master key and keeps it where a crash does not lose it, beside the one in use. Errors:
    /// [`MasterKeyError::NoPlace`] of what only people can change.
    pub fn prepare(&self, entropy: &dyn Entropy) -> Result<MasterKey, MasterKeyError> {
        let path = self.place()?;
        let key = MasterKey::draw(entropy)?;
        file::write_beside(path, key.id(), &key.bytes)?;
        Ok(key)
    }

    /// The key that was prepared under this name, if it is still there.
    pub fn prepared(&self, id: Uuid) -> Result<Option<MasterKey>, MasterKeyError> {
        match self.place().map(|path| file::read(&file::beside(path, id))) {
            Ok(Ok(bytes)) => Ok(Some(MasterKey::new(bytes)?).filter(|key| key.id() == id)),
            Ok(Err(MasterKeyError::Missing(_))) | Err(MasterKeyError::NoPlace(_)) => Ok(None),
            Ok(Err(error)) | Err(error) => Err(error),
        }
    }

    /// Puts a prepared key into its place, and overwrites the one that was there. Nothing happens where it is there already.
    pub fn install(&self, id: Uuid) -> Result<(), MasterKeyError> {
        match self.prepared(id)? {
            Some(_) => file::replace(self.place()?, id),
            None => Ok(()),
        }
    }

    /// Takes back a key that was prepared and is not used.
    pub fn discard(&self, id: Uuid) -> Result<(), MasterKeyError> {
        file::discard(self.place()?, id)
    }

    /// Whether a new key can be put into its place. Errors: [`MasterKeyError::NoPlace`].
    pub fn place(&self) -> Result<&PathBuf, MasterKeyError> {
        match self {
            Self::File(path) => Ok(path),
            Self::Key(_) => Err(MasterKeyError::NoPlace("the environment")),
            Self::Passphrase(_) => Err(MasterKeyError::NoPlace("the passphrase of the configuration")),
            Self::Entered(_) => Err(MasterKeyError::NoPlace("people")),
        }
    }
}

/// A name for the key that tells nothing about it: blobs carry it, so that a wrong master key is recognized as such.
fn fingerprint(key: &SecretBytes) -> Uuid {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()), b"chancery.keystore.master_key.1");
    let mut id = [0; 16];
    id.copy_from_slice(&tag.as_ref()[..16]);
    uuid::Builder::from_custom_bytes(id).into_uuid()
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
