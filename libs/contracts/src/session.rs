//! The text of a session's cookie: `chs_<id>_<secret>`.
//!
//! `id` is the session's id (26 base32 characters), `secret` 32 random bytes in hexadecimal. From the secret follows the
//! text that a page has to send beside the cookie when it changes something, so that other pages' requests are told apart.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::{SessionId, id};

/// A session's text, taken apart. It has no `Debug` of its secret and is never serialized.
#[derive(Clone)]
pub struct SessionText {
    /// Which session.
    pub id: SessionId,
    secret: [u8; 32],
}

impl SessionText {
    /// Puts a session's text together from its id and 32 random bytes.
    #[must_use]
    pub const fn new(id: SessionId, secret: [u8; 32]) -> Self {
        Self { id, secret }
    }

    /// The text that the cookie holds.
    #[must_use]
    pub fn reveal(&self) -> String {
        let mut text = format!("chs_{}_", id::encode(self.id.uuid()));
        for byte in self.secret {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// SHA-256 of the text: what is stored and compared in constant time.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.reveal().as_bytes()).into()
    }

    /// What requests that change something carry in `X-CSRF-Token`. It tells nothing about the secret.
    #[must_use]
    pub fn csrf_token(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"chancery csrf token\0");
        hash.update(self.reveal().as_bytes());
        hex::encode(hash.finalize())
    }

    /// Reads a session's text; `None` when its shape is wrong.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix("chs_")?.split_once('_')?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(secret, &mut bytes).ok()?;
        Some(Self { id: SessionId(id::decode(id)?), secret: bytes })
    }
}

impl std::fmt::Debug for SessionText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionText({}, [redacted])", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_reads_back_and_its_csrf_token_is_its_own() {
        let session = SessionText::new(SessionId(uuid::Uuid::from_u128(9)), [7; 32]);
        let read = SessionText::parse(&session.reveal()).unwrap();
        assert_eq!((read.id, read.hash()), (session.id, session.hash()));
        assert_eq!(read.csrf_token(), session.csrf_token());
        let other = SessionText::new(session.id, [8; 32]);
        assert_ne!(other.csrf_token(), session.csrf_token());
        assert_ne!(hex::encode(session.hash()), session.csrf_token());
        assert!(!format!("{session:?}").contains("0707"));
        for wrong in ["", "chs_", "chs_x_00", &session.reveal()[1..], &format!("{}0", session.reveal())] {
            assert!(SessionText::parse(wrong).is_none(), "{wrong}");
        }
    }
}
