//! An event as it stands in the log, and the headers of the message that carries it.

use uuid::Uuid;

use crate::Timestamp;

/// One event of the log, as recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Its place in the log, from 1, without gaps.
    pub position: i64,
    /// The organization it belongs to.
    pub tenant: Uuid,
    /// The aggregate's type.
    pub category: String,
    /// The aggregate's stream.
    pub stream: Uuid,
    /// The stream's version with this event, from 1, without gaps.
    pub version: i32,
    /// The event's own id (UUIDv7).
    pub id: Uuid,
    /// `<category>.<past_tense>`.
    pub kind: String,
    /// Schema version of the payload.
    pub schema: i16,
    /// When it was recorded; rises with the position.
    pub recorded_at: Timestamp,
    /// The command it came from.
    pub command_id: Uuid,
    /// What led to that command.
    pub causation: Uuid,
    /// What all of this began with.
    pub correlation: Uuid,
    /// Who acted.
    pub actor: String,
    /// W3C trace context of the request; the one column that the tree does not cover.
    pub traceparent: Option<String>,
    /// The payload's exact bytes (JSON).
    pub payload: String,
    /// SHA-256 of the payload as it was when appended.
    pub hash: [u8; 32],
}

/// Names of the message's headers; the body is the payload.
pub mod header {
    /// The event's position in the log; the stream's sequence number equals it.
    pub const POSITION: &str = "Log-Position";
    /// The log's epoch.
    pub const EPOCH: &str = "Log-Epoch";
    /// SHA-256 of the payload, hexadecimal.
    pub const HASH: &str = "Log-Hash";
    /// The previous position of the same category; 0 = none.
    pub const PREV: &str = "Log-Prev";
    /// The event's id.
    pub const ID: &str = "Ev-Id";
    /// `<category>.<past_tense>`.
    pub const TYPE: &str = "Ev-Type";
    /// Schema version of the payload.
    pub const SCHEMA: &str = "Ev-Schema";
    /// The organization.
    pub const TENANT: &str = "Ev-Tenant";
    /// The stream.
    pub const STREAM: &str = "Ev-Stream";
    /// The stream's version with this event.
    pub const VERSION: &str = "Ev-Version";
    /// When it was recorded, RFC 3339.
    pub const TIME: &str = "Ev-Time";
    /// The command it came from.
    pub const COMMAND: &str = "Ev-Command";
    /// What led to that command.
    pub const CAUSATION: &str = "Ev-Causation";
    /// What all of this began with.
    pub const CORRELATION: &str = "Ev-Correlation";
    /// Who acted.
    pub const ACTOR: &str = "Ev-Actor";
    /// W3C trace context.
    pub const TRACEPARENT: &str = "traceparent";
}
