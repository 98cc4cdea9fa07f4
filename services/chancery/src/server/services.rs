//! Which services there are: their tables, how each starts, and in which order they stop.

use std::time::Duration;

use contracts::Service;
use deadpool_postgres::Pool;
use runtime::{
    migrate::ServiceSchema,
    projection::{ReplayError, Replayed},
    service::{Running, ServiceContext, StartError},
};

use super::relay;

/// Every service's tables.
pub(super) const SCHEMAS: &[ServiceSchema] = &[
    ServiceSchema { service: Service::Directory, migrations: directory::MIGRATIONS },
    ServiceSchema { service: Service::Inventory, migrations: inventory::MIGRATIONS },
    ServiceSchema { service: Service::Keystore, migrations: keystore::MIGRATIONS },
    ServiceSchema { service: Service::Signer, migrations: signer::MIGRATIONS },
    ServiceSchema { service: Service::Notifier, migrations: notifier::MIGRATIONS },
    ServiceSchema { service: Service::Gateway, migrations: gateway::MIGRATIONS },
];

/// How long each may take to stop, in the order in which they stop: who asks before who answers, the relay last, so
/// that what the others still wrote is published.
pub(super) const STOP_ORDER: &[(Service, Duration)] = &[
    (Service::Gateway, Duration::from_secs(15)),
    (Service::Notifier, Duration::from_secs(5)),
    (Service::Signer, Duration::from_secs(5)),
    (Service::Inventory, Duration::from_secs(3)),
    (Service::Directory, Duration::from_secs(3)),
    (Service::Keystore, Duration::from_secs(3)),
    (Service::Relay, Duration::from_secs(3)),
];

/// A service's tables; none of its own for most.
pub(super) fn schema(service: Service) -> ServiceSchema {
    let known = SCHEMAS.iter().find(|schema| schema.service == service);
    known.copied().unwrap_or(ServiceSchema { service, migrations: &[] })
}

/// Builds every read model of a service again and compares it with the one that is read.
pub(super) async fn replay(service: Service, pool: &Pool) -> Result<Vec<Replayed>, ReplayError> {
    match service {
        Service::Directory => directory::replay(pool).await,
        Service::Keystore => keystore::replay(pool).await,
        Service::Inventory => inventory::replay(pool).await,
        Service::Signer => signer::replay(pool).await,
        Service::Notifier => notifier::replay(pool).await,
        Service::Relay | Service::Gateway => Ok(vec![]),
    }
}

/// Starts a service.
pub(super) async fn start(context: ServiceContext) -> Result<Running, StartError> {
    let running = context.running();
    match context.service {
        Service::Directory => directory::start(context).await?,
        Service::Keystore => keystore::start(context).await.map_err(StartError::refused)?,
        Service::Relay => relay::start(&context)?,
        Service::Inventory => inventory::start(context).await?,
        Service::Signer => signer::start(context).await?,
        Service::Notifier => notifier::start(context).await?,
        Service::Gateway => {
            gateway::start(context).await.map_err(StartError::refused)?;
        }
    }
    Ok(running)
}
