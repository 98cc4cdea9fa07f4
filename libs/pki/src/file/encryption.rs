//! Encryption by passphrase: an AlgorithmIdentifier, and what it locks (RFC 8018, RFC 7292 appendix C).

use const_oid::ObjectIdentifier;
use zeroize::Zeroizing;

use super::{
    Draw, Effort, FileError,
    cipher::Cipher,
    error::{At, WriteError},
    kdf::{Hash, Purpose},
};
use crate::asn1::{DerError, Reader, Writer, tag};

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

pub(super) const PBES2: ObjectIdentifier = oid("1.2.840.113549.1.5.13");
pub(super) const PBKDF2: ObjectIdentifier = oid("1.2.840.113549.1.5.12");
const SCRYPT: ObjectIdentifier = oid("1.3.6.1.4.1.11591.4.11");
const AES_128_CBC: ObjectIdentifier = oid("2.16.840.1.101.3.4.1.2");
const AES_192_CBC: ObjectIdentifier = oid("2.16.840.1.101.3.4.1.22");
const AES_256_CBC: ObjectIdentifier = oid("2.16.840.1.101.3.4.1.42");
const DES_EDE3_CBC: ObjectIdentifier = oid("1.2.840.113549.3.7");
const DES_CBC: ObjectIdentifier = oid("1.3.14.3.2.7");
const RC2_CBC: ObjectIdentifier = oid("1.2.840.113549.3.2");
const HMAC_SHA1: ObjectIdentifier = oid("1.2.840.113549.2.7");
const HMAC_SHA256: ObjectIdentifier = oid("1.2.840.113549.2.9");
const HMAC_SHA384: ObjectIdentifier = oid("1.2.840.113549.2.10");
const HMAC_SHA512: ObjectIdentifier = oid("1.2.840.113549.2.11");
const MD5_DES: ObjectIdentifier = oid("1.2.840.113549.1.5.3");
const MD5_RC2: ObjectIdentifier = oid("1.2.840.113549.1.5.6");
const SHA1_DES: ObjectIdentifier = oid("1.2.840.113549.1.5.10");
const SHA1_RC2: ObjectIdentifier = oid("1.2.840.113549.1.5.11");
const PKCS12_TRIPLE_DES: ObjectIdentifier = oid("1.2.840.113549.1.12.1.3");
const PKCS12_RC2_128: ObjectIdentifier = oid("1.2.840.113549.1.12.1.5");
const PKCS12_RC2_40: ObjectIdentifier = oid("1.2.840.113549.1.12.1.6");

/// What scrypt may take in memory (P-2): 128 · N · r bytes.
const MAX_SCRYPT_BYTES: u64 = 128 * 1024 * 1024;

/// A passphrase as the different derivations take it.
pub(super) struct Password {
    /// UTF-8, for PKCS #5.
    utf8: Zeroizing<Vec<u8>>,
    /// UTF-16, high bytes first, and two zero bytes, for PKCS #12.
    utf16: Zeroizing<Vec<u8>>,
}

impl Password {
    pub(super) fn new(text: &str) -> Self {
        let utf16 = text.encode_utf16().chain([0]).flat_map(u16::to_be_bytes).collect();
        Self { utf8: Zeroizing::new(text.as_bytes().to_vec()), utf16: Zeroizing::new(utf16) }
    }

    /// No passphrase at all, which PKCS #12 tells from an empty one.
    pub(super) fn none() -> Self {
        Self { utf8: Zeroizing::default(), utf16: Zeroizing::default() }
    }

    pub(super) fn utf8(&self) -> &[u8] {
        &self.utf8
    }

    pub(super) fn utf16(&self) -> &[u8] {
        &self.utf16
    }

    /// The same with the UTF-16 in the place of UTF-8: how NSS once fed PBES2 in PKCS #12.
    pub(super) fn utf16_throughout(&self) -> Self {
        Self { utf8: self.utf16.clone(), utf16: self.utf16.clone() }
    }
}

/// How something is locked, read and checked, with nothing derived yet.
#[derive(Debug)]
pub(super) struct Encryption<'a> {
    derivation: Derivation<'a>,
    cipher: Cipher,
}

