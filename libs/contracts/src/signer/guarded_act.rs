//! Acts that wait for an approval: what was asked for is kept as it was sent, and done when it is granted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ApprovalId, Problem, directory::RequestApproval, events};

/// An act waits. The stream is the approval's id with the category's own name, so there is one act of an approval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActHeld {
    /// The approval that is asked for, whole, so that it is asked for also after a crash.
    pub approval: RequestApproval,
    /// The command.
    pub command: String,
    /// Its body, as it was sent.
    pub body: serde_json::Value,
    /// The version of what it changes, as those who decide see it; it must be that still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_version: Option<i32>,
}

/// It was approved and done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActDone {
    /// The approval.
    pub approval_id: ApprovalId,
    /// What it made or changed: `ca_…`, `prf_…`, `req_…`.
    pub subject_id: String,
}

/// It was approved, and then refused: what holds now does not allow it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActFailed {
    /// The approval.
    pub approval_id: ApprovalId,
    /// Why.
    pub problem: Problem,
}

/// It was declined, nobody decided, or it was taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActDropped {
    /// The approval.
    pub approval_id: ApprovalId,
}

events! {
    /// What happened to an act that needs approval.
    GuardedActEvent in "guarded_act" {
        Held(ActHeld) = "guarded_act.held" v 1,
        Done(ActDone) = "guarded_act.done" v 1,
        Failed(ActFailed) = "guarded_act.failed" v 1,
        Dropped(ActDropped) = "guarded_act.dropped" v 1,
    }
}

/// The stream of the act that waits for an approval.
#[must_use]
pub fn act_stream(approval: ApprovalId) -> uuid::Uuid {
    uuid::Uuid::new_v5(&approval.uuid(), b"guarded_act")
}

/// The id of the command that an act is done by once it is approved. It follows from the approval, so an act is done once.
#[must_use]
pub fn approved_command(approval: ApprovalId) -> uuid::Uuid {
    uuid::Uuid::new_v5(&approval.uuid(), b"approved")
}
