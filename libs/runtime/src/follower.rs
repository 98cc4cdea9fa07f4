//! Following the log: every event of some categories exactly once, in position order, whatever happens to JetStream.
//!
//! JetStream brings events within a millisecond or two; the log in PostgreSQL fills whatever JetStream lacks. Each
//! message is checked against what is known (`Log-Position` = sequence, `Log-Prev` = the last event of its category);
//! at the first doubt the follower reads the log until it is level, then subscribes again. While NATS is away it
//! polls the log.

use std::{collections::HashMap, time::Duration};

use bus::{Bus, Interrupted, LogMessage, LogMessages};
use eventlog::{Pages, ReadError, Reader, Recorded};
use futures::{Stream, StreamExt};
use tokio::time::{Instant, sleep_until};

/// How a follower follows.
#[derive(Clone, Debug)]
pub struct FollowOptions {
    /// The categories; `None` = every one.
    pub categories: Option<Vec<&'static str>>,
    /// Everything up to this position is known already.
    pub after: i64,
    /// Most events given at once.
    pub batch: usize,
    /// When nothing came for so long, the log is asked whether something was missed.
    pub doubt: Duration,
}

impl FollowOptions {
    /// Follows `categories` from the beginning; 1,000 events at once, doubt after 5 s.
    #[must_use]
    pub fn new(categories: &[&'static str]) -> Self {
        let categories = Some(categories.to_vec()).filter(|all| !all.contains(&"*"));
        Self { categories, after: 0, batch: 1_000, doubt: Duration::from_secs(5) }
    }

    /// Begins after this position.
    #[must_use]
    pub fn after(self, after: i64) -> Self {
        Self { after, ..self }
    }

    /// Gives at most so many events at once.
    #[must_use]
    pub fn batch(self, batch: usize) -> Self {
        Self { batch, ..self }
    }

    /// Asks the log after so long without news.
    #[must_use]
    pub fn doubt(self, doubt: Duration) -> Self {
        Self { doubt, ..self }
    }
}

/// Why nothing can be given now. The follower stays usable: the next call tries again.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The log cannot be read.
    #[error("the log cannot be read")]
    Log(#[source] ReadError),
    /// JetStream withheld an event and gave later ones of other categories: what was built from them stands on a
    /// history with a hole, and has to be built again.
    #[error("an event of '{category}' before position {position} was withheld by JetStream")]
    Torn {
        /// The category of the missing event.
        category: String,
        /// The position up to which others were given already.
        position: i64,
    },
}

/// Gives events in order. Dropping the future of [`Follower::next`] loses nothing.
pub struct Follower {
    reader: Reader,
    bus: Bus,
    options: FollowOptions,
    /// Everything of our categories up to here was given.
    position: i64,
    /// Nothing of our categories lies between `position` and here.
    horizon: i64,
    /// The last position given, per category.
    last: HashMap<String, i64>,
    source: Source,
    /// The log, while it is being read.
    pages: Option<Pages>,
    /// Whether the last look found less than it could have given.
    level: bool,
    /// JetStream is not tried before this moment.
    resubscribe: Instant,
    /// When JetStream or the log last said something.
    touched: Instant,
    wakes: Option<Box<dyn Stream<Item = i64> + Send + Sync + Unpin>>,
}

enum Source {
    /// The log in PostgreSQL; not before this moment, unless it grows.
    Log(Instant),
    /// JetStream, from the next event on.
    Subscribe,
    /// JetStream.
    Stream(Box<LogMessages>),
}

/// The longest pause between two looks at the log while JetStream cannot be used.
const POLL: Duration = Duration::from_millis(500);

impl Follower {
    /// A follower; it connects to nothing until [`Follower::next`] is called.
    #[must_use]
    pub fn new(reader: Reader, bus: Bus, options: FollowOptions) -> Self {
        let (position, horizon) = (options.after, options.after);
        let now = Instant::now();
        Self {
            reader,
            bus,
            options,
            position,
            horizon,
            last: HashMap::new(),
            source: Source::Log(now),
            pages: None,
            resubscribe: now,
            touched: now,
            level: false,
            wakes: None,
        }
    }

    /// Everything of the followed categories up to this position was given.
    #[must_use]
    pub fn horizon(&self) -> i64 {
        self.horizon.max(self.position)
    }

    /// Whether there was nothing more at the last look: what comes now is new.
    #[must_use]
    pub fn is_level(&self) -> bool {
        self.level
    }

    /// The next events, at least one, or none when the horizon moved without any or the log was found level for the
    /// first time. Waits until there is news.
    pub async fn next(&mut self) -> Result<Vec<Recorded>, FollowError> {
        loop {
            let news = match self.source {
                Source::Log(not_before) => self.read_log(not_before).await?,
                Source::Subscribe => self.subscribe().await,
                Source::Stream(_) => self.take_messages().await?,
            };
            if let Some(events) = news {
                return Ok(events);
            }
        }
    }

    /// Reads the log. Level, or nearly: JetStream has the rest.
    async fn read_log(&mut self, not_before: Instant) -> Result<Option<Vec<Recorded>>, FollowError> {
        self.pause(not_before).await;
        let before = self.horizon();
        let head = self.reader.head().await;
        let head = self.ask_log(head)?;
        let mut events = vec![];
        if head > before {
            let page = self.page(before).await;
            events = self.ask_log(page)?;
        }
        let full = events.len() >= self.options.batch;
        let news = !full && !self.level;
        self.level = !full;
        self.source = if full {
            Source::Log(Instant::now())
        } else if self.resubscribe <= Instant::now() {
            Source::Subscribe
        } else {
            Source::Log(Instant::now() + POLL)
        };
        for event in &events {
            self.position = event.position;
            self.note(&event.category);
        }
        // A page that is not full ended where the log ended, which was at `head` or later.
        if !full {
            self.horizon = self.horizon.max(head);
        }
        self.touched = Instant::now();
        Ok((self.horizon() > before || news).then_some(events))
    }

