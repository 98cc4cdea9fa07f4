//! What is built is what `openssl` reads, verifies and prints, for every kind of key.

use contracts::{
    Lifetime, Timestamp,
    x509::{CertificateType, ExtendedKeyUsage, KeyAlgorithm, SignatureAlgorithm, Subject, SubjectAltName},
};
use pki::{
    Certificate, Serial,
    builder::{self, Addresses, BuildError, CaTemplate, Issuer, LeafTemplate},
    chain::{self, ChainError, Usage},
    lint::{Role, lint},
    name::subject_to_name,
    release::{ReleaseError, release_check, self_signed_release_check, subordinate_release_check},
};

use crate::support::{Openssl, replaced};

pub const NOON: &str = "2026-03-01T12:00:00Z";

pub fn noon() -> Timestamp {
    NOON.parse().unwrap()
}

pub fn name(common_name: &str) -> Vec<u8> {
    let subject = Subject {
        common_name: Some(common_name.into()),
        organization: Some("Example Inc".into()),
        country: Some("US".into()),
        ..Subject::default()
    };
    subject_to_name(&subject).unwrap()
}

pub fn addresses() -> Addresses {
    Addresses {
        crl_distribution_points: vec!["http://crl.example.com/1.crl".into()],
        ocsp: vec!["http://ocsp.example.com/".into()],
        ca_issuers: vec!["http://ca.example.com/1.cer".into()],
    }
}

/// A CA whose key `openssl` has under `name`, with its certificate in `name.pem`.
pub struct Ca {
    pub key: String,
    pub signature: SignatureAlgorithm,
    pub certificate: Certificate,
}

impl Ca {
    pub fn root(openssl: &Openssl, key: &str, algorithm: KeyAlgorithm) -> Self {
        openssl.key(key, algorithm);
        let (subject, spki, none) = (name(key), openssl.spki(key), Addresses::default());
        let template = ca_template(&subject, &spki, &none, 20 * 365);
        let signature = algorithm.default_signature();
        let tbs = builder::build_root_tbs(&template, signature).unwrap();
        Self::signed(openssl, key, signature, &tbs, key, signature)
    }

    pub fn subordinate(openssl: &Openssl, key: &str, algorithm: KeyAlgorithm, parent: &Self) -> Self {
        openssl.key(key, algorithm);
        let (subject, spki, addresses) = (name(key), openssl.spki(key), addresses());
        let mut template = ca_template(&subject, &spki, &addresses, 10 * 365);
        template.path_length = Some(0);
        let tbs = builder::build_subordinate_tbs(&template, &parent.issuer(), parent.signature).unwrap();
        Self::signed(openssl, key, algorithm.default_signature(), &tbs, &parent.key, parent.signature)
    }

    fn signed(
        openssl: &Openssl,
        key: &str,
        signature: SignatureAlgorithm,
        tbs: &[u8],
        signer: &str,
        with: SignatureAlgorithm,
    ) -> Self {
        let der = builder::assemble(tbs, with, &openssl.sign(signer, with, tbs));
        let certificate = Certificate::read_der(&der).unwrap();
        openssl.write(&format!("{key}.pem"), certificate.to_pem());
        Self { key: key.into(), signature, certificate }
    }

    pub fn issuer(&self) -> Issuer {
        Issuer::from_certificate(&self.certificate).unwrap()
    }

    /// TBSCertificate and certificate of a leaf.
    pub fn issue(&self, openssl: &Openssl, template: &LeafTemplate<'_>) -> (Vec<u8>, Vec<u8>) {
        let tbs = builder::build_tbs(template, &self.issuer(), self.signature).unwrap();
        let signature = openssl.sign(&self.key, self.signature, &tbs);
        let certificate = builder::assemble(&tbs, self.signature, &signature);
        (tbs, certificate)
    }
}

