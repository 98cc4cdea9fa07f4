//! `/organizations` and their departments.

use contracts::{
    Code, OrganizationId, Permission, Problem, Service,
    directory::{
        CreateDepartment, CreateOrganization, DepartmentView, OrganizationView, UpdateDepartment,
        UpdateOrganization,
    },
    id::Reference,
};
use http::StatusCode;
use runtime::database::Scope;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Page, page};
use crate::{
    answer::Answer,
    call::Call,
    operation::Operation,
    read,
    timeline::{self, TimelineEntry},
    view::{self, Field, View},
};

static ORGANIZATIONS: View = View {
    service: Service::Directory,
    name: "organization",
    kind: "organization",
    prefix: "org",
    fields: &[Field::text("name", "name")],
    document: view::part_of::<OrganizationView>,
    named: true,
    labelled: false,
    search: None,
    sort: "name",
};

static DEPARTMENTS: View = View {
    service: Service::Directory,
    name: "department",
    kind: "department",
    prefix: "dep",
    fields: &[Field::text("name", "name")],
    document: view::part_of::<DepartmentView>,
    named: false,
    labelled: false,
    search: None,
    sort: "name",
};

/// What changes; a missing field stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OrganizationChanges {
    /// New unique name.
    #[serde(default)]
    name: Option<String>,
    /// New display name.
    #[serde(default)]
    display_name: Option<String>,
    /// New country, ISO 3166-1 alpha-2.
    #[serde(default)]
    country: Option<String>,
}

/// What changes; a missing field stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DepartmentChanges {
    /// New name.
    #[serde(default)]
    name: Option<String>,
    /// New display name.
    #[serde(default)]
    display_name: Option<String>,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let all = "/api/v1/organizations";
    let one = "/api/v1/organizations/{id}";
    let departments = "/api/v1/organizations/{id}/departments";
    let department_path = "/api/v1/organizations/{id}/departments/{departmentId}";
    let operations = vec![
        ORGANIZATIONS
            .lists(Operation::get(all, "listOrganizations", "List organizations"))
            .needs(Permission::OrganizationRead)
            .answers::<Page<OrganizationView>>(
                StatusCode::OK,
                "A page of organizations.",
                page(organization()),
            )
            .handled_by(|call| read::list(call, &ORGANIZATIONS)),
        Operation::post(all, "createOrganization", "Create an organization")
            .needs(Permission::OrganizationWrite)
            .sensitive()
            .takes::<CreateOrganization>(
                json!({"name": "hq", "displayName": "Headquarters", "country": "CA"}),
            )
            .answers::<OrganizationView>(StatusCode::CREATED, "The organization.", organization())
            .problem(Code::AlreadyExists)
            .handled_by(create),
        ORGANIZATIONS
            .shows(Operation::get(one, "getOrganization", "Show an organization"))
            .needs(Permission::OrganizationRead)
            .answers::<OrganizationView>(StatusCode::OK, "The organization.", organization())
            .handled_by(|call| read::show(call, &ORGANIZATIONS)),
        Operation::patch(one, "updateOrganization", "Change an organization")
            .needs(Permission::OrganizationWrite)
            .sensitive()
            .takes::<OrganizationChanges>(json!({"displayName": "Head office"}))
            .answers::<OrganizationView>(StatusCode::OK, "The organization as it is now.", organization())
            .problem(Code::AlreadyExists)
            .handled_by(update),
        Operation::get(
            "/api/v1/organizations/{id}/timeline",
            "getOrganizationTimeline",
            "Show what happened to an organization",
        )
        .needs(Permission::OrganizationRead)
        .answers::<Page<TimelineEntry>>(
            StatusCode::OK,
            "Its events, oldest first.",
            timeline::example("organization.created"),
        )
        .handled_by(|call| timeline::of_row(call, &ORGANIZATIONS)),
        DEPARTMENTS
            .lists(Operation::get(departments, "listDepartments", "List an organization's departments"))
            .needs(Permission::OrganizationRead)
            .answers::<Page<DepartmentView>>(StatusCode::OK, "A page of departments.", page(department()))
            .handled_by(list_departments),
        Operation::post(departments, "createDepartment", "Create a department")
            .needs(Permission::OrganizationWrite)
            .takes::<CreateDepartment>(json!({"name": "web", "displayName": "Web shop"}))
            .answers::<DepartmentView>(StatusCode::CREATED, "The department.", department())
            .problem(Code::AlreadyExists)
            .handled_by(create_department),
        DEPARTMENTS
            .shows(Operation::get(department_path, "getDepartment", "Show a department"))
            .needs(Permission::OrganizationRead)
            .answers::<DepartmentView>(StatusCode::OK, "The department.", department())
            .handled_by(show_department),
        Operation::patch(department_path, "updateDepartment", "Change a department")
            .needs(Permission::OrganizationWrite)
            .takes::<DepartmentChanges>(json!({"displayName": "Web"}))
            .answers::<DepartmentView>(StatusCode::OK, "The department as it is now.", department())
            .problem(Code::AlreadyExists)
            .handled_by(update_department),
    ];
    operations.into_iter().map(|operation| operation.tagged("Organizations")).collect()
}

