//! Events of approvals → rows of `api_directory.approval`.

use contracts::{
    Event, OrganizationId,
    directory::{ApprovalEvent, ApprovalView, Approvers},
};
use deadpool_postgres::Transaction;
use eventlog::Recorded;
use runtime::{
    aggregate::Aggregate,
    projection::{Generation, Projection, ProjectionError, Scope, View},
};
use serde_json::Value;
use uuid::Uuid;

use crate::approval::{self, Approval};

/// `directory.approval`.
pub struct ApprovalProjection;

impl Projection for ApprovalProjection {
    const NAME: &'static str = "approval";
    const VERSION: i32 = 1;
    const CATEGORIES: &'static [&'static str] = &[ApprovalEvent::CATEGORY];
    const TABLES: &'static [&'static str] = &["approval"];

    fn tables(&self, generation: &Generation) -> String {
        format!(
            "create table {approval} (
               id uuid primary key, organization uuid not null, version int not null,
               created_at timestamptz not null, state jsonb not null, document jsonb not null,
               requested_by uuid, department uuid, profile_id uuid,
               given uuid[] not null, roles text[] not null, administrators uuid[] not null);
             create index on {approval} (organization, created_at, id);
             create index on {approval} (created_at) where document->>'status' = 'pending';",
            approval = generation.table("approval"),
        )
    }

    fn views(&self, generation: &Generation) -> Vec<View> {
        vec![
            View {
                name: "approval",
                select: format!(
                    "select id, organization, version, created_at, document, requested_by, department, profile_id,
                       null::uuid as certificate_id, given, roles, administrators,
                       document->>'certificateType' as certificate_type, document->>'status' as status,
                       document->>'kind' as kind, document->>'subjectId' as subject_id,
                       (document->>'expiresAt')::timestamptz as expires_at,
                       (document->>'fourEyes')::boolean as four_eyes from {}",
                    generation.table("approval")
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
        for recorded in events {
            approve(transaction, &generation.table("approval"), recorded).await?;
        }
        Ok(())
    }
}

async fn approve(
    transaction: &Transaction<'_>,
    table: &str,
    recorded: &Recorded,
) -> Result<(), ProjectionError> {
    let event = ApprovalEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload)?;
    let known = transaction
        .query_opt(&format!("select state, created_at from {table} where id = $1"), &[&recorded.stream])
        .await?;
    let (before, created_at) = match known {
        Some(row) => (read::<Approval>(row.get(0))?, contracts::Timestamp(row.get(1))),
        None => (Approval::default(), recorded.recorded_at),
    };
    let after = before.evolve(event);
    let Some(known) = &after.0 else { return Ok(()) };
    let view = approval::view(known, OrganizationId(recorded.tenant), created_at, recorded.version);
    let ApprovalView { given, approvers: Approvers { roles, administrators }, .. } = &view;
    let given: Vec<Uuid> = given.iter().map(|given| given.by.uuid()).collect();
    let roles: Vec<String> = roles.iter().map(ToString::to_string).collect();
    let administrators: Vec<Uuid> = administrators.iter().map(|one| one.uuid()).collect();
    let sql = format!(
        "insert into {table} (id, organization, version, created_at, state, document, requested_by, department,
           profile_id, given, roles, administrators)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         on conflict (id) do update set version = excluded.version, state = excluded.state,
           document = excluded.document, given = excluded.given, roles = excluded.roles,
           administrators = excluded.administrators"
    );
    let (state, document) = (write(&after)?, write(&view)?);
    let (requested_by, department) =
        (view.requested_by.map(|who| who.uuid()), view.department_id.map(|one| one.uuid()));
    let profile = view.profile_id.map(|one| one.uuid());
    transaction
        .execute(
            &sql,
            &[
                &recorded.stream,
                &recorded.tenant,
                &recorded.version,
                &created_at.0,
                &state,
                &document,
                &requested_by,
                &department,
                &profile,
                &given,
                &roles,
                &administrators,
            ],
        )
        .await?;
    Ok(())
}

fn read<T: serde::de::DeserializeOwned>(json: Value) -> Result<T, ProjectionError> {
    serde_json::from_value(json).map_err(unreadable)
}

fn write(value: &impl serde::Serialize) -> Result<Value, ProjectionError> {
    serde_json::to_value(value).map_err(unreadable)
}

fn unreadable(source: serde_json::Error) -> ProjectionError {
    contracts::event::EventError::Payload { kind: "approval", source }.into()
}
