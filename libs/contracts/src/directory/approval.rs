//! Approvals: what waits until enough others agree. One aggregate for every kind; whoever guards an act asks for one and
//! goes on at `approval.granted`.

mod bounds;
mod policy;
mod rule;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    policy::{
        ApprovalPolicyDropped, ApprovalPolicyEvent, ApprovalPolicyProposed, ApprovalPolicyReplaced,
        ApprovalPolicyView, KindRule, ReplaceApprovalPolicy, approval_policy_stream,
    },
    rule::{ApprovalKind, ApprovalRule, Approvers, AutomaticRule, Escalation, UnmatchedRule},
};
use crate::{
    AdministratorId, ApprovalId, DepartmentId, OrganizationId, Permission, ProfileId, Timestamp, command,
    command::Change, events, x509::CertificateType,
};

/// What an approval is about; every event of it says so, for those who tell people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalMatter {
    /// What kind of act waits.
    pub kind: ApprovalKind,
    /// What it makes or changes: `req_…`, `prf_…`, `dom_…`; what does not exist yet is named by its approval.
    pub subject_id: String,
    /// Who asked; missing: a service on its own account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<AdministratorId>,
    /// Where it is decided.
    #[serde(default)]
    pub place: ApprovalPlace,
}

/// Where an approval is decided: whose rights reach it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalPlace {
    /// The department; missing: the organization as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department_id: Option<DepartmentId>,
    /// The type of certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_type: Option<CertificateType>,
    /// The certificate profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile_id: Option<ProfileId>,
    /// Whether it is the installation's, so that only who reaches all of it decides.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub installation: bool,
}

/// When who joins those who may decide.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EscalationDue {
    /// When.
    pub at: Timestamp,
    /// Who; nobody named: whoever has the right.
    #[serde(default, skip_serializing_if = "Approvers::is_everybody")]
    pub approvers: Approvers,
}

/// Something waits for approval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalRequested {
    /// Which.
    pub id: ApprovalId,
    /// What it is about.
    #[serde(flatten)]
    pub matter: ApprovalMatter,
    /// What is asked for, in a sentence.
    pub summary: String,
    /// What would change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// How many different administrators have to approve.
    pub required: u8,
    /// Who may, of those whose rights reach it.
    #[serde(default, skip_serializing_if = "Approvers::is_everybody")]
    pub approvers: Approvers,
    /// Whether it has to be somebody else than who asked.
    pub four_eyes: bool,
    /// From when on it is void.
    pub expires_at: Timestamp,
    /// When those who may decide are reminded, the earliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remind_at: Vec<Timestamp>,
    /// When who joins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate: Option<EscalationDue>,
    /// Why no automatic rule approved it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmatched: Vec<UnmatchedRule>,
}

/// One administrator approved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalGiven {
    /// What it is about.
    #[serde(flatten)]
    pub matter: ApprovalMatter,
    /// Who.
    pub by: AdministratorId,
    /// What they say to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Who approved earlier and may not decide any more; their word counts no longer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lapsed: Vec<AdministratorId>,
    /// How many are still needed.
    pub remaining: u8,
}

/// Enough administrators approved: the act goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalGranted {
    /// What it is about.
    #[serde(flatten)]
    pub matter: ApprovalMatter,
    /// Who approved.
    pub by: Vec<AdministratorId>,
    /// What the last of them says to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Somebody said no; one is enough.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalDeclined {
    /// What it is about.
    #[serde(flatten)]
    pub matter: ApprovalMatter,
    /// Who.
    pub by: AdministratorId,
    /// Why, for whoever asked.
    pub reason: String,
}

/// Nobody decided in time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalExpired {
    /// What it is about.
    #[serde(flatten)]
    pub matter: ApprovalMatter,
}

/// Those who may decide are to be reminded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalReminded {
    /// What it is about.
    #[serde(flatten)]
    pub matter: ApprovalMatter,
    /// How many are still needed.
    pub remaining: u8,
    /// When it is void.
    pub expires_at: Timestamp,
    /// The next reminder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Timestamp>,
}

/// Nobody decided for a while: others may as well from now on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalEscalated {
    /// What it is about.
    #[serde(flatten)]
    pub matter: ApprovalMatter,
    /// Who joins; nobody named: whoever has the right.
    #[serde(default, skip_serializing_if = "Approvers::is_everybody")]
    pub approvers: Approvers,
}

/// It is asked for no more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalWithdrawn {
    /// What it is about.
    #[serde(flatten)]
    pub matter: ApprovalMatter,
    /// Who took it back; missing: the service that guards it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<AdministratorId>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