async fn create(call: Call) -> Result<Answer, Problem> {
    let command: CreateOrganization = call.json()?;
    call.send(command, |made, _| {
        Ok(Answer::json(StatusCode::CREATED, &made)?.located(&format!("/api/v1/organizations/{}", made.id)))
    })
    .await
}

async fn update(call: Call) -> Result<Answer, Problem> {
    let OrganizationChanges { name, display_name, country } = call.json()?;
    let command = UpdateOrganization { organization: call.parse("id")?, name, display_name, country };
    call.send(command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

/// The organization in the path, if the caller reaches it.
async fn organization_of(call: &Call) -> Result<OrganizationId, Problem> {
    Ok(read::one(call, &ORGANIZATIONS, "id").await?.id.into())
}

/// The organization in the path of a write: one named by id needs no read model, which may be behind.
async fn named_organization(call: &Call) -> Result<OrganizationId, Problem> {
    match call.parse("id")? {
        Reference::Id(id) if call.caller()?.reaches(id) => Ok(id),
        Reference::Id(id) => Err(Problem::not_found("organization", id)),
        Reference::Name(_) => organization_of(call).await,
    }
}

async fn list_departments(call: Call) -> Result<Answer, Problem> {
    let organization = organization_of(&call).await?;
    read::list_of(call, &DEPARTMENTS, Scope::Organizations(vec![organization])).await
}

async fn show_department(call: Call) -> Result<Answer, Problem> {
    let organization = organization_of(&call).await?;
    let scope = Scope::Organizations(vec![organization]);
    let found = read::find(&call, &DEPARTMENTS, call.step("departmentId"), "departmentId", scope).await?;
    read::answer(&call, found)
}

async fn create_department(call: Call) -> Result<Answer, Problem> {
    let command: CreateDepartment = call.json()?;
    let mut context = call.context()?;
    context.tenant = named_organization(&call).await?;
    call.send_in(context, command, |made, _| {
        let path = format!("/api/v1/organizations/{}/departments/{}", made.organization_id, made.id);
        Ok(Answer::json(StatusCode::CREATED, &made)?.located(&path))
    })
    .await
}

async fn update_department(call: Call) -> Result<Answer, Problem> {
    let DepartmentChanges { name, display_name } = call.json()?;
    let command = UpdateDepartment { department: call.parse("departmentId")?, name, display_name };
    let mut context = call.context()?;
    context.tenant = named_organization(&call).await?;
    call.send_in(context, command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

fn organization() -> Value {
    json!({"id": "org_01jdp4q2x8f7mb3v5kz6n9w0ae", "name": "hq", "displayName": "Headquarters", "country": "CA",
        "createdAt": "2026-11-21T09:00:00Z", "version": 1})
}

fn department() -> Value {
    json!({"id": "dep_01jdp4q2x8f7mb3v5kz6n9w0ae", "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae", "name": "web",
        "displayName": "Web shop", "createdAt": "2026-11-21T09:00:00Z", "version": 1})
}
