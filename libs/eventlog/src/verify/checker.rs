//! Goes through the log once, in order, beside what was sealed.

use std::collections::HashMap;

use contracts::Timestamp;
use uuid::Uuid;

use super::{
    Finding, Head, Options, Progress, Report, Source, VerifyError,
    displaced::{Displaced, Mismatch},
};
use crate::{
    Recorded,
    checkpoint::SignedNote,
    merkle::{Hash, TILE, Tile, Tree, leaf_hash, sha256},
};

pub(super) struct Checker<'a, S> {
    source: S,
    options: &'a Options,
    report: Report,
    /// The position that comes next.
    next: i64,
    /// The tree of the rows there are.
    actual: Tree,
    /// The tree of the leaf hashes that were sealed.
    sealed: Tree,
    /// The head that covers the next position: `None` once nothing further is sealed.
    head: Option<Head>,
    /// The largest size of a head.
    largest: i64,
    /// Leaf hashes of one full tile.
    tile: Option<(u64, Option<Vec<Hash>>)>,
    /// Rows that differ from what was sealed, since the last head: who is right, the next head tells.
    mismatches: Vec<Mismatch>,
    displaced: Displaced,
    /// A head that neither tree explains was met: later ones say nothing.
    lost: bool,
    versions: HashMap<Uuid, i32>,
    time: Option<Timestamp>,
}

/// How far beyond the end of the log the rows that moved up are looked for.
const CUT: i64 = 1000;

impl<'a, S: Source> Checker<'a, S> {
    pub(super) fn new(source: S, options: &'a Options) -> Self {
        Self::resume(source, options, Report::default())
    }

    /// With findings that opening the source made.
    pub(super) fn resume(source: S, options: &'a Options, report: Report) -> Self {
        Self {
            source,
            options,
            report,
            next: 1,
            actual: Tree::default(),
            sealed: Tree::default(),
            head: None,
            largest: 0,
            tile: None,
            mismatches: Vec::new(),
            displaced: Displaced::default(),
            lost: false,
            versions: HashMap::new(),
            time: None,
        }
    }

    pub(super) async fn run(mut self, mut progress: impl FnMut(Progress)) -> Result<Report, VerifyError> {
        self.head = self.source.head().await?;
        let total = self.source.total();
        progress(Progress { done: 0, total });
        loop {
            let page = self.source.page().await?;
            if page.is_empty() {
                break;
            }
            for event in page {
                self.event(event).await?;
            }
            progress(Progress { done: self.report.events, total });
        }
        self.finish().await
    }

    async fn event(&mut self, event: Recorded) -> Result<(), VerifyError> {
        self.report.events += 1;
        let position = event.position;
        if position < self.next {
            self.report.add(Finding::Duplicate { position });
            return Ok(());
        }
        if position > self.next {
            self.report.add(Finding::Missing { first: self.next, last: position - 1 });
            while self.next < position && self.sealing() {
                self.place(self.next, None).await?;
            }
        }
        self.row(&event);
        self.place(position, Some(event)).await
    }

    /// What a row must be whatever was sealed.
    fn row(&mut self, event: &Recorded) {
        let position = event.position;
        if sha256(event.payload.as_bytes()) != event.hash {
            self.report.add(Finding::PayloadChanged { position });
        }
        let version = self.versions.entry(event.stream).or_default();
        let expected = *version + 1;
        *version = event.version;
        if event.version != expected {
            let (stream, found) = (event.stream, event.version);
            self.report.add(Finding::VersionOutOfOrder { position, stream, expected, found });
        }
        if self.time.replace(event.recorded_at).is_some_and(|before| event.recorded_at < before) {
            self.report.add(Finding::TimeOutOfOrder { position });
        }
    }

    /// Whether anything from the next position on was sealed, or is to be compared with the anchor.
    fn sealing(&self) -> bool {
        let anchored = self.options.anchor.as_ref().is_some_and(|anchor| anchor.size >= self.next as u64);
        self.head.is_some() || anchored
    }

    /// Puts a row, or its absence, into the trees.
    async fn place(&mut self, position: i64, row: Option<Recorded>) -> Result<(), VerifyError> {
        let sealing = self.sealing();
        self.next = position + 1;
        if !sealing {
            self.look_among_unsealed(position, row);
            return Ok(());
        }
        let sealed = self.sealed_hash(position).await?;
        let actual = row.as_ref().map(leaf_hash);
        self.actual.push(actual.unwrap_or_default(), &mut Vec::new());
        let mut full = Vec::new();
        self.sealed.push(sealed.or(actual).unwrap_or_default(), &mut full);
        for tile in &full {
            self.compare_tile(tile).await?;
        }
        if let Some(sealed) = sealed.filter(|sealed| Some(*sealed) != actual) {
            let row = row.map(without_payload);
            self.mismatches.push(Mismatch { position, row, sealed: Some(sealed) });
        }
        while self.head.as_ref().is_some_and(|head| head.size <= position) {
            if let Some(head) = self.head.take() {
                self.compare_head(&head);
            }
            self.head = self.source.head().await?;
        }
        self.compare_anchor(position as u64);
        Ok(())
    }

