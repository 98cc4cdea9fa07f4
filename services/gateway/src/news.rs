//! When the log has grown: one subscription for every client that follows events.

use std::time::Duration;

use bus::Bus;
use futures::StreamExt;
use runtime::shutdown::Shutdown;
use tokio::sync::watch;

/// The pause after which a follower looks by itself.
const POLL: Duration = Duration::from_millis(500);

/// Tells when the log has grown; clones share it.
#[derive(Clone, Debug)]
pub struct News(watch::Receiver<i64>);

impl News {
    /// Listens to wake-ups until shutdown.
    #[must_use]
    pub fn start(bus: Bus, shutdown: &Shutdown) -> Self {
        let (sender, receiver) = watch::channel(0);
        shutdown.spawn_droppable(async move {
            loop {
                if let Ok(mut wakes) = bus.wakes().await {
                    while let Some(head) = wakes.next().await {
                        sender.send_replace(head);
                    }
                }
                tokio::time::sleep(POLL).await;
            }
        });
        Self(receiver)
    }

    /// Waits until the log has grown, or long enough to look anyway.
    pub async fn wait(&mut self) {
        // Without a sender nothing is told any more; then only the pause is left.
        if !matches!(tokio::time::timeout(POLL, self.0.changed()).await, Ok(Ok(())) | Err(_)) {
            tokio::time::sleep(POLL).await;
        }
    }
}
