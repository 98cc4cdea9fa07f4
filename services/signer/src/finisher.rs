//! The process that lets no intent lie: what was to be signed and is not after ten seconds, because whoever began it
//! was killed or cut off, is finished by repeating the last steps. The same signature comes from keystore's journal,
//! so nothing is ever issued twice.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bus::Context;
use contracts::{Actor, CaId, OrganizationId, Problem, Service, Timestamp, signer::IssuanceEvent};
use eventlog::Recorded;
use runtime::{
    command::{event, read_problem},
    database::{DatabaseError, Scope, scoped_read},
    error::words,
    service::ServiceContext,
};
use uuid::Uuid;

use crate::{issue::Intent, signer::Signer};

/// An intent older than this is nobody's any more.
const ABANDONED: time::Duration = time::Duration::seconds(10);
/// Time between two looks.
const PERIOD: Duration = Duration::from_secs(2);
/// Time for one try.
const PATIENCE: time::Duration = time::Duration::seconds(10);
/// Longest pause between two tries of the same intent.
const LONGEST_PAUSE: time::Duration = time::Duration::minutes(5);
/// Most intents looked at once.
const BATCH: i64 = 500;

/// Finishes open intents until shutdown.
pub fn start(context: &ServiceContext, signer: Arc<Signer>) {
    let finisher = Finisher { signer, context: context.clone(), pauses: HashMap::new() };
    context.shutdown.spawn_droppable(finisher.run());
}

struct Finisher {
    signer: Arc<Signer>,
    context: ServiceContext,
    /// Intents that could not be finished: how often, and when to try again.
    pauses: HashMap<Uuid, (u32, Timestamp)>,
}

impl Finisher {
    async fn run(mut self) {
        loop {
            tokio::time::sleep(PERIOD).await;
            match self.open().await {
                Ok(open) => {
                    self.signer.metrics.pending(open.len());
                    self.pauses.retain(|stream, _| open.iter().any(|one| one.stream() == *stream));
                    for one in open {
                        self.finish(one).await;
                    }
                }
                Err(error) => tracing::warn!(error = words(&error), "open intents cannot be looked up"),
            }
        }
    }

    /// Intents without an end, the oldest first. The read model tells where to look; the log is asked before anything
    /// is done (N-5).
    async fn open(&self) -> Result<Vec<Open>, DatabaseError> {
        let before = self.context.clock.now().plus(-ABANDONED);
        let mut open: Vec<_> = self
            .signer
            .catalog
            .read(|catalog| catalog.pending_cas(before))
            .into_iter()
            .map(Open::Ca)
            .collect();
        let mut client = self.context.pool.get().await?;
        let transaction = scoped_read(&mut client, &Scope::All).await?;
        let sql = "select id from api_signer.issuance \
                   where completed_at is null and withheld_at is null and created_at < $1 order by created_at limit $2";
        let rows = transaction.query(sql, &[&before.0, &BATCH]).await?;
        open.extend(rows.iter().map(|row| Open::Issuance(row.get(0))));
        Ok(open)
    }

    async fn finish(&mut self, open: Open) {
        let now = self.context.clock.now();
        let stream = open.stream();
        let tries = match self.pauses.get(&stream) {
            Some((_, until)) if now < *until => return,
            Some((tries, _)) => *tries,
            None => 0,
        };
        let outcome = match open {
            Open::Issuance(stream) => self.finish_issuance(stream).await,
            Open::Ca(ca) => self.finish_ca(ca).await,
        };
        match outcome {
            Ok(()) => tracing::info!(%stream, "an open intent was finished"),
            Err(problem) => {
                let pause = (time::Duration::seconds(5) * 2_i32.pow(tries.min(10))).min(LONGEST_PAUSE);
                self.pauses.insert(stream, (tries + 1, now.plus(pause)));
                tracing::warn!(%stream, tries, code = problem.code.as_str(), %problem, "an intent stays open");
            }
        }
    }

    async fn finish_issuance(&self, stream: Uuid) -> Result<(), Problem> {
        let history = self.context.reader.read_stream(stream, 0).await.map_err(read_problem)?;
        let [recorded] = &history[..] else { return Ok(()) }; // finished meanwhile
        if let IssuanceEvent::Intended(intended) = event(recorded)? {
            let context = self.continuing(recorded);
            self.signer.issue(&context, &Intent { stream, intended }).await?;
        }
        Ok(())
    }

    async fn finish_ca(&self, ca: CaId) -> Result<(), Problem> {
        let history = self.context.reader.read_stream(ca.uuid(), 0).await.map_err(read_problem)?;
        let [recorded] = &history[..] else { return Ok(()) };
        self.signer.finish_ca(&self.continuing(recorded), ca).await?;
        Ok(())
    }

    /// A command of the signer's own that goes on where this event was left.
    fn continuing(&self, recorded: &Recorded) -> Context {
        let deadline = self.context.clock.now().plus(PATIENCE);
        let actor = Actor::Service(Service::Signer);
        Context {
            correlation: recorded.correlation,
            causation: recorded.id,
            traceparent: recorded.traceparent.clone(),
            ..Context::new(recorded.command_id, OrganizationId(recorded.tenant), actor, deadline)
        }
    }
}

/// Something that was begun and not ended.
enum Open {
    Issuance(Uuid),
    Ca(CaId),
}

impl Open {
    const fn stream(&self) -> Uuid {
        match self {
            Self::Issuance(stream) => *stream,
            Self::Ca(ca) => ca.uuid(),
        }
    }
}
