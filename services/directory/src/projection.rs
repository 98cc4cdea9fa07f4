//! Events → rows of `api_directory.*`.

use contracts::{
    Event,
    directory::{
        AdministratorEvent, DenialEvent, DepartmentEvent, IdentityProviderEvent, OrganizationEvent, ROLES,
        RecordStatus, Role, RoleEvent, RoleView, SessionEvent, TokenEvent,
    },
};
use deadpool_postgres::Transaction;
use eventlog::Recorded;
use runtime::projection::{Generation, Projection, ProjectionError, Scope, View};
use serde_json::json;
use uuid::Uuid;

use self::row::row;
use crate::handlers::INSTALLATION;

pub mod approvals;
pub mod domains;
pub mod people;
mod row;
pub mod validations;

/// The read model of the directory.
pub struct DirectoryProjection;

/// Each table: id, organization, version, time, a name to find it by, whose it is, and the document that the API answers.
const TABLES: [&str; 8] = [
    "organization",
    "department",
    "administrator",
    "role",
    "identity_provider",
    "token",
    "denial",
    "session",
];

impl Projection for DirectoryProjection {
    const NAME: &'static str = "directory";
    const VERSION: i32 = 4;
    const CATEGORIES: &'static [&'static str] = &[
        OrganizationEvent::CATEGORY,
        DepartmentEvent::CATEGORY,
        AdministratorEvent::CATEGORY,
        RoleEvent::CATEGORY,
        IdentityProviderEvent::CATEGORY,
        TokenEvent::CATEGORY,
        DenialEvent::CATEGORY,
        SessionEvent::CATEGORY,
    ];
    const TABLES: &'static [&'static str] = &TABLES;

    fn tables(&self, generation: &Generation) -> String {
        let create = |table: &&str| {
            let table = generation.table(table);
            format!(
                "create table {table} (id uuid primary key, organization uuid not null, version int not null, \
                 created_at timestamptz not null, name text not null, status text not null, owner uuid, \
                 department uuid, organizations uuid[], departments uuid[], document jsonb not null);\n\
                 create index on {table} (organization, created_at, id);\n"
            )
        };
        TABLES.iter().map(create).chain([built_in_roles(&generation.table("role"))]).collect()
    }

    fn views(&self, generation: &Generation) -> Vec<View> {
        let view = |name: &'static str| {
            let table = generation.table(name);
            let (select, scope) = match name {
                "department" => {
                    let organizations = generation.table("organization");
                    (with_inherited_address(&table, &organizations), Scope::Organization("organization"))
                }
                "administrator" => (with_person(&table), Scope::AnyOrganization("organizations")),
                "role" => {
                    (format!("select * from {table}"), Scope::OrganizationOrInstallation("organization"))
                }
                "token" => (with_last_use(&table, "token"), Scope::Organization("organization")),
                "session" => (with_last_use(&table, "session"), Scope::Organization("organization")),
                _ => (format!("select * from {table}"), Scope::Organization("organization")),
            };
            View { name, select, scope }
        };
        TABLES.into_iter().map(view).collect()
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
                    "insert into {table} as t (id, organization, version, created_at, name, status, owner, \
                     department, organizations, departments, document) \
                     values ($1, $2, $3, $4, coalesce($5, ''), coalesce($6, ''), $7, $8, $9, $10, $11) \
                     on conflict (id) do update set version = excluded.version, name = coalesce($5, t.name), \
                     status = coalesce($6, t.status), organizations = coalesce($9, t.organizations), \
                     departments = coalesce($10, t.departments), document = t.document || excluded.document"
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
                        &row.owner,
                        &row.department,
                        &row.organizations,
                        &row.departments,
                        &row.document,
                    ],
                )
                .await?;
        }
        Ok(())
    }
}

/// The built-in roles, so that they are listed with the others.
fn built_in_roles(table: &str) -> String {
    let row = |(at, row): (usize, &contracts::directory::RoleRow)| {
        let view = RoleView {
            id: Role::BuiltIn(row.role),
            name: row.role.as_str().to_owned(),
            built_in: true,
            organization_id: None,
            description: Some(row.description.to_owned()),
            permissions: row.permissions.iter().collect(),
            own_only: row.own_only,
            status: RecordStatus::Active,
            created_at: None,
            version: 0,
        };
        let (id, everywhere) = (Uuid::from_u128(at as u128 + 1), INSTALLATION.uuid());
        format!(
            "insert into {table} (id, organization, version, created_at, name, status, document) \
             values ('{id}', '{everywhere}', 0, 'epoch', '{}', 'active', '{}');\n",
            view.name,
            json!(view).to_string().replace('\'', "''")
        )
    };
    ROLES.iter().enumerate().map(row).collect()
}

/// RFC 3339, as the API writes times.
fn with_last_use(table: &str, kind: &str) -> String {
    format!(
        "select t.id, t.organization, t.version, t.created_at, t.name, t.status, t.owner, t.department, \
         u.at as last_used_at, t.document || jsonb_build_object('lastUsedAt', \
         to_char(u.at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')) as document \
         from {table} t left join directory.{kind}_use u on u.{kind} = t.id"
    )
}

/// What people are called is beside the log, and so beside the rows that are made from it.
fn with_person(table: &str) -> String {
    format!(
        "select a.id, a.organization, a.version, a.created_at, a.name, a.status, a.organizations, a.departments, \
         p.display_name, p.email, a.document || jsonb_build_object('displayName', p.display_name, 'email', p.email) \
         as document from {table} a left join directory.person p on p.administrator = a.id"
    )
}

/// A department without an address of its own has its organization's.
fn with_inherited_address(table: &str, organizations: &str) -> String {
    let fields = ["addressLines", "city", "state", "postalCode", "country"];
    let own = fields.map(|field| format!("'{field}'")).join(", ");
    let inherited = fields.map(|field| format!("'{field}', o.document -> '{field}'")).join(", ");
    format!(
        "select d.id, d.organization, d.version, d.created_at, d.name, d.status, \
         case when jsonb_strip_nulls(d.document) ?| array[{own}] then d.document \
         else d.document || jsonb_build_object('addressInherited', true, {inherited}) end as document \
         from {table} d left join {organizations} o on o.id = d.organization"
    )
}

fn event<E: Event>(recorded: &Recorded) -> Result<E, ProjectionError> {
    Ok(E::from_payload(&recorded.kind, recorded.schema, &recorded.payload)?)
}
