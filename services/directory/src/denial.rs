//! A refused sensitive call (R1): recorded once, never changed.

use contracts::{
    Problem, Timestamp,
    directory::{DenialEvent, DenialRecorded},
};
use runtime::aggregate::Aggregate;

/// One denial.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Denial {
    recorded: bool,
}

/// A denial refuses nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Never {}

impl From<Never> for Problem {
    fn from(never: Never) -> Self {
        match never {}
    }
}

impl Aggregate for Denial {
    type Command = DenialRecorded;
    type Event = DenialEvent;
    type Refusal = Never;

    fn decide(&self, denial: DenialRecorded, _now: Timestamp) -> Result<Vec<DenialEvent>, Never> {
        Ok(if self.recorded { vec![] } else { vec![denial.into()] })
    }

    fn evolve(self, event: DenialEvent) -> Self {
        match event {
            DenialEvent::Recorded(_) => Self { recorded: true },
        }
    }
}
