//! Keeps a projection running: one active instance, a lane for what is read, another for what is being built.

use std::{pin::pin, sync::Arc, time::Duration};

use deadpool_postgres::{ClientWrapper, Object};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    Generation, Projection,
    checkpoint::{self, Checkpoint, State},
    lane::{End, Ground, Lane, StepError},
};
use crate::{
    error::words,
    follower::{FollowOptions, Follower},
    locks, rebuild,
    service::ServiceContext,
};

/// Time between two looks at requested rebuilds.
const PERIOD: Duration = Duration::from_secs(2);
/// Time between two tries to become the active instance.
const STANDBY: Duration = Duration::from_secs(1);
/// Most events applied in one transaction.
const BATCH: usize = 5_000;

/// Runs a projection until shutdown. In `health` it stands under its name; ready when level with the log.
pub fn start<P: Projection>(context: &ServiceContext, projection: P) {
    let lag = opentelemetry::global::meter("chancery.runtime")
        .f64_gauge("chancery_projection_lag_seconds")
        .with_description("Age of the newest event applied while a projection is not level with the log")
        .build();
    let ground = Arc::new(Ground {
        projection,
        service: context.service,
        pool: context.pool.clone(),
        reader: context.reader.clone(),
        bus: context.bus.clone(),
        clock: context.clock.clone(),
        health: context.health.register(P::NAME),
        lag,
    });
    let shutdown = context.shutdown.token();
    context.shutdown.spawn(async move {
        while !shutdown.is_cancelled() {
            match active(&ground, &shutdown).await {
                Ok(Some(End::ChangedOver)) => continue,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(projection = P::NAME, error = words(&error), "projection is not active");
                    ground.health.set_failing(words(&error));
                }
            }
            _ = shutdown.run_until_cancelled(tokio::time::sleep(STANDBY)).await;
        }
    });
}

/// One spell as the active instance; ends with the lock, with a lane, or when told to. `None`: another one is active.
async fn active<P: Projection>(
    ground: &Arc<Ground<P>>,
    shutdown: &CancellationToken,
) -> Result<Option<End>, StepError> {
    // Taken out of the pool for good: it ends with this function, and the lock with it.
    let lock = Object::take(ground.pool.get().await?);
    // Another version of the program keeps its own generation going meanwhile, so the version belongs to the name.
    let name = format!("{}.{}.v{}", ground.service, P::NAME, P::VERSION);
    if !locks::try_lock(&lock, &name).await? {
        ground.health.set_ready();
        return Ok(None);
    }
    let checkpoints = prepare(ground).await?;
    let mut spell =
        Spell { ground: ground.clone(), stop: shutdown.child_token(), lanes: JoinSet::new(), building: None };
    spell.begin(checkpoints).await?;
    let ended = spell.watch(&lock).await;
    spell.stop.cancel();
    while spell.lanes.join_next().await.is_some() {}
    ended.map(Some)
}

async fn prepare<P: Projection>(ground: &Ground<P>) -> Result<Vec<Checkpoint>, StepError> {
    let mut client = ground.pool.get().await?;
    let transaction = client.transaction().await?;
    locks::lock_schema(&transaction).await?;
    transaction.batch_execute(&checkpoint::schema(ground.service)).await?;
    transaction.commit().await?;
    rebuild::drop_retired(&mut client, ground.service, P::NAME).await?;
    Ok(checkpoint::all(&client, ground.service, P::NAME).await?)
}

struct Spell<P> {
    ground: Arc<Ground<P>>,
    stop: CancellationToken,
    lanes: JoinSet<End>,
    /// The generation that is being built.
    building: Option<i32>,
}

