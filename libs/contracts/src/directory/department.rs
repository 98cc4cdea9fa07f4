//! Departments of an organization.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DepartmentId, OrganizationId, Permission, Timestamp, command, events};

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
