//! What is no CSR, or a bad one, is refused with its own code.

use contracts::x509::{KeyAlgorithm, SignatureAlgorithm};
use pki::{CertificationRequest, CsrError, builder::assemble};

use crate::support::{Openssl, der, parts, replaced, split, tlv};

fn code(input: &[u8]) -> &'static str {
    match CertificationRequest::read(input) {
        Ok(csr) => panic!("accepted: {csr:?}"),
        Err(error) => error.code(),
    }
}

/// A P-256 key `key`, and the DER of a CSR made with it.
fn p256(openssl: &Openssl) -> Vec<u8> {
    openssl.key("key", KeyAlgorithm::EcdsaP256);
    let request = ["-addext", "subjectAltName=DNS:shop.example.com"];
    der(&openssl.csr("key", "/O=Example/CN=shop.example.com", "", &request))
}

/// The CSR signed anew after its contents were changed.
fn resigned(openssl: &Openssl, info: &[u8]) -> Vec<u8> {
    let signature = openssl.sign("key", SignatureAlgorithm::EcdsaSha256, info);
    assemble(info, SignatureAlgorithm::EcdsaSha256, &signature)
}

/// CertificationRequestInfo of a CSR.
fn info(csr: &[u8]) -> Vec<u8> {
    parts(split(csr).1).remove(0)
}

#[test]
fn nothing_is_called_empty() {
    for nothing in ["", " ", "\r\n\t \n", "\\n"] {
        let error = CertificationRequest::read(nothing.as_bytes()).unwrap_err();
        assert_eq!(error, CsrError::Empty);
        assert_eq!(error.to_string(), "CSR cannot be empty");
        assert_eq!(error.violation().pointer.as_deref(), Some("#/csr"));
    }
}

#[test]
fn broken_armour_has_its_cause() {
    let openssl = Openssl::new();
    let csr = p256(&openssl);
    let pem = pki::pem::write("CERTIFICATE REQUEST", &csr);
    let footer = "-----END CERTIFICATE REQUEST-----\n";
    let lines: Vec<&str> = pem.lines().collect();
    let without_line = [&lines[..2], &lines[3..]].concat().join("\n");
    let cut_in_group = format!("{}\n{}\n{footer}", lines[0], &lines[1][..63]);
    for (input, expected) in [
        ("hello".to_owned(), "csr_not_pem"),
        (pem.replace(footer, ""), "csr_no_footer"),
        (pem.replace("END CERT", "END THE CERT"), "csr_no_footer"),
        (pem.replacen('M', "!", 1), "csr_base64_invalid"),
        (cut_in_group, "csr_base64_truncated"),
        (without_line, "csr_der_truncated"),
        (pem.repeat(2), "csr_several"),
        (pem.replace("CERTIFICATE REQUEST", "CERTIFICATE"), "csr_is_certificate"),
        (pem.replace("CERTIFICATE REQUEST", "X509 CRL"), "csr_is_other"),
    ] {
        assert_eq!(code(input.as_bytes()), expected, "{input}");
    }
    assert_eq!(code(&[csr.as_slice(), b"garbage"].concat()), "csr_trailing_bytes");
    assert_eq!(
        code(pki::pem::write("CERTIFICATE REQUEST", &[csr.as_slice(), &[0]].concat()).as_bytes()),
        "csr_trailing_bytes"
    );
    assert_eq!(code(&csr[..csr.len() - 1]), "csr_der_truncated");
    assert_eq!(code(&tlv(0x30, &tlv(0x30, b""))), "csr_der_invalid");
}

#[test]
fn other_files_are_recognized() {
    let openssl = Openssl::new();
    let csr = p256(&openssl);
    openssl.run_with("req -x509 -new -key key -out cert.pem", &["-subj", "/CN=a"]);
    openssl.key("rsa.key", KeyAlgorithm::Rsa2048);
    for (file, expected) in
        [("cert.pem", "csr_is_certificate"), ("key", "csr_is_private_key"), ("rsa.key", "csr_is_private_key")]
    {
        let pem = openssl.read(file);
        assert_eq!(code(&pem), expected);
        assert_eq!(code(&der(&pem)), expected, "as DER");
        let renamed = pki::pem::write("CERTIFICATE REQUEST", &der(&pem));
        assert_eq!(code(renamed.as_bytes()), expected, "under another label");
    }
    for words in ["rsa -in rsa.key -traditional -outform DER", "ec -in key -outform DER"] {
        assert_eq!(code(&openssl.run(words)), "csr_is_private_key");
    }
    let both = [pki::pem::write("CERTIFICATE REQUEST", &csr).into_bytes(), openssl.read("key")].concat();
    assert_eq!(code(&both), "csr_is_private_key", "the owner must learn that the key is disclosed");
}

