//! An administrator: a person or robot that may act.

use contracts::{
    Code, Problem, Timestamp,
    directory::{AdministratorAppointed, AdministratorEvent, Role},
};
use runtime::aggregate::Aggregate;

/// One administrator.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Administrator {
    /// Nothing has happened yet.
    #[default]
    Unappointed,
    /// May act as far as the role reaches.
    Appointed {
        /// How far they reach.
        role: Role,
    },
}

/// What may be asked of an administrator.
#[derive(Clone, Debug)]
pub enum AdministratorCommand {
    /// Let them act.
    Appoint(AdministratorAppointed),
}

/// Why an administrator refuses.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AdministratorRefusal {
    /// The id is taken.
    #[error("the administrator was appointed already")]
    AlreadyAppointed,
}

impl From<AdministratorRefusal> for Problem {
    fn from(refusal: AdministratorRefusal) -> Self {
        Self::new(Code::AlreadyExists, refusal.to_string())
    }
}

impl Aggregate for Administrator {
    type Command = AdministratorCommand;
    type Event = AdministratorEvent;
    type Refusal = AdministratorRefusal;

    fn decide(
        &self,
        AdministratorCommand::Appoint(appointed): AdministratorCommand,
        _now: Timestamp,
    ) -> Result<Vec<AdministratorEvent>, AdministratorRefusal> {
        match self {
            Self::Unappointed => Ok(vec![appointed.into()]),
            Self::Appointed { .. } => Err(AdministratorRefusal::AlreadyAppointed),
        }
    }

    fn evolve(self, event: AdministratorEvent) -> Self {
        match event {
            AdministratorEvent::Appointed(AdministratorAppointed { role, .. }) => Self::Appointed { role },
        }
    }
}