impl<P: Projection> Spell<P> {
    /// Starts the lanes that the table asks for.
    async fn begin(&mut self, checkpoints: Vec<Checkpoint>) -> Result<(), StepError> {
        let live = checkpoints.iter().find(|one| one.state == State::Live);
        match live {
            None => {
                let mut client = self.ground.pool.get().await?;
                let (projection, service) = (&self.ground.projection, self.ground.service);
                let first = rebuild::begin_generation(projection, &mut client, service, State::Live).await?;
                self.follow(&first);
            }
            Some(live) if live.version == P::VERSION && self.still_fits(live).await? => {
                self.follow(live);
                self.build_requested(&checkpoints).await?;
            }
            Some(live) if live.version > P::VERSION => {
                // A newer program runs already: what we would build, nobody reads.
                let ours =
                    checkpoints.iter().rfind(|one| one.version == P::VERSION && one.state == State::Retired);
                tracing::warn!(
                    projection = P::NAME,
                    ours = P::VERSION,
                    live = live.version,
                    "a newer version is live"
                );
                if let Some(ours) = ours {
                    self.follow(ours);
                }
            }
            Some(live) => {
                let reason = if live.version == P::VERSION {
                    "the log is another one"
                } else {
                    "the version was raised"
                };
                tracing::info!(projection = P::NAME, reason, "rebuilding");
                self.ground.health.set_failing("rebuilding");
                if !self.build_requested(&checkpoints).await? {
                    let mut client = self.ground.pool.get().await?;
                    let (projection, service) = (&self.ground.projection, self.ground.service);
                    let next =
                        rebuild::begin_generation(projection, &mut client, service, State::Building).await?;
                    self.build(&next);
                }
            }
        }
        Ok(())
    }

    /// Whether the event at a checkpoint is still the one that was applied: after a restore it may be another.
    async fn still_fits(&self, checkpoint: &Checkpoint) -> Result<bool, StepError> {
        let Some(hash) = &checkpoint.hash else {
            return Ok(checkpoint.position <= self.ground.reader.head().await?);
        };
        let found = self.ground.reader.read(checkpoint.position - 1, Some(P::CATEGORIES), 1).await?;
        Ok(found
            .first()
            .is_some_and(|event| event.position == checkpoint.position && event.hash[..] == hash[..]))
    }

    /// Goes on with a generation that was asked for or begun. `true`: there is one.
    async fn build_requested(&mut self, checkpoints: &[Checkpoint]) -> Result<bool, StepError> {
        if self.building.is_some() {
            return Ok(true);
        }
        let requested =
            checkpoints.iter().rfind(|one| one.state == State::Building && one.version == P::VERSION);
        let Some(requested) = requested else { return Ok(false) };
        let generation = self.generation(requested);
        let mut client = self.ground.pool.get().await?;
        let transaction = client.transaction().await?;
        rebuild::create_tables(&self.ground.projection, &transaction, &generation).await?;
        transaction.commit().await?;
        if !self.still_fits(requested).await? {
            return Ok(false);
        }
        self.build(requested);
        Ok(true)
    }

    fn follow(&mut self, checkpoint: &Checkpoint) {
        let lane = self.lane(checkpoint, false);
        self.lanes.spawn(lane.run(self.stop.clone()));
    }

    /// Builds a generation; once it is the one that is read, the spell ends and the next follows it.
    fn build(&mut self, checkpoint: &Checkpoint) {
        self.building = Some(checkpoint.generation);
        let lane = self.lane(checkpoint, true);
        self.lanes.spawn(lane.run(self.stop.clone()));
    }

    fn lane(&self, checkpoint: &Checkpoint, building: bool) -> Lane<P> {
        let options = FollowOptions::new(P::CATEGORIES).after(checkpoint.position).batch(BATCH);
        Lane {
            ground: self.ground.clone(),
            generation: self.generation(checkpoint),
            position: checkpoint.position,
            follower: Follower::new(self.ground.reader.clone(), self.ground.bus.clone(), options),
            building,
        }
    }

    fn generation(&self, checkpoint: &Checkpoint) -> Generation {
        Generation { service: self.ground.service, number: checkpoint.generation }
    }

    /// Keeps the lock alive and looks for requested rebuilds, until a lane ends.
    async fn watch(&mut self, lock: &ClientWrapper) -> Result<End, StepError> {
        let mut lost = pin!(locks::hold(lock));
        loop {
            tokio::select! {
                Some(end) = self.lanes.join_next() => return Ok(end.unwrap_or(End::Lost)), // `Err`: it panicked
                () = self.stop.cancelled() => return Ok(End::Stopped),
                lost = &mut lost => return Err(lost.into()),
                () = tokio::time::sleep(PERIOD) => {}
            }
            if self.building.is_none() {
                let client = self.ground.pool.get().await?;
                let checkpoints = checkpoint::all(&client, self.ground.service, P::NAME).await?;
                drop(client);
                if checkpoints.iter().any(|one| one.state == State::Live && one.version == P::VERSION) {
                    self.build_requested(&checkpoints).await?;
                }
            }
        }
    }
}
