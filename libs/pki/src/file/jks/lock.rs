//! How JKS and JCEKS lock a private key: in an EncryptedPrivateKeyInfo with algorithms of Sun's own.

use const_oid::ObjectIdentifier;
use zeroize::Zeroizing;

use crate::{
    asn1::{Reader, Writer, tag},
    file::{
        Effort, FileError,
        cipher::Cipher,
        encryption::{Encryption, Password, positive, read_oid},
        error::At,
        kdf::Hash,
    },
};

const JKS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.42.2.17.1.1");
const JCEKS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.42.2.19.1");
const SALT_LENGTH: usize = 20;

/// How a key is locked, read and not yet opened.
pub(super) enum Lock<'a> {
    Jks,
    Jceks {
        salt: &'a [u8],
        iterations: u32,
    },
    /// As PKCS #8 has it, which some programs put into a JKS.
    Pkcs8(Encryption<'a>),
}

impl<'a> Lock<'a> {
    /// Reads the contents of an AlgorithmIdentifier.
    pub(super) fn read(identifier: &'a [u8], what: &str) -> Result<Self, FileError> {
        let mut reader = Reader::new(identifier);
        match read_oid(&mut reader).at("the key's lock")? {
            JKS => Ok(Self::Jks),
            JCEKS => {
                let mut parameters = reader.sequence().at("the key's lock")?;
                let salt = parameters.expect(tag::OCTET_STRING).at("the key's lock")?.value;
                if salt.len() != 8 {
                    return Err(FileError::damaged("the key's lock", "its salt has not 8 bytes"));
                }
                Ok(Self::Jceks { salt, iterations: positive(&mut parameters).at("the key's lock")? })
            }
            _ => Encryption::read(identifier, what).map(Self::Pkcs8),
        }
    }

    /// Opens what is locked. `Ok(None)`: not with this passphrase.
    pub(super) fn open(
        &self,
        passphrase: &str,
        locked: &[u8],
        what: &str,
        effort: &mut Effort,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, FileError> {
        match self {
            Self::Jks => Ok(open_jks(passphrase, locked)),
            Self::Jceks { salt, iterations } => {
                effort.spend(what, u64::from(*iterations), 2)?;
                let key = jceks_key(passphrase, salt, *iterations);
                Ok(Cipher::TripleDes.decrypt(&key[..24], &key[24..], locked))
            }
            Self::Pkcs8(encryption) => encryption.open(&Password::new(passphrase), locked, what, effort),
        }
    }
}

/// A passphrase as Java hashes it: UTF-16, high bytes first.
pub(super) fn utf16(passphrase: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(passphrase.encode_utf16().flat_map(u16::to_be_bytes).collect())
}

/// A salt, the key under a key stream of SHA-1, and SHA-1 of passphrase and key.
fn open_jks(passphrase: &str, locked: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (salt, rest) = locked.split_at_checked(SALT_LENGTH)?;
    let (encrypted, check) = rest.split_at_checked(rest.len().checked_sub(20)?)?;
    let password = utf16(passphrase);
    let key = under_key_stream(&password, salt, encrypted);
    (**Hash::Sha1.of(&[&password, &key]) == *check).then_some(key)
}

/// EncryptedPrivateKeyInfo, as JKS has it.
pub(super) fn lock_jks(passphrase: &str, salt: &[u8; SALT_LENGTH], pkcs8: &[u8]) -> Vec<u8> {
    let password = utf16(passphrase);
    let encrypted = under_key_stream(&password, salt, pkcs8);
    let check = Hash::Sha1.of(&[&password, pkcs8]);
    let mut writer = Writer::with_capacity(pkcs8.len() + 80);
    writer.sequence(|info| {
        info.sequence(|identifier| {
            identifier.oid(JKS).put(tag::NULL, &[]);
        });
        info.nest(tag::OCTET_STRING, |octets| {
            octets.raw(salt).raw(&encrypted).raw(&check);
        });
    });
    writer.finish()
}

fn under_key_stream(password: &[u8], salt: &[u8], bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(bytes.to_vec());
    let mut stream = Zeroizing::new(salt.to_vec());
    for chunk in out.chunks_mut(20) {
        stream = Hash::Sha1.of(&[password, &stream]);
        chunk.iter_mut().zip(stream.iter()).for_each(|(byte, mask)| *byte ^= mask);
    }
    out
}

/// MD5 over either half of the salt with the passphrase, again and again: 24 bytes of key and 8 of vector.
fn jceks_key(passphrase: &str, salt: &[u8], iterations: u32) -> Zeroizing<Vec<u8>> {
    let password: Zeroizing<Vec<u8>> =
        Zeroizing::new(passphrase.chars().map(|c| (u32::from(c) & 0x7f) as u8).collect());
    let mut key = Zeroizing::new(Vec::with_capacity(32));
    for half in salt.chunks_exact(4) {
        let mut hash = Zeroizing::new(half.to_vec());
        for _ in 0..iterations {
            hash = Hash::Md5.of(&[&hash, &password]);
        }
        key.extend_from_slice(&hash);
    }
    key
}
