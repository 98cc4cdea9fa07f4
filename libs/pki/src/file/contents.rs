//! What is found in a file.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{FileError, PrivateKeyDer};
use crate::{
    Certificate,
    certificate::{CertificateError, MAX_CERTIFICATE_BYTES},
    kind::Kind,
};

/// The most certificates, or keys, that one file may hold.
const MOST_ITEMS: usize = 10_000;

/// The format of a file, told by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Text with armoured blocks.
    Pem,
    /// One certificate, DER or bare base64.
    Der,
    /// PKCS #10, DER or bare base64.
    Csr,
    /// SignedData with certificates.
    Pkcs7,
    /// A private key on its own: PKCS #8, PKCS #1 or SEC 1.
    PrivateKey,
    /// A key store of PKCS #12.
    Pkcs12,
    /// A key store of Java's first kind.
    Jks,
    /// A key store of Java's Cryptography Extension.
    Jceks,
    /// An archive of such files.
    Zip,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pem => "PEM",
            Self::Der => "DER",
            Self::Csr => "PKCS #10",
            Self::Pkcs7 => "PKCS #7",
            Self::PrivateKey => "private key",
            Self::Pkcs12 => "PKCS #12",
            Self::Jks => "JKS",
            Self::Jceks => "JCEKS",
            Self::Zip => "ZIP",
        })
    }
}

/// A certificate that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundCertificate {
    /// The certificate.
    pub certificate: Certificate,
    /// The name the file has for it.
    pub alias: Option<String>,
    /// Whether the file has it as a trust anchor, not as part of a credential.
    pub trusted: bool,
}

/// A private key that was found.
#[derive(Debug)]
pub struct FoundKey {
    /// The key.
    pub key: PrivateKeyDer,
    /// The name the file has for it.
    pub alias: Option<String>,
    /// What PKCS #12 links a key and its certificate by, where it does.
    pub local_key_id: Option<Vec<u8>>,
}

/// What a user should know, though it hinders nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Note {
    /// Revocation lists are not imported.
    #[error("a revocation list (CRL) was ignored")]
    CrlIgnored,
    /// Lengths that DER does not have.
    #[error("the file is in BER, with lengths that DER does not have, and was converted")]
    ConvertedFromBer,
    /// Whether the file is as it was written is not known.
    #[error("the file's checksum was not checked: {reason}")]
    IntegrityUnchecked {
        /// Why not.
        reason: String,
    },
    /// Something else that is not imported.
    #[error("{what} was ignored")]
    Ignored {
        /// What.
        what: String,
    },
}

/// A part of a file that was not read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{place}: {error}")]
pub struct Problem {
    /// Where it stands, for people: `block 3 (CERTIFICATE), line 41`.
    pub place: String,
    /// Why.
    pub error: FileError,
}

/// A file of an archive.
#[derive(Debug)]
pub struct Member {
    /// Its name as the archive has it: text to show, of which no path is made.
    pub name: String,
    /// What it holds.
    pub result: Result<Contents, FileError>,
}

/// What a file holds. Certificates stand in the order of the file, each once.
#[derive(Debug)]
#[non_exhaustive]
pub struct Contents {
    /// Its format.
    pub format: Format,
    /// The certificates.
    pub certificates: Vec<FoundCertificate>,
    /// The private keys.
    pub keys: Vec<FoundKey>,
    /// The CSRs, DER; their structure alone was looked at.
    pub requests: Vec<Vec<u8>>,
    /// How many revocation lists were ignored.
    pub crls: usize,
    /// The files of an archive; certificates, keys and CSRs stand there.
    pub members: Vec<Member>,
    /// What a user should know.
    pub notes: Vec<Note>,
    /// What was not read.
    pub problems: Vec<Problem>,
}

impl Contents {
    pub(crate) const fn new(format: Format) -> Self {
        Self {
            format,
            certificates: vec![],
            keys: vec![],
            requests: vec![],
            crls: 0,
            members: vec![],
            notes: vec![],
            problems: vec![],
        }
    }

    /// The certificate of a key: the first with the same public key.
    #[must_use]
    pub fn certificate_of(&self, key: &FoundKey) -> Option<&FoundCertificate> {
        self.certificates.iter().find(|found| found.certificate.spki() == key.key.spki())
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty()
            && self.keys.is_empty()
            && self.requests.is_empty()
            && self.members.is_empty()
    }

    pub(crate) fn or_first_problem(mut self) -> Result<Self, FileError> {
        if self.is_empty() && !self.problems.is_empty() {
            return Err(self.problems.swap_remove(0).error);
        }
        Ok(self)
    }

    /// Adds a certificate; one that is there already keeps its place and gets a name.
    pub(crate) fn add_certificate(
        &mut self,
        der: &[u8],
        alias: Option<String>,
        trusted: bool,
    ) -> Result<(), FileError> {
        if self.certificates.len() >= MOST_ITEMS {
            return Err(FileError::too_large("the number of certificates", MOST_ITEMS + 1, MOST_ITEMS));
        }
        let certificate = Certificate::read_der(der).map_err(|error| match error {
            CertificateError::TooLarge(bytes) => {
                FileError::too_large("the certificate, in bytes,", bytes, MAX_CERTIFICATE_BYTES)
            }
            CertificateError::Der(error) => FileError::damaged("the certificate", error),
            error => FileError::damaged("the certificate", error),
        })?;
        match self.certificates.iter_mut().find(|found| found.certificate == certificate) {
            Some(found) => {
                found.alias = found.alias.take().or(alias);
                found.trusted &= trusted;
            }
            None => self.certificates.push(FoundCertificate { certificate, alias, trusted }),
        }
        Ok(())
    }

    /// Adds a key, however often the file has it: once.
    pub(crate) fn add_key(
        &mut self,
        key: PrivateKeyDer,
        alias: Option<String>,
        local_key_id: Option<Vec<u8>>,
    ) -> Result<(), FileError> {
        if self.keys.len() >= MOST_ITEMS {
            return Err(FileError::too_large("the number of keys", MOST_ITEMS + 1, MOST_ITEMS));
        }
        if !self.keys.iter().any(|found| found.key.spki() == key.spki()) {
            self.keys.push(FoundKey { key, alias, local_key_id });
        }
        Ok(())
    }

    pub(crate) fn add_request(&mut self, der: &[u8]) -> Result<(), FileError> {
        if Kind::of_der(der) != Kind::CertificationRequest {
            return Err(FileError::damaged("the CSR", "it has not the structure of one"));
        }
        if !self.requests.iter().any(|found| found == der) {
            self.requests.push(der.to_vec());
        }
        Ok(())
    }

    pub(crate) fn add_crl(&mut self) {
        self.crls += 1;
        self.note(Note::CrlIgnored);
    }

    /// Notes something once.
    pub(crate) fn note(&mut self, note: Note) {
        if self.notes.len() < MOST_ITEMS && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Keeps what went wrong at a place, and goes on.
    pub(crate) fn keep(&mut self, place: impl FnOnce() -> String, result: Result<(), FileError>) {
        if let Err(error) = result
            && self.problems.len() < MOST_ITEMS
        {
            self.problems.push(Problem { place: place(), error });
        }
    }
}
