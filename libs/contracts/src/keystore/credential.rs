//! Credentials: secrets that people gave us to use elsewhere or to compare with. They come in once, in a command, and go
//! out only sealed to the one service that uses them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CredentialId, SecretText, Service, command, events};

/// What a credential is for: one purpose each (K-9), and each purpose has the one service that may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CredentialPurpose {
    /// The password at a mail server; used by the notifier.
    Smtp,
    /// The shared secret of a person's one-time passwords (RFC 6238); used by directory.
    Totp,
    /// The client secret at an OpenID provider; used by directory.
    OidcClient,
}

impl CredentialPurpose {
    /// Every purpose.
    pub const ALL: &'static [Self] = &[Self::Smtp, Self::Totp, Self::OidcClient];

    /// The one service that keeps, uses and destroys credentials for this.
    #[must_use]
    pub const fn user(self) -> Service {
        match self {
            Self::Smtp => Service::Notifier,
            Self::Totp | Self::OidcClient => Service::Directory,
        }
    }

    /// Its text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Totp => "totp",
            Self::OidcClient => "oidc_client",
        }
    }
}

// ---------------------------------------------------------------- events

/// A credential was wrapped and kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialKept {
    /// Which.
    pub id: CredentialId,
    /// What it is for.
    pub purpose: CredentialPurpose,
}

/// A credential was opened and sealed to the service that uses it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialUsed {
    /// What it was used for.
    pub purpose: CredentialPurpose,
}

/// A credential was destroyed: its wrapped form is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialDestroyed {}

events! {
    /// What happened to a credential.
    CredentialEvent in "credential" {
        Kept(CredentialKept) = "credential.kept" v 1,
        Used(CredentialUsed) = "credential.used" v 1,
        Destroyed(CredentialDestroyed) = "credential.destroyed" v 1,
    }
}

// ---------------------------------------------------------------- commands

// Each service that uses credentials has its own subjects (N-4): what one may do to its own, none may do to another's.

/// Wraps and keeps the password at a mail server under an id of the sender's choice (sent by the notifier only). It
/// belongs to the command's organization; what belongs to the installation is kept under the nil id.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeepMailCredential {
    /// Its id.
    pub id: CredentialId,
    /// The password.
    pub secret: SecretText,
}
command!(
    KeepMailCredential => CredentialView, Keystore, "keep_mail_credential", None, SECRET_FIELDS = &["secret"]
);

/// Destroys the password at a mail server (sent by the notifier only). One that is gone already stays gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DestroyMailCredential {
    /// Which.
    pub id: CredentialId,
}
command!(DestroyMailCredential => CredentialView, Keystore, "destroy_mail_credential", None);

/// Wraps and keeps what somebody signs in with, as [`KeepMailCredential`] does (sent by directory only).
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeepSignInCredential {
    /// Its id.
    pub id: CredentialId,
    /// What it is for; a purpose of another service is refused.
    pub purpose: CredentialPurpose,
    /// The secret.
    pub secret: SecretText,
}
command!(
    KeepSignInCredential => CredentialView, Keystore, "keep_sign_in_credential", None, SECRET_FIELDS = &["secret"]
);

/// Destroys what somebody signs in with (sent by directory only). One that is gone already stays gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DestroySignInCredential {
    /// Which.
    pub id: CredentialId,
}
command!(DestroySignInCredential => CredentialView, Keystore, "destroy_sign_in_credential", None);

/// Opens the password at a mail server (sent by the notifier only).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UseMailCredential {
    /// Which.
    pub id: CredentialId,
    /// The one-time public key that the answer is sealed to, base64.
    pub seal_to: String,
}
command!(UseMailCredential => SealedSecret, Keystore, "use_mail_credential", None);

/// Opens what somebody signs in with: the secret of one-time passwords, or that of an OpenID client (sent by directory
/// only).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UseSignInCredential {
    /// Which.
    pub id: CredentialId,
    /// What the sender takes it for; another purpose is refused.
    pub purpose: CredentialPurpose,
    /// The one-time public key that the answer is sealed to, base64.
    pub seal_to: String,
}
command!(UseSignInCredential => SealedSecret, Keystore, "use_sign_in_credential", None);

// ---------------------------------------------------------------- answers

/// A credential, without its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialView {
    /// Id.
    pub id: CredentialId,
    /// What it is for.
    pub purpose: CredentialPurpose,
    /// Whether it was destroyed.
    pub destroyed: bool,
}

/// A secret that only the holder of a one-time private key can open (HPKE, RFC 9180).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SealedSecret {
    /// The encapsulated key, base64.
    pub encapsulated: String,
    /// The sealed secret, base64.
    pub ciphertext: String,
}
