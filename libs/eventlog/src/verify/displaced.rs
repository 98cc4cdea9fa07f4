//! Rows that are not what was sealed at their position: edited, or sealed elsewhere?

use std::collections::VecDeque;

use super::{Finding, Report};
use crate::{
    Recorded,
    merkle::{Hash, leaf_hash},
};

/// A position whose row is not the one that was sealed there; or, after the last head, whose row may be a moved one.
pub(super) struct Mismatch {
    pub(super) position: i64,
    /// The row there is, if any; its payload is not needed and left out.
    pub(super) row: Option<Recorded>,
    /// The leaf hash that was sealed, if any was.
    pub(super) sealed: Option<Hash>,
}

/// Mismatches so far. Rows are looked for among the last [`WINDOW`] of them, and those left over in each other's places.
#[derive(Default)]
pub(super) struct Displaced {
    window: VecDeque<Suspect>,
    left_over: Vec<Suspect>,
    runs: Vec<Run>,
    findings: Vec<Finding>,
}

/// Rows that were sealed together, elsewhere.
struct Run {
    first: i64,
    last: i64,
    sealed_at: i64,
}

struct Suspect {
    mismatch: Mismatch,
    /// Where the row that stands here was sealed.
    sealed_at: Option<i64>,
    /// Whether the row that was sealed here stands elsewhere.
    found: bool,
}

/// A removal or insertion moves later rows by a few positions.
const WINDOW: usize = 64;
/// Beyond these, an edited row is not looked for elsewhere any more.
const LEFT_OVER: usize = 300;

impl Displaced {
    /// Adds the next mismatch by position.
    pub(super) fn push(&mut self, mismatch: Mismatch) {
        let mut suspect = Suspect { mismatch, sealed_at: None, found: false };
        // The latest first: a run goes on at the same distance.
        for earlier in self.window.iter_mut().rev() {
            relate(&mut suspect, earlier);
        }
        self.window.push_back(suspect);
        if self.window.len() > WINDOW
            && let Some(oldest) = self.window.pop_front()
        {
            self.settle(oldest);
        }
    }

    /// Whether moved rows are being looked for.
    pub(super) fn is_looking(&self) -> bool {
        !self.window.is_empty()
    }

    /// Reports all of them.
    pub(super) fn report(mut self, report: &mut Report) {
        while let Some(oldest) = self.window.pop_front() {
            self.settle(oldest);
        }
        let mut left_over = std::mem::take(&mut self.left_over);
        for later in 1..left_over.len() {
            let (before, rest) = left_over.split_at_mut(later);
            before.iter_mut().for_each(|earlier| relate(&mut rest[0], earlier));
        }
        left_over.into_iter().for_each(|suspect| self.conclude(&suspect));
        self.runs.sort_by_key(|run| run.first);
        for run in std::mem::take(&mut self.runs) {
            self.moved(run);
        }
        let moved = |Run { first, last, sealed_at }| Finding::Moved { first, last, sealed_at };
        self.findings.extend(self.runs.drain(..).map(moved));
        self.findings.into_iter().for_each(|finding| report.add(finding));
    }

    fn settle(&mut self, suspect: Suspect) {
        let explained = suspect.sealed_at.is_some() && suspect.found;
        if explained || self.left_over.len() >= LEFT_OVER {
            self.conclude(&suspect);
        } else {
            self.left_over.push(suspect);
        }
    }

    fn conclude(&mut self, suspect: &Suspect) {
        let Mismatch { position, row, sealed } = &suspect.mismatch;
        let (position, gone) = (*position, sealed.is_some() && !suspect.found);
        match suspect.sealed_at {
            Some(sealed_at) => {
                if gone {
                    self.findings.push(Finding::Removed { position });
                }
                self.moved(Run { first: position, last: position, sealed_at });
            }
            None if row.is_none() || sealed.is_none() => {} // reported as missing; or an event not sealed yet
            None if gone => self.findings.push(Finding::RowChanged { position }),
            None => self.findings.push(Finding::Inserted { position }),
        }
    }

    /// Adds to the run before it, if it goes on.
    fn moved(&mut self, run: Run) {
        match self.runs.last_mut() {
            Some(last)
                if last.last + 1 == run.first && run.sealed_at - run.first == last.sealed_at - last.first =>
            {
                last.last = run.last;
            }
            _ => self.runs.push(run),
        }
    }
}

/// Whether one's row was sealed in the other's place.
fn relate(one: &mut Suspect, other: &mut Suspect) {
    let look = |row: &mut Suspect, place: &mut Suspect| {
        if row.sealed_at.is_none() && !place.found && belongs(&mut row.mismatch, &place.mismatch) {
            row.sealed_at = Some(place.mismatch.position);
            place.found = true;
        }
    };
    look(one, other);
    look(other, one);
}

fn belongs(mismatch: &mut Mismatch, place: &Mismatch) -> bool {
    let Some(row) = &mut mismatch.row else { return false };
    row.position = place.position;
    let belongs = Some(leaf_hash(row)) == place.sealed;
    row.position = mismatch.position;
    belongs
}
