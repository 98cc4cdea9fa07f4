//! What PKCS #11 tokens take and give, in the forms of X.509: curves, points, moduli, hashes and signatures.

use aws_lc_rs::digest;
use contracts::x509::{KeyAlgorithm, SignatureAlgorithm};

use crate::{
    asn1::{Writer, tag},
    oid,
};

/// The curve's name as `CKA_EC_PARAMS` has it: an OBJECT IDENTIFIER in DER. None for what is no ECDSA key.
#[must_use]
pub fn curve(algorithm: KeyAlgorithm) -> Option<Vec<u8>> {
    let mut writer = Writer::default();
    writer.oid(named_curve(algorithm)?);
    Some(writer.finish())
}

/// The SubjectPublicKeyInfo of an ECDSA key, given `CKA_EC_POINT`: an uncompressed point in an OCTET STRING, or, as some
/// tokens have it, bare. None for what is neither.
#[must_use]
pub fn ecdsa_spki(algorithm: KeyAlgorithm, ec_point: &[u8]) -> Option<Vec<u8>> {
    let (curve, length) = (named_curve(algorithm)?, 1 + 2 * coordinate(algorithm)?);
    // Both begin with 4: the tag of an OCTET STRING, and the mark of an uncompressed point. Their lengths differ.
    let point = if ec_point.len() == length {
        ec_point
    } else {
        let mut wrapped = Writer::default();
        let point = ec_point.get(ec_point.len().checked_sub(length)?..)?;
        wrapped.put(tag::OCTET_STRING, point);
        (wrapped.finish() == ec_point).then_some(point)?
    };
    let mut writer = Writer::default();
    writer.sequence(|spki| {
        spki.sequence(|identifier| {
            identifier.oid(oid::EC_PUBLIC_KEY).oid(curve);
        });
        spki.octets_in_bits(point);
    });
    Some(writer.finish())
}

/// The SubjectPublicKeyInfo of an RSA key, given `CKA_MODULUS` and `CKA_PUBLIC_EXPONENT`, most significant byte first.
#[must_use]
pub fn rsa_spki(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let mut key = Writer::default();
    key.sequence(|key| {
        key.put(tag::INTEGER, &positive(modulus)).put(tag::INTEGER, &positive(exponent));
    });
    let key = key.finish();
    let mut writer = Writer::default();
    writer.sequence(|spki| {
        spki.sequence(|identifier| {
            identifier.oid(oid::RSA_ENCRYPTION).put(tag::NULL, &[]);
        });
        spki.octets_in_bits(&key);
    });
    writer.finish()
}

/// What a token signs for a message: its hash for `CKM_ECDSA`, a DigestInfo (RFC 8017 §9.2) for `CKM_RSA_PKCS`. None for
/// Ed25519 and PSS.
#[must_use]
pub fn to_be_signed(algorithm: SignatureAlgorithm, message: &[u8]) -> Option<Vec<u8>> {
    use SignatureAlgorithm as S;
    let (hash, name) = match algorithm {
        S::EcdsaSha256 | S::RsaSha256 => (&digest::SHA256, oid::SHA256),
        S::EcdsaSha384 | S::RsaSha384 => (&digest::SHA384, oid::SHA384),
        S::EcdsaSha512 | S::RsaSha512 => (&digest::SHA512, oid::SHA512),
        S::Ed25519 | S::RsaPssSha256 | S::RsaPssSha384 | S::RsaPssSha512 => return None,
    };
    let hash = digest::digest(hash, message);
    if matches!(algorithm, S::EcdsaSha256 | S::EcdsaSha384 | S::EcdsaSha512) {
        return Some(hash.as_ref().to_vec());
    }
    let mut info = Writer::default();
    info.sequence(|info| {
        info.sequence(|identifier| {
            identifier.oid(name).put(tag::NULL, &[]);
        });
        info.put(tag::OCTET_STRING, hash.as_ref());
    });
    Some(info.finish())
}

/// A signature of ECDSA as X.509 carries it (RFC 3279 §2.2.3), given `r ‖ s`. None for an odd or empty length.
#[must_use]
pub fn ecdsa_signature(raw: &[u8]) -> Option<Vec<u8>> {
    if raw.is_empty() || raw.len() % 2 == 1 {
        return None;
    }
    let (r, s) = raw.split_at(raw.len() / 2);
    let mut writer = Writer::default();
    writer.sequence(|signature| {
        signature.put(tag::INTEGER, &positive(r)).put(tag::INTEGER, &positive(s));
    });
    Some(writer.finish())
}

