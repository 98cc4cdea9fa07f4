//! API tokens: how programs and people sign in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Grant, Role};
use crate::{
    AdministratorId, CertificateId, DepartmentId, Lifetime, OrganizationId, Permission, ProfileId, Timestamp,
    TokenId, command, events, id::Reference,
};

/// What a token may be used for: never more than its owner may do. A missing field sets no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenScope {
    /// Only these permissions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<Permission>>,
    /// Only through grants of these roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<Role>>,
    /// Only in this department.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department: Option<DepartmentId>,
    /// Only requests for these profiles, and what came of such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profiles: Option<Vec<ProfileId>>,
    /// Only these certificates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificates: Option<Vec<CertificateId>>,
}

/// An API token is valid from here on. Its text was shown once and is nowhere recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenIssued {
    /// Which.
    pub id: TokenId,
    /// What it is for.
    pub name: String,
    /// Whose rights it carries.
    pub administrator_id: AdministratorId,
    /// The organization it acts in.
    pub organization_id: OrganizationId,
    /// Whether it reaches every organization that its administrator's grants reach.
    #[serde(default)]
    pub all_organizations: bool,
    /// SHA-256 of its text, hexadecimal.
    pub hash: String,
    /// What it is limited to.
    pub scope: TokenScope,
    /// What its administrator was granted when somebody else issued it, who may have read it: of what they are granted
    /// later it carries nothing. Missing: whatever they are granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Vec<Grant>>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// An API token ends earlier than it was issued for: another one takes its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenSuperseded {
    /// The token that takes its place.
    pub by: TokenId,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// An API token is no longer valid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenRevoked {
    /// Why, in the words of who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

events! {
    /// What happened to an API token.
    TokenEvent in "token" {
        Issued(TokenIssued) = "token.issued" v 1,
        Superseded(TokenSuperseded) = "token.superseded" v 1,
        Revoked(TokenRevoked) = "token.revoked" v 1,
    }
}

/// Issues an API token that carries an administrator's rights, narrowed by `scope`. The gateway draws the secret, sends
/// its hash and shows the text once; the text never travels on the bus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IssueToken {
    /// The id that stands in its text.
    pub id: TokenId,
    /// SHA-256 of its text, hexadecimal.
    pub hash: String,
    /// What it is for.
    pub name: String,
    /// Whose rights it carries; missing: the caller's. Nobody issues a token that carries more than they hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub administrator: Option<AdministratorId>,
    /// The organization it acts in; missing: the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<Reference<OrganizationId>>,
    /// Its limits; never wider than the caller's own token.
    #[serde(default)]
    pub scope: TokenScope,
    /// How long it is valid, at most 365 days.
    pub ttl: Lifetime,
}
command!(IssueToken => TokenView, Directory, "issue_token", Some(Permission::TokenWrite), STEP_UP = true);

/// Issues the next token of the same name, owner and limits; the old one works until the overlap is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RotateToken {
    /// Which.
    pub token: TokenId,
    /// The id that stands in the new one's text.
    pub id: TokenId,
    /// SHA-256 of the new one's text, hexadecimal.
    pub hash: String,
    /// How long the new one is valid, at most 365 days.
    pub ttl: Lifetime,
    /// How long the old one still works.
    pub overlap: Lifetime,
}
command!(RotateToken => TokenView, Directory, "rotate_token", Some(Permission::TokenWrite), STEP_UP = true);

/// Revokes an API token, within a second everywhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevokeToken {
    /// Which.
    pub token: TokenId,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
command!(RevokeToken => TokenView, Directory, "revoke_token", Some(Permission::TokenWrite), STEP_UP = true);

/// Tells when tokens were last used; kept beside the log (a sample, not an event).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordTokenUse {
    /// Token and time of its last use.
    pub uses: Vec<(TokenId, Timestamp)>,
}
command!(RecordTokenUse => (), Directory, "record_token_use", None);

/// An API token, without its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenView {
    /// Id.
    pub id: TokenId,
    /// What it is for.
    pub name: String,
    /// Whose rights it carries.
    pub administrator_id: AdministratorId,
    /// The organization it acts in.
    pub organization_id: OrganizationId,
    /// Whether it reaches every organization that its administrator's grants reach.
    #[serde(default)]
    pub all_organizations: bool,
    /// What it is limited to.
    pub scope: TokenScope,
    /// The token that takes its place.
    #[serde(default)]
    pub superseded_by: Option<TokenId>,
    /// `active` or `revoked`; expiry is told by `expiresAt`.
    pub status: TokenStatus,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was last used, to about ten seconds.
    pub last_used_at: Option<Timestamp>,
    /// Version of the aggregate.
    pub version: i32,
}

/// Whether a token was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenStatus {
    /// Valid until it expires.
    Active,
    /// No longer valid.
    Revoked,
}
