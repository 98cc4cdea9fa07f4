//! The issuance that came of a certificate request.

use contracts::{
    CertificateRequestId, Event, Problem,
    signer::{ApprovalNeed, CertificateRequestEvent, IssuanceEvent, approved_command, intent_command},
};
use eventlog::{Reader, Recorded};
use uuid::Uuid;

use crate::{events, read};

/// Its events; none while there is no intent. `history`: the request's own events.
///
/// A request that needs no approval names the stream that it meant to write. When the serial number turned out to be
/// taken, that stream is another certificate's, and the intent is found by its command; so it is after an approval.
pub async fn of_request(reader: &Reader, history: &[Recorded]) -> Result<Vec<Recorded>, Problem> {
    let Some(recorded) = history.first() else { return Ok(Vec::new()) };
    let CertificateRequestEvent::Submitted(submitted) = read_event(recorded)? else { return Ok(Vec::new()) };
    if let Some(issuance) = submitted.issuance {
        let named = read_stream(reader, issuance).await?;
        if is_of(&named, submitted.id)? {
            return Ok(named);
        }
    }
    let submission = match submitted.approval {
        Some(ApprovalNeed::Needed { approval_id, .. }) => approved_command(approval_id),
        Some(ApprovalNeed::Automatic { .. }) | None => recorded.command_id,
    };
    let step = intent_command(submission);
    let outcome = reader.outcome(step).await.map_err(|error| events::unreadable(&error))?;
    let Some(outcome) = outcome else { return Ok(Vec::new()) };
    let intent = reader.read(outcome.first - 1, None, 1).await.map_err(|error| events::unreadable(&error))?;
    // An approved request ends with an intent or, under the same command, with a failure.
    match intent.first().filter(|event| event.category == IssuanceEvent::CATEGORY) {
        Some(intent) => read_stream(reader, intent.stream).await,
        None => Ok(Vec::new()),
    }
}

/// An event of a request.
pub fn read_event(recorded: &Recorded) -> Result<CertificateRequestEvent, Problem> {
    Event::from_payload(&recorded.kind, recorded.schema, &recorded.payload).map_err(read::internal)
}

async fn read_stream(reader: &Reader, stream: Uuid) -> Result<Vec<Recorded>, Problem> {
    reader.read_stream(stream, 0).await.map_err(|error| events::unreadable(&error))
}

/// Whether an issuance's events are about this request.
fn is_of(issuance: &[Recorded], request: CertificateRequestId) -> Result<bool, Problem> {
    let Some(first) = issuance.first() else { return Ok(false) };
    let event =
        IssuanceEvent::from_payload(&first.kind, first.schema, &first.payload).map_err(read::internal)?;
    Ok(matches!(event, IssuanceEvent::Intended(intended) if intended.request_id == request))
}
