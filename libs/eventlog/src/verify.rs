//! Recomputes everything the log claims about itself, and names each row that is not what was recorded.
//!
//! Payloads are compared with their hashes, rows with the leaf hashes that were sealed, leaf hashes with signed roots,
//! positions and versions with their sequences. What was changed before it was first sealed (within about a second) is
//! beyond this; that a whole log was replaced by an older one shows against a checkpoint kept elsewhere
//! ([`Options::anchor`]), and the signer refuses to go on from it.

mod checker;
mod copy;
mod displaced;
mod dump;
mod finding;
mod online;

use std::path::Path;

use deadpool_postgres::Pool;

use self::checker::Checker;
pub use self::finding::Finding;
use crate::{
    ReadError, Recorded,
    checkpoint::{Checkpoint, VerifierKey},
    merkle::Hash,
};

/// What to verify against.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The public key of the checkpoints; without it, roots are compared and signatures are not.
    pub key: Option<VerifierKey>,
    /// A checkpoint kept outside: the log must contain that tree.
    pub anchor: Option<Checkpoint>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Events read.
    pub events: u64,
    /// Signed heads compared.
    pub heads: u64,
    /// Positions up to which the rows are what was sealed; those after it are not sealed yet, or not confirmed.
    pub sealed: u64,
    /// What is wrong, in log order where there is one; at most [`Report::MOST`].
    pub findings: Vec<Finding>,
    /// Findings beyond those.
    pub more: u64,
}

/// How far verification is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Events verified.
    pub done: u64,
    /// Events there are.
    pub total: u64,
}

/// Why the log could not be verified at all.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The database could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file could not be read.
    #[error("dump cannot be read")]
    Io(#[from] std::io::Error),
    /// The file holds no data of the log.
    #[error("file is not a plain-text dump of the log: it has no COPY of log.event")]
    NotADump,
}

/// Verifies a running log, with the login `chancery_relay`. Appends go on meanwhile; those are not verified.
pub async fn verify_online(
    pool: Pool,
    options: &Options,
    progress: impl FnMut(Progress) + Send,
) -> Result<Report, VerifyError> {
    Checker::new(online::Online::open(pool).await?, options).run(progress).await
}

/// Verifies a plain-text dump (`pg_dump --schema=log`), which needs no database. Blocks the thread while it reads.
pub fn verify_dump(
    path: &Path,
    options: &Options,
    progress: impl FnMut(Progress) + Send,
) -> Result<Report, VerifyError> {
    let mut report = Report::default();
    let dump = dump::Dump::open(path, &mut report)?;
    // A dump is never waited for: its futures are ready at once.
    futures::executor::block_on(Checker::resume(dump, options, report).run(progress))
}

/// Where the log is read from. Futures of these are awaited one after the other.
trait Source {
    /// Number of events.
    fn total(&self) -> u64;
    /// The next rows by position; none at the end.
    fn page(&mut self) -> impl Future<Output = Result<Vec<Recorded>, VerifyError>> + Send;
    /// The next head by size.
    fn head(&mut self) -> impl Future<Output = Result<Option<Head>, VerifyError>> + Send;
    /// A full tile's hashes.
    fn tile(
        &mut self,
        level: u32,
        index: u64,
    ) -> impl Future<Output = Result<Option<Vec<Hash>>, VerifyError>> + Send;
}

/// A row of `log.tree_head`.
struct Head {
    size: i64,
    root: Vec<u8>,
    note: String,
    leaves: Vec<Hash>,
}

impl Report {
    /// Findings kept; the rest is counted.
    pub const MOST: usize = 1000;

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    fn add(&mut self, finding: Finding) {
        if self.findings.len() < Self::MOST { self.findings.push(finding) } else { self.more += 1 }
    }
}
