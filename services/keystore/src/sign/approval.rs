//! The approval of a CA, as the log has it.

use contracts::{
    OrganizationId, Problem,
    directory::{ApprovalEvent, ApprovalKind, ApprovalPolicyEvent, approval_policy_stream},
    signer::{CaIntended, micro_ca_id},
};
use eventlog::Recorded;
use runtime::{
    approvals::{self, ApprovalPolicies},
    command::{event, read_problem},
};
use uuid::Uuid;

use super::Signing;
use crate::precondition;

impl Signing {
    /// Refuses a CA that lacks the approval that the rules asked for when it was intended. What an organization starts
    /// with needs none.
    pub(super) async fn approved(
        &self,
        organization: OrganizationId,
        intended: &CaIntended,
    ) -> Result<(), Problem> {
        if intended.id == micro_ca_id(organization) {
            return Ok(());
        }
        let at = self.history(intended.id.uuid()).await?.first().map(|first| first.position);
        let mut policies = ApprovalPolicies::default();
        for owner in [OrganizationId::INSTALLATION, organization] {
            let history = self.history(approval_policy_stream(owner)).await?;
            for recorded in history.iter().filter(|recorded| Some(recorded.position) < at) {
                policies.apply(event::<ApprovalPolicyEvent>(recorded)?);
            }
        }
        let rules = approvals::Rules {
            profile: None,
            organization: policies.of(organization),
            installation: policies.installation(),
            production: self.production,
        };
        let rule = approvals::rule(ApprovalKind::CaCreation, rules);
        let mut approval = vec![];
        if let Some(id) = intended.approval_id {
            for recorded in &self.history(id.uuid()).await? {
                approval.push((OrganizationId(recorded.tenant), event::<ApprovalEvent>(recorded)?));
            }
        }
        Ok(precondition::approved(intended, organization, rule.as_ref(), &approval)?)
    }

    async fn history(&self, stream: Uuid) -> Result<Vec<Recorded>, Problem> {
        self.reader.read_stream(stream, 0).await.map_err(read_problem)
    }
}
