//! Stopping in order: told once, then each part ends its work within its time.

use std::{future::Future, time::Duration};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The tasks of one part (a service, a listener) and the word to stop; clones share both.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    token: CancellationToken,
    tasks: TaskTracker,
}

impl Shutdown {
    /// A part that runs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The word to stop, for a `select!` or for what wants a token.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Returns when the part is told to stop.
    pub async fn requested(&self) {
        self.token.cancelled().await
    }

    /// Whether the part was told to stop.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Tells the part to stop, without waiting.
    pub fn request(&self) {
        self.token.cancel()
    }

    /// Runs a task of this part; [`Shutdown::stop`] waits for it. The task itself watches the word to stop.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Runs a task that may be dropped at any await once the part is told to stop.
    pub fn spawn_droppable(&self, task: impl Future<Output = ()> + Send + 'static) {
        let token = self.token.clone();
        self.tasks.spawn(async move { _ = token.run_until_cancelled_owned(task).await });
    }

    /// Tells the part to stop and waits for its tasks. False: some still ran after `patience`.
    pub async fn stop(&self, patience: Duration) -> bool {
        self.token.cancel();
        self.tasks.close();
        tokio::time::timeout(patience, self.tasks.wait()).await.is_ok()
    }
}

/// SIGINT and SIGTERM, heard from the moment this is made: one that comes before it is asked for is not lost.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Begins to listen; the process no longer ends by itself on these signals.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for one and says which.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stop_waits_for_work_that_is_under_way() {
        let part = Shutdown::new();
        let done = CancellationToken::new();
        let (stop, finish) = (part.clone(), done.clone());
        part.spawn(async move {
            stop.requested().await;
            tokio::task::yield_now().await;
            finish.cancel();
        });
        part.spawn_droppable(std::future::pending());
        assert!(part.stop(Duration::from_secs(5)).await);
        assert!(done.is_cancelled());
    }

    #[tokio::test]
    async fn stop_does_not_wait_for_ever() {
        let part = Shutdown::new();
        part.spawn(std::future::pending());
        assert!(!part.stop(Duration::from_millis(10)).await);
    }
}
