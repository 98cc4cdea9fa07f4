//! The system-defined set: the CAs that Mozilla trusts for TLS servers, shipped with the program and recorded in the log, so
//! that what was trusted at any time can be told from there.

use std::time::Duration;

use bus::Context;
use contracts::{
    Actor, Lifetime, OrganizationId, Problem, Service, TrustSetId,
    inventory::{InventoryNameEvent, TrustSetCreated, TrustSource, TrustedCertificate},
};
use pki::Certificate;
use runtime::{command::read_problem, names::Names, service::ServiceContext};
use uuid::Uuid;

use super::{TrustSet, TrustSetCommand, certificates};

/// What the set is called.
pub const NAME: &str = "mozilla";
/// Pause between two tries while a server is away.
const PAUSE: Duration = Duration::from_millis(250);

/// Where the certificates come from. The date is the one on which this edition was published.
pub fn source() -> TrustSource {
    TrustSource {
        name: "Mozilla Root Program, as the Common CA Database tells it".into(),
        url: "https://www.ccadb.org/resources".into(),
        version: "webpki-root-certs 1.0.11".into(),
        date: "2026-10-23".into(),
        license: "CDLA-Permissive-2.0".into(),
    }
}

/// The certificates of this edition.
pub fn shipped() -> Vec<TrustedCertificate> {
    let read = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    let read = read.filter_map(|der| Certificate::read_der(der).ok());
    read.map(|certificate| certificates::trusted(&certificate)).collect()
}

/// Records the set, or what a newer edition changes in it, in the background; the service is ready once that is done.
pub fn ship(context: &ServiceContext) {
    let (context, health) = (context.clone(), context.health.register("system trust set"));
    context.shutdown.clone().spawn_droppable(async move {
        loop {
            match record(&context).await {
                Ok(()) => return health.set_ready(),
                Err(problem) => health.set_failing(problem.to_string()),
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
}

/// Ids and command ids are UUIDv5 of the installation's, so that a crash, a repeat and a second instance give one set.
async fn record(context: &ServiceContext) -> Result<(), Problem> {
    let installation = context.reader.installation().await.map_err(read_problem)?;
    let edition = source();
    let step = |what: &str| {
        let id = Uuid::new_v5(&installation, format!("trust set/{what}/{}", edition.date).as_bytes());
        let deadline = context.clock.now().plus(Lifetime::seconds(30).duration());
        Context::new(id, OrganizationId::INSTALLATION, Actor::Service(Service::Inventory), deadline)
    };
    let id = Uuid::new_v5(&installation, b"trust set/mozilla");
    let sets = context.repository::<TrustSet>(1);
    if sets.reload(id).await?.state.set().is_some() {
        let edit = TrustSetCommand::Edit { source: Box::new(edition.clone()), certificates: shipped() };
        return sets.execute(&step("edit"), id, edit).await.map(drop);
    }
    let (reader, clock) = (context.reader.clone(), context.clock.clone());
    let names = Names::<InventoryNameEvent>::new(context.repository(1), reader, clock);
    names.reserve(&step("name"), "trust_set", NAME, id).await?;
    let created = TrustSetCreated {
        id: TrustSetId(id),
        organization_id: None::<OrganizationId>,
        name: NAME.into(),
        description: Some("CAs that Mozilla trusts for TLS servers".into()),
        source: Some(edition.clone()),
    };
    let create =
        TrustSetCommand::Create { created: Box::new(created), certificates: shipped(), default: true };
    sets.execute(&step("create"), id, create).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_certificate_of_the_edition_is_a_cas() {
        let all = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
        assert!(all.len() > 100, "{}", all.len());
        assert_eq!(shipped().len(), all.len(), "each can be read");
        let pem: String = all.iter().map(|der| pki::pem::certificate(der)).collect();
        assert_eq!(certificates::read(&pem).unwrap().len(), all.len());
    }

    #[test]
    fn the_edition_is_the_one_that_is_built_in() {
        let lock = include_str!("../../../../Cargo.lock");
        let (name, version) = (source().version, "name = \"webpki-root-certs\"\nversion = \"");
        let locked = lock.split_once(version).and_then(|(_, rest)| rest.split_once('"')).unwrap().0;
        assert_eq!(name, format!("webpki-root-certs {locked}"), "say when it was published, too");
    }
}