const fn coordinate(algorithm: KeyAlgorithm) -> Option<usize> {
    match algorithm {
        KeyAlgorithm::EcdsaP256 => Some(32),
        KeyAlgorithm::EcdsaP384 => Some(48),
        KeyAlgorithm::EcdsaP521 => Some(66),
        _ => None,
    }
}

const fn named_curve(algorithm: KeyAlgorithm) -> Option<const_oid::ObjectIdentifier> {
    match algorithm {
        KeyAlgorithm::EcdsaP256 => Some(oid::P256),
        KeyAlgorithm::EcdsaP384 => Some(oid::P384),
        KeyAlgorithm::EcdsaP521 => Some(oid::P521),
        _ => None,
    }
}

/// The contents of an INTEGER that is not negative, in their shortest form.
fn positive(bytes: &[u8]) -> Vec<u8> {
    let digits = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
    let sign = digits.first().is_none_or(|first| *first >= 0x80);
    [if sign { &[0][..] } else { &[] }, digits].concat()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        encoding::{AsDer, PublicKeyX509Der},
        rand::SystemRandom,
        rsa,
        signature::{self, EcdsaKeyPair, KeyPair as _},
    };

    use super::*;
    use crate::{algorithm::SignatureScheme, spki::PublicKey};

    #[test]
    fn points_become_what_another_writes_of_the_same_key() {
        let of = [
            (
                KeyAlgorithm::EcdsaP256,
                &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
                SignatureAlgorithm::EcdsaSha256,
            ),
            (
                KeyAlgorithm::EcdsaP384,
                &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
                SignatureAlgorithm::EcdsaSha384,
            ),
            (
                KeyAlgorithm::EcdsaP521,
                &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
                SignatureAlgorithm::EcdsaSha512,
            ),
        ];
        for (algorithm, curve, signs) in of {
            let pair = EcdsaKeyPair::generate(curve).unwrap();
            let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
            let point = pair.public_key().as_ref();
            assert_eq!(ecdsa_spki(algorithm, point).as_deref(), Some(der.as_ref()), "bare");
            let mut wrapped = Writer::default();
            wrapped.put(tag::OCTET_STRING, point);
            let wrapped = wrapped.finish();
            assert_eq!(ecdsa_spki(algorithm, &wrapped).as_deref(), Some(der.as_ref()), "in an OCTET STRING");
            for wrong in [&wrapped[1..], &point[1..], &[]] {
                assert_eq!(ecdsa_spki(algorithm, wrong), None);
            }
            let raw = pair.sign(&SystemRandom::new(), b"message").unwrap();
            let signature = ecdsa_signature(raw.as_ref()).unwrap();
            let scheme = SignatureScheme { algorithm: signs, salt: None };
            assert_eq!(PublicKey::read(der.as_ref()).unwrap().verify(scheme, b"message", &signature), Ok(()));
        }
        assert_eq!(ecdsa_spki(KeyAlgorithm::Ed25519, &[4; 65]), None);
    }

    #[test]
    fn an_rsa_key_becomes_what_another_writes_of_it() {
        let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        let modulus = pair.public_key().modulus().big_endian_without_leading_zero();
        assert_eq!(rsa_spki(modulus, &[1, 0, 1]), der.as_ref());
        assert_eq!(rsa_spki(&[&[0], modulus].concat(), &[0, 1, 0, 1]), der.as_ref());
    }

    /// RFC 8017 §9.2, note 1.
    #[test]
    fn a_digest_info_begins_as_the_standard_lists_it() {
        for (algorithm, prefix, length) in [
            (SignatureAlgorithm::RsaSha256, "3031300d060960864801650304020105000420", 32),
            (SignatureAlgorithm::RsaSha384, "3041300d060960864801650304020205000430", 48),
            (SignatureAlgorithm::RsaSha512, "3051300d060960864801650304020305000440", 64),
        ] {
            let info = to_be_signed(algorithm, b"").unwrap();
            assert_eq!(hex::encode(&info[..info.len() - length]), prefix);
        }
        assert_eq!(to_be_signed(SignatureAlgorithm::Ed25519, b""), None);
    }

    #[test]
    fn numbers_keep_their_sign_and_lose_their_zeros() {
        assert_eq!(ecdsa_signature(&[0, 0x7f, 0x80, 1]), Some(vec![0x30, 8, 2, 1, 0x7f, 2, 3, 0, 0x80, 1]));
        assert_eq!(ecdsa_signature(&[0, 0, 0, 0]), Some(vec![0x30, 6, 2, 1, 0, 2, 1, 0]));
        assert_eq!((ecdsa_signature(&[1, 2, 3]), ecdsa_signature(&[])), (None, None));
    }
}
