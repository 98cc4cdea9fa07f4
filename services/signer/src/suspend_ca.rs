//! `suspend_ca` and `resume_ca`: from the event on keystore signs nothing with a suspended CA's key (K-9).

use bus::{Answer, Context, Reply};
use contracts::{
    CaId, Problem,
    id::Reference,
    signer::{CaView, ResumeCa, SuspendCa},
};
use runtime::repository::Executed;

use crate::{
    ca::{Ca, CaCommand},
    signer::Signer,
};

impl Signer {
    /// Answers the command.
    pub async fn suspend_ca(&self, context: Context, command: SuspendCa) -> Result<Answer<CaView>, Problem> {
        self.authority.admit::<SuspendCa>(&context).await?;
        let SuspendCa { ca, reason } = command;
        self.change_ca(&context, &ca, CaCommand::Suspend { reason }).await
    }

    /// Answers the command.
    pub async fn resume_ca(&self, context: Context, command: ResumeCa) -> Result<Answer<CaView>, Problem> {
        self.authority.admit::<ResumeCa>(&context).await?;
        let ResumeCa { ca, reason } = command;
        self.change_ca(&context, &ca, CaCommand::Resume { reason }).await
    }

    async fn change_ca(
        &self,
        context: &Context,
        reference: &Reference<CaId>,
        command: CaCommand,
    ) -> Result<Answer<CaView>, Problem> {
        let ca = self.find(|catalog| catalog.ca(context.tenant, reference).cloned()).await?;
        let ca = ca.ok_or_else(|| Problem::not_found("certification authority", reference))?;
        let executed = self.cas.execute(context, ca.id.uuid(), command).await?;
        let Executed { stream, version, position, replayed, state, dry_run } = executed;
        if let Some(dry_run) = dry_run {
            return Ok(Answer::Dry(dry_run));
        }
        self.known(position).await?;
        let result = CaView { status: Ca::status(&state), version, ..ca };
        Ok(Reply { stream: Some(stream), version, position, replayed, result }.into())
    }
}
