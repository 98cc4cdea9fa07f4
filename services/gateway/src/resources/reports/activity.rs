//! Account activity (P10): what people did and tried, from the log: sign-ins, failed ones, requests, changes, denials.

use contracts::{
    Actor, AdministratorId, Event, OrganizationId, Permission, Problem, Timestamp,
    directory::{DenialEvent, SessionEvent, SignInEvent},
    event::EventError,
    signer::CertificateRequestEvent,
};
use eventlog::{Reader, Recorded};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    answer::Answer,
    call::Call,
    cursor, events, read,
    report::{self, Row},
};

/// Events looked at in one go, and by one run at most.
const BATCH: i64 = 1_000;
const MOST_LOOKED_AT: i64 = 100_000;
/// Rows of a run that says nothing else.
const ROWS: i64 = 1_000;

/// What somebody did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ActivityKind {
    /// They signed in.
    SignIn,
    /// Somebody tried to sign in as them, or as nobody known.
    FailedSignIn,
    /// A session of theirs ended.
    SignOut,
    /// They asked for a certificate.
    Request,
    /// They changed something.
    Change,
    /// They were not allowed to do something.
    Denial,
}

/// Something that somebody did.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    /// When.
    time: Timestamp,
    /// What kind of thing.
    kind: ActivityKind,
    /// Who; `null` where nobody known tried to sign in.
    administrator_id: Option<AdministratorId>,
    /// In which organization; `null`: the installation.
    organization_id: Option<OrganizationId>,
    /// The event: `<aggregate>.<past_tense>`.
    event: String,
    /// What it is about, a bare UUID.
    subject: Uuid,
    /// Why it failed or was denied, in a word.
    reason: Option<String>,
    /// The address it came from, where the log has it.
    address: Option<String>,
    /// Log position.
    position: i64,
}

impl Row for Activity {
    fn columns() -> Vec<&'static str> {
        vec![
            "time",
            "kind",
            "administratorId",
            "organizationId",
            "event",
            "subject",
            "reason",
            "address",
            "position",
        ]
    }

    fn cells(&self) -> Vec<String> {
        let text = |value: Option<String>| value.unwrap_or_default();
        vec![
            self.time.to_string(),
            json!(self.kind).as_str().unwrap_or_default().to_owned(),
            text(self.administrator_id.map(|id| id.to_string())),
            text(self.organization_id.map(|id| id.to_string())),
            self.event.clone(),
            self.subject.to_string(),
            text(self.reason.clone()),
            text(self.address.clone()),
            self.position.to_string(),
        ]
    }
}

/// Answers with the report.
pub async fn run(call: Call) -> Result<Answer, Problem> {
    let (organization, (from, to)) = (super::organization(&call)?, super::period(&call)?);
    let reader = &call.gateway.reader;
    let mut after = match (call.query.get("cursor"), from) {
        (Some(text), _) => {
            text.parse().ok().filter(|position: &i64| *position >= 0).ok_or_else(cursor::refused)?
        }
        (None, Some(from)) => before(reader, from).await?,
        (None, None) => 0,
    };
    let limit = usize::try_from(call.query.number("limit").unwrap_or(ROWS)).unwrap_or(usize::MAX);
    let (begun, mut rows, mut more) = (after, vec![], true);
    while more && rows.len() < limit && after - begun < MOST_LOOKED_AT {
        let page = reader.read(after, None, BATCH).await.map_err(|error| events::unreadable(&error))?;
        more = i64::try_from(page.len()).is_ok_and(|count| count == BATCH);
        for recorded in &page {
            if rows.len() == limit {
                more = true;
                break;
            }
            if to.is_some_and(|to| recorded.recorded_at >= to) {
                more = false;
                break;
            }
            after = recorded.position;
            let here = organization.is_none_or(|only| only.uuid() == recorded.tenant);
            if here && events::may_read(call.caller()?, Permission::ReportRead, recorded)? {
                rows.extend(activity(recorded).map_err(read::internal)?);
            }
        }
    }
    report::answer(&call, "account-activity", rows, more.then(|| after.to_string()))
}

/// What an event says that a person did; nothing, where it was a service on its own account.
fn activity(recorded: &Recorded) -> Result<Option<Activity>, EventError> {
    let actor = match recorded.actor.parse() {
        Ok(Actor::Administrator { administrator, .. }) => Some(administrator),
        _ => None,
    };
    let (kind, who, reason, address) = match recorded.category.as_str() {
        SignInEvent::CATEGORY => {
            let SignInEvent::Failed(failed) = event(recorded)?;
            let reason = json!(failed.reason).as_str().map(str::to_owned);
            (ActivityKind::FailedSignIn, failed.administrator_id, reason, failed.address)
        }
        SessionEvent::CATEGORY => match event(recorded)? {
            SessionEvent::Started(started) => {
                (ActivityKind::SignIn, Some(started.administrator_id), None, started.address)
            }
            SessionEvent::Ended(_) if actor.is_some() => (ActivityKind::SignOut, actor, None, None),
            _ => return Ok(None),
        },
        DenialEvent::CATEGORY => {
            let DenialEvent::Recorded(denial) = event(recorded)?;
            (ActivityKind::Denial, actor, Some(denial.code), denial.address)
        }
        CertificateRequestEvent::CATEGORY if actor.is_some() => (ActivityKind::Request, actor, None, None),
        _ if actor.is_some() => (ActivityKind::Change, actor, None, None),
        _ => return Ok(None),
    };
    Ok(Some(Activity {
        time: recorded.recorded_at,
        kind,
        administrator_id: who,
        organization_id: (!recorded.tenant.is_nil()).then_some(OrganizationId(recorded.tenant)),
        event: recorded.kind.clone(),
        subject: recorded.stream,
        reason,
        address,
        position: recorded.position,
    }))
}

fn event<E: Event>(recorded: &Recorded) -> Result<E, EventError> {
    E::from_payload(&recorded.kind, recorded.schema, &recorded.payload)
}

/// The position before the first event of a time on: times rise with positions, so it is found by halving.
async fn before(reader: &Reader, time: Timestamp) -> Result<i64, Problem> {
    let unreadable = |error| events::unreadable(&error);
    let (mut low, mut high) = (0, reader.head().await.map_err(unreadable)?);
    while low < high {
        let middle = low + (high - low) / 2;
        let next = reader.read(middle, None, 1).await.map_err(unreadable)?;
        match next.first().filter(|next| next.recorded_at < time) {
            Some(earlier) => low = earlier.position,
            None => high = middle,
        }
    }
    Ok(low)
}

/// An example of a row.
pub fn example() -> Value {
    json!({"time": "2026-11-21T09:00:00.123Z", "kind": "failed_sign_in", "administratorId": null,
        "organizationId": null, "event": "sign_in.failed", "subject": "019ab1e0-0000-7000-8000-000000000000",
        "reason": "unknown_name", "address": "192.0.2.7", "position": 184_467})
}
