//! Works off imports in the background, also those that a crash cut off; and forgets what has to be forgotten.

use std::{sync::Arc, time::Duration};

use bus::Context;
use runtime::service::ServiceContext;

use super::import_table::Open;
use crate::handlers::Handlers;

/// Time between two looks, when nobody says that there is something to do.
const PERIOD: Duration = Duration::from_secs(2);
/// Time for one part.
const PATIENCE: time::Duration = time::Duration::seconds(60);
/// Looks between two sweeps.
const SWEEP: u32 = 15;

/// Works until shutdown.
pub fn start(context: &ServiceContext, handlers: Arc<Handlers>) {
    context.shutdown.spawn_droppable(run(context.clone(), handlers));
}

async fn run(context: ServiceContext, handlers: Arc<Handlers>) {
    for look in 0_u32.. {
        _ = tokio::time::timeout(PERIOD, handlers.import_wake.notified()).await;
        if let Err(problem) = work(&context, &handlers).await {
            tracing::warn!(%problem, "imports of persons cannot be worked off");
        }
        if look % SWEEP == 0
            && let Err(problem) = handlers.forget().await
        {
            tracing::warn!(%problem, "what is to be forgotten is not forgotten yet");
        }
    }
}

async fn work(context: &ServiceContext, handlers: &Handlers) -> Result<(), contracts::Problem> {
    // A part of each in turn, so that a long one does not keep a short one waiting.
    loop {
        let open = handlers.imports.open().await?;
        if open.is_empty() {
            return Ok(());
        }
        let mut failed = None;
        for import in open {
            let worked = handlers.work_import(&import, &as_begun(context, &import)).await;
            failed = worked.err().or(failed);
        }
        if let Some(problem) = failed {
            return Err(problem);
        }
    }
}

/// The command that began it.
fn as_begun(context: &ServiceContext, import: &Open) -> Context {
    let deadline = context.clock.now().plus(PATIENCE);
    Context::new(import.id, import.organization, import.actor, deadline)
}
