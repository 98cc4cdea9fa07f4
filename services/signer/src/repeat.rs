//! A command that comes again with the same id goes on where the first is, and gets the same answer.

use bus::{Answer, Context, Reply, Waits};
use contracts::{
    Problem,
    signer::{ApprovalNeed, CertificateRequestEvent, IssuanceEvent, IssuedCertificate},
};
use runtime::command::{event, read_problem};
use uuid::Uuid;

use crate::{
    issue::{Intent, Issued},
    log,
    signer::Signer,
    submit::intent_step,
    view,
};

impl Signer {
    /// Finishes the request that an earlier command with the same id submitted; `None` when there was none, or when no
    /// free serial number was found for it.
    ///
    /// Errors: `idempotency_key_reused`; those of [`Signer::issue`].
    pub(crate) async fn go_on(
        &self,
        context: &Context,
    ) -> Result<Option<Answer<IssuedCertificate>>, Problem> {
        let Some(recorded) = log::first_event(&self.reader, context).await? else { return Ok(None) };
        let CertificateRequestEvent::Submitted(submitted) = event(&recorded)? else { return Ok(None) };
        if submitted.manual || matches!(submitted.approval, Some(ApprovalNeed::Needed { .. })) {
            // It goes on by itself; the operation says how far it is.
            return Ok(Some(Answer::Waits(Waits { position: recorded.position, replayed: true })));
        }
        let Some(intent) = self.recorded_intent(context).await? else { return Ok(None) };
        let issued = match self.certificate_of(intent.stream).await? {
            Some(issued) => issued,
            None => self.issue(context, &intent).await?,
        };
        let requested_by = view::principal(&recorded.actor).to_owned();
        let reply = self.answer(context, submitted, requested_by, &intent, issued);
        Ok(Some(Reply { replayed: true, ..reply }.into()))
    }

    /// The intent that was recorded together with the request, or after it if its serial number was taken.
    async fn recorded_intent(&self, context: &Context) -> Result<Option<Intent>, Problem> {
        let step = intent_step(context).command_id;
        let Some(recorded) = log::first_event_of_step(&self.reader, step).await? else {
            tracing::warn!(command_id = %context.command_id, "a certificate request has no intent yet");
            return Ok(None);
        };
        let IssuanceEvent::Intended(intended) = event(&recorded)? else { return Err(Problem::internal()) };
        Ok(Some(Intent { stream: recorded.stream, intended }))
    }

    /// The certificate of an issuance, if it is finished. Errors: `internal` for one that was withheld.
    async fn certificate_of(&self, issuance: Uuid) -> Result<Option<Issued>, Problem> {
        let tail = self.reader.read_stream(issuance, 1).await.map_err(read_problem)?;
        let Some(recorded) = tail.first() else { return Ok(None) };
        Ok(match event(recorded)? {
            IssuanceEvent::Completed(completed) => {
                Some(Issued { certificate: completed.certificate, position: recorded.position })
            }
            IssuanceEvent::Withheld(withheld) => return Err(withheld.problem()),
            IssuanceEvent::Intended(_) => None,
        })
    }
}
