//! The commands about approvals: asked for by whoever guards an act, decided by those whose rights reach it.

use bus::{Answer, Context};
use contracts::{
    ApprovalId, OrganizationId, Problem,
    directory::{ApprovalView, DeclineApproval, GiveApproval, RequestApproval, WithdrawApproval},
};
use runtime::{authority::Target, repository::Executed};

use super::{Handlers, INSTALLATION, deciders::target, hidden, within};
use crate::approval::{self, Approval, ApprovalCommand, Known};

impl Handlers {
    /// Asks for an approval, on behalf of whoever guards the act.
    pub async fn request_approval(
        &self,
        context: &Context,
        command: RequestApproval,
    ) -> Result<Answer<ApprovalView>, Problem> {
        self.authority.admit::<RequestApproval>(context).await?;
        let id = command.id;
        let request = ApprovalCommand::Request(Box::new(command));
        let done = self.approvals.execute(context, id.uuid(), request).await?;
        self.approval_answer(context.tenant, done).await
    }

    /// Approves.
    pub async fn give_approval(
        &self,
        context: &Context,
        command: GiveApproval,
    ) -> Result<Answer<ApprovalView>, Problem> {
        let GiveApproval { approval, message } = command;
        let (context, by, known) = self.decider::<GiveApproval>(context, approval).await?;
        let lapsed = known.given.iter().map(|given| given.by);
        let lapsed = lapsed.filter(|who| !self.may_decide(*who, &known, context.tenant)).collect();
        let give = ApprovalCommand::Give { by, message, lapsed };
        let done = self.approvals.execute(&context, approval.uuid(), give).await?;
        self.approval_answer(context.tenant, done).await
    }

    /// Says no.
    pub async fn decline_approval(
        &self,
        context: &Context,
        command: DeclineApproval,
    ) -> Result<Answer<ApprovalView>, Problem> {
        let DeclineApproval { approval, reason } = command;
        let (context, by, _) = self.decider::<DeclineApproval>(context, approval).await?;
        let decline = ApprovalCommand::Decline { by, reason };
        let done = self.approvals.execute(&context, approval.uuid(), decline).await?;
        self.approval_answer(context.tenant, done).await
    }

    /// Asks for it no more.
    pub async fn withdraw_approval(
        &self,
        context: &Context,
        command: WithdrawApproval,
    ) -> Result<Answer<ApprovalView>, Problem> {
        let WithdrawApproval { approval, reason } = command;
        let (known, tenant) = self.known_approval(approval).await?;
        let context = &within(context, tenant);
        let caller = self.authority.caller::<WithdrawApproval>(context).await;
        let caller = caller.map_err(|denied| hidden(denied, "approval", &approval))?;
        // Also where others decide it for the installation: they asked for it in their own place.
        let matter = &known.requested.matter;
        let place = match matter.place.installation && tenant != INSTALLATION {
            true => {
                Target { owner: matter.requested_by, ..Target::within(tenant, matter.place.department_id) }
            }
            false => target(&known, tenant),
        };
        caller.permit(&place).map_err(|denied| hidden(denied, "approval", &approval))?;
        let by = caller.principal().map(|principal| principal.administrator);
        let withdraw = ApprovalCommand::Withdraw { by, reason };
        let done = self.approvals.execute(context, approval.uuid(), withdraw).await?;
        self.approval_answer(tenant, done).await
    }

    /// An approval, and whose it is. Errors: `not_found`.
    pub(crate) async fn known_approval(
        &self,
        approval: ApprovalId,
    ) -> Result<(Known, OrganizationId), Problem> {
        let found = self.approvals.reload(approval.uuid()).await?;
        let missing = || Problem::not_found("approval", approval);
        let known = found.state.0.clone().ok_or_else(missing)?;
        Ok((known, found.tenant.ok_or_else(missing)?))
    }

    async fn approval_answer(
        &self,
        tenant: OrganizationId,
        done: Executed<Approval>,
    ) -> Result<Answer<ApprovalView>, Problem> {
        let created_at = self.created_at(done.stream).await?;
        let known = done.state.0.clone().ok_or_else(Problem::internal)?;
        Ok(done.answer(|done| approval::view(&known, tenant, created_at, done.version)))
    }
}
