//! Events of domains → rows of `api_directory.domain` and `api_directory.domain_delegation`. They are few and rarely
//! change, so each event reads the rows that it changes.

use contracts::{
    DomainId, Event, Timestamp,
    directory::{Delegate, DelegationView, DomainEvent, DomainStatus, DomainView},
    event::EventError,
};
use deadpool_postgres::Transaction;
use eventlog::Recorded;
use runtime::{
    domains::Domain,
    projection::{Generation, Projection, ProjectionError, Scope, View},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::domain_view;

/// `directory.domain` and `directory.domain_delegation`.
pub struct DomainProjection;

impl Projection for DomainProjection {
    const NAME: &'static str = "domain";
    const VERSION: i32 = 1;
    const CATEGORIES: &'static [&'static str] = &[DomainEvent::CATEGORY];
    const TABLES: &'static [&'static str] = &["domain", "domain_delegation"];

    fn tables(&self, generation: &Generation) -> String {
        // `organizations`: to which it is delegated or that asked for it, themselves or for a department.
        format!(
            "create table {domain} (
               id uuid primary key, organizations uuid[] not null default '{{}}', version int not null,
               created_at timestamptz not null, document jsonb not null,
               name text not null generated always as (document->>'name') stored);
             create index on {domain} (name);
             create table {delegation} (
               id uuid primary key, domain uuid not null, organization uuid not null, department uuid,
               version int not null, created_at timestamptz not null, document jsonb not null);
             create index on {delegation} (domain);",
            domain = generation.table("domain"),
            delegation = generation.table("domain_delegation"),
        )
    }

    fn views(&self, generation: &Generation) -> Vec<View> {
        vec![
            View {
                name: "domain",
                select: format!(
                    "select id, '00000000-0000-0000-0000-000000000000'::uuid as organization, organizations, version,
                       created_at, name, document, document->>'displayName' as display_name,
                       document->>'status' as status from {}",
                    generation.table("domain")
                ),
                scope: Scope::AnyOrganization("organizations"),
            },
            View {
                name: "domain_delegation",
                select: format!(
                    "select id, domain, organization, department, version, created_at, document,
                       document->>'domainName' as domain_name, document->>'status' as status,
                       nullif(document->>'requestedTypes', '[]') as requested_types from {}",
                    generation.table("domain_delegation")
                ),
                scope: Scope::Organization("organization"),
            },
        ]
    }

    async fn apply(
        &self,
        transaction: &Transaction<'_>,
        generation: &Generation,
        events: &[Recorded],
    ) -> Result<(), ProjectionError> {
        let tables = Tables {
            transaction,
            domain: generation.table("domain"),
            delegation: generation.table("domain_delegation"),
        };
        for recorded in events {
            let event = DomainEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload)?;
            tables.apply(event, recorded).await?;
        }
        Ok(())
    }
}

struct Tables<'a> {
    transaction: &'a Transaction<'a>,
    domain: String,
    delegation: String,
}

