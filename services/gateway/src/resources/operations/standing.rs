//! How far an operation is: read from the events of what it works on.

use contracts::{
    ApprovalId, CaId, CertificateRequestId, Code, Event, Problem,
    directory::{ApprovalEvent, ApprovalPolicyEvent, ImportStatus, PersonImportEvent},
    keystore::MasterKeyEvent,
    signer::{ActHeld, ApprovalNeed, CaEvent, CertificateRequestEvent, GuardedActEvent, IssuanceEvent},
};
use eventlog::Recorded;

use super::{OperationResource, OperationStatus, OperationView};
use crate::{
    call::Call,
    events, issuance, read,
    resources::{keystore, people_import},
    waiting::{self, Progress, Standing},
};

/// Tells where an operation stands, from its first event on.
pub async fn tell(call: &Call, view: &mut OperationView, first: &Recorded) -> Result<(), Problem> {
    match first.category.as_str() {
        PersonImportEvent::CATEGORY => of_import(call, view).await,
        CertificateRequestEvent::CATEGORY => of_request(call, view, first).await,
        MasterKeyEvent::CATEGORY => of_master_key(call, view, first).await,
        GuardedActEvent::CATEGORY => of_act(call, view, first).await,
        ApprovalPolicyEvent::CATEGORY => of_approval_policy(call, view, first).await,
        _ => Ok(()),
    }
}

/// An import of people.
async fn of_import(call: &Call, view: &mut OperationView) -> Result<(), Problem> {
    let id = view.id;
    view.resource.id = id.to_string();
    view.resource.path = Some(format!("/api/v1/people/imports/{id}"));
    let import = people_import::standing(call, id).await?;
    if import.as_ref().is_none_or(|import| import.status == ImportStatus::Running) {
        view.status = OperationStatus::Running;
    }
    view.progress = import.map(|import| Progress::new(import.done, import.lines, "lines"));
    Ok(())
}

/// A rotation of the master key: it goes on until nothing is under the one before.
async fn of_master_key(call: &Call, view: &mut OperationView, first: &Recorded) -> Result<(), Problem> {
    view.resource.path = Some("/api/v1/keystore".to_owned());
    view.status = OperationStatus::Running;
    let stream = call.gateway.reader.read_stream(first.stream, first.version).await;
    for recorded in &stream.map_err(|error| events::unreadable(&error))? {
        let event = MasterKeyEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload);
        match event.map_err(read::internal)? {
            // What comes after is another one.
            MasterKeyEvent::RotationBegun(_) => break,
            MasterKeyEvent::Rotated(_) => view.done(),
            MasterKeyEvent::Chosen(_)
            | MasterKeyEvent::Unsealed(_)
            | MasterKeyEvent::UnsealRefused(_)
            | MasterKeyEvent::SharesMade(_)
            | MasterKeyEvent::ShareEntered(_) => {}
            MasterKeyEvent::RotationAbandoned(_) => {
                view.fail(Problem::new(Code::InvalidState, "the new key was lost before it was used"));
            }
        }
    }
    if view.status == OperationStatus::Running {
        view.progress = keystore::progress(call).await?;
    }
    Ok(())
}

/// A certificate request: it may wait for its approval, then for its certificate.
async fn of_request(call: &Call, view: &mut OperationView, first: &Recorded) -> Result<(), Problem> {
    let request = CertificateRequestId(first.stream);
    view.resource.id = request.to_string();
    view.resource.path = Some(format!("/api/v1/certificate-requests/{request}"));
    view.status = OperationStatus::Running;
    let history = history(call, first).await?;
    for recorded in &history {
        match issuance::read_event(recorded)? {
            CertificateRequestEvent::Submitted(submitted) => {
                if let Some(ApprovalNeed::Needed { approval_id, required, .. }) = submitted.approval {
                    view.wait(&waiting::standing(&call.gateway.reader, approval_id).await?, required);
                }
            }
            CertificateRequestEvent::Approved(_) => view.go_on(),
            CertificateRequestEvent::Rejected(event) => {
                view.fail(Problem::new(Code::InvalidState, format!("it was not approved: {}", event.reason)));
            }
            CertificateRequestEvent::Cancelled(event) => {
                let why = event.reason.map_or(String::new(), |reason| format!(": {reason}"));
                view.fail(Problem::new(Code::InvalidState, format!("it was taken back{why}")));
            }
            CertificateRequestEvent::Failed(event) => view.fail(event.problem),
            CertificateRequestEvent::CsrMailWanted(_) => {}
            CertificateRequestEvent::CsrIntended(_) => view.go_on(),
            CertificateRequestEvent::CsrMade(_) | CertificateRequestEvent::CertificateReceived(_) => {
                (view.status, view.waiting_for) = (OperationStatus::Waiting, Some("certificate"));
            }
            CertificateRequestEvent::Completed(_) => view.done(),
        }
    }
    for event in &issuance::of_request(&call.gateway.reader, &history).await? {
        match IssuanceEvent::from_payload(&event.kind, event.schema, &event.payload) {
            Ok(IssuanceEvent::Intended(intended)) => {
                view.error = match intended.ca_id {
                    Some(ca) => suspension(call, ca).await?,
                    None => None,
                };
            }
            Ok(IssuanceEvent::Completed(_)) => {
                view.status = OperationStatus::Done;
                view.error = None;
            }
            Ok(IssuanceEvent::Withheld(withheld)) => view.error = Some(withheld.problem()),
            Err(error) => return Err(read::internal(error)),
        }
    }
    Ok(())
}

