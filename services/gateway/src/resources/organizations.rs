//! `/organizations` and their departments.

use contracts::{
    Code, Command, OrganizationId, Permission, Problem, Service,
    directory::{
        ArchiveDepartment, ArchiveOrganization, CreateDepartment, CreateOrganization, DepartmentView,
        OrganizationChanges as Changes, OrganizationView, RecordStatus, RestoreDepartment,
        RestoreOrganization, UpdateDepartment, UpdateOrganization,
    },
    id::Reference,
};
use http::StatusCode;
use serde_json::{Value, json};

use super::{Page, Reason, page};
use crate::{
    answer::Answer,
    call::Call,
    operation::Operation,
    read,
    timeline::{self, TimelineEntry},
    view::{self, Field, Rights, View},
};

/// Organizations.
pub static ORGANIZATIONS: View = View {
    service: Service::Directory,
    name: "organization",
    kind: "organization",
    prefix: "org",
    fields: &[Field::text("name", "name"), Field::word::<RecordStatus>("status", "status")],
    document: view::part_of::<OrganizationView>,
    rights: Rights::Shared,
    named: true,
    labelled: false,
    search: None,
    sort: "name",
};

/// Departments.
pub static DEPARTMENTS: View = View {
    service: Service::Directory,
    name: "department",
    kind: "department",
    prefix: "dep",
    fields: &[Field::text("name", "name"), Field::word::<RecordStatus>("status", "status")],
    document: view::part_of::<DepartmentView>,
    rights: Rights::Shared,
    named: false,
    labelled: false,
    search: None,
    sort: "name",
};

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
            .needs(Permission::OrganizationCreate)
            .sensitive()
            .takes::<CreateOrganization>(json!({"name": "hq", "displayName": "Headquarters",
                "addressLines": ["1 Main Street"], "city": "Kanata", "state": "Ontario", "postalCode": "K2K 1A1",
                "country": "CA"}))
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
            .takes::<Changes>(json!({"displayName": "Head office"}))
            .answers::<OrganizationView>(StatusCode::OK, "The organization as it is now.", organization())
            .problems(&[Code::AlreadyExists, Code::InvalidState])
            .handled_by(update),
        Operation::post(
            "/api/v1/organizations/{id}/archive",
            "archiveOrganization",
            "Archive an organization: nobody asks for certificates in it, what it has stays readable",
        )
        .needs(Permission::OrganizationWrite)
        .sensitive()
        .if_match()
        .may_take::<Reason>(json!({"reason": "sold"}))
        .answers::<OrganizationView>(StatusCode::OK, "The organization as it is now.", organization())
        .handled_by(archive),
        Operation::post(
            "/api/v1/organizations/{id}/restore",
            "restoreOrganization",
            "Put an archived organization into use again",
        )
        .needs(Permission::OrganizationWrite)
        .sensitive()
        .if_match()
        .may_take::<Reason>(json!({"reason": "bought back"}))
        .answers::<OrganizationView>(StatusCode::OK, "The organization as it is now.", organization())
        .handled_by(restore),
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
            .needs(Permission::DepartmentRead)
            .answers::<Page<DepartmentView>>(StatusCode::OK, "A page of departments.", page(department()))
            .handled_by(list_departments),
        Operation::post(departments, "createDepartment", "Create a department")
            .needs(Permission::DepartmentWrite)
            .takes::<CreateDepartment>(json!({"name": "web", "displayName": "Web shop"}))
            .answers::<DepartmentView>(StatusCode::CREATED, "The department.", department())
            .problem(Code::AlreadyExists)
            .handled_by(create_department),
        DEPARTMENTS
            .shows(Operation::get(department_path, "getDepartment", "Show a department"))
            .needs(Permission::DepartmentRead)
            .answers::<DepartmentView>(StatusCode::OK, "The department.", department())
            .handled_by(show_department),
        Operation::patch(department_path, "updateDepartment", "Change a department")
            .needs(Permission::DepartmentWrite)
            .takes::<Changes>(json!({"displayName": "Web"}))
            .answers::<DepartmentView>(StatusCode::OK, "The department as it is now.", department())
            .problems(&[Code::AlreadyExists, Code::InvalidState])
            .handled_by(update_department),
        Operation::post(
            "/api/v1/organizations/{id}/departments/{departmentId}/archive",
            "archiveDepartment",
            "Archive a department: nobody asks for certificates for it, what it has stays readable",
        )
        .needs(Permission::DepartmentWrite)
        .if_match()
        .may_take::<Reason>(json!({"reason": "merged"}))
        .answers::<DepartmentView>(StatusCode::OK, "The department as it is now.", department())
        .handled_by(archive_department),
        Operation::post(
            "/api/v1/organizations/{id}/departments/{departmentId}/restore",
            "restoreDepartment",
            "Put an archived department into use again",
        )
        .needs(Permission::DepartmentWrite)
        .if_match()
        .may_take::<Reason>(json!({"reason": "split off"}))
        .answers::<DepartmentView>(StatusCode::OK, "The department as it is now.", department())
        .handled_by(restore_department),
        Operation::get(
            "/api/v1/organizations/{id}/departments/{departmentId}/timeline",
            "getDepartmentTimeline",
            "Show what happened to a department",
        )
        .needs(Permission::DepartmentRead)
        .answers::<Page<TimelineEntry>>(
            StatusCode::OK,
            "Its events, oldest first.",
            timeline::example("department.created"),
        )
        .handled_by(show_department_timeline),
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
    let changes: Changes = call.json()?;
    let command = UpdateOrganization::new(call.parse("id")?, changes.name.clone(), changes.details());
    call.send(command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

async fn archive(call: Call) -> Result<Answer, Problem> {
    let Reason { reason } = call.json()?;
    let command = ArchiveOrganization { organization: call.parse("id")?, reason };
    call.send(command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

async fn restore(call: Call) -> Result<Answer, Problem> {
    let Reason { reason } = call.json()?;
    let command = RestoreOrganization { organization: call.parse("id")?, reason };
    call.send(command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

/// The organization in the path, if the caller reaches it.
pub(super) async fn organization_of(call: &Call) -> Result<OrganizationId, Problem> {
    Ok(read::one(call, &ORGANIZATIONS, "id").await?.id.into())
}

/// The organization in the path of a write: one named by id needs no read model, which may be behind.
pub(super) async fn named_organization(call: &Call) -> Result<OrganizationId, Problem> {
    match call.parse("id")? {
        Reference::Id(id) if call.caller()?.reaches(id) => Ok(id),
        Reference::Id(id) => Err(Problem::not_found("organization", id)),
        Reference::Name(_) => organization_of(call).await,
    }
}

async fn list_departments(call: Call) -> Result<Answer, Problem> {
    let organization = organization_of(&call).await?;
    let reach = call.reach(&DEPARTMENTS)?.within(organization);
    read::list_of(call, &DEPARTMENTS, reach).await
}

async fn show_department(call: Call) -> Result<Answer, Problem> {
    let found = find_department(&call).await?;
    read::answer(&call, found)
}

async fn show_department_timeline(call: Call) -> Result<Answer, Problem> {
    let found = find_department(&call).await?;
    timeline::of_streams(&call, &[found.id]).await
}

async fn find_department(call: &Call) -> Result<read::Found, Problem> {
    let organization = organization_of(call).await?;
    let reach = call.reach(&DEPARTMENTS)?.within(organization);
    read::find(call, &DEPARTMENTS, call.step("departmentId"), "departmentId", reach).await
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
    let changes: Changes = call.json()?;
    let command = UpdateDepartment::new(call.parse("departmentId")?, changes.name.clone(), changes.details());
    change_department(call, command).await
}

async fn archive_department(call: Call) -> Result<Answer, Problem> {
    let Reason { reason } = call.json()?;
    let command = ArchiveDepartment { department: call.parse("departmentId")?, reason };
    change_department(call, command).await
}

async fn restore_department(call: Call) -> Result<Answer, Problem> {
    let Reason { reason } = call.json()?;
    let command = RestoreDepartment { department: call.parse("departmentId")?, reason };
    change_department(call, command).await
}

/// Sends a command about a department of the organization in the path.
async fn change_department<C: Command<Reply = DepartmentView>>(
    call: Call,
    command: C,
) -> Result<Answer, Problem> {
    let mut context = call.context()?;
    context.tenant = named_organization(&call).await?;
    call.send_in(context, command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

fn organization() -> Value {
    json!({"id": "org_01jdp4q2x8f7mb3v5kz6n9w0ae", "name": "hq", "status": "active", "displayName": "Headquarters",
        "description": null, "addressLines": ["1 Main Street"], "city": "Kanata", "state": "Ontario",
        "postalCode": "K2K 1A1", "country": "CA", "createdAt": "2026-11-21T09:00:00Z", "version": 1})
}

fn department() -> Value {
    json!({"id": "dep_01jdp4q2x8f7mb3v5kz6n9w0ae", "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae", "name": "web",
        "status": "active", "displayName": "Web shop", "description": null, "addressInherited": true,
        "addressLines": ["1 Main Street"], "city": "Kanata", "state": "Ontario", "postalCode": "K2K 1A1",
        "country": "CA", "createdAt": "2026-11-21T09:00:00Z", "version": 1})
}
