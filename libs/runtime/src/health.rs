//! What this process needs to do its work, and which of it is missing, with the reason.
//!
//! Each service registers its dependencies under its own name; `/readyz` shows them all, and `up` waits for them.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::Serialize;
use tokio::sync::watch;

type States = BTreeMap<String, Entry>;

/// What is known of a dependency.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    standing: Standing,
    /// Whether the process does the rest of its work without it.
    optional: bool,
}

/// How a dependency stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    Ready,
    Missing(String),
    /// Missing until a person does something.
    Waiting(String),
}

impl Standing {
    fn reason(&self) -> Option<&String> {
        match self {
            Self::Ready => None,
            Self::Missing(reason) | Self::Waiting(reason) => Some(reason),
        }
    }
}

/// The register of dependencies; clones share it.
#[derive(Clone)]
pub struct Health {
    states: Arc<watch::Sender<States>>,
    prefix: Arc<str>,
}

/// One dependency, as `/readyz` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct State {
    /// `service/dependency`, or the dependency alone.
    pub name: String,
    /// Whether it is there.
    pub ready: bool,
    /// Whether the process is ready without it: what needs it is refused, everything else is done.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Health {
    /// An empty register: ready.
    #[must_use]
    pub fn new() -> Self {
        Self { states: Arc::new(watch::Sender::default()), prefix: "".into() }
    }

    /// The same register, where names begin with `name/`.
    #[must_use]
    pub fn scope(&self, name: impl fmt::Display) -> Self {
        Self { states: self.states.clone(), prefix: format!("{}{name}/", self.prefix).into() }
    }

    /// Adds a dependency; it counts as missing until it is said to be ready.
    #[must_use]
    pub fn register(&self, name: &str) -> Dependency {
        self.add(name, false)
    }

    /// The same for one that most of the work is done without: it is shown, and nobody waits for it.
    #[must_use]
    pub fn register_optional(&self, name: &str) -> Dependency {
        self.add(name, true)
    }

    fn add(&self, name: &str, optional: bool) -> Dependency {
        let name = format!("{}{name}", self.prefix).into();
        let dependency = Dependency { states: self.states.clone(), name, optional };
        dependency.set_failing("starting");
        dependency
    }

    /// Every dependency, in order of name.
    #[must_use]
    pub fn report(&self) -> Vec<State> {
        let states = self.states.borrow();
        let state = |(name, entry): (&String, &Entry)| State {
            name: name.clone(),
            ready: entry.standing == Standing::Ready,
            optional: entry.optional,
            reason: entry.standing.reason().cloned(),
        };
        states.iter().map(state).collect()
    }

    /// Whether nothing is missing that is not optional.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        all_ready(&self.states.borrow())
    }

    /// Returns as soon as nothing is missing that is not optional.
    pub async fn ready(&self) {
        // The sender lives in `self`, so this cannot fail.
        _ = self.states.subscribe().wait_for(all_ready).await;
    }

    /// Returns as soon as nothing is missing, or nothing but what waits for a person and what depends on that. Whether
    /// nothing is missing.
    pub async fn settled(&self) -> bool {
        self.states.subscribe().wait_for(settled).await.is_ok_and(|states| all_ready(&states))
    }
}

fn all_ready(states: &States) -> bool {
    states.values().all(|entry| entry.optional || entry.standing == Standing::Ready)
}

/// The services by which a person reaches what waits for them.
const IN_REACH: [&str; 3] = ["gateway/", "directory/", "keystore/"];

fn settled(states: &States) -> bool {
    let waits = states.values().any(|entry| matches!(entry.standing, Standing::Waiting(_)));
    let in_reach = |name: &str| IN_REACH.iter().any(|service| name.starts_with(service));
    let missing = |(name, entry): (&String, &Entry)| {
        in_reach(name) && !entry.optional && matches!(entry.standing, Standing::Missing(_))
    };
    all_ready(states) || (waits && !states.iter().any(missing))
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.report()).finish()
    }
}

/// A dependency in the register; clones speak of the same one. It stays in the register when dropped.
#[derive(Clone)]
pub struct Dependency {
    states: Arc<watch::Sender<States>>,
    name: Arc<str>,
    optional: bool,
}

impl Dependency {
    /// Its name in the register.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// It is there.
    pub fn set_ready(&self) {
        self.set(Standing::Ready)
    }

    /// It is missing, and why: words for an operator.
    pub fn set_failing(&self, reason: impl fmt::Display) {
        self.set(Standing::Missing(reason.to_string()))
    }

    /// It is missing until a person does something: words that say what.
    pub fn set_waiting(&self, reason: impl fmt::Display) {
        self.set(Standing::Waiting(reason.to_string()))
    }

    fn set(&self, standing: Standing) {
        self.states.send_if_modified(|states| {
            let old = states.get(&*self.name).map(|entry| &entry.standing);
            let changed = old != Some(&standing);
            if changed {
                match (old.map(|old| *old == Standing::Ready), standing.reason()) {
                    (Some(false), None) => tracing::info!(dependency = %self.name, "ready"),
                    (Some(true), Some(reason)) => {
                        tracing::warn!(dependency = %self.name, reason, "not ready")
                    }
                    _ => {} // still on the way
                }
                states.insert(self.name.to_string(), Entry { standing, optional: self.optional });
            }
            changed
        });
    }
}

impl fmt::Debug for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dependency({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_waits_for_a_person_holds_up_nothing_that_leads_there() {
        let health = Health::new();
        let [vault, https, micro_ca] = [("keystore", "vault"), ("gateway", "https"), ("signer", "micro-ca")]
            .map(|(service, name)| health.scope(service).register(name));
        vault.set_waiting("sealed");
        assert!(!settled(&health.states.borrow()), "nobody can get in yet");
        https.set_ready();
        assert!(!health.settled().await, "people can");
        assert!(!health.is_ready());
        vault.set_ready();
        micro_ca.set_ready();
        assert!(health.settled().await && health.is_ready());
    }

    #[tokio::test]
    async fn readiness_waits_for_every_dependency_and_says_what_is_missing() {
        let health = Health::new();
        assert!(health.is_ready());
        let signer = health.scope("signer");
        let (database, bus) = (signer.register("postgresql"), signer.register("nats"));
        database.set_ready();
        bus.set_failing("connection refused");
        assert!(!health.is_ready());
        let reason = Some("connection refused".into());
        let missing = State { name: "signer/nats".into(), ready: false, optional: false, reason };
        assert_eq!(health.report()[0], missing);

        let waiting = tokio::spawn({
            let health = health.clone();
            async move { health.ready().await }
        });
        bus.set_ready();
        waiting.await.unwrap();
    }
    #[test]
    fn what_is_optional_is_shown_and_not_waited_for() {
        let health = Health::new();
        health.register_optional("token").set_failing("pulled out");
        assert!(health.is_ready());
        let shown = &health.report()[0];
        assert_eq!((shown.ready, shown.optional, shown.reason.as_deref()), (false, true, Some("pulled out")));
    }
}
