//! The text form of API tokens: `chy_<id>_<secret>_<crc>`.
//!
//! `id` is the token's id (26 base32 characters), `secret` 32 random bytes in hexadecimal, `crc` the CRC-32 of
//! `chy_<id>_<secret>` in hexadecimal. The checksum is refused first, so a mistyped token costs nothing.

use sha2::{Digest, Sha256};

use crate::{TokenId, id};

/// A token's text, taken apart. It has no `Debug` of its secret and is never serialized.
#[derive(Clone)]
pub struct TokenText {
    /// Which token.
    pub id: TokenId,
    secret: [u8; 32],
}

impl TokenText {
    /// Puts a token together from its id and 32 random bytes.
    #[must_use]
    pub const fn new(id: TokenId, secret: [u8; 32]) -> Self {
        Self { id, secret }
    }

    /// The text that is shown once.
    #[must_use]
    pub fn reveal(&self) -> String {
        let body = format!("chy_{}_{}", id::encode(self.id.uuid()), hex::encode(self.secret));
        let crc = crc32fast::hash(body.as_bytes());
        format!("{body}_{crc:08x}")
    }

    /// SHA-256 of the text: what is stored and compared in constant time.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.reveal().as_bytes()).into()
    }

    /// Reads a token; `None` when its shape or checksum is wrong.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (body, crc) = text.rsplit_once('_')?;
        if crc.len() != 8 || u32::from_str_radix(crc, 16).ok()? != crc32fast::hash(body.as_bytes()) {
            return None;
        }
        let (id, secret) = body.strip_prefix("chy_")?.split_once('_')?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(secret, &mut bytes).ok()?;
        Some(Self { id: TokenId(id::decode(id)?), secret: bytes })
    }
}

impl std::fmt::Debug for TokenText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenText({}, [redacted])", self.id)
    }
}

/// Whether two token hashes are equal, in constant time.
#[must_use]
pub fn same_hash(a: &[u8; 32], b: &[u8; 32]) -> bool {
    subtle::ConstantTimeEq::ct_eq(&a[..], &b[..]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_a_mistyped_one_is_refused() {
        let token = TokenText::new(TokenId(uuid::Uuid::from_u128(9)), [7; 32]);
        let text = token.reveal();
        let read = TokenText::parse(&text).unwrap();
        assert_eq!((read.id, read.hash()), (token.id, token.hash()));
        for at in [5, 40, text.len() - 1] {
            let mut mistyped = text.clone().into_bytes();
            mistyped[at] = if mistyped[at] == b'1' { b'2' } else { b'1' };
            assert!(TokenText::parse(std::str::from_utf8(&mistyped).unwrap()).is_none());
        }
        assert!(!format!("{token:?}").contains("07070707"));
    }
}
