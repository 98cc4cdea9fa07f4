//! What an approval needs: how many, by whom, and what happens while nobody decides.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::Role;
use crate::{AdministratorId, Lifetime, Permission, ProfileId};

/// What waits for an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalKind {
    /// A certificate is asked for.
    CertificateRequest,
    /// A certification authority is to be made.
    CaCreation,
    /// A certificate profile, a certificate policy or an approval policy is to be made or changed.
    PolicyChange,
    /// A domain is to be delegated.
    Delegation,
}

impl ApprovalKind {
    /// Every kind.
    pub const ALL: &'static [Self] =
        &[Self::CertificateRequest, Self::CaCreation, Self::PolicyChange, Self::Delegation];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CertificateRequest => "certificate_request",
            Self::CaCreation => "ca_creation",
            Self::PolicyChange => "policy_change",
            Self::Delegation => "delegation",
        }
    }

    /// What somebody needs beside `approval.decide` to decide it: where it is not about one certificate, the right
    /// to do it themselves.
    #[must_use]
    pub const fn guards(self) -> Option<Permission> {
        match self {
            Self::CertificateRequest => None,
            Self::CaCreation => Some(Permission::CaCreate),
            Self::PolicyChange => Some(Permission::ProfileWrite),
            Self::Delegation => Some(Permission::DomainDelegate),
        }
    }
}

/// Who may decide, of those whose rights reach it; nobody named: all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Approvers {
    /// Who holds one of these roles there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
    /// These.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub administrators: Vec<AdministratorId>,
}

impl Approvers {
    /// Whether nobody is named, so that whoever has the right may decide.
    #[must_use]
    pub const fn is_everybody(&self) -> bool {
        self.roles.is_empty() && self.administrators.is_empty()
    }
}

/// Who may decide as well once nobody did for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Escalation {
    /// How long after the request.
    pub after: Lifetime,
    /// Who joins; nobody named: whoever has the right.
    #[serde(default, skip_serializing_if = "Approvers::is_everybody")]
    pub approvers: Approvers,
}

/// Approves a certificate request at once, if all that it names holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AutomaticRule {
    /// What people call it; the request's timeline names it.
    pub name: String,
    /// Why it is safe, for whoever reads the timeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The request is by one of these profiles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<ProfileId>,
    /// Each of its names fits one of these patterns, as in a certificate policy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// One of these asks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requesters: Vec<AdministratorId>,
    /// Who asks holds one of these roles there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
}

/// How often something has to be approved, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApprovalRule {
    /// How many different administrators have to approve; 0: nobody has to.
    #[schemars(range(max = 20))]
    pub required: u8,
    /// Who may; missing: whoever has the right.
    #[serde(default, skip_serializing_if = "Approvers::is_everybody")]
    pub approvers: Approvers,
    /// Whether it has to be somebody else than who asks.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub four_eyes: bool,
    /// How long it may take; missing: 14 d. Then the request is void.
    #[serde(default = "two_weeks", skip_serializing_if = "is_two_weeks")]
    pub expires: Lifetime,
    /// How long after the request those who may decide are reminded; missing: 3 d and 7 d.
    #[serde(default = "reminders", skip_serializing_if = "is_reminders")]
    pub remind: Vec<Lifetime>,
    /// Who may decide as well after a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate: Option<Escalation>,
    /// What is approved at once; for certificate requests only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub auto: Vec<AutomaticRule>,
}

impl ApprovalRule {
    /// So many approvals by whoever has the right, and the rest as usual.
    #[must_use]
    pub fn requiring(required: u8) -> Self {
        Self {
            required,
            approvers: Approvers::default(),
            four_eyes: true,
            expires: two_weeks(),
            remind: reminders(),
            escalate: None,
            auto: vec![],
        }
    }
}

const fn yes() -> bool {
    true
}
#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
const fn is_yes(value: &bool) -> bool {
    *value
}
const fn two_weeks() -> Lifetime {
    Lifetime::days(14)
}
fn is_two_weeks(value: &Lifetime) -> bool {
    *value == two_weeks()
}
fn reminders() -> Vec<Lifetime> {
    vec![Lifetime::days(3), Lifetime::days(7)]
}
fn is_reminders(value: &Vec<Lifetime>) -> bool {
    *value == reminders()
}

/// Why an automatic rule did not approve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnmatchedRule {
    /// The rule's name.
    pub rule: String,
    /// What of it did not hold, in words.
    pub why: String,
}
