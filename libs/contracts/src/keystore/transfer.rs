//! Private keys on their way in and out: never readable on the bus, and out only as an encrypted file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{KeyFormat, KeyView, SealedSecret};
use crate::{KeyId, Permission, SecretText, Timestamp, command};

/// Asks for a one-time public key that a private key is sealed to on its way in. Nothing is kept of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BeginKeyImport {}
command!(BeginKeyImport => KeyImportOffer, Keystore, "begin_key_import", Some(Permission::KeyCreate));

/// A one-time public key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyImportOffer {
    /// Part of what is authenticated.
    pub id: Uuid,
    /// What to seal to, base64.
    pub public_key: String,
    /// Its private half, wrapped by the keystore: to be sent back as it is.
    pub ticket: String,
    /// Until when it is good.
    pub until: Timestamp,
}

/// Brings a private key that was made elsewhere. A repeat is told by what is not sealed: sealing is never twice the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImportKey {
    /// The ticket of the one-time public key.
    pub ticket: String,
    /// The key as PKCS #8, DER, not locked, sealed to it.
    pub sealed: SealedSecret,
    /// Whether it may ever be exported.
    pub exportable: bool,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}
command!(
    ImportKey => KeyView, Keystore, "import_key", Some(Permission::KeyCreate), SECRET_FIELDS = &["ticket", "sealed"]
);

/// Takes a private key out of the keystore, in a file that the keystore itself encrypts (K-7).
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExportKey {
    /// Which.
    pub key: KeyId,
    /// As which kind of file.
    pub format: KeyFormat,
    /// For key stores: its certificate, then those above, DER in base64.
    pub certificates: Vec<String>,
    /// For key stores: the name of both in the file.
    pub alias: String,
    /// What the file is encrypted with; missing: the keystore draws it.
    pub passphrase: Option<SecretText>,
    /// The one-time public key that a drawn passphrase is sealed to, base64.
    pub seal_to: String,
    /// Why.
    pub reason: String,
}
command!(
    ExportKey => ExportedKey, Keystore, "export_key", Some(Permission::KeyExport), STEP_UP = true,
    SECRET_FIELDS = &["passphrase", "sealTo"]
);

/// An encrypted file with a private key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportedKey {
    /// The file, base64.
    pub file: String,
    /// The passphrase, if the keystore drew it.
    pub passphrase: Option<SealedSecret>,
}
