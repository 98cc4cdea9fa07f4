//! Events of domain validations → rows of `api_directory.domain_validation`.

use contracts::{Event, Timestamp, directory::DomainValidationEvent, event::EventError};
use deadpool_postgres::Transaction;
use eventlog::Recorded;
use runtime::{
    aggregate::Aggregate as _,
    projection::{Generation, Projection, ProjectionError, Scope, View},
};
use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    domain_validation::{DomainValidation, Record},
    validation_view,
};

/// `directory.domain_validation`.
pub struct ValidationProjection;

impl Projection for ValidationProjection {
    const NAME: &'static str = "domain_validation";
    const VERSION: i32 = 2;
    const CATEGORIES: &'static [&'static str] = &[DomainValidationEvent::CATEGORY];
    const TABLES: &'static [&'static str] = &["domain_validation"];

    fn tables(&self, generation: &Generation) -> String {
        // `state`: what the next event is applied to; no reader sees it.
        format!(
            "create table {table} (
               id uuid primary key, organization uuid not null, domain uuid not null, version int not null,
               created_at timestamptz not null, valid_until timestamptz, state jsonb not null, document jsonb not null);
             create index on {table} (domain);
             create index on {table} (organization, created_at, id);",
            table = generation.table("domain_validation"),
        )
    }

    fn views(&self, generation: &Generation) -> Vec<View> {
        vec![View {
            name: "domain_validation",
            select: format!(
                "select id, organization, domain, version, created_at, valid_until, document,
                   document->>'domainName' as domain_name, document->>'method' as method,
                   document->>'status' as status from {}",
                generation.table("domain_validation")
            ),
            scope: Scope::Organization("organization"),
        }]
    }

    async fn apply(
        &self,
        transaction: &Transaction<'_>,
        generation: &Generation,
        events: &[Recorded],
    ) -> Result<(), ProjectionError> {
        let table = generation.table("domain_validation");
        let read = transaction
            .prepare_cached(&format!("select state, created_at from {table} where id = $1"))
            .await?;
        let write = transaction
            .prepare_cached(&format!(
                "insert into {table} (id, organization, domain, version, created_at, valid_until, state, document)
                 values ($1, $2, $3, $4, $5, $6, $7, $8)
                 on conflict (id) do update set version = excluded.version, valid_until = excluded.valid_until,
                   state = excluded.state, document = excluded.document"
            ))
            .await?;
        for recorded in events {
            let event =
                DomainValidationEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload)?;
            let row = transaction.query_opt(&read, &[&recorded.stream]).await?;
            let (known, created_at) = match row {
                Some(row) => {
                    let record: Record = serde_json::from_value(row.try_get(0)?).map_err(unreadable)?;
                    (Some(record), Timestamp(row.try_get::<_, OffsetDateTime>(1)?))
                }
                None => (None, recorded.recorded_at),
            };
            let Some(record) = DomainValidation(known).evolve(event).0 else { continue };
            let view = validation_view::validation(&record, created_at, recorded.version);
            let (state, document) = (json(&record)?, json(&view)?);
            let (domain, valid_until) = (record.domain_id.uuid(), record.valid_until.map(|until| until.0));
            transaction
                .execute(
                    &write,
                    &[
                        &recorded.stream,
                        &recorded.tenant,
                        &domain,
                        &recorded.version,
                        &created_at.0,
                        &valid_until,
                        &state,
                        &document,
                    ],
                )
                .await?;
        }
        Ok(())
    }
}

fn json(value: &impl serde::Serialize) -> Result<Value, ProjectionError> {
    serde_json::to_value(value).map_err(unreadable)
}

fn unreadable(source: serde_json::Error) -> ProjectionError {
    EventError::Payload { kind: "document", source }.into()
}
