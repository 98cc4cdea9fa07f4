//! An event as a message of the log's stream.

use async_nats::{HeaderMap, HeaderName, HeaderValue};
use contracts::log::header;

use crate::{Recorded, SHARD};

/// Which sequence number must come before: position − 1.
const EXPECTED: &str = "Nats-Expected-Last-Sequence";

/// `log.<shard>.<category>.<past_tense>.<p>`: p spreads streams over 16 subjects, and no more, for subjects cost memory.
pub(super) fn subject(event: &Recorded) -> String {
    format!("log.{SHARD}.{}.{}", event.kind, event.stream.as_bytes()[15] & 15)
}

/// Its headers. `previous` is the last position of the same category before this one (0 = none).
pub(super) fn headers(event: &Recorded, epoch: i32, previous: i64) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut put =
        |name: &'static str, value: String| headers.insert(HeaderName::from_static(name), safe(value));
    put(EXPECTED, (event.position - 1).to_string());
    put(header::POSITION, event.position.to_string());
    put(header::EPOCH, epoch.to_string());
    put(header::HASH, hex::encode(event.hash));
    put(header::PREV, previous.to_string());
    put(header::ID, event.id.to_string());
    put(header::TYPE, event.kind.clone());
    put(header::SCHEMA, event.schema.to_string());
    put(header::TENANT, event.tenant.to_string());
    put(header::STREAM, event.stream.to_string());
    put(header::VERSION, event.version.to_string());
    put(header::TIME, event.recorded_at.to_string());
    put(header::COMMAND, event.command_id.to_string());
    put(header::CAUSATION, event.causation.to_string());
    put(header::CORRELATION, event.correlation.to_string());
    put(header::ACTOR, event.actor.clone());
    if let Some(traceparent) = &event.traceparent {
        put(header::TRACEPARENT, traceparent.clone());
    }
    headers
}

/// Whether a message of the stream is this event: same payload, and same id, for payloads may repeat.
pub(super) fn is(headers: &HeaderMap, event: &Recorded) -> bool {
    let has = |name, value: String| headers.get(name).is_some_and(|found| found.as_str() == value);
    has(header::HASH, hex::encode(event.hash)) && has(header::ID, event.id.to_string())
}

/// The log's constraints keep line breaks out; should one come from a superuser, it must not stop the relay.
fn safe(value: String) -> HeaderValue {
    value.parse().unwrap_or_else(|_| HeaderValue::from(value.replace(['\r', '\n'], " ")))
}
