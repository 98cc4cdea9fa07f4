//! Reading PKCS #12.

use std::borrow::Cow;

use zeroize::Zeroizing;

use super::{
    CERTIFICATE_BAG, CRL_BAG, ENCRYPTED_DATA, FRIENDLY_NAME, KEY_BAG, LOCAL_KEY_ID, SAFE_CONTENTS_BAG,
    SECRET_BAG, SHROUDED_KEY_BAG, TRUSTED_KEY_USAGE, X509_CERTIFICATE, mac::Mac,
};
use crate::{
    asn1::{DerError, Reader, tag},
    file::{
        Contents, FileError, Note, PrivateKeyDer, Reading, ber,
        encryption::{Encryption, Password, read_oid},
        error::At,
        private_key::{encrypted_parts, opened_key},
    },
    oid,
};

const FILE: &str = "the PKCS #12 file";
/// Safes in safes (P-2).
const MAX_DEPTH: usize = 4;
/// Safes and bags of one file.
const MAX_BAGS: usize = 10_000;

/// Whether a DER has the first elements of a PFX: version 3 and a ContentInfo.
pub(in crate::file) fn is_pfx(der: &[u8]) -> bool {
    let parts = || {
        let mut pfx = Reader::new(der).sequence()?;
        let version = pfx.small()?;
        let content = pfx.sequence()?.expect(tag::OID)?;
        Ok::<_, DerError>(version == 3 && content.value.starts_with(&oid::DATA.as_bytes()[..8]))
    };
    parts().unwrap_or(false)
}

/// Reads a PFX that is DER on the outside.
pub(in crate::file) fn read(
    der: &[u8],
    contents: &mut Contents,
    reading: &mut Reading<'_>,
) -> Result<(), FileError> {
    let mut pfx = Reader::new(der).sequence().at(FILE)?;
    pfx.small().at(FILE)?;
    let mut content = pfx.sequence().at(FILE)?;
    if read_oid(&mut content).at(FILE)? != oid::DATA {
        return Err(FileError::unsupported(FILE, "a signature in the place of a passphrase"));
    }
    let safes = content.enter(tag::constructed(0)).at(FILE)?.expect(tag::OCTET_STRING).at(FILE)?.value;
    let passwords = match pfx.optional(tag::SEQUENCE).at(FILE)? {
        Some(mac) => {
            let mac = Mac::read(Reader::new(mac.value), FILE)?;
            verified(&mac, safes, FILE, reading)?
        }
        None => {
            contents.note(Note::IntegrityUnchecked { reason: "it has none".to_owned() });
            candidates(reading)
        }
    };
    let mut opening = Opening { passwords, contents, reading, bags: 0 };
    opening.read_safes(safes)
}

/// The passphrases with the one that the checksum verifies under in front.
fn verified(
    mac: &Mac<'_>,
    safes: &[u8],
    what: &str,
    reading: &mut Reading<'_>,
) -> Result<Vec<Password>, FileError> {
    let mut candidates = candidates(reading);
    for at in 0..candidates.len() {
        if mac.verifies(safes, &candidates[at], what, &mut reading.effort)? {
            candidates[..=at].rotate_right(1);
            return Ok(candidates);
        }
    }
    Err(match reading.passphrases.is_empty() {
        true => FileError::passphrase_needed(FILE),
        false => FileError::wrong_passphrase("the PKCS #12 file, or it was changed"),
    })
}

/// What was given; otherwise the two ways of having no passphrase.
fn candidates(reading: &Reading<'_>) -> Vec<Password> {
    if reading.passphrases.is_empty() {
        return vec![Password::new(""), Password::none()];
    }
    reading.passphrases.iter().map(Password::new).collect()
}

struct Opening<'a, 'r> {
    passwords: Vec<Password>,
    contents: &'a mut Contents,
    reading: &'a mut Reading<'r>,
    bags: usize,
}