    /// The leaf hash that was sealed at a position: in the next head until its tile was full, then there.
    async fn sealed_hash(&mut self, position: i64) -> Result<Option<Hash>, VerifyError> {
        let Some(head) = &self.head else { return Ok(None) };
        let first = head.size - head.leaves.len() as i64 + 1;
        if position >= first {
            return Ok(head.leaves.get((position - first) as usize).copied());
        }
        let (index, within) = ((position as u64 - 1) / TILE as u64, (position as usize - 1) % TILE);
        if self.tile.as_ref().is_none_or(|(cached, _)| *cached != index) {
            self.tile = Some((index, self.source.tile(0, index).await?));
        }
        Ok(self.tile.as_ref().and_then(|(_, hashes)| hashes.as_ref()?.get(within).copied()))
    }

    /// Rows sealed at the end may have moved beyond it.
    fn look_among_unsealed(&mut self, position: i64, row: Option<Recorded>) {
        if self.displaced.is_looking() {
            self.displaced.push(Mismatch { position, row: row.map(without_payload), sealed: None });
        }
    }

    /// A tile that is full now, of the hashes that were sealed.
    async fn compare_tile(&mut self, tile: &Tile) -> Result<(), VerifyError> {
        let (level, index) = (tile.level, tile.index);
        match self.source.tile(level, index).await? {
            Some(hashes) if hashes == tile.hashes => {}
            Some(hashes) if level == 0 => {
                let first = index as i64 * TILE as i64 + 1;
                for ((position, stored), sealed) in (first..).zip(&hashes).zip(&tile.hashes) {
                    if stored != sealed {
                        self.report.add(Finding::SealChanged { position });
                    }
                }
            }
            Some(_) => self.report.add(Finding::TileChanged { level, index }),
            None => self.report.add(Finding::TileMissing { level, index }),
        }
        Ok(())
    }

    fn compare_head(&mut self, head: &Head) {
        self.report.heads += 1;
        self.compare_note(head);
        if self.lost {
            return;
        }
        if self.actual.root() == *head.root {
            for Mismatch { position, .. } in self.mismatches.drain(..) {
                self.report.add(Finding::SealChanged { position });
            }
            self.sealed = self.actual.clone();
            self.report.sealed = head.size as u64;
        } else if self.sealed.root() == *head.root {
            self.mismatches.drain(..).for_each(|mismatch| self.displaced.push(mismatch));
            self.actual = self.sealed.clone();
            self.report.sealed = head.size as u64;
        } else {
            self.lost = true;
            let first = self.report.sealed as i64 + 1;
            self.report.add(Finding::RootDiffers { first, size: head.size });
            self.mismatches.drain(..).for_each(|mismatch| self.displaced.push(mismatch));
        }
    }

    fn compare_note(&mut self, head: &Head) {
        let size = head.size;
        self.largest = self.largest.max(size);
        let note = match head.note.parse::<SignedNote>() {
            Ok(note) => note,
            Err(reason) => return self.report.add(Finding::HeadUnsigned { size, reason }),
        };
        if note.checkpoint.size != size as u64 || note.checkpoint.root != *head.root {
            self.report.add(Finding::HeadChanged { size });
        }
        if let Some(Err(reason)) = self.options.key.as_ref().map(|key| note.verify(key)) {
            self.report.add(Finding::HeadUnsigned { size, reason });
        }
    }

    fn compare_anchor(&mut self, size: u64) {
        let anchor = self.options.anchor.as_ref().filter(|anchor| anchor.size == size);
        if anchor.is_some_and(|anchor| anchor.root != self.actual.root()) {
            self.report.add(Finding::AnchorDiffers { size });
        }
    }

    async fn finish(mut self) -> Result<Report, VerifyError> {
        let last = self.next - 1;
        while self.head.is_some() && self.next <= last + CUT {
            self.place(self.next, None).await?;
        }
        while let Some(head) = self.head.take() {
            self.compare_note(&head);
            self.head = self.source.head().await?;
        }
        if self.largest > last {
            self.report.add(Finding::CutShort { last, sealed: self.largest });
        }
        if let Some(anchor) = self.options.anchor.as_ref().filter(|anchor| anchor.size > last as u64) {
            self.report.add(Finding::AnchorDiffers { size: anchor.size });
        }
        self.mismatches.drain(..).for_each(|mismatch| self.displaced.push(mismatch));
        self.displaced.report(&mut self.report);
        self.report.findings.sort_by_key(Finding::position);
        Ok(self.report)
    }
}

/// A row to be compared by its leaf, which does not need the payload.
fn without_payload(row: Recorded) -> Recorded {
    Recorded { payload: String::new(), ..row }
}
