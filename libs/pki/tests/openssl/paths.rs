//! Paths, each link with what speaks against it; `openssl verify` is asked for the same verdict.

use pki::{
    Certificate,
    path::{LinkFault, Path, PathEnd, paths},
};

use crate::{building::noon, support::Openssl};

const CA: &str =
    "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n";
const LEAF: &str = "basicConstraints=CA:FALSE\nsubjectAltName=DNS:shop.example.com\n";

/// A small world of CAs. Files: `<name>.key`, `<name>.pem`; a certificate made anew takes the place of the one before.
struct Pki(Openssl);

impl Pki {
    fn new() -> Self {
        Self(Openssl::new())
    }

    /// A certificate for `subject` with the key of that name, signed by `issuer`'s key; by its own when they are one.
    fn certify(&self, subject: &str, issuer: &str, extensions: &str) -> Certificate {
        self.certify_for(subject, issuer, extensions, 1, 3650)
    }

    /// The same, valid from so many days before the day of the tests for so many days.
    fn certify_for(
        &self,
        subject: &str,
        issuer: &str,
        extensions: &str,
        before: i64,
        days: i64,
    ) -> Certificate {
        let Self(openssl) = self;
        let key = format!("{subject}.key");
        if !openssl.path(&key).exists() {
            openssl.key(&key, contracts::x509::KeyAlgorithm::EcdsaP256);
        }
        openssl.csr(&key, &format!("/CN={subject}"), "-out csr.pem", &[]);
        openssl.write("ext.cnf", extensions);
        let by = if subject == issuer {
            format!("-signkey {key}")
        } else {
            format!("-CA {issuer}.pem -CAkey {issuer}.key")
        };
        let (begin, end) = (noon().unix() - before * 86_400, noon().unix() + (days - before) * 86_400);
        // This openssl has no option that says from when.
        let made = openssl
            .run(&format!("x509 -req -in csr.pem {by} -set_serial {begin} -days 36500 -extfile ext.cnf"));
        let der = crate::support::der(&made);
        let der = dated(openssl, &der, issuer, begin, end);
        let certificate = Certificate::read_der(&der).unwrap();
        openssl.write(&format!("{subject}.pem"), certificate.to_pem());
        certificate
    }

    /// Whether openssl believes a leaf at the time of the tests.
    fn verifies(&self, leaf: &Certificate, between: &[&Certificate], root: &Certificate) -> bool {
        let Self(openssl) = self;
        openssl.write("leaf", leaf.to_pem());
        openssl.write("between", between.iter().map(|one| one.to_pem()).collect::<String>());
        openssl.write("root", root.to_pem());
        let at = noon().unix();
        let untrusted = if between.is_empty() { "" } else { "-untrusted between" };
        let words = format!("verify -attime {at} -no-CApath -no-CAstore -CAfile root {untrusted} leaf");
        openssl.attempt(&words, &[]).0
    }
}

/// The certificate with other dates, signed again.
fn dated(openssl: &Openssl, der: &[u8], issuer: &str, begin: i64, end: i64) -> Vec<u8> {
    use crate::support::{parts, split, tlv};
    let certificate = parts(split(der).1);
    let mut fields = parts(split(&certificate[0]).1);
    let time = |unix: i64| {
        let text = contracts::Timestamp::from_unix(unix).to_string();
        let digits: String = text.chars().filter(char::is_ascii_digit).take(14).collect();
        let utc = &digits[..4] < "2050";
        tlv(if utc { 0x17 } else { 0x18 }, format!("{}Z", &digits[if utc { 2 } else { 0 }..]).as_bytes())
    };
    // Version, serial number, algorithm, issuer, validity.
    fields[4] = tlv(0x30, &[time(begin), time(end)].concat());
    let tbs = tlv(0x30, &fields.concat());
    let algorithm = contracts::x509::SignatureAlgorithm::EcdsaSha256;
    let signature = openssl.sign(&format!("{issuer}.key"), algorithm, &tbs);
    let bits = tlv(0x03, &[&[0], signature.as_slice()].concat());
    tlv(0x30, &[tbs, certificate[1].clone(), bits].concat())
}

