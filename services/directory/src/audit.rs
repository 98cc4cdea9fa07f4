//! A reading of the audit trail (R5): recorded once, never changed.

use contracts::{
    Problem, Timestamp,
    directory::{AuditEvent, AuditRead},
};
use runtime::aggregate::Aggregate;

/// One reading.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    recorded: bool,
}

/// A reading refuses nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Never {}

impl From<Never> for Problem {
    fn from(never: Never) -> Self {
        match never {}
    }
}

impl Aggregate for Reading {
    type Command = AuditRead;
    type Event = AuditEvent;
    type Refusal = Never;

    fn decide(&self, read: AuditRead, _now: Timestamp) -> Result<Vec<AuditEvent>, Never> {
        Ok(if self.recorded { vec![] } else { vec![read.into()] })
    }

    fn evolve(self, event: AuditEvent) -> Self {
        match event {
            AuditEvent::Read(_) => Self { recorded: true },
        }
    }
}
