//! Identity providers: created, changed, archived. Whoever sets one up hands what its groups give to whoever runs it.

use bus::{Answer, Context};
use contracts::{
    Actor, Code, Command, CredentialId, IdentityProviderId, OrganizationId, Problem, SecretText, Service,
    Violation,
    directory::{
        ArchiveIdentityProvider, CreateIdentityProvider, GroupGrant, IdentityProviderChanges,
        IdentityProviderCreated, IdentityProviderView, NewGrant, NewGroupGrant, ProviderSetup, SessionEnd,
        UpdateIdentityProvider,
    },
    id::Reference,
    keystore::{CredentialPurpose, DestroySignInCredential, KeepSignInCredential},
};
use runtime::{
    authority::{Caller, Principal, Target},
    repository::Executed,
};
use uuid::Uuid;

use super::{Handlers, INSTALLATION, hidden, within};
use crate::identity_provider::{IdentityProvider, IdentityProviderCommand, view};

/// An identity provider that the caller may change, and the caller.
struct Seen {
    caller: Caller,
    principal: Principal,
    context: Context,
    now: IdentityProviderCreated,
}

impl Handlers {
    /// Lets people sign in at an OpenID provider.
    pub async fn create_identity_provider(
        &self,
        context: &Context,
        command: CreateIdentityProvider,
    ) -> Result<Answer<IdentityProviderView>, Problem> {
        let caller = self.authority.caller::<CreateIdentityProvider>(context).await?;
        let principal = self.authority.principal(&context.actor)?;
        let _turn = self.one_at_a_time().await?;
        let organization_id = match &command.organization {
            None => None,
            Some(reference) => {
                let id = self.organization(reference).await?;
                let denied = |denied| hidden(denied, "organization", reference);
                caller.permit(&place(Some(id))).map_err(denied)?;
                Some(id)
            }
        };
        caller.permit(&place(organization_id))?;
        let groups = self.group_grants(&caller, &principal, organization_id, command.groups)?;
        let setup = ProviderSetup {
            display_name: command.display_name.filter(|name| !name.is_empty()),
            issuer: command.issuer,
            client_id: command.client_id,
            credential: credential_of(context.command_id),
            scopes: command.scopes,
            groups_claim: command.groups_claim,
            groups,
            active: command.active,
        };
        let credential = setup.credential;
        let create = |id| {
            let (id, name, setup) = (IdentityProviderId(id), command.name.clone(), setup.clone());
            let created = IdentityProviderCreated { id, organization_id, name, setup };
            IdentityProviderCommand::Create(Box::new(created))
        };
        let (context, new) = (&within(context, organization_id.unwrap_or(INSTALLATION)), self.ids.uuid());
        let check = Context { dry_run: true, ..context.clone() };
        self.identity_providers.create(&check, new, create(new)).await?;
        let id = self.names.reserve(context, "identity_provider", &command.name, new).await?;
        if !context.dry_run {
            self.keep_client_secret(context, credential, command.client_secret).await?;
        }
        let done = self.identity_providers.create(context, id, create(id)).await?;
        self.identity_provider_answer(done).await
    }

    /// Changes an identity provider. A new secret goes to keystore first, and the one it replaces is destroyed last: cut
    /// off in between, a credential is left that nothing refers to, never a provider without its secret.
    pub async fn update_identity_provider(
        &self,
        context: &Context,
        command: UpdateIdentityProvider,
    ) -> Result<Answer<IdentityProviderView>, Problem> {
        let UpdateIdentityProvider { provider, changes } = command;
        let _turn = self.one_at_a_time().await?;
        let seen = self.at_provider::<UpdateIdentityProvider>(context, provider).await?;
        let (context, before) = (&seen.context, seen.now.setup.clone());
        let (setup, secret) = self.changed(&seen, changes)?;
        let moved = (&setup.issuer, &setup.client_id) != (&before.issuer, &before.client_id);
        if moved && secret.is_none() {
            let words = "another issuer or client id needs the client secret again";
            let missing = Violation::at("#/clientSecret", "missing", words);
            return Err(Problem::new(Code::ValidationFailed, words).with_errors(vec![missing]));
        }
        let (after, id) = (setup.credential, provider.uuid());
        let update = IdentityProviderCommand::Update(Box::new(setup.clone()));
        if let (Some(secret), false) = (secret, context.dry_run) {
            let check = Context { dry_run: true, ..context.clone() };
            self.identity_providers.execute(&check, id, update.clone()).await?;
            self.keep_client_secret(context, after, secret).await?;
        }
        let done = self.identity_providers.execute(context, id, update).await?;
        if done.dry_run.is_none() {
            if !done.replayed && after != before.credential {
                self.destroy_client_secret(context, before.credential).await;
            }
            // A repeat may come because the first was cut off before they had ended.
            if done.replayed || !setup.active || setup.issuer != before.issuer {
                self.end_sessions_through(context, provider).await?;
            }
        }
        self.identity_provider_answer(done).await
    }

    /// Lets nobody sign in at an identity provider any more.
    pub async fn archive_identity_provider(
        &self,
        context: &Context,
        command: ArchiveIdentityProvider,
    ) -> Result<Answer<IdentityProviderView>, Problem> {
        let _turn = self.one_at_a_time().await?;
        let seen = self.at_provider::<ArchiveIdentityProvider>(context, command.provider).await?;
        let (context, id) = (&seen.context, command.provider.uuid());
        let done = self.identity_providers.execute(context, id, IdentityProviderCommand::Archive).await?;
        if done.dry_run.is_none() {
            self.destroy_client_secret(context, seen.now.setup.credential).await;
            self.end_sessions_through(context, command.provider).await?;
        }
        self.identity_provider_answer(done).await
    }

