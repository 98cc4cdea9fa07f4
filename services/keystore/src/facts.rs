//! What the log says about an issuance, read just before it is signed (N-5): the intent, its CA, its key.
//!
//! Concurrent requests share one query. CAs and keys that are in use ride along with only their newest events, so the
//! usual request costs one round trip, shared, and still sees a suspension or destruction from its event on.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use contracts::{
    CaId, Event, KeyId, OrganizationId, Problem, Timestamp,
    event::EventError,
    keystore::KeyEvent,
    signer::{CaEvent, IssuanceEvent},
};
use deadpool_postgres::Pool;
use runtime::{aggregate::Aggregate as _, clock::Clock};
use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{
    ca::Ca,
    database::DatabaseError,
    group::{Group, Together},
    guard::ClockGuard,
    key::Key,
    precondition::{Intent, Owned},
};

/// What the log and the journal say about one issuance.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Its intent, if there is one.
    pub intent: Option<Intent>,
    /// The signature that was released for it already.
    pub journaled: Option<Vec<u8>>,
    /// The issuing CA; empty for a self-signed certificate.
    pub ca: Arc<Owned<Ca>>,
    /// The key that is to sign.
    pub key: Arc<Owned<Key>>,
}

/// Why the facts are not known.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FactsError {
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// An event that this program cannot read: nothing may be concluded from the rest (O-6).
    #[error("an event of stream {stream} cannot be read")]
    Event {
        /// Where it stands.
        stream: Uuid,
        /// What is wrong with it.
        #[source]
        source: Arc<EventError>,
    },
}

impl From<FactsError> for Problem {
    fn from(error: FactsError) -> Self {
        match error {
            FactsError::Database(error) => error.into(),
            FactsError::Event { .. } => {
                tracing::error!(error = runtime::error::words(&error), "nothing is signed");
                Self::internal()
            }
        }
    }
}

/// Finds facts for many callers at once.
pub type FactFinder = Group<Finder>;

/// Starts finding facts. What other clocks show on the way is told to `guard`.
#[must_use]
pub fn start(pool: Pool, clock: Arc<dyn Clock>, guard: Arc<ClockGuard>) -> FactFinder {
    Group::start(Finder { pool, clock, guard, known: Known::default() })
}

/// The task behind a [`FactFinder`].
pub struct Finder {
    pool: Pool,
    clock: Arc<dyn Clock>,
    guard: Arc<ClockGuard>,
    known: Known,
}

impl Together for Finder {
    /// The stream of an issuance.
    type Question = Uuid;
    type Answer = Result<Facts, FactsError>;

    async fn answer(&mut self, issuances: Vec<Uuid>) -> Vec<Self::Answer> {
        match self.find(&issuances).await {
            Ok(found) => issuances.iter().map(|issuance| self.facts(&found, *issuance)).collect(),
            Err(error) if issuances.len() == 1 => vec![Err(error)],
            // One stream that may not be read spoils the query: each for itself then.
            Err(_) => {
                let mut answers = Vec::with_capacity(issuances.len());
                for issuance in issuances {
                    let found = self.find(&[issuance]).await;
                    answers.push(found.and_then(|found| self.facts(&found, issuance)));
                }
                answers
            }
        }
    }
}

/// The events asked for, by stream.
type Found = HashMap<Uuid, Issuance>;

/// An intent and what was released for it.
#[derive(Clone)]
struct Issuance {
    intent: Intent,
    journaled: Option<Vec<u8>>,
}

impl Finder {
    async fn find(&mut self, issuances: &[Uuid]) -> Result<Found, FactsError> {
        let mut asked: HashMap<Uuid, i32> = self.known.versions().collect();
        asked.extend(issuances.iter().map(|issuance| (*issuance, 0)));
        let mut found = Found::new();
        self.read(&asked, &mut found).await?;
        let missing: HashMap<Uuid, i32> = found
            .values()
            .flat_map(|issuance| {
                let intended = &issuance.intent.intended;
                [Some(intended.signing_key_id.uuid()), intended.ca_id.map(CaId::uuid)]
            })
            .flatten()
            .filter(|stream| !self.known.has(*stream))
            .map(|stream| (stream, 0))
            .collect();
        if !missing.is_empty() {
            self.read(&missing, &mut found).await?;
        }
        let used = found.values().flat_map(|issuance| {
            let intended = &issuance.intent.intended;
            [Some(intended.signing_key_id.uuid()), intended.ca_id.map(CaId::uuid)]
        });
        self.known.keep(used.flatten().collect());
        Ok(found)
    }

    fn facts(&self, found: &Found, issuance: Uuid) -> Result<Facts, FactsError> {
        let Some(Issuance { intent, journaled }) = found.get(&issuance).cloned() else {
            return Ok(Facts { intent: None, journaled: None, ca: Arc::default(), key: Arc::default() });
        };
        let ca = intent.intended.ca_id.map(|ca| self.known.ca(ca)).unwrap_or_default();
        let key = self.known.key(intent.intended.signing_key_id);
        Ok(Facts { intent: Some(intent), journaled, ca, key })
    }

