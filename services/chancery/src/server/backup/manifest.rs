//! What a backup says of itself: a line of JSON before the database.

use std::io::{BufRead, Write};

use contracts::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::seal::{OpenError, Opening};
use crate::server::failure::Failure;

/// The kind of content that this program writes and reads.
const FORMAT: u32 = 1;
/// Longest line: the configuration file is in it.
const LONGEST: usize = 4 << 20;

/// What is in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    pub(super) format: u32,
    /// Version of the program that made it.
    pub(super) program: String,
    /// Major version of its PostgreSQL.
    pub(super) postgresql: u32,
    pub(super) installation: Uuid,
    pub(super) created_at: Timestamp,
    /// The last event in it.
    pub(super) position: i64,
    /// Where clients reached it.
    pub(super) public_url: String,
    /// The text of its configuration file, if it had one.
    pub(super) configuration: Option<String>,
}

impl Manifest {
    pub(super) const FORMAT: u32 = FORMAT;

    pub(super) fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        out.write_all(b"\n")
    }

    /// Reads it off the beginning; what was read beyond it is the beginning of the database.
    pub(super) fn read<R: BufRead>(opening: &mut Opening<R>) -> Result<(Self, Vec<u8>), Failure> {
        let wrong = |why: &str| Failure::Unsound(format!("this backup cannot be read: {why}"));
        let mut read = vec![];
        let end = loop {
            if let Some(end) = read.iter().position(|byte| *byte == b'\n') {
                break end;
            }
            let bytes = opening.next()?;
            if bytes.is_empty() || read.len() > LONGEST {
                return Err(wrong("what it says of itself has no end"));
            }
            read.extend_from_slice(bytes);
        };
        let manifest: Self =
            serde_json::from_slice(&read[..end]).map_err(|error| wrong(&error.to_string()))?;
        if manifest.format != FORMAT {
            let words = format!("its format is {}, this program reads {FORMAT}", manifest.format);
            return Err(wrong(&words));
        }
        Ok((manifest, read.split_off(end + 1)))
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::OtherKey | OpenError::NotOne => {
                Self::Usage(format!("the backup does not open: {error}"))
            }
            OpenError::Io(error) => Self::Other(format!("the backup cannot be read: {error}")),
            damaged => Self::Unsound(format!("the backup does not open: {damaged}")),
        }
    }
}
