//! Samples and denials, which the gateway reports.

use bus::{Answer, Context, Reply};
use contracts::{
    Problem,
    directory::{AuditRead, DenialRecorded, RecordAuditRead, RecordDenial, RecordTokenUse},
};

use super::Handlers;

impl Handlers {
    /// Keeps when tokens were last used.
    pub async fn record_token_use(
        &self,
        context: &Context,
        command: RecordTokenUse,
    ) -> Result<Answer<()>, Problem> {
        self.authority.admit::<RecordTokenUse>(context).await?;
        self.token_use.record(&command.uses).await?;
        Ok(Answer::Done(Reply::nothing(())))
    }

    /// Records a refused sensitive call in the caller's organization.
    pub async fn record_denial(
        &self,
        context: &Context,
        command: RecordDenial,
    ) -> Result<Answer<()>, Problem> {
        let RecordDenial { denial } = command;
        let done = self.denials.create(context, context.command_id, shortened(denial).into()).await?;
        Ok(done.answer(|_| ()))
    }

    /// Records that somebody reads the audit trail, in their organization.
    pub async fn record_audit_read(
        &self,
        context: &Context,
        command: RecordAuditRead,
    ) -> Result<Answer<()>, Problem> {
        let RecordAuditRead { read } = command;
        let read = AuditRead { query: cut(read.query), address: read.address.map(cut), ..read };
        let done = self.readings.create(context, context.command_id, read.into()).await?;
        Ok(done.answer(|_| ()))
    }
}

/// What a person sent, cut to what a line of a report can hold.
fn cut(text: String) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// A denial holds what a stranger sent: it is cut to what a line of a report can hold.
fn shortened(denial: DenialRecorded) -> DenialRecorded {
    DenialRecorded {
        operation: cut(denial.operation),
        permission: denial.permission,
        target: denial.target.map(cut),
        code: cut(denial.code),
        address: denial.address.map(cut),
    }
}
