//! Events of keys → rows of `api_keystore.key`.

use std::collections::BTreeMap;

use contracts::{
    Event as _,
    keystore::{KeyEvent, KeyStatus, KeyView},
};
use deadpool_postgres::Transaction;
use eventlog::Recorded;
use runtime::projection::{Generation, Projection, ProjectionError, Scope, View};
use time::OffsetDateTime;
use tokio_postgres::types::Json;
use uuid::Uuid;

use crate::{view, wrapping::purpose_text};

/// The read model of keys.
#[derive(Clone, Copy, Debug)]
pub struct KeyProjection;

const TABLE: &str = "key";

impl Projection for KeyProjection {
    const NAME: &'static str = "key";
    const VERSION: i32 = 4;
    const CATEGORIES: &'static [&'static str] = &[KeyEvent::CATEGORY];
    const TABLES: &'static [&'static str] = &[TABLE];

    fn tables(&self, generation: &Generation) -> String {
        let table = generation.table(TABLE);
        format!(
            "create table {table} (id uuid primary key, organization uuid not null, version int not null, \
             created_at timestamptz not null, status text not null, algorithm text not null, purpose text not null, \
             spki_sha256 text not null, document jsonb not null);\n\
             create index on {table} (organization, created_at, id);\n\
             create index on {table} (spki_sha256);\n"
        )
    }

    fn views(&self, generation: &Generation) -> Vec<View> {
        let select = format!(
            "select id, organization, version, created_at, status, algorithm, purpose, spki_sha256, document from {}",
            generation.table(TABLE)
        );
        vec![View { name: "key", select, scope: Scope::Organization("organization") }]
    }

    async fn apply(
        &self,
        transaction: &Transaction<'_>,
        generation: &Generation,
        events: &[Recorded],
    ) -> Result<(), ProjectionError> {
        let table = generation.table(TABLE);
        let mut rows = known(transaction, &table, events).await?;
        for recorded in events {
            if let Some(row) = view::after(rows.remove(&recorded.stream), recorded)? {
                rows.insert(recorded.stream, row);
            }
        }
        write(transaction, &table, rows.into_values()).await
    }
}

/// The rows that these events change, as they are.
async fn known(
    transaction: &Transaction<'_>,
    table: &str,
    events: &[Recorded],
) -> Result<BTreeMap<Uuid, KeyView>, ProjectionError> {
    let streams: Vec<Uuid> =
        events.iter().filter(|event| event.version > 1).map(|event| event.stream).collect();
    if streams.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sql = format!("select id, document from {table} where id = any ($1)");
    let statement = transaction.prepare_cached(&sql).await?;
    let rows = transaction.query(&statement, &[&streams]).await?;
    let row = |row: &tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get::<_, Json<KeyView>>(1)?.0));
    rows.iter().map(row).collect()
}

async fn write(
    transaction: &Transaction<'_>,
    table: &str,
    rows: impl Iterator<Item = KeyView>,
) -> Result<(), ProjectionError> {
    let mut ids: Vec<Uuid> = vec![];
    let mut organizations: Vec<Uuid> = vec![];
    let mut versions: Vec<i32> = vec![];
    let mut times: Vec<OffsetDateTime> = vec![];
    let mut statuses: Vec<&str> = vec![];
    let mut algorithms: Vec<&str> = vec![];
    let mut purposes: Vec<&str> = vec![];
    let mut hashes: Vec<String> = vec![];
    let mut documents: Vec<Json<KeyView>> = vec![];
    for row in rows {
        ids.push(row.id.uuid());
        organizations.push(row.organization_id.uuid());
        versions.push(row.version);
        times.push(row.created_at.0);
        statuses.push(match row.status {
            KeyStatus::Active => "active",
            KeyStatus::Compromised => "compromised",
            KeyStatus::Destroyed => "destroyed",
        });
        algorithms.push(row.algorithm.as_str());
        purposes.push(purpose_text(row.purpose));
        hashes.push(row.spki_sha256.clone());
        documents.push(Json(row));
    }
    let sql = format!(
        "insert into {table} select * from unnest($1::uuid[], $2::uuid[], $3::int[], $4::timestamptz[], $5::text[], \
         $6::text[], $7::text[], $8::text[], $9::jsonb[]) on conflict (id) do update set version = excluded.version, \
         status = excluded.status, document = excluded.document"
    );
    let statement = transaction.prepare_cached(&sql).await?;
    transaction
        .execute(
            &statement,
            &[
                &ids,
                &organizations,
                &versions,
                &times,
                &statuses,
                &algorithms,
                &purposes,
                &hashes,
                &documents,
            ],
        )
        .await?;
    Ok(())
}
