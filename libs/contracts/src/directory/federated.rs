//! Signing in at an identity provider (OpenID Connect, code flow with PKCE). The gateway draws a secret that stays in one
//! browser; what the provider is sent follows from it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{SessionView, ShownCertificate};
use crate::{IdentityProviderId, LongSecretText, SecretText, SessionId, command};

/// Begins a sign-in at an identity provider: of nobody known yet, or again of whoever is signed in and sends it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BeginProviderSignIn {
    /// Where; missing: where the sender is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<IdentityProviderId>,
    /// What only this browser knows.
    pub secret: SecretText,
}
command!(BeginProviderSignIn => BegunProviderSignIn, Directory, "begin_provider_sign_in", None, SECRET_FIELDS = &["secret"]);

/// A sign-in that goes on at the provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BegunProviderSignIn {
    /// Where the browser is sent.
    pub url: String,
}

/// Ends a sign-in at an identity provider: with a session, or with another cookie for the one that it was begun in.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FinishProviderSignIn {
    /// The session's id, which stands in its cookie.
    pub id: SessionId,
    /// SHA-256 of the cookie's text, hexadecimal.
    pub hash: String,
    /// Whose address the browser was sent back to.
    pub provider: IdentityProviderId,
    /// What only the browser that began it knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretText>,
    /// What the provider repeated.
    pub state: String,
    /// What the provider gave the browser, to be exchanged for a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<LongSecretText>,
    /// Why the provider gave none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Who the provider says it is (RFC 9207).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The valid client certificate of the connection, where certificates count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<ShownCertificate>,
    /// The address it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}
command!(FinishProviderSignIn => SessionView, Directory, "finish_provider_sign_in", None, SECRET_FIELDS = &["secret", "code"]);
