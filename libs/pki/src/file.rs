//! Files of certificates and keys, as other programs write and read them.
//!
//! [`read`] takes the bytes of any file and tells by their content alone what they are: PEM, DER, PKCS #7, PKCS #8,
//! PKCS #12, JKS, JCEKS, ZIP, key rings of Domino. What is in it comes back as [`Contents`]; what cannot be read is
//! named with its place. It is total and bounded (P-1, P-2): every length is checked before memory is taken, every
//! number of iterations before the first is done, and all of a file's key derivations share one [`Effort`].
//!
//! ```text
//! file::read(bytes, &Passphrases) → Contents{format, certificates, keys, requests, crls, members, notes, problems}
//! contents.rs     what is found             passphrases.rs  what may open it        error.rs   why it does not
//! private_key.rs  PKCS #8, PKCS #1, SEC 1   encryption.rs   PBES2, PBES1, PKCS #12's and Java's; kdf.rs, cipher.rs
//! armour.rs       PEM                       der.rs          one structure           ber.rs     BER → DER
//! signed_data.rs  PKCS #7                   pkcs12.rs      PKCS #12, both ways
//! pkcs8.rs        a locked key, written
//! ```

mod armour;
mod ber;
mod cipher;
mod contents;
mod der;
mod effort;
mod encryption;
mod error;
mod kdf;
mod passphrases;
pub mod pkcs12;
pub mod pkcs8;
mod private_key;
mod signed_data;

pub use contents::{Contents, Format, FoundCertificate, FoundKey, Note, Problem};
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
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(FileError::Empty);
    }
    read_with(bytes, &mut Reading { passphrases, effort: Effort::for_a_file() })
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
    let contents = match bytes {
        [0x30, ..] => der::read(bytes, reading)?,
        _ => armour::read(bytes, reading)?,
    };
    contents.or_first_problem()
}