#[derive(Debug)]
enum Derivation<'a> {
    Pbkdf2 { hash: Hash, salt: &'a [u8], iterations: u32, iv: &'a [u8] },
    Scrypt { salt: &'a [u8], log_n: u8, r: u32, p: u32, iv: &'a [u8] },
    Pbkdf1 { hash: Hash, salt: &'a [u8], iterations: u32 },
    Pkcs12 { salt: &'a [u8], iterations: u32 },
}

impl<'a> Encryption<'a> {
    /// Reads the contents of an AlgorithmIdentifier. `what` is locked, for the words of an error.
    pub(super) fn read(identifier: &'a [u8], what: &str) -> Result<Self, FileError> {
        let mut reader = Reader::new(identifier);
        let algorithm = read_oid(&mut reader).at("the encryption's algorithm")?;
        let encryption = match algorithm {
            PBES2 => Self::read_pbes2(reader, what)?,
            MD5_DES => Self::read_pbes1(reader, Hash::Md5, Cipher::Des)?,
            MD5_RC2 => Self::read_pbes1(reader, Hash::Md5, Cipher::Rc2 { key_length: 8 })?,
            SHA1_DES => Self::read_pbes1(reader, Hash::Sha1, Cipher::Des)?,
            SHA1_RC2 => Self::read_pbes1(reader, Hash::Sha1, Cipher::Rc2 { key_length: 8 })?,
            PKCS12_TRIPLE_DES => Self::read_pkcs12(reader, Cipher::TripleDes)?,
            PKCS12_RC2_128 => Self::read_pkcs12(reader, Cipher::Rc2 { key_length: 16 })?,
            PKCS12_RC2_40 => Self::read_pkcs12(reader, Cipher::Rc2 { key_length: 5 })?,
            other => return Err(FileError::unsupported(what.to_owned(), encryption_name(&other))),
        };
        Ok(encryption)
    }

    fn read_pbes2(mut reader: Reader<'a>, what: &str) -> Result<Self, FileError> {
        const PLACE: &str = "the encryption's parameters";
        let mut parameters = reader.sequence().at(PLACE)?;
        let mut derivation = parameters.sequence().at(PLACE)?;
        let mut scheme = parameters.sequence().at(PLACE)?;
        let (cipher, iv) = read_scheme(&mut scheme, what)?;
        let function = read_oid(&mut derivation).at(PLACE)?;
        let mut values = derivation.sequence().at(PLACE)?;
        let derivation = match function {
            PBKDF2 => {
                let (salt, iterations, hash) = read_pbkdf2(values, what)?;
                Derivation::Pbkdf2 { hash, salt, iterations, iv }
            }
            SCRYPT => {
                let salt = values.expect(tag::OCTET_STRING).at(PLACE)?.value;
                let (n, r, p) =
                    (values.small().at(PLACE)?, values.small().at(PLACE)?, values.small().at(PLACE)?);
                if !n.is_power_of_two() || n < 2 || r == 0 || p == 0 {
                    return Err(FileError::damaged(PLACE, "scrypt has impossible costs"));
                }
                let memory = 128_u64.saturating_mul(n.into()).saturating_mul(r.into());
                if memory > MAX_SCRYPT_BYTES {
                    return Err(FileError::TooLarge {
                        what: "the memory that scrypt asks for, in bytes,".into(),
                        found: memory,
                        limit: MAX_SCRYPT_BYTES,
                    });
                }
                Derivation::Scrypt { salt, log_n: n.trailing_zeros() as u8, r, p, iv }
            }
            other => return Err(FileError::unsupported(what.to_owned(), other.to_string())),
        };
        Ok(Self { derivation, cipher })
    }

    fn read_pbes1(reader: Reader<'a>, hash: Hash, cipher: Cipher) -> Result<Self, FileError> {
        let (salt, iterations) = read_salt_and_iterations(reader)?;
        Ok(Self { derivation: Derivation::Pbkdf1 { hash, salt, iterations }, cipher })
    }

    fn read_pkcs12(reader: Reader<'a>, cipher: Cipher) -> Result<Self, FileError> {
        let (salt, iterations) = read_salt_and_iterations(reader)?;
        Ok(Self { derivation: Derivation::Pkcs12 { salt, iterations }, cipher })
    }

    /// Opens what is locked. `Ok(None)`: not with this passphrase.
    pub(super) fn open(
        &self,
        password: &Password,
        locked: &[u8],
        what: &str,
        effort: &mut Effort,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, FileError> {
        let length = self.cipher.key_length();
        let opened = match &self.derivation {
            Derivation::Pbkdf2 { hash, salt, iterations, iv } => {
                effort.spend(what, u64::from(*iterations), 1)?;
                let key = hash.pbkdf2(&password.utf8, salt, *iterations, length);
                key.and_then(|key| self.cipher.decrypt(&key, iv, locked))
            }
            Derivation::Scrypt { salt, log_n, r, p, iv } => {
                let cost = (1_u64 << log_n).saturating_mul((*r).into()).saturating_mul((*p).into());
                effort.spend(what, cost, 1)?;
                let mut key = Zeroizing::new(vec![0; length]);
                let derived = scrypt::Params::new(*log_n, *r, *p)
                    .is_ok_and(|costs| scrypt::scrypt(&password.utf8, salt, &costs, &mut key).is_ok());
                if derived { self.cipher.decrypt(&key, iv, locked) } else { None }
            }
            Derivation::Pbkdf1 { hash, salt, iterations } => {
                effort.spend(what, u64::from(*iterations), 1)?;
                let key = hash.pbkdf1(&password.utf8, salt, *iterations);
                self.cipher.decrypt(&key[..8], &key[8..16], locked)
            }
            Derivation::Pkcs12 { salt, iterations } => {
                effort.spend(what, u64::from(*iterations), if length > 20 { 3 } else { 2 })?;
                let (key, iv) = pkcs12_key(self.cipher, &password.utf16, salt, *iterations);
                self.cipher.decrypt(&key, &iv, locked)
            }
        };
        Ok(opened)
    }
}

fn pkcs12_key(
    cipher: Cipher,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
) -> (Zeroizing<Vec<u8>>, Zeroizing<Vec<u8>>) {
    let derive = |purpose, length| Hash::Sha1.pkcs12(purpose, password, salt, iterations, length);
    (derive(Purpose::Key, cipher.key_length()), derive(Purpose::InitializationVector, cipher.block_length()))
}

/// Salt, iterations and hash of PBKDF2's parameters.
pub(super) fn read_pbkdf2<'a>(
    mut values: Reader<'a>,
    what: &str,
) -> Result<(&'a [u8], u32, Hash), FileError> {
    const PLACE: &str = "the parameters of PBKDF2";
    if !values.next_is(tag::OCTET_STRING) {
        return Err(FileError::unsupported(what.to_owned(), "PBKDF2 with a salt from elsewhere"));
    }
    let salt = values.expect(tag::OCTET_STRING).at(PLACE)?.value;
    let iterations = positive(&mut values).at(PLACE)?;
    values.optional(tag::INTEGER).at(PLACE)?; // the key's length, which the cipher knows
    let hash = match values.optional(tag::SEQUENCE).at(PLACE)? {
        None => Hash::Sha1,
        Some(prf) => match read_oid(&mut Reader::new(prf.value)).at(PLACE)? {
            HMAC_SHA1 => Hash::Sha1,
            HMAC_SHA256 => Hash::Sha256,
            HMAC_SHA384 => Hash::Sha384,
            HMAC_SHA512 => Hash::Sha512,
            other => return Err(FileError::unsupported(what.to_owned(), format!("PBKDF2 with {other}"))),
        },
    };
    Ok((salt, iterations, hash))
}

/// The hash of an HMAC's object identifier.
pub(super) fn hmac_hash(oid: &ObjectIdentifier) -> Option<Hash> {
    match *oid {
        HMAC_SHA1 => Some(Hash::Sha1),
        HMAC_SHA256 => Some(Hash::Sha256),
        HMAC_SHA384 => Some(Hash::Sha384),
        HMAC_SHA512 => Some(Hash::Sha512),
        _ => None,
    }
}

fn read_scheme<'a>(scheme: &mut Reader<'a>, what: &str) -> Result<(Cipher, &'a [u8]), FileError> {
    const PLACE: &str = "the parameters of the cipher";
    let algorithm = read_oid(scheme).at(PLACE)?;
    let cipher = match algorithm {
        AES_128_CBC => Cipher::Aes128,
        AES_192_CBC => Cipher::Aes192,
        AES_256_CBC => Cipher::Aes256,
        DES_EDE3_CBC => Cipher::TripleDes,
        DES_CBC => Cipher::Des,
        RC2_CBC => {
            let mut parameters = scheme.sequence().at(PLACE)?;
            // RFC 8018, appendix B.2.3: what stands for 40, 64 and 128 bits.
            let key_length = match parameters.small().at(PLACE)? {
                160 => 5,
                120 => 8,
                58 => 16,
                other => {
                    return Err(FileError::unsupported(what.to_owned(), format!("RC2 of version {other}")));
                }
            };
            return Ok((Cipher::Rc2 { key_length }, parameters.expect(tag::OCTET_STRING).at(PLACE)?.value));
        }
        other => return Err(FileError::unsupported(what.to_owned(), encryption_name(&other))),
    };
    Ok((cipher, scheme.expect(tag::OCTET_STRING).at(PLACE)?.value))
}

