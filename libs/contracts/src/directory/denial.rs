//! Denials: sensitive calls that were refused.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Permission, command, events};

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

/// Records that the gateway refused a sensitive call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordDenial {
    /// What was refused.
    pub denial: DenialRecorded,
}
command!(RecordDenial => (), Directory, "record_denial", None);
