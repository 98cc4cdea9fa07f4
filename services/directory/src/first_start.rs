//! The very first start: organization, domain `*`, first token and master administrator, once whatever happens.
//!
//! All ids and command ids are UUIDv5 of the installation's id, so a crash, a repeat and a second instance give one
//! of each: the log answers the second with what the first did.

use std::time::Duration;

use bus::Context;
use contracts::{
    Actor, AdministratorId, Lifetime, OrganizationId, Problem, Service, Timestamp,
    directory::{
        AdministratorAppointed, AdministratorKind, BuiltInRole, Details, DirectoryNameEvent, Grant,
        OrganizationCreated, Role, TokenIssued, TokenScope,
    },
};
use runtime::{command::read_problem, names::Names, service::ServiceContext};
use uuid::Uuid;

use crate::{
    administrator::{Administrator, AdministratorCommand},
    first_domain::first_domain,
    handlers::INSTALLATION,
    organization::{Organization, OrganizationCommand},
    token::{Token, TokenCommand},
};

/// Pause between two tries while a server is away.
const PAUSE: Duration = Duration::from_millis(250);
/// The first token is valid so long: time to make others and revoke it.
const FIRST_TOKEN: Lifetime = Lifetime::days(365);

/// Sees to it in the background; the service is ready once it is done.
pub fn spawn(context: &ServiceContext) {
    let (context, health) = (context.clone(), context.health.register("first start"));
    context.shutdown.clone().spawn_droppable(async move {
        loop {
            match first_start(&context).await {
                Ok(()) => return health.set_ready(),
                Err(problem) => health.set_failing(problem.to_string()),
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
}

async fn first_start(context: &ServiceContext) -> Result<(), Problem> {
    context.authority.catch_up().await.map_err(read_problem)?;
    let installation = context.reader.installation().await.map_err(read_problem)?;
    let steps = Steps { installation, now: context.clock.now() };
    let names = Names::<DirectoryNameEvent>::new(
        context.repository(1),
        context.reader.clone(),
        context.clock.clone(),
    );
    if context.authority.has_administrator() {
        return first_domain(context, &names, &steps).await;
    }
    let text = context.secrets.first_token().map_err(|error| {
        Problem::unavailable(format!("the first token cannot be read: {}", runtime::error::words(&error)))
    })?;
    let organization = OrganizationId(steps.id("organization/default"));
    let administrator = AdministratorId(steps.id("administrator/master"));
    let command = |step: &str, tenant| steps.command(step, tenant);

    names.reserve(&command("name", INSTALLATION), "organization", "default", organization.uuid()).await?;
    let created = OrganizationCreated::new(organization, "default".into(), Details::default());
    context
        .repository::<Organization>(1)
        .execute(
            &command("organization", organization),
            organization.uuid(),
            OrganizationCommand::Create(created),
        )
        .await?;
    first_domain(context, &names, &steps).await?;
    let issued = TokenIssued {
        id: text.id,
        name: "first".into(),
        administrator_id: administrator,
        organization_id: organization,
        all_organizations: true,
        hash: hex::encode(text.hash()),
        scope: TokenScope::default(),
        within: None,
        expires_at: steps.now.plus(FIRST_TOKEN.duration()),
    };
    let issue = TokenCommand::Issue { issued: Box::new(issued), issuer: TokenScope::default() };
    context.repository::<Token>(1).execute(&command("token", organization), text.id.uuid(), issue).await?;
    // Last, because its presence says that all of this is done.
    let appointed = AdministratorAppointed {
        id: administrator,
        name: "master".into(),
        kind: AdministratorKind::Person,
        grants: vec![Grant::installation(Role::BuiltIn(BuiltInRole::Master))],
        identity_provider_id: None,
    };
    context
        .repository::<Administrator>(1)
        .execute(
            &command("administrator", organization),
            administrator.uuid(),
            AdministratorCommand::Appoint(appointed),
        )
        .await?;
    Ok(())
}

/// What the steps of a first start are known by, whoever takes them and however often.
pub struct Steps {
    installation: Uuid,
    now: Timestamp,
}

impl Steps {
    /// The id of something that is made.
    pub fn id(&self, what: &str) -> Uuid {
        Uuid::new_v5(&self.installation, what.as_bytes())
    }

    /// The command that makes it.
    pub fn command(&self, step: &str, tenant: OrganizationId) -> Context {
        let deadline = self.now.plus(Lifetime::seconds(30).duration());
        Context::new(
            self.id(&format!("command/{step}")),
            tenant,
            Actor::Service(Service::Directory),
            deadline,
        )
    }
}
