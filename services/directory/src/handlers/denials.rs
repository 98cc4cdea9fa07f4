//! Refused sensitive calls.

use bus::{Answer, Context};
use contracts::{
    Problem,
    directory::{DenialRecorded, RecordDenial},
};

use super::Handlers;

impl Handlers {
    /// Records a refused sensitive call in the caller's organization.
    pub async fn record_denial(
        &self,
        context: &Context,
        command: RecordDenial,
    ) -> Result<Answer<()>, Problem> {
        let RecordDenial { denial } = command;
        let done = self.denials.create(context, context.command_id, shortened(denial)).await?;
        Ok(done.answer(|_| ()))
    }
}

/// A denial holds what a stranger sent: it is cut to what a line of a report can hold.
fn shortened(denial: DenialRecorded) -> DenialRecorded {
    let cut = |text: String| text.chars().filter(|c| !c.is_control()).take(200).collect::<String>();
    DenialRecorded {
        operation: cut(denial.operation),
        permission: denial.permission,
        target: denial.target.map(cut),
        code: cut(denial.code),
        address: denial.address.map(cut),
    }
}
