//! A session: begun by signing in, ended once. Its cookie changes whenever what it may do changes.

use contracts::{
    Code, Problem, Timestamp,
    directory::{SessionEnd, SessionEnded, SessionEvent, SessionRenewed, SessionStarted, SessionSteppedUp},
};
use runtime::aggregate::Aggregate;

/// One session.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Session {
    /// Nothing has happened yet.
    #[default]
    Unstarted,
    /// Works until it lapses.
    Active(Box<SessionStarted>),
    /// Works nowhere.
    Ended(Box<SessionStarted>, SessionEnd),
}

/// What may be asked of a session.
#[derive(Clone, Debug)]
pub enum SessionCommand {
    /// Begin.
    Start(Box<SessionStarted>),
    /// Open sensitive acts to it for a while.
    StepUp(SessionSteppedUp),
    /// Take another cookie.
    Renew(SessionRenewed),
    /// End.
    End(SessionEnd),
}

/// Why a session refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionRefusal {
    /// There is none with this id.
    #[error("the session does not exist")]
    NotStarted,
    /// The id is taken.
    #[error("the session was begun already")]
    AlreadyStarted,
    /// It is over.
    #[error("the session has ended: sign in again")]
    Ended,
}

impl From<SessionRefusal> for Problem {
    fn from(refusal: SessionRefusal) -> Self {
        let code = match refusal {
            SessionRefusal::NotStarted => Code::NotFound,
            SessionRefusal::AlreadyStarted => Code::AlreadyExists,
            SessionRefusal::Ended => Code::SessionExpired,
        };
        Self::new(code, refusal.to_string())
    }
}

impl Aggregate for Session {
    type Command = SessionCommand;
    type Event = SessionEvent;
    type Refusal = SessionRefusal;

    fn decide(&self, command: SessionCommand, now: Timestamp) -> Result<Vec<SessionEvent>, SessionRefusal> {
        use SessionCommand as Command;
        match (self, command) {
            (Self::Unstarted, Command::Start(started)) => Ok(vec![(*started).into()]),
            (Self::Active(_) | Self::Ended(..), Command::Start(_)) => Err(SessionRefusal::AlreadyStarted),
            (Self::Unstarted, _) => Err(SessionRefusal::NotStarted),
            (Self::Ended(..), Command::End(_)) => Ok(vec![]),
            (Self::Active(_), Command::End(reason)) => Ok(vec![SessionEnded { reason }.into()]),
            (Self::Ended(..), _) => Err(SessionRefusal::Ended),
            (Self::Active(started), _) if now > started.expires_at => Err(SessionRefusal::Ended),
            (Self::Active(_), Command::StepUp(stepped_up)) => Ok(vec![stepped_up.into()]),
            (Self::Active(_), Command::Renew(renewed)) => Ok(vec![renewed.into()]),
        }
    }

    fn evolve(self, event: SessionEvent) -> Self {
        match (self, event) {
            (_, SessionEvent::Started(started)) => Self::Active(Box::new(started)),
            (Self::Active(mut started), SessionEvent::SteppedUp(stepped_up)) => {
                started.hash = stepped_up.hash;
                started.stepped_up_until = Some(stepped_up.until);
                Self::Active(started)
            }
            (Self::Active(mut started), SessionEvent::Renewed(renewed)) => {
                started.hash = renewed.hash;
                Self::Active(started)
            }
            (Self::Active(started), SessionEvent::Ended(ended)) => Self::Ended(started, ended.reason),
            (other, _) => other,
        }
    }
}

impl Session {
    /// As it was begun, with what changed since; and why it ended, if it did.
    pub fn started(&self) -> Option<(&SessionStarted, Option<SessionEnd>)> {
        match self {
            Self::Unstarted => None,
            Self::Active(started) => Some((started, None)),
            Self::Ended(started, reason) => Some((started, Some(*reason))),
        }
    }
}

#[cfg(test)]
mod tests {
    use contracts::{AdministratorId, OrganizationId, SessionId, directory::SignInMethod};
    use runtime::aggregate::test::given;
    use uuid::Uuid;

    use super::*;

    const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));

    fn started() -> SessionStarted {
        SessionStarted {
            id: SessionId(Uuid::from_u128(1)),
            administrator_id: AdministratorId(Uuid::from_u128(2)),
            organization_id: OrganizationId(Uuid::from_u128(3)),
            method: SignInMethod::Password,
            second_factor: false,
            address: None,
            certificate: None,
            hash: "0".repeat(64),
            expires_at: NOON.plus(time::Duration::HOUR),
            stepped_up_until: None,
        }
    }

    fn stepped_up() -> SessionSteppedUp {
        SessionSteppedUp { hash: "1".repeat(64), until: NOON.plus(time::Duration::minutes(5)) }
    }

    #[test]
    fn a_session_ends_once_and_for_good() {
        given::<Session>([started().into()])
            .when(SessionCommand::End(SessionEnd::SignedOut), NOON)
            .then([SessionEnded { reason: SessionEnd::SignedOut }.into()])
            .when(SessionCommand::End(SessionEnd::Ended), NOON)
            .changes_nothing();
        let ended = || [started().into(), SessionEnded { reason: SessionEnd::Ended }.into()];
        given::<Session>(ended())
            .when(SessionCommand::StepUp(stepped_up()), NOON)
            .refused(SessionRefusal::Ended);
        given::<Session>(ended())
            .when(SessionCommand::Start(Box::new(started())), NOON)
            .refused(SessionRefusal::AlreadyStarted);
        given::<Session>([])
            .when(SessionCommand::End(SessionEnd::Ended), NOON)
            .refused(SessionRefusal::NotStarted);
    }

    #[test]
    fn stepping_up_takes_another_cookie_and_never_lengthens_a_session() {
        let expected = SessionStarted {
            hash: stepped_up().hash,
            stepped_up_until: Some(stepped_up().until),
            ..started()
        };
        given::<Session>([started().into()])
            .when(SessionCommand::StepUp(stepped_up()), NOON)
            .then([stepped_up().into()])
            .is(&Session::Active(Box::new(expected)));
        let lapsed = NOON.plus(time::Duration::hours(2));
        given::<Session>([started().into()])
            .when(SessionCommand::StepUp(stepped_up()), lapsed)
            .refused(SessionRefusal::Ended);
    }
}
