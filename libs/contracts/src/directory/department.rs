//! Departments of an organization.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{RecordStatus, details::with_details};
use crate::{DepartmentId, OrganizationId, Permission, Timestamp, command, events};

with_details! { kept:
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
    }
}

with_details! { kept:
    /// A department has these values from now on.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    pub struct DepartmentUpdated {
        /// Its name, unique within the organization.
        pub name: String,
    }
}

/// Nobody can ask for certificates for a department any more; what it has stays readable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DepartmentArchived {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An archived department is in use again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DepartmentRestored {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

events! {
    /// What happened to a department.
    DepartmentEvent in "department" {
        Created(DepartmentCreated) = "department.created" v 1,
        Updated(DepartmentUpdated) = "department.updated" v 1,
        Archived(DepartmentArchived) = "department.archived" v 1,
        Restored(DepartmentRestored) = "department.restored" v 1,
    }
}

with_details! { kept:
    /// Creates a department in the command's organization.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct CreateDepartment {
        /// Name, unique within the organization.
        pub name: String,
    }
}
command!(CreateDepartment => DepartmentView, Directory, "create_department", Some(Permission::DepartmentWrite));

with_details! { kept:
    /// Changes a department; a missing field stays as it is, an empty one is taken away.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct UpdateDepartment {
        /// Which.
        pub department: DepartmentId,
        /// New name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub name: Option<String>,
    }
}
command!(UpdateDepartment => DepartmentView, Directory, "update_department", Some(Permission::DepartmentWrite));

/// Archives a department: nobody can ask for certificates for it, what it has stays readable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArchiveDepartment {
    /// Which.
    pub department: DepartmentId,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
command!(ArchiveDepartment => DepartmentView, Directory, "archive_department", Some(Permission::DepartmentWrite));

/// Puts an archived department into use again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RestoreDepartment {
    /// Which.
    pub department: DepartmentId,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
command!(RestoreDepartment => DepartmentView, Directory, "restore_department", Some(Permission::DepartmentWrite));

with_details! { shown:
    /// A department. Without an address of its own it shows its organization's.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    pub struct DepartmentView {
        /// Id.
        pub id: DepartmentId,
        /// Its organization.
        pub organization_id: OrganizationId,
        /// Name, unique within the organization.
        pub name: String,
        /// `archived`: readable, but nobody can ask for certificates for it.
        pub status: RecordStatus,
        /// Whether the address is the organization's.
        pub address_inherited: bool,
        /// When it was created.
        pub created_at: Timestamp,
        /// Version of the aggregate.
        pub version: i32,
    }
}
