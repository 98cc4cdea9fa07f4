//! Each way in which a CA outside can answer, and what it comes to.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PublicKeyData,
};
use time::{Duration, macros::datetime};

use super::*;

/// When the CSR was made, and when the answer comes.
const ASKED: Timestamp = Timestamp(datetime!(2026-11-21 12:00 UTC));
const ANSWERED: Timestamp = Timestamp(datetime!(2026-12-05 12:00 UTC));

type Ca = CertifiedIssuer<'static, KeyPair>;

fn params(name: &str, days: i64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (ASKED.0 - Duration::days(30), ASKED.0 + Duration::days(days));
    params.use_authority_key_identifier_extension = true;
    params
}

fn ca_params(name: &str, days: i64) -> CertificateParams {
    let mut params = params(name, days);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn root(name: &str) -> Ca {
    CertifiedIssuer::self_signed(ca_params(name, 3_650), KeyPair::generate().unwrap()).unwrap()
}

fn issuing(name: &str, days: i64, parent: &Ca) -> Ca {
    CertifiedIssuer::signed_by(ca_params(name, days), KeyPair::generate().unwrap(), parent).unwrap()
}

fn of(ca: &Ca) -> Certificate {
    Certificate::read_der(ca.der()).unwrap()
}

/// Who waits: a key, and the names that were asked for.
struct Case {
    key: KeyPair,
    sans: Vec<SubjectAltName>,
    leaf: Option<Certificate>,
    others: Vec<Certificate>,
}

impl Case {
    fn new() -> Self {
        let sans = vec![SubjectAltName::Dns("shop.example.com".into())];
        Self { key: KeyPair::generate().unwrap(), sans, leaf: None, others: vec![] }
    }

    fn certificate(&self, names: &[&str], days: i64, ca: &Issuer<'_, KeyPair>) -> Certificate {
        issued(&self.key, names, days, ca)
    }

    fn answer(&self, given: &[Certificate], known: &Known) -> Result<Judged, AnswerRefusal> {
        let spki = self.key.subject_public_key_info();
        let waiting = Waiting {
            spki: &spki,
            sans: &self.sans,
            common_name: Some("shop.example.com"),
            certificate_type: CertificateType::Server,
            leaf: self.leaf.as_ref(),
            others: &self.others,
        };
        judge(&waiting, given, known, ANSWERED)
    }
}

fn issued(key: &KeyPair, names: &[&str], days: i64, ca: &Issuer<'_, KeyPair>) -> Certificate {
    let mut params = params("shop.example.com", days);
    params.subject_alt_names =
        names.iter().map(|name| rcgen::SanType::DnsName((*name).try_into().unwrap())).collect();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Certificate::read_der(params.signed_by(key, ca).unwrap().der()).unwrap()
}

fn chain(judged: Result<Judged, AnswerRefusal>) -> (Vec<Certificate>, bool) {
    match judged {
        Ok(Judged::Complete { chain, trusted, .. }) => (chain, trusted),
        other => panic!("{other:?}"),
    }
}

fn missing_issuer(judged: Result<Judged, AnswerRefusal>) -> (MissingIssuer, Vec<Certificate>) {
    match judged {
        Ok(Judged::Incomplete { missing, others, .. }) => (missing, others),
        other => panic!("{other:?}"),
    }
}

#[test]
fn in_whatever_order_it_comes_the_chain_is_the_same() {
    let (root, case) = (root("Root"), Case::new());
    let middle = issuing("Issuing", 1_000, &root);
    let leaf = case.certificate(&["shop.example.com"], 90, &middle);
    let (root, middle) = (of(&root), of(&middle));
    let expected = vec![middle.clone(), root.clone()];
    let trusting = Known { issuers: vec![], trusted: vec![root.clone()] };
    let all_known = Known { issuers: vec![middle.clone()], trusted: vec![root.clone()] };
    let nothing = Known::default();
    for (given, known, trusted) in [
        (vec![leaf.clone(), middle.clone(), root.clone()], &nothing, false),
        (vec![root.clone(), middle.clone(), leaf.clone()], &nothing, false),
        (vec![middle.clone(), leaf.clone(), leaf.clone(), root.clone()], &trusting, true),
        (vec![middle.clone(), leaf.clone()], &trusting, true),
        (vec![leaf], &all_known, true),
    ] {
        assert_eq!(chain(case.answer(&given, known)), (expected.clone(), trusted), "{} given", given.len());
    }
}

#[test]
fn what_is_missing_is_named_and_completes_it_later() {
    let (root, mut case) = (root("Root"), Case::new());
    let middle = issuing("Issuing", 1_000, &root);
    let leaf = case.certificate(&["shop.example.com"], 90, &middle);
    let (root, middle) = (of(&root), of(&middle));
    let (missing, others) = missing_issuer(case.answer(std::slice::from_ref(&leaf), &Known::default()));
    let expected = MissingIssuer {
        subject: "CN=Issuing".into(),
        key_identifier: middle.subject_key_identifier().map(hex::encode),
        issued: "CN=shop.example.com".into(),
    };
    assert_eq!((missing, others), (expected, vec![]));
    case.leaf = Some(leaf);
    let (missing, others) = missing_issuer(case.answer(std::slice::from_ref(&middle), &Known::default()));
    assert_eq!((missing.subject.as_str(), missing.issued.as_str()), ("CN=Root", "CN=Issuing"));
    assert_eq!(others, std::slice::from_ref(&middle));
    case.others = others;
    // Nothing more comes, but the root is trusted since.
    let trusting = Known { issuers: vec![], trusted: vec![root.clone()] };
    assert_eq!(chain(case.answer(&[], &trusting)), (vec![middle, root], true));
}

#[test]
fn each_wrong_answer_has_its_own_refusal() {
    let (root, other_root, case) = (root("Root"), root("Other-Root"), Case::new());
    let (middle, other) = (issuing("Issuing", 1_000, &root), issuing("Other", 1_000, &other_root));
    let over = issuing("Over", 3, &root);
    let known = Known { issuers: vec![], trusted: vec![of(&root)] };
    let leaf = case.certificate(&["shop.example.com"], 90, &middle);
    let foreign = issued(&KeyPair::generate().unwrap(), &["shop.example.com"], 90, &middle);
    let self_signed = params("shop.example.com", 90).self_signed(&case.key).unwrap();
    let as_ca =
        Certificate::read_der(ca_params("shop.example.com", 90).signed_by(&case.key, &middle).unwrap().der())
            .unwrap();
    for (given, code) in [
        (vec![], "certificate_missing"),
        (vec![of(&middle)], "leaf_missing"),
        (vec![foreign, of(&middle)], "key_mismatch"),
        (vec![as_ca, of(&middle)], "certificate_is_ca"),
        (vec![Certificate::read_der(self_signed.der()).unwrap()], "certificate_self_signed"),
        (vec![case.certificate(&["shop.example.com"], 13, &middle), of(&middle)], "certificate_expired"),
        (vec![case.certificate(&["www.example.com"], 90, &middle), of(&middle)], "names_differ"),
        (vec![case.certificate(&["shop.example.com", "b.example.com"], 90, &middle)], "names_differ"),
        (vec![leaf, of(&other)], "issuer_mismatch"),
        (vec![case.certificate(&["shop.example.com"], 90, &over), of(&over)], "issuer_expired"),
    ] {
        let refused = case.answer(&given, &known).unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
    }
    let words = case.answer(&[case.certificate(&["www.example.com"], 90, &middle)], &known).unwrap_err();
    assert_eq!(
        words.to_string(),
        "the certificate has other names than the request: it lacks shop.example.com; it has www.example.com, not asked for"
    );
}

#[test]
fn names_are_compared_without_regard_to_case_and_order() {
    let (root, mut case) = (root("Root"), Case::new());
    case.sans.push(SubjectAltName::Dns("WWW.example.com".into()));
    let known = Known { issuers: vec![], trusted: vec![of(&root)] };
    let leaf = case.certificate(&["www.example.com", "Shop.example.com"], 90, &root);
    assert_eq!(chain(case.answer(&[leaf], &known)).0, [of(&root)]);
    case.sans.pop();
    let nameless = case.certificate(&[], 90, &root);
    assert_eq!(chain(case.answer(&[nameless], &known)).0, [of(&root)], "the common name is a name");
}

#[test]
fn of_two_ways_the_one_to_a_trusted_root_is_taken() {
    let (old, new, case) = (root("Old-Root"), root("New-Root"), Case::new());
    let key = KeyPair::generate().unwrap();
    let by_new = ca_params("Issuing", 1_000).signed_by(&key, &new).unwrap();
    let by_old = CertifiedIssuer::signed_by(ca_params("Issuing", 1_000), key, &old).unwrap();
    let leaf = case.certificate(&["shop.example.com"], 90, &by_old);
    let cross = [of(&by_old), Certificate::read_der(by_new.der()).unwrap()];
    let given = [leaf, cross[0].clone(), of(&old), cross[1].clone()];
    let known = Known { issuers: vec![], trusted: vec![of(&new)] };
    assert_eq!(chain(case.answer(&given, &known)), (vec![cross[1].clone(), of(&new)], true));
    assert_eq!(chain(case.answer(&given, &Known::default())), (vec![cross[0].clone(), of(&old)], false));
}