/// An act that waits for its approval, and is then done.
async fn of_act(call: &Call, view: &mut OperationView, first: &Recorded) -> Result<(), Problem> {
    for recorded in &history(call, first).await? {
        let event = GuardedActEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload);
        match event.map_err(read::internal)? {
            GuardedActEvent::Held(held) => {
                let ActHeld { approval, .. } = held;
                view.approval(approval.id);
                let standing = waiting::standing(&call.gateway.reader, approval.id).await?;
                view.wait(&standing, approval.rule.required);
            }
            GuardedActEvent::Done(done) => {
                view.done();
                view.resource = made(&done.subject_id);
            }
            GuardedActEvent::Failed(failed) => view.fail(failed.problem),
            GuardedActEvent::Dropped(_) => view.go_on(),
        }
    }
    Ok(())
}

/// A new approval policy that needs approval itself.
async fn of_approval_policy(call: &Call, view: &mut OperationView, first: &Recorded) -> Result<(), Problem> {
    let read = |recorded: &Recorded| {
        ApprovalPolicyEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload)
            .map_err(read::internal)
    };
    let ApprovalPolicyEvent::Proposed(proposed) = read(first)? else { return Ok(()) };
    view.approval(proposed.approval_id);
    let history = call.gateway.reader.read_stream(proposed.approval_id.uuid(), 0).await;
    let history = history.map_err(|error| events::unreadable(&error))?;
    let required = history.first().and_then(|requested| {
        match ApprovalEvent::from_payload(&requested.kind, requested.schema, &requested.payload) {
            Ok(ApprovalEvent::Requested(requested)) => Some(requested.required),
            _ => None,
        }
    });
    let standing = waiting::standing(&call.gateway.reader, proposed.approval_id).await?;
    view.wait(&standing, required.unwrap_or(1));
    let stream = call.gateway.reader.read_stream(first.stream, first.version).await;
    for recorded in &stream.map_err(|error| events::unreadable(&error))? {
        if let ApprovalPolicyEvent::Replaced(replaced) = read(recorded)?
            && replaced.approval_id == Some(proposed.approval_id)
        {
            view.done();
        }
    }
    Ok(())
}

async fn history(call: &Call, first: &Recorded) -> Result<Vec<Recorded>, Problem> {
    call.gateway.reader.read_stream(first.stream, 0).await.map_err(|error| events::unreadable(&error))
}

/// What an act made or changed, by its id.
fn made(id: &str) -> OperationResource {
    let (kind, path) = match id.split_once('_').map_or("", |(prefix, _)| prefix) {
        "ca" => ("ca", Some("cas")),
        "prf" => ("profile", Some("profiles")),
        "pol" => ("policy", Some("policies")),
        _ => ("approval", None),
    };
    let path = path.map(|path| format!("/api/v1/{path}/{id}"));
    OperationResource { kind: kind.to_owned(), id: id.to_owned(), path }
}

impl OperationView {
    /// It waits for this approval, or for nothing any more.
    fn wait(&mut self, standing: &Standing, required: u8) {
        self.error = standing.problem();
        if self.error.is_none() {
            self.status = OperationStatus::Waiting;
            self.waiting_for = Some("approval");
        }
        self.progress = Some(standing.progress(required.into()));
    }

    fn approval(&mut self, approval: ApprovalId) {
        self.resource = OperationResource {
            kind: ApprovalEvent::CATEGORY.to_owned(),
            id: approval.to_string(),
            path: Some(format!("/api/v1/approvals/{approval}")),
        };
    }

    fn go_on(&mut self) {
        (self.status, self.waiting_for) = (OperationStatus::Running, None);
    }

    fn done(&mut self) {
        (self.status, self.waiting_for, self.error) = (OperationStatus::Done, None, None);
    }

    fn fail(&mut self, problem: Problem) {
        (self.waiting_for, self.error) = (None, Some(problem));
    }
}

/// Why a CA signs nothing, if it is so: suspended by a person, or after a certificate of it failed its last checks (C-4).
async fn suspension(call: &Call, ca: CaId) -> Result<Option<Problem>, Problem> {
    let unreadable = |error| events::unreadable(&error);
    let history = call.gateway.reader.read_stream(ca.uuid(), 0).await.map_err(unreadable)?;
    let (mut name, mut reason) = (String::new(), None);
    for event in &history {
        match CaEvent::from_payload(&event.kind, event.schema, &event.payload).map_err(read::internal)? {
            CaEvent::Intended(intended) => name = intended.name,
            CaEvent::Created(_) => {}
            CaEvent::Suspended(suspended) => reason = Some(suspended.reason),
            CaEvent::Resumed(_) => reason = None,
        }
    }
    let words = |reason| format!("the certification authority '{name}' is suspended: {reason}");
    Ok(reason.map(|reason| Problem { retryable: true, ..Problem::new(Code::InvalidState, words(reason)) }))
}