    /// A provider whose groups give no more than the caller holds. Errors: `not_found`, `forbidden`.
    async fn at_provider<C: Command>(
        &self,
        context: &Context,
        id: IdentityProviderId,
    ) -> Result<Seen, Problem> {
        let caller = self.authority.caller::<C>(context).await?;
        let principal = self.authority.principal(&context.actor)?;
        let snapshot = self.identity_providers.reload(id.uuid()).await?;
        let missing = || Problem::not_found("identity provider", id);
        let now = snapshot.state.fields().cloned().ok_or_else(missing)?;
        let denied = |denied| hidden(denied, "identity provider", &id);
        caller.permit(&place(now.organization_id)).map_err(denied)?;
        // Whoever changes how people come in there could become any of them.
        let given = now.setup.groups.iter().map(|group| group.grant.clone()).collect();
        self.may_give(&caller, &principal, given)?;
        let context = within(context, now.organization_id.unwrap_or(INSTALLATION));
        Ok(Seen { caller, principal, context, now })
    }

    /// How a provider is set up after changes, and the secret that comes with them.
    fn changed(
        &self,
        seen: &Seen,
        changes: IdentityProviderChanges,
    ) -> Result<(ProviderSetup, Option<SecretText>), Problem> {
        let (before, organization) = (seen.now.setup.clone(), seen.now.organization_id);
        let groups = match changes.groups {
            None => before.groups,
            Some(groups) => self.group_grants(&seen.caller, &seen.principal, organization, groups)?,
        };
        let credential = match changes.client_secret {
            Some(_) => credential_of(seen.context.command_id),
            None => before.credential,
        };
        let setup = ProviderSetup {
            display_name: changes.display_name.or(before.display_name).filter(|name| !name.is_empty()),
            issuer: changes.issuer.unwrap_or(before.issuer),
            client_id: changes.client_id.unwrap_or(before.client_id),
            credential,
            scopes: changes.scopes.unwrap_or(before.scopes),
            groups_claim: changes.groups_claim.unwrap_or(before.groups_claim),
            groups,
            active: changes.active.unwrap_or(before.active),
        };
        Ok((setup, changes.client_secret))
    }

    /// What groups are to give: within the provider's organization, and no more than the caller holds.
    fn group_grants(
        &self,
        caller: &Caller,
        principal: &Principal,
        organization: Option<OrganizationId>,
        wanted: Vec<NewGroupGrant>,
    ) -> Result<Vec<GroupGrant>, Problem> {
        let (mut groups, mut errors) = (vec![], vec![]);
        for (at, NewGroupGrant { group, grant }) in wanted.into_iter().enumerate() {
            let pointer = format!("#/groups/{at}/grant");
            let here = grant.organization.or(organization.map(Reference::Id));
            let grant = NewGrant { organization: here, ..grant };
            match self.resolve(principal, &grant, &pointer) {
                Ok(grant) if organization.is_some() && grant.organization_id != organization => {
                    let words = "an organization's identity provider gives roles in that organization alone";
                    let pointer = format!("{pointer}/organization");
                    errors.push(Violation::at(pointer, "other_organization", words));
                }
                Ok(grant) => groups.push(GroupGrant { group, grant }),
                Err(violation) => errors.push(*violation),
            }
        }
        if !errors.is_empty() {
            let words = format!("{} of the groups' grants cannot be given", errors.len());
            return Err(Problem::new(Code::ValidationFailed, words).with_errors(errors));
        }
        self.may_give(caller, principal, groups.iter().map(|group| group.grant.clone()).collect())?;
        Ok(groups)
    }

    /// Ends the sessions of everybody who is known through a provider.
    async fn end_sessions_through(
        &self,
        context: &Context,
        provider: IdentityProviderId,
    ) -> Result<(), Problem> {
        self.authority.catch_up_soon().await?;
        for administrator in self.authority.known_through(provider) {
            let sessions = self.authority.sessions_of(administrator);
            self.end_these(context, sessions, None, SessionEnd::ProviderStopped).await?;
        }
        Ok(())
    }

    async fn keep_client_secret(
        &self,
        context: &Context,
        id: CredentialId,
        secret: SecretText,
    ) -> Result<(), Problem> {
        let keep = KeepSignInCredential { id, purpose: CredentialPurpose::OidcClient, secret };
        let context = context.step("keep").by(Actor::Service(Service::Directory));
        self.bus.call(&context, &keep).await.map(drop)
    }

    async fn destroy_client_secret(&self, context: &Context, id: CredentialId) {
        let context = context.step("destroy").by(Actor::Service(Service::Directory));
        if let Err(problem) = self.bus.call(&context, &DestroySignInCredential { id }).await {
            tracing::warn!(%problem, "a client secret that is no longer used is still kept");
        }
    }

    async fn identity_provider_answer(
        &self,
        done: Executed<IdentityProvider>,
    ) -> Result<Answer<IdentityProviderView>, Problem> {
        let created_at = self.created_at(done.stream).await?;
        let missing = || Problem::not_found("identity provider", IdentityProviderId(done.stream));
        let now = done.state.fields().cloned().ok_or_else(missing)?;
        let view = view(now, done.state.status(), created_at, done.version);
        Ok(done.answer(|_| view))
    }
}

/// Where a provider is written.
fn place(organization: Option<OrganizationId>) -> Target {
    organization.map_or(Target::INSTALLATION, Target::organization)
}

/// The id of the credential that a command brings: the same however often it is sent.
fn credential_of(command: Uuid) -> CredentialId {
    CredentialId(Uuid::new_v5(&command, b"client secret"))
}
