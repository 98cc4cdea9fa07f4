//! `/operations/{id}`: where slow work stands. An operation is the command it follows; what became of it is read from
//! the log, so it is there from the moment that 202 was answered.

mod standing;

use contracts::{
    Code, Event, OperationId, Permission, Problem, Timestamp, directory::PersonImportEvent,
    signer::CertificateRequestEvent,
};
use eventlog::{CommandOutcome, Recorded};
use http::StatusCode;
use runtime::authority::Principal;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{answer::Answer, call::Call, events, operation::Operation, translate, waiting::Progress};

/// Where slow work stands.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationView {
    /// Its id: that of the command.
    pub id: OperationId,
    /// What it works on: `certificate_request`, or another aggregate's type.
    pub kind: String,
    /// Where it stands.
    pub status: OperationStatus,
    /// What it waits for: `approval`, or the `certificate` of a CA outside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<&'static str>,
    /// How far it is, where that can be counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// What it makes or changes.
    pub resource: OperationResource,
    /// When it was accepted.
    pub started_at: Timestamp,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
}

/// Where an operation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OperationStatus {
    /// It waits for people; `waitingFor` and `progress` say more.
    Waiting,
    /// Work goes on, whatever happens to the caller.
    Running,
    /// Done.
    Done,
    /// It stands still; `error` says why. Where that is retryable it runs again once somebody removes the cause.
    Failed,
}

/// What an operation makes or changes.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationResource {
    /// The aggregate's type.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Where it is.
    pub path: Option<String>,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/api/v1/operations/{id}", "getOperation", "Show where slow work stands")
            .signed_in()
            .tagged("Service")
            .answers::<OperationView>(StatusCode::OK, "The operation.", example())
            .handled_by(show),
    ]
}

async fn show(call: Call) -> Result<Answer, Problem> {
    let id: OperationId = call.parse("id")?;
    let missing = || Problem::not_found("operation", id);
    let outcome = call.gateway.reader.outcome(id.uuid()).await.map_err(|error| events::unreadable(&error))?;
    let view = of_outcome(&call, id, &outcome.ok_or_else(missing)?).await?;
    Answer::json(StatusCode::OK, &view.ok_or_else(missing)?)
}

/// The answer to a command that goes on.
pub async fn accepted(call: &Call, id: OperationId, outcome: &CommandOutcome) -> Result<Answer, Problem> {
    let view = view(call, id, outcome).await?;
    let answer = Answer::json(StatusCode::ACCEPTED, &view)?;
    Ok(answer.located(&format!("/api/v1/operations/{id}")).at(outcome.last))
}

/// What a command that goes on does. Errors: `command_timeout`, should its events be nowhere to be seen.
pub async fn view(call: &Call, id: OperationId, outcome: &CommandOutcome) -> Result<OperationView, Problem> {
    of_outcome(call, id, outcome).await?.ok_or_else(|| {
        Problem::new(
            Code::CommandTimeout,
            "the answer did not come in time; repeat with the same Idempotency-Key",
        )
    })
}

/// What became of a command, if the caller may see it.
async fn of_outcome(
    call: &Call,
    id: OperationId,
    outcome: &CommandOutcome,
) -> Result<Option<OperationView>, Problem> {
    let unreadable = |error| events::unreadable(&error);
    let first = call.gateway.reader.read(outcome.first - 1, None, 1).await.map_err(unreadable)?;
    let Some(first) = first.first() else { return Ok(None) };
    if !sees(call.caller()?, first)? {
        return Ok(None);
    }
    let mut view = OperationView {
        id,
        kind: first.category.clone(),
        status: OperationStatus::Done,
        waiting_for: None,
        progress: None,
        resource: OperationResource {
            kind: first.category.clone(),
            id: first.stream.to_string(),
            path: None,
        },
        started_at: first.recorded_at,
        error: None,
    };
    standing::tell(call, &mut view, first).await?;
    if view.error.is_some() {
        view.status = OperationStatus::Failed;
    }
    Ok(Some(view))
}

/// Whoever sent a command sees what became of it, unless the token is for something else; others, if they may read what
/// it is about.
fn sees(caller: &Principal, event: &Recorded) -> Result<bool, Problem> {
    let own = translate::principal(&event.actor) == caller.administrator.to_string();
    if own && caller.reaches(event.tenant.into()) && !events::is_limited(caller) {
        return Ok(true);
    }
    let permission = match event.category.as_str() {
        CertificateRequestEvent::CATEGORY => Permission::RequestRead,
        PersonImportEvent::CATEGORY => Permission::PersonWrite,
        _ => Permission::EventRead,
    };
    events::may_read(caller, permission, event)
}

/// An example of an operation.
pub fn example() -> Value {
    let request = "req_01jdp4q2x8f7mb3v5kz6n9w0ae";
    json!({"id": "op_01jdp4q2x8f7mb3v5kz6n9w0ae", "kind": "certificate_request", "status": "running",
        "resource": {"kind": "certificate_request", "id": request, "path": format!("/api/v1/certificate-requests/{request}")},
        "startedAt": "2026-11-21T09:00:00Z"})
}
