//! Administrators: who may act at all.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AdministratorId, events};

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