pub fn ca_template<'a>(
    subject: &'a [u8],
    spki: &'a [u8],
    addresses: &'a Addresses,
    days: i64,
) -> CaTemplate<'a> {
    CaTemplate {
        serial: Serial::new([0x11; 18]),
        subject,
        spki,
        not_before: noon(),
        ttl: Lifetime::days(days),
        path_length: None,
        digital_signature: false,
        addresses,
    }
}

pub fn leaf_template<'a>(
    subject: &'a [u8],
    sans: &'a [SubjectAltName],
    spki: &'a [u8],
    addresses: &'a Addresses,
) -> LeafTemplate<'a> {
    LeafTemplate {
        serial: Serial::new([0x42; 18]),
        subject,
        sans,
        spki,
        not_before: noon(),
        ttl: Lifetime::days(365),
        certificate_type: CertificateType::Server,
        key_usages: None,
        extended_key_usages: None,
        addresses,
    }
}

pub fn sans() -> Vec<SubjectAltName> {
    vec![SubjectAltName::Dns("shop.example.com".into()), SubjectAltName::Ip("192.0.2.7".parse().unwrap())]
}

#[test]
fn chains_of_every_kind_of_key_are_believed() {
    let openssl = Openssl::new();
    for &algorithm in KeyAlgorithm::ALL {
        let root = Ca::root(&openssl, "root", algorithm);
        let sub = Ca::subordinate(&openssl, "sub", algorithm, &root);
        openssl.key("leaf", algorithm);
        assert_eq!(lint(root.certificate.der(), Role::Root), []);
        assert_eq!(lint(sub.certificate.der(), Role::Subordinate(&root.issuer())), []);
        let (tbs, der, spki) = (sub.certificate.tbs(), sub.certificate.der(), openssl.spki("sub"));
        subordinate_release_check(tbs, der, &root.certificate, &spki).unwrap();
        let wrong = subordinate_release_check(tbs, der, &sub.certificate, &spki);
        assert_eq!(wrong, Err(ReleaseError::Signature));
        self_signed_release_check(root.certificate.tbs(), root.certificate.der(), &openssl.spki("root"))
            .unwrap();

        let (subject, names, spki, addresses) =
            (name("shop.example.com"), sans(), openssl.spki("leaf"), addresses());
        for (kind, purpose, usage) in [
            (CertificateType::Server, "sslserver", ExtendedKeyUsage::ServerAuth),
            (CertificateType::Client, "sslclient", ExtendedKeyUsage::ClientAuth),
            (CertificateType::Device, "sslserver", ExtendedKeyUsage::ClientAuth),
            (CertificateType::CodeSigning, "any", ExtendedKeyUsage::CodeSigning),
        ] {
            let template =
                LeafTemplate { certificate_type: kind, ..leaf_template(&subject, &names, &spki, &addresses) };
            let (tbs, der) = sub.issue(&openssl, &template);
            assert_eq!(lint(&der, Role::Leaf(&sub.issuer())), []);
            let leaf = release_check(&tbs, &der, &sub.certificate, &spki).unwrap();
            openssl.write("leaf.pem", leaf.to_pem());
            openssl.run(&format!(
                "verify -x509_strict -attime {} -purpose {purpose} -CAfile root.pem -untrusted sub.pem leaf.pem",
                noon().unix() + 60
            ));
            chain::verify(&leaf, &[&sub.certificate], &[&root.certificate], noon(), Usage::new(usage))
                .unwrap();
            let pool = [root.certificate.clone(), leaf.clone(), sub.certificate.clone()];
            assert_eq!(chain::order(&leaf, &pool), [&leaf, &sub.certificate, &root.certificate]);
        }
    }
}

