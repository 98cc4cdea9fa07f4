//! The very first start: organization, master administrator and first token, once whatever happens.
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
    if context.authority.has_administrator() {
        return Ok(());
    }
    let text = context.secrets.first_token().map_err(|error| {
        Problem::unavailable(format!("the first token cannot be read: {}", runtime::error::words(&error)))
    })?;
    let installation = context.reader.installation().await.map_err(read_problem)?;
    let id = |what: &str| Uuid::new_v5(&installation, what.as_bytes());
    let organization = OrganizationId(id("organization/default"));
    let administrator = AdministratorId(id("administrator/master"));
    let now = context.clock.now();
    let command = |step: &str, tenant| first(id(&format!("command/{step}")), tenant, now);

    let names = Names::<DirectoryNameEvent>::new(
        context.repository(1),
        context.reader.clone(),
        context.clock.clone(),
    );
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
    let issued = TokenIssued {
        id: text.id,
        name: "first".into(),
        administrator_id: administrator,
        organization_id: organization,
        all_organizations: true,
        hash: hex::encode(text.hash()),
        scope: TokenScope::default(),
        expires_at: now.plus(FIRST_TOKEN.duration()),
    };
    let issue = TokenCommand::Issue { issued: Box::new(issued), issuer: TokenScope::default() };
    context.repository::<Token>(1).execute(&command("token", organization), text.id.uuid(), issue).await?;
    // Last, because its presence says that all of this is done.
    let appointed = AdministratorAppointed {
        id: administrator,
        name: "master".into(),
        kind: AdministratorKind::Person,
        grants: vec![Grant::installation(Role::BuiltIn(BuiltInRole::Master))],
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

fn first(id: Uuid, tenant: OrganizationId, now: Timestamp) -> Context {
    Context::new(id, tenant, Actor::Service(Service::Directory), now.plus(Lifetime::seconds(30).duration()))
}