    async fn page(&mut self, after: i64) -> Result<Vec<Recorded>, ReadError> {
        let begun = self.pages.take().filter(|pages| pages.after() == after);
        let mut pages = begun
            .unwrap_or_else(|| self.reader.pages(after, self.options.categories.clone(), self.options.batch));
        let page = pages.next().await?;
        // Once level, JetStream brings the rest.
        self.pages = Some(pages).filter(|_| page.len() >= self.options.batch);
        Ok(page)
    }

    async fn subscribe(&mut self) -> Option<Vec<Recorded>> {
        self.source = match LogMessages::subscribe(
            &self.bus,
            self.options.categories.as_deref(),
            self.horizon() + 1,
        )
        .await
        {
            Ok(messages) => {
                // Nobody listens to it while JetStream brings the events themselves.
                self.wakes = None;
                self.touched = Instant::now();
                Source::Stream(Box::new(messages))
            }
            Err(reason) => {
                tracing::debug!(%reason, position = self.position, "JetStream cannot be used; polling the log");
                self.resubscribe = Instant::now() + POLL;
                Source::Log(Instant::now() + POLL)
            }
        };
        None
    }

    /// Takes what JetStream brings, as far as it can be trusted. `None`: go to the log.
    async fn take_messages(&mut self) -> Result<Option<Vec<Recorded>>, FollowError> {
        let Source::Stream(messages) = &mut self.source else { return Ok(None) };
        let brought = tokio::select! {
            brought = messages.next(self.options.batch) => brought,
            () = sleep_until(self.touched + self.options.doubt) => return self.doubt().await,
        };
        self.touched = Instant::now();
        let mut events = vec![];
        let doubt = match brought {
            Ok(brought) => self.check(brought, &mut events),
            Err(interrupted) => Err(interrupted.into()),
        };
        match doubt {
            Ok(()) => {}
            Err(Doubt::Torn(category)) if events.is_empty() => {
                self.source = Source::Log(Instant::now());
                return Err(FollowError::Torn { category, position: self.position });
            }
            Err(doubt) => {
                tracing::info!(%doubt, position = self.position, "following the log instead of JetStream");
                self.source = Source::Log(Instant::now());
            }
        }
        Ok(Some(events).filter(|events| !events.is_empty()))
    }

    /// Remembers that the event at `position` is the last one of its category.
    fn note(&mut self, category: &str) {
        match self.last.get_mut(category) {
            Some(last) => *last = self.position,
            None => _ = self.last.insert(category.to_owned(), self.position),
        }
    }

    /// Passes on what follows on from what is known, up to the first message that does not.
    fn check(&mut self, brought: Vec<LogMessage>, events: &mut Vec<Recorded>) -> Result<(), Doubt> {
        for LogMessage { sequence, previous, event, .. } in brought {
            if event.position != sequence {
                return Err(Doubt::Sequence(sequence, event.position));
            }
            if event.position <= self.horizon() {
                continue;
            }
            // Without an event of the category so far, its last one is one that was known at the start.
            match self.last.get(&event.category) {
                Some(last) if previous == *last => {}
                None if previous <= self.options.after => {}
                Some(last) if previous > *last && previous <= self.position => {
                    return Err(Doubt::Torn(event.category));
                }
                None if previous <= self.position => return Err(Doubt::Torn(event.category)),
                _ => return Err(Doubt::Gap(event.position)),
            }
            self.position = event.position;
            self.note(&event.category);
            events.push(event);
        }
        Ok(())
    }

    /// Nothing came for a while: was something missed?
    async fn doubt(&mut self) -> Result<Option<Vec<Recorded>>, FollowError> {
        let before = self.horizon();
        let head = self.reader.head().await;
        let head = self.ask_log(head)?;
        self.touched = Instant::now();
        if head <= before {
            return Ok(None);
        }
        let level = match &self.options.categories {
            Some(categories) => self.reader.level(before, head, categories).await,
            None => Ok(false),
        };
        if self.ask_log(level)? {
            self.horizon = head;
            return Ok(Some(vec![]));
        }
        tracing::info!(position = before, head, "JetStream is behind; following the log");
        self.source = Source::Log(Instant::now());
        Ok(None)
    }

    fn ask_log<T>(&mut self, answer: Result<T, ReadError>) -> Result<T, FollowError> {
        answer.map_err(|error| {
            self.source = Source::Log(Instant::now() + POLL);
            FollowError::Log(error)
        })
    }

    /// Waits until the log has grown, at the latest until `not_before`.
    async fn pause(&mut self, not_before: Instant) {
        if not_before <= Instant::now() {
            return;
        }
        if self.wakes.is_none() {
            self.wakes = match self.bus.wakes().await {
                Ok(wakes) => Some(Box::new(wakes)),
                Err(_) => None,
            };
        }
        let horizon = self.horizon();
        let grown = async {
            match &mut self.wakes {
                Some(wakes) => while wakes.next().await.is_some_and(|head| head <= horizon) {},
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = sleep_until(not_before) => {}
            () = grown => {}
        }
    }
}

/// Why a message was not passed on.
#[derive(Debug, thiserror::Error)]
enum Doubt {
    #[error("{0}")]
    Interrupted(#[from] Interrupted),
    #[error("message {0} says it is position {1}")]
    Sequence(i64, i64),
    #[error("something is missing before position {0}")]
    Gap(i64),
    #[error("an event of '{0}' was withheld")]
    Torn(String),
}
