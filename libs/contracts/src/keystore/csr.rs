//! CSRs without a certificate request: signed by a key of the organization, recorded with the key, kept nowhere.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SignatureView;
use crate::{KeyId, KeyText, command, x509::SubjectAltName};

/// A key signed a CSR that no certificate request asked for. The CSR itself is not recorded: it may hold a challenge
/// password, and so may whatever is computed from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyCsrSigned {
    /// Its subject, RFC 4514.
    pub subject: String,
    /// Names it asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sans: Vec<SubjectAltName>,
    /// Whether it holds a challenge password.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub with_challenge: bool,
}

/// Signs a CSR by the key that it carries, and records what it asks for (sent by the signer only). A repeat signs again.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignBuiltCsr {
    /// The key.
    pub key: KeyId,
    /// What it says, to be recorded.
    pub says: KeyCsrSigned,
    /// CertificationRequestInfo (RFC 2986 §4.1), DER in base64.
    pub info: KeyText,
}
command!(SignBuiltCsr => SignatureView, Keystore, "sign_built_csr", None, SECRET_FIELDS = &["info"]);
