//! Aggregates on the log: load, decide, append; a repeat answers what the first answered.

use std::sync::Arc;

use bus::{Answer, Context, Reply};
use contracts::{Code, Event, OrganizationId, Problem, command::DryRun};
use eventlog::{Append, AppendError, Appender, Expected, Outcome, Reader, Recorded};
use quick_cache::sync::Cache;
use uuid::Uuid;

use crate::{
    aggregate::{Aggregate, differences},
    clock::Clock,
    command::{append, append_problem, read_problem},
    ids::Ids,
};

/// How often a command is decided again after another one was faster.
const RETRIES: usize = 3;

/// All aggregates of one kind. Any instance handles any command: what it remembers is checked by the append.
pub struct Repository<A: Aggregate> {
    appender: Appender,
    reader: Reader,
    clock: Arc<dyn Clock>,
    ids: Ids,
    cache: Cache<Uuid, Arc<Snapshot<A>>>,
}

/// An aggregate as of one version.
#[derive(Clone, Debug)]
pub struct Snapshot<A> {
    /// Number of events it stands on; 0 = it does not exist yet.
    pub version: i32,
    /// Whose it is; `None` while it does not exist.
    pub tenant: Option<OrganizationId>,
    /// The state.
    pub state: A,
}

impl<A: Default> Default for Snapshot<A> {
    fn default() -> Self {
        Self { version: 0, tenant: None, state: A::default() }
    }
}

/// What a command comes to, before it is appended.
#[derive(Clone, Debug)]
pub struct Decided<A: Aggregate> {
    /// The stream.
    pub stream: Uuid,
    /// What it was decided on.
    pub before: Arc<Snapshot<A>>,
    /// The state once it is appended.
    pub after: A,
    /// What happens.
    pub events: Vec<A::Event>,
    /// What is to be appended; `None` when nothing changes.
    pub append: Option<Append>,
}

/// What became of a command.
#[derive(Clone, Debug)]
pub struct Executed<A> {
    /// The stream.
    pub stream: Uuid,
    /// Its version after the command.
    pub version: i32,
    /// Position of the command's last event; 0 = nothing was appended.
    pub position: i64,
    /// Whether an earlier command with the same id did it.
    pub replayed: bool,
    /// The state after the command.
    pub state: A,
    /// Set for a dry run: what would have changed.
    pub dry_run: Option<DryRun>,
}

impl<A> Executed<A> {
    /// The answer, with `view` as its result.
    pub fn answer<T>(self, view: impl FnOnce(&Self) -> T) -> Answer<T> {
        let result = view(&self);
        match self.dry_run {
            Some(dry_run) => Answer::Dry(dry_run),
            None => Answer::Done(Reply {
                stream: Some(self.stream),
                version: self.version,
                position: self.position,
                replayed: self.replayed,
                result,
            }),
        }
    }
}

impl<A: Aggregate> Repository<A> {
    /// A repository that remembers up to `capacity` aggregates.
    #[must_use]
    pub fn new(appender: Appender, reader: Reader, clock: Arc<dyn Clock>, ids: Ids, capacity: usize) -> Self {
        Self { appender, reader, clock, ids, cache: Cache::new(capacity) }
    }

    /// Does a command on an aggregate: loads, decides, appends; at most 3 times again when another was faster.
    ///
    /// Errors: the aggregate's refusal; `version_mismatch` against `If-Version`; `not_found` when it belongs to
    /// another organization; `idempotency_key_reused`; `service_unavailable`. A dry run appends nothing.
    pub async fn execute(
        &self,
        context: &Context,
        stream: Uuid,
        command: A::Command,
    ) -> Result<Executed<A>, Problem> {
        let known = self.cache.get(&stream);
        let (before, fresh) = match known {
            Some(known) => (known, false),
            None => (self.reload(stream).await?, true),
        };
        self.execute_on(context, stream, before, fresh, command).await
    }

    /// As [`Repository::execute`], for a stream that is believed not to exist: saves looking for it.
    pub async fn create(
        &self,
        context: &Context,
        stream: Uuid,
        command: A::Command,
    ) -> Result<Executed<A>, Problem> {
        self.execute_on(context, stream, Arc::default(), false, command).await
    }

    async fn execute_on(
        &self,
        context: &Context,
        stream: Uuid,
        mut before: Arc<Snapshot<A>>,
        mut fresh: bool,
        command: A::Command,
    ) -> Result<Executed<A>, Problem> {
        let mut tries = 0;
        loop {
            let decision = self.decide(context, stream, before.clone(), command.clone());
            let append = decision.as_ref().ok().and_then(|decided| decided.append.clone());
            let (Ok(decided), Some(append)) = (&decision, append) else {
                // Nothing to append: true of what is remembered, but is it of what is?
                if !fresh {
                    (before, fresh) = (self.reload(stream).await?, true);
                    continue;
                }
                // A repeat is answered as the first was, whatever the rules say now.
                if !context.dry_run
                    && let Some(first) = self.repeated(context, stream).await?
                {
                    return Ok(first);
                }
                let dry_run = context.dry_run.then(DryRun::default);
                return decision.map(|decided| Executed { dry_run, ..decided.unchanged() });
            };
            if context.dry_run {
                return Ok(decided.tried());
            }
            match self.appender.append(append).await {
                Ok(outcome) => return self.settle(decided, outcome).await,
                Err(AppendError::Conflict { .. }) if tries < RETRIES => {
                    tries += 1;
                    (before, fresh) = (self.reload(stream).await?, true);
                }
                // Believed new, but it is another organization's.
                Err(AppendError::WrongStream) if !fresh => {
                    (before, fresh) = (self.reload(stream).await?, true);
                }
                Err(error) => {
                    self.cache.remove(&stream);
                    return Err(append_problem(&error));
                }
            }
        }
    }

