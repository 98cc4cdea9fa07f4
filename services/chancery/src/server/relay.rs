//! The relay as a service of this process: publishes the log, and has its heads signed by keystore over the bus.

use std::{fmt, sync::Arc};

use bus::{Bus, Context};
use contracts::{
    Actor, OrganizationId, Problem, Service,
    keystore::{SignCheckpoint, SignedCheckpoint},
};
use eventlog::{
    relay::{Relay, RelayConfig},
    seal::{CheckpointRequest, CheckpointSigner, SignError},
};
use runtime::{
    clock::Clock,
    health::Dependency,
    ids::Ids,
    secrets::SecretError,
    servers::nats::is_supported,
    service::{ServiceContext, StartError},
};
use time::Duration;

use super::options;

/// How long keystore may take over a signature.
const PATIENCE: Duration = Duration::seconds(10);

/// Starts it. It leads as soon as it can; that PostgreSQL or NATS is away shows in the health.
pub(super) fn start(context: &ServiceContext) -> Result<(), StartError> {
    let config = relay_config(context)?;
    let signer = Arc::new(Keystore {
        bus: context.bus.clone(),
        clock: context.clock.clone(),
        ids: context.ids.clone(),
    });
    let (bus, version) = (context.bus.clone(), context.health.register("nats version"));
    let stop = context.shutdown.token();
    context.shutdown.spawn(async move {
        let supported = stop.run_until_cancelled(supported(&bus, &version)).await;
        if supported == Some(true) {
            Relay::run(config, Some(signer), stop).await;
        }
    });
    Ok(())
}

fn relay_config(context: &ServiceContext) -> Result<RelayConfig, StartError> {
    let endpoint = options::endpoint(&context.config).map_err(StartError::refused)?;
    let role = Service::Relay.role();
    let password: Result<String, SecretError> = context.secrets.database_password(&role);
    Ok(RelayConfig {
        postgres: endpoint.config_for(&role, &password?),
        connect: endpoint.connector()?,
        pool: context.pool.clone(),
        jetstream: context.bus.jetstream().clone(),
        replicas: 1,
    })
}

/// Waits for NATS and says whether streams may be made on it (N-3).
async fn supported(bus: &Bus, shown: &Dependency) -> bool {
    // The sender lives as long as the bus.
    _ = bus.connected().wait_for(|connected| *connected).await;
    let version = bus.client().server_info().version;
    if is_supported(&version) {
        shown.set_ready();
        return true;
    }
    tracing::error!(version, "NATS is too old: nothing is published");
    shown.set_failing(format!(
        "{version} loses acknowledged messages; 2.12.9 or newer is needed (not 2.14.0)"
    ));
    false
}

/// Has keystore sign. The caller's identity is the relay's: it alone may send this command.
struct Keystore {
    bus: Bus,
    clock: Arc<dyn Clock>,
    ids: Ids,
}

impl CheckpointSigner for Keystore {
    async fn sign(&self, request: CheckpointRequest) -> Result<String, SignError> {
        let deadline = self.clock.now().plus(PATIENCE);
        // The log is every organization's, so this command is nobody's.
        let nobody = OrganizationId::INSTALLATION;
        let context = Context::new(self.ids.uuid(), nobody, Actor::Service(Service::Relay), deadline);
        let reply = self.bus.call(&context, &command(&request)).await.map_err(|problem| refusal(&problem))?;
        let SignedCheckpoint { signed_size, note } = reply.result;
        note.ok_or(SignError::Remembers { size: u64::try_from(signed_size).unwrap_or(0) })
    }
}

impl fmt::Debug for Keystore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keystore")
    }
}

fn command(request: &CheckpointRequest) -> SignCheckpoint {
    // Positions are bigint in the log.
    let size = |size| i64::try_from(size).unwrap_or(i64::MAX);
    SignCheckpoint {
        shard: request.shard,
        size: size(request.size),
        root: hex::encode(request.root),
        consistency: request.proof.iter().map(hex::encode).collect(),
        old_size: size(request.old_size),
    }
}

fn refusal(problem: &Problem) -> SignError {
    if problem.retryable {
        SignError::Unavailable(problem.detail.clone())
    } else {
        SignError::Refused(problem.detail.clone())
    }
}
