//! What users see of the list of compromised keys, and its rows.

use std::collections::BTreeMap;

use contracts::{
    CompromisedKeyId, Event as _, OrganizationId,
    event::EventError,
    keystore::{CompromisedKeyEvent, CompromisedKeyView},
};
use deadpool_postgres::Transaction;
use eventlog::Recorded;
use runtime::projection::{Generation, Projection, ProjectionError, Scope, View};
use tokio_postgres::types::Json;

/// The view after an event of the entry's stream, given the view before it.
pub fn after(
    before: Option<CompromisedKeyView>,
    recorded: &Recorded,
) -> Result<Option<CompromisedKeyView>, EventError> {
    let CompromisedKeyEvent::Listed(entry) =
        CompromisedKeyEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload)?;
    Ok(Some(CompromisedKeyView {
        id: CompromisedKeyId(recorded.stream),
        organization_id: OrganizationId(recorded.tenant),
        spki_sha256: entry.spki_sha256,
        everywhere: entry.everywhere,
        reason: entry.reason,
        created_at: before.map_or(recorded.recorded_at, |view| view.created_at),
        version: recorded.version,
    }))
}

/// The read model of compromised keys.
#[derive(Clone, Copy, Debug)]
pub struct CompromisedKeyProjection;

const TABLE: &str = "compromised_key";

impl Projection for CompromisedKeyProjection {
    const NAME: &'static str = "compromised_key";
    const VERSION: i32 = 1;
    const CATEGORIES: &'static [&'static str] = &[CompromisedKeyEvent::CATEGORY];
    const TABLES: &'static [&'static str] = &[TABLE];

    fn tables(&self, generation: &Generation) -> String {
        let table = generation.table(TABLE);
        format!(
            "create table {table} (id uuid primary key, organization uuid not null, version int not null, \
             created_at timestamptz not null, document jsonb not null);\n\
             create index on {table} (organization, created_at, id);\n"
        )
    }

    fn views(&self, generation: &Generation) -> Vec<View> {
        let select = format!(
            "select id, organization, version, created_at, document from {}",
            generation.table(TABLE)
        );
        vec![View { name: TABLE, select, scope: Scope::Organization("organization") }]
    }

    async fn apply(
        &self,
        transaction: &Transaction<'_>,
        generation: &Generation,
        events: &[Recorded],
    ) -> Result<(), ProjectionError> {
        let mut rows: BTreeMap<_, CompromisedKeyView> = BTreeMap::new();
        for recorded in events {
            if let Some(row) = after(rows.remove(&recorded.stream), recorded)? {
                rows.insert(recorded.stream, row);
            }
        }
        // A second event of an entry keeps the time of the first.
        let sql = format!(
            "insert into {0} select $1, $2, $3, $4, $5 on conflict (id) do update set version = excluded.version, \
             document = excluded.document || jsonb_build_object('createdAt', {0}.document -> 'createdAt')",
            generation.table(TABLE)
        );
        let statement = transaction.prepare_cached(&sql).await?;
        for (id, row) in rows {
            let (organization, version, time) = (row.organization_id.uuid(), row.version, row.created_at.0);
            transaction.execute(&statement, &[&id, &organization, &version, &time, &Json(row)]).await?;
        }
        Ok(())
    }
}
