//! What is recorded once and never changed: a denial (R1), a failed sign-in (P10), a reading of the audit trail (R5).

use std::{fmt, marker::PhantomData};

use contracts::{Event, Problem, Timestamp};
use runtime::aggregate::Aggregate;

/// A thing of which there is one event; a repeat adds none.
pub struct RecordedOnce<E> {
    recorded: bool,
    event: PhantomData<fn() -> E>,
}

/// Nothing is refused.
#[derive(Clone, Debug, PartialEq)]
pub enum Never {}

impl From<Never> for Problem {
    fn from(never: Never) -> Self {
        match never {}
    }
}

impl<E: Event> Aggregate for RecordedOnce<E> {
    type Command = E;
    type Event = E;
    type Refusal = Never;

    fn decide(&self, event: E, _now: Timestamp) -> Result<Vec<E>, Never> {
        Ok(if self.recorded { vec![] } else { vec![event] })
    }

    fn evolve(self, _: E) -> Self {
        Self { recorded: true, event: PhantomData }
    }
}

// Derived, these would ask the same of the event.
impl<E> Default for RecordedOnce<E> {
    fn default() -> Self {
        Self { recorded: false, event: PhantomData }
    }
}

impl<E> Clone for RecordedOnce<E> {
    fn clone(&self) -> Self {
        Self { recorded: self.recorded, event: PhantomData }
    }
}

impl<E> PartialEq for RecordedOnce<E> {
    fn eq(&self, other: &Self) -> bool {
        self.recorded == other.recorded
    }
}

impl<E> fmt::Debug for RecordedOnce<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedOnce").field("recorded", &self.recorded).finish()
    }
}