fn read_salt_and_iterations<'a>(mut reader: Reader<'a>) -> Result<(&'a [u8], u32), FileError> {
    const PLACE: &str = "the encryption's parameters";
    let mut parameters = reader.sequence().at(PLACE)?;
    let salt = parameters.expect(tag::OCTET_STRING).at(PLACE)?.value;
    Ok((salt, positive(&mut parameters).at(PLACE)?))
}

/// A whole number of 1 or more; what fits no 32 bits is as many as those have.
pub(super) fn positive(reader: &mut Reader<'_>) -> Result<u32, DerError> {
    let bytes = reader.unsigned()?;
    match bytes.iter().try_fold(0_u32, |n, byte| n.checked_mul(256)?.checked_add(u32::from(*byte))) {
        Some(0) => Err(DerError::Value("number of iterations")),
        Some(number) => Ok(number),
        None => Ok(u32::MAX),
    }
}

pub(super) fn read_oid(reader: &mut Reader<'_>) -> Result<ObjectIdentifier, DerError> {
    let bytes = reader.expect(tag::OID)?.value;
    ObjectIdentifier::from_bytes(bytes).map_err(|_| DerError::Value("object identifier"))
}

fn encryption_name(oid: &ObjectIdentifier) -> String {
    let name = match oid.to_string().as_str() {
        "1.2.840.113549.1.5.1" => "pbeWithMD2AndDES-CBC",
        "1.2.840.113549.1.5.4" => "pbeWithMD2AndRC2-CBC",
        "1.2.840.113549.1.12.1.1" => "pbeWithSHA1And128BitRC4",
        "1.2.840.113549.1.12.1.2" => "pbeWithSHA1And40BitRC4",
        "1.2.840.113549.1.12.1.4" => "pbeWithSHA1And2-KeyTripleDES-CBC",
        "2.16.840.1.101.3.4.1.6" => "AES-128-GCM",
        "2.16.840.1.101.3.4.1.26" => "AES-192-GCM",
        "2.16.840.1.101.3.4.1.46" => "AES-256-GCM",
        "1.2.840.113549.1.5.14" => "PBMAC1",
        other => return other.to_owned(),
    };
    name.to_owned()
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// AES-256 and PBKDF2 with HMAC-SHA-256.
    Pbes2,
    /// Triple DES under PKCS #12's own derivation.
    Pkcs12TripleDes,
}

