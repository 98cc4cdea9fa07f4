//! The issuance that came of a certificate request.

use contracts::{
    Event, Problem,
    signer::{CertificateRequestSubmitted, IssuanceEvent, intent_command},
};
use eventlog::{Reader, Recorded};
use uuid::Uuid;

use crate::{events, read};

/// Its events; none while there is no intent.
///
/// A request names the stream that it meant to write. When the serial number turned out to be taken, that stream is
/// another certificate's, and the intent is found by its command.
pub async fn of_request(
    reader: &Reader,
    recorded: &Recorded,
    submitted: &CertificateRequestSubmitted,
) -> Result<Vec<Recorded>, Problem> {
    let named = read_stream(reader, submitted.issuance).await?;
    if is_of(&named, submitted)? {
        return Ok(named);
    }
    let step = intent_command(recorded.command_id);
    let outcome = reader.outcome(step).await.map_err(|error| events::unreadable(&error))?;
    let Some(outcome) = outcome else { return Ok(Vec::new()) };
    let intent = reader.read(outcome.first - 1, None, 1).await.map_err(|error| events::unreadable(&error))?;
    match intent.first() {
        Some(intent) => read_stream(reader, intent.stream).await,
        None => Ok(Vec::new()),
    }
}

async fn read_stream(reader: &Reader, stream: Uuid) -> Result<Vec<Recorded>, Problem> {
    reader.read_stream(stream, 0).await.map_err(|error| events::unreadable(&error))
}

/// Whether an issuance's events are about this request.
fn is_of(issuance: &[Recorded], submitted: &CertificateRequestSubmitted) -> Result<bool, Problem> {
    let Some(first) = issuance.first() else { return Ok(false) };
    let event =
        IssuanceEvent::from_payload(&first.kind, first.schema, &first.payload).map_err(read::internal)?;
    Ok(matches!(event, IssuanceEvent::Intended(intended) if intended.request_id == submitted.id))
}
