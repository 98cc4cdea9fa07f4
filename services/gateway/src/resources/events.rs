//! `/events` and `/events/stream`: the public events, by page or as they happen.

use contracts::{Code, Permission, Problem, Violation, public::CloudEvent};
use http::{StatusCode, header};
use serde_json::{Value, json};

use super::{Page, page};
use crate::{
    answer::{Answer, POSITION},
    call::Call,
    events::{self, Filter},
    operation::Operation,
    parameter::{Header, Kind, Parameter},
    read, sse,
};

/// How many log events one request looks at before it answers with what it has.
const MOST_LOOKED_AT: i64 = 20_000;

/// The operations.
pub fn operations() -> Vec<Operation> {
    let filters = || {
        [
            Parameter::new(
                "after",
                Kind::Integer { least: 0, most: i64::MAX },
                "Only events after this log position.",
            ),
            Parameter::text(
                "types",
                "Only these types, separated by commas; `*` stands for anything: `certificate.*`. One that no event has is refused.",
            ),
            Parameter::text("subject", "Only events about the thing with this id."),
            Parameter::text("actor", "Only what this principal did: `adm_…` or `service:<name>`."),
        ]
    };
    let operations = vec![
        Operation::get("/api/v1/events", "listEvents", "List events, oldest first")
            .needs(Permission::EventRead)
            .queries(filters())
            .query(Parameter::new(
                "limit",
                Kind::Integer { least: 1, most: 200 },
                "How many at most; 50 if missing.",
            ))
            .query(Parameter::text("cursor", "Where the page before ended: its `nextCursor`."))
            .problem(Code::InvalidCursor)
            .answers::<Page<CloudEvent>>(
                StatusCode::OK,
                "A page of CloudEvents; `Chancery-Position` tells how far was looked.",
                page(example()),
            )
            .handled_by(list),
        Operation::get(
            "/api/v1/events/stream",
            "streamEvents",
            "Follow events as they happen (server-sent events)",
        )
        .needs(Permission::EventRead)
        .queries(filters())
        .header(Header::LAST_EVENT_ID)
        .answers_any::<String>(
            StatusCode::OK,
            "`id` is the log position: send it as `Last-Event-ID`, or as `after`, to go on without loss.",
            &["text/event-stream"],
            json!("id: 184467\nevent: chancery.certificate.issued.v1\ndata: {\"specversion\":\"1.0\"}\n\n"),
        )
        .handled_by(stream),
    ];
    operations.into_iter().map(|operation| operation.tagged("Events")).collect()
}

async fn list(call: Call) -> Result<Answer, Problem> {
    let filter = Filter::of(&call.query, call.caller()?)?;
    let after = match call.query.get("cursor") {
        Some(text) => {
            text.parse().ok().filter(|position: &i64| *position >= 0).ok_or_else(crate::cursor::refused)?
        }
        None => call.query.number("after").unwrap_or(0),
    };
    let limit = usize::try_from(call.query.number("limit").unwrap_or(50)).unwrap_or(50);
    let (mut items, mut position, mut more) = (Vec::new(), after, true);
    while more && items.len() < limit && position - after < MOST_LOOKED_AT {
        let batch = events::next(&call.gateway.reader, &filter, position).await?;
        (position, more) = (batch.position, !batch.at_end);
        for told in batch.told {
            if items.len() == limit {
                more = true;
                break;
            }
            position = if items.len() + 1 == limit { told.position } else { position };
            items.push(told.event);
        }
    }
    let answer = Page { items, next_cursor: more.then(|| position.to_string()) };
    let mut answered = Answer::json(StatusCode::OK, &answer)?.with(POSITION, position);
    if let Some(cursor) = answer.next_cursor {
        answered = answered.with(header::LINK, read::link(&call, &cursor));
    }
    Ok(answered)
}

async fn stream(call: Call) -> Result<Answer, Problem> {
    let after = match (call.headers.get("last-event-id"), call.query.number("after")) {
        (Some(value), _) => {
            let position = value.to_str().ok().and_then(|text| text.trim().parse::<i64>().ok());
            position.filter(|position| *position >= 0).ok_or_else(|| {
                let violation =
                    Violation::in_header("Last-Event-ID", "header_invalid", "expected a log position");
                Problem::new(Code::MalformedRequest, "header Last-Event-ID cannot be read")
                    .with_errors(vec![violation])
            })?
        }
        (None, Some(after)) => after,
        (None, None) => call.gateway.reader.head().await.map_err(|error| events::unreadable(&error))?,
    };
    sse::answer(&call, after)
}

fn example() -> Value {
    json!({"specversion": "1.0", "id": "evt_01jdp4q2x8f7mb3v5kz6n9w0ae", "type": "chancery.certificate.issued.v1",
        "source": "/chancery/signer", "subject": "crt_01jdp4q2x8f7mb3v5kz6n9w0ae", "time": "2026-11-21T09:00:00.123Z",
        "datacontenttype": "application/json", "dataschema": "urn:chancery:schema:certificate.issued.v1",
        "position": "184467", "streamversion": "2", "organization": "org_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "actor": "adm_01jdp4q2x8f7mb3v5kz6n9w0ae", "correlationid": "op_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "causationid": "op_01jdp4q2x8f7mb3v5kz6n9w0ae", "data": {"commonName": "shop.example.com"}})
}
