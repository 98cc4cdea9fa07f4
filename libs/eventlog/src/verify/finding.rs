//! What can be wrong with a log.

use std::fmt;

use uuid::Uuid;

use crate::checkpoint::NoteError;

/// One thing that is not as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The payload does not have the hash that stands beside it.
    PayloadChanged {
        /// Where.
        position: i64,
    },
    /// The row differs from the one that was sealed, in a column other than the payload alone.
    RowChanged {
        /// Where.
        position: i64,
    },
    /// A row that was never sealed stands among those that were.
    Inserted {
        /// Where.
        position: i64,
    },
    /// The row that was sealed at this position is gone, and others took its place.
    Removed {
        /// Where it was.
        position: i64,
    },
    /// Rows that were sealed at other positions, in a run.
    Moved {
        /// Position of the first.
        first: i64,
        /// Position of the last.
        last: i64,
        /// Where the first was sealed.
        sealed_at: i64,
    },
    /// No rows have these positions.
    Missing {
        /// The first.
        first: i64,
        /// The last.
        last: i64,
    },
    /// Two rows have the same position.
    Duplicate {
        /// Which.
        position: i64,
    },
    /// A stream's versions are not 1, 2, 3 …
    VersionOutOfOrder {
        /// Where.
        position: i64,
        /// The stream.
        stream: Uuid,
        /// The version there should be.
        expected: i32,
        /// The version there is.
        found: i32,
    },
    /// The row was recorded before the one in front of it.
    TimeOutOfOrder {
        /// Where.
        position: i64,
    },
    /// A row of the dump cannot be read.
    Unreadable {
        /// Byte of the file where it begins.
        offset: u64,
        /// Why.
        reason: String,
    },
    /// The row is what was signed, but its hash in `log.tile` or `log.tree_head` is not.
    SealChanged {
        /// Where.
        position: i64,
    },
    /// A tile is missing.
    TileMissing {
        /// 0 = leaves.
        level: u32,
        /// Which of them.
        index: u64,
    },
    /// A tile of roots differs from the tiles below it.
    TileChanged {
        /// At least 1.
        level: u32,
        /// Which of them.
        index: u64,
    },
    /// The rows up to this size do not have the root of the head, and neither do the sealed hashes.
    RootDiffers {
        /// The first position that no head confirms.
        first: i64,
        /// The head's size.
        size: i64,
    },
    /// The head's note says another size or root than its row.
    HeadChanged {
        /// The head's size.
        size: i64,
    },
    /// The head's note is not signed as it should be.
    HeadUnsigned {
        /// The head's size.
        size: i64,
        /// Why.
        reason: NoteError,
    },
    /// The log ends before what was sealed.
    CutShort {
        /// The last position there is.
        last: i64,
        /// The last position that was sealed.
        sealed: i64,
    },
    /// The log does not contain the tree of the checkpoint kept outside.
    AnchorDiffers {
        /// The checkpoint's size.
        size: u64,
    },
}

impl Finding {
    /// The position it is about, if it is about one (the first of several).
    #[must_use]
    pub fn position(&self) -> Option<i64> {
        match self {
            Self::PayloadChanged { position }
            | Self::RowChanged { position }
            | Self::Inserted { position }
            | Self::Removed { position }
            | Self::Duplicate { position }
            | Self::VersionOutOfOrder { position, .. }
            | Self::TimeOutOfOrder { position }
            | Self::SealChanged { position } => Some(*position),
            Self::Moved { first, .. } | Self::Missing { first, .. } | Self::RootDiffers { first, .. } => {
                Some(*first)
            }
            Self::CutShort { last, .. } => Some(last + 1),
            Self::Unreadable { .. }
            | Self::TileMissing { .. }
            | Self::TileChanged { .. }
            | Self::HeadChanged { .. }
            | Self::HeadUnsigned { .. }
            | Self::AnchorDiffers { .. } => None,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PayloadChanged { position } => {
                write!(f, "event {position}: payload does not have its hash")
            }
            Self::RowChanged { position } => {
                write!(f, "event {position}: a column or the hash differs from what was sealed")
            }
            Self::Inserted { position } => write!(f, "event {position}: was inserted"),
            Self::Removed { position } => {
                write!(f, "event {position}: was removed, others moved into its place")
            }
            Self::Moved { first, last, sealed_at } if first == last => {
                write!(f, "event {first}: was sealed as event {sealed_at}")
            }
            Self::Moved { first, last, sealed_at } => {
                write!(
                    f,
                    "events {first} to {last}: were sealed as events {sealed_at} to {}",
                    sealed_at + last - first
                )
            }
            Self::Missing { first, last } if first == last => write!(f, "event {first}: is missing"),
            Self::Missing { first, last } => write!(f, "events {first} to {last}: are missing"),
            Self::Duplicate { position } => write!(f, "event {position}: is there twice"),
            Self::VersionOutOfOrder { position, stream, expected, found } => {
                write!(
                    f,
                    "event {position}: has version {found} of stream {stream}, where {expected} comes next"
                )
            }
            Self::TimeOutOfOrder { position } => {
                write!(f, "event {position}: was recorded before event {}", position - 1)
            }
            Self::Unreadable { offset, reason } => {
                write!(f, "row at byte {offset}: cannot be read: {reason}")
            }
            Self::SealChanged { position } => {
                write!(f, "event {position}: is as signed, but its stored leaf hash was changed")
            }
            Self::TileMissing { level, index } => write!(f, "tile {index} of level {level}: is missing"),
            Self::TileChanged { level, index } => write!(f, "tile {index} of level {level}: was changed"),
            Self::RootDiffers { first, size } => {
                write!(f, "events {first} to {size}: do not have the root of the head of size {size}")
            }
            Self::HeadChanged { size } => write!(f, "head of size {size}: its note says something else"),
            Self::HeadUnsigned { size, reason } => write!(f, "head of size {size}: {reason}"),
            Self::CutShort { last, sealed } => {
                write!(f, "events {} to {sealed}: were sealed and are gone: the log ends at {last}", last + 1)
            }
            Self::AnchorDiffers { size } => {
                write!(f, "the log does not contain the tree of the given checkpoint of size {size}")
            }
        }
    }
}