/// Names from the leaf on, and how it ends.
fn way(path: &Path<'_>) -> (String, PathEnd) {
    let names = path.links.iter().map(|link| link.certificate.common_name().unwrap_or_default());
    (names.collect::<Vec<_>>().join(" "), path.end)
}

fn faults(path: &Path<'_>) -> Vec<Vec<LinkFault>> {
    path.links.iter().map(|link| link.faults.clone()).collect()
}

#[test]
fn a_cross_signed_chain_has_both_paths() {
    let pki = Pki::new();
    let old = pki.certify("old", "old", CA);
    let new = pki.certify("new", "new", CA);
    let issuing = pki.certify("issuing", "new", CA);
    let leaf = pki.certify("leaf", "issuing", LEAF);
    let cross = pki.certify("new", "old", CA);
    let known = [&issuing, &cross, &new, &old];
    let ways = |anchors: &[&Certificate]| {
        let found = paths(&leaf, &known, anchors, noon());
        let believed: Vec<bool> = found.iter().map(Path::is_believed).collect();
        (found.iter().map(way).collect::<Vec<_>>(), believed)
    };
    let (short, long) = ("leaf issuing new".to_owned(), "leaf issuing new old".to_owned());
    let (trusted, untrusted) = (PathEnd::Trusted, PathEnd::UntrustedRoot);
    assert_eq!(ways(&[&new]), (vec![(short.clone(), trusted), (long.clone(), untrusted)], vec![true, false]));
    assert_eq!(ways(&[&old]), (vec![(long.clone(), trusted), (short.clone(), untrusted)], vec![true, false]));
    assert_eq!(
        ways(&[&old, &new]),
        (vec![(short.clone(), trusted), (long.clone(), trusted)], vec![true, true])
    );
    assert_eq!(ways(&[]), (vec![(short, untrusted), (long, untrusted)], vec![false, false]));
    assert!(pki.verifies(&leaf, &[&issuing, &cross], &old) && pki.verifies(&leaf, &[&issuing], &new));
}

#[test]
fn what_is_missing_ends_the_path() {
    let pki = Pki::new();
    let root = pki.certify("root", "root", CA);
    _ = pki.certify("issuing", "root", CA);
    let leaf = pki.certify("leaf", "issuing", LEAF);
    let found = paths(&leaf, &[], &[&root], noon());
    assert_eq!(found.iter().map(way).collect::<Vec<_>>(), [("leaf".into(), PathEnd::IssuerUnknown)]);
}

#[test]
fn each_fault_stands_at_its_link() {
    use LinkFault as F;
    let pki = Pki::new();
    let root = pki.certify("root", "root", CA);
    let check = |issuing: Certificate, leaf: Certificate, expected: [&[F]; 3]| {
        let found = paths(&leaf, &[&issuing], &[&root], noon());
        assert_eq!(faults(&found[0]), expected.map(<[F]>::to_vec), "{:?}", way(&found[0]));
        let sound = expected.iter().all(|faults| faults.is_empty());
        assert_eq!(found[0].is_believed(), sound);
        assert_eq!(pki.verifies(&leaf, &[&issuing], &root), sound, "openssl says the same of {expected:?}");
    };
    let both = |extensions: &str, leaf: &str| {
        (pki.certify("issuing", "root", extensions), pki.certify("leaf", "issuing", leaf))
    };
    let (issuing, leaf) = both(CA, LEAF);
    check(issuing.clone(), leaf.clone(), [&[], &[], &[]]);
    let expired = pki.certify_for("leaf", "issuing", LEAF, 30, 20);
    check(issuing.clone(), expired, [&[F::Expired], &[], &[]]);
    let early = pki.certify_for("leaf", "issuing", LEAF, -2, 20);
    check(issuing, early, [&[F::NotYetValid], &[], &[]]);
    let (issuing, leaf) = both("keyUsage=keyCertSign\nbasicConstraints=CA:FALSE\n", LEAF);
    check(issuing, leaf, [&[], &[F::NotACa], &[]]);
    let (issuing, leaf) = both("basicConstraints=CA:TRUE\nkeyUsage=cRLSign\n", LEAF);
    check(issuing, leaf, [&[], &[F::KeyCertSignMissing], &[]]);
    let narrow = format!("{CA}nameConstraints=critical,permitted;DNS:other.example\n");
    let (issuing, leaf) = both(&narrow, LEAF);
    check(issuing, leaf, [&[F::NameConstraints], &[], &[]]);
    let wide = format!("{CA}nameConstraints=critical,permitted;DNS:example.com\n");
    let (issuing, leaf) = both(&wide, LEAF);
    check(issuing, leaf, [&[], &[], &[]]);
    let odd = format!("{LEAF}1.2.3.4=critical,ASN1:UTF8:x\n");
    let (issuing, leaf) = both(CA, &odd);
    check(issuing, leaf, [&[F::CriticalExtension], &[], &[]]);
    // Another key of the same name and identifier: nobody else is known who could have signed.
    let (issuing, leaf) = both(CA, LEAF);
    std::fs::remove_file(pki.0.path("issuing.key")).unwrap();
    let identifier = hex::encode(issuing.subject_key_identifier().unwrap());
    let as_if = format!("basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier={identifier}\n");
    let impostor = pki.certify("issuing", "root", &as_if);
    check(impostor, leaf, [&[F::SignatureInvalid], &[], &[]]);
}

