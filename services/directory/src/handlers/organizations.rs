//! Organizations.

use bus::{Answer, Context};
use contracts::{
    OrganizationId, Problem,
    directory::{CreateOrganization, OrganizationCreated, OrganizationView, UpdateOrganization},
    id::Reference,
};
use runtime::repository::Executed;

use super::{Handlers, INSTALLATION, hidden, within};
use crate::organization::{Organization, OrganizationCommand};

impl Handlers {
    /// Creates an organization; only who reaches every organization may.
    pub async fn create_organization(
        &self,
        context: &Context,
        command: CreateOrganization,
    ) -> Result<Answer<OrganizationView>, Problem> {
        let new = self.ids.uuid();
        self.authority.admit::<CreateOrganization>(&within(context, new.into()))?;
        let created = |id| OrganizationCreated {
            id,
            name: command.name.clone(),
            display_name: command.display_name.clone(),
            country: command.country.clone(),
        };
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
        let id = self.organization(&command.organization).await?;
        let context = &within(context, id);
        self.authority
            .admit::<UpdateOrganization>(context)
            .map_err(|denied| hidden(denied, "organization", &command.organization))?;
        if let Some(name) = &command.name {
            let check = Context { dry_run: true, ..context.clone() };
            self.organizations
                .execute(&check, id.uuid(), OrganizationCommand::Update(command.clone()))
                .await?;
            self.take_name(&within(context, INSTALLATION), "organization", name, id.uuid()).await?;
        }
        let done =
            self.organizations.execute(context, id.uuid(), OrganizationCommand::Update(command)).await?;
        self.organization_answer(done).await
    }

    /// The organization that is named, if there is one.
    pub(super) async fn organization(
        &self,
        reference: &Reference<OrganizationId>,
    ) -> Result<OrganizationId, Problem> {
        match reference {
            Reference::Id(id) => Ok(*id),
            Reference::Name(name) => {
                let owner = self.names.owner(INSTALLATION.uuid(), "organization", name).await?;
                owner.map(Into::into).ok_or_else(|| Problem::not_found("organization", reference))
            }
        }
    }

    async fn organization_answer(
        &self,
        done: Executed<Organization>,
    ) -> Result<Answer<OrganizationView>, Problem> {
        let created_at = self.created_at(done.stream).await?;
        Ok(done.answer(|done| {
            let fields = done.state.fields().cloned().unwrap_or_default();
            OrganizationView {
                id: done.stream.into(),
                name: fields.name,
                display_name: fields.display_name,
                country: fields.country,
                created_at,
                version: done.version,
            }
        }))
    }
}
