//! Who comes from an identity provider: appointed at their first sign-in, with what their groups give at each.

use bus::Context;
use contracts::{
    Actor, AdministratorId, Code, OrganizationId, Problem, Service,
    directory::{
        AdministratorAppointed, AdministratorKind, AdministratorStatus, Grant, IdentityProviderCreated,
        SignInFailure,
    },
};

use super::{Handlers, INSTALLATION, provider_sign_in::Refused, within};
use crate::{
    administrator::AdministratorCommand,
    oidc::{claims, id_token::Identity},
    person,
};

/// How many names are tried for somebody new.
const NAMES: usize = 20;

/// Somebody who is let in.
pub(super) struct Person {
    /// Who.
    pub id: AdministratorId,
    /// The organization they act in.
    pub organization: OrganizationId,
}

impl Handlers {
    /// The administrator that an identity is here, with exactly what their groups give now beside what people gave them.
    pub(super) async fn person_of(
        &self,
        context: &Context,
        provider: &IdentityProviderCreated,
        identity: &Identity,
    ) -> Result<Person, Refused> {
        let id = claims::administrator(provider.id, &provider.setup.issuer, &identity.subject);
        let given = claims::grants(provider, &identity.claims);
        let _turn = self.one_at_a_time().await?;
        let snapshot = self.administrators.reload(id.uuid()).await?;
        let Some((appointed, status)) = snapshot.state.appointed() else {
            if given.is_empty() {
                return Err(SignInFailure::NoGroup.into());
            }
            self.appoint_from(context, provider, identity, id, given.clone()).await?;
            return self.arrived(provider, id, &given);
        };
        if status != AdministratorStatus::Active {
            return Err(Refused::Because(SignInFailure::NotActive, Some(id)));
        }
        let by_people = appointed.grants.iter().filter(|grant| grant.identity_provider_id.is_none());
        let all: Vec<Grant> = by_people.chain(&given).cloned().collect();
        let (known, now) = (self.people.find(id).await?, claims::person(&identity.claims));
        // What the provider does not say stays as it is.
        let now = known.changed(now.display_name, now.email);
        let described = known.differences(&now);
        let tenant = snapshot.tenant.unwrap_or(INSTALLATION);
        let update = AdministratorCommand::Update { grants: Some(all.clone()), described: described.clone() };
        self.administrators.execute(&step(context, "grants", tenant), id.uuid(), update).await?;
        if !described.is_empty() {
            self.people.keep(id, &now).await?;
        }
        if given.is_empty() {
            return Err(Refused::Because(SignInFailure::NoGroup, Some(id)));
        }
        self.arrived(provider, id, &all)
    }

    /// Whether somebody is known through an identity provider.
    pub(super) async fn is_of_provider(&self, id: AdministratorId) -> Result<bool, Problem> {
        let snapshot = self.administrators.reload(id.uuid()).await?;
        let appointed = snapshot.state.appointed();
        Ok(appointed.is_some_and(|(appointed, _)| appointed.identity_provider_id.is_some()))
    }

    async fn appoint_from(
        &self,
        context: &Context,
        provider: &IdentityProviderCreated,
        identity: &Identity,
        id: AdministratorId,
        grants: Vec<Grant>,
    ) -> Result<(), Problem> {
        let name = self.free_name(context, provider, identity, id).await?;
        let (kind, identity_provider_id) = (AdministratorKind::Person, Some(provider.id));
        let appointed = AdministratorAppointed { id, name, kind, grants, identity_provider_id };
        let step = step(context, "appoint", provider.organization_id.unwrap_or(INSTALLATION));
        self.administrators.create(&step, id.uuid(), AdministratorCommand::Appoint(appointed)).await?;
        let person = claims::person(&identity.claims);
        if person != person::Person::default() {
            self.people.keep(id, &person).await?;
        }
        Ok(())
    }

    /// A sign-in name that nobody has or had.
    async fn free_name(
        &self,
        context: &Context,
        provider: &IdentityProviderCreated,
        identity: &Identity,
        id: AdministratorId,
    ) -> Result<String, Problem> {
        let mut taken = Problem::internal();
        for number in 1..=NAMES {
            let name = claims::sign_in_name(identity, &provider.name, number);
            if self.authority.administrator_named(&name).is_some_and(|known| known != id) {
                continue;
            }
            let step = step(context, &format!("name {number}"), INSTALLATION);
            match self.names.reserve(&step, "administrator", &name, id.uuid()).await {
                Ok(_) => return Ok(name),
                Err(problem) if problem.code == Code::AlreadyExists => taken = problem,
                Err(problem) => return Err(problem),
            }
        }
        Err(taken)
    }

    /// Where they act: in the provider's organization, or else in the first that they may do anything in.
    fn arrived(
        &self,
        provider: &IdentityProviderCreated,
        id: AdministratorId,
        grants: &[Grant],
    ) -> Result<Person, Refused> {
        let granted = grants.iter().find_map(|grant| grant.organization_id);
        let organization =
            provider.organization_id.or(granted).or_else(|| self.authority.first_organization());
        Ok(Person { id, organization: organization.ok_or_else(Problem::internal)? })
    }
}

/// A step of a sign-in that directory takes on its own account.
fn step(context: &Context, name: &str, tenant: OrganizationId) -> Context {
    within(&context.step(name), tenant).by(Actor::Service(Service::Directory))
}