    /// Reads the streams' events after these versions: intents into `found`, CAs and keys into what is known.
    async fn read(&mut self, streams: &HashMap<Uuid, i32>, found: &mut Found) -> Result<(), FactsError> {
        const SQL: &str = "select e.tenant, e.category, e.stream, e.version, e.id, e.type, e.schema, e.recorded_at, \
             e.payload::text, (select s.signature from keystore.signature s where s.intent_event = e.id), \
             clock_timestamp() \
             from log.read_streams($1) e join unnest($1::uuid[], $2::int[]) as asked (stream, after) using (stream) \
             where e.version > asked.after order by e.position";
        let (names, versions): (Vec<Uuid>, Vec<i32>) =
            streams.iter().map(|(stream, after)| (*stream, *after)).unzip();
        let client = self.pool.get().await.map_err(DatabaseError::from)?;
        let statement = client.prepare_cached(SQL).await.map_err(DatabaseError::from)?;
        let rows = client.query(&statement, &[&names, &versions]).await.map_err(DatabaseError::from)?;
        let now = self.clock.now();
        for row in &rows {
            let event = Read::from_row(row).map_err(DatabaseError::from)?;
            self.guard.saw_event(event.recorded_at);
            self.guard.saw_postgresql(event.read_at, now);
            let stream = event.stream;
            self.take(event, found)
                .map_err(|source| FactsError::Event { stream, source: Arc::new(source) })?;
        }
        Ok(())
    }

    fn take(&mut self, event: Read<'_>, found: &mut Found) -> Result<(), EventError> {
        match event.category {
            IssuanceEvent::CATEGORY => {
                let read = IssuanceEvent::from_payload(event.kind, event.schema, event.payload)?;
                if let IssuanceEvent::Intended(intended) = read {
                    let organization = event.organization;
                    let intent = Intent { event: event.id, stream: event.stream, organization, intended };
                    let journaled = event.journaled.map(<[u8]>::to_vec);
                    found.insert(event.stream, Issuance { intent, journaled });
                }
                Ok(())
            }
            CaEvent::CATEGORY => {
                let read = CaEvent::from_payload(event.kind, event.schema, event.payload)?;
                self.known.evolve_ca(&event, read);
                Ok(())
            }
            KeyEvent::CATEGORY => {
                let read = KeyEvent::from_payload(event.kind, event.schema, event.payload)?;
                self.known.evolve_key(&event, read);
                Ok(())
            }
            // A stream of another kind was named: it holds no intent.
            _ => Ok(()),
        }
    }
}

/// One event, as the query gives it.
struct Read<'a> {
    organization: OrganizationId,
    category: &'a str,
    stream: Uuid,
    version: i32,
    id: Uuid,
    kind: &'a str,
    schema: i16,
    recorded_at: Timestamp,
    payload: &'a str,
    journaled: Option<&'a [u8]>,
    read_at: Timestamp,
}

impl<'a> Read<'a> {
    fn from_row(row: &'a Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            organization: OrganizationId(row.try_get(0)?),
            category: row.try_get(1)?,
            stream: row.try_get(2)?,
            version: row.try_get(3)?,
            id: row.try_get(4)?,
            kind: row.try_get(5)?,
            schema: row.try_get(6)?,
            recorded_at: Timestamp(row.try_get::<_, OffsetDateTime>(7)?),
            payload: row.try_get(8)?,
            journaled: row.try_get(9)?,
            read_at: Timestamp(row.try_get::<_, OffsetDateTime>(10)?),
        })
    }
}

/// Most CAs and keys that ride along; more than these are read anew when they are needed.
const RIDING: usize = 64;

/// CAs and keys in use, as of the versions read last.
#[derive(Default)]
struct Known {
    cas: HashMap<Uuid, (i32, Arc<Owned<Ca>>)>,
    keys: HashMap<Uuid, (i32, Arc<Owned<Key>>)>,
}

impl Known {
    fn versions(&self) -> impl Iterator<Item = (Uuid, i32)> + '_ {
        let cas = self.cas.iter().map(|(stream, (version, _))| (*stream, *version));
        cas.chain(self.keys.iter().map(|(stream, (version, _))| (*stream, *version)))
    }

    fn has(&self, stream: Uuid) -> bool {
        self.cas.contains_key(&stream) || self.keys.contains_key(&stream)
    }

    fn ca(&self, ca: CaId) -> Arc<Owned<Ca>> {
        self.cas.get(&ca.uuid()).map(|(_, ca)| ca.clone()).unwrap_or_default()
    }

    fn key(&self, key: KeyId) -> Arc<Owned<Key>> {
        self.keys.get(&key.uuid()).map(|(_, key)| key.clone()).unwrap_or_default()
    }

    fn evolve_ca(&mut self, read: &Read<'_>, event: CaEvent) {
        let (version, ca) = self.cas.entry(read.stream).or_default();
        let state = ca.state.clone().evolve(read.id, event);
        (*version, *ca) = (read.version, Arc::new(Owned { organization: read.organization, state }));
    }

    fn evolve_key(&mut self, read: &Read<'_>, event: KeyEvent) {
        let (version, key) = self.keys.entry(read.stream).or_default();
        let state = key.state.clone().evolve(event);
        (*version, *key) = (read.version, Arc::new(Owned { organization: read.organization, state }));
    }

    /// Once too many are known, only those just used go on riding along.
    fn keep(&mut self, used: HashSet<Uuid>) {
        if self.cas.len() + self.keys.len() > RIDING {
            self.cas.retain(|stream, _| used.contains(stream));
            self.keys.retain(|stream, _| used.contains(stream));
        }
    }
}
