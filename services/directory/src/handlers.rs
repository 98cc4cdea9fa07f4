//! One handler per command: check, gather facts, load, decide, append.

use bus::{Answer, Context, Reply};
use contracts::{
    Code, DepartmentId, OrganizationId, Problem, Timestamp, TokenId,
    directory::{
        CreateDepartment, CreateOrganization, DenialRecorded, DepartmentCreated, DepartmentView,
        DirectoryNameEvent, IssueToken, OrganizationCreated, OrganizationView, RecordDenial, RecordTokenUse,
        RevokeToken, TokenIssued, TokenRevoked, TokenStatus, TokenView, UpdateDepartment, UpdateOrganization,
    },
    id::Reference,
};
use eventlog::Reader;
use runtime::{
    authority::Authority,
    clock::Clock,
    command::read_problem,
    ids::Ids,
    names::Names,
    repository::{Executed, Repository},
    service::ServiceContext,
};
use std::sync::Arc;
use uuid::Uuid;

use crate::{
    denial::Denial,
    department::{Department, DepartmentCommand},
    organization::{Organization, OrganizationCommand},
    token::{Token, TokenCommand},
    token_use::TokenUse,
};

/// Names of organizations are unique in the whole installation: they are reserved outside every organization.
pub const INSTALLATION: OrganizationId = OrganizationId(Uuid::nil());

/// What the handlers work with.
pub struct Handlers {
    authority: Authority,
    ids: Ids,
    clock: Arc<dyn Clock>,
    reader: Reader,
    names: Names<DirectoryNameEvent>,
    organizations: Repository<Organization>,
    departments: Repository<Department>,
    tokens: Repository<Token>,
    denials: Repository<Denial>,
    token_use: TokenUse,
}

impl Handlers {
    /// Handlers of one service instance.
    pub fn new(context: &ServiceContext) -> Self {
        Self {
            authority: context.authority.clone(),
            ids: context.ids.clone(),
            clock: context.clock.clone(),
            reader: context.reader.clone(),
            names: Names::new(context.repository(1_000), context.reader.clone(), context.clock.clone()),
            organizations: context.repository(1_000),
            departments: context.repository(1_000),
            tokens: context.repository(1_000),
            denials: context.repository(1),
            token_use: TokenUse::new(context.pool.clone()),
        }
    }

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

    /// Issues an API token that is no wider than the one it is issued with.
    pub async fn issue_token(
        &self,
        context: &Context,
        command: IssueToken,
    ) -> Result<Answer<TokenView>, Problem> {
        let issuer = self.authority.principal(&context.actor)?;
        let organization = match &command.organization {
            Some(reference) => self.organization(reference).await?,
            None => issuer.organization,
        };
        let context = &within(context, organization);
        self.authority.admit::<IssueToken>(context).map_err(|denied| match &command.organization {
            Some(reference) => hidden(denied, "organization", reference),
            None => denied,
        })?;
        let issued = TokenIssued {
            id: command.id,
            name: command.name,
            administrator_id: issuer.administrator,
            organization_id: organization,
            all_organizations: issuer.all_organizations && command.organization.is_none(),
            hash: command.hash,
            scope: command.scope,
            expires_at: self.clock.now().plus(command.ttl.duration()),
        };
        let issue = TokenCommand::Issue { issued: Box::new(issued), issuer: issuer.scope };
        let done = self.tokens.create(context, command.id.uuid(), issue).await?;
        self.token_answer(command.id, done).await
    }

    /// Revokes an API token and answers once this instance knows it.
    pub async fn revoke_token(
        &self,
        context: &Context,
        command: RevokeToken,
    ) -> Result<Answer<TokenView>, Problem> {
        let id = command.token.uuid();
        let tenant =
            self.tokens.load(id).await?.tenant.ok_or_else(|| Problem::not_found("token", command.token))?;
        let context = &within(context, tenant);
        self.authority
            .admit::<RevokeToken>(context)
            .map_err(|denied| hidden(denied, "token", &command.token))?;
        let revoke = TokenCommand::Revoke(TokenRevoked { reason: command.reason });
        let done = self.tokens.execute(context, id, revoke).await?;
        self.token_answer(command.token, done).await
    }

    /// Keeps when tokens were last used.
    pub async fn record_token_use(
        &self,
        context: &Context,
        command: RecordTokenUse,
    ) -> Result<Answer<()>, Problem> {
        self.authority.admit::<RecordTokenUse>(context)?;
        self.token_use.record(&command.uses).await?;
        Ok(Answer::Done(Reply::nothing(())))
    }

    /// Records a refused sensitive call in the caller's organization.
    pub async fn record_denial(
        &self,
        context: &Context,
        command: RecordDenial,
    ) -> Result<Answer<()>, Problem> {
        let RecordDenial { denial } = command;
        let done = self.denials.create(context, context.command_id, shortened(denial)).await?;
        Ok(done.answer(|_| ()))
    }

    /// The organization that is named, if there is one.
    async fn organization(&self, reference: &Reference<OrganizationId>) -> Result<OrganizationId, Problem> {
        match reference {
            Reference::Id(id) => Ok(*id),
            Reference::Name(name) => {
                let owner = self.names.owner(INSTALLATION.uuid(), "organization", name).await?;
                owner.map(Into::into).ok_or_else(|| Problem::not_found("organization", reference))
            }
        }
    }

    /// Takes a further name for a thing that exists.
    async fn take_name(&self, context: &Context, kind: &str, name: &str, owner: Uuid) -> Result<(), Problem> {
        let taken = self.names.reserve(context, kind, name, owner).await?;
        if taken == owner {
            return Ok(());
        }
        Err(Problem::new(Code::AlreadyExists, format!("the {kind} name '{name}' is taken")))
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

    async fn token_answer(&self, id: TokenId, done: Executed<Token>) -> Result<Answer<TokenView>, Problem> {
        let created_at = self.created_at(done.stream).await?;
        let last_used_at = self.token_use.last(id).await?;
        let status = if done.state.is_revoked() { TokenStatus::Revoked } else { TokenStatus::Active };
        let Some(issued) = done.state.issued().cloned() else {
            return Err(Problem::not_found("token", id));
        };
        Ok(done.answer(|done| TokenView {
            id,
            name: issued.name,
            administrator_id: issued.administrator_id,
            organization_id: issued.organization_id,
            scope: issued.scope,
            status,
            created_at,
            expires_at: issued.expires_at,
            last_used_at,
            version: done.version,
        }))
    }

    /// When a stream began; now, for one that a dry run only imagines.
    async fn created_at(&self, stream: Uuid) -> Result<Timestamp, Problem> {
        let events = self.reader.read_stream(stream, 0).await.map_err(read_problem)?;
        Ok(events.first().map_or_else(|| self.clock.now(), |first| first.recorded_at))
    }
}

/// The same command, about this organization.
fn within(context: &Context, organization: OrganizationId) -> Context {
    Context { tenant: organization, ..context.clone() }
}

/// What is not the caller's does not exist for them (Z-1).
fn hidden(denied: Problem, kind: &str, reference: &impl std::fmt::Display) -> Problem {
    if denied.code == Code::Forbidden { Problem::not_found(kind, reference) } else { denied }
}

/// A denial holds what a stranger sent: it is cut to what a line of a report can hold.
fn shortened(denial: DenialRecorded) -> DenialRecorded {
    let cut = |text: String| text.chars().filter(|c| !c.is_control()).take(200).collect::<String>();
    DenialRecorded {
        operation: cut(denial.operation),
        permission: denial.permission,
        target: denial.target.map(cut),
        code: cut(denial.code),
        address: denial.address.map(cut),
    }
}
