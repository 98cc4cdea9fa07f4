//! Writing PKCS #12.

use zeroize::Zeroizing;

use super::{
    ANY_EXTENDED_KEY_USAGE, CERTIFICATE_BAG, ENCRYPTED_DATA, FRIENDLY_NAME, LOCAL_KEY_ID, SHROUDED_KEY_BAG,
    TRUSTED_KEY_USAGE, X509_CERTIFICATE, mac,
};
use crate::{
    Certificate,
    asn1::{Writer, tag},
    file::{
        Credential, Draw,
        encryption::{Password, Scheme},
        error::WriteError,
        kdf::Hash,
    },
    oid,
};

/// What a file is locked with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protection {
    /// PBES2 with AES-256 and PBKDF2 of HMAC-SHA-256, 600,000 iterations; the checksum likewise.
    #[default]
    Modern,
    /// SHA-1 and triple DES, 2,048 iterations: for what reads nothing newer. A weak lock, however long the passphrase.
    Legacy,
}

impl Protection {
    const fn scheme(self) -> Scheme {
        match self {
            Self::Modern => Scheme::Pbes2,
            Self::Legacy => Scheme::Pkcs12TripleDes,
        }
    }
}

/// Writes a key, its certificate and the certificates above.
///
/// Errors: without a certificate for the key, and when the cryptographic library fails.
pub fn write(
    credential: &Credential<'_>,
    passphrase: &str,
    protection: Protection,
    draw: Draw<'_>,
) -> Result<Zeroizing<Vec<u8>>, WriteError> {
    let leaf = credential.leaf()?;
    let key_id = Hash::Sha1.of(&[leaf.der()]);
    let password = Password::new(passphrase);

    let mut certificates = Writer::default();
    certificates.sequence(|bags| {
        for (at, certificate) in credential.certificates.iter().enumerate() {
            let is_leaf = at == 0;
            certificate_bag(bags, certificate, |attributes| {
                if is_leaf {
                    name_attribute(attributes, credential.alias);
                    key_id_attribute(attributes, &key_id);
                }
            });
        }
    });
    let locked = protection.scheme().lock(&password, credential.key.pkcs8(), draw)?;
    let mut keys = Writer::default();
    keys.sequence(|bags| {
        bags.sequence(|bag| {
            bag.oid(SHROUDED_KEY_BAG);
            bag.nest(tag::constructed(0), |value| {
                value.raw(&locked);
            });
            bag.nest(tag::SET, |attributes| {
                name_attribute(attributes, credential.alias);
                key_id_attribute(attributes, &key_id);
            });
        });
    });
    assemble(&certificates.finish(), Some(&keys.finish()), &password, protection, draw)
}

/// Writes certificates alone, each with its name, marked as trust anchors for Java.
pub fn write_trusted(
    anchors: &[(&str, &Certificate)],
    passphrase: &str,
    protection: Protection,
    draw: Draw<'_>,
) -> Result<Zeroizing<Vec<u8>>, WriteError> {
    let mut certificates = Writer::default();
    certificates.sequence(|bags| {
        for (alias, certificate) in anchors {
            certificate_bag(bags, certificate, |attributes| {
                name_attribute(attributes, alias);
                attributes.sequence(|attribute| {
                    attribute.oid(TRUSTED_KEY_USAGE).nest(tag::SET, |values| {
                        values.oid(ANY_EXTENDED_KEY_USAGE);
                    });
                });
            });
        }
    });
    assemble(&certificates.finish(), None, &Password::new(passphrase), protection, draw)
}

fn assemble(
    certificates: &[u8],
    keys: Option<&[u8]>,
    password: &Password,
    protection: Protection,
    draw: Draw<'_>,
) -> Result<Zeroizing<Vec<u8>>, WriteError> {
    let (identifier, locked) = protection.scheme().encrypt(password, certificates, draw)?;
    let mut safes = Writer::default();
    safes.sequence(|safes| {
        safes.sequence(|safe| {
            safe.oid(ENCRYPTED_DATA).nest(tag::constructed(0), |explicit| {
                explicit.sequence(|encrypted| {
                    encrypted.put(tag::INTEGER, &[0]).sequence(|info| {
                        info.oid(oid::DATA).raw(&identifier).put(tag::primitive(0), &locked);
                    });
                });
            });
        });
        if let Some(keys) = keys {
            data(safes, keys);
        }
    });
    let safes = safes.finish();
    let mut salt = [0; 16];
    draw(&mut salt);
    let (hash, iterations) = match protection {
        Protection::Modern => (Hash::Sha256, protection.scheme().iterations()),
        Protection::Legacy => (Hash::Sha1, protection.scheme().iterations()),
    };
    let mut pfx = Writer::with_capacity(safes.len() + 128);
    pfx.sequence(|pfx| {
        pfx.put(tag::INTEGER, &[3]);
        data(pfx, &safes);
        mac::write(pfx, hash, &safes, password, &salt, iterations);
    });
    Ok(Zeroizing::new(pfx.finish()))
}

/// ContentInfo of kind data.
fn data(writer: &mut Writer, octets: &[u8]) {
    writer.sequence(|info| {
        info.oid(oid::DATA).nest(tag::constructed(0), |explicit| {
            explicit.put(tag::OCTET_STRING, octets);
        });
    });
}

fn certificate_bag(bags: &mut Writer, certificate: &Certificate, attributes: impl Fn(&mut Writer)) {
    bags.sequence(|bag| {
        bag.oid(CERTIFICATE_BAG).nest(tag::constructed(0), |value| {
            value.sequence(|kind| {
                kind.oid(X509_CERTIFICATE).nest(tag::constructed(0), |explicit| {
                    explicit.put(tag::OCTET_STRING, certificate.der());
                });
            });
        });
        let mut set = Writer::default();
        attributes(&mut set);
        let set = set.finish();
        if !set.is_empty() {
            bag.put(tag::SET, &set);
        }
    });
}

fn name_attribute(attributes: &mut Writer, name: &str) {
    let utf16: Vec<u8> = name.encode_utf16().flat_map(u16::to_be_bytes).collect();
    attributes.sequence(|attribute| {
        attribute.oid(FRIENDLY_NAME).nest(tag::SET, |values| {
            values.put(tag::BMP_STRING, &utf16);
        });
    });
}

fn key_id_attribute(attributes: &mut Writer, key_id: &[u8]) {
    attributes.sequence(|attribute| {
        attribute.oid(LOCAL_KEY_ID).nest(tag::SET, |values| {
            values.put(tag::OCTET_STRING, key_id);
        });
    });
}
