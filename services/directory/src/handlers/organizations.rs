//! Organizations: created, changed, archived, restored.

use bus::{Answer, Context};
use contracts::{
    Command, OrganizationId, Problem,
    directory::{
        ArchiveOrganization, CreateOrganization, OrganizationArchived, OrganizationCreated,
        OrganizationRestored, OrganizationView, RestoreOrganization, UpdateOrganization,
    },
    id::Reference,
};
use runtime::{authority::Target, repository::Executed};

use super::{Handlers, INSTALLATION, hidden, within};
use crate::organization::{Organization, OrganizationCommand};

impl Handlers {
    /// Creates an organization.
    pub async fn create_organization(
        &self,
        context: &Context,
        command: CreateOrganization,
    ) -> Result<Answer<OrganizationView>, Problem> {
        self.authority.admit_to::<CreateOrganization>(context, &Target::INSTALLATION).await?;
        let new = self.ids.uuid();
        let created = |id| OrganizationCreated::new(id, command.name.clone(), command.details());
        // Fields are checked before the name is taken, so that a refusal leaves nothing.
        let check = Context { dry_run: true, ..within(context, new.into()) };
        self.organizations.create(&check, new, OrganizationCommand::Create(created(new.into()))).await?;
        let id =
            self.names.reserve(&within(context, INSTALLATION), "organization", &command.name, new).await?;
        let command = OrganizationCommand::Create(created(id.into()));
        let done = self.organizations.create(&within(context, id.into()), id, command).await?;
        self.organization_answer(done).await
    }

    /// Changes an organization.
    pub async fn update_organization(
        &self,
        context: &Context,
        command: UpdateOrganization,
    ) -> Result<Answer<OrganizationView>, Problem> {
        let context = &self.at_organization::<UpdateOrganization>(context, &command.organization).await?;
        let id = context.tenant.uuid();
        let update = OrganizationCommand::Update { name: command.name.clone(), details: command.details() };
        if let Some(name) = &command.name {
            let check = Context { dry_run: true, ..context.clone() };
            self.organizations.execute(&check, id, update.clone()).await?;
            self.take_name(&within(context, INSTALLATION), "organization", name, id).await?;
        }
        self.organization_answer(self.organizations.execute(context, id, update).await?).await
    }

    /// Archives an organization.
    pub async fn archive_organization(
        &self,
        context: &Context,
        command: ArchiveOrganization,
    ) -> Result<Answer<OrganizationView>, Problem> {
        let context = &self.at_organization::<ArchiveOrganization>(context, &command.organization).await?;
        let archive = OrganizationCommand::Archive(OrganizationArchived { reason: command.reason });
        let done = self.organizations.execute(context, context.tenant.uuid(), archive).await?;
        self.organization_answer(done).await
    }

    /// Restores an archived organization.
    pub async fn restore_organization(
        &self,
        context: &Context,
        command: RestoreOrganization,
    ) -> Result<Answer<OrganizationView>, Problem> {
        let context = &self.at_organization::<RestoreOrganization>(context, &command.organization).await?;
        let restore = OrganizationCommand::Restore(OrganizationRestored { reason: command.reason });
        let done = self.organizations.execute(context, context.tenant.uuid(), restore).await?;
        self.organization_answer(done).await
    }

    /// The command, about the organization that it names, if the caller may do it there.
    async fn at_organization<C: Command>(
        &self,
        context: &Context,
        reference: &Reference<OrganizationId>,
    ) -> Result<Context, Problem> {
        let context = within(context, self.organization(reference).await?);
        self.authority
            .admit::<C>(&context)
            .await
            .map_err(|denied| hidden(denied, "organization", reference))?;
        Ok(context)
    }

    async fn organization_answer(
        &self,
        done: Executed<Organization>,
    ) -> Result<Answer<OrganizationView>, Problem> {
        let created_at = self.created_at(done.stream).await?;
        Ok(done.answer(|done| {
            let fields = done.state.fields().cloned().unwrap_or_default();
            let (id, version) = (done.stream.into(), done.version);
            let details = fields.details();
            OrganizationView::new(id, fields.name, done.state.status(), created_at, version, details)
        }))
    }
}
