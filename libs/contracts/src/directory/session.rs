//! Sessions: what somebody who signed in acts through. The secret is drawn in the gateway and stands in a cookie; the log
//! holds its SHA-256.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ShownCertificate;
use crate::{AdministratorId, OrganizationId, SecretText, SessionId, Thumbprint, Timestamp, command, events};

/// How somebody signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignInMethod {
    /// With a password, and a code where a second factor is set up.
    Password,
    /// At an OpenID provider.
    Oidc,
    /// With a TLS client certificate.
    Certificate,
}

/// Somebody has signed in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionStarted {
    /// Which.
    pub id: SessionId,
    /// Who.
    pub administrator_id: AdministratorId,
    /// The organization they act in; the session reaches every organization that their grants reach.
    pub organization_id: OrganizationId,
    /// How they signed in.
    pub method: SignInMethod,
    /// Whether they proved a second factor.
    #[serde(default)]
    pub second_factor: bool,
    /// The address they came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The client certificate that it began with, and that each of its requests has to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Thumbprint>,
    /// SHA-256 of the cookie's text, hexadecimal.
    pub hash: String,
    /// When it ends, whatever happens.
    pub expires_at: Timestamp,
    /// Until when it counts as one whose owner has just proved who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stepped_up_until: Option<Timestamp>,
}

/// Its owner has proved again who they are; the cookie is another one from here on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionSteppedUp {
    /// SHA-256 of the new cookie's text, hexadecimal.
    pub hash: String,
    /// Until when sensitive acts are open to it.
    pub until: Timestamp,
}

/// The cookie is another one from here on: its owner's password changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionRenewed {
    /// SHA-256 of the new cookie's text, hexadecimal.
    pub hash: String,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionEnd {
    /// Its owner signed out.
    SignedOut,
    /// Its owner, or another administrator, ended it.
    Ended,
    /// Its owner's password changed.
    PasswordChanged,
    /// The identity provider that it began at was archived, deactivated or given another issuer.
    ProviderStopped,
    /// Its owner may no longer act.
    OwnerStopped,
}

/// A session is over: it works nowhere within a second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionEnded {
    /// Why.
    pub reason: SessionEnd,
}

events! {
    /// What happened to a session.
    SessionEvent in "session" {
        Started(SessionStarted) = "session.started" v 1,
        SteppedUp(SessionSteppedUp) = "session.stepped_up" v 1,
        Renewed(SessionRenewed) = "session.renewed" v 1,
        Ended(SessionEnded) = "session.ended" v 1,
    }
}

/// Signs in with a password. The gateway draws the session's secret and sends its hash.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignIn {
    /// The session's id, which stands in its cookie.
    pub id: SessionId,
    /// SHA-256 of the cookie's text, hexadecimal.
    pub hash: String,
    /// The name of the organization to act in; missing: the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// The sign-in name, as typed.
    pub name: String,
    /// The password.
    pub password: SecretText,
    /// The code of a second factor, or a recovery code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<SecretText>,
    /// The valid client certificate of the connection, where certificates count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<ShownCertificate>,
    /// The address it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}
command!(SignIn => SessionView, Directory, "sign_in", None, SECRET_FIELDS = &["password", "code"]);

/// Proves again who one is, in the session that sends it: with the code of a second factor by who has one, with the
/// password by who has none.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepUp {
    /// SHA-256 of the new cookie's text, hexadecimal.
    pub hash: String,
    /// The password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretText>,
    /// The code of a second factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<SecretText>,
    /// The address it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}
command!(StepUp => SessionView, Directory, "step_up", None, SECRET_FIELDS = &["password", "code"]);

/// Ends a session: one's own, or that of somebody all of whose grants the sender holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EndSession {
    /// Which.
    pub session: SessionId,
    /// Whether its owner signs out with it.
    #[serde(default)]
    pub signs_out: bool,
}
command!(EndSession => SessionView, Directory, "end_session", None);

/// Tells when sessions were last used; kept beside the log (a sample, not an event).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordSessionUse {
    /// Session and time of its last use.
    pub uses: Vec<(SessionId, Timestamp)>,
}
command!(RecordSessionUse => (), Directory, "record_session_use", None);

/// A session, without its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionView {
    /// Id.
    pub id: SessionId,
    /// Whose it is.
    pub administrator_id: AdministratorId,
    /// The organization they act in.
    pub organization_id: OrganizationId,
    /// How they signed in.
    pub method: SignInMethod,
    /// Whether they proved a second factor.
    pub second_factor: bool,
    /// The address they came from.
    pub address: Option<String>,
    /// Whether it was ended; that it lapses is told by `expiresAt` and `lastUsedAt`.
    pub status: SessionStatus,
    /// Why it ended.
    pub ended: Option<SessionEnd>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends, whatever happens.
    pub expires_at: Timestamp,
    /// Until when sensitive acts are open to it.
    pub stepped_up_until: Option<Timestamp>,
    /// When it was last used, to about ten seconds.
    pub last_used_at: Option<Timestamp>,
    /// Version of the aggregate.
    pub version: i32,
}

/// Whether a session was ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    /// Works until it lapses.
    #[default]
    Active,
    /// Works nowhere.
    Ended,
}
