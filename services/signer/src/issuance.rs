//! The issuance of one certificate: the intent, then the certificate. Its stream is UUIDv5(issuing CA, serial number),
//! so a serial number is used once per CA (C-1).

use contracts::{
    Code, Problem, Timestamp,
    signer::{IssuanceCompleted, IssuanceEvent, IssuanceIntended},
};
use runtime::aggregate::Aggregate;

/// One issuance. It only ever goes forward.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Issuance {
    /// The serial number is free.
    #[default]
    Unintended,
    /// What is going to be signed stands in the log.
    Intended(Box<IssuanceIntended>),
    /// The certificate exists.
    Completed(Box<IssuanceIntended>, Box<IssuanceCompleted>),
}

/// What may be asked of an issuance.
#[derive(Clone, Debug)]
pub enum IssuanceCommand {
    /// Let exactly this be signed.
    Intend(Box<IssuanceIntended>),
    /// It is signed and passed every check (C-4).
    Complete(Box<IssuanceCompleted>),
}

/// Why an issuance refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuanceRefusal {
    /// Another certificate of this CA has the serial number.
    #[error("the serial number is used already")]
    SerialUsed,
    /// Nothing was to be signed.
    #[error("there is no intent to issue this certificate")]
    NotIntended,
    /// The intent was about another certificate.
    #[error("the certificate is not the one that was intended")]
    NotTheIntended,
}

impl From<IssuanceRefusal> for Problem {
    fn from(refusal: IssuanceRefusal) -> Self {
        Self::new(Code::InvalidState, refusal.to_string())
    }
}

impl Aggregate for Issuance {
    type Command = IssuanceCommand;
    type Event = IssuanceEvent;
    type Refusal = IssuanceRefusal;

    fn decide(
        &self,
        command: IssuanceCommand,
        _now: Timestamp,
    ) -> Result<Vec<IssuanceEvent>, IssuanceRefusal> {
        use IssuanceCommand::{Complete, Intend};
        match (self, command) {
            (Self::Unintended, Intend(intent)) => Ok(vec![(*intent).into()]),
            (_, Intend(_)) => Err(IssuanceRefusal::SerialUsed),
            (Self::Unintended, Complete(_)) => Err(IssuanceRefusal::NotIntended),
            (Self::Intended(intent) | Self::Completed(intent, _), Complete(completed))
                if intent.certificate_id != completed.certificate_id =>
            {
                Err(IssuanceRefusal::NotTheIntended)
            }
            (Self::Intended(_), Complete(completed)) => Ok(vec![(*completed).into()]),
            (Self::Completed(..), Complete(_)) => Ok(vec![]), // somebody else finished it
        }
    }

    fn evolve(self, event: IssuanceEvent) -> Self {
        match (self, event) {
            (_, IssuanceEvent::Intended(intent)) => Self::Intended(Box::new(intent)),
            (Self::Intended(intent), IssuanceEvent::Completed(completed)) => {
                Self::Completed(intent, Box::new(completed))
            }
            (state, IssuanceEvent::Completed(_)) => state,
        }
    }
}
