//! Failed sign-ins: who tried, as far as that is known, from where, and what was wrong.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SignInMethod;
use crate::{AdministratorId, events};

/// Why somebody was not let in. The answer they get says less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignInFailure {
    /// Nobody has this name.
    UnknownName,
    /// They have no password yet.
    NoPassword,
    /// Another password.
    WrongPassword,
    /// The password was right, the code of the second factor was not, or had been used.
    WrongCode,
    /// Too many codes were tried.
    TooManyCodes,
    /// They are disabled or removed.
    NotActive,
    /// They may do nothing in the organization they wanted to act in.
    OtherOrganization,
    /// The sign-in at an identity provider was finished, has lapsed, or was begun in another browser.
    SignInVoid,
    /// Nobody may sign in at the identity provider now.
    ProviderStopped,
    /// The identity provider does not answer as it should.
    ProviderUnavailable,
    /// The identity provider does not take our client id and secret.
    ClientRefused,
    /// The identity provider let them not in.
    ProviderRefused,
    /// The OpenID provider's answer is not one that is believed.
    IdentityRefused,
    /// The identity provider knows them, and their groups there give nothing here.
    NoGroup,
    /// They were to sign in anew at the identity provider, and did not.
    NotFresh,
    /// The identity, or the certificate, belongs to nobody here.
    NotBound,
    /// The client certificate is not one that is believed.
    CertificateRefused,
}

/// Somebody was not let in (P10). The name that was typed is not kept: people type passwords there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignInFailed {
    /// How they tried.
    pub method: SignInMethod,
    /// What was wrong.
    pub reason: SignInFailure,
    /// Who they said they were, if there is such an administrator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub administrator_id: Option<AdministratorId>,
    /// The address they came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

events! {
    /// A failed sign-in; each has a stream of its own.
    SignInEvent in "sign_in" {
        Failed(SignInFailed) = "sign_in.failed" v 1,
    }
}
