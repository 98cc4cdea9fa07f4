//! What this process needs to do its work, and which of it is missing, with the reason.
//!
//! Each service registers its dependencies under its own name; `/readyz` shows them all, and `up` waits for them.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::Serialize;
use tokio::sync::watch;

type States = BTreeMap<String, Option<String>>;

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
        let dependency =
            Dependency { states: self.states.clone(), name: format!("{}{name}", self.prefix).into() };
        dependency.set_failing("starting");
        dependency
    }

    /// Every dependency, in order of name.
    #[must_use]
    pub fn report(&self) -> Vec<State> {
        let states = self.states.borrow();
        let state = |(name, reason): (&String, &Option<String>)| State {
            name: name.clone(),
            ready: reason.is_none(),
            reason: reason.clone(),
        };
        states.iter().map(state).collect()
    }

    /// Whether nothing is missing.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        all_ready(&self.states.borrow())
    }

    /// Returns as soon as nothing is missing.
    pub async fn ready(&self) {
        // The sender lives in `self`, so this cannot fail.
        _ = self.states.subscribe().wait_for(all_ready).await;
    }
}

fn all_ready(states: &States) -> bool {
    states.values().all(Option::is_none)
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
}

impl Dependency {
    /// Its name in the register.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// It is there.
    pub fn set_ready(&self) {
        self.set(None)
    }

    /// It is missing, and why: words for an operator.
    pub fn set_failing(&self, reason: impl fmt::Display) {
        self.set(Some(reason.to_string()))
    }

    fn set(&self, reason: Option<String>) {
        self.states.send_if_modified(|states| {
            let old = states.get(&*self.name);
            let changed = old != Some(&reason);
            if changed {
                match (old, &reason) {
                    (Some(Some(_)), None) => tracing::info!(dependency = %self.name, "ready"),
                    (Some(None), Some(reason)) => {
                        tracing::warn!(dependency = %self.name, reason, "not ready")
                    }
                    _ => {} // still on the way
                }
                states.insert(self.name.to_string(), reason);
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
    async fn readiness_waits_for_every_dependency_and_says_what_is_missing() {
        let health = Health::new();
        assert!(health.is_ready());
        let signer = health.scope("signer");
        let (database, bus) = (signer.register("postgresql"), signer.register("nats"));
        database.set_ready();
        bus.set_failing("connection refused");
        assert!(!health.is_ready());
        let missing =
            State { name: "signer/nats".into(), ready: false, reason: Some("connection refused".into()) };
        assert_eq!(health.report()[0], missing);

        let waiting = tokio::spawn({
            let health = health.clone();
            async move { health.ready().await }
        });
        bus.set_ready();
        waiting.await.unwrap();
    }
}
