//! Events of persons → rows of `api_directory.person`. Names and addresses are beside the log, and so beside the rows that
//! are made from it.

use contracts::{
    Actor, DepartmentId, Event, OperationId, OrganizationId,
    directory::{ImportStatus, PersonEvent, PersonImportEvent, PersonImportView, PersonStatus, PersonView},
};
use deadpool_postgres::Transaction;
use eventlog::Recorded;
use runtime::projection::{Generation, Projection, ProjectionError, Scope, View};
use serde_json::{Value, json};
use uuid::Uuid;

use super::event;

/// The read model of persons.
pub struct PeopleProjection;

impl Projection for PeopleProjection {
    const NAME: &'static str = "people";
    const VERSION: i32 = 2;
    const CATEGORIES: &'static [&'static str] = &[PersonEvent::CATEGORY, PersonImportEvent::CATEGORY];
    const TABLES: &'static [&'static str] = &["person", "person_import"];

    fn tables(&self, generation: &Generation) -> String {
        let table = generation.table("person");
        format!(
            "create table {table} (id uuid primary key, organization uuid not null, version int not null, \
             created_at timestamptz not null, department uuid, status text not null, document jsonb not null);\n\
             create index on {table} (organization, created_at, id);\n\
             create table {import} (id uuid primary key, organization uuid not null, version int not null, \
             created_at timestamptz not null, owner uuid, document jsonb not null);",
            import = generation.table("person_import")
        )
    }

    fn views(&self, generation: &Generation) -> Vec<View> {
        let select = select(&generation.table("person"));
        let import = select_imports(&generation.table("person_import"));
        let scope = Scope::Organization("organization");
        vec![View { name: "person", select, scope }, View { name: "person_import", select: import, scope }]
    }

    async fn apply(
        &self,
        transaction: &Transaction<'_>,
        generation: &Generation,
        events: &[Recorded],
    ) -> Result<(), ProjectionError> {
        let table = generation.table("person");
        let add = format!(
            "insert into {table} (id, organization, version, created_at, department, status, document) \
             values ($1, $2, $3, $4, $5, $6, $7) on conflict (id) do nothing"
        );
        let change = format!(
            "update {table} set version = $2, status = coalesce($3, status), \
             department = case when $4 then $5 else department end, document = document || $6 where id = $1"
        );
        let (add, change) =
            (transaction.prepare_cached(&add).await?, transaction.prepare_cached(&change).await?);
        for recorded in events {
            if recorded.category == PersonImportEvent::CATEGORY {
                apply_import(transaction, generation, recorded).await?;
                continue;
            }
            let (id, version) = (recorded.stream, recorded.version);
            let mut what = match event::<PersonEvent>(recorded)? {
                PersonEvent::Added(added) => {
                    let view = view(recorded, &added);
                    let department = added.department_id.map(DepartmentId::uuid);
                    let (tenant, at) = (recorded.tenant, recorded.recorded_at.0);
                    let (status, document) = (view.status.as_str(), json!(view));
                    transaction
                        .execute(&add, &[&id, &tenant, &version, &at, &department, &status, &document])
                        .await?;
                    continue;
                }
                PersonEvent::Updated(updated) => Change {
                    status: None,
                    department: Some(updated.department_id.map(DepartmentId::uuid)),
                    document: json!({"departmentId": updated.department_id,
                        "validationType": updated.validation_type}),
                },
                PersonEvent::Archived(_) => Change::to(PersonStatus::Archived),
                PersonEvent::Restored(_) => Change::to(PersonStatus::Active),
                PersonEvent::Erased(_) => Change::to(PersonStatus::Erased),
            };
            what.document["version"] = version.into();
            let (status, moves) = (what.status.map(PersonStatus::as_str), what.department.is_some());
            let department = what.department.flatten();
            transaction
                .execute(&change, &[&id, &version, &status, &moves, &department, &what.document])
                .await?;
        }
        Ok(())
    }
}