impl Opening<'_, '_> {
    /// AuthenticatedSafe: ContentInfos, each in the clear or locked.
    fn read_safes(&mut self, safes: &[u8]) -> Result<(), FileError> {
        let safes = to_der(safes)?;
        let mut safes = Reader::new(&safes).sequence().at(FILE)?;
        let mut number = 0;
        while !safes.is_empty() {
            let safe = safes.sequence().at(FILE)?;
            number += 1;
            self.count()?;
            let read = self.read_safe(safe);
            self.contents.keep(|| format!("safe {number}"), read);
        }
        Ok(())
    }

    fn read_safe(&mut self, mut safe: Reader<'_>) -> Result<(), FileError> {
        let kind = read_oid(&mut safe).at(FILE)?;
        let mut content = safe.enter(tag::constructed(0)).at(FILE)?;
        if kind == oid::DATA {
            let bags = content.expect(tag::OCTET_STRING).at(FILE)?.value;
            return self.read_bags(&to_der(bags)?, MAX_DEPTH);
        }
        if kind != ENCRYPTED_DATA {
            return Err(FileError::unsupported(FILE, format!("a safe of kind {kind}")));
        }
        let mut encrypted = content.sequence().at(FILE)?;
        encrypted.small().at(FILE)?;
        let mut info = encrypted.sequence().at(FILE)?;
        info.expect(tag::OID).at(FILE)?;
        let identifier = info.expect(tag::SEQUENCE).at(FILE)?.value;
        let locked = info.element().at(FILE)?;
        let locked = match locked.tag {
            0x80 => Cow::Borrowed(locked.value),
            0xa0 => Cow::Owned(joined(locked.value).at(FILE)?),
            found => return Err(FileError::damaged(FILE, DerError::Tag { expected: 0x80, found })),
        };
        let what = "the certificates of the PKCS #12 file";
        let is_bags = |der: &[u8]| der.first() == Some(&tag::SEQUENCE) && ber::to_der(der).is_ok();
        let opened = self.open(identifier, &locked, what, |opened| Ok(opened.filter(|der| is_bags(der))))?;
        self.read_bags(&to_der(&opened)?, MAX_DEPTH)
    }

    /// Opens with the first passphrase under which `accept` finds what belongs there.
    fn open<T>(
        &mut self,
        identifier: &[u8],
        locked: &[u8],
        what: &str,
        accept: impl Fn(Option<Zeroizing<Vec<u8>>>) -> Result<Option<T>, FileError>,
    ) -> Result<T, FileError> {
        let encryption = Encryption::read(identifier, what)?;
        let effort = &mut self.reading.effort;
        for password in &self.passwords {
            if let Some(found) = accept(encryption.open(password, locked, what, effort)?)? {
                return Ok(found);
            }
        }
        // The one that verified, as old versions of NSS took it.
        if let Some(password) = self.passwords.first().map(Password::utf16_throughout)
            && let Some(found) = accept(encryption.open(&password, locked, what, effort)?)?
        {
            return Ok(found);
        }
        Err(match self.reading.passphrases.is_empty() {
            true => FileError::passphrase_needed(what.to_owned()),
            false => FileError::wrong_passphrase(what.to_owned()),
        })
    }

    fn read_bags(&mut self, der: &[u8], depth: usize) -> Result<(), FileError> {
        let depth = depth.checked_sub(1).ok_or_else(|| FileError::damaged(FILE, DerError::Depth))?;
        let mut bags = Reader::new(der).sequence().at(FILE)?;
        while !bags.is_empty() {
            let bag = bags.sequence().at(FILE)?;
            self.count()?;
            let number = self.bags;
            let read = self.read_bag(bag, depth);
            self.contents.keep(|| format!("bag {number}"), read);
        }
        Ok(())
    }

