//! Approval policies: which kinds of acts need how many approvals and by whom, in the installation and in an organization.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ApprovalKind, ApprovalRule};
use crate::{ApprovalId, OrganizationId, Permission, command, events, id::Reference};

/// What one kind of act needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KindRule {
    /// Of acts of this kind.
    pub kind: ApprovalKind,
    /// What they need.
    pub rule: ApprovalRule,
}

/// From now on acts need this.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalPolicyReplaced {
    /// Whose policy; the installation's, if it names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<OrganizationId>,
    /// At most one rule of each kind.
    pub rules: Vec<KindRule>,
    /// The approval that it waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_id: Option<ApprovalId>,
}

/// Acts shall need this once it is approved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalPolicyProposed {
    /// Whose policy; the installation's, if it names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<OrganizationId>,
    /// At most one rule of each kind.
    pub rules: Vec<KindRule>,
    /// The approval that it waits for.
    pub approval_id: ApprovalId,
}

/// What was proposed is not going to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalPolicyDropped {
    /// The approval that it waited for.
    pub approval_id: ApprovalId,
}

events! {
    /// What happened to an approval policy.
    ApprovalPolicyEvent in "approval_policy" {
        Replaced(ApprovalPolicyReplaced) = "approval_policy.replaced" v 1,
        Proposed(ApprovalPolicyProposed) = "approval_policy.proposed" v 1,
        Dropped(ApprovalPolicyDropped) = "approval_policy.dropped" v 1,
    }
}

/// Replaces an approval policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplaceApprovalPolicy {
    /// Whose policy; the installation's, if it names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<Reference<OrganizationId>>,
    /// At most one rule of each kind.
    pub rules: Vec<KindRule>,
}
command!(ReplaceApprovalPolicy => ApprovalPolicyView, Directory, "replace_approval_policy", Some(Permission::ApprovalWrite), STEP_UP = true);

/// The stream of a policy: derived from whose it is (nil: the installation's), so that there is one of each.
#[must_use]
pub fn approval_policy_stream(owner: OrganizationId) -> uuid::Uuid {
    uuid::Uuid::new_v5(&owner.uuid(), b"approval_policy")
}

/// An approval policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalPolicyView {
    /// Whose policy; `null`: the installation's.
    pub organization_id: Option<OrganizationId>,
    /// At most one rule of each kind; a kind without one needs what the wider policy says, or nothing.
    pub rules: Vec<KindRule>,
    /// The approval that a new policy waits for.
    pub waiting_for: Option<ApprovalId>,
    /// Version of the policy; 0 until somebody writes one.
    pub version: i32,
}