#[test]
fn a_ca_says_how_many_may_follow() {
    let pki = Pki::new();
    let root = pki.certify("root", "root", "basicConstraints=critical,CA:TRUE,pathlen:0\n");
    let issuing = pki.certify("issuing", "root", CA);
    let leaf = pki.certify("leaf", "issuing", LEAF);
    let found = paths(&leaf, &[&issuing], &[&root], noon());
    assert_eq!(faults(&found[0]), [vec![], vec![], vec![LinkFault::PathTooLong]]);
    assert!(!pki.verifies(&leaf, &[&issuing], &root));
    let found = paths(&issuing, &[], &[&root], noon());
    assert!(found[0].is_believed(), "a CA's own path: {found:?}");
}

#[test]
fn cas_that_certify_each_other_make_no_endless_path() {
    let pki = Pki::new();
    let mut all = vec![];
    let names: Vec<String> = (0..6).map(|number| format!("ca{number}")).collect();
    for name in &names {
        _ = pki.certify(name, name, CA);
    }
    for subject in &names {
        all.extend(names.iter().filter(|issuer| *issuer != subject).map(|issuer| {
            let own = std::fs::read(pki.0.path(&format!("{subject}.pem"))).unwrap();
            let cross = pki.certify(subject, issuer, CA);
            pki.0.write(&format!("{subject}.pem"), own);
            cross
        }));
    }
    let leaf = pki.certify("leaf", "ca0", LEAF);
    let known: Vec<&Certificate> = all.iter().collect();
    let found = paths(&leaf, &known, &[], noon());
    assert!(found.len() <= pki::path::MAX_PATHS, "{}", found.len());
    assert!(found.iter().all(|path| path.links.len() <= pki::path::MAX_LENGTH && !path.is_believed()));
}

#[test]
fn a_signature_that_cannot_be_checked_is_said_to_be_so() {
    let openssl = Openssl::new();
    openssl.run("genpkey -algorithm ED448 -out root.key");
    openssl.run_with("req -x509 -new -key root.key -out root.pem", &["-subj", "/CN=root"]);
    let root = Certificate::read(&openssl.read("root.pem")).unwrap();
    openssl.key("leaf.key", contracts::x509::KeyAlgorithm::EcdsaP256);
    openssl.csr("leaf.key", "/CN=leaf", "-out csr.pem", &[]);
    let leaf = openssl.run("x509 -req -in csr.pem -CA root.pem -CAkey root.key -set_serial 1 -days 30");
    let leaf = Certificate::read(&leaf).unwrap();
    let found = paths(&leaf, &[], &[&root], leaf.not_before());
    assert_eq!(found[0].links[0].faults, [LinkFault::SignatureUnchecked]);
    assert!(!found[0].is_believed());
}
