//! Timelines: the events of a thing, rendered for people, read from the log itself.

use contracts::{
    Event, EventId, OperationId, Problem, Timestamp, TraceParent,
    directory::ApprovalEvent,
    keystore::KeyEvent,
    signer::{ApprovalNeed, CertificateRequestEvent},
};
use eventlog::Recorded;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{answer::Answer, call::Call, events, read, resources::Page, translate, view::View};

/// Something that happened.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimelineEntry {
    /// The event.
    pub id: EventId,
    /// `<aggregate>.<past_tense>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it means, in a sentence.
    pub summary: String,
    /// When it was recorded.
    pub time: Timestamp,
    /// Who acted.
    pub actor: String,
    /// Log position.
    pub position: i64,
    /// Version of the aggregate with it.
    pub version: i32,
    /// The operation it belongs to.
    pub correlation_id: OperationId,
    /// The trace of the request.
    pub trace_id: Option<String>,
    /// What is public of its data.
    pub data: Option<Value>,
}

/// Answers with the events of the row in the path, whose id is its stream's.
pub async fn of_row(call: Call, view: &'static View) -> Result<Answer, Problem> {
    let found = read::one(&call, view, "id").await?;
    of_streams(&call, &[found.id]).await
}

/// Answers with the events of several streams, in the order of the log.
pub async fn of_streams(call: &Call, streams: &[Uuid]) -> Result<Answer, Problem> {
    of_events(&events_of(call, streams).await?)
}

/// The events of several streams, in the order of the log.
pub async fn events_of(call: &Call, streams: &[Uuid]) -> Result<Vec<Recorded>, Problem> {
    call.gateway.reader.read_streams(streams).await.map_err(|error| events::unreadable(&error))
}

/// Answers with these events.
pub fn of_events(events: &[Recorded]) -> Result<Answer, Problem> {
    let items = events.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    Answer::json(StatusCode::OK, &Page { items, next_cursor: None })
}

/// An event, rendered.
pub fn entry(recorded: &Recorded) -> Result<TimelineEntry, Problem> {
    let public = translate::translate(recorded).map_err(read::internal)?;
    let data =
        public.map(|public| serde_json::to_value(&public.event)).transpose().map_err(read::internal)?;
    Ok(TimelineEntry {
        id: EventId(recorded.id),
        kind: recorded.kind.clone(),
        summary: told(recorded).unwrap_or_else(|| summary(&recorded.kind)),
        time: recorded.recorded_at,
        actor: translate::principal(&recorded.actor),
        position: recorded.position,
        version: recorded.version,
        correlation_id: OperationId(recorded.correlation),
        trace_id: trace_id(recorded.traceparent.as_deref()),
        data,
    })
}

fn trace_id(traceparent: Option<&str>) -> Option<String> {
    traceparent?.parse().ok().map(|parent: TraceParent| parent.trace_id())
}

/// What a request begins with that needs approval, or that a rule approved.
fn of_approval(approval: ApprovalNeed, terms: Option<&str>) -> String {
    let terms = terms.map_or(String::new(), |version| format!(" Who asked accepted the terms '{version}'."));
    match approval {
        ApprovalNeed::Automatic { rule, reason } => {
            let why = reason.map_or(String::new(), |reason| format!(" ({reason})"));
            format!("The request was accepted; the rule '{rule}' approved it at once{why}.{terms}")
        }
        ApprovalNeed::Needed { required, unmatched, .. } => {
            let why = unmatched.iter().map(|one| format!("; '{}' did not approve: {}", one.rule, one.why));
            let why: String = why.collect();
            format!("The request was accepted and waits for {required} approval(s){why}.{terms}")
        }
    }
}

/// What an event about an approval says that its kind does not: which rule decided, who said what.
fn told(recorded: &Recorded) -> Option<String> {
    let (kind, schema, payload) = (&recorded.kind, recorded.schema, &recorded.payload);
    if recorded.category == CertificateRequestEvent::CATEGORY {
        let event = CertificateRequestEvent::from_payload(kind, schema, payload).ok()?;
        return match event {
            CertificateRequestEvent::Submitted(submitted) => match submitted.approval {
                None => submitted.accepted_terms.map(|version| {
                    format!("The request was accepted; who asked accepted the terms '{version}'.")
                }),
                Some(approval) => Some(of_approval(approval, submitted.accepted_terms.as_deref())),
            },
            CertificateRequestEvent::Rejected(event) => {
                Some(format!("It was not approved: {}.", event.reason))
            }
            CertificateRequestEvent::Failed(event) => Some(format!("It failed: {}.", event.problem.detail)),
            CertificateRequestEvent::CsrMade(_) => {
                Some("The CSR is there; a certificate is waited for.".to_owned())
            }
            CertificateRequestEvent::CsrMailWanted(event) => {
                Some(format!("The CSR is mailed to {}.", event.to))
            }
            CertificateRequestEvent::CertificateReceived(event) => {
                Some(format!("A certificate came; {}.", event.missing))
            }
            CertificateRequestEvent::Completed(_) => {
                Some("A certificate came, and its chain is complete.".to_owned())
            }
            CertificateRequestEvent::Approved(_)
            | CertificateRequestEvent::Cancelled(_)
            | CertificateRequestEvent::CsrIntended(_) => None,
        };
    }
    if recorded.category == KeyEvent::CATEGORY {
        let KeyEvent::CsrSigned(signed) = KeyEvent::from_payload(kind, schema, payload).ok()? else {
            return None;
        };
        let names: Vec<_> = signed.sans.iter().map(ToString::to_string).collect();
        return Some(format!("The key signed a CSR of '{}' for {}.", signed.subject, names.join(", ")));
    }
    if recorded.category != ApprovalEvent::CATEGORY {
        return None;
    }
    match ApprovalEvent::from_payload(kind, schema, payload).ok()? {
        ApprovalEvent::Given(event) => {
            let words = event.message.map_or(String::new(), |message| format!(": {message}"));
            Some(format!("{} approved, {} to go{words}.", event.by, event.remaining))
        }
        ApprovalEvent::Declined(event) => Some(format!("{} declined: {}.", event.by, event.reason)),
        _ => None,
    }
}

