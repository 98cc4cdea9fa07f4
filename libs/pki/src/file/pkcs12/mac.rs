//! The checksum of PKCS #12: HMAC under a key from the passphrase (RFC 7292 §4, RFC 9579).

use const_oid::ObjectIdentifier;

use super::super::{
    Effort, FileError,
    encryption::{PBKDF2, Password, hmac_hash, positive, read_oid, read_pbkdf2},
    error::At,
    kdf::{Hash, Purpose},
};
use crate::{
    asn1::{Reader, Writer, tag},
    oid,
};

const PLACE: &str = "the checksum of the PKCS #12 file";
const PBMAC1: ObjectIdentifier = super::oid("1.2.840.113549.1.5.14");
const SHA1: ObjectIdentifier = super::oid("1.3.14.3.2.26");

/// A checksum, read and not yet computed.
pub(super) struct Mac<'a> {
    kind: Kind<'a>,
    tag: &'a [u8],
}

enum Kind<'a> {
    Pkcs12 { hash: Hash, salt: &'a [u8], iterations: u32 },
    Pbmac1 { derivation: Hash, salt: &'a [u8], iterations: u32, length: usize, mac: Hash },
}

impl<'a> Mac<'a> {
    /// Reads the contents of MacData.
    pub(super) fn read(mut reader: Reader<'a>, what: &str) -> Result<Self, FileError> {
        let mut digest = reader.sequence().at(PLACE)?;
        let mut identifier = digest.sequence().at(PLACE)?;
        let tag = digest.expect(tag::OCTET_STRING).at(PLACE)?.value;
        let algorithm = read_oid(&mut identifier).at(PLACE)?;
        if algorithm == PBMAC1 {
            return Ok(Self { kind: Self::read_pbmac1(identifier, what)?, tag });
        }
        let hash = match algorithm {
            SHA1 => Hash::Sha1,
            oid::SHA256 => Hash::Sha256,
            oid::SHA384 => Hash::Sha384,
            oid::SHA512 => Hash::Sha512,
            other => return Err(FileError::unsupported(PLACE, other.to_string())),
        };
        let salt = reader.expect(tag::OCTET_STRING).at(PLACE)?.value;
        let iterations = if reader.is_empty() { 1 } else { positive(&mut reader).at(PLACE)? };
        Ok(Self { kind: Kind::Pkcs12 { hash, salt, iterations }, tag })
    }

    fn read_pbmac1(mut identifier: Reader<'a>, what: &str) -> Result<Kind<'a>, FileError> {
        let mut parameters = identifier.sequence().at(PLACE)?;
        let mut function = parameters.sequence().at(PLACE)?;
        if read_oid(&mut function).at(PLACE)? != PBKDF2 {
            return Err(FileError::unsupported(PLACE, "PBMAC1 without PBKDF2"));
        }
        let (salt, iterations, derivation) = read_pbkdf2(function.sequence().at(PLACE)?, what)?;
        let scheme = read_oid(&mut parameters.sequence().at(PLACE)?).at(PLACE)?;
        let mac = hmac_hash(&scheme).ok_or_else(|| FileError::unsupported(PLACE, scheme.to_string()))?;
        let length = match mac {
            Hash::Sha384 => 48,
            Hash::Sha512 => 64,
            Hash::Sha1 => 20,
            _ => 32,
        };
        Ok(Kind::Pbmac1 { derivation, salt, iterations, length, mac })
    }

    /// Whether it is the checksum of `content` under this passphrase.
    pub(super) fn verifies(
        &self,
        content: &[u8],
        password: &Password,
        what: &str,
        effort: &mut Effort,
    ) -> Result<bool, FileError> {
        let (hash, key) = match &self.kind {
            Kind::Pkcs12 { hash, salt, iterations } => {
                effort.spend(what, u64::from(*iterations), 1)?;
                let length = hash.of(&[]).len();
                (*hash, Some(hash.pkcs12(Purpose::Mac, password.utf16(), salt, *iterations, length)))
            }
            Kind::Pbmac1 { derivation, salt, iterations, length, mac } => {
                effort.spend(what, u64::from(*iterations), 1)?;
                (*mac, derivation.pbkdf2(password.utf8(), salt, *iterations, *length))
            }
        };
        Ok(key.is_some_and(|key| hash.hmac_verifies(&key, content, self.tag)))
    }
}

/// Writes MacData.
pub(super) fn write(
    writer: &mut Writer,
    hash: Hash,
    content: &[u8],
    password: &Password,
    salt: &[u8],
    iterations: u32,
) {
    let key = hash.pkcs12(Purpose::Mac, password.utf16(), salt, iterations, hash.of(&[]).len());
    writer.sequence(|mac_data| {
        mac_data.sequence(|digest| {
            digest.sequence(|identifier| {
                identifier.oid(if hash == Hash::Sha1 { SHA1 } else { oid::SHA256 }).put(tag::NULL, &[]);
            });
            digest.put(tag::OCTET_STRING, &hash.hmac_of(&key, content));
        });
        mac_data.put(tag::OCTET_STRING, salt);
        mac_data.unsigned(iterations);
    });
}
