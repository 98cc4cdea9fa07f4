//! CSRs that are built are what `openssl req` verifies and prints, for every kind of key.

use contracts::x509::{ExtendedKeyUsage, KeyAlgorithm, KeyUsage, SubjectAltName};
use pki::{
    CertificationRequest, builder,
    name::subject_to_name,
    request::{self, RequestError, RequestTemplate},
};

use crate::{building::name, support::Openssl};

fn names() -> Vec<SubjectAltName> {
    vec![
        SubjectAltName::Dns("shop.example.com".into()),
        SubjectAltName::Ip("192.0.2.10".parse().unwrap()),
        SubjectAltName::Email("ops@example.com".into()),
        SubjectAltName::Uri("spiffe://example.com/shop".into()),
    ]
}

fn template<'a>(subject: &'a [u8], spki: &'a [u8], sans: &'a [SubjectAltName]) -> RequestTemplate<'a> {
    RequestTemplate {
        subject,
        sans,
        spki,
        key_usages: &[KeyUsage::DigitalSignature],
        extended_key_usages: &[ExtendedKeyUsage::ServerAuth],
        challenge_password: Some("correct horse"),
    }
}

#[test]
fn openssl_verifies_and_prints_what_was_asked_for() {
    let openssl = Openssl::new();
    for algorithm in
        [KeyAlgorithm::Rsa2048, KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::Ed25519]
    {
        openssl.key("key", algorithm);
        let (subject, spki, sans) = (name("shop.example.com"), openssl.spki("key"), names());
        let info = request::build(&template(&subject, &spki, &sans)).unwrap();
        let signature = openssl.sign("key", algorithm.default_signature(), &info);
        let der = builder::assemble(&info, algorithm.default_signature(), &signature);
        openssl.write("csr.der", &der);
        let said = openssl.run("req -verify -noout -text -inform DER -in csr.der");
        let said = String::from_utf8_lossy(&said).into_owned();
        for part in [
            "DNS:shop.example.com, IP Address:192.0.2.10, email:ops@example.com, URI:spiffe://example.com/shop",
            "CN = shop.example.com",
            "TLS Web Server Authentication",
            "Digital Signature",
            "correct horse",
        ] {
            assert!(said.contains(part), "{algorithm}: {part} in {said}");
        }
        let read = CertificationRequest::read_der(&der).unwrap();
        assert_eq!((read.sans(), read.spki(), read.subject_der()), (&sans[..], &spki[..], &subject[..]));
        assert_eq!(read.requested().extended_key_usages, [ExtendedKeyUsage::ServerAuth]);
    }
}

#[test]
fn what_cannot_be_asked_for_is_refused() {
    let openssl = Openssl::new();
    openssl.key("key", KeyAlgorithm::EcdsaP256);
    let (subject, spki) = (name("shop.example.com"), openssl.spki("key"));
    let nobody = subject_to_name(&contracts::x509::Subject::default()).unwrap();
    let build = |subject, challenge_password| {
        request::build(&RequestTemplate { challenge_password, ..template(subject, &spki, &[]) })
    };
    assert_eq!(build(&nobody, None), Err(RequestError::Nameless));
    let long = "x".repeat(256);
    for challenge in ["", &long, "two\nlines"] {
        assert_eq!(build(&subject, Some(challenge)), Err(RequestError::Challenge), "{challenge}");
    }
    assert!(build(&subject, Some(&long[1..])).is_ok() && build(&subject, Some("schl\u{fc}ssel")).is_ok());
}