#[test]
fn subject_names_and_key_of_the_csr_are_copied_byte_for_byte() {
    let openssl = Openssl::new();
    let root = Ca::root(&openssl, "root", KeyAlgorithm::EcdsaP256);
    openssl.key("leaf", KeyAlgorithm::EcdsaP521);
    let names =
        "subjectAltName=DNS:Shop.example.com,IP:2001:db8::1,email:a@example.com,URI:spiffe://example.com/x";
    let csr = openssl.csr(
        "leaf",
        "/C=DE/O=Bücher+OU=Läden/CN=shop.example.com",
        "-utf8 -multivalue-rdn",
        &["-addext", names],
    );
    let csr = pki::CertificationRequest::read(&csr).unwrap();
    let none = Addresses::default();
    let sans = csr.effective_sans();
    let (tbs, der) = root.issue(&openssl, &leaf_template(csr.subject_der(), &sans, csr.spki(), &none));
    let certificate = release_check(&tbs, &der, &root.certificate, csr.spki()).unwrap();
    assert_eq!(certificate.subject_der(), csr.subject_der());
    assert_eq!(certificate.spki(), csr.spki());
    assert_eq!(certificate.sans(), csr.sans());
    assert_eq!(certificate.issuer_der(), root.certificate.subject_der());
    assert_eq!(certificate.authority_key_identifier(), root.certificate.subject_key_identifier());
    openssl.write("csr.pem", csr.to_pem());
    openssl.write("leaf.pem", certificate.to_pem());
    let extension = |words: &str| {
        let text = String::from_utf8(openssl.run(words)).unwrap();
        text.lines().skip_while(|l| !l.contains("Alternative Name")).nth(1).unwrap().trim().to_owned()
    };
    assert_eq!(extension("req -in csr.pem -noout -text"), extension("x509 -in leaf.pem -noout -text"));
}

#[test]
fn an_empty_subject_makes_the_names_critical() {
    let openssl = Openssl::new();
    let root = Ca::root(&openssl, "root", KeyAlgorithm::EcdsaP256);
    let (empty, names, spki, none) = (
        subject_to_name(&Subject::default()).unwrap(),
        sans(),
        root.certificate.spki().to_vec(),
        Addresses::default(),
    );
    let (_, der) = root.issue(&openssl, &leaf_template(&empty, &names, &spki, &none));
    assert_eq!(lint(&der, Role::Leaf(&root.issuer())), []);
    openssl.write("leaf.pem", Certificate::read_der(&der).unwrap().to_pem());
    let text = String::from_utf8(openssl.run("x509 -in leaf.pem -noout -ext subjectAltName")).unwrap();
    assert!(text.contains("Subject Alternative Name: critical"), "{text}");
    let nameless = leaf_template(&empty, &[], &spki, &none);
    assert_eq!(builder::build_tbs(&nameless, &root.issuer(), root.signature), Err(BuildError::Nameless));
}

#[test]
fn a_self_signed_leaf_verifies_against_itself() {
    let openssl = Openssl::new();
    for &algorithm in KeyAlgorithm::ALL {
        openssl.key("own", algorithm);
        let (subject, names, spki, none) =
            (name("shop.example.com"), sans(), openssl.spki("own"), Addresses::default());
        let signature = algorithm.default_signature();
        let template = leaf_template(&subject, &names, &spki, &none);
        let tbs = builder::build_self_signed_tbs(&template, signature).unwrap();
        let der = builder::assemble(&tbs, signature, &openssl.sign("own", signature, &tbs));
        assert_eq!(lint(&der, Role::SelfSignedLeaf), []);
        let certificate = self_signed_release_check(&tbs, &der, &spki).unwrap();
        assert!(certificate.is_self_issued() && !certificate.is_ca());
        openssl.write("cert.pem", certificate.to_pem());
        openssl.run(&format!("verify -attime {} -CAfile cert.pem cert.pem", noon().unix() + 60));
    }
}

