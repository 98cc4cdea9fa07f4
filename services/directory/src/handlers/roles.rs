//! Custom roles: created, changed, archived.

use bus::{Answer, Context};
use contracts::{
    Code, Command, OrganizationId, PermissionSet, Problem, RoleId,
    directory::{
        ArchiveRole, BuiltInRole, CreateRole, Grant, RecordStatus, Role, RoleCreated, RoleView, UpdateRole,
    },
};
use runtime::{
    authority::{Caller, Held, Principal, Target, covers},
    repository::Executed,
};

use super::{Handlers, INSTALLATION, hidden, within};
use crate::role::{CustomRole, RoleCommand};

impl Handlers {
    /// Creates a custom role.
    pub async fn create_role(
        &self,
        context: &Context,
        command: CreateRole,
    ) -> Result<Answer<RoleView>, Problem> {
        let caller = self.authority.caller::<CreateRole>(context).await?;
        let principal = self.authority.principal(&context.actor)?;
        let organization = match &command.organization {
            None => None,
            Some(reference) => {
                let id = self.organization(reference).await?;
                caller
                    .permit(&place(Some(id)))
                    .map_err(|denied| hidden(denied, "organization", reference))?;
                Some(id)
            }
        };
        caller.permit(&place(organization))?;
        let created = |id| RoleCreated {
            id: RoleId(id),
            organization_id: organization,
            name: command.name.clone(),
            description: command.description.clone().filter(|text| !text.is_empty()),
            permissions: command.permissions.clone(),
            own_only: command.own_only,
        };
        let (context, new) = (&within(context, organization.unwrap_or(INSTALLATION)), self.ids.uuid());
        let check = Context { dry_run: true, ..context.clone() };
        self.roles.create(&check, new, RoleCommand::Create(created(new))).await?;
        self.holds(&principal, organization, &created(new))?;
        let id = self.names.reserve(context, "role", &command.name, new).await?;
        let done = self.roles.create(context, id, RoleCommand::Create(created(id))).await?;
        self.role_answer(done).await
    }

    /// Changes a custom role, for whoever holds it.
    pub async fn update_role(
        &self,
        context: &Context,
        command: UpdateRole,
    ) -> Result<Answer<RoleView>, Problem> {
        let _turn = self.one_at_a_time().await?;
        let (context, principal) = &self.at_role::<UpdateRole>(context, command.role).await?;
        let id = command.role.uuid();
        let check = Context { dry_run: true, ..context.clone() };
        let after = self.roles.execute(&check, id, RoleCommand::Update(command.clone())).await?;
        if let Some(role) = after.state.fields() {
            self.holds(principal, role.organization_id, role)?;
        }
        self.role_answer(self.roles.execute(context, id, RoleCommand::Update(command)).await?).await
    }

    /// Archives a custom role: it allows nothing any more.
    pub async fn archive_role(
        &self,
        context: &Context,
        command: ArchiveRole,
    ) -> Result<Answer<RoleView>, Problem> {
        let _turn = self.one_at_a_time().await?;
        let (context, _) = &self.at_role::<ArchiveRole>(context, command.role).await?;
        self.role_answer(self.roles.execute(context, command.role.uuid(), RoleCommand::Archive).await?).await
    }

    /// The command, where its role is, if the caller may do it there: to a role that allows no more than they hold, and
    /// that is none of their own.
    async fn at_role<C: Command>(
        &self,
        context: &Context,
        id: RoleId,
    ) -> Result<(Context, Principal), Problem> {
        let caller: Caller = self.authority.caller::<C>(context).await?;
        let principal = self.authority.principal(&context.actor)?;
        let snapshot = self.roles.reload(id.uuid()).await?;
        let missing = || Problem::not_found("role", id);
        let role = snapshot.state.fields().ok_or_else(missing)?;
        caller.permit(&place(role.organization_id)).map_err(|denied| hidden(denied, "role", &id))?;
        if principal.held.iter().any(|held| held.grant.role == Role::Custom(id)) {
            let words = "nobody changes their own rights: you hold this role yourself";
            return Err(Problem::new(Code::Forbidden, words));
        }
        self.holds(&principal, role.organization_id, role)?;
        Ok((within(context, role.organization_id.unwrap_or(INSTALLATION)), principal))
    }

    /// Whether the caller holds everything that a role allows, where it could be granted. Errors: `forbidden`.
    fn holds(
        &self,
        principal: &Principal,
        organization_id: Option<OrganizationId>,
        role: &RoleCreated,
    ) -> Result<(), Problem> {
        // Which role the grant names is of no account: its permissions are given.
        let grant = Grant { organization_id, ..Grant::installation(Role::BuiltIn(BuiltInRole::Requester)) };
        let held = Held::new(grant, PermissionSet::of(&role.permissions), role.own_only);
        if covers(principal, &held) {
            return Ok(());
        }
        let words = "nobody grants more than they hold: the role would allow more than yours do there";
        Err(Problem::new(Code::Forbidden, words))
    }

    async fn role_answer(&self, done: Executed<CustomRole>) -> Result<Answer<RoleView>, Problem> {
        let created_at = self.created_at(done.stream).await?;
        let id = RoleId(done.stream);
        let role = done.state.fields().cloned().ok_or_else(|| Problem::not_found("role", id))?;
        Ok(done.answer(|done| RoleView {
            id: Role::Custom(id),
            name: role.name,
            built_in: false,
            organization_id: role.organization_id,
            description: role.description,
            permissions: role.permissions,
            own_only: role.own_only,
            status: if done.state.is_archived() { RecordStatus::Archived } else { RecordStatus::Active },
            created_at: Some(created_at),
            version: done.version,
        }))
    }
}

/// Where a role is written.
fn place(organization: Option<OrganizationId>) -> Target {
    organization.map_or(Target::INSTALLATION, Target::organization)
}
