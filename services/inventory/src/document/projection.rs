//! Events → rows of `api_inventory.document`.

use contracts::{Event, inventory::DocumentEvent};
use deadpool_postgres::Transaction;
use eventlog::Recorded;
use runtime::projection::{Generation, Projection, ProjectionError, Scope, View};
use serde_json::json;

/// The read model of documents.
pub struct DocumentProjection;

impl Projection for DocumentProjection {
    const NAME: &'static str = "document";
    const VERSION: i32 = 1;
    const CATEGORIES: &'static [&'static str] = &[DocumentEvent::CATEGORY];
    const TABLES: &'static [&'static str] = &["document"];

    fn tables(&self, generation: &Generation) -> String {
        let table = generation.table("document");
        format!(
            "create table {table} (id uuid primary key, organization uuid not null, certificate uuid not null, \
             created_at timestamptz not null, document jsonb not null);\n\
             create index on {table} (certificate, created_at);\n"
        )
    }

    fn views(&self, generation: &Generation) -> Vec<View> {
        vec![View {
            name: "document",
            select: format!("select * from {}", generation.table("document")),
            scope: Scope::Organization("organization"),
        }]
    }

    async fn apply(
        &self,
        transaction: &Transaction<'_>,
        generation: &Generation,
        events: &[Recorded],
    ) -> Result<(), ProjectionError> {
        let table = generation.table("document");
        for recorded in events {
            match DocumentEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload)? {
                DocumentEvent::Attached(attached) => {
                    let mut document = json!(attached);
                    document["createdAt"] = json!(recorded.recorded_at);
                    document["version"] = recorded.version.into();
                    let sql = format!(
                        "insert into {table} (id, organization, certificate, created_at, document) \
                         values ($1, $2, $3, $4, $5) on conflict (id) do nothing"
                    );
                    let statement = transaction.prepare_cached(&sql).await?;
                    let (certificate, at) = (attached.certificate_id.uuid(), &recorded.recorded_at.0);
                    transaction
                        .execute(
                            &statement,
                            &[&recorded.stream, &recorded.tenant, &certificate, at, &document],
                        )
                        .await?;
                }
                DocumentEvent::Removed(_) => {
                    let sql = format!("delete from {table} where id = $1");
                    let statement = transaction.prepare_cached(&sql).await?;
                    transaction.execute(&statement, &[&recorded.stream]).await?;
                }
            }
        }
        Ok(())
    }
}
