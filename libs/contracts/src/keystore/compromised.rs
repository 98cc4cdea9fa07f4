//! Compromised keys: public keys that are refused from then on, whoever brings them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{CompromisedKeyId, KeyId, OrganizationId, Permission, Timestamp, command, events};

/// A public key was listed as compromised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompromisedKeyListed {
    /// SHA-256 of its SubjectPublicKeyInfo, hexadecimal.
    pub spki_sha256: String,
    /// Whether it is refused in every organization, and not in this one alone: whoever said so holds the private key.
    pub everywhere: bool,
    /// Why, in the words of who said so.
    pub reason: String,
}

events! {
    /// What happened to an entry of the list of compromised keys.
    CompromisedKeyEvent in "compromised_key" {
        Listed(CompromisedKeyListed) = "compromised_key.listed" v 1,
    }
}

/// The entry of a public key on an organization's list: one for each, however often it is reported.
#[must_use]
pub fn compromised_key_id(organization: OrganizationId, spki_sha256: &str) -> CompromisedKeyId {
    let name = format!("compromised key {}", spki_sha256.to_ascii_lowercase());
    CompromisedKeyId(Uuid::new_v5(&organization.uuid(), name.as_bytes()))
}

/// Lists a key as compromised: one of the keystore, or a public key. Exactly one of `key`, `spkiSha256` and `pem` is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MarkKeyCompromised {
    /// A key of the keystore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// SHA-256 of a SubjectPublicKeyInfo, 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spki_sha256: Option<String>,
    /// A public key, a certificate with it, or a CSR signed by it, as PEM. A CSR with the common name `this key is
    /// compromised` proves that the private key is known, so the key is refused in every organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pem: Option<String>,
    /// Why; up to 1,000 characters.
    pub reason: String,
}
command!(
    MarkKeyCompromised => CompromisedKeyView, Keystore, "mark_key_compromised", Some(Permission::KeyCompromise)
);

/// A public key that is refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompromisedKeyView {
    /// Id.
    pub id: CompromisedKeyId,
    /// The organization that listed it.
    pub organization_id: OrganizationId,
    /// SHA-256 of the SubjectPublicKeyInfo, hexadecimal.
    pub spki_sha256: String,
    /// Whether it is refused in every organization, and not in this one alone.
    pub everywhere: bool,
    /// Why.
    pub reason: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Version of the aggregate.
    pub version: i32,
}
