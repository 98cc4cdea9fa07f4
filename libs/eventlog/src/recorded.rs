//! Rows of the log.

use contracts::{Timestamp, log::Recorded};
use time::OffsetDateTime;
use tokio_postgres::Row;

/// The columns that [`from_row`] expects, in its order.
pub(crate) const COLUMNS: &str = "position, tenant, category, stream, version, id, type, schema, recorded_at, command_id, \
     causation_id, correlation_id, actor, traceparent, payload::text, hash";

/// Reads a row of [`COLUMNS`].
pub(crate) fn from_row(row: &Row) -> Result<Recorded, tokio_postgres::Error> {
    Ok(Recorded {
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
