//! Approval policies: replaced as a whole, at once or once that is approved itself.

use bus::{Answer, Context, Waits};
use contracts::{
    Actor, ApprovalId, OrganizationId, Problem,
    directory::{
        ApprovalKind, ApprovalPolicyView, ApprovalRule, ReplaceApprovalPolicy, approval_policy_stream,
    },
};
use runtime::{approvals, authority::Target, command::read_problem};

use super::{Handlers, INSTALLATION, hidden, within};
use crate::approval_policy::PolicyCommand;

impl Handlers {
    /// Replaces the installation's policy, or an organization's.
    pub async fn replace_approval_policy(
        &self,
        context: &Context,
        command: ReplaceApprovalPolicy,
    ) -> Result<Answer<ApprovalPolicyView>, Problem> {
        let ReplaceApprovalPolicy { organization, rules } = command;
        let owner = match &organization {
            None => {
                self.authority.admit_to::<ReplaceApprovalPolicy>(context, &Target::INSTALLATION).await?;
                INSTALLATION
            }
            Some(reference) => {
                let owner = self.organization(reference).await?;
                let admitted = self.authority.admit::<ReplaceApprovalPolicy>(&within(context, owner)).await;
                admitted.map_err(|denied| hidden(denied, "organization", reference))?;
                if self.organizations.load(owner.uuid()).await?.version == 0 {
                    return Err(Problem::not_found("organization", reference));
                }
                owner
            }
        };
        let organization = (owner != INSTALLATION).then_some(owner);
        let needs = self.approval_rule(owner, ApprovalKind::PolicyChange).await?;
        self.waiting.read(|waiting| waiting.policies().can_be_met_with(owner, &rules))?;
        let asks = matches!(context.actor, Actor::Administrator { .. }) && needs.is_some();
        let approval: ApprovalId = self.ids.id();
        let change = if asks && !context.dry_run {
            PolicyCommand::Propose { organization, rules, approval }
        } else {
            PolicyCommand::Replace { organization, rules }
        };
        let done = self
            .approval_policies
            .execute(&within(context, owner), approval_policy_stream(owner), change)
            .await?;
        if asks && done.dry_run.is_none() && done.state.proposed.is_some() && done.position > 0 {
            return Ok(Answer::Waits(Waits { position: done.position, replayed: done.replayed }));
        }
        Ok(done.answer(|done| ApprovalPolicyView {
            organization_id: organization,
            rules: done.state.rules.clone(),
            waiting_for: done.state.proposed.as_ref().map(|(approval, _)| *approval),
            version: done.version,
        }))
    }

    /// The rule by which an act of an organization needs approval, as of now.
    pub(crate) async fn approval_rule(
        &self,
        organization: OrganizationId,
        kind: ApprovalKind,
    ) -> Result<Option<ApprovalRule>, Problem> {
        self.waiting.catch_up().await.map_err(read_problem)?;
        Ok(self.waiting.read(|waiting| {
            let policies = waiting.policies();
            let rules = approvals::Rules {
                profile: None,
                organization: policies.of(organization),
                installation: policies.installation(),
                production: self.production,
            };
            approvals::rule(kind, rules)
        }))
    }
}
