//! A provider's keys (RFC 7517), as far as tokens are verified with them.

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet};
use serde::Deserialize;
use serde_json::Value;

/// The most keys that are looked at.
const MOST: usize = 100;

/// The public keys of a provider; secrets and what nobody knows are left out.
#[derive(Clone, Debug)]
pub struct Keys(JwkSet);

/// The answer of `jwks_uri` is no set of keys.
#[derive(Debug, thiserror::Error)]
#[error("the provider's keys cannot be read")]
pub struct KeysError(#[source] serde_json::Error);

impl Keys {
    /// Reads the answer of `jwks_uri`.
    pub fn read(body: &[u8]) -> Result<Self, KeysError> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let Set { keys } = serde_json::from_slice(body).map_err(KeysError)?;
        let known = keys.into_iter().take(MOST).filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
        let public = |key: &Jwk| !matches!(key.algorithm, AlgorithmParameters::OctetKey(_));
        Ok(Self(JwkSet { keys: known.filter(public).collect() }))
    }

    /// The key that a token names; where it names none, the only one there is.
    #[must_use]
    pub fn find(&self, id: Option<&str>) -> Option<&Jwk> {
        match (id, self.0.keys.as_slice()) {
            (Some(id), _) => self.0.find(id),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }
}
