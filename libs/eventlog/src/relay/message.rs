//! An event as a message of the log's stream.

use async_nats::{HeaderMap, HeaderName, HeaderValue, jetstream::message::PublishMessage};

use crate::{Recorded, SHARD};

/// Names of the headers. The body is the payload.
mod header {
    use async_nats::HeaderName;

    /// Which sequence number must come before: position − 1.
    pub(super) const EXPECTED: HeaderName = HeaderName::from_static("Nats-Expected-Last-Sequence");
    pub(super) const POSITION: HeaderName = HeaderName::from_static("Log-Position");
    pub(super) const EPOCH: HeaderName = HeaderName::from_static("Log-Epoch");
    pub(super) const HASH: HeaderName = HeaderName::from_static("Log-Hash");
    pub(super) const PREV: HeaderName = HeaderName::from_static("Log-Prev");
    pub(super) const ID: HeaderName = HeaderName::from_static("Ev-Id");
    pub(super) const TYPE: HeaderName = HeaderName::from_static("Ev-Type");
    pub(super) const SCHEMA: HeaderName = HeaderName::from_static("Ev-Schema");
    pub(super) const TENANT: HeaderName = HeaderName::from_static("Ev-Tenant");
    pub(super) const STREAM: HeaderName = HeaderName::from_static("Ev-Stream");
    pub(super) const VERSION: HeaderName = HeaderName::from_static("Ev-Version");
    pub(super) const TIME: HeaderName = HeaderName::from_static("Ev-Time");
    pub(super) const COMMAND: HeaderName = HeaderName::from_static("Ev-Command");
    pub(super) const CAUSATION: HeaderName = HeaderName::from_static("Ev-Causation");
    pub(super) const CORRELATION: HeaderName = HeaderName::from_static("Ev-Correlation");
    pub(super) const ACTOR: HeaderName = HeaderName::from_static("Ev-Actor");
    pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
}

/// `log.<shard>.<category>.<past_tense>.<p>`: p spreads streams over 16 subjects, and no more, for subjects cost memory.
pub(super) fn subject(event: &Recorded) -> String {
    format!("log.{SHARD}.{}.{}", event.kind, event.stream.as_bytes()[15] & 15)
}

/// The message. `previous` is the last position of the same category before this one (0 = none).
pub(super) fn message(event: Recorded, epoch: i32, previous: i64) -> PublishMessage {
    let mut headers = HeaderMap::new();
    let mut put = |name: HeaderName, value: String| headers.insert(name, safe(value));
    put(header::EXPECTED, (event.position - 1).to_string());
    put(header::POSITION, event.position.to_string());
    put(header::EPOCH, epoch.to_string());
    put(header::HASH, hex::encode(event.hash));
    put(header::PREV, previous.to_string());
    put(header::ID, event.id.to_string());
    put(header::TYPE, event.kind);
    put(header::SCHEMA, event.schema.to_string());
    put(header::TENANT, event.tenant.to_string());
    put(header::STREAM, event.stream.to_string());
    put(header::VERSION, event.version.to_string());
    put(header::TIME, event.recorded_at.to_string());
    put(header::COMMAND, event.command_id.to_string());
    put(header::CAUSATION, event.causation.to_string());
    put(header::CORRELATION, event.correlation.to_string());
    put(header::ACTOR, event.actor);
    if let Some(traceparent) = event.traceparent {
        put(header::TRACEPARENT, traceparent);
    }
    PublishMessage::build().headers(headers).payload(event.payload.into())
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
