//! Identity providers: OpenID providers at which people of an organization sign in, and what their groups there may do
//! here. The client secret is a credential of the keystore.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Grant, NewGrant};
use crate::{
    CredentialId, IdentityProviderId, OrganizationId, Permission, SecretText, Timestamp, command, events,
    id::Reference,
};

/// What the members of a group at the provider may do here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupGrant {
    /// The group, as the provider's tokens name it: every letter counts.
    pub group: String,
    /// The role its members have, and where.
    pub grant: Grant,
}

/// The same as people ask for it, with names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewGroupGrant {
    /// The group, as the provider's tokens name it: every letter counts.
    pub group: String,
    /// The role its members have, and where; missing: in the provider's organization.
    pub grant: NewGrant,
}

/// People may sign in at an identity provider from here on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdentityProviderCreated {
    /// Which.
    pub id: IdentityProviderId,
    /// The organization whose people it knows; missing: the installation's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<OrganizationId>,
    /// Its unique name.
    pub name: String,
    /// How it is set up.
    #[serde(flatten)]
    pub setup: ProviderSetup,
}

/// An identity provider is set up like this from now on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdentityProviderUpdated {
    /// How it is set up.
    #[serde(flatten)]
    pub setup: ProviderSetup,
}

/// Nobody signs in at an identity provider any more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdentityProviderArchived {}

events! {
    /// What happened to an identity provider.
    IdentityProviderEvent in "identity_provider" {
        Created(IdentityProviderCreated) = "identity_provider.created" v 1,
        Updated(IdentityProviderUpdated) = "identity_provider.updated" v 1,
        Archived(IdentityProviderArchived) = "identity_provider.archived" v 1,
    }
}

/// How an identity provider is set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderSetup {
    /// What people read on the button; missing: the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Who issues its tokens: the address that its discovery document is found below.
    pub issuer: String,
    /// What we are called there.
    pub client_id: String,
    /// Where the client secret is.
    pub credential: CredentialId,
    /// The scopes that are asked for beside `openid`.
    pub scopes: Vec<String>,
    /// The claim of its tokens that names groups; with `/` in front, the JSON pointer to it.
    pub groups_claim: String,
    /// What the members of its groups may do.
    pub groups: Vec<GroupGrant>,
    /// Whether people may sign in there now.
    pub active: bool,
}

fn usual_scopes() -> Vec<String> {
    ["profile", "email", "groups"].map(str::to_owned).to_vec()
}

fn usual_claim() -> String {
    "groups".to_owned()
}

const fn yes() -> bool {
    true
}

/// Lets people sign in at an OpenID provider. Whoever runs it decides who is in which group, so that everything its groups
/// give must be within what the caller holds.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateIdentityProvider {
    /// Unique name: lower-case letters, digits, `-`, `_`, `.`; at most 63.
    pub name: String,
    /// The organization whose people it knows; missing: the installation's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<Reference<OrganizationId>>,
    /// What people read on the button; missing: the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Who issues its tokens, to the letter: `https://…`, below which its discovery document is found.
    pub issuer: String,
    /// What we are called there.
    pub client_id: String,
    /// The client secret.
    pub client_secret: SecretText,
    /// The scopes that are asked for beside `openid`.
    #[serde(default = "usual_scopes")]
    pub scopes: Vec<String>,
    /// The claim of its tokens that names groups; with `/` in front, the JSON pointer to it, such as `/realm_access/roles`.
    #[serde(default = "usual_claim")]
    pub groups_claim: String,
    /// What the members of its groups may do. Whoever is in none of them is not let in.
    #[serde(default)]
    pub groups: Vec<NewGroupGrant>,
    /// Whether people may sign in there at once.
    #[serde(default = "yes")]
    pub active: bool,
}
command!(CreateIdentityProvider => IdentityProviderView, Directory, "create_identity_provider", Some(Permission::IdentityProviderWrite), STEP_UP = true, SECRET_FIELDS = &["clientSecret"]);

/// Changes an identity provider; a missing field stays as it is.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateIdentityProvider {
    /// Which.
    pub provider: IdentityProviderId,
    /// What changes.
    #[serde(flatten)]
    pub changes: IdentityProviderChanges,
}
command!(UpdateIdentityProvider => IdentityProviderView, Directory, "update_identity_provider", Some(Permission::IdentityProviderWrite), STEP_UP = true, SECRET_FIELDS = &["clientSecret"]);

/// What changes of an identity provider; a missing field stays as it is.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IdentityProviderChanges {
    /// What people read on the button; empty: the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Who issues its tokens, to the letter. Whoever signed in at another issuer is somebody else. Needs `clientSecret`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// What we are called there. Needs `clientSecret`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Another client secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretText>,
    /// The scopes that are asked for beside `openid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// The claim of its tokens that names groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups_claim: Option<String>,
    /// What the members of its groups may do, replacing what they may now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<NewGroupGrant>>,
    /// Whether people may sign in there; sessions that began there end when not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
}

/// Archives an identity provider: nobody signs in there any more, and sessions that began there end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArchiveIdentityProvider {
    /// Which.
    pub provider: IdentityProviderId,
}
command!(ArchiveIdentityProvider => IdentityProviderView, Directory, "archive_identity_provider", Some(Permission::IdentityProviderWrite), STEP_UP = true);

/// Whether people may sign in at an identity provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityProviderStatus {
    /// They may.
    #[default]
    Active,
    /// Not now.
    Inactive,
    /// Never again.
    Archived,
}

impl IdentityProviderStatus {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Archived => "archived",
        }
    }
}

/// An identity provider, without the client secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdentityProviderView {
    /// Id.
    pub id: IdentityProviderId,
    /// Unique name.
    pub name: String,
    /// What people read on the button; `null`: the name.
    pub display_name: Option<String>,
    /// The organization whose people it knows; `null`: the installation's.
    pub organization_id: Option<OrganizationId>,
    /// Who issues its tokens.
    pub issuer: String,
    /// What we are called there.
    pub client_id: String,
    /// The scopes that are asked for beside `openid`.
    pub scopes: Vec<String>,
    /// The claim of its tokens that names groups.
    pub groups_claim: String,
    /// What the members of its groups may do.
    pub groups: Vec<GroupGrant>,
    /// Where it sends people back to, below `server.public_url`: to be entered there, to the letter.
    pub redirect_path: String,
    /// Whether people may sign in there.
    pub status: IdentityProviderStatus,
    /// When it was created.
    pub created_at: Timestamp,
    /// Version of the aggregate.
    pub version: i32,
}

impl IdentityProviderId {
    /// Where a provider sends people back to. One path for each, so that what one says is never taken for another's word.
    #[must_use]
    pub fn redirect_path(self) -> String {
        format!("/sign-in/callback/{self}")
    }
}
