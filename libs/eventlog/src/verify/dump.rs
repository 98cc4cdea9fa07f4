//! A plain-text dump: one pass notes where rows are, a second reads them in the order of positions.
//!
//! Rows stand in the order of the heap, which is that of positions unless someone changed one (an UPDATE moves it).
//! So a block is read as it stands, and only rows that come too late are kept apart by their place in the file.

use std::{
    collections::{HashMap, VecDeque},
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use super::{Finding, Head, Report, Source, VerifyError, copy::Columns};
use crate::{Recorded, merkle::Hash};

pub(super) struct Dump {
    path: PathBuf,
    total: u64,
    blocks: Vec<Block>,
    /// Rows behind a later one: position, block, place in the file.
    late: VecDeque<(i64, usize, u64)>,
    heads: VecDeque<Row>,
    tiles: HashMap<(i64, i64), Row>,
    columns: Vec<Columns>,
    file: BufReader<File>,
}

/// Rows of one partition.
struct Block {
    columns: usize,
    begin: u64,
    /// Reads on; opened when the block's turn comes.
    cursor: Option<Cursor>,
    first: i64,
}

struct Cursor {
    file: BufReader<File>,
    next: Option<Recorded>,
    highest: i64,
}

/// A row somewhere in the file, by its sorting key.
struct Row {
    key: i64,
    columns: usize,
    offset: u64,
}

/// Rows handed out at a time.
const PAGE: usize = 1024;

impl Dump {
    /// Finds every row; what cannot be read is reported.
    pub(super) fn open(path: &Path, report: &mut Report) -> Result<Self, VerifyError> {
        let file = BufReader::with_capacity(1 << 16, File::open(path)?);
        let mut dump = Self {
            path: path.to_owned(),
            total: 0,
            blocks: Vec::new(),
            late: VecDeque::new(),
            heads: VecDeque::new(),
            tiles: HashMap::new(),
            columns: Vec::new(),
            file: BufReader::new(File::open(path)?),
        };
        dump.index(file, report)?;
        if !dump.columns.iter().any(|columns| is_event(&columns.table)) {
            return Err(VerifyError::NotADump);
        }
        dump.late.make_contiguous().sort_unstable();
        dump.heads.make_contiguous().sort_unstable_by_key(|row| row.key);
        dump.blocks.sort_by_key(|block| block.first);
        Ok(dump)
    }

    fn index(&mut self, mut file: BufReader<File>, report: &mut Report) -> Result<(), VerifyError> {
        let (mut line, mut offset) = (Vec::new(), 0);
        let mut inside = false;
        let mut highest = 0;
        loop {
            line.clear();
            let length = file.read_until(b'\n', &mut line)? as u64;
            if length == 0 {
                return Ok(());
            }
            let begin = offset;
            offset += length;
            let row = line.strip_suffix(b"\n").unwrap_or(&line);
            if !inside {
                if let Some(columns) = Columns::read(row) {
                    inside = true;
                    highest = 0;
                    self.columns.push(columns);
                }
            } else if row == br"\." {
                inside = false;
            } else if let Err(reason) = self.index_row(row, begin, &mut highest) {
                report.add(Finding::Unreadable { offset: begin, reason });
            }
        }
    }

    fn index_row(&mut self, row: &[u8], offset: u64, highest: &mut i64) -> Result<(), String> {
        let at = self.columns.len() - 1;
        let columns = &self.columns[at];
        match columns.table.as_str() {
            table if is_event(table) => {
                let position = columns.event(row)?.position;
                self.total += 1;
                if *highest == 0 {
                    self.blocks.push(Block { columns: at, begin: offset, cursor: None, first: position });
                }
                if position > *highest {
                    *highest = position;
                } else {
                    self.late.push_back((position, at, offset));
                }
            }
            "tree_head" => {
                self.heads.push_back(Row { key: columns.integer(row, "size")?, columns: at, offset })
            }
            "tile" => {
                let key = (columns.integer(row, "level")?, columns.integer(row, "index")?);
                self.tiles.insert(key, Row { key: key.1, columns: at, offset });
            }
            _ => {}
        }
        Ok(())
    }

    /// The next row by position, of any block or of those that stand too late.
    fn next(&mut self) -> Result<Option<Recorded>, VerifyError> {
        let mut best: Option<(i64, Option<usize>)> =
            self.late.front().map(|(position, ..)| (*position, None));
        for (at, block) in self.blocks.iter_mut().enumerate() {
            if block.cursor.is_none() && best.is_some_and(|(position, _)| position < block.first) {
                continue; // not its turn
            }
            let position = block.peek(&self.path, &self.columns)?;
            if let Some(position) = position
                && best.is_none_or(|(before, _)| position < before)
            {
                best = Some((position, Some(at)));
            }
        }
        match best {
            None => Ok(None),
            Some((_, Some(at))) => self.blocks[at].take(&self.columns),
            Some((_, None)) => {
                let Some((_, columns, offset)) = self.late.pop_front() else { return Ok(None) };
                let row = self.row(offset)?;
                Ok(self.columns[columns].event(&row).ok()) // it was read before
            }
        }
    }

    fn row(&mut self, offset: u64) -> Result<Vec<u8>, VerifyError> {
        self.file.seek(SeekFrom::Start(offset))?;
        let mut line = Vec::new();
        self.file.read_until(b'\n', &mut line)?;
        line.pop();
        Ok(line)
    }
}

impl Block {
    fn peek(&mut self, path: &Path, columns: &[Columns]) -> Result<Option<i64>, VerifyError> {
        if self.cursor.is_none() {
            let mut file = BufReader::with_capacity(1 << 16, File::open(path)?);
            file.seek(SeekFrom::Start(self.begin))?;
            self.cursor = Some(Cursor { file, next: None, highest: 0 });
            self.take(columns)?;
        }
        Ok(self.cursor.as_ref().and_then(|cursor| cursor.next.as_ref()).map(|event| event.position))
    }

    /// The row in front, and reads on to the next that does not stand too late.
    fn take(&mut self, columns: &[Columns]) -> Result<Option<Recorded>, VerifyError> {
        let Some(cursor) = &mut self.cursor else { return Ok(None) };
        let taken = cursor.next.take();
        let mut line = Vec::new();
        loop {
            line.clear();
            cursor.file.read_until(b'\n', &mut line)?;
            let row = line.strip_suffix(b"\n").unwrap_or(&line);
            if row.is_empty() || row == br"\." {
                return Ok(taken);
            }
            let event = columns[self.columns].event(row).ok(); // unreadable ones are reported already
            if let Some(event) = event.filter(|event| event.position > cursor.highest) {
                cursor.highest = event.position;
                cursor.next = Some(event);
                return Ok(taken);
            }
        }
    }
}

impl Source for Dump {
    fn total(&self) -> u64 {
        self.total
    }

    async fn page(&mut self) -> Result<Vec<Recorded>, VerifyError> {
        let mut page = Vec::with_capacity(PAGE);
        while page.len() < PAGE
            && let Some(event) = self.next()?
        {
            page.push(event);
        }
        Ok(page)
    }

    async fn head(&mut self) -> Result<Option<Head>, VerifyError> {
        let Some(Row { columns, offset, .. }) = self.heads.pop_front() else { return Ok(None) };
        let row = self.row(offset)?;
        let head = self.columns[columns].head(&row);
        head.map(Some)
            .map_err(|reason| std::io::Error::other(format!("head at byte {offset}: {reason}")).into())
    }

    async fn tile(&mut self, level: u32, index: u64) -> Result<Option<Vec<Hash>>, VerifyError> {
        let Some(Row { columns, offset, .. }) = self.tiles.get(&(level.into(), index as i64)) else {
            return Ok(None);
        };
        let (columns, offset) = (*columns, *offset);
        let row = self.row(offset)?;
        Ok(self.columns[columns].hashes(&row).ok())
    }
}

fn is_event(table: &str) -> bool {
    table == "event" || table.starts_with("event_")
}
