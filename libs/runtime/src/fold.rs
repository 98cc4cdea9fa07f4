//! State in memory that follows the log: what must be known without asking anyone.

use std::{sync::Arc, time::Duration};

use bus::Bus;
use contracts::event::EventError;
use eventlog::{ReadError, Reader, Recorded};
use parking_lot::RwLock;
use tokio::sync::watch;

use crate::{
    follower::{FollowError, FollowOptions, Follower},
    health::{Dependency, Health},
    shutdown::Shutdown,
};

/// State built from events.
pub trait Fold: Default + Send + Sync + 'static {
    /// The categories it is built from; `*` = every one.
    const CATEGORIES: &'static [&'static str];
    /// Takes an event in. An event that cannot be read halts the fold (O-6).
    fn apply(&mut self, event: &Recorded) -> Result<(), EventError>;
}

/// A fold kept up to date; clones share it.
pub struct Live<F> {
    shared: Arc<Shared<F>>,
}

impl<F> Clone for Live<F> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

struct Shared<F> {
    state: RwLock<F>,
    progress: watch::Sender<Progress>,
    reader: Reader,
}

#[derive(Clone, Copy)]
struct Progress {
    /// Everything up to here is taken in.
    horizon: i64,
    /// Whether it was once level with the log.
    caught_up: bool,
    /// Whether an event could not be taken in.
    halted: bool,
}

/// Pause between two looks at the log while others' positions are awaited.
const LOOK: Duration = Duration::from_millis(20);
/// Pause after an error.
const PAUSE: Duration = Duration::from_millis(500);

impl<F: Fold> Live<F> {
    /// Starts following; ready (under `name` in `health`) once level with the log as it was at the start.
    /// `doubt`: how long to wait for news before asking the log, see [`FollowOptions::doubt`].
    #[must_use]
    pub fn start(
        name: &'static str,
        reader: &Reader,
        bus: &Bus,
        health: &Health,
        shutdown: &Shutdown,
        doubt: Duration,
    ) -> Self {
        let live = Self {
            shared: Arc::new(Shared {
                state: RwLock::new(F::default()),
                progress: watch::Sender::new(Progress { horizon: 0, caught_up: false, halted: false }),
                reader: reader.clone(),
            }),
        };
        let task = Task {
            name,
            live: live.clone(),
            bus: bus.clone(),
            health: health.register(name),
            options: FollowOptions::new(F::CATEGORIES).batch(5_000).doubt(doubt),
        };
        shutdown.spawn_droppable(task.run());
        live
    }

    /// Looks at the state. Hold nothing across an await.
    pub fn read<R>(&self, look: impl FnOnce(&F) -> R) -> R {
        look(&self.shared.state.read())
    }

    /// Everything up to this position is taken in.
    #[must_use]
    pub fn horizon(&self) -> i64 {
        self.shared.progress.borrow().horizon
    }

    /// Whether the state was once level with the log as it was at the start.
    #[must_use]
    pub fn has_caught_up(&self) -> bool {
        self.shared.progress.borrow().caught_up
    }

    /// Whether an event could not be taken in: the state stands still since.
    #[must_use]
    pub fn is_halted(&self) -> bool {
        self.shared.progress.borrow().halted
    }

    /// Waits until every event of the fold's categories up to `position` is taken in; bound it with a time-out.
    pub async fn reached(&self, position: i64) -> Result<(), ReadError> {
        let mut progress = self.shared.progress.subscribe();
        loop {
            let horizon = progress.borrow_and_update().horizon;
            if horizon >= position {
                return Ok(());
            }
            if tokio::time::timeout(LOOK, progress.changed()).await.is_ok() {
                continue;
            }
            // Others' events never arrive here: perhaps there is nothing left to wait for.
            if !F::CATEGORIES.contains(&"*")
                && self.shared.reader.level(horizon, position, F::CATEGORIES).await?
            {
                return Ok(());
            }
        }
    }

    /// Waits until everything that is in the log now is taken in; bound it with a time-out.
    pub async fn catch_up(&self) -> Result<(), ReadError> {
        self.reached(self.shared.reader.head().await?).await
    }
}

struct Task<F> {
    name: &'static str,
    live: Live<F>,
    bus: Bus,
    health: Dependency,
    options: FollowOptions,
}

impl<F: Fold> Task<F> {
    async fn run(self) {
        let mut follower = self.follower();
        let mut goal = None;
        loop {
            if goal.is_none() {
                goal = self.live.shared.reader.head().await.ok();
            }
            if goal.is_some_and(|goal| follower.horizon() >= goal) {
                self.live
                    .shared
                    .progress
                    .send_if_modified(|progress| !std::mem::replace(&mut progress.caught_up, true));
                self.health.set_ready();
            }
            match follower.next().await {
                Ok(events) => {
                    if let Err(error) = self.take(&events, follower.horizon()) {
                        tracing::error!(fold = self.name, error = %error.1, position = error.0, "fold halted");
                        self.health.set_failing(format_args!("halted at position {}: {}", error.0, error.1));
                        return;
                    }
                }
                Err(error @ FollowError::Torn { .. }) => {
                    tracing::error!(fold = self.name, %error, "building again from the beginning");
                    // Until then nothing is known, which is not the same as nothing having happened.
                    self.live.shared.progress.send_modify(|progress| progress.caught_up = false);
                    goal = None;
                    *self.live.shared.state.write() = F::default();
                    follower = self.follower();
                }
                Err(error @ FollowError::Log(_)) => {
                    self.health.set_failing(crate::error::words(&error));
                    goal = None;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn follower(&self) -> Follower {
        Follower::new(self.live.shared.reader.clone(), self.bus.clone(), self.options.clone())
    }

    fn take(&self, events: &[Recorded], horizon: i64) -> Result<(), (i64, EventError)> {
        let mut state = self.live.shared.state.write();
        for event in events {
            if let Err(error) = state.apply(event) {
                self.live.shared.progress.send_modify(|progress| progress.halted = true);
                return Err((event.position, error));
            }
        }
        drop(state);
        self.live.shared.progress.send_modify(|progress| progress.horizon = horizon);
        Ok(())
    }
}
