//! The aggregate of an import: it begins and ends once. Its persons have histories of their own.

use contracts::{
    Problem, Timestamp,
    directory::{PersonImportCompleted, PersonImportEvent, PersonImportStarted},
};
use runtime::aggregate::Aggregate;

/// One import.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum PersonImport {
    /// Nothing has happened yet.
    #[default]
    Unknown,
    /// Lines are being worked off.
    Started,
    /// Every line is in or out.
    Completed,
}

/// What may be asked of an import.
#[derive(Clone, Debug)]
pub enum ImportCommand {
    /// Begin.
    Start(PersonImportStarted),
    /// End.
    Complete(PersonImportCompleted),
}

/// An import refuses nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Never {}

impl From<Never> for Problem {
    fn from(never: Never) -> Self {
        match never {}
    }
}

impl Aggregate for PersonImport {
    type Command = ImportCommand;
    type Event = PersonImportEvent;
    type Refusal = Never;

    fn decide(&self, command: ImportCommand, _now: Timestamp) -> Result<Vec<PersonImportEvent>, Never> {
        Ok(match (self, command) {
            (Self::Unknown, ImportCommand::Start(started)) => vec![started.into()],
            (Self::Started, ImportCommand::Complete(completed)) => vec![completed.into()],
            _ => vec![],
        })
    }

    fn evolve(self, event: PersonImportEvent) -> Self {
        match event {
            PersonImportEvent::Started(_) => Self::Started,
            PersonImportEvent::Completed(_) => Self::Completed,
        }
    }
}