#[test]
fn validity_counts_both_ends_and_stays_within_the_issuers() {
    let openssl = Openssl::new();
    let root = Ca::root(&openssl, "root", KeyAlgorithm::EcdsaP256);
    let (subject, names, spki, none) =
        (name("a.example"), sans(), root.certificate.spki().to_vec(), Addresses::default());
    let template = leaf_template(&subject, &names, &spki, &none);
    let (_, der) = root
        .issue(&openssl, &LeafTemplate { not_before: "2026-03-01T12:00:00.9Z".parse().unwrap(), ..template });
    openssl.write("leaf.pem", Certificate::read_der(&der).unwrap().to_pem());
    let dates = String::from_utf8(openssl.run("x509 -in leaf.pem -noout -dates")).unwrap();
    assert_eq!(dates, "notBefore=Mar  1 12:00:00 2026 GMT\nnotAfter=Mar  1 11:59:59 2027 GMT\n");

    let end = root.certificate.not_after();
    let fits = LeafTemplate { ttl: Lifetime::seconds(end.unix() - noon().unix() + 1), ..template };
    assert_eq!(Certificate::read_der(&root.issue(&openssl, &fits).1).unwrap().not_after(), end);
    let too_long = LeafTemplate { ttl: Lifetime::seconds(end.unix() - noon().unix() + 2), ..template };
    let refused = builder::build_tbs(&too_long, &root.issuer(), root.signature);
    assert!(matches!(refused, Err(BuildError::OutlivesIssuer { issuer, .. }) if issuer == end));

    let ca = CaTemplate {
        not_before: "9999-12-30T00:00:00Z".parse().unwrap(),
        ..ca_template(&subject, &spki, &none, 3)
    };
    assert_eq!(builder::build_root_tbs(&ca, root.signature), Err(BuildError::Validity), "after 9999");
    let ca = CaTemplate { not_before: "1949-12-31T23:59:59Z".parse().unwrap(), ..ca };
    assert_eq!(builder::build_root_tbs(&ca, root.signature), Err(BuildError::Validity), "before 1950");
}

#[test]
fn a_root_beyond_2049_is_read_by_openssl() {
    let openssl = Openssl::new();
    openssl.key("root", KeyAlgorithm::EcdsaP384);
    let (subject, spki, none) = (name("Root"), openssl.spki("root"), Addresses::default());
    let template = ca_template(&subject, &spki, &none, 30 * 365);
    let signature = SignatureAlgorithm::EcdsaSha384;
    let tbs = builder::build_root_tbs(&template, signature).unwrap();
    let der = builder::assemble(&tbs, signature, &openssl.sign("root", signature, &tbs));
    assert_eq!(lint(&der, Role::Root), []);
    openssl.write("root.pem", Certificate::read_der(&der).unwrap().to_pem());
    let dates = String::from_utf8(openssl.run("x509 -in root.pem -noout -enddate")).unwrap();
    assert_eq!(dates, "notAfter=Feb 22 11:59:59 2056 GMT\n");
}

#[test]
fn what_differs_from_the_intent_is_not_released() {
    let openssl = Openssl::new();
    let root = Ca::root(&openssl, "root", KeyAlgorithm::EcdsaP256);
    let other = Ca::root(&openssl, "other", KeyAlgorithm::EcdsaP256);
    openssl.key("leaf", KeyAlgorithm::EcdsaP256);
    let (subject, names, spki, none) =
        (name("shop.example.com"), sans(), openssl.spki("leaf"), Addresses::default());
    let (tbs, der) = root.issue(&openssl, &leaf_template(&subject, &names, &spki, &none));
    release_check(&tbs, &der, &root.certificate, &spki).unwrap();

    let check = |tbs: &[u8], der: &[u8], issuer: &Ca, spki: &[u8]| {
        release_check(tbs, der, &issuer.certificate, spki).unwrap_err()
    };
    assert!(matches!(check(&tbs, &der[1..], &root, &spki), ReleaseError::Unreadable(_)));
    let moved = replaced(&der, &[0x42; 18], &[0x43; 18]);
    assert_eq!(check(&tbs, &moved, &root, &spki), ReleaseError::TbsDiffers);
    let moved_tbs = replaced(&tbs, &[0x42; 18], &[0x43; 18]);
    assert_eq!(check(&moved_tbs, &moved, &root, &spki), ReleaseError::Signature);
    assert_eq!(check(&tbs, &der, &root, root.certificate.spki()), ReleaseError::KeyDiffers);
    assert_eq!(check(&tbs, &der, &other, &spki), ReleaseError::Chain(ChainError::UnknownIssuer));
    let sha512 = hex::decode("06082a8648ce3d040304").unwrap();
    let sha256 = hex::decode("06082a8648ce3d040302").unwrap();
    let at = der.windows(10).rposition(|w| w == sha256).unwrap();
    let two_algorithms = [&der[..at], &sha512, &der[at + 10..]].concat();
    assert_eq!(check(&tbs, &two_algorithms, &root, &spki), ReleaseError::AlgorithmsDiffer);
}

