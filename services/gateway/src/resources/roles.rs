//! `/roles`: what may be granted. Built-in roles are listed with the custom ones.

use contracts::{
    Code, Permission, Problem, Service,
    directory::{ArchiveRole, CreateRole, RecordStatus, Role, RoleView, UpdateRole},
};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Page, page};
use crate::{
    answer::Answer,
    call::Call,
    operation::Operation,
    position, read,
    timeline::{self, TimelineEntry},
    view::{self, Field, Rights, View},
};

static ROLES: View = View {
    service: Service::Directory,
    name: "role",
    kind: "role",
    prefix: "rol",
    fields: &[
        Field::text("name", "name"),
        Field::word::<RecordStatus>("status", "status"),
        Field::text("builtIn", "(document ->> 'builtIn')"),
    ],
    document: view::part_of::<RoleView>,
    rights: Rights::Shared,
    named: true,
    labelled: false,
    search: None,
    sort: "name",
};

/// What changes, for whoever holds the role; a missing field stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RoleChanges {
    /// What it is for; empty takes it away.
    #[serde(default)]
    description: Option<String>,
    /// What it may do, replacing what it may now.
    #[serde(default)]
    permissions: Option<Vec<Permission>>,
    /// Whether its permissions reach only what its holder asked for or owns.
    #[serde(default)]
    own_only: Option<bool>,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let (all, one) = ("/api/v1/roles", "/api/v1/roles/{id}");
    let operations = vec![
        ROLES
            .lists(Operation::get(all, "listRoles", "List roles, built-in and custom ones"))
            .needs(Permission::RoleRead)
            .answers::<Page<RoleView>>(StatusCode::OK, "A page of roles.", page(example()))
            .handled_by(|call| read::list(call, &ROLES)),
        Operation::post(all, "createRole", "Create a custom role of permissions that the caller holds")
            .needs(Permission::RoleWrite)
            .step_up()
            .sensitive()
            .takes::<CreateRole>(json!({"name": "helpdesk", "organization": "name:hq",
                "permissions": ["certificate.read", "certificate.write"]}))
            .answers::<RoleView>(StatusCode::CREATED, "The role.", example())
            .problems(&[Code::AlreadyExists, Code::NotFound])
            .handled_by(create),
        ROLES
            .shows(Operation::get(one, "getRole", "Show a role"))
            .needs(Permission::RoleRead)
            .answers::<RoleView>(StatusCode::OK, "The role.", example())
            .handled_by(show),
        Operation::patch(one, "updateRole", "Change a custom role, for whoever holds it")
            .needs(Permission::RoleWrite)
            .step_up()
            .sensitive()
            .takes::<RoleChanges>(json!({"permissions": ["certificate.read"]}))
            .answers::<RoleView>(StatusCode::OK, "The role as it is now.", example())
            .problem(Code::InvalidState)
            .handled_by(update),
        Operation::delete(one, "archiveRole", "Archive a custom role: it allows nothing any more")
            .needs(Permission::RoleWrite)
            .step_up()
            .sensitive()
            .answers::<RoleView>(StatusCode::OK, "The role as it is now.", example())
            .handled_by(archive),
        Operation::get("/api/v1/roles/{id}/timeline", "getRoleTimeline", "Show what happened to a role")
            .needs(Permission::RoleRead)
            .answers::<Page<TimelineEntry>>(
                StatusCode::OK,
                "Its events, oldest first.",
                timeline::example("role.created"),
            )
            .handled_by(|call| timeline::of_row(call, &ROLES)),
    ];
    operations.into_iter().map(|operation| operation.tagged("Administrators")).collect()
}

async fn show(call: Call) -> Result<Answer, Problem> {
    // A built-in role's id is its name.
    let id = call.step("id");
    let reference = match id.parse() {
        Ok(Role::BuiltIn(_)) => format!("name:{id}"),
        _ => id.to_owned(),
    };
    position::wait(&call, ROLES.service).await?;
    let found = read::find(&call, &ROLES, &reference, "id", call.reach(&ROLES)?).await?;
    read::answer(&call, found)
}

async fn create(call: Call) -> Result<Answer, Problem> {
    let command: CreateRole = call.json()?;
    call.send(command, |made, _| {
        Ok(Answer::json(StatusCode::CREATED, &made)?.located(&format!("/api/v1/roles/{}", made.id)))
    })
    .await
}

async fn update(call: Call) -> Result<Answer, Problem> {
    let RoleChanges { description, permissions, own_only } = call.json()?;
    let command = UpdateRole { role: call.parse("id")?, description, permissions, own_only };
    call.send(command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

async fn archive(call: Call) -> Result<Answer, Problem> {
    let command = ArchiveRole { role: call.parse("id")? };
    call.send(command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

fn example() -> Value {
    json!({"id": "rol_01jdp4q2x8f7mb3v5kz6n9w0ae", "name": "helpdesk", "builtIn": false,
        "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae", "description": null,
        "permissions": ["certificate.read", "certificate.write"], "ownOnly": false, "status": "active",
        "createdAt": "2026-11-21T09:00:00Z", "version": 1})
}
