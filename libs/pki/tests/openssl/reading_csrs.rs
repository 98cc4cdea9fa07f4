//! CSRs as people make them are read, whatever key, hash and form.

use contracts::x509::{
    ExtendedKeyUsage, HashAlgorithm, KeyAlgorithm, KeyUsage, SignatureAlgorithm as S, Subject, SubjectAltName,
};
use pki::CertificationRequest;

use crate::support::{Openssl, der, hash_name};

fn dns(name: &str) -> SubjectAltName {
    SubjectAltName::Dns(name.into())
}

fn ip(address: &str) -> SubjectAltName {
    SubjectAltName::Ip(address.parse().unwrap())
}

fn read(csr: &[u8]) -> CertificationRequest {
    CertificationRequest::read(csr)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(csr)))
}

#[test]
fn every_curve_goes_with_every_hash() {
    let openssl = Openssl::new();
    for key in [KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::EcdsaP521] {
        openssl.key("key", key);
        for (hash, signature) in [
            (HashAlgorithm::Sha256, S::EcdsaSha256),
            (HashAlgorithm::Sha384, S::EcdsaSha384),
            (HashAlgorithm::Sha512, S::EcdsaSha512),
        ] {
            let csr = read(&openssl.csr("key", "/CN=a.example", &format!("-{}", hash_name(hash)), &[]));
            assert_eq!((csr.key_algorithm(), csr.signature_algorithm()), (key, signature));
            assert_eq!(csr.spki(), openssl.spki("key"));
        }
    }
    openssl.key("key", KeyAlgorithm::Ed25519);
    let csr = read(&openssl.csr("key", "/CN=a.example", "", &[]));
    assert_eq!((csr.key_algorithm(), csr.signature_algorithm()), (KeyAlgorithm::Ed25519, S::Ed25519));
}

#[test]
fn every_rsa_size_goes_with_every_hash_padding_and_salt() {
    let openssl = Openssl::new();
    for key in [KeyAlgorithm::Rsa2048, KeyAlgorithm::Rsa3072, KeyAlgorithm::Rsa4096] {
        openssl.key("key", key);
        for (hash, pkcs1, pss) in [
            (HashAlgorithm::Sha256, S::RsaSha256, S::RsaPssSha256),
            (HashAlgorithm::Sha384, S::RsaSha384, S::RsaPssSha384),
            (HashAlgorithm::Sha512, S::RsaSha512, S::RsaPssSha512),
        ] {
            let hash = hash_name(hash);
            for (options, signature) in [
                (String::new(), pkcs1),
                ("-sigopt rsa_padding_mode:pss".to_owned(), pss),
                ("-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:-1".to_owned(), pss),
                ("-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:17".to_owned(), pss),
            ] {
                let csr = read(&openssl.csr("key", "/CN=a.example", &format!("-{hash} {options}"), &[]));
                assert_eq!((csr.key_algorithm(), csr.signature_algorithm()), (key, signature), "{options}");
            }
        }
    }
}

#[test]
fn the_samples_of_the_guide_are_read_with_their_names() {
    let openssl = Openssl::new();
    openssl.key("rsa.key", KeyAlgorithm::Rsa2048);
    openssl.run("ecparam -name prime256v1 -genkey -noout -out ec.key");

    let csr = read(&openssl.csr("rsa.key", "/CN=shop.example.com/O=Example Inc/C=US", "", &[]));
    assert_eq!(csr.effective_sans(), [dns("shop.example.com")]);
    assert!(csr.sans().is_empty());
    assert_eq!(csr.subject().organization.as_deref(), Some("Example Inc"));

    let csr = read(&openssl.csr("rsa.key", "/CN=existing.example.com", "", &[]));
    assert_eq!(csr.effective_sans(), [dns("existing.example.com")]);

    let names = "subjectAltName=DNS:a.example.com,DNS:b.example.com,IP:192.0.2.7,IP:2001:db8::7";
    let csr = read(&openssl.csr("rsa.key", "/CN=a.example.com", "", &["-addext", names]));
    let expected = [dns("a.example.com"), dns("b.example.com"), ip("192.0.2.7"), ip("2001:db8::7")];
    assert_eq!(csr.effective_sans(), expected);

    let csr = read(&openssl.csr("ec.key", "/CN=ec.example.com", "", &[]));
    assert_eq!(csr.effective_sans(), [dns("ec.example.com")]);

    let subject = "/C=US/ST=California/L=San Francisco/O=Example Inc/OU=Web/OU=Ops/CN=full.example.com";
    let names = "subjectAltName=DNS:full.example.com,DNS:www.full.example.com";
    let csr = read(&openssl.csr("ec.key", subject, "", &["-addext", names]));
    assert_eq!(csr.effective_sans(), [dns("full.example.com"), dns("www.full.example.com")]);
    let expected = Subject {
        common_name: Some("full.example.com".into()),
        organization: Some("Example Inc".into()),
        organizational_unit: vec!["Web".into(), "Ops".into()],
        country: Some("US".into()),
        state: Some("California".into()),
        locality: Some("San Francisco".into()),
    };
    assert_eq!(*csr.subject(), expected);
}

