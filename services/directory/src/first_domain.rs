//! The domain `*`, so that an installation can issue from the start: delegated to the organizations that exist when it
//! is made, at the very first start and when an installation from before domains is first started with them. Later
//! organizations are delegated domains by a master; who wants it stricter withdraws these.

use contracts::{
    DomainId, Event, OrganizationId, Problem,
    directory::{Delegate, DirectoryNameEvent, EVERY_NAME, OrganizationEvent},
};
use runtime::{command::read_problem, names::Names, service::ServiceContext};
use uuid::Uuid;

use crate::{
    domain::{Domain, DomainCommand},
    first_start::Steps,
    handlers::{INSTALLATION, domains::KIND},
};

/// Events looked at in one go.
const PAGE: i64 = 500;

/// Makes it, if it never was.
pub async fn first_domain(
    context: &ServiceContext,
    names: &Names<DirectoryNameEvent>,
    steps: &Steps,
) -> Result<(), Problem> {
    let id = steps.id("domain/*");
    let domains = context.repository::<Domain>(1);
    if domains.load(id).await?.state.0.is_some() {
        return Ok(());
    }
    let organizations = organizations(context).await?;
    names.reserve(&steps.command("domain-name", INSTALLATION), KIND, EVERY_NAME, id).await?;
    let create = DomainCommand::Create {
        id: DomainId(id),
        name: EVERY_NAME.to_owned(),
        description: Some("Every name; made at the first start.".into()),
        types: None,
        delegate_to: organizations.into_iter().map(Delegate::from).collect(),
    };
    domains.execute(&steps.command("domain", INSTALLATION), id, create).await?;
    Ok(())
}

/// Every organization that exists.
async fn organizations(context: &ServiceContext) -> Result<Vec<OrganizationId>, Problem> {
    let (mut found, mut after) = (Vec::<Uuid>::new(), 0);
    loop {
        let categories = [OrganizationEvent::CATEGORY];
        let page = context.reader.read(after, Some(&categories), PAGE).await.map_err(read_problem)?;
        let Some(last) = page.last() else { break };
        after = last.position;
        found.extend(page.iter().filter(|event| event.version == 1).map(|event| event.stream));
    }
    Ok(found.into_iter().map(OrganizationId).collect())
}
