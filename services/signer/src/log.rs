//! Reading back from the log what commands did.

use bus::Context;
use contracts::{Problem, Service};
use eventlog::{AppendError, Reader, Recorded};
use runtime::command::{append_problem, read_problem};
use uuid::Uuid;

/// The first event of the command with this id, if it was done before. Errors: `idempotency_key_reused`.
pub async fn first_event(reader: &Reader, context: &Context) -> Result<Option<Recorded>, Problem> {
    let Some(first) = reader.outcome(context.command_id).await.map_err(read_problem)? else {
        return Ok(None);
    };
    if first.fingerprint != context.fingerprint {
        return Err(append_problem(&AppendError::KeyReuse));
    }
    at(reader, first.first).await
}

/// The first event of the step of a command with this id, if it was done before.
pub async fn first_event_of_step(reader: &Reader, step: Uuid) -> Result<Option<Recorded>, Problem> {
    match reader.outcome(step).await.map_err(read_problem)? {
        Some(first) => at(reader, first.first).await,
        None => Ok(None),
    }
}

async fn at(reader: &Reader, position: i64) -> Result<Option<Recorded>, Problem> {
    Ok(reader.read(position - 1, Some(Service::Signer.row().writes), 1).await.map_err(read_problem)?.pop())
}
