//! Departments: created, changed, archived, restored.

use bus::{Answer, Context};
use contracts::{
    Command, DepartmentId, OrganizationId, Problem,
    directory::{
        ArchiveDepartment, CreateDepartment, DepartmentArchived, DepartmentCreated, DepartmentRestored,
        DepartmentView, RestoreDepartment, UpdateDepartment,
    },
};
use runtime::{authority::Target, repository::Executed};

use super::{Handlers, hidden};
use crate::department::{Department, DepartmentCommand};

impl Handlers {
    /// Creates a department in the command's organization.
    pub async fn create_department(
        &self,
        context: &Context,
        command: CreateDepartment,
    ) -> Result<Answer<DepartmentView>, Problem> {
        self.authority.admit::<CreateDepartment>(context).await?;
        let new = self.ids.uuid();
        let (tenant, name) = (context.tenant, &command.name);
        let created = |id| DepartmentCreated::new(id, tenant, name.clone(), command.details());
        let check = Context { dry_run: true, ..context.clone() };
        self.departments.create(&check, new, DepartmentCommand::Create(created(new.into()))).await?;
        let id = self.names.reserve(context, "department", &command.name, new).await?;
        let command = DepartmentCommand::Create(created(id.into()));
        let done = self.departments.create(context, id, command).await?;
        self.department_answer(context.tenant, done).await
    }

    /// Changes a department.
    pub async fn update_department(
        &self,
        context: &Context,
        command: UpdateDepartment,
    ) -> Result<Answer<DepartmentView>, Problem> {
        self.at_department::<UpdateDepartment>(context, command.department).await?;
        let id = command.department.uuid();
        let update = DepartmentCommand::Update { name: command.name.clone(), details: command.details() };
        if let Some(name) = &command.name {
            let check = Context { dry_run: true, ..context.clone() };
            self.departments.execute(&check, id, update.clone()).await?;
            self.take_name(context, "department", name, id).await?;
        }
        self.department_answer(context.tenant, self.departments.execute(context, id, update).await?).await
    }

    /// Archives a department.
    pub async fn archive_department(
        &self,
        context: &Context,
        command: ArchiveDepartment,
    ) -> Result<Answer<DepartmentView>, Problem> {
        self.at_department::<ArchiveDepartment>(context, command.department).await?;
        let archive = DepartmentCommand::Archive(DepartmentArchived { reason: command.reason });
        let done = self.departments.execute(context, command.department.uuid(), archive).await?;
        self.department_answer(context.tenant, done).await
    }

    /// Restores an archived department.
    pub async fn restore_department(
        &self,
        context: &Context,
        command: RestoreDepartment,
    ) -> Result<Answer<DepartmentView>, Problem> {
        self.at_department::<RestoreDepartment>(context, command.department).await?;
        let restore = DepartmentCommand::Restore(DepartmentRestored { reason: command.reason });
        let done = self.departments.execute(context, command.department.uuid(), restore).await?;
        self.department_answer(context.tenant, done).await
    }

    /// Whether the caller may do a command to a department of the command's organization.
    async fn at_department<C: Command>(
        &self,
        context: &Context,
        department: DepartmentId,
    ) -> Result<(), Problem> {
        let target = Target::within(context.tenant, Some(department));
        let admitted = self.authority.admit_to::<C>(context, &target).await;
        admitted.map_err(|denied| hidden(denied, "department", &department))
    }

    async fn department_answer(
        &self,
        organization_id: OrganizationId,
        done: Executed<Department>,
    ) -> Result<Answer<DepartmentView>, Problem> {
        let created_at = self.created_at(done.stream).await?;
        let own =
            done.state.fields().map(contracts::directory::DepartmentUpdated::details).unwrap_or_default();
        let address_inherited = !own.has_address();
        let details = if address_inherited {
            let organization = self.organizations.load(organization_id.uuid()).await?;
            let above = organization.state.fields().map(contracts::directory::OrganizationUpdated::details);
            own.at_address_of(above.unwrap_or_default())
        } else {
            own
        };
        Ok(done.answer(|done| {
            let fields = done.state.fields().cloned().unwrap_or_default();
            let (id, status) = (done.stream.into(), done.state.status());
            DepartmentView::new(
                id,
                organization_id,
                fields.name,
                status,
                address_inherited,
                created_at,
                done.version,
                details,
            )
        }))
    }
}
