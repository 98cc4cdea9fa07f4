//! What was read from each file.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use pki::{Certificate, file::Format, spki};
use serde_json::json;

use crate::file_reader::{Fault, Found, FoundKey};

/// A file, or a file of an archive, with what was read from it.
pub struct Item {
    /// Its name; within an archive: `archive.zip: name`.
    pub file: String,
    /// Its format; `None` if it could not be read.
    pub recognized_as: Option<String>,
    /// Its certificates.
    pub certificates: Vec<Read>,
    /// Its private keys.
    pub keys: Vec<FoundKey>,
    /// What is good to know.
    pub notes: Vec<String>,
    /// What could not be read.
    pub faults: Vec<Fault>,
}

/// A certificate.
pub struct Read {
    /// DER in base64.
    pub text: String,
    /// What it is.
    pub certificate: Certificate,
    /// SHA-256 of its DER, hexadecimal.
    pub sha256: String,
    /// SHA-256 of its public key, hexadecimal.
    pub spki_sha256: String,
}

impl Read {
    fn of(text: String) -> Option<Self> {
        let certificate = Certificate::read_der(&STANDARD.decode(&text).ok()?).ok()?;
        let (sha256, spki_sha256) =
            (certificate.sha256(), hex::encode(spki::spki_sha256(certificate.spki())));
        Some(Self { text, certificate, sha256, spki_sha256 })
    }
}

/// Adds a file, or each file of an archive.
pub fn add(items: &mut Vec<Item>, file: String, found: Result<Found, Fault>) {
    let found = match found {
        Ok(found) => found,
        Err(fault) => {
            let name = file.rsplit_once(": ").map_or(file.as_str(), |(_, inner)| inner);
            let faults = vec![fault.about(name)];
            items.push(Item {
                file,
                recognized_as: None,
                certificates: vec![],
                keys: vec![],
                notes: vec![],
                faults,
            });
            return;
        }
    };
    if found.format == Format::Zip {
        for member in found.members {
            add(items, format!("{file}: {}", member.name), member.found);
        }
        return;
    }
    let mut notes = found.notes;
    if found.requests > 0 {
        notes.push(format!("{} certificate signing request(s) were ignored", found.requests));
    }
    items.push(Item {
        file,
        recognized_as: json!(found.format).as_str().map(str::to_owned),
        certificates: found.certificates.into_iter().filter_map(Read::of).collect(),
        keys: found.keys,
        notes,
        faults: found.faults,
    });
}
