//! ZIP: the files of an archive, each read as a file of its own, in memory (P-2).
//!
//! The directory at the end says what there is. Nothing is written anywhere, so a name can do no harm: it is text to
//! show. Links are not followed, archives in archives are not opened, and what a file grows to is bounded for each and
//! for all.

use zeroize::Zeroizing;

use super::{Contents, FileError, Format, Member, Reading, read_with};
use crate::file::effort::Effort;

const PLACE: &str = "the ZIP archive";
const END: [u8; 4] = *b"PK\x05\x06";
const ENTRY: [u8; 4] = *b"PK\x01\x02";
const FILE: [u8; 4] = *b"PK\x03\x04";
const END_LENGTH: usize = 22;
const ENTRY_LENGTH: usize = 46;
const FILE_LENGTH: usize = 30;
/// What may stand after the directory's end.
const MAX_COMMENT: usize = 0xffff;
const MAX_ENTRIES: usize = 10_000;
const MAX_BYTES: usize = 100 * 1024 * 1024;
/// How many bytes may come of one, beyond a little that anything may have.
const MAX_RATIO: usize = 100;
const SMALL: usize = 64 * 1024;
const MAX_NAME: usize = 256;

/// Whether bytes begin as a ZIP does.
pub(super) fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(&FILE) || bytes.starts_with(&END)
}

/// Reads every file of an archive.
///
/// Errors: when the directory is damaged, or when all files together are too large; what is wrong with one file is its
/// own affair.
pub(super) fn read(bytes: &[u8], reading: &mut Reading<'_>) -> Result<Contents, FileError> {
    let mut contents = Contents::new(Format::Zip);
    let mut directory = directory(bytes)?;
    let mut total = 0_usize;
    while let Some(entry) = next_entry(&mut directory)? {
        if entry.is_directory() {
            continue;
        }
        if contents.members.len() >= MAX_ENTRIES {
            return Err(FileError::too_large("the number of files", MAX_ENTRIES + 1, MAX_ENTRIES));
        }
        let name = shown(entry.name);
        let result = match entry.extract(bytes) {
            Err(error) => Err(error),
            Ok(file) => {
                total += file.len();
                if total > MAX_BYTES {
                    return Err(FileError::too_large(
                        "all that is in the archive, in bytes,",
                        total,
                        MAX_BYTES,
                    ));
                }
                // Each file has its own effort, as it would have outside.
                let effort = Effort::for_a_file();
                read_member(&file, &mut Reading { passphrases: reading.passphrases, effort })
            }
        };
        contents.members.push(Member { name, result });
    }
    Ok(contents)
}

fn read_member(file: &[u8], reading: &mut Reading<'_>) -> Result<Contents, FileError> {
    if is_archive(file) {
        return Err(FileError::NestedArchive);
    }
    if file.len() > super::MAX_FILE_BYTES {
        return Err(FileError::too_large("the file, in bytes,", file.len(), super::MAX_FILE_BYTES));
    }
    read_with(file, reading)
}

/// A name as text: separators, dots and all; what cannot be shown is escaped (P-3).
fn shown(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    text.chars()
        .take(MAX_NAME)
        .flat_map(|c| match c {
            c if c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                c.escape_unicode().collect::<Vec<_>>()
            }
            c => vec![c],
        })
        .collect()
}

/// The directory's bytes, by the record at the end.
fn directory(bytes: &[u8]) -> Result<&[u8], FileError> {
    let damaged = |reason: &str| FileError::damaged(PLACE, reason);
    let last = bytes.len().checked_sub(END_LENGTH).ok_or_else(|| damaged("it ends early"))?;
    let first = last.saturating_sub(MAX_COMMENT);
    let end = (first..=last).rev().find(|at| bytes[*at..].starts_with(&END));
    let end = &bytes[end.ok_or_else(|| damaged("its directory is missing"))?..];
    let (size, offset) = (four(end, 12), four(end, 16));
    if offset == 0xffff_ffff || size == 0xffff_ffff {
        return Err(FileError::unsupported(PLACE, "ZIP64"));
    }
    bytes
        .get(offset..offset.saturating_add(size))
        .ok_or_else(|| damaged("its directory stands outside of it"))
}