events! {
    /// What happened to an approval.
    ApprovalEvent in "approval" {
        Requested(ApprovalRequested) = "approval.requested" v 1,
        Given(ApprovalGiven) = "approval.given" v 1,
        Granted(ApprovalGranted) = "approval.granted" v 1,
        Declined(ApprovalDeclined) = "approval.declined" v 1,
        Expired(ApprovalExpired) = "approval.expired" v 1,
        Reminded(ApprovalReminded) = "approval.reminded" v 1,
        Escalated(ApprovalEscalated) = "approval.escalated" v 1,
        Withdrawn(ApprovalWithdrawn) = "approval.withdrawn" v 1,
    }
}

impl ApprovalEvent {
    /// What it is about.
    #[must_use]
    pub const fn matter(&self) -> &ApprovalMatter {
        match self {
            Self::Requested(event) => &event.matter,
            Self::Given(event) => &event.matter,
            Self::Granted(event) => &event.matter,
            Self::Declined(event) => &event.matter,
            Self::Expired(event) => &event.matter,
            Self::Reminded(event) => &event.matter,
            Self::Escalated(event) => &event.matter,
            Self::Withdrawn(event) => &event.matter,
        }
    }
}

/// Asks for an approval, in the organization of the command (sent by whoever guards the act). A repeat changes nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestApproval {
    /// The id it gets.
    pub id: ApprovalId,
    /// What it is about.
    pub matter: ApprovalMatter,
    /// What is asked for, in a sentence.
    pub summary: String,
    /// What would change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// What it needs.
    pub rule: ApprovalRule,
    /// Why no automatic rule approved it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmatched: Vec<UnmatchedRule>,
}
command!(RequestApproval => ApprovalView, Directory, "request_approval", None);

/// Approves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GiveApproval {
    /// Which.
    pub approval: ApprovalId,
    /// What to say to it, up to 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}
command!(GiveApproval => ApprovalView, Directory, "give_approval", Some(Permission::ApprovalDecide), STEP_UP = true);

/// Says no.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeclineApproval {
    /// Which.
    pub approval: ApprovalId,
    /// Why, for whoever asked, up to 1,000 characters.
    pub reason: String,
}
command!(DeclineApproval => ApprovalView, Directory, "decline_approval", Some(Permission::ApprovalDecide), STEP_UP = true);

/// Asks for it no more: for who asked, and for the service that guards the act.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WithdrawApproval {
    /// Which.
    pub approval: ApprovalId,
    /// Why, up to 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
command!(WithdrawApproval => ApprovalView, Directory, "withdraw_approval", Some(Permission::ApprovalRead));

/// Where an approval stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalStatus {
    /// It waits for those who may decide.
    Pending,
    /// Enough approved.
    Granted,
    /// Somebody said no.
    Declined,
    /// Nobody decided in time.
    Expired,
    /// It is asked for no more.
    Withdrawn,
}

impl ApprovalStatus {
    /// Its text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Granted => "granted",
            Self::Declined => "declined",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// What one administrator said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GivenView {
    /// Who.
    pub by: AdministratorId,
    /// What they say to it.
    pub message: Option<String>,
}

/// An approval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalView {
    /// Id.
    pub id: ApprovalId,
    /// Its organization; `null`: the installation.
    pub organization_id: Option<OrganizationId>,
    /// What kind of act waits.
    pub kind: ApprovalKind,
    /// Where it stands.
    pub status: ApprovalStatus,
    /// What it makes or changes.
    pub subject_id: String,
    /// What is asked for, in a sentence.
    pub summary: String,
    /// What would change.
    pub changes: Vec<Change>,
    /// Who asked.
    pub requested_by: Option<AdministratorId>,
    /// The department it is decided in.
    pub department_id: Option<DepartmentId>,
    /// The type of certificate.
    pub certificate_type: Option<CertificateType>,
    /// The certificate profile.
    pub profile_id: Option<ProfileId>,
    /// How many different administrators have to approve.
    pub required: u8,
    /// How many are still needed.
    pub remaining: u8,
    /// Who approved so far.
    pub given: Vec<GivenView>,
    /// Who may, of those whose rights reach it; nobody named: all of them.
    pub approvers: Approvers,
    /// Whether it has to be somebody else than who asked.
    pub four_eyes: bool,
    /// Whether others may decide as well since nobody did.
    pub escalated: bool,
    /// Why no automatic rule approved it.
    pub unmatched: Vec<UnmatchedRule>,
    /// From when on it is void.
    pub expires_at: Timestamp,
    /// Who declined or withdrew it.
    pub ended_by: Option<AdministratorId>,
    /// Why it was declined or withdrawn.
    pub reason: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Version of the aggregate.
    pub version: i32,
}