#[test]
fn weak_and_unknown_keys_are_refused() {
    let openssl = Openssl::new();
    for (options, expected) in [
        ("RSA -pkeyopt rsa_keygen_bits:1024", "rsa_size_unsupported"),
        ("RSA -pkeyopt rsa_keygen_bits:2056", "rsa_size_unsupported"),
        ("RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3", "rsa_exponent_unsupported"),
        ("RSA-PSS -pkeyopt rsa_keygen_bits:2048", "key_algorithm_unsupported"),
        ("EC -pkeyopt ec_paramgen_curve:secp256k1", "curve_unsupported"),
        ("EC -pkeyopt ec_paramgen_curve:P-224", "curve_unsupported"),
        ("EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit", "curve_unsupported"),
        ("ED448", "key_algorithm_unsupported"),
    ] {
        openssl.run(&format!("genpkey -algorithm {options} -out key"));
        assert_eq!(code(&openssl.csr("key", "/CN=a.example", "", &[])), expected, "{options}");
    }
    openssl.key("long", KeyAlgorithm::EcdsaP256);
    openssl.run("ec -in long -conv_form compressed -out key");
    assert_eq!(code(&openssl.csr("key", "/CN=a.example", "", &[])), "point_invalid", "compressed");
}

#[test]
fn impossible_keys_are_refused_before_their_signature_is_looked_at() {
    let openssl = Openssl::new();
    let csr = p256(&openssl);
    let spki = openssl.spki("key");
    let point = &spki[spki.len() - 64..];
    let mut off_curve = point.to_vec();
    off_curve[63] ^= 1;
    assert_eq!(code(&replaced(&csr, point, &off_curve)), "point_invalid");
    assert_eq!(code(&replaced(&csr, point, &[0; 64])), "point_invalid");
    assert_eq!(code(&replaced(&csr, point, &[0xff; 64])), "point_invalid");

    openssl.key("ed", KeyAlgorithm::Ed25519);
    let csr = der(&openssl.csr("ed", "/CN=a.example", "", &[]));
    let spki = openssl.spki("ed");
    let mut small_order = [0; 32];
    small_order[0] = 1; // the neutral element: verifies anything
    assert_eq!(code(&replaced(&csr, &spki[spki.len() - 32..], &small_order)), "ed25519_key_invalid");

    openssl.key("rsa", KeyAlgorithm::Rsa2048);
    let csr = der(&openssl.csr("rsa", "/CN=a.example", "", &[]));
    let spki = openssl.spki("rsa");
    let modulus = &spki[33..33 + 256];
    let mut divisible = modulus.to_vec();
    // One of any three odd numbers in a row is divisible by 3.
    let digits: u32 = modulus.iter().map(|byte| u32::from(*byte)).sum(); // 256 ≡ 1 (mod 3)
    let step = [0, 2, 4].into_iter().find(|step| (digits + step).is_multiple_of(3)).unwrap() as u8;
    match divisible[255].checked_add(step) {
        Some(sum) => divisible[255] = sum,
        None => divisible[255] -= 6 - step,
    }
    assert_eq!(code(&replaced(&csr, modulus, &divisible)), "rsa_small_factor");
    let mut even = modulus.to_vec();
    even[255] &= 0xfe;
    assert_eq!(code(&replaced(&csr, modulus, &even)), "rsa_small_factor");
}

#[test]
fn the_signature_must_be_the_keys_and_of_an_accepted_kind() {
    let openssl = Openssl::new();
    let csr = p256(&openssl);
    assert_eq!(code(&replaced(&csr, b"shop.example.com", b"shoq.example.com")), "csr_signature_invalid");
    let mut signature = csr.clone();
    *signature.last_mut().unwrap() ^= 1;
    assert_eq!(code(&signature), "csr_signature_invalid");

    assert_eq!(code(&openssl.csr("key", "/CN=a.example", "-sha1", &[])), "signature_algorithm_unsupported");
    openssl.key("rsa", KeyAlgorithm::Rsa2048);
    for options in ["-sha1", "-md5", "-sha224", "-sha3-256", "-sha1 -sigopt rsa_padding_mode:pss"] {
        let csr = openssl.csr("rsa", "/CN=a.example", options, &[]);
        assert_eq!(code(&csr), "signature_algorithm_unsupported", "{options}");
    }
    let sha1 = CertificationRequest::read(&openssl.csr("rsa", "/CN=a.example", "-sha1", &[])).unwrap_err();
    assert!(
        sha1.to_string().starts_with("signature algorithm rsa_sha1 is not accepted; accepted are"),
        "{sha1}"
    );

    // RSA's name on an ECDSA signature.
    let parts = parts(split(&csr).1);
    let rsa_name = hex::decode("300d06092a864886f70d01010b0500").unwrap();
    let mixed = tlv(0x30, &[parts[0].as_slice(), &rsa_name, &parts[2]].concat());
    assert_eq!(code(&mixed), "csr_signature_invalid");
}

