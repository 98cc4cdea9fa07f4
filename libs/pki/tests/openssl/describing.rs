//! A description says what `openssl x509 -text` says.

use contracts::x509::{KeyAlgorithm, SubjectAltName};
use pki::{Certificate, certificate::CertificateError};

use crate::{
    building::{Ca, addresses, leaf_template, name, noon, sans},
    support::{Openssl, der, replaced},
};

/// What openssl prints for one of its options of `x509`, without the `name=`.
fn field(openssl: &Openssl, option: &str) -> String {
    let text = String::from_utf8(openssl.run(&format!("x509 -in cert.pem -noout -{option}"))).unwrap();
    text.trim().split_once('=').map_or(text.trim().to_owned(), |(_, value)| value.to_owned())
}

#[test]
fn certificates_of_every_key_are_described_like_openssl_does() {
    let openssl = Openssl::new();
    for (algorithm, key, bits, signature) in [
        ("RSA -pkeyopt rsa_keygen_bits:1024", "rsa_1024", Some(1024), "rsa_sha256"),
        ("RSA -pkeyopt rsa_keygen_bits:2048", "rsa_2048", Some(2048), "rsa_sha256"),
        ("EC -pkeyopt ec_paramgen_curve:P-256", "ecdsa_p256", Some(256), "ecdsa_sha256"),
        ("EC -pkeyopt ec_paramgen_curve:P-384", "ecdsa_p384", Some(384), "ecdsa_sha256"),
        ("EC -pkeyopt ec_paramgen_curve:P-521", "ecdsa_p521", Some(521), "ecdsa_sha256"),
        ("EC -pkeyopt ec_paramgen_curve:secp256k1", "ec 1.3.132.0.10", None, "ecdsa_sha256"),
        ("ED25519", "ed25519", Some(256), "ed25519"),
        ("ED448", "ed448", None, "ed448"),
    ] {
        openssl.run(&format!("genpkey -algorithm {algorithm} -out key"));
        let digest = if algorithm.starts_with("ED") { "" } else { "-sha256" };
        openssl.run_with(
            &format!("req -x509 -new -key key -days 30 {digest} -utf8 -out cert.pem"),
            &[
                "-subj",
                "/C=DE/O=Bücher, Inc./OU=a/emailAddress=a@b.example/CN=shop.example.com",
                "-addext",
                "subjectAltName=DNS:shop.example.com,IP:192.0.2.7,otherName:1.2.3.4;UTF8:x",
                "-addext",
                "authorityKeyIdentifier=keyid:always",
                "-addext",
                "basicConstraints=critical,CA:TRUE,pathlen:3",
                "-addext",
                "keyUsage=critical,digitalSignature,keyAgreement,decipherOnly",
                "-addext",
                "extendedKeyUsage=serverAuth,OCSPSigning,1.2.3.4",
                "-addext",
                "authorityInfoAccess=OCSP;URI:http://o.example/,caIssuers;URI:http://i.example/",
                "-addext",
                "crlDistributionPoints=URI:http://c.example/",
            ],
        );
        let certificate = Certificate::read(&openssl.read("cert.pem")).unwrap();
        let said = certificate.describe();
        assert_eq!(
            (said.key_algorithm.as_str(), said.key_bits, said.signature_algorithm.as_str()),
            (key, bits, signature)
        );
        assert_eq!(said.serial_number.to_uppercase(), field(&openssl, "serial"));
        assert_eq!(said.subject, field(&openssl, "subject -nameopt RFC2253,-esc_msb,utf8"));
        assert_eq!(said.issuer, said.subject);
        assert_eq!(said.sha256.to_uppercase(), field(&openssl, "fingerprint -sha256").replace(':', ""));
        assert_eq!(said.sha1.to_uppercase(), field(&openssl, "fingerprint -sha1").replace(':', ""));
        let end = field(&openssl, "enddate -dateopt iso_8601");
        assert_eq!(said.not_after.to_string(), end.replace(' ', "T"));
        let ski = field(&openssl, "ext subjectKeyIdentifier");
        assert_eq!(
            said.subject_key_identifier.as_ref().unwrap().to_uppercase(),
            ski.lines().last().unwrap().trim().replace(':', "")
        );
        assert_eq!(said.authority_key_identifier, said.subject_key_identifier);
        assert_eq!(said.key_usages, ["digitalSignature", "keyAgreement", "decipherOnly"]);
        assert_eq!(said.extended_key_usages, ["serverAuth", "OCSPSigning", "1.2.3.4"]);
        assert_eq!(said.sans, sans());
        assert_eq!(said.other_sans, ["otherName"]);
        assert_eq!(
            (said.ocsp, said.ca_issuers),
            (vec!["http://o.example/".into()], vec!["http://i.example/".into()])
        );
        assert_eq!(said.crl_distribution_points, ["http://c.example/"]);
        assert_eq!((said.is_ca, said.path_length), (true, Some(3)));
        openssl.write("spki", openssl.spki("key"));
        let spki = String::from_utf8(openssl.run("dgst -sha256 -r spki")).unwrap();
        assert_eq!(said.spki_sha256, spki.split_whitespace().next().unwrap());
    }
}

