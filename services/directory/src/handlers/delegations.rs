//! Delegations and approval policies as matters of approval.

use contracts::{
    Actor, AdministratorId, ApprovalId, DomainId, OrganizationId, Problem,
    command::Change,
    directory::{
        ApprovalKind, ApprovalMatter, ApprovalPlace, ApprovalPolicyProposed, ApprovalRule, Delegate,
        DelegateReference, KindRule, RequestApproval,
    },
    id::Reference,
};
use eventlog::Recorded;
use runtime::{command::read_problem, domains};
use serde_json::json;

use super::{Handlers, INSTALLATION};

/// What the subjects of approvals of approval policies begin with.
pub const POLICY: &str = "approval-policy";

/// A delegation, as approvals name it: `dom_…/org_…`, and `/dep_…` of a department.
fn name(domain: DomainId, delegate: Delegate) -> String {
    let whose = format!("{domain}/{}", delegate.organization_id);
    delegate.department_id.map_or(whose.clone(), |department| format!("{whose}/{department}"))
}

/// The delegation that an approval is about.
#[must_use]
pub fn subject(name: &str) -> Option<(DomainId, Delegate)> {
    let mut parts = name.split('/');
    let domain = parts.next()?.parse().ok()?;
    let organization_id = parts.next()?.parse().ok()?;
    let department_id = match parts.next() {
        Some(department) => Some(department.parse().ok()?),
        None => None,
    };
    Some((domain, Delegate { organization_id, department_id }))
}

impl Handlers {
    /// The approvals of a delegation that wait.
    pub(crate) async fn open_delegation(
        &self,
        domain: DomainId,
        delegate: Delegate,
    ) -> Result<Vec<ApprovalId>, Problem> {
        self.waiting.catch_up().await.map_err(read_problem)?;
        let subject = name(domain, delegate);
        Ok(self.waiting.read(|waiting| waiting.about(ApprovalKind::Delegation, &subject)))
    }

    /// The rule by which a delegation that is asked for needs approval: a master's word unless a policy says more. A master
    /// delegates at once, so nothing is won by another's word where nobody asked for it.
    pub(crate) async fn delegation_rule(
        &self,
        organization: OrganizationId,
    ) -> Result<ApprovalRule, Problem> {
        let rule = self.approval_rule(organization, ApprovalKind::Delegation).await?;
        Ok(rule.unwrap_or_else(|| ApprovalRule { four_eyes: false, ..ApprovalRule::requiring(1) }))
    }

    /// The approval of a delegation that is asked for.
    pub(crate) async fn delegation_approval(
        &self,
        recorded: &Recorded,
        domain: &domains::Domain,
        delegate: Delegate,
        id: ApprovalId,
    ) -> Result<RequestApproval, Problem> {
        let known = domain.delegations.get(&delegate).cloned().unwrap_or_default();
        let whom = match delegate.reference() {
            DelegateReference::Organization(Reference::Id(id)) => {
                let known = self.authority.organization(id);
                known.map_or_else(|| id.to_string(), |known| format!("the organization '{}'", known.name))
            }
            other => other.to_string(),
        };
        let place = ApprovalPlace {
            department_id: delegate.department_id,
            installation: true,
            ..ApprovalPlace::default()
        };
        let matter = ApprovalMatter {
            kind: ApprovalKind::Delegation,
            subject_id: name(domain.id, delegate),
            requested_by: asked_by(recorded),
            place,
        };
        Ok(RequestApproval {
            id,
            matter,
            summary: format!("delegate the domain '{}' to {whom}", domain.name),
            changes: vec![Change {
                pointer: "/types".to_owned(),
                from: json!(known.types),
                to: json!(known.requested),
            }],
            rule: self.delegation_rule(delegate.organization_id).await?,
            unmatched: vec![],
        })
    }

    /// The approval of a new approval policy.
    pub(crate) async fn policy_approval(
        &self,
        recorded: &Recorded,
        now: &[KindRule],
        proposed: ApprovalPolicyProposed,
        whose: OrganizationId,
    ) -> Result<RequestApproval, Problem> {
        let rule = self.approval_rule(whose, ApprovalKind::PolicyChange).await?;
        let (place, words) = if whose == INSTALLATION {
            (ApprovalPlace { installation: true, ..ApprovalPlace::default() }, "the installation".to_owned())
        } else {
            let known = self.authority.organization(whose).map_or_else(String::new, |known| known.name);
            (ApprovalPlace::default(), format!("the organization '{known}'"))
        };
        let matter = ApprovalMatter {
            kind: ApprovalKind::PolicyChange,
            subject_id: format!("{POLICY}/{whose}"),
            requested_by: asked_by(recorded),
            place,
        };
        Ok(RequestApproval {
            id: proposed.approval_id,
            matter,
            summary: format!("change which acts of {words} need approval"),
            changes: vec![Change {
                pointer: "/rules".to_owned(),
                from: json!(now),
                to: json!(proposed.rules),
            }],
            rule: rule.unwrap_or_else(|| ApprovalRule::requiring(1)),
            unmatched: vec![],
        })
    }
}

/// Who brought an event about, unless it was a service.
fn asked_by(recorded: &Recorded) -> Option<AdministratorId> {
    match recorded.actor.parse() {
        Ok(Actor::Administrator { administrator, .. }) => Some(administrator),
        _ => None,
    }
}
