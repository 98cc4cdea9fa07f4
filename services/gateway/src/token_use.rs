//! Tells the directory when API tokens were last used: a batch now and then, never on a request's way.

use std::{sync::Arc, time::Duration};

use bus::Context;
use contracts::{Actor, OrganizationId, Service, directory::RecordTokenUse};

use crate::gateway::Gateway;

/// The pause between two batches.
const PERIOD: Duration = Duration::from_secs(10);

/// Tells until shutdown.
pub async fn tell(gateway: Arc<Gateway>) {
    while gateway.shutdown.token().run_until_cancelled(tokio::time::sleep(PERIOD)).await.is_some() {
        let uses = gateway.uses.take();
        if uses.is_empty() {
            continue;
        }
        let deadline = gateway.clock.now().plus(time::Duration::seconds(10));
        let actor = Actor::Service(Service::Gateway);
        let context = Context::new(gateway.ids.uuid(), OrganizationId::INSTALLATION, actor, deadline);
        if let Err(problem) = gateway.bus.call(&context, &RecordTokenUse { uses }).await {
            // A sample: the next use tells again.
            tracing::debug!(%problem, "uses of API tokens not recorded");
        }
    }
}