#[test]
fn our_own_certificates_are_described_in_full() {
    let openssl = Openssl::new();
    let root = Ca::root(&openssl, "root", KeyAlgorithm::EcdsaP256);
    let (subject, names, addresses) = (name("shop.example.com"), sans(), addresses());
    let spki = root.certificate.spki().to_vec();
    let (_, der) = root.issue(&openssl, &leaf_template(&subject, &names, &spki, &addresses));
    let said = Certificate::read_der(&der).unwrap().describe();
    assert_eq!(said.version, 3);
    assert_eq!(said.serial_number, "42".repeat(18));
    assert_eq!(said.subject, "CN=shop.example.com,O=Example Inc,C=US");
    assert_eq!(said.issuer, "CN=root,O=Example Inc,C=US");
    assert_eq!(said.not_before, noon());
    assert_eq!(said.key_usages, ["digitalSignature"]);
    assert_eq!(said.extended_key_usages, ["serverAuth"]);
    assert_eq!(said.sans, sans());
    assert_eq!(said.ocsp, addresses.ocsp);
    assert_eq!(said.ca_issuers, addresses.ca_issuers);
    assert_eq!(said.crl_distribution_points, addresses.crl_distribution_points);
    assert!(!said.is_ca);
    assert_eq!(root.certificate.describe().path_length, None);
}

#[test]
fn odd_certificates_are_described_too() {
    let openssl = Openssl::new();
    openssl.key("key", KeyAlgorithm::EcdsaP256);
    let make = |options: &str| {
        openssl.run_with(&format!("req -x509 -new -key key {options} -out cert.pem"), &["-subj", "/CN=a"]);
        Certificate::read(&openssl.read("cert.pem")).unwrap()
    };
    assert_eq!(make("-set_serial -1").serial_hex(), "-01");
    assert_eq!(make("-set_serial -128").serial_hex(), "-80");
    assert_eq!(make("-set_serial -256").serial_hex(), "-0100");
    assert_eq!(make("-set_serial 0").serial_hex(), "00");
    assert_eq!(make("-set_serial 255").serial_hex(), "ff");
    openssl.csr("key", "/CN=a", "-out csr.pem", &[]);
    let version_1 = openssl.run("x509 -req -in csr.pem -signkey key -set_serial 5");
    assert_eq!(Certificate::read(&version_1).unwrap().describe().version, 1);
}

#[test]
fn timestamps_of_logs_are_found() {
    let openssl = Openssl::new();
    openssl.key("key", KeyAlgorithm::EcdsaP256);
    // RFC 6962 §3.3: version 1, log id of 32 bytes, 2026-03-01T12:00:00Z in milliseconds, no extensions, a signature.
    let one = format!("00{}{:016x}0000{}", "ab".repeat(32), noon().unix() * 1000 + 7, "0403000101");
    let list = format!("{:04x}{:04x}{one}", one.len() / 2 + 2, one.len() / 2);
    let value = format!("1.3.6.1.4.1.11129.2.4.2=DER:04{:02x}{list}", list.len() / 2);
    openssl.run_with("req -x509 -new -key key -out cert.pem", &["-subj", "/CN=a", "-addext", &value]);
    let said = Certificate::read(&openssl.read("cert.pem")).unwrap().describe();
    let [timestamp] = said.signed_certificate_timestamps.as_slice() else { panic!("{said:?}") };
    assert_eq!((timestamp.log_id.as_str(), timestamp.at), ("ab".repeat(32).as_str(), noon()));
}

#[test]
fn what_is_no_certificate_is_refused() {
    let openssl = Openssl::new();
    openssl.key("key", KeyAlgorithm::EcdsaP256);
    assert_eq!(Certificate::read(&openssl.read("key")), Err(CertificateError::NotCertificate));
    assert!(matches!(
        Certificate::read(&openssl.csr("key", "/CN=a", "", &[])),
        Err(CertificateError::NotCertificate)
    ));
    assert!(matches!(Certificate::read(b""), Err(CertificateError::Pem(_))));
    assert!(matches!(Certificate::read_der(&[0x30; 65_537]), Err(CertificateError::TooLarge(65_537))));
    openssl.run_with(
        "req -x509 -new -key key -out cert.pem",
        &["-subj", "/CN=a", "-addext", "subjectAltName=DNS:a.example"],
    );
    let der = der(&openssl.read("cert.pem"));
    assert!(matches!(Certificate::read_der(&[der.as_slice(), &[0]].concat()), Err(CertificateError::Der(_))));
    // A name with a NUL is neither hidden nor passed on as a name.
    let nul = Certificate::read_der(&replaced(&der, b"a.example", b"a\0example")).unwrap();
    assert_eq!(nul.sans(), []);
    assert_eq!(nul.describe().other_sans, ["#820961006578616d706c65"]);
    assert_eq!(Certificate::read_der(&der).unwrap().sans(), [SubjectAltName::Dns("a.example".into())]);
}
