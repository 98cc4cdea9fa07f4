//! Files of certificates and keys, as other programs write and read them.
//!
//! [`read`] takes the bytes of any file and tells by their content alone what they are: PEM, DER, PKCS #7, PKCS #8,
//! PKCS #12, JKS, JCEKS, ZIP, key rings of Domino. What is in it comes back as [`Contents`]; what cannot be read is
//! named with its place. It is total and bounded (P-1, P-2): every length is checked before memory is taken, every
//! number of iterations before the first is done, and all of a file's key derivations share one [`Effort`].
//!
//! ```text
//! file::read(bytes, &Passphrases) → Contents{format, certificates, keys, requests, crls, members, notes, problems}
//! pkcs12::write  pkcs8::write  jks::write  pkcs12::write_trusted  jks::write_trusted  key_ring::steps
//! contents.rs     what is found             passphrases.rs  what may open it        error.rs   why it does not
//! private_key.rs  PKCS #8, PKCS #1, SEC 1   encryption.rs   PBES2, PBES1, PKCS #12's and Java's; kdf.rs, cipher.rs
//! armour.rs       PEM                       der.rs          one structure           ber.rs     BER → DER
//! signed_data.rs  PKCS #7                   pkcs12.rs      PKCS #12, both ways
//! pkcs8.rs        a locked key, written     jks.rs         JKS both ways, JCEKS read
//! archive.rs      ZIP                       key_ring.rs    Domino's, recognized
//! ```

mod archive;
mod armour;
mod ber;
mod cipher;
mod contents;
mod der;
mod effort;
mod encryption;
mod error;
pub mod jks;
mod kdf;
pub mod key_ring;
mod passphrases;
pub mod pkcs12;
pub mod pkcs8;
mod private_key;
mod signed_data;

pub use contents::{Contents, Format, FoundCertificate, FoundKey, Member, Note, Problem};
pub use effort::{Effort, MAX_ITERATIONS};
pub use error::{FileError, WriteError};
pub use passphrases::Passphrases;
pub use private_key::PrivateKeyDer;

use crate::Certificate;

/// The most bytes a file may have (L-1).
pub const MAX_FILE_BYTES: usize = 10 * 1024 * 1024;

/// What a file holds.
///
/// Errors: when nothing in it could be read, for the first reason met. A file of which parts can be read comes back
/// with the others under [`Contents::problems`].
pub fn read(bytes: &[u8], passphrases: &Passphrases) -> Result<Contents, FileError> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(FileError::too_large("the file, in bytes,", bytes.len(), MAX_FILE_BYTES));
    }
    let mut reading = Reading { passphrases, effort: Effort::for_a_file() };
    if archive::is_archive(bytes) {
        return archive::read(bytes, &mut reading);
    }
    read_with(bytes, &mut reading)
}

/// A key with its certificates, to be written.
#[derive(Clone, Copy, Debug)]
pub struct Credential<'a> {
    /// The key.
    pub key: &'a PrivateKeyDer,
    /// Its certificate, then those above, in order.
    pub certificates: &'a [&'a Certificate],
    /// The name of both in the file.
    pub alias: &'a str,
}

impl Credential<'_> {
    fn leaf(&self) -> Result<&Certificate, WriteError> {
        let leaf = self.certificates.first().filter(|leaf| leaf.spki() == self.key.spki());
        leaf.copied().ok_or(WriteError::KeyMismatch)
    }
}

/// Fills bytes with randomness: for salts and vectors.
pub type Draw<'a> = &'a mut dyn FnMut(&mut [u8]);

/// What one reading goes by.
pub(crate) struct Reading<'a> {
    pub(crate) passphrases: &'a Passphrases,
    pub(crate) effort: Effort,
}

fn read_with(bytes: &[u8], reading: &mut Reading<'_>) -> Result<Contents, FileError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(FileError::Empty);
    }
    let contents = match bytes {
        [0x30, ..] => der::read(bytes, reading)?,
        bytes if jks::is_store(bytes) => jks::read(bytes, reading)?,
        bytes => match armour::read(bytes, reading) {
            Err(FileError::Unrecognized) => return Err(unrecognized(bytes)),
            read => read?,
        },
    };
    contents.or_first_problem()
}

/// What a file is that is not read.
fn unrecognized(bytes: &[u8]) -> FileError {
    const KNOWN: &[(&[u8], &str)] = &[
        (b"\x1f\x8b", "a gzip archive"),
        (b"BZh", "a bzip2 archive"),
        (b"\xfd7zXZ", "an xz archive"),
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
        (b"Rar!", "a RAR archive"),
        (b"%PDF", "a PDF document"),
        (b"PuTTY-User-Key-File", "a key of PuTTY"),
    ];
    if let Some((_, name)) = KNOWN.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return FileError::UnsupportedFormat { name: (*name).into() };
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return FileError::UnsupportedFormat { name: "a tar archive".into() };
    }
    if key_ring::is_key_ring(bytes) { FileError::KeyRing } else { FileError::Unrecognized }
}
