//! Every planted fault is found, under its code. Faults that our builder cannot make are planted in the bytes.

use contracts::x509::{CertificateType, ExtendedKeyUsage, KeyAlgorithm, KeyUsage, SignatureAlgorithm};
use pki::{
    Certificate,
    builder::{self, Addresses, LeafTemplate},
    lint::{Role, Severity, blocks, lint},
    name::subject_to_name,
};

use crate::{
    building::{Ca, leaf_template, name, sans},
    support::{Openssl, parts, replaced, split, tlv},
};

struct Bench {
    ca: Ca,
    tbs: Vec<u8>,
}

impl Bench {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut LeafTemplate<'_>)) -> Self {
        let openssl = Openssl::new();
        let ca = Ca::root(&openssl, "root", KeyAlgorithm::EcdsaP256);
        openssl.key("leaf", KeyAlgorithm::EcdsaP256);
        let (subject, names, spki, none) =
            (name("shop.example.com"), sans(), openssl.spki("leaf"), Addresses::default());
        let mut template = leaf_template(&subject, &names, &spki, &none);
        change(&mut template);
        let tbs = builder::build_tbs(&template, &ca.issuer(), ca.signature).unwrap();
        Self { ca, tbs }
    }

    /// The codes for a TBSCertificate, under any signature: lint looks at contents alone.
    fn codes(&self, tbs: &[u8]) -> Vec<String> {
        let certificate = builder::assemble(tbs, SignatureAlgorithm::EcdsaSha256, &[0; 70]);
        lint(&certificate, Role::Leaf(&self.ca.issuer())).into_iter().map(|finding| finding.code).collect()
    }

    /// The TBSCertificate with field `index` changed.
    fn field(&self, index: usize, change: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
        let mut fields = parts(split(&self.tbs).1);
        fields[index] = change(&fields[index]);
        tlv(0x30, &fields.concat())
    }

    /// The TBSCertificate with its list of extensions changed.
    fn extensions(&self, change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Vec<u8> {
        self.field(7, |explicit| {
            let mut list = parts(split(split(explicit).1).1);
            change(&mut list);
            tlv(0xa3, &tlv(0x30, &list.concat()))
        })
    }

    /// The TBSCertificate whose extension `id` (last byte of 2.5.29.id) has this value, critical or not.
    fn extension(&self, id: u8, critical: bool, value: &[u8]) -> Vec<u8> {
        self.extensions(|list| {
            list.retain(|extension| !is(extension, id));
            list.push(extension(id, critical, value));
        })
    }
}

fn is(extension: &[u8], id: u8) -> bool {
    split(extension).1.starts_with(&[6, 3, 0x55, 0x1d, id])
}

fn extension(id: u8, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[1, 1, 0xff] } else { &[] };
    tlv(0x30, &[&[6, 3, 0x55, 0x1d, id], critical, &tlv(4, value)].concat())
}

#[test]
fn a_good_certificate_has_no_findings() {
    let bench = Bench::new();
    assert_eq!(bench.codes(&bench.tbs), [""; 0]);
}

#[test]
fn faults_of_the_fields_are_found() {
    let bench = Bench::new();
    let ca = name("Other CA");
    let reversed = parts(split(&parts(split(&bench.tbs).1)[4]).1);
    for (tbs, expected) in [
        (bench.field(0, |_| tlv(0xa0, &[2, 1, 1])), "version_not_3"),
        (bench.field(1, |_| tlv(2, &[0])), "serial_not_positive"),
        (bench.field(1, |_| tlv(2, &[0x80; 18])), "serial_not_positive"),
        (bench.field(1, |_| tlv(2, &[1; 21])), "serial_too_long"),
        (bench.field(1, |_| tlv(2, &[1; 7])), "serial_too_short"),
        (bench.field(2, |_| hex::decode("300a06082a8648ce3d040303").unwrap()), "signature_algorithms_differ"),
        (bench.field(3, |_| ca.clone()), "issuer_name_differs"),
        (
            bench.field(4, |_| tlv(0x30, &[reversed[1].clone(), reversed[0].clone()].concat())),
            "validity_reversed",
        ),
        (bench.field(4, |v| replaced(v, b"270301", b"470301")), "outlives_issuer"),
        (bench.field(5, |s| replaced(s, b"Example", b"Ex\0mple")), "subject_control_character"),
        (bench.field(5, |s| replaced(s, &[0x13, 2, b'U', b'S'], &[0x0c, 2, b'U', b'S'])), "subject_encoding"),
        (bench.field(5, |_| tlv(0x30, &[])), "san_not_critical"),
        (bench.extensions(|list| list.push(list[0].clone())), "extension_repeated"),
    ] {
        assert!(bench.codes(&tbs).contains(&expected.to_owned()), "{expected}: {:?}", bench.codes(&tbs));
    }
}

