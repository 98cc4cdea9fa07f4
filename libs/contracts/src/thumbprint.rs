//! Thumbprints: the hash of a certificate's DER, which names exactly one certificate.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The SHA-256 of a certificate. Written as lower-case hexadecimal; read in either case, with or without colons.
pub type Thumbprint = Hash<32>;

/// The SHA-1 of a certificate: only what other programs kept is named by it.
pub type Sha1Thumbprint = Hash<20>;

/// A hash of `N` bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash<const N: usize>(pub [u8; N]);

/// Not a thumbprint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{found}' is not a thumbprint: expected {digits} hexadecimal digits")]
pub struct ThumbprintError {
    found: String,
    digits: usize,
}

impl<const N: usize> fmt::Display for Hash<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl<const N: usize> fmt::Debug for Hash<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const N: usize> FromStr for Hash<N> {
    type Err = ThumbprintError;
    fn from_str(text: &str) -> Result<Self, ThumbprintError> {
        let digits: String = text.trim().chars().filter(|c| *c != ':').collect();
        let mut bytes = [0; N];
        match hex::decode_to_slice(&digits, &mut bytes) {
            Ok(()) => Ok(Self(bytes)),
            Err(_) => Err(ThumbprintError { found: text.chars().take(100).collect(), digits: 2 * N }),
        }
    }
}

impl<const N: usize> Serialize for Hash<N> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hash<N> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl<const N: usize> JsonSchema for Hash<N> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        if N == 20 { "Sha1Thumbprint" } else { "Thumbprint" }.into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let pattern = format!("^[0-9a-fA-F]{{2}}(:?[0-9a-fA-F]{{2}}){{{}}}$", N - 1);
        json_schema!({"type": "string", "pattern": pattern})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbprint_is_read_as_openssl_writes_it_and_written_plainly() {
        let text = "AA:BB:cc:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD";
        let read: Sha1Thumbprint = text.parse().unwrap();
        assert_eq!(read.to_string(), "aabbccddeeff00112233445566778899aabbccdd");
        assert_eq!(read.to_string().parse(), Ok(read));
        for bad in ["", "aabb", "xx", &format!("{text}:00")] {
            assert!(bad.parse::<Sha1Thumbprint>().is_err(), "{bad}");
        }
        assert!(text.parse::<Thumbprint>().is_err());
    }
}
