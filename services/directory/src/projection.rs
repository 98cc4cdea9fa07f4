//! Events → rows of `api_directory.*`.

use contracts::{
    AdministratorId, DepartmentId, Event, OrganizationId, TokenId,
    directory::{
        AdministratorEvent, DenialEvent, DepartmentEvent, DepartmentView, OrganizationEvent,
        OrganizationView, TokenEvent, TokenStatus, TokenView,
    },
};
use deadpool_postgres::Transaction;
use eventlog::Recorded;
use runtime::projection::{Generation, Projection, ProjectionError, Scope, View};
use serde_json::{Value, json};

/// The read model of the directory.
pub struct DirectoryProjection;

/// Each table: id, organization, version, time, a name to find it by, and the document that the API answers.
const TABLES: [&str; 5] = ["organization", "department", "administrator", "token", "denial"];

impl Projection for DirectoryProjection {
    const NAME: &'static str = "directory";
    const VERSION: i32 = 1;
    const CATEGORIES: &'static [&'static str] = &[
        OrganizationEvent::CATEGORY,
        DepartmentEvent::CATEGORY,
        AdministratorEvent::CATEGORY,
        TokenEvent::CATEGORY,
        DenialEvent::CATEGORY,
    ];
    const TABLES: &'static [&'static str] = &TABLES;

    fn tables(&self, generation: &Generation) -> String {
        TABLES
            .iter()
            .map(|table| {
                let table = generation.table(table);
                format!(
                    "create table {table} (id uuid primary key, organization uuid not null, version int not null, \
                     created_at timestamptz not null, name text not null, status text not null, \
                     document jsonb not null);\n\
                     create index on {table} (organization, created_at, id);\n"
                )
            })
            .collect()
    }

    fn views(&self, generation: &Generation) -> Vec<View> {
        TABLES
            .iter()
            .map(|name| {
                let table = generation.table(name);
                let select = if *name == "token" {
                    // RFC 3339, as the API writes times.
                    format!(
                        "select t.id, t.organization, t.version, t.created_at, t.name, t.status, \
                         t.document || jsonb_build_object('lastUsedAt', \
                         to_char(u.at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')) as document \
                         from {table} t left join directory.token_use u on u.token = t.id"
                    )
                } else {
                    format!("select * from {table}")
                };
                View { name, select, scope: Scope::Organization("organization") }
            })
            .collect()
    }

    async fn apply(
        &self,
        transaction: &Transaction<'_>,
        generation: &Generation,
        events: &[Recorded],
    ) -> Result<(), ProjectionError> {
        for recorded in events {
            let Some(row) = row(recorded)? else { continue };
            let table = generation.table(row.table);
            // A first event brings the whole document, later ones change members of it.
            let statement = transaction
                .prepare_cached(&format!(
                    "insert into {table} as t (id, organization, version, created_at, name, status, document) \
                     values ($1, $2, $3, $4, coalesce($5, ''), coalesce($6, ''), $7) \
                     on conflict (id) do update set version = excluded.version, name = coalesce($5, t.name), \
                     status = coalesce($6, t.status), document = t.document || excluded.document"
                ))
                .await?;
            transaction
                .execute(
                    &statement,
                    &[
                        &recorded.stream,
                        &recorded.tenant,
                        &recorded.version,
                        &recorded.recorded_at.0,
                        &row.name,
                        &row.status,
                        &row.document,
                    ],
                )
                .await?;
        }
        Ok(())
    }
}

/// What one event changes in one row.
struct Row {
    table: &'static str,
    name: Option<String>,
    status: Option<&'static str>,
    document: Value,
}

fn row(recorded: &Recorded) -> Result<Option<Row>, ProjectionError> {
    let (version, created_at) = (recorded.version, recorded.recorded_at);
    Ok(Some(match recorded.category.as_str() {
        OrganizationEvent::CATEGORY => match event(recorded)? {
            OrganizationEvent::Created(created) => Row {
                table: "organization",
                name: Some(created.name.clone()),
                status: Some("active"),
                document: json!(OrganizationView {
                    id: OrganizationId(recorded.stream),
                    name: created.name,
                    display_name: created.display_name,
                    country: created.country,
                    created_at,
                    version,
                }),
            },
            OrganizationEvent::Updated(updated) => Row {
                table: "organization",
                name: Some(updated.name.clone()),
                status: None,
                document: json!({"name": updated.name, "displayName": updated.display_name, "country": updated.country, "version": version}),
            },
        },
        DepartmentEvent::CATEGORY => match event(recorded)? {
            DepartmentEvent::Created(created) => Row {
                table: "department",
                name: Some(created.name.clone()),
                status: Some("active"),
                document: json!(DepartmentView {
                    id: DepartmentId(recorded.stream),
                    organization_id: created.organization_id,
                    name: created.name,
                    display_name: created.display_name,
                    created_at,
                    version,
                }),
            },
            DepartmentEvent::Updated(updated) => Row {
                table: "department",
                name: Some(updated.name.clone()),
                status: None,
                document: json!({"name": updated.name, "displayName": updated.display_name, "version": version}),
            },
        },
        AdministratorEvent::CATEGORY => {
            let AdministratorEvent::Appointed(appointed) = event(recorded)?;
            let id = AdministratorId(recorded.stream);
            Row {
                table: "administrator",
                name: Some(appointed.name.clone()),
                status: Some("active"),
                document: json!({"id": id, "name": appointed.name, "role": appointed.role, "createdAt": created_at, "version": version}),
            }
        }
        TokenEvent::CATEGORY => match event(recorded)? {
            TokenEvent::Issued(issued) => Row {
                table: "token",
                name: Some(issued.name.clone()),
                status: Some("active"),
                document: json!(TokenView {
                    id: TokenId(recorded.stream),
                    name: issued.name,
                    administrator_id: issued.administrator_id,
                    organization_id: issued.organization_id,
                    scope: issued.scope,
                    status: TokenStatus::Active,
                    created_at,
                    expires_at: issued.expires_at,
                    last_used_at: None,
                    version,
                }),
            },
            TokenEvent::Revoked(_) => Row {
                table: "token",
                name: None,
                status: Some("revoked"),
                document: json!({"status": TokenStatus::Revoked, "version": version}),
            },
        },
        DenialEvent::CATEGORY => {
            let DenialEvent::Recorded(denial) = event(recorded)?;
            Row {
                table: "denial",
                name: Some(denial.operation.clone()),
                status: Some("recorded"),
                document: json!({"id": recorded.stream, "actor": recorded.actor, "createdAt": created_at, "denial": denial}),
            }
        }
        _ => return Ok(None),
    }))
}

fn event<E: Event>(recorded: &Recorded) -> Result<E, ProjectionError> {
    Ok(E::from_payload(&recorded.kind, recorded.schema, &recorded.payload)?)
}