impl Tables<'_> {
    async fn apply(&self, event: DomainEvent, recorded: &Recorded) -> Result<(), ProjectionError> {
        let Some((mut domain, created_at)) = self.domain(&event, recorded).await? else { return Ok(()) };
        let delegate = event.delegate();
        let began = match delegate {
            Some(delegate) => self.delegation(&mut domain, delegate).await?.unwrap_or(recorded.recorded_at),
            None => recorded.recorded_at,
        };
        let ended = match &event {
            DomainEvent::DelegationWithdrawn(withdrawn) => Some(withdrawn.delegate),
            _ => None,
        };
        domain.apply(event);
        if let Some(ended) = ended {
            self.forget(domain.id, ended).await?;
        } else if let Some(delegate) = delegate {
            let view = domain_view::delegation(&domain, delegate, began, recorded.version);
            self.put_delegation(&view, delegate).await?;
        }
        let view = domain_view::domain(&domain, created_at, recorded.version);
        let sql = format!(
            "insert into {domain} (id, version, created_at, document) values ($1, $2, $3, $4)
             on conflict (id) do update set version = excluded.version, document = excluded.document, organizations =
               array(select distinct organization from {delegation} where domain = $1 order by organization)",
            domain = self.domain,
            delegation = self.delegation
        );
        self.execute(&sql, &[&view.id.uuid(), &view.version, &created_at.0, &json(&view)?]).await
    }

    /// The domain as its row has it, without delegations, and when it was created.
    async fn domain(
        &self,
        event: &DomainEvent,
        recorded: &Recorded,
    ) -> Result<Option<(Domain, Timestamp)>, ProjectionError> {
        if let DomainEvent::Created(created) = event {
            return Ok(Some((Domain::new(created.clone()), recorded.recorded_at)));
        }
        let sql = format!("select document from {} where id = $1", self.domain);
        let Some(view) = self.document::<DomainView>(&sql, &[&recorded.stream]).await? else {
            return Ok(None);
        };
        let domain = Domain {
            id: view.id,
            name: view.name,
            description: view.description,
            types: view.types,
            active: view.status == DomainStatus::Active,
            delegations: Default::default(),
        };
        Ok(Some((domain, view.created_at)))
    }

    /// Puts one delegation, as its row has it, into the domain, and says since when it has been there.
    async fn delegation(
        &self,
        domain: &mut Domain,
        delegate: Delegate,
    ) -> Result<Option<Timestamp>, ProjectionError> {
        let sql = format!("select document from {} where id = $1", self.delegation);
        let found = self.document::<DelegationView>(&sql, &[&row(domain.id, delegate)]).await?;
        let Some(view) = found else { return Ok(None) };
        let known = runtime::domains::Delegation {
            types: view.types,
            requested: view.requested_types,
            refused: view.reason,
        };
        domain.delegations.insert(delegate, known);
        Ok(Some(view.created_at))
    }

    async fn put_delegation(&self, view: &DelegationView, to: Delegate) -> Result<(), ProjectionError> {
        let sql = format!(
            "insert into {} (id, domain, organization, department, version, created_at, document)
             values ($1, $2, $3, $4, $5, $6, $7)
             on conflict (id) do update set version = excluded.version, document = excluded.document",
            self.delegation
        );
        let department = to.department_id.map(|department| department.uuid());
        self.execute(
            &sql,
            &[
                &row(view.domain_id, to),
                &view.domain_id.uuid(),
                &to.organization_id.uuid(),
                &department,
                &view.version,
                &view.created_at.0,
                &json(view)?,
            ],
        )
        .await
    }

    /// Takes out a delegation, and with an organization's those of its departments.
    async fn forget(&self, domain: DomainId, from: Delegate) -> Result<(), ProjectionError> {
        let (column, whose) = match from.department_id {
            Some(department) => ("department", department.uuid()),
            None => ("organization", from.organization_id.uuid()),
        };
        let sql = format!("delete from {} where domain = $1 and {column} = $2", self.delegation);
        self.execute(&sql, &[&domain.uuid(), &whose]).await
    }

    async fn document<D: DeserializeOwned>(
        &self,
        sql: &str,
        keys: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<D>, ProjectionError> {
        let Some(row) = self.transaction.query_opt(sql, keys).await? else { return Ok(None) };
        let document = serde_json::from_value(row.try_get::<_, Value>(0)?);
        document.map(Some).map_err(|source| EventError::Payload { kind: "document", source }.into())
    }

    async fn execute(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<(), ProjectionError> {
        let statement = self.transaction.prepare_cached(sql).await?;
        self.transaction.execute(&statement, values).await?;
        Ok(())
    }
}

/// The row of a delegation: UUIDv5(domain, department or else organization).
fn row(domain: DomainId, delegate: Delegate) -> Uuid {
    let whose = delegate.department_id.map_or(delegate.organization_id.uuid(), |id| id.uuid());
    Uuid::new_v5(&domain.uuid(), whose.as_bytes())
}

fn json(document: &impl Serialize) -> Result<Value, ProjectionError> {
    serde_json::to_value(document).map_err(|source| EventError::Payload { kind: "document", source }.into())
}
