//! Organizations: the tenants.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{RecordStatus, details::with_details};
use crate::{OrganizationId, Permission, Timestamp, command, events, id::Reference};

with_details! { kept:
    /// An organization (tenant) exists from here on.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    pub struct OrganizationCreated {
        /// Which.
        pub id: OrganizationId,
        /// Its unique name.
        pub name: String,
    }
}

with_details! { kept:
    /// An organization has these values from now on.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    pub struct OrganizationUpdated {
        /// Its unique name.
        pub name: String,
    }
}

/// Nobody can ask for certificates in an organization any more; what it has stays readable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationArchived {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An archived organization is in use again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationRestored {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

events! {
    /// What happened to an organization.
    OrganizationEvent in "organization" {
        Created(OrganizationCreated) = "organization.created" v 1,
        Updated(OrganizationUpdated) = "organization.updated" v 1,
        Archived(OrganizationArchived) = "organization.archived" v 1,
        Restored(OrganizationRestored) = "organization.restored" v 1,
    }
}

with_details! { kept:
    /// Creates an organization.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct CreateOrganization {
        /// Unique name: lower-case letters, digits, `-`, `_`, `.`; at most 63.
        pub name: String,
    }
}
command!(CreateOrganization => OrganizationView, Directory, "create_organization", Some(Permission::OrganizationCreate));

with_details! { kept:
    /// Changes an organization; a missing field stays as it is, an empty one is taken away.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct UpdateOrganization {
        /// Which.
        pub organization: Reference<OrganizationId>,
        /// New unique name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub name: Option<String>,
    }
}
command!(UpdateOrganization => OrganizationView, Directory, "update_organization", Some(Permission::OrganizationWrite));

with_details! { kept:
    /// What changes of an organization or a department; a missing field stays as it is, an empty one is taken away.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct OrganizationChanges {
        /// New name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub name: Option<String>,
    }
}

/// Archives an organization: nobody can ask for certificates in it, what it has stays readable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArchiveOrganization {
    /// Which.
    pub organization: Reference<OrganizationId>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
command!(ArchiveOrganization => OrganizationView, Directory, "archive_organization", Some(Permission::OrganizationWrite));

/// Puts an archived organization into use again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RestoreOrganization {
    /// Which.
    pub organization: Reference<OrganizationId>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
command!(RestoreOrganization => OrganizationView, Directory, "restore_organization", Some(Permission::OrganizationWrite));

with_details! { shown:
    /// An organization.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    pub struct OrganizationView {
        /// Id.
        pub id: OrganizationId,
        /// Unique name.
        pub name: String,
        /// `archived`: readable, but nobody can ask for certificates in it.
        pub status: RecordStatus,
        /// When it was created.
        pub created_at: Timestamp,
        /// Version of the aggregate.
        pub version: i32,
    }
}
