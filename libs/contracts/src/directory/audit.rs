//! Readings of the audit trail: who watches is watched, too.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{command, events};

/// Somebody read the audit trail (R5).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditRead {
    /// What they asked for, as a query.
    pub query: String,
    /// How many entries they were shown.
    pub entries: u32,
    /// The address they came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

events! {
    /// A reading of the audit trail; each has a stream of its own.
    AuditEvent in "audit" {
        Read(AuditRead) = "audit.read" v 1,
    }
}

/// Records that somebody reads the audit trail; they are shown it afterwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordAuditRead {
    /// What was read.
    pub read: AuditRead,
}
command!(RecordAuditRead => (), Directory, "record_audit_read", None);