#[test]
fn multi_valued_rdns_and_other_scripts_are_read() {
    let openssl = Openssl::new();
    openssl.key("key", KeyAlgorithm::EcdsaP256);
    let csr = read(&openssl.csr("key", "/O=Bücher+OU=Läden/CN=b.example", "-utf8 -multivalue-rdn", &[]));
    assert_eq!(csr.subject().organization.as_deref(), Some("Bücher"));
    assert_eq!(csr.subject().organizational_unit, ["Läden"]);
    let ours = pki::name::to_text(csr.subject_der());
    openssl.write("csr", csr.to_pem());
    let theirs = openssl.run("req -in csr -noout -subject -nameopt RFC2253,-esc_msb,utf8");
    assert_eq!(format!("subject={ours}"), String::from_utf8(theirs).unwrap().trim());
}

#[test]
fn a_name_is_taken_from_the_common_name_only_when_it_is_a_host_and_none_was_asked_for() {
    let openssl = Openssl::new();
    openssl.key("key", KeyAlgorithm::EcdsaP256);
    let sans = |subject: &str, more: &[&str]| read(&openssl.csr("key", subject, "", more)).effective_sans();
    assert_eq!(sans("/CN=*.example.com", &[]), [dns("*.example.com")]);
    assert_eq!(sans("/CN=localhost", &[]), [dns("localhost")]);
    assert_eq!(sans("/CN=Alice Example", &[]), []);
    assert_eq!(sans("/CN=alice", &[]), []);
    assert_eq!(sans("/O=Example", &[]), []);
    assert_eq!(sans("/CN=a.example", &["-addext", "subjectAltName=IP:192.0.2.1"]), [ip("192.0.2.1")]);
    assert_eq!(sans("/", &["-addext", "subjectAltName=DNS:only.example"]), [dns("only.example")]);
}

#[test]
fn requested_extensions_are_seen_and_unknown_ones_left_alone() {
    let openssl = Openssl::new();
    openssl.key("key", KeyAlgorithm::EcdsaP256);
    let csr = read(&openssl.csr(
        "key",
        "/CN=a.example",
        "",
        &[
            "-addext",
            "keyUsage=critical,digitalSignature,keyCertSign,encipherOnly",
            "-addext",
            "extendedKeyUsage=serverAuth,clientAuth,1.3.6.1.4.1.311.20.2.2",
            "-addext",
            "basicConstraints=critical,CA:TRUE",
            "-addext",
            "tlsfeature=status_request",
        ],
    ));
    let requested = csr.requested();
    assert_eq!(requested.key_usages, [KeyUsage::DigitalSignature, KeyUsage::KeyCertSign]);
    assert_eq!(requested.extended_key_usages, [ExtendedKeyUsage::ServerAuth, ExtendedKeyUsage::ClientAuth]);
    assert_eq!(requested.other_usages, ["encipherOnly", "1.3.6.1.4.1.311.20.2.2"]);
    assert!(requested.is_ca);
}

#[test]
fn every_form_of_sending_gives_the_same_csr() {
    let openssl = Openssl::new();
    openssl.key("key", KeyAlgorithm::Rsa2048);
    let pem = String::from_utf8(openssl.csr("key", "/CN=a.example", "", &[])).unwrap();
    let expected = read(pem.as_bytes());
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    openssl.write("csr", &pem);
    let with_text = String::from_utf8(openssl.run("req -in csr -text")).unwrap();
    for form in [
        pem.replace('\n', "\r\n"),
        pem.replace('\n', "\\n"),
        pem.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"),
        with_text,
        format!("Dear CA,\n\n{pem}\nregards"),
        body.clone(),
        format!("  {body}\n"),
    ] {
        assert_eq!(read(form.as_bytes()), expected);
    }
    assert_eq!(read(&der(pem.as_bytes())), expected);
    assert_eq!(expected.to_pem(), pem);
}

#[test]
fn a_csr_may_have_32768_bytes_and_no_more() {
    let openssl = Openssl::new();
    openssl.key("key", KeyAlgorithm::EcdsaP256);
    let mut csr = openssl.csr("key", "/CN=a.example", "", &[]);
    csr.resize(32_768, b' ');
    assert!(CertificationRequest::read(&csr).is_ok());
    csr.push(b' ');
    assert_eq!(CertificationRequest::read(&csr).unwrap_err().code(), "csr_too_large");
}

#[test]
fn a_hundred_names_are_read() {
    let openssl = Openssl::new();
    let names = |count: usize| (0..count).map(|n| format!("DNS:n{n}.example")).collect::<Vec<_>>().join(",");
    assert_eq!(read(&openssl.csr_with_san("/CN=n0.example", &names(100))).sans().len(), 100);
    let error = CertificationRequest::read(&openssl.csr_with_san("/CN=n0.example", &names(101))).unwrap_err();
    assert_eq!(error.code(), "san_too_many");
}
