//! Reading JKS and JCEKS.

use super::{
    CERTIFICATE_ENTRY, CHECKSUM_LENGTH, KEY_ENTRY, MAGIC_JCEKS, MAGIC_JKS, SECRET_ENTRY, checksum,
    lock::Lock, sealed,
};
use crate::file::{
    Contents, FileError, Format, Note, Reading,
    error::At,
    private_key::{encrypted_parts, opened_key},
};

const STORE: &str = "the Java key store";
/// Entries of a store, and certificates of a chain (P-2).
const MAX_ENTRIES: u32 = 10_000;
const MAX_CHAIN: u32 = 100;

/// Whether bytes begin as a JKS or JCEKS does.
pub(in crate::file) fn is_store(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC_JKS) || bytes.starts_with(&MAGIC_JCEKS)
}

/// Reads a store. Its certificates can be read without a passphrase; then nobody vouches for them.
pub(in crate::file) fn read(bytes: &[u8], reading: &mut Reading<'_>) -> Result<Contents, FileError> {
    let is_jceks = bytes.starts_with(&MAGIC_JCEKS);
    let mut contents = Contents::new(if is_jceks { Format::Jceks } else { Format::Jks });
    let (store, sum) = bytes
        .len()
        .checked_sub(CHECKSUM_LENGTH)
        .map(|at| bytes.split_at(at))
        .ok_or_else(|| FileError::damaged(STORE, "it ends early"))?;
    if reading.passphrases.is_empty() {
        contents.note(Note::IntegrityUnchecked { reason: "no passphrase was given".to_owned() });
    } else if !reading.passphrases.iter().any(|passphrase| **checksum(passphrase, store) == *sum) {
        return Err(FileError::wrong_passphrase("the Java key store, or it was changed"));
    }
    let rest = store.get(MAGIC_JKS.len()..).ok_or_else(|| FileError::damaged(STORE, "it ends early"))?;
    let mut cursor = Cursor { rest, length: store.len() };
    let version = cursor.number("its version")?;
    if !matches!(version, 1 | 2) {
        return Err(FileError::unsupported(STORE, format!("version {version}")));
    }
    let count = cursor.number("the number of its entries")?;
    if count > MAX_ENTRIES {
        return Err(FileError::too_large("the number of entries", count as usize, MAX_ENTRIES as usize));
    }
    let mut entries = Entries { cursor, version, is_jceks, contents, reading };
    for number in 1..=count {
        // What an entry's length depends on is lost with it, so nothing after it can be read.
        if let Err(error) = entries.read_one() {
            entries.contents.keep(|| format!("entry {number}"), Err(error));
            return Ok(entries.contents);
        }
    }
    if !entries.cursor.rest.is_empty() {
        let more = FileError::damaged(STORE, "there are bytes after its last entry");
        entries.contents.keep(|| "the end".to_owned(), Err(more));
    }
    Ok(entries.contents)
}

struct Entries<'a, 'r, 'p> {
    cursor: Cursor<'a>,
    version: u32,
    is_jceks: bool,
    contents: Contents,
    reading: &'r mut Reading<'p>,
}

impl Entries<'_, '_, '_> {
    /// Errors: only where the layout is lost; a key that does not open is kept as a problem.
    fn read_one(&mut self) -> Result<(), FileError> {
        let kind = self.cursor.number("the kind of an entry")?;
        let alias = self.cursor.text("an alias")?;
        self.cursor.take(8, "a date")?;
        match kind {
            KEY_ENTRY => {
                let locked = self.cursor.bytes("a key")?;
                let key = self.read_key(locked, &alias);
                self.contents.keep(|| format!("key '{alias}'"), key);
                let count = self.cursor.number("the length of a chain")?;
                if count > MAX_CHAIN {
                    return Err(FileError::too_large(
                        "the length of a chain",
                        count as usize,
                        MAX_CHAIN as usize,
                    ));
                }
                for at in 0..count {
                    let alias = (at == 0).then(|| alias.clone());
                    self.read_certificate(alias, false)?;
                }
                Ok(())
            }
            CERTIFICATE_ENTRY => self.read_certificate(Some(alias), true),
            SECRET_ENTRY if self.is_jceks => {
                let length = sealed::length(self.cursor.rest).ok_or_else(|| {
                    FileError::unsupported(format!("the secret key '{alias}'"), "a layout of its own")
                })?;
                self.cursor.take(length, "a secret key")?;
                self.contents.note(Note::Ignored { what: format!("the secret key '{alias}'") });
                Ok(())
            }
            other => Err(FileError::damaged(STORE, format!("{other} is no kind of entry"))),
        }
    }

    fn read_key(&mut self, der: &[u8], alias: &str) -> Result<(), FileError> {
        let what = format!("the private key '{alias}'");
        let (identifier, locked) = encrypted_parts(der).at("a private key")?;
        let lock = Lock::read(identifier, &what)?;
        if self.reading.passphrases.is_empty() {
            return Err(FileError::passphrase_needed(what));
        }
        for passphrase in self.reading.passphrases.iter() {
            let opened = lock.open(passphrase, locked, &what, &mut self.reading.effort)?;
            if let Some(key) = opened_key(opened)? {
                return self.contents.add_key(key, Some(alias.to_owned()), None);
            }
        }
        Err(FileError::wrong_passphrase(what))
    }

    fn read_certificate(&mut self, alias: Option<String>, trusted: bool) -> Result<(), FileError> {
        if self.version == 2 {
            let kind = self.cursor.text("the kind of a certificate")?;
            if kind != "X.509" {
                self.cursor.bytes("a certificate")?;
                self.contents.note(Note::Ignored { what: "a certificate that is not X.509".to_owned() });
                return Ok(());
            }
        }
        let der = self.cursor.bytes("a certificate")?;
        let name = alias.clone().unwrap_or_default();
        let added = self.contents.add_certificate(der, alias, trusted);
        self.contents.keep(|| format!("certificate '{name}'"), added);
        Ok(())
    }
}

struct Cursor<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize, what: &str) -> Result<&'a [u8], FileError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(|| {
            let at = self.length - self.rest.len();
            FileError::damaged(STORE, format!("it ends within {what} of {count} bytes, begun at byte {at}"))
        })?;
        self.rest = rest;
        Ok(taken)
    }

    fn number(&mut self, what: &str) -> Result<u32, FileError> {
        Ok(self.take(4, what)?.iter().fold(0, |n, byte| n << 8 | u32::from(*byte)))
    }

    fn bytes(&mut self, what: &str) -> Result<&'a [u8], FileError> {
        let length = self.number(what)?;
        self.take(length as usize, what)
    }

    /// Java's modified UTF-8, of which names use the part that is UTF-8.
    fn text(&mut self, what: &str) -> Result<String, FileError> {
        let length = self.take(2, what)?.iter().fold(0, |n, byte| n << 8 | usize::from(*byte));
        Ok(String::from_utf8_lossy(self.take(length, what)?).chars().take(256).collect())
    }
}