fn summary(kind: &str) -> String {
    let words = match kind {
        "certificate_request.submitted" => "The request was accepted: it satisfies profile and policy.",
        "issuance.intended" => "What will be signed was fixed.",
        "issuance.completed" => "The certificate was signed and checked.",
        "issuance.withheld" => "The certificate failed its last checks and never left.",
        "certificate.imported" => "The certificate was brought in from a file.",
        "certificate.annotated" => "Labels, owner or note changed.",
        "ca.intended" => "What the CA's certificate will say was fixed.",
        "ca.created" => "The CA's certificate was signed; it may issue.",
        "ca.suspended" => "The CA was suspended: it signs nothing.",
        "ca.resumed" => "The CA signs again.",
        "domain.delegated" => "The domain was delegated.",
        "domain.delegation_requested" => "A delegation was asked for; a master decides.",
        "domain.delegation_approved" => "The delegation that was asked for counts.",
        "domain.delegation_refused" => "The delegation that was asked for was refused.",
        "domain.delegation_withdrawn" => "The delegation was taken back.",
        "domain_validation.started" => "A proof of control was asked for.",
        "domain_validation.mail_wanted" => "A mail with a link was asked for.",
        "domain_validation.code_drawn" => "The code of a link was drawn; those before it are void.",
        "domain_validation.tried" => "The proof was looked for and not found.",
        "domain_validation.validated" => "Control of the domain was proved.",
        "domain_validation.failed" => "Control of the domain was not proved in time.",
        "domain_validation.expiring" => "The proof ends soon and could not be repeated.",
        "domain_validation.expired" => "The proof counts no more.",
        "mail_settings.replaced" => "Mail leaves through another server, or in another way.",
        "notification.queued" => "The mail is to be sent.",
        "notification.attempted" => "The mail server is asked.",
        "notification.sent" => "The mail server took it.",
        "notification.deferred" => "The mail server did not take it; it is tried again.",
        "notification.given_up" => "It is not tried again.",
        "notification.requeued" => "Somebody had it sent again.",
        "key.generated" => "The key was generated in the keystore.",
        "key.csr_signed" => "The key signed a CSR.",
        "key.destroyed" => "The key was destroyed.",
        "master_key.rotation_begun" => "A new master key takes the place of the one before.",
        "master_key.rotated" => {
            "Everything is wrapped under the new master key; the one before opens nothing."
        }
        "master_key.chosen" => "The first master key of the keystore was chosen.",
        "master_key.unsealed" => "The keystore was opened.",
        "master_key.shares_made" => "A master key was split into shares, which were shown once.",
        "master_key.share_entered" => "A custodian entered a share.",
        "master_key.unseal_refused" => "Somebody tried to open the keystore with what does not open it.",
        "master_key.rotation_abandoned" => {
            "The new master key was lost before it was used; the one before stays."
        }
        "administrator.grants_changed" => "What the administrator may do changed.",
        "administrator.described" => "What the administrator is called, or their e-mail address, changed.",
        "administrator.link_wanted" => "A one-time link was asked for.",
        "administrator.link_drawn" => "A one-time link was drawn; those before it are void.",
        "administrator.password_set" => "The administrator set their password.",
        "administrator.second_factor_enrolled" => "A second factor was begun to be set up.",
        "administrator.second_factor_confirmed" => {
            "Signing in needs a code of the second factor from here on."
        }
        "administrator.second_factor_removed" => "The second factor was taken away.",
        "administrator.recovery_code_used" => "A recovery code stood in for the second factor.",
        "session.started" => "The administrator signed in.",
        "session.stepped_up" => "The administrator proved again who they are.",
        "session.renewed" => "The session got another cookie.",
        "session.ended" => "The session ended.",
        "sign_in.failed" => "A sign-in failed.",
        "person.updated" => "The person's department, validation, name or addresses changed.",
        "person.erased" => "Who the person was is erased.",
        "person_import.started" => "The import of persons began.",
        "person_import.completed" => "Every line of the import is in or out.",
        "audit.read" => "The audit trail was read.",
        "denial.recorded" => "A sensitive call was refused.",
        "token.superseded" => "Another API token takes its place; it ends when the overlap is over.",
        "token.issued" => "The API token was issued.",
        "token.revoked" => "The API token was revoked.",
        other => {
            let (thing, fact) = other.split_once('.').unwrap_or((other, "changed"));
            return format!("The {} was {}.", thing.replace('_', " "), fact.replace('_', " "));
        }
    };
    words.to_owned()
}

/// An example of a timeline that begins with an event of this kind.
#[must_use]
pub fn example(kind: &str) -> Value {
    json!({"items": [{"id": "evt_01jdp4q2x8f7mb3v5kz6n9w0ae", "type": kind, "summary": summary(kind),
        "time": "2026-11-21T09:00:00.123Z", "actor": "adm_01jdp4q2x8f7mb3v5kz6n9w0ae", "position": 184_467, "version": 1,
        "correlationId": "op_01jdp4q2x8f7mb3v5kz6n9w0ae", "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
        "data": null}], "nextCursor": null})
}