impl Scheme {
    pub(super) const fn iterations(self) -> u32 {
        match self {
            Self::Pbes2 => 600_000,
            Self::Pkcs12TripleDes => 2048,
        }
    }

    /// AlgorithmIdentifier, DER, and cipher text.
    pub(super) fn encrypt(
        self,
        password: &Password,
        text: &[u8],
        draw: Draw<'_>,
    ) -> Result<(Vec<u8>, Vec<u8>), WriteError> {
        let mut salt = [0; 16];
        draw(&mut salt);
        let iterations = self.iterations();
        let mut identifier = Writer::default();
        let (key, iv, cipher) = match self {
            Self::Pbes2 => {
                let mut iv = Zeroizing::new(vec![0; 16]);
                draw(&mut iv);
                let key = Hash::Sha256.pbkdf2(&password.utf8, &salt, iterations, 32);
                identifier.sequence(|identifier| {
                    identifier.oid(PBES2).sequence(|parameters| {
                        parameters.sequence(|derivation| {
                            derivation.oid(PBKDF2).sequence(|values| {
                                values.put(tag::OCTET_STRING, &salt).unsigned(iterations).sequence(|prf| {
                                    prf.oid(HMAC_SHA256).put(tag::NULL, &[]);
                                });
                            });
                        });
                        parameters.sequence(|scheme| {
                            scheme.oid(AES_256_CBC).put(tag::OCTET_STRING, &iv);
                        });
                    });
                });
                (key.ok_or(WriteError::Failed)?, iv, Cipher::Aes256)
            }
            Self::Pkcs12TripleDes => {
                identifier.sequence(|identifier| {
                    identifier.oid(PKCS12_TRIPLE_DES).sequence(|parameters| {
                        parameters.put(tag::OCTET_STRING, &salt).unsigned(iterations);
                    });
                });
                let (key, iv) = pkcs12_key(Cipher::TripleDes, &password.utf16, &salt, iterations);
                (key, iv, Cipher::TripleDes)
            }
        };
        let locked = cipher.encrypt(&key, &iv, text).ok_or(WriteError::Failed)?;
        Ok((identifier.finish(), locked))
    }

    /// EncryptedPrivateKeyInfo of a PKCS #8 document.
    pub(super) fn lock(
        self,
        password: &Password,
        pkcs8: &[u8],
        draw: Draw<'_>,
    ) -> Result<Vec<u8>, WriteError> {
        let (identifier, locked) = self.encrypt(password, pkcs8, draw)?;
        let mut writer = Writer::with_capacity(locked.len() + identifier.len() + 16);
        writer.sequence(|info| {
            info.raw(&identifier).put(tag::OCTET_STRING, &locked);
        });
        Ok(writer.finish())
    }
}