/// What an event changes in a row.
struct Change {
    status: Option<PersonStatus>,
    department: Option<Option<Uuid>>,
    document: Value,
}

impl Change {
    fn to(status: PersonStatus) -> Self {
        Self { status: Some(status), department: None, document: json!({"status": status}) }
    }
}

/// A person, as far as the log knows them.
fn view(recorded: &Recorded, added: &contracts::directory::PersonAdded) -> PersonView {
    PersonView {
        id: added.id,
        organization_id: OrganizationId(recorded.tenant),
        department_id: added.department_id,
        email: None,
        first_name: None,
        middle_name: None,
        last_name: None,
        alternative_emails: vec![],
        validation_type: added.validation_type,
        has_secret_id: false,
        status: PersonStatus::Active,
        created_at: recorded.recorded_at,
        version: recorded.version,
    }
}

async fn apply_import(
    transaction: &Transaction<'_>,
    generation: &Generation,
    recorded: &Recorded,
) -> Result<(), ProjectionError> {
    let table = generation.table("person_import");
    let sql = format!(
        "insert into {table} as t (id, organization, version, created_at, owner, document) values ($1, $2, $3, $4, $5, $6) \
         on conflict (id) do update set version = excluded.version, document = t.document || excluded.document"
    );
    let document = match event::<PersonImportEvent>(recorded)? {
        PersonImportEvent::Started(started) => json!(PersonImportView {
            id: Some(OperationId(recorded.stream)),
            status: ImportStatus::Running,
            lines: started.lines + started.unreadable,
            done: started.unreadable,
            added: 0,
            existing: 0,
            refused: started.unreadable,
            errors: vec![],
            started_at: Some(recorded.recorded_at),
        }),
        PersonImportEvent::Completed(completed) => {
            let done = completed.added + completed.existing + completed.refused;
            json!({"status": ImportStatus::Done, "done": done, "added": completed.added,
                "existing": completed.existing, "refused": completed.refused})
        }
    };
    let owner = match recorded.actor.parse() {
        Ok(Actor::Administrator { administrator, .. }) => Some(administrator.uuid()),
        _ => None,
    };
    let (at, statement) = (recorded.recorded_at.0, transaction.prepare_cached(&sql).await?);
    let (id, tenant, version) = (&recorded.stream, &recorded.tenant, &recorded.version);
    transaction.execute(&statement, &[id, tenant, version, &at, &owner, &document]).await?;
    Ok(())
}

/// While an import goes on, how far it is stands beside the log; what is wrong with lines stands there alone.
fn select_imports(table: &str) -> String {
    format!(
        "select p.id, p.organization, p.version, p.created_at, p.owner, null::uuid as department, \
         p.document || jsonb_build_object('errors', coalesce(t.errors, '[]')) || \
         case when p.document ->> 'status' = 'done' or t.id is null then '{{}}' else jsonb_build_object( \
         'done', t.done + t.unreadable, 'added', t.added, 'existing', t.existing, 'refused', t.refused) end as document \
         from {table} p left join directory.person_import t on t.id = p.id"
    )
}

/// Persons are about client certificates: whoever has rights to other types alone does not see them.
fn select(table: &str) -> String {
    format!(
        "select p.id, p.organization, p.version, p.created_at, p.department, p.status, \
         'client'::text as certificate_type, null::uuid as owner, null::uuid as profile_id, \
         null::uuid as certificate_id, d.email, d.first_name, d.last_name, d.alternative_emails, \
         lower(concat_ws(E'\\n', d.first_name, d.middle_name, d.last_name, d.email, \
         array_to_string(d.alternative_emails, E'\\n'))) as search, \
         p.document || jsonb_build_object('email', d.email, 'firstName', d.first_name, 'middleName', d.middle_name, \
         'lastName', d.last_name, 'alternativeEmails', coalesce(to_jsonb(d.alternative_emails), '[]'), \
         'hasSecretId', d.secret_id is not null) as document \
         from {table} p left join directory.person_details d on d.id = p.id"
    )
}