    /// Decides a command without appending: for appends of several streams at once. Errors: refusal,
    /// `version_mismatch`, `not_found`.
    pub fn decide(
        &self,
        context: &Context,
        stream: Uuid,
        before: Arc<Snapshot<A>>,
        command: A::Command,
    ) -> Result<Decided<A>, Problem> {
        if before.tenant.is_some_and(|tenant| tenant != context.tenant) {
            return Err(Problem::not_found(A::Event::CATEGORY, stream));
        }
        if let Some(expected) = context.if_version.filter(|expected| *expected != before.version) {
            return Err(Problem {
                current_version: Some(before.version),
                ..Problem::new(
                    Code::VersionMismatch,
                    format!("it has version {}, the request is about version {expected}", before.version),
                )
            });
        }
        let events = before.state.decide(command, self.clock.now()).map_err(Into::into)?;
        let append = if events.is_empty() {
            None
        } else {
            Some(append(context, &self.ids, stream, Expected::Version(before.version), &events)?)
        };
        let after = events.iter().cloned().fold(before.state.clone(), A::evolve);
        Ok(Decided { stream, before, after, events, append })
    }

    /// Takes note of what the log said to [`Decided::append`].
    pub async fn settle(&self, decided: &Decided<A>, outcome: Outcome) -> Result<Executed<A>, Problem> {
        let stream = decided.stream;
        match outcome {
            Outcome::Committed { version, last, .. } => {
                let tenant = decided.append.as_ref().map(|append| OrganizationId(append.tenant));
                let state = decided.after.clone();
                self.cache.insert(stream, Arc::new(Snapshot { version, tenant, state: state.clone() }));
                Ok(Executed { stream, version, position: last, replayed: false, state, dry_run: None })
            }
            Outcome::Replayed { version, last, .. } => self.as_of(stream, version, last).await,
        }
    }

    /// What a command with this id came to, if there was one. Errors: `idempotency_key_reused`.
    pub async fn repeated(&self, context: &Context, stream: Uuid) -> Result<Option<Executed<A>>, Problem> {
        let Some(first) = self.reader.outcome(context.command_id).await.map_err(read_problem)? else {
            return Ok(None);
        };
        if first.fingerprint != context.fingerprint {
            return Err(append_problem(&AppendError::KeyReuse));
        }
        self.as_of(stream, first.version, first.last).await.map(Some)
    }

    async fn as_of(&self, stream: Uuid, version: i32, position: i64) -> Result<Executed<A>, Problem> {
        let now = self.reload(stream).await?;
        let state = if now.version == version {
            now.state.clone()
        } else {
            let mut events = self.reader.read_stream(stream, 0).await.map_err(read_problem)?;
            events.retain(|event| event.version <= version);
            advance(Snapshot::default(), &events)?.state
        };
        Ok(Executed { stream, version, position, replayed: true, state, dry_run: None })
    }

    /// The aggregate as it is remembered, or else as the log has it. May be behind; an append would tell.
    pub async fn load(&self, stream: Uuid) -> Result<Arc<Snapshot<A>>, Problem> {
        match self.cache.get(&stream) {
            Some(known) => Ok(known),
            None => self.reload(stream).await,
        }
    }

    /// The aggregate as the log has it now.
    pub async fn reload(&self, stream: Uuid) -> Result<Arc<Snapshot<A>>, Problem> {
        let known = self.cache.get(&stream).unwrap_or_default();
        let tail = self.reader.read_stream(stream, known.version).await.map_err(read_problem)?;
        if tail.is_empty() {
            return Ok(known);
        }
        let now = Arc::new(advance((*known).clone(), &tail)?);
        self.cache.insert(stream, now.clone());
        Ok(now)
    }
}

impl<A: Aggregate> Decided<A> {
    fn unchanged(self) -> Executed<A> {
        Executed {
            stream: self.stream,
            version: self.before.version,
            position: 0,
            replayed: false,
            state: self.after,
            dry_run: None,
        }
    }

    fn tried(&self) -> Executed<A> {
        let changes = differences(&self.before.state.describe(), &self.after.describe());
        Executed { dry_run: Some(DryRun { would_change: true, changes }), ..self.clone().unchanged() }
    }
}

fn advance<A: Aggregate>(mut snapshot: Snapshot<A>, events: &[Recorded]) -> Result<Snapshot<A>, Problem> {
    for recorded in events {
        let event = A::Event::from_payload(&recorded.kind, recorded.schema, &recorded.payload).map_err(|error| {
            // O-6: a version nobody here knows blocks the stream rather than be skipped.
            tracing::error!(%error, stream = %recorded.stream, version = recorded.version, "event cannot be read");
            Problem::internal()
        })?;
        snapshot.state = snapshot.state.evolve(event);
        snapshot.version = recorded.version;
        snapshot.tenant = Some(OrganizationId(recorded.tenant));
    }
    Ok(snapshot)
}
