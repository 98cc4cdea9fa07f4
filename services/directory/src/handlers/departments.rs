//! Departments of the caller's organization.

use bus::{Answer, Context};
use contracts::{
    DepartmentId, OrganizationId, Problem,
    directory::{CreateDepartment, DepartmentCreated, DepartmentView, UpdateDepartment},
};
use runtime::repository::Executed;

use super::Handlers;
use crate::department::{Department, DepartmentCommand};

impl Handlers {
    /// Creates a department in the caller's organization.
    pub async fn create_department(
        &self,
        context: &Context,
        command: CreateDepartment,
    ) -> Result<Answer<DepartmentView>, Problem> {
        self.authority.admit::<CreateDepartment>(context)?;
        let new = self.ids.uuid();
        let created = |id| DepartmentCreated {
            id,
            organization_id: context.tenant,
            name: command.name.clone(),
            display_name: command.display_name.clone(),
        };
        let check = Context { dry_run: true, ..context.clone() };
        self.departments.create(&check, new, DepartmentCommand::Create(created(new.into()))).await?;
        let id = self.names.reserve(context, "department", &command.name, new).await?;
        let command = DepartmentCommand::Create(created(id.into()));
        let done = self.departments.create(context, id, command).await?;
        self.department_answer(context.tenant, done).await
    }

    /// Changes a department of the caller's organization.
    pub async fn update_department(
        &self,
        context: &Context,
        command: UpdateDepartment,
    ) -> Result<Answer<DepartmentView>, Problem> {
        self.authority.admit::<UpdateDepartment>(context)?;
        let id = command.department.uuid();
        if let Some(name) = &command.name {
            let check = Context { dry_run: true, ..context.clone() };
            self.departments.execute(&check, id, DepartmentCommand::Update(command.clone())).await?;
            self.take_name(context, "department", name, id).await?;
        }
        let done = self.departments.execute(context, id, DepartmentCommand::Update(command)).await?;
        self.department_answer(context.tenant, done).await
    }

    async fn department_answer(
        &self,
        organization_id: OrganizationId,
        done: Executed<Department>,
    ) -> Result<Answer<DepartmentView>, Problem> {
        let created_at = self.created_at(done.stream).await?;
        Ok(done.answer(|done| {
            let fields = done.state.fields().cloned().unwrap_or_default();
            DepartmentView {
                id: DepartmentId(done.stream),
                organization_id,
                name: fields.name,
                display_name: fields.display_name,
                created_at,
                version: done.version,
            }
        }))
    }
}
