//! One-time links: how administrators come to a password that nobody else knows. A code is drawn when its link is written
//! into a mail or shown, so that none is at rest; the log holds its SHA-256.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AdministratorId, Permission, SecretText, SessionId, Timestamp, command};

/// What a one-time link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkPurpose {
    /// Setting a password, the first one or one in place of a forgotten one.
    SetPassword,
}

/// An administrator is to get a one-time link by mail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdministratorLinkWanted {
    /// What for.
    pub purpose: LinkPurpose,
    /// Who asked for it; nobody known where somebody said that they forgot their password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<AdministratorId>,
    /// Until when the link may be drawn for the mail; missing: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// A one-time link was drawn; those drawn before are void.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdministratorLinkDrawn {
    /// What for.
    pub purpose: LinkPurpose,
    /// SHA-256 of its code, hexadecimal.
    pub hash: String,
    /// When it lapses.
    pub valid_until: Timestamp,
}

/// How a password was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PasswordOrigin {
    /// Through a one-time link, which is used up.
    Link,
    /// By whoever knew the old one.
    OldPassword,
}

/// An administrator set their password. It is kept beside the log, hashed, and can be erased.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdministratorPasswordSet {
    /// How.
    pub by: PasswordOrigin,
    /// The one session that does not end with the old password: the one it was changed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_session: Option<SessionId>,
}

/// Asks for a one-time link: by mail, or shown to the caller, who must hold all that its administrator holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WantLink {
    /// For whom.
    pub administrator: AdministratorId,
    /// Whether the link is answered instead of sent.
    #[serde(default)]
    pub show: bool,
}
command!(WantLink => WantedLink, Directory, "want_link", Some(Permission::AdministratorWrite), STEP_UP = true);

/// What became of a wanted link.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WantedLink {
    /// For whom.
    pub administrator_id: AdministratorId,
    /// The link, where it was to be shown: it works once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<SecretText>,
    /// When it lapses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
}

/// Draws the code of a link that was asked for and is about to be sent; older ones are void. A repeat is refused: codes are
/// not kept, so that it could not tell the one that was drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DrawLink {
    /// For whom.
    pub administrator: AdministratorId,
    /// What for.
    pub purpose: LinkPurpose,
}
command!(DrawLink => DrawnLink, Directory, "draw_link", None);

/// A link, and where it goes.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DrawnLink {
    /// Where mail reaches its administrator.
    pub email: Option<String>,
    /// What people call them; their sign-in name, if nothing else is known.
    pub name: String,
    /// The link: it works once.
    pub url: SecretText,
    /// When it lapses.
    pub valid_until: Timestamp,
}

/// Somebody says that they forgot their password. The answer is the same whoever it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ForgetPassword {
    /// The sign-in name, as typed.
    pub name: String,
    /// The address it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}
command!(ForgetPassword => (), Directory, "forget_password", None);

/// Sets a password through a one-time link.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UseLink {
    /// The code of the link.
    pub code: SecretText,
    /// The new password.
    pub password: SecretText,
    /// The address it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}
command!(UseLink => (), Directory, "use_link", None, SECRET_FIELDS = &["code", "password"]);

/// Changes the sender's own password; every other session of theirs ends.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangePassword {
    /// SHA-256 of the new text of the cookie of the session that sends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// The old password.
    pub old_password: SecretText,
    /// The new password.
    pub new_password: SecretText,
    /// The address it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}
command!(ChangePassword => (), Directory, "change_password", None, SECRET_FIELDS = &["oldPassword", "newPassword"]);