struct Entry<'a> {
    name: &'a [u8],
    flags: usize,
    method: usize,
    crc: u32,
    compressed: usize,
    size: usize,
    offset: usize,
    mode: usize,
}

fn next_entry<'a>(directory: &mut &'a [u8]) -> Result<Option<Entry<'a>>, FileError> {
    if directory.is_empty() {
        return Ok(None);
    }
    let damaged = || FileError::damaged(PLACE, "an entry of its directory is cut off");
    if directory.len() < ENTRY_LENGTH || !directory.starts_with(&ENTRY) {
        return Err(damaged());
    }
    let (fixed, rest) = directory.split_at(ENTRY_LENGTH);
    let (name, more) = rest.split_at_checked(two(fixed, 28)).ok_or_else(damaged)?;
    *directory = more.get(two(fixed, 30) + two(fixed, 32)..).ok_or_else(damaged)?;
    Ok(Some(Entry {
        name,
        flags: two(fixed, 8),
        method: two(fixed, 10),
        crc: four(fixed, 16) as u32,
        compressed: four(fixed, 20),
        size: four(fixed, 24),
        offset: four(fixed, 42),
        mode: four(fixed, 38) >> 16,
    }))
}

impl Entry<'_> {
    fn is_directory(&self) -> bool {
        self.name.ends_with(b"/")
    }

    fn extract(&self, archive: &[u8]) -> Result<Zeroizing<Vec<u8>>, FileError> {
        const WHAT: &str = "the file in the archive";
        let damaged = |reason: &str| FileError::damaged(WHAT, reason);
        if self.flags & 1 != 0 {
            return Err(FileError::unsupported(WHAT, "the encryption of ZIP"));
        }
        if self.mode & 0o170_000 == 0o120_000 {
            return Err(FileError::UnsupportedFormat { name: "a symbolic link".into() });
        }
        if self.size > super::MAX_FILE_BYTES {
            return Err(FileError::too_large("the file, in bytes,", self.size, super::MAX_FILE_BYTES));
        }
        if self.size > SMALL && self.size > self.compressed.saturating_mul(MAX_RATIO) {
            let ratio = self.size / self.compressed.max(1);
            return Err(FileError::too_large("how many times the file was compressed", ratio, MAX_RATIO));
        }
        let header = archive
            .get(self.offset..)
            .filter(|header| header.starts_with(&FILE) && header.len() >= FILE_LENGTH);
        let header = header.ok_or_else(|| damaged("it is not where the directory says"))?;
        let start = FILE_LENGTH + two(header, 26) + two(header, 28);
        let packed = header.get(start..start.saturating_add(self.compressed));
        let packed = packed.ok_or_else(|| damaged("it ends outside of the archive"))?;
        let file = Zeroizing::new(match self.method {
            0 => packed.to_vec(),
            // What grows beyond its size is cut off there; then the checksum does not fit.
            8 => miniz_oxide::inflate::decompress_to_vec_with_limit(packed, self.size)
                .map_err(|_| damaged("what it was compressed to does not fit its size"))?,
            other => return Err(FileError::unsupported(WHAT, format!("compression method {other}"))),
        });
        if file.len() != self.size || crc32fast::hash(&file) != self.crc {
            return Err(damaged("its checksum does not fit"));
        }
        Ok(file)
    }
}

/// Two bytes at a place that is there, low one first.
fn two(bytes: &[u8], at: usize) -> usize {
    usize::from(bytes[at]) | usize::from(bytes[at + 1]) << 8
}

fn four(bytes: &[u8], at: usize) -> usize {
    two(bytes, at) | two(bytes, at + 2) << 16
}
