//! How long sessions rest. Answered from memory; what is not in memory, as after a restart, is looked up once.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bus::Context;
use contracts::{
    Actor, Code, Lifetime, OrganizationId, Problem, Service, SessionId, Timestamp,
    directory::RecordSessionUse,
};
use parking_lot::Mutex;
use runtime::database::{DatabaseError, Scope, scoped_read};

use crate::gateway::Gateway;

/// The pause between two tellings.
const PERIOD: Duration = Duration::from_secs(10);
/// How long the table may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// When sessions were last used here.
#[derive(Debug)]
pub struct Rests {
    longest: Lifetime,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    last: HashMap<SessionId, Timestamp>,
    untold: HashMap<SessionId, Timestamp>,
}

impl Rests {
    /// Sessions may rest so long.
    #[must_use]
    pub fn new(longest: Lifetime) -> Self {
        Self { longest, known: Mutex::default() }
    }

    fn is_over(&self, last: Timestamp, now: Timestamp) -> bool {
        now > last.plus(self.longest.duration())
    }

    /// Notes a use, if the session is known to be awake.
    fn wake(&self, session: SessionId, now: Timestamp) -> bool {
        let mut known = self.known.lock();
        let awake = known.last.get(&session).is_some_and(|last| !self.is_over(*last, now));
        if awake {
            known.note(session, now);
        }
        awake
    }

    fn is_awake(&self, session: SessionId, now: Timestamp) -> bool {
        self.known.lock().last.get(&session).is_some_and(|last| !self.is_over(*last, now))
    }

    /// Takes what was not told; forgets who sleeps.
    fn take(&self, now: Timestamp) -> Vec<(SessionId, Timestamp)> {
        let mut known = self.known.lock();
        known.last.retain(|_, last| !self.is_over(*last, now));
        known.untold.drain().collect()
    }
}

impl Known {
    fn note(&mut self, session: SessionId, now: Timestamp) {
        self.last.insert(session, now);
        self.untold.insert(session, now);
    }
}

/// Notes a use of a session. Errors: `session_expired`, when it rested too long; `service_unavailable`.
pub async fn wake(gateway: &Gateway, session: SessionId, now: Timestamp) -> Result<(), Problem> {
    if gateway.rests.wake(session, now) {
        return Ok(());
    }
    let looked_up = tokio::time::timeout(PATIENCE, last_use(gateway, session)).await;
    let last = looked_up.map_err(|_| away(&"no answer in time"))?.map_err(|error| away(&error))?;
    // One that no table knows yet has only just begun.
    if last.is_some_and(|last| gateway.rests.is_over(last, now)) {
        return Err(Problem::new(Code::SessionExpired, "the session rested too long: sign in again"));
    }
    gateway.rests.known.lock().note(session, now);
    Ok(())
}

/// Whether a session that was woken here is still awake: to listen is no use of it.
#[must_use]
pub fn is_awake(gateway: &Gateway, session: SessionId, now: Timestamp) -> bool {
    gateway.rests.is_awake(session, now)
}

fn away(error: &dyn std::fmt::Display) -> Problem {
    tracing::warn!(%error, "the last use of a session cannot be read");
    Problem::unavailable("when the session was last used is not known at the moment; try again")
}

async fn last_use(gateway: &Gateway, session: SessionId) -> Result<Option<Timestamp>, DatabaseError> {
    let mut client = gateway.pool.get().await?;
    let transaction = scoped_read(&mut client, &Scope::All).await?;
    let sql = "select greatest(created_at, last_used_at) from api_directory.session where id = $1";
    let row = transaction.query_opt(sql, &[&session.uuid()]).await?;
    transaction.commit().await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.map(Timestamp))
}

/// Tells the directory when sessions were last used, until shutdown and then once more: a restart finds them awake.
pub async fn tell(gateway: Arc<Gateway>) {
    loop {
        let go_on = gateway.shutdown.token().run_until_cancelled(tokio::time::sleep(PERIOD)).await.is_some();
        let uses = gateway.rests.take(gateway.clock.now());
        if !uses.is_empty() {
            let deadline = gateway.clock.now().plus(time::Duration::seconds(if go_on { 10 } else { 1 }));
            let (actor, nobody) = (Actor::Service(Service::Gateway), OrganizationId::INSTALLATION);
            let context = Context::new(gateway.ids.uuid(), nobody, actor, deadline);
            if let Err(problem) = gateway.bus.call(&context, &RecordSessionUse { uses }).await {
                // A sample: the next use tells again.
                tracing::debug!(%problem, "uses of sessions not recorded");
            }
        }
        if !go_on {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));

    #[test]
    fn a_session_that_rested_too_long_is_not_awake_any_more() {
        let rests = Rests::new(Lifetime::seconds(900));
        let session = SessionId(Uuid::from_u128(1));
        let after = |minutes| NOON.plus(time::Duration::minutes(minutes));
        assert!(!rests.wake(session, NOON), "not known yet");
        rests.known.lock().note(session, NOON);
        assert!(rests.wake(session, after(15)) && rests.wake(session, after(30)));
        assert_eq!(rests.take(after(30)), [(session, after(30))]);
        assert_eq!(rests.take(after(30)), []);
        assert!(rests.is_awake(session, after(45)) && !rests.is_awake(session, after(46)));
        assert_eq!(rests.take(after(45)), [], "to look is no use");
        assert!(!rests.wake(session, after(46)));
    }
}
