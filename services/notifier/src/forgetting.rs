//! What mails said, and to whom, is kept as long as the configuration says (`mail.kept`), and then no longer.

use std::time::Duration;

use runtime::service::ServiceContext;

use crate::messages::Messages;

/// How often it is looked for.
const PERIOD: Duration = Duration::from_secs(3_600);

/// Forgets in the background. What cannot be forgotten now is forgotten an hour later.
pub fn spawn(context: &ServiceContext) {
    let (messages, clock) = (Messages::new(context.pool.clone()), context.clock.clone());
    let kept = context.config.mail.kept.duration();
    context.shutdown.spawn_droppable(async move {
        loop {
            match messages.forget(clock.now().plus(-kept)).await {
                Ok(0) => {}
                Ok(count) => tracing::info!(count, "mails are kept no longer"),
                Err(error) => {
                    tracing::warn!(error = runtime::error::words(&error), "mails cannot be forgotten now");
                }
            }
            tokio::time::sleep(PERIOD).await;
        }
    });
}
