//! One row per CA, policy and profile. They are few and rarely change, so each batch reads what it changes, and the
//! columns to filter by come from the document.

use std::collections::HashMap;

use contracts::{
    Event, OrganizationId, Timestamp,
    event::EventError,
    signer::{CaEvent, CaView, PolicyEvent, PolicyView, ProfileEvent, ProfileView},
};
use deadpool_postgres::Transaction;
use eventlog::Recorded;
use runtime::projection::{Generation, Projection, ProjectionError, Scope, View};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

use super::{event, json};
use crate::view;

/// `signer.ca`, `signer.policy` and `signer.profile`.
pub struct Catalog;

impl Projection for Catalog {
    const NAME: &'static str = "catalog";
    const VERSION: i32 = 1;
    const CATEGORIES: &'static [&'static str] = &["ca", "policy", "profile"];
    const TABLES: &'static [&'static str] = &["ca", "policy", "profile"];

    fn tables(&self, generation: &Generation) -> String {
        let table = |name: &&str| {
            let table = generation.table(name);
            format!(
                "create table {table} (
                   id uuid primary key, organization uuid not null, version int not null,
                   created_at timestamptz not null, document jsonb not null,
                   name text not null generated always as (document->>'name') stored);
                 create index on {table} (organization, name);"
            )
        };
        Self::TABLES.iter().map(table).collect()
    }

    fn views(&self, generation: &Generation) -> Vec<View> {
        let view = |name, columns: &str| View {
            name,
            select: format!(
                "select id, organization, version, created_at, name, document{columns} from {}",
                generation.table(name)
            ),
            scope: Scope::Organization("organization"),
        };
        vec![
            view(
                "ca",
                ", document->>'kind' as kind, document->>'status' as status, document->>'commonName' as common_name,
                   (document->>'notAfter')::timestamptz as not_after",
            ),
            view("policy", ""),
            view("profile", ", document->'rules'->>'type' as type"),
        ]
    }

    async fn apply(
        &self,
        transaction: &Transaction<'_>,
        generation: &Generation,
        events: &[Recorded],
    ) -> Result<(), ProjectionError> {
        let of = |category: &'static str| events.iter().filter(move |recorded| recorded.category == category);
        let table = |name| Table { transaction, name: generation.table(name) };
        table("ca")
            .apply(of(CaEvent::CATEGORY), |before, recorded| Ok(view::ca(before, event(recorded)?, recorded)))
            .await?;
        table("policy")
            .apply(of(PolicyEvent::CATEGORY), |before, recorded| {
                Ok(view::policy(before, event(recorded)?, recorded))
            })
            .await?;
        table("profile")
            .apply(of(ProfileEvent::CATEGORY), |before, recorded| {
                Ok(view::profile(before, event(recorded)?, recorded))
            })
            .await
    }
}

/// What every document says of itself.
trait Document: Serialize + DeserializeOwned + Send {
    fn head(&self) -> (Uuid, OrganizationId, i32, Timestamp);
}
impl Document for CaView {
    fn head(&self) -> (Uuid, OrganizationId, i32, Timestamp) {
        (self.id.uuid(), self.organization_id, self.version, self.created_at)
    }
}
impl Document for PolicyView {
    fn head(&self) -> (Uuid, OrganizationId, i32, Timestamp) {
        (self.id.uuid(), self.organization_id, self.version, self.created_at)
    }
}
impl Document for ProfileView {
    fn head(&self) -> (Uuid, OrganizationId, i32, Timestamp) {
        (self.id.uuid(), self.organization_id, self.version, self.created_at)
    }
}

struct Table<'a> {
    transaction: &'a Transaction<'a>,
    name: String,
}

impl Table<'_> {
    async fn apply<'e, D: Document>(
        &self,
        events: impl Iterator<Item = &'e Recorded> + Send,
        next: impl Fn(Option<D>, &Recorded) -> Result<Option<D>, ProjectionError> + Send,
    ) -> Result<(), ProjectionError> {
        let mut documents: HashMap<Uuid, Option<D>> = HashMap::new();
        for recorded in events {
            let before = match documents.remove(&recorded.stream) {
                Some(known) => known,
                None => self.get(recorded.stream).await?,
            };
            documents.insert(recorded.stream, next(before, recorded)?);
        }
        for document in documents.into_values().flatten() {
            self.put(&document).await?;
        }
        Ok(())
    }

    async fn get<D: Document>(&self, id: Uuid) -> Result<Option<D>, ProjectionError> {
        let sql = format!("select document from {} where id = $1", self.name);
        let Some(row) = self.transaction.query_opt(&sql, &[&id]).await? else { return Ok(None) };
        let document = serde_json::from_value(row.try_get::<_, Value>(0)?);
        document.map(Some).map_err(|source| EventError::Payload { kind: "document", source }.into())
    }

    async fn put<D: Document>(&self, document: &D) -> Result<(), ProjectionError> {
        let (id, organization, version, created_at) = document.head();
        let sql = format!(
            "insert into {} (id, organization, version, created_at, document)
             values ($1, $2, $3, $4, $5::text::jsonb)
             on conflict (id) do update set version = excluded.version, document = excluded.document",
            self.name
        );
        let document = json("document", document)?;
        self.transaction
            .execute(&sql, &[&id, &organization.uuid(), &version, &created_at.0, &document])
            .await?;
        Ok(())
    }
}
