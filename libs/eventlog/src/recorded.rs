//! An event as it stands in the log.

use contracts::Timestamp;
use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

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

impl Recorded {
    /// The columns that [`Self::from_row`] expects, in its order.
    pub(crate) const COLUMNS: &'static str = "position, tenant, category, stream, version, id, type, schema, recorded_at, \
         command_id, causation_id, correlation_id, actor, traceparent, payload::text, hash";

    /// Reads a row of [`Self::COLUMNS`].
    pub(crate) fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            position: row.try_get(0)?,
            tenant: row.try_get(1)?,
            category: row.try_get(2)?,
            stream: row.try_get(3)?,
            version: row.try_get(4)?,
            id: row.try_get(5)?,
            kind: row.try_get(6)?,
            schema: row.try_get(7)?,
            recorded_at: Timestamp(row.try_get::<_, OffsetDateTime>(8)?),
            command_id: row.try_get(9)?,
            causation: row.try_get(10)?,
            correlation: row.try_get(11)?,
            actor: row.try_get(12)?,
            traceparent: row.try_get(13)?,
            payload: row.try_get(14)?,
            // Only a superuser who drops a constraint can store another length; it then differs from any hash.
            hash: row.try_get::<_, &[u8]>(15)?.try_into().unwrap_or_default(),
        })
    }
}
