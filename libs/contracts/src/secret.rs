//! Secrets that people type: passwords, codes, the credentials of servers.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use zeroize::Zeroizing;

/// A secret on its way to the service that checks or wraps it. It belongs into commands and their answers only: never
/// into events, views, logs or error texts (K-5). It is wiped when dropped and has neither `Clone` nor `Display`.
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// The longest secret that is read, in bytes: what is longer is refused before anything is done with it.
    pub const LIMIT: usize = 1024;

    /// Keeps a secret.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself, for the one place that uses it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.reveal())
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        within(Self::LIMIT, deserializer)
    }
}

/// Reads a secret of at most so many bytes. The text itself stays out of the refusal.
fn within<'de, D: Deserializer<'de>>(limit: usize, deserializer: D) -> Result<SecretText, D::Error> {
    let text = SecretText::new(String::deserialize(deserializer)?);
    if text.reveal().len() > limit {
        return Err(D::Error::custom(format_args!("a secret is at most {limit} bytes long")));
    }
    Ok(text)
}

/// A secret that machines made and nobody types: the codes of OpenID providers, some of which hold a whole token.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct LongSecretText(SecretText);

impl LongSecretText {
    /// The longest that is read, in bytes.
    pub const LIMIT: usize = 4096;

    /// Keeps a secret.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(SecretText::new(text))
    }

    /// The secret itself, for the one place that uses it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

impl<'de> Deserialize<'de> for LongSecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        within(Self::LIMIT, deserializer).map(Self)
    }
}

/// A private key file as text. Like [`SecretText`], which it is but for its length.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct KeyText(SecretText);

impl KeyText {
    /// The longest that is read, in bytes.
    pub const LIMIT: usize = 64 * 1024;

    /// Keeps a key.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(SecretText::new(text))
    }

    /// The key itself, for the one place that reads it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

impl<'de> Deserialize<'de> for KeyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        within(Self::LIMIT, deserializer).map(Self)
    }
}

impl JsonSchema for KeyText {
    fn schema_name() -> Cow<'static, str> {
        "KeyText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "password", "maxLength": Self::LIMIT })
    }
}

impl JsonSchema for LongSecretText {
    fn schema_name() -> Cow<'static, str> {
        "LongSecretText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "password", "maxLength": Self::LIMIT })
    }
}

impl JsonSchema for SecretText {
    fn schema_name() -> Cow<'static, str> {
        "SecretText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "password", "maxLength": Self::LIMIT })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let secret: SecretText = serde_json::from_str("\"correct horse\"").unwrap();
        assert_eq!(format!("{secret:?}"), "[redacted]");
        assert_eq!(secret.reveal(), "correct horse");
    }

    #[test]
    fn one_that_is_too_long_is_refused_without_its_text() {
        let long = format!("\"{}\"", "x".repeat(SecretText::LIMIT + 1));
        let refusal = serde_json::from_str::<SecretText>(&long).unwrap_err().to_string();
        assert!(refusal.contains("at most 1024 bytes") && !refusal.contains("xxx"), "{refusal}");
        assert_eq!(serde_json::from_str::<LongSecretText>(&long).unwrap().reveal().len(), 1025);
        let longer = format!("\"{}\"", "x".repeat(LongSecretText::LIMIT + 1));
        let refusal = serde_json::from_str::<LongSecretText>(&longer).unwrap_err().to_string();
        assert!(refusal.contains("at most 4096 bytes") && !refusal.contains("xxx"), "{refusal}");
    }
}
