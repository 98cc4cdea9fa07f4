//! From a command's context to what the log appends, and from what the log says to what the caller reads.

use bus::Context;
use contracts::{Code, Event, Problem};
use eventlog::{Append, AppendError, Expected, NewEvent, ReadError, Recorded};
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use crate::ids::Ids;

/// What the log appends for a command that led to `events` on `stream`.
pub fn append<E: Event>(
    context: &Context,
    ids: &Ids,
    stream: Uuid,
    expected: Expected,
    events: &[E],
) -> Result<Append, Problem> {
    let events: Result<Vec<NewEvent>, Problem> = events.iter().map(|event| new_event(ids, event)).collect();
    Ok(Append {
        tenant: context.tenant.uuid(),
        category: E::CATEGORY,
        stream,
        expected,
        command_id: context.command_id,
        fingerprint: context.fingerprint,
        causation: context.causation,
        correlation: context.correlation,
        actor: context.actor.to_string(),
        traceparent: context.traceparent.clone(),
        events: events?,
    })
}

fn new_event<E: Event>(ids: &Ids, event: &E) -> Result<NewEvent, Problem> {
    let payload = event.to_payload().map_err(|error| {
        tracing::error!(%error, kind = event.kind(), "event cannot be written as JSON");
        Problem::internal()
    })?;
    // The log takes no event with these words in it (K-5); here it can still be said whose mistake it is.
    if payload.contains("PRIVATE KEY") {
        return Err(Problem::new(Code::ValidationFailed, "a text holds a private key, or looks like one"));
    }
    Ok(NewEvent { id: ids.uuid(), kind: event.kind(), schema: event.schema_version(), payload })
}

/// What the caller reads when the log refused.
#[must_use]
pub fn append_problem(error: &AppendError) -> Problem {
    match error {
        AppendError::Conflict { .. } => {
            Problem::unavailable("it was changed by others at the same time; try again")
        }
        AppendError::KeyReuse => Problem::new(
            Code::IdempotencyKeyReused,
            "the idempotency key was used for another request; use a new key, or send the same request",
        ),
        AppendError::Unavailable(_) => {
            tracing::warn!(%error, "the log is not available");
            Problem::unavailable("the log is not available at the moment; try again")
        }
        AppendError::WrongStream | AppendError::Refused(_) => {
            tracing::error!(%error, "the log refused an append");
            Problem::internal()
        }
    }
}

/// The event in a record. Errors: `internal`, when this program does not know its type or version (O-6).
pub fn event<E: Event>(recorded: &Recorded) -> Result<E, Problem> {
    E::from_payload(&recorded.kind, recorded.schema, &recorded.payload).map_err(|error| {
        tracing::error!(%error, position = recorded.position, "event cannot be read");
        Problem::internal()
    })
}

/// What the caller reads when the log cannot be read. `error` goes to the log alone. A stream of a category that this
/// service may not read is none of its own: whoever names it names nothing that is here.
pub fn read_problem(error: ReadError) -> Problem {
    if let ReadError::Database(refused) = &error
        && refused.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE)
    {
        tracing::warn!(error = crate::error::words(&error), "a stream of another service was named");
        return Problem::new(Code::NotFound, "there is nothing of this id, or it is not visible to you");
    }
    tracing::warn!(error = crate::error::words(&error), "the log cannot be read");
    Problem::unavailable("the log cannot be read at the moment; try again")
}
