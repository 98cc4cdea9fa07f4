//! `/audit`: everything that happened within the reader's reach, denials among it. The reading is recorded before it is
//! answered (R5, O-2): who watches is watched, too.

use bus::Context;
use contracts::{
    Code, Event, OrganizationId, Permission, Problem,
    directory::{AuditRead, DenialEvent, DenialRecorded, RecordAuditRead},
};
use eventlog::Recorded;
use http::{StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Page, page};
use crate::{
    answer::Answer,
    call::Call,
    cursor, events,
    operation::Operation,
    parameter::{Kind, Parameter},
    read,
    timeline::{self, TimelineEntry},
    translate,
};

/// Events looked at in one go, and by one request at most.
const BATCH: i64 = 500;
const MOST_LOOKED_AT: i64 = 20_000;

/// Something that happened, or was refused.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct AuditEntry {
    /// What happened.
    #[serde(flatten)]
    entry: TimelineEntry,
    /// Where; `null`: in the installation.
    organization_id: Option<OrganizationId>,
    /// What it is about, a bare UUID.
    subject: Uuid,
    /// What was refused.
    denial: Option<DenialRecorded>,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let operation =
        Operation::get("/api/v1/audit", "listAudit", "List everything that happened, oldest first")
            .needs(Permission::AuditRead)
            .sensitive()
            .queries([
                Parameter::new(
                    "after",
                    Kind::Integer { least: 0, most: i64::MAX },
                    "Only what stands after this log position.",
                ),
                Parameter::text("actor", "Only what this principal did: `adm_…` or `service:<name>`."),
                Parameter::text("types", "Only these types, separated by commas: `denial.recorded`, say."),
                Parameter::new(
                    "limit",
                    Kind::Integer { least: 1, most: 200 },
                    "How many at most; 50 if missing.",
                ),
                Parameter::text("cursor", "Where the page before ended: its `nextCursor`."),
            ])
            .problems(&[Code::InvalidCursor, Code::CommandTimeout])
            .answers::<Page<AuditEntry>>(StatusCode::OK, "A page of what happened.", page(example()))
            .handled_by(list);
    vec![operation.tagged("Events")]
}

async fn list(call: Call) -> Result<Answer, Problem> {
    let after = match call.query.get("cursor") {
        Some(text) => {
            text.parse().ok().filter(|position: &i64| *position >= 0).ok_or_else(cursor::refused)?
        }
        None => call.query.number("after").unwrap_or(0),
    };
    let limit = usize::try_from(call.query.number("limit").unwrap_or(50)).unwrap_or(50);
    let (mut items, mut position, mut more) = (vec![], after, true);
    while more && items.len() < limit && position - after < MOST_LOOKED_AT {
        let events = call.gateway.reader.read(position, None, BATCH).await;
        let events = events.map_err(|error| events::unreadable(&error))?;
        more = i64::try_from(events.len()).is_ok_and(|count| count == BATCH);
        for recorded in &events {
            if items.len() == limit {
                more = true;
                break;
            }
            position = recorded.position;
            if wanted(&call, recorded) && events::may_read(call.caller()?, Permission::AuditRead, recorded)? {
                items.push(entry(recorded)?);
            }
        }
    }
    record(&call, items.len()).await?;
    let next = more.then(|| position.to_string());
    let answer = Answer::json(StatusCode::OK, &Page { items, next_cursor: next.clone() })?;
    Ok(match next {
        Some(cursor) => answer.with(header::LINK, read::link(&call, &cursor)),
        None => answer,
    })
}

fn wanted(call: &Call, recorded: &Recorded) -> bool {
    let actor = call.query.get("actor");
    let mut types = call.query.get("types").into_iter().flat_map(|types| types.split(','));
    actor.is_none_or(|actor| actor == translate::principal(&recorded.actor))
        && (call.query.get("types").is_none() || types.any(|kind| kind.trim() == recorded.kind))
}

fn entry(recorded: &Recorded) -> Result<AuditEntry, Problem> {
    let denial = match recorded.category.as_str() {
        DenialEvent::CATEGORY => {
            let event = DenialEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload);
            let DenialEvent::Recorded(denial) = event.map_err(read::internal)?;
            Some(denial)
        }
        _ => None,
    };
    Ok(AuditEntry {
        entry: timeline::entry(recorded)?,
        organization_id: (!recorded.tenant.is_nil()).then_some(OrganizationId(recorded.tenant)),
        subject: recorded.stream,
        denial,
    })
}

/// Records the reading; what cannot be recorded is not shown (O-2).
async fn record(call: &Call, entries: usize) -> Result<(), Problem> {
    let query: Vec<String> = call.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let read = AuditRead {
        query: query.join("&"),
        entries: u32::try_from(entries).unwrap_or(u32::MAX),
        address: call.address.map(|address| address.to_string()),
    };
    // Each reading is one of its own, whatever key the caller sends.
    let id = call.gateway.ids.uuid();
    let context = Context { command_id: id, correlation: id, causation: id, ..call.context()? };
    call.gateway.bus.call(&context, &RecordAuditRead { read }).await?;
    Ok(())
}

fn example() -> Value {
    let mut entry = timeline::example("token.issued")["items"][0].clone();
    entry["organizationId"] = json!("org_01jdp4q2x8f7mb3v5kz6n9w0ae");
    entry["subject"] = json!("019ab1e0-0000-7000-8000-000000000000");
    entry["denial"] = Value::Null;
    entry
}
