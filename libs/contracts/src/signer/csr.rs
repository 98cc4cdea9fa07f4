//! CSRs without a certificate request: made for whoever takes them elsewhere.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RequestKey;
use crate::{
    KeyId, KeyText, Permission, SecretText, command,
    x509::{ExtendedKeyUsage, KeyUsage, Subject, SubjectAltName},
};

/// Makes a CSR for a key of the keystore, and keeps nothing of it but that it was made.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BuildCsr {
    /// The key that it is for: a new one, unless `id` names one there is.
    #[serde(default)]
    pub key: RequestKey,
    /// Whether a new key may ever be exported.
    #[serde(default)]
    pub exportable: bool,
    /// What people call a new key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The subject.
    #[serde(default)]
    pub subject: Subject,
    /// Names; the host of the common name is added where it is not among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sans: Vec<SubjectAltName>,
    /// Key usages to ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key_usages: Vec<KeyUsage>,
    /// Extended key usages to ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extended_key_usages: Vec<ExtendedKeyUsage>,
    /// A password that some CAs ask for (RFC 2985 §5.4.1), up to 255 characters. It stands in the CSR for everybody to read,
    /// and nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge_password: Option<SecretText>,
}
command!(
    BuildCsr => BuiltCsr, Signer, "build_csr", Some(Permission::RequestCreate), SECRET_FIELDS = &["challengePassword"]
);

/// A CSR that was made.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BuiltCsr {
    /// The key that it is for.
    pub key_id: KeyId,
    /// The CSR, DER in base64.
    pub csr: KeyText,
}
