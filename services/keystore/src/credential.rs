//! The aggregate: one credential, from the command that brought it to its destruction.

use contracts::{
    Code, CredentialId, OrganizationId, Problem, Service, Timestamp,
    keystore::{CredentialDestroyed, CredentialEvent, CredentialKept, CredentialPurpose, CredentialUsed},
};
use runtime::aggregate::Aggregate;
use serde_json::{Value, json};

use crate::wrapping::{Binding, Subject};

/// A credential. The secret is no part of this: it stands, wrapped, in `keystore.wrapped_credential` as long as the
/// credential is kept, and nowhere afterwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Credential {
    /// Never brought.
    #[default]
    Absent,
    /// Usable.
    Kept(CredentialPurpose),
    /// Shredded.
    Destroyed(CredentialPurpose),
}

/// What may be asked of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Record one that was brought.
    Keep(CredentialId, CredentialPurpose),
    /// Use it for this purpose.
    Use(CredentialPurpose),
    /// Destroy it for the service whose it is.
    Destroy(Service),
}

/// Why a command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is one with this id.
    #[error("there is a credential with this id already")]
    AlreadyKept,
    /// There is none, or it is for something else.
    #[error("there is no such credential for this purpose")]
    Unknown,
    /// It was destroyed.
    #[error("this credential was destroyed")]
    Destroyed,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::AlreadyKept => Code::AlreadyExists,
            Refusal::Unknown => Code::NotFound,
            Refusal::Destroyed => Code::InvalidState,
        };
        Self::new(code, refusal.to_string())
    }
}

impl Aggregate for Credential {
    type Command = Command;
    type Event = CredentialEvent;
    type Refusal = Refusal;

    fn decide(&self, command: Command, _now: Timestamp) -> Result<Vec<CredentialEvent>, Refusal> {
        Ok(match (self, command) {
            (Self::Absent, Command::Keep(id, purpose)) => vec![CredentialKept { id, purpose }.into()],
            (_, Command::Keep(..)) => return Err(Refusal::AlreadyKept),
            (Self::Absent, Command::Use(_) | Command::Destroy(_)) => return Err(Refusal::Unknown),
            (Self::Kept(of), Command::Use(purpose)) if *of == purpose => {
                vec![CredentialUsed { purpose }.into()]
            }
            (Self::Kept(_), Command::Use(_)) => return Err(Refusal::Unknown),
            (Self::Destroyed(_), Command::Use(_)) => return Err(Refusal::Destroyed),
            (Self::Kept(of) | Self::Destroyed(of), Command::Destroy(by)) if of.user() != by => {
                return Err(Refusal::Unknown);
            }
            (Self::Kept(_), Command::Destroy(_)) => vec![CredentialDestroyed {}.into()],
            (Self::Destroyed(_), Command::Destroy(_)) => vec![], // gone already: nothing changes
        })
    }

    fn evolve(self, event: CredentialEvent) -> Self {
        match event {
            CredentialEvent::Kept(kept) => Self::Kept(kept.purpose),
            CredentialEvent::Used(_) => self,
            CredentialEvent::Destroyed(_) => match self {
                Self::Kept(purpose) | Self::Destroyed(purpose) => Self::Destroyed(purpose),
                Self::Absent => Self::Absent, // never recorded: `decide` refuses
            },
        }
    }

    fn describe(&self) -> Value {
        match self {
            Self::Absent => Value::Null,
            Self::Kept(purpose) => json!({ "purpose": purpose, "destroyed": false }),
            Self::Destroyed(purpose) => json!({ "purpose": purpose, "destroyed": true }),
        }
    }
}

impl Credential {
    /// What it is for.
    #[must_use]
    pub const fn purpose(&self) -> Option<CredentialPurpose> {
        match self {
            Self::Absent => None,
            Self::Kept(purpose) | Self::Destroyed(purpose) => Some(*purpose),
        }
    }
}

/// What a credential is bound to. It is replaced by another one, never changed, so it has its first version.
#[must_use]
pub const fn binding(organization: OrganizationId, id: CredentialId, purpose: CredentialPurpose) -> Binding {
    Binding { organization, subject: Subject::Credential { id, purpose }, version: 1 }
}

#[cfg(test)]
mod tests {
    use runtime::aggregate::test::given;
    use uuid::Uuid;

    use super::*;

    const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));
    const ID: CredentialId = CredentialId(Uuid::from_u128(1));

    fn kept(purpose: CredentialPurpose) -> CredentialEvent {
        CredentialKept { id: ID, purpose }.into()
    }

    fn destroyed() -> CredentialEvent {
        CredentialDestroyed {}.into()
    }

    #[test]
    fn a_credential_is_kept_once() {
        let keep = Command::Keep(ID, CredentialPurpose::Smtp);
        given::<Credential>([]).when(keep, NOON).then([kept(CredentialPurpose::Smtp)]);
        given::<Credential>([kept(CredentialPurpose::Smtp)]).when(keep, NOON).refused(Refusal::AlreadyKept);
        let gone = [kept(CredentialPurpose::Smtp), destroyed()];
        given::<Credential>(gone).when(keep, NOON).refused(Refusal::AlreadyKept);
    }

    #[test]
    fn a_credential_is_used_for_its_purpose_alone() {
        for of in CredentialPurpose::ALL.iter().copied() {
            for purpose in CredentialPurpose::ALL.iter().copied() {
                let when = given::<Credential>([kept(of)]).when(Command::Use(purpose), NOON);
                if of == purpose {
                    when.then([CredentialUsed { purpose }.into()]);
                } else {
                    when.refused(Refusal::Unknown);
                }
            }
        }
    }

    #[test]
    fn what_is_destroyed_or_was_never_kept_is_not_used() {
        let (wish, of) = (Command::Use(CredentialPurpose::Totp), kept(CredentialPurpose::Totp));
        let destroy = Command::Destroy(Service::Directory);
        given::<Credential>([]).when(wish, NOON).refused(Refusal::Unknown);
        given::<Credential>([]).when(destroy, NOON).refused(Refusal::Unknown);
        given::<Credential>([of.clone()]).when(destroy, NOON).then([destroyed()]);
        given::<Credential>([of.clone(), destroyed()]).when(wish, NOON).refused(Refusal::Destroyed);
        given::<Credential>([of, destroyed()]).when(destroy, NOON).changes_nothing();
    }

    #[test]
    fn a_credential_is_destroyed_by_the_service_whose_it_is() {
        for of in CredentialPurpose::ALL.iter().copied() {
            for by in Service::ALL.iter().copied() {
                let kept = given::<Credential>([kept(of)]).when(Command::Destroy(by), NOON);
                if of.user() == by {
                    kept.then([destroyed()]);
                } else {
                    kept.refused(Refusal::Unknown);
                }
            }
        }
    }
}
