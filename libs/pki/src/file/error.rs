//! Why a file, or a part of one, is not read.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::asn1::DerError;

/// Why a file, or a part of one, is not read. The words name what it is about: `the private key`, `the PKCS #12 file`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum FileError {
    /// Nothing but white space.
    #[error("the file is empty")]
    Empty,
    /// None of the formats that are read.
    #[error(
        "the file is in no format that is read: PEM, DER, PKCS #7, PKCS #8, PKCS #12, JKS, JCEKS or a ZIP of such files"
    )]
    Unrecognized,
    /// A format that is known and not read, such as another archive.
    #[error("the file is {name}, which is not read")]
    UnsupportedFormat {
        /// What it is.
        name: Cow<'static, str>,
    },
    /// A key ring of Domino: [`super::key_ring::steps`] says what to do.
    #[error(
        "the file looks like a key ring of Domino (.kyr), whose format is not published: take out what it holds with kyrtool"
    )]
    KeyRing,
    /// Locked, and no passphrase was given.
    #[error("{what} is locked with a passphrase, and none was given")]
    PassphraseNeeded {
        /// What is locked.
        what: Cow<'static, str>,
    },
    /// None of the passphrases opens it. Where a format cannot tell damage from a wrong passphrase, this is said.
    #[error("the passphrase does not open {what}")]
    WrongPassphrase {
        /// What is locked.
        what: Cow<'static, str>,
    },
    /// Not as its format has it.
    #[error("{place} is damaged: {reason}")]
    Damaged {
        /// Where.
        place: Cow<'static, str>,
        /// How.
        reason: String,
    },
    /// More work than is done for a passphrase (P-2).
    #[error("{what} asks for {found} iterations of its key derivation; at most {limit} are done")]
    TooManyIterations {
        /// What is locked.
        what: Cow<'static, str>,
        /// How many it asks for.
        found: u64,
        /// How many are done.
        limit: u64,
    },
    /// More than is read (P-2).
    #[error("{what} is {found}; at most {limit} is read")]
    TooLarge {
        /// What is counted.
        what: Cow<'static, str>,
        /// How much there is.
        found: u64,
        /// How much is read.
        limit: u64,
    },
    /// An archive in an archive.
    #[error("an archive inside an archive is not opened")]
    NestedArchive,
    /// An algorithm that is not read.
    #[error("{what} uses {name}, which is not supported")]
    UnsupportedAlgorithm {
        /// What uses it.
        what: Cow<'static, str>,
        /// Its name or object identifier.
        name: String,
    },
}

impl FileError {
    /// Its stable code, as in the problem that a user gets.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "file_empty",
            Self::Unrecognized => "file_unrecognized",
            Self::UnsupportedFormat { .. } => "file_format_unsupported",
            Self::KeyRing => "file_is_key_ring",
            Self::PassphraseNeeded { .. } => "passphrase_needed",
            Self::WrongPassphrase { .. } => "wrong_passphrase",
            Self::Damaged { .. } => "file_damaged",
            Self::TooManyIterations { .. } => "too_many_iterations",
            Self::TooLarge { .. } => "file_too_large",
            Self::NestedArchive => "archive_nested",
            Self::UnsupportedAlgorithm { .. } => "algorithm_unsupported",
        }
    }

    pub(crate) fn damaged(place: impl Into<Cow<'static, str>>, reason: impl ToString) -> Self {
        Self::Damaged { place: place.into(), reason: reason.to_string() }
    }

    pub(crate) fn unsupported(what: impl Into<Cow<'static, str>>, name: impl Into<String>) -> Self {
        Self::UnsupportedAlgorithm { what: what.into(), name: name.into() }
    }

    pub(crate) fn too_large(what: impl Into<Cow<'static, str>>, found: usize, limit: usize) -> Self {
        Self::TooLarge { what: what.into(), found: found as u64, limit: limit as u64 }
    }

    pub(crate) fn wrong_passphrase(what: impl Into<Cow<'static, str>>) -> Self {
        Self::WrongPassphrase { what: what.into() }
    }

    pub(crate) fn passphrase_needed(what: impl Into<Cow<'static, str>>) -> Self {
        Self::PassphraseNeeded { what: what.into() }
    }
}

/// Why a file is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The first certificate is not that of the key.
    #[error("the first certificate is not that of the key")]
    KeyMismatch,
    /// A name or certificate that the format has no room for.
    #[error("{0} is longer than the format allows")]
    TooLong(&'static str),
    /// The cryptographic library failed.
    #[error("the cryptographic library failed to lock the file")]
    Failed,
}

/// Says where DER is not as it should be.
pub(crate) trait At<T> {
    /// The error with its place.
    fn at(self, place: &'static str) -> Result<T, FileError>;
}

impl<T> At<T> for Result<T, DerError> {
    fn at(self, place: &'static str) -> Result<T, FileError> {
        self.map_err(|error| FileError::damaged(place, error))
    }
}
