//! From a passphrase to a key, in the ways files have. None of them checks its number of iterations: callers spend
//! [`super::Effort`] first.

use std::num::NonZeroU32;

use aws_lc_rs::{
    digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512},
    hmac, pbkdf2,
};
use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

/// The hash functions of key derivations and checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    const fn aws(self) -> Option<&'static digest::Algorithm> {
        match self {
            Self::Md5 => None,
            Self::Sha1 => Some(&SHA1_FOR_LEGACY_USE_ONLY),
            Self::Sha256 => Some(&SHA256),
            Self::Sha384 => Some(&SHA384),
            Self::Sha512 => Some(&SHA512),
        }
    }

    pub(super) fn of(self, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self.aws() {
            Some(algorithm) => {
                let mut context = digest::Context::new(algorithm);
                parts.iter().for_each(|part| context.update(part));
                context.finish().as_ref().to_vec()
            }
            None => {
                let mut hash = Md5::new();
                parts.iter().for_each(|part| hash.update(part));
                hash.finalize().to_vec()
            }
        })
    }

    const fn hmac(self) -> Option<hmac::Algorithm> {
        match self {
            Self::Md5 => None,
            Self::Sha1 => Some(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
            Self::Sha256 => Some(hmac::HMAC_SHA256),
            Self::Sha384 => Some(hmac::HMAC_SHA384),
            Self::Sha512 => Some(hmac::HMAC_SHA512),
        }
    }

    /// Whether `tag` is the HMAC of `message`, compared in constant time.
    pub(super) fn hmac_verifies(self, key: &[u8], message: &[u8], tag: &[u8]) -> bool {
        let Some(algorithm) = self.hmac() else { return false };
        hmac::verify(&hmac::Key::new(algorithm, key), message, tag).is_ok()
    }

    /// The HMAC of `message`; empty for MD5, which is not used so.
    pub(super) fn hmac_of(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        self.hmac().map_or_else(Vec::new, |algorithm| {
            hmac::sign(&hmac::Key::new(algorithm, key), message).as_ref().to_vec()
        })
    }

    /// PBKDF2 with HMAC (RFC 8018 §5.2); `None` without a hash for it, or with none or too many iterations.
    pub(super) fn pbkdf2(
        self,
        password: &[u8],
        salt: &[u8],
        iterations: u32,
        length: usize,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let algorithm = match self {
            Self::Md5 => return None,
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha384 => pbkdf2::PBKDF2_HMAC_SHA384,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        };
        let mut key = Zeroizing::new(vec![0; length]);
        pbkdf2::derive(algorithm, NonZeroU32::new(iterations)?, salt, password, &mut key);
        Some(key)
    }

    /// PBKDF1 (RFC 8018 §5.1), as long as the hash.
    pub(super) fn pbkdf1(self, password: &[u8], salt: &[u8], iterations: u32) -> Zeroizing<Vec<u8>> {
        let mut key = self.of(&[password, salt]);
        for _ in 1..iterations {
            key = self.of(&[&key]);
        }
        key
    }

    /// The derivation of PKCS #12 (RFC 7292, appendix B.2). `password` is its UTF-16 with two zero bytes at the end.
    pub(super) fn pkcs12(
        self,
        purpose: Purpose,
        password: &[u8],
        salt: &[u8],
        iterations: u32,
        length: usize,
    ) -> Zeroizing<Vec<u8>> {
        let block = match self {
            Self::Md5 | Self::Sha1 | Self::Sha256 => 64,
            Self::Sha384 | Self::Sha512 => 128,
        };
        let diversifier = [purpose as u8; 128];
        let mut input = Zeroizing::new(stretched(salt, block));
        input.extend_from_slice(&Zeroizing::new(stretched(password, block)));
        let mut key = Zeroizing::new(Vec::with_capacity(length + 64));
        while key.len() < length {
            let mut hash = self.of(&[&diversifier[..block], &input]);
            for _ in 1..iterations {
                hash = self.of(&[&hash]);
            }
            key.extend_from_slice(&hash);
            for chunk in input.chunks_exact_mut(block) {
                add_with_one(chunk, &hash);
            }
        }
        key.truncate(length);
        key
    }

    /// OpenSSL's `EVP_BytesToKey` with one iteration, as its own encryption of PEM has it.
    pub(super) fn openssl(self, password: &[u8], salt: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
        let mut key = Zeroizing::new(Vec::with_capacity(length + 64));
        let mut hash = Zeroizing::new(vec![]);
        while key.len() < length {
            hash = self.of(&[&hash, password, salt]);
            key.extend_from_slice(&hash);
        }
        key.truncate(length);
        key
    }
}

/// What PKCS #12 derives a key for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Key = 1,
    InitializationVector = 2,
    Mac = 3,
}

/// `bytes` again and again up to a multiple of the block; nothing stays nothing.
fn stretched(bytes: &[u8], block: usize) -> Vec<u8> {
    bytes.iter().copied().cycle().take(bytes.len().div_ceil(block) * block).collect()
}

/// chunk = chunk + hash repeated + 1, as a number with the first byte on top.
fn add_with_one(chunk: &mut [u8], hash: &[u8]) {
    let mut carry = 1;
    for at in (0..chunk.len()).rev() {
        let sum = u16::from(chunk[at]) + u16::from(hash[at % hash.len()]) + carry;
        chunk[at] = sum as u8;
        carry = sum >> 8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of Bouncy Castle's and RSA's own test of the derivation.
    #[test]
    fn pkcs12_derives_as_others_do() {
        let password = hex::decode("0073006d006500670000").unwrap();
        let key = |purpose, salt: &str, iterations, length| {
            hex::encode(&*Hash::Sha1.pkcs12(
                purpose,
                &password,
                &hex::decode(salt).unwrap(),
                iterations,
                length,
            ))
        };
        assert_eq!(
            key(Purpose::Key, "0a58cf64530d823f", 1, 24),
            "8aaae6297b6cb04642ab5b077851284eb7128f1a2a7fbca3"
        );
        assert_eq!(key(Purpose::InitializationVector, "0a58cf64530d823f", 1, 8), "79993dfe048d3b76");
        assert_eq!(
            key(Purpose::Key, "642b99ab44fb4b1f", 1, 24),
            "f3a95fec48d7711e985cfe67908c5ab79fa3d7c5caa5d966"
        );
    }
}
