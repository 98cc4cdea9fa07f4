//! `directory`: organizations, departments, administrators, API tokens, denials.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AdministratorId, CertificateId, DepartmentId, Lifetime, OrganizationId, Permission, ProfileId, Timestamp,
    TokenId, command, events, id::Reference,
};

// ---------------------------------------------------------------- events

/// An organization (tenant) exists from here on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationCreated {
    /// Which.
    pub id: OrganizationId,
    /// Its unique name.
    pub name: String,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

/// An organization has these values from now on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationUpdated {
    /// Its unique name.
    pub name: String,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

events! {
    /// What happened to an organization.
    OrganizationEvent in "organization" {
        Created(OrganizationCreated) = "organization.created" v 1,
        Updated(OrganizationUpdated) = "organization.updated" v 1,
    }
}

/// A department exists from here on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DepartmentCreated {
    /// Which.
    pub id: DepartmentId,
    /// Of which organization.
    pub organization_id: OrganizationId,
    /// Its name, unique within the organization.
    pub name: String,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

/// A department has these values from now on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DepartmentUpdated {
    /// Its name, unique within the organization.
    pub name: String,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

events! {
    /// What happened to a department.
    DepartmentEvent in "department" {
        Created(DepartmentCreated) = "department.created" v 1,
        Updated(DepartmentUpdated) = "department.updated" v 1,
    }
}

/// How far an administrator reaches. Further roles come with their issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Every permission in every organization.
    Master,
}

/// An administrator may act from here on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdministratorAppointed {
    /// Who.
    pub id: AdministratorId,
    /// Unique name.
    pub name: String,
    /// How far they reach.
    pub role: Role,
}

events! {
    /// What happened to an administrator.
    AdministratorEvent in "administrator" {
        Appointed(AdministratorAppointed) = "administrator.appointed" v 1,
    }
}

/// What a token may be used for: never more than its owner may do. A missing field sets no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenScope {
    /// Only these permissions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<Permission>>,
    /// Only requests for these profiles.
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
    /// The organization it acts in; a token of a master without one may name any.
    pub organization_id: OrganizationId,
    /// Whether it reaches every organization (only a master's may).
    #[serde(default)]
    pub all_organizations: bool,
    /// SHA-256 of its text, hexadecimal.
    pub hash: String,
    /// What it is limited to.
    pub scope: TokenScope,
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
        Revoked(TokenRevoked) = "token.revoked" v 1,
    }
}

/// A sensitive call was refused (R1, O-2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DenialRecorded {
    /// The operation, as in OpenAPI's `operationId` or the command's name.
    pub operation: String,
    /// The permission that was missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission: Option<Permission>,
    /// What it was tried on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The code that was answered.
    pub code: String,
    /// The address it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

events! {
    /// A refused sensitive call; each has a stream of its own.
    DenialEvent in "denial" {
        Recorded(DenialRecorded) = "denial.recorded" v 1,
    }
}

/// A name is taken. The stream's id is UUIDv5(organization, `<kind>:<name>`); a name once taken stays its owner's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NameReserved {
    /// Kind of thing: `organization`, `department`, `ca`, `profile`, `policy`.
    pub kind: String,
    /// The name.
    pub name: String,
    /// The UUID of its owner.
    pub owner: uuid::Uuid,
}

events! {
    /// Names of organizations and departments.
    DirectoryNameEvent in "directory_name" {
        Reserved(NameReserved) = "directory_name.reserved" v 1,
    }
}
crate::only_event!(DirectoryNameEvent::Reserved => NameReserved);

// ---------------------------------------------------------------- commands

/// Creates an organization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateOrganization {
    /// Unique name: lower-case letters, digits, `-`, `_`, `.`; at most 63.
    pub name: String,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}
command!(CreateOrganization => OrganizationView, Directory, "create_organization", Some(Permission::OrganizationWrite));

/// Changes an organization; a missing field stays as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateOrganization {
    /// Which.
    pub organization: Reference<OrganizationId>,
    /// New unique name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// New display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// New country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}
command!(UpdateOrganization => OrganizationView, Directory, "update_organization", Some(Permission::OrganizationWrite));

/// Creates a department in the command's organization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateDepartment {
    /// Name, unique within the organization.
    pub name: String,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}
command!(CreateDepartment => DepartmentView, Directory, "create_department", Some(Permission::OrganizationWrite));

/// Changes a department; a missing field stays as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateDepartment {
    /// Which.
    pub department: DepartmentId,
    /// New name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// New display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}
command!(UpdateDepartment => DepartmentView, Directory, "update_department", Some(Permission::OrganizationWrite));

/// Issues an API token that carries the caller's rights, narrowed by `scope`. The gateway draws the secret, sends
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
    /// The organization it acts in; missing: the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<Reference<OrganizationId>>,
    /// Its limits; never wider than the caller's own token.
    #[serde(default)]
    pub scope: TokenScope,
    /// How long it is valid, at most 365 days.
    pub ttl: Lifetime,
}
command!(IssueToken => TokenView, Directory, "issue_token", Some(Permission::TokenWrite));

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
command!(RevokeToken => TokenView, Directory, "revoke_token", Some(Permission::TokenWrite));

/// Tells when tokens were last used; kept beside the log (a sample, not an event).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordTokenUse {
    /// Token and time of its last use.
    pub uses: Vec<(TokenId, Timestamp)>,
}
command!(RecordTokenUse => (), Directory, "record_token_use", None);

/// Records that the gateway refused a sensitive call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordDenial {
    /// What was refused.
    pub denial: DenialRecorded,
}
command!(RecordDenial => (), Directory, "record_denial", None);

// ---------------------------------------------------------------- views

/// An organization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationView {
    /// Id.
    pub id: OrganizationId,
    /// Unique name.
    pub name: String,
    /// What people call it.
    pub display_name: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Version of the aggregate.
    pub version: i32,
}

/// A department.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DepartmentView {
    /// Id.
    pub id: DepartmentId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Name, unique within the organization.
    pub name: String,
    /// What people call it.
    pub display_name: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Version of the aggregate.
    pub version: i32,
}

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
    /// What it is limited to.
    pub scope: TokenScope,
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