    fn read_bag(&mut self, mut bag: Reader<'_>, depth: usize) -> Result<(), FileError> {
        let kind = read_oid(&mut bag).at("the bag")?;
        let value = bag.expect(tag::constructed(0)).at("the bag")?.value;
        let attributes = match bag.optional(tag::SET).at("the bag")? {
            Some(set) => Attributes::read(Reader::new(set.value)).at("the attributes of a bag")?,
            None => Attributes::default(),
        };
        match kind {
            KEY_BAG => {
                let key = PrivateKeyDer::read(value)?;
                self.contents.add_key(key, attributes.name, attributes.local_key_id)
            }
            SHROUDED_KEY_BAG => {
                let what = match &attributes.name {
                    Some(name) => format!("the private key '{name}'"),
                    None => "the private key".to_owned(),
                };
                let (identifier, locked) = encrypted_parts(value).at("the private key")?;
                let key = self.open(identifier, locked, &what, opened_key)?;
                self.contents.add_key(key, attributes.name, attributes.local_key_id)
            }
            CERTIFICATE_BAG => {
                let mut certificate = Reader::new(value).sequence().at("the certificate bag")?;
                let kind = read_oid(&mut certificate).at("the certificate bag")?;
                if kind != X509_CERTIFICATE {
                    self.contents.note(Note::Ignored { what: "a certificate that is not X.509".to_owned() });
                    return Ok(());
                }
                let mut explicit = certificate.enter(tag::constructed(0)).at("the certificate bag")?;
                let der = explicit.expect(tag::OCTET_STRING).at("the certificate bag")?.value;
                self.contents.add_certificate(der, attributes.name, attributes.is_trusted)
            }
            CRL_BAG => {
                self.contents.add_crl();
                Ok(())
            }
            SECRET_BAG => {
                let name = attributes.name.unwrap_or_default();
                self.contents.note(Note::Ignored { what: format!("the secret '{name}'") });
                Ok(())
            }
            SAFE_CONTENTS_BAG => self.read_bags(value, depth),
            other => {
                self.contents.note(Note::Ignored { what: format!("a bag of kind {other}") });
                Ok(())
            }
        }
    }

    fn count(&mut self) -> Result<(), FileError> {
        self.bags += 1;
        if self.bags > MAX_BAGS {
            return Err(FileError::too_large("the number of bags", self.bags, MAX_BAGS));
        }
        Ok(())
    }
}

#[derive(Default)]
struct Attributes {
    name: Option<String>,
    local_key_id: Option<Vec<u8>>,
    is_trusted: bool,
}

impl Attributes {
    fn read(mut set: Reader<'_>) -> Result<Self, DerError> {
        let mut attributes = Self::default();
        while !set.is_empty() {
            let mut attribute = set.sequence()?;
            let kind = read_oid(&mut attribute)?;
            let mut values = attribute.enter(tag::SET)?;
            match kind {
                FRIENDLY_NAME if values.next_is(tag::BMP_STRING) => {
                    let units = values
                        .element()?
                        .value
                        .chunks_exact(2)
                        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
                    let name: String =
                        char::decode_utf16(units.take(256)).map(|c| c.unwrap_or('\u{fffd}')).collect();
                    attributes.name = Some(name);
                }
                LOCAL_KEY_ID if values.next_is(tag::OCTET_STRING) => {
                    attributes.local_key_id =
                        Some(values.element()?.value.iter().copied().take(64).collect());
                }
                TRUSTED_KEY_USAGE => attributes.is_trusted = true,
                _ => {}
            }
        }
        Ok(attributes)
    }
}

fn to_der(bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, FileError> {
    ber::to_der(bytes).map(|der| Zeroizing::new(der.into_owned())).at(FILE)
}

/// The pieces of an octet string whose own tag was replaced.
fn joined(pieces: &[u8]) -> Result<Vec<u8>, DerError> {
    let (mut reader, mut octets) = (Reader::new(pieces), vec![]);
    while !reader.is_empty() {
        octets.extend_from_slice(reader.expect(tag::OCTET_STRING)?.value);
    }
    Ok(octets)
}
