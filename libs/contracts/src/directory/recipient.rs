//! Whom mail goes to. Addresses are beside the log and in nobody's read model but the administrators' own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AdministratorId, ApprovalId, DepartmentId, OrganizationId, Permission, command};

/// Finds who is to be told: those who are named, and those who may do something somewhere. Whoever is not active or has no
/// address is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindRecipients {
    /// These.
    #[serde(default)]
    pub administrators: Vec<AdministratorId>,
    /// Whoever may do this there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who_may: Option<WhoMay>,
    /// Whoever may decide this approval now: not who asked, where that takes somebody else, nor who approved it already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalId>,
}
command!(FindRecipients => Vec<Recipient>, Directory, "find_recipients", None);

/// Whoever has a permission somewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WhoMay {
    /// What they may do.
    pub permission: Permission,
    /// In which organization; missing: in the installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationId>,
    /// In which department of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department: Option<DepartmentId>,
}

/// Somebody who is to be told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recipient {
    /// Who.
    pub administrator: AdministratorId,
    /// What people call them; their sign-in name, if nothing else is known.
    pub name: String,
    /// Where mail reaches them.
    pub email: String,
}