#[test]
fn a_chain_is_judged_by_time_usage_and_anchor() {
    let openssl = Openssl::new();
    let root = Ca::root(&openssl, "root", KeyAlgorithm::EcdsaP256);
    let sub = Ca::subordinate(&openssl, "sub", KeyAlgorithm::EcdsaP256, &root);
    let other = Ca::root(&openssl, "other", KeyAlgorithm::EcdsaP256);
    openssl.key("leaf", KeyAlgorithm::EcdsaP256);
    let (subject, names, spki, none) =
        (name("shop.example.com"), sans(), openssl.spki("leaf"), Addresses::default());
    let (_, der) = sub.issue(&openssl, &leaf_template(&subject, &names, &spki, &none));
    let leaf = Certificate::read_der(&der).unwrap();
    let server = Usage::new(ExtendedKeyUsage::ServerAuth);
    let late = noon().plus(Lifetime::days(365).duration());
    let verify =
        |anchor: &Ca, at, usage| chain::verify(&leaf, &[&sub.certificate], &[&anchor.certificate], at, usage);
    assert_eq!(verify(&root, noon(), server), Ok(()));
    assert_eq!(verify(&root, late, server), Err(ChainError::Time));
    assert_eq!(verify(&root, noon(), Usage::new(ExtendedKeyUsage::ClientAuth)), Err(ChainError::Usage));
    assert_eq!(verify(&other, noon(), server), Err(ChainError::UnknownIssuer));
    let as_leaf = chain::verify(&sub.certificate, &[], &[&root.certificate], noon(), server);
    assert_eq!(as_leaf, Err(ChainError::Role));
    assert_eq!(chain::order(&leaf, &[other.certificate, root.certificate]), [&leaf], "the link is missing");
}

#[test]
fn a_p7b_holds_the_chain() {
    let openssl = Openssl::new();
    let root = Ca::root(&openssl, "root", KeyAlgorithm::EcdsaP256);
    let sub = Ca::subordinate(&openssl, "sub", KeyAlgorithm::Rsa2048, &root);
    openssl.write("chain.p7b", pki::pkcs7::write(&[&sub.certificate, &root.certificate]));
    let printed = openssl.run("pkcs7 -inform DER -in chain.p7b -print_certs");
    let mut read = Certificate::read_all(&printed).unwrap();
    read.sort_by_key(|certificate| certificate.common_name());
    assert_eq!(read, [root.certificate, sub.certificate]);
}

#[test]
fn an_issuer_must_be_a_ca() {
    let openssl = Openssl::new();
    openssl.key("own", KeyAlgorithm::EcdsaP256);
    openssl.run_with(
        "req -x509 -new -key own -out own.pem",
        &["-subj", "/CN=a", "-addext", "basicConstraints=CA:FALSE"],
    );
    let certificate = Certificate::read(&openssl.read("own.pem")).unwrap();
    assert_eq!(Issuer::from_certificate(&certificate), Err(BuildError::NotCa));
}
