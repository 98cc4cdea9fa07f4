//! B1: each kind is what OpenSSL says it is.

use std::{
    collections::HashSet,
    io::Write as _,
    process::{Command, Stdio},
};

use contracts::x509::SignatureAlgorithm;

use super::*;

fn openssl(arguments: &[&str], input: &[u8]) -> String {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What `openssl pkey -text` says of each kind.
fn expected(algorithm: KeyAlgorithm) -> &'static [&'static str] {
    match algorithm {
        KeyAlgorithm::Rsa2048 => &["(2048 bit)", "65537"],
        KeyAlgorithm::Rsa3072 => &["(3072 bit)", "65537"],
        KeyAlgorithm::Rsa4096 => &["(4096 bit)", "65537"],
        KeyAlgorithm::EcdsaP256 => &["(256 bit)", "prime256v1"],
        KeyAlgorithm::EcdsaP384 => &["(384 bit)", "secp384r1"],
        KeyAlgorithm::EcdsaP521 => &["(521 bit)", "secp521r1"],
        KeyAlgorithm::Ed25519 => &["ED25519 Public-Key"],
    }
}

#[test]
fn openssl_reads_every_kind() {
    for &algorithm in KeyAlgorithm::ALL {
        let key = generate(algorithm).unwrap();
        let public = openssl(&["pkey", "-pubin", "-inform", "DER", "-noout", "-text"], &key.spki);
        for word in expected(algorithm) {
            assert!(public.contains(word), "{algorithm}: {public}");
        }
        // The private half is readable too, and belongs to the public one.
        let der = ["pkey", "-inform", "DER", "-pubout", "-outform", "PEM"];
        let from_private = openssl(&der, key.pkcs8.expose());
        let from_public =
            openssl(&["pkey", "-pubin", "-inform", "DER", "-pubout", "-outform", "PEM"], &key.spki);
        assert_eq!(from_private, from_public, "{algorithm}");
    }
}

#[test]
fn keys_are_distinct() {
    let kinds =
        [KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::EcdsaP521, KeyAlgorithm::Ed25519];
    let spki: HashSet<_> = (0..200).map(|i| generate(kinds[i % 4]).unwrap().spki).collect();
    assert_eq!(spki.len(), 200);
}

#[test]
fn a_key_is_not_read_as_another_kind() {
    let pkcs8 = generate(KeyAlgorithm::EcdsaP256).unwrap().pkcs8;
    for &other in KeyAlgorithm::ALL.iter().filter(|kind| **kind != KeyAlgorithm::EcdsaP256) {
        assert_eq!(SigningKey::from_pkcs8(other, &pkcs8).err(), Some(SigningError::NotAKey(other)));
    }
    let pkcs8 = generate(KeyAlgorithm::Rsa2048).unwrap().pkcs8;
    assert!(SigningKey::from_pkcs8(KeyAlgorithm::Rsa3072, &pkcs8).is_err());
}

#[test]
fn every_fitting_signature_verifies_with_openssl() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("message"), b"to be signed").unwrap();
    let cases = [
        (KeyAlgorithm::Rsa2048, SignatureAlgorithm::RsaSha256, Some("sha256")),
        (KeyAlgorithm::Rsa2048, SignatureAlgorithm::RsaSha384, Some("sha384")),
        (KeyAlgorithm::Rsa2048, SignatureAlgorithm::RsaSha512, Some("sha512")),
        (KeyAlgorithm::EcdsaP256, SignatureAlgorithm::EcdsaSha256, Some("sha256")),
        (KeyAlgorithm::EcdsaP384, SignatureAlgorithm::EcdsaSha384, Some("sha384")),
        (KeyAlgorithm::EcdsaP521, SignatureAlgorithm::EcdsaSha512, Some("sha512")),
        (KeyAlgorithm::Ed25519, SignatureAlgorithm::Ed25519, None),
    ];
    for (algorithm, signature, digest) in cases {
        let new = generate(algorithm).unwrap();
        let key = SigningKey::from_pkcs8(algorithm, &new.pkcs8).unwrap();
        std::fs::write(path("signature"), key.sign(signature, b"to be signed").unwrap()).unwrap();
        std::fs::write(path("key"), &new.spki).unwrap();
        let (key, signed, message) = (path("key"), path("signature"), path("message"));
        let mut arguments = vec!["pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", &key];
        arguments.extend(["-rawin", "-in", &message, "-sigfile", &signed]);
        if let Some(digest) = digest {
            arguments.extend(["-digest", digest]);
        }
        assert!(openssl(&arguments, b"").contains("Verified Successfully"), "{algorithm} {signature}");
    }
}

#[test]
fn a_signature_that_does_not_fit_the_key_is_refused() {
    let new = generate(KeyAlgorithm::EcdsaP256).unwrap();
    let key = SigningKey::from_pkcs8(KeyAlgorithm::EcdsaP256, &new.pkcs8).unwrap();
    for signature in
        [SignatureAlgorithm::EcdsaSha384, SignatureAlgorithm::RsaSha256, SignatureAlgorithm::Ed25519]
    {
        let refused = SigningError::DoesNotFit { key: KeyAlgorithm::EcdsaP256, signature };
        assert_eq!(key.sign(signature, b"x"), Err(refused));
    }
    assert!(!signing_key::fits(KeyAlgorithm::Rsa2048, SignatureAlgorithm::RsaPssSha256));
    assert_eq!(format!("{key:?}"), "SigningKey(ecdsa_p256, [redacted])");
}