#[test]
fn faults_of_the_extensions_are_found() {
    let bench = Bench::new();
    let without = |id: u8| bench.extensions(|list| list.retain(|extension| !is(extension, id)));
    for (tbs, expected) in [
        (bench.extension(17, false, &tlv(0x30, &tlv(0x82, b"a_b.example"))), "dns_name_invalid"),
        (bench.extension(17, false, &tlv(0x30, &[])), "san_empty"),
        (bench.extension(17, true, &tlv(0x30, &tlv(0x82, b"shop.example.com"))), "san_critical"),
        (bench.extension(17, false, &tlv(0x30, &tlv(0x82, b"b.example"))), "common_name_not_in_san"),
        (bench.extension(19, true, &tlv(0x30, &[1, 1, 0xff])), "leaf_is_ca"),
        (bench.extension(19, true, &tlv(0x30, &[2, 1, 0])), "path_length_without_ca"),
        (bench.extension(19, true, &[5, 0]), "basic_constraints_malformed"),
        (bench.extension(15, true, &[3, 2, 2, 4]), "key_cert_sign_without_ca"),
        (bench.extension(15, true, &[3, 2, 2, 4]), "server_auth_with_ca_key_usage"),
        (bench.extension(15, true, &[3, 2, 5, 0x20]), "key_usage_does_not_fit_key"),
        (bench.extension(15, false, &[3, 2, 7, 0x80]), "key_usage_not_critical"),
        (bench.extension(15, true, &[3, 1, 0]), "key_usage_empty"),
        (bench.extension(15, true, &[3, 2, 0, 0x80]), "key_usage_malformed"),
        (without(15), "key_usage_missing"),
        (bench.extension(37, false, &tlv(0x30, &[])), "extended_key_usage_empty"),
        (bench.extension(37, false, &tlv(0x30, &[6, 4, 0x55, 0x1d, 0x25, 0])), "any_extended_key_usage"),
        (bench.extension(14, false, &tlv(4, &[7; 20])), "subject_key_identifier_differs"),
        (without(14), "subject_key_identifier_missing"),
        (bench.extension(35, false, &tlv(0x30, &tlv(0x80, &[7; 20]))), "authority_key_identifier_differs"),
        (without(35), "authority_key_identifier_missing"),
        (bench.extension(14, true, &tlv(4, &[7; 20])), "extension_critical"),
    ] {
        assert!(bench.codes(&tbs).contains(&expected.to_owned()), "{expected}: {:?}", bench.codes(&tbs));
    }
}

#[test]
fn anything_but_canonical_der_is_found() {
    let bench = Bench::new();
    // critical FALSE, written out although it is the default
    let explicit_default = bench.extensions(|list| {
        let ski = list.iter_mut().find(|extension| is(extension, 14)).unwrap();
        let fields = parts(split(ski).1);
        *ski = tlv(0x30, &[fields[0].as_slice(), &[1, 1, 0], &fields[1]].concat());
    });
    assert_eq!(bench.codes(&explicit_default), ["der_not_canonical"]);
    let lax_boolean = replaced(&bench.tbs, &[0x13, 1, 1, 0xff], &[0x13, 1, 1, 1]);
    assert!(bench.codes(&lax_boolean).contains(&"der_invalid".to_owned()));
}

#[test]
fn a_profile_that_mixes_server_and_ca_is_stopped() {
    let bench = Bench::with(|template| {
        template.key_usages = Some(&[KeyUsage::DigitalSignature, KeyUsage::KeyCertSign])
    });
    let codes = bench.codes(&bench.tbs);
    assert_eq!(codes, ["key_cert_sign_without_ca", "server_auth_with_ca_key_usage"]);
    let certificate = builder::assemble(&bench.tbs, SignatureAlgorithm::EcdsaSha256, &[0; 70]);
    assert!(blocks(&lint(&certificate, Role::Leaf(&bench.ca.issuer()))));
}

#[test]
fn an_empty_subject_with_names_that_are_not_critical_is_stopped() {
    let bench = Bench::new();
    let tbs = bench.field(5, |_| subject_to_name(&Default::default()).unwrap());
    assert_eq!(bench.codes(&tbs), ["san_not_critical"]);
}

#[test]
fn a_warning_does_not_block() {
    let bench = Bench::with(|template| {
        template.sans = &[];
        template.certificate_type = CertificateType::Client;
        template.extended_key_usages =
            Some(&[ExtendedKeyUsage::ClientAuth, ExtendedKeyUsage::EmailProtection]);
    });
    assert_eq!(bench.codes(&bench.tbs), [""; 0]);
    let bench = Bench::new();
    let tbs = bench.extension(17, false, &tlv(0x30, &tlv(0x82, b"other.example")));
    let certificate = builder::assemble(&tbs, SignatureAlgorithm::EcdsaSha256, &[0; 70]);
    let findings = lint(&certificate, Role::Leaf(&bench.ca.issuer()));
    assert_eq!(findings[0].code, "common_name_not_in_san");
    assert_eq!(findings[0].severity, Severity::Warning);
    assert!(!blocks(&findings));
}

#[test]
fn the_role_decides_what_a_ca_needs() {
    let openssl = Openssl::new();
    let root = Ca::root(&openssl, "root", KeyAlgorithm::EcdsaP256);
    let codes = |certificate: &Certificate, role: Role<'_>| -> Vec<String> {
        lint(certificate.der(), role).into_iter().map(|finding| finding.code).collect()
    };
    assert!(codes(&root.certificate, Role::SelfSignedLeaf).contains(&"leaf_is_ca".to_owned()));
    openssl.run_with(
        "req -x509 -new -key root -days 9 -out plain.pem",
        &["-subj", "/CN=a", "-addext", "basicConstraints=CA:FALSE", "-addext", "extendedKeyUsage=serverAuth"],
    );
    let plain = Certificate::read(&openssl.read("plain.pem")).unwrap();
    let found = codes(&plain, Role::Root);
    for expected in [
        "ca_without_basic_constraints",
        "basic_constraints_not_critical",
        "ca_without_key_cert_sign",
        "ca_without_crl_sign",
        "root_with_extended_key_usage",
    ] {
        assert!(found.contains(&expected.to_owned()), "{expected}: {found:?}");
    }
}
