//! What may open a file.

use std::fmt;

use zeroize::Zeroizing;

/// The most passphrases that are tried.
const MOST: usize = 16;

/// Passphrases that are tried in turn on whatever is locked: a key store's own and those of its keys. They are wiped
/// when dropped, and have neither `Clone` nor `Display`.
#[derive(Default)]
pub struct Passphrases(Vec<Zeroizing<String>>);

impl Passphrases {
    /// None: only what is not locked is read.
    #[must_use]
    pub const fn none() -> Self {
        Self(vec![])
    }

    /// These, in order; those after the sixteenth are not tried.
    #[must_use]
    pub fn new(passphrases: impl IntoIterator<Item = String>) -> Self {
        Self(passphrases.into_iter().map(Zeroizing::new).take(MOST).collect())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|passphrase| passphrase.as_str())
    }
}

impl fmt::Debug for Passphrases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Passphrases({}, [redacted])", self.0.len())
    }
}