#[test]
fn subjects_that_cannot_be_certified_are_refused() {
    let openssl = Openssl::new();
    let csr = p256(&openssl);
    let changed = |from: &[u8], to: &[u8]| resigned(&openssl, &replaced(&info(&csr), from, to));
    assert!(CertificationRequest::read(&changed(b"Example", b"Exbmple")).is_ok());
    assert_eq!(code(&changed(b"Example", b"Ex\0mple")), "subject_control_character");
    assert_eq!(code(&changed(b"Example", b"Ex\x1bmple")), "subject_control_character");
    assert_eq!(code(&changed(b"\x0c\x07Example", b"\x0c\x07Ex\xffmple")), "subject_encoding");
    assert_eq!(code(&changed(b"\x0c\x07Example", b"\x14\x07Example")), "subject_encoding", "TeletexString");

    let subject = |subject: &str| code(&openssl.csr("key", subject, "-utf8", &[]));
    assert_eq!(subject("/CN=a.example/emailAddress=a@example.com"), "subject_attribute_unsupported");
    assert_eq!(subject("/CN=a.example/serialNumber=1"), "subject_attribute_unsupported");
    assert_eq!(subject("/CN=a.example/CN=b.example"), "subject_attribute_repeated");
    assert_eq!(subject("/C=us/CN=a.example"), "subject_country_invalid");
    assert_eq!(subject("/CN=a.example/O=\u{202e}elpmaxe"), "subject_control_character");
}

#[test]
fn names_that_cannot_be_certified_are_refused() {
    let openssl = Openssl::new();
    for (san, expected) in [
        ("otherName:1.3.6.1.4.1.311.20.2.3;UTF8:alice@example.com", "san_kind_unsupported"),
        ("RID:1.2.3.4", "san_kind_unsupported"),
        ("DNS:a_b.example", "dns_name_invalid"),
        ("DNS:a.*.example", "dns_name_invalid"),
        ("DNS:192.0.2.1", "dns_name_invalid"),
        ("DNS:ok.example,DNS:-bad.example", "dns_name_invalid"),
        ("email:nobody", "email_invalid"),
        ("URI:/relative", "uri_invalid"),
    ] {
        assert_eq!(code(&openssl.csr_with_san("/CN=a.example", san)), expected, "{san}");
    }
    let csr = p256(&openssl);
    // The name stands in the subject too; the extension comes after it.
    let info = info(&csr);
    let last = info.windows(16).rposition(|window| window == b"shop.example.com").unwrap();
    let nul = [&info[..last], b"shop\0example.com", &info[last + 16..]].concat();
    assert_eq!(code(&resigned(&openssl, &nul)), "san_control_character");
}

#[test]
fn a_second_extension_request_is_refused() {
    let openssl = Openssl::new();
    let csr = p256(&openssl);
    let info = info(&csr);
    let fields = parts(split(&info).1);
    let attribute = split(&fields[3]).1;
    let with = |attributes: &[u8]| {
        let info = tlv(0x30, &[fields[..3].concat(), tlv(0xa0, attributes)].concat());
        resigned(&openssl, &info)
    };
    assert!(CertificationRequest::read(&with(attribute)).is_ok());
    assert!(CertificationRequest::read(&with(&[])).is_ok());
    assert_eq!(code(&with(&attribute.repeat(2))), "csr_extension_repeated", "two attributes");

    let inside = parts(split(attribute).1);
    let value = split(&inside[1]).1;
    let two_values = tlv(0x30, &[inside[0].clone(), tlv(0x31, &value.repeat(2))].concat());
    assert_eq!(code(&with(&two_values)), "csr_extension_repeated", "two values");
    let twice = tlv(0x30, &split(value).1.repeat(2));
    let two_extensions = tlv(0x30, &[inside[0].clone(), tlv(0x31, &twice)].concat());
    assert_eq!(code(&with(&two_extensions)), "csr_extension_repeated", "one extension twice");

    let version_2 = tlv(0x30, &[tlv(2, &[1]), fields[1..].concat()].concat());
    assert_eq!(code(&resigned(&openssl, &version_2)), "csr_version");
}
