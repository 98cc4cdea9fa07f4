//! Sessions that were not ended, as the log has them.

use std::collections::HashMap;

use contracts::{
    AdministratorId, OrganizationId, SessionId, Thumbprint, Timestamp,
    directory::{SessionEvent, SessionStarted},
    event::EventError,
};

/// How many sessions there may be more before those that lapsed are looked for.
const SWEEP: usize = 1_000;

/// Sessions by id. Ended ones are forgotten at once, lapsed ones now and then.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    known: HashMap<SessionId, Session>,
    sweep_at: usize,
}

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) administrator: AdministratorId,
    pub(super) organization: OrganizationId,
    pub(super) hash: [u8; 32],
    pub(super) certificate: Option<Thumbprint>,
    pub(super) stepped_up_until: Option<Timestamp>,
    pub(super) expires_at: Timestamp,
}

impl Sessions {
    pub(super) fn find(&self, id: SessionId) -> Option<&Session> {
        self.known.get(&id)
    }

    /// Those of one administrator.
    pub(super) fn of(&self, administrator: AdministratorId) -> Vec<SessionId> {
        let theirs = self.known.iter().filter(|(_, session)| session.administrator == administrator);
        theirs.map(|(id, _)| *id).collect()
    }

    /// Forgets those of one administrator.
    pub(super) fn end_all(&mut self, administrator: AdministratorId) {
        self.known.retain(|_, session| session.administrator != administrator);
    }

    /// Forgets those of one administrator but for one.
    pub(super) fn end_others(&mut self, administrator: AdministratorId, kept: Option<SessionId>) {
        self.known.retain(|id, session| session.administrator != administrator || Some(*id) == kept);
    }

    /// Forgets those that began with one of an administrator's certificates.
    pub(super) fn end_all_with(&mut self, administrator: AdministratorId, certificate: Thumbprint) {
        let began_with = |session: &Session| {
            session.administrator == administrator && session.certificate == Some(certificate)
        };
        self.known.retain(|_, session| !began_with(session));
    }

    pub(super) fn apply(
        &mut self,
        id: SessionId,
        event: SessionEvent,
        now: Timestamp,
    ) -> Result<(), EventError> {
        match event {
            SessionEvent::Started(started) => {
                self.sweep(now);
                self.known.insert(id, Session::new(&started)?);
            }
            SessionEvent::SteppedUp(stepped_up) => {
                let hash = hash("session.stepped_up", &stepped_up.hash)?;
                if let Some(session) = self.known.get_mut(&id) {
                    session.hash = hash;
                    session.stepped_up_until = Some(stepped_up.until);
                }
            }
            SessionEvent::Renewed(renewed) => {
                let hash = hash("session.renewed", &renewed.hash)?;
                if let Some(session) = self.known.get_mut(&id) {
                    session.hash = hash;
                }
            }
            SessionEvent::Ended(_) => {
                self.known.remove(&id);
            }
        }
        Ok(())
    }

    fn sweep(&mut self, now: Timestamp) {
        if self.known.len() < self.sweep_at.max(SWEEP) {
            return;
        }
        self.known.retain(|_, session| session.expires_at > now);
        self.sweep_at = self.known.len() + SWEEP;
    }
}

impl Session {
    fn new(started: &SessionStarted) -> Result<Self, EventError> {
        Ok(Self {
            administrator: started.administrator_id,
            organization: started.organization_id,
            hash: hash("session.started", &started.hash)?,
            certificate: started.certificate,
            stepped_up_until: started.stepped_up_until,
            expires_at: started.expires_at,
        })
    }
}

fn hash(kind: &'static str, text: &str) -> Result<[u8; 32], EventError> {
    let mut hash = [0; 32];
    let unreadable = |error| EventError::Payload { kind, source: serde::de::Error::custom(error) };
    hex::decode_to_slice(text, &mut hash).map_err(unreadable)?;
    Ok(hash)
}
