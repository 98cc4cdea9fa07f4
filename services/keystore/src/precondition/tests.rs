//! K-9: each row of the table, and one refusal for each thing that may be wrong.

use contracts::{
    CaId, CertificateId, CertificateRequestId, ProfileId,
    keystore::KeyDestroyed,
    signer::{CaCreated, CaIntended, CaResumed, CaSuspended},
    x509::KeyAlgorithm,
};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, SerialNumber,
};
use runtime::aggregate::Aggregate as _;
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::*;

const OURS: OrganizationId = OrganizationId(Uuid::from_u128(1));
const THEIRS: OrganizationId = OrganizationId(Uuid::from_u128(2));
const CA: CaId = CaId(Uuid::from_u128(0xca));
const ROOT: CaId = CaId(Uuid::from_u128(0xc0));
const CA_KEY: KeyId = KeyId(Uuid::from_u128(0x1ca));
const ROOT_KEY: KeyId = KeyId(Uuid::from_u128(0x1c0));
const OWN_KEY: KeyId = KeyId(Uuid::from_u128(0x1ee));
const CA_INTENT: Uuid = Uuid::from_u128(0xe0);
const INTENT: Uuid = Uuid::from_u128(0xe1);
const SERIAL: &str = "1f00ba";

fn parameters(name: &str, is_ca: bool) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.serial_number = Some(SerialNumber::from_slice(&hex::decode(SERIAL).unwrap()));
    if is_ca {
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    }
    parameters
}

/// A certificate, and its to-be-signed part in base64.
fn issue(name: &str, is_ca: bool, subject: &KeyPair, issuer: Option<(&str, &KeyPair)>) -> (Vec<u8>, String) {
    let parameters = parameters(name, is_ca);
    let certificate = match issuer {
        None => parameters.self_signed(subject).unwrap(),
        Some((issuer, key)) => {
            parameters.signed_by(subject, &Issuer::new(self::parameters(issuer, true), key)).unwrap()
        }
    };
    let tbs = {
        let (_, parsed) = X509Certificate::from_der(certificate.der()).unwrap();
        STANDARD.encode(parsed.tbs_certificate.as_ref())
    };
    (certificate.der().to_vec(), tbs)
}

fn spki(key: &KeyPair) -> (String, String) {
    use rcgen::PublicKeyData as _;
    let der = key.subject_public_key_info();
    (STANDARD.encode(&der), hex::encode(Sha256::digest(&der)))
}

fn key(id: KeyId, pair: &KeyPair, purpose: KeyPurpose) -> Owned<Key> {
    let (spki, spki_sha256) = spki(pair);
    let algorithm = KeyAlgorithm::EcdsaP256;
    let generated = KeyGenerated {
        id,
        algorithm,
        purpose,
        exportable: false,
        label: None,
        token: None,
        spki,
        spki_sha256,
    };
    Owned { organization: OURS, state: Key::default().evolve(generated.into()) }
}

fn destroyed(key: Owned<Key>) -> Owned<Key> {
    Owned { state: key.state.evolve(KeyDestroyed { reason: None }.into()), ..key }
}

fn another_organization<T>(owned: Owned<T>) -> Owned<T> {
    Owned { organization: THEIRS, ..owned }
}

fn ca_intended(id: CaId, kind: CaKind, key_id: KeyId, tbs: String) -> CaIntended {
    CaIntended {
        approval_id: None,
        id,
        name: "web".into(),
        kind,
        parent_id: (kind == CaKind::Issuing).then_some(ROOT),
        key_id,
        signing_key_id: if kind == CaKind::Issuing { ROOT_KEY } else { key_id },
        key_algorithm: KeyAlgorithm::EcdsaP256,
        signature_algorithm: SignatureAlgorithm::EcdsaSha256,
        tbs,
        max_ttl: None,
    }
}

fn pending(intended: CaIntended) -> Owned<Ca> {
    Owned { organization: OURS, state: Ca::default().evolve(CA_INTENT, intended.into()) }
}

fn then(ca: Owned<Ca>, event: impl Into<contracts::signer::CaEvent>) -> Owned<Ca> {
    Owned { state: ca.state.evolve(Uuid::nil(), event.into()), ..ca }
}

fn created(certificate: &[u8]) -> CaCreated {
    let time = contracts::Timestamp::from_unix(0);
    CaCreated {
        certificate: STANDARD.encode(certificate),
        fingerprint_sha256: String::new(),
        common_name: String::new(),
        not_before: time,
        not_after: time,
    }
}

/// A CA `Web CA` that issues, with its key; a leaf's intent.
struct Scene {
    ca: Owned<Ca>,
    ca_key: Owned<Key>,
    intent: Intent,
    leaf: KeyPair,
    ca_pair: KeyPair,
}

fn intended(tbs: String, pair: &KeyPair) -> IssuanceIntended {
    IssuanceIntended {
        approval_id: None,
        rules_sha256: None,
        subject_changes: vec![],
        ca_id: Some(CA),
        signing_key_id: CA_KEY,
        signature_algorithm: SignatureAlgorithm::EcdsaSha256,
        serial: SERIAL.into(),
        tbs,
        spki_sha256: spki(pair).1,
        request_id: CertificateRequestId(Uuid::nil()),
        certificate_id: CertificateId(Uuid::nil()),
        profile_id: ProfileId(Uuid::nil()),
        key_id: None,
        belongs: Default::default(),
        labels: Default::default(),
        note: None,
    }
}

fn scene() -> Scene {
    let (ca_pair, leaf) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let (certificate, tbs) = issue("Web CA", true, &ca_pair, None);
    let ca = then(pending(ca_intended(CA, CaKind::Micro, CA_KEY, tbs)), created(&certificate));
    let (_, tbs) = issue("www.example.com", false, &leaf, Some(("Web CA", &ca_pair)));
    let intent = Intent {
        event: INTENT,
        stream: issuance_stream(CA.uuid(), SERIAL),
        organization: OURS,
        intended: intended(tbs, &leaf),
    };
    Scene { ca, ca_key: key(CA_KEY, &ca_pair, KeyPurpose::Ca), intent, leaf, ca_pair }
}

impl Scene {
    fn refused(&self) -> Refusal {
        certificate(&self.intent, &self.ca, &self.ca_key).unwrap_err()
    }
    fn with_tbs(mut self, tbs: String) -> Self {
        self.intent.intended.tbs = tbs;
        self
    }
}

#[test]
fn what_the_intent_says_is_signed_whole() {
    let scene = scene();
    let permitted = certificate(&scene.intent, &scene.ca, &scene.ca_key).unwrap();
    assert_eq!((permitted.intent(), permitted.key()), (INTENT, CA_KEY));
    assert_eq!(STANDARD.encode(permitted.message()), scene.intent.intended.tbs);
}

#[test]
fn a_suspended_ca_signs_nothing_until_it_is_resumed() {
    let mut scene = scene();
    scene.ca = then(scene.ca, CaSuspended { reason: "audit".into() });
    assert_eq!(scene.refused(), Refusal::Suspended);
    scene.ca = then(scene.ca, CaResumed { reason: None });
    assert!(certificate(&scene.intent, &scene.ca, &scene.ca_key).is_ok());
}

#[test]
fn a_ca_that_is_not_there_or_not_complete_signs_nothing() {
    let Scene { intent, ca_key, .. } = scene();
    assert_eq!(certificate(&intent, &Owned::default(), &ca_key), Err(Refusal::NoCa));
    let half = pending(ca_intended(CA, CaKind::Micro, CA_KEY, String::new()));
    assert_eq!(certificate(&intent, &half, &ca_key), Err(Refusal::NoCa));
}

#[test]
fn only_the_issuing_cas_own_key_signs() {
    let s = scene();
    assert_eq!(certificate(&s.intent, &s.ca, &Owned::default()), Err(Refusal::NoKey));
    let another = key(OWN_KEY, &s.ca_pair, KeyPurpose::Ca);
    assert_eq!(certificate(&s.intent, &s.ca, &another), Err(Refusal::WrongKey));
    let end_entity = key(CA_KEY, &s.ca_pair, KeyPurpose::EndEntity);
    assert_eq!(certificate(&s.intent, &s.ca, &end_entity), Err(Refusal::WrongKey));
    let mut s = scene();
    s.ca_key = destroyed(s.ca_key);
    assert_eq!(s.refused(), Refusal::KeyDestroyed);
    let mut s = scene();
    s.intent.intended.signing_key_id = OWN_KEY;
    assert_eq!(s.refused(), Refusal::WrongKey);
    let mut s = scene();
    s.intent.intended.signature_algorithm = SignatureAlgorithm::EcdsaSha384;
    assert_eq!(s.refused(), Refusal::WrongKey);
}

#[test]
fn intent_ca_and_key_belong_to_one_organization() {
    let mut s = scene();
    s.intent.organization = THEIRS;
    assert_eq!(s.refused(), Refusal::OtherOrganization);
    let mut s = scene();
    s.ca = another_organization(s.ca);
    assert_eq!(s.refused(), Refusal::OtherOrganization);
    let mut s = scene();
    s.ca_key = another_organization(s.ca_key);
    assert_eq!(s.refused(), Refusal::OtherOrganization);
}

#[test]
fn a_serial_number_has_one_stream() {
    let mut s = scene();
    s.intent.stream = Uuid::from_u128(5);
    assert_eq!(s.refused(), Refusal::WrongStream);
    let mut s = scene();
    s.intent.intended.serial = "1f00bb".into();
    s.intent.stream = issuance_stream(CA.uuid(), "1f00bb");
    assert_eq!(s.refused(), Refusal::Differs("serialNumber"));
}

#[test]
fn a_tbs_that_differs_from_its_intent_is_not_signed() {
    let s = scene();
    let other_issuer = issue("www.example.com", false, &s.leaf, Some(("Other CA", &s.ca_pair))).1;
    assert_eq!(s.with_tbs(other_issuer).refused(), Refusal::Differs("issuer"));
    let s = scene();
    let other_key = KeyPair::generate().unwrap();
    let other_spki = issue("www.example.com", false, &other_key, Some(("Web CA", &s.ca_pair))).1;
    assert_eq!(s.with_tbs(other_spki).refused(), Refusal::Differs("subjectPublicKeyInfo"));
    let s = scene();
    let ca_certificate = issue("Evil CA", true, &s.leaf, Some(("Web CA", &s.ca_pair))).1;
    assert_eq!(s.with_tbs(ca_certificate).refused(), Refusal::Differs("basicConstraints"));
}

#[test]
fn bytes_that_are_no_tbs_are_not_signed() {
    for bytes in [&b"digest of something"[..], b"", &[0x30, 0x80]] {
        assert_eq!(scene().with_tbs(STANDARD.encode(bytes)).refused(), Refusal::Unreadable);
    }
    assert_eq!(scene().with_tbs("not base64!".into()).refused(), Refusal::Unreadable);
    let s = scene();
    let mut trailing = STANDARD.decode(&s.intent.intended.tbs).unwrap();
    trailing.push(0);
    assert_eq!(s.with_tbs(STANDARD.encode(trailing)).refused(), Refusal::Unreadable);
}

#[test]
fn a_root_issues_no_end_entity_certificates() {
    let mut s = scene();
    if let Some((_, intended)) = &mut s.ca.state.intended {
        intended.kind = CaKind::Root;
    }
    assert_eq!(s.refused(), Refusal::WrongKind);
}

fn self_signed_scene() -> (Intent, Owned<Key>, KeyPair) {
    let pair = KeyPair::generate().unwrap();
    let (_, tbs) = issue("device", false, &pair, None);
    let intended = IssuanceIntended {
        ca_id: None,
        signing_key_id: OWN_KEY,
        key_id: Some(OWN_KEY),
        ..intended(tbs, &pair)
    };
    let stream = issuance_stream(OWN_KEY.uuid(), SERIAL);
    let own = key(OWN_KEY, &pair, KeyPurpose::EndEntity);
    (Intent { event: INTENT, stream, organization: OURS, intended }, own, pair)
}

#[test]
fn a_self_signed_certificate_carries_the_key_that_signs_it() {
    let (intent, own, pair) = self_signed_scene();
    assert_eq!(self_signed(&intent, &own).unwrap().key(), OWN_KEY);
    let other = key(OWN_KEY, &KeyPair::generate().unwrap(), KeyPurpose::EndEntity);
    assert_eq!(self_signed(&intent, &other), Err(Refusal::Differs("subjectPublicKeyInfo")));
    let ca = key(OWN_KEY, &pair, KeyPurpose::Ca);
    assert_eq!(self_signed(&intent, &ca), Err(Refusal::WrongKey));
    assert_eq!(self_signed(&intent, &another_organization(own.clone())), Err(Refusal::OtherOrganization));
    assert_eq!(self_signed(&intent, &destroyed(own.clone())), Err(Refusal::KeyDestroyed));
    let mut issued = intent.clone();
    issued.intended.tbs = issue("device", false, &pair, Some(("Web CA", &pair))).1;
    assert_eq!(self_signed(&issued, &own), Err(Refusal::Differs("issuer")));
}

#[test]
fn each_operation_signs_its_own_kind_of_intent() {
    let (intent, own, _) = self_signed_scene();
    let s = scene();
    assert_eq!(certificate(&intent, &s.ca, &own), Err(Refusal::WrongOperation));
    assert_eq!(self_signed(&s.intent, &s.ca_key), Err(Refusal::WrongOperation));
}

#[test]
fn a_root_signs_itself() {
    let pair = KeyPair::generate().unwrap();
    let (_, tbs) = issue("Root", true, &pair, None);
    let root = pending(ca_intended(ROOT, CaKind::Root, ROOT_KEY, tbs));
    let root_key = key(ROOT_KEY, &pair, KeyPurpose::Ca);
    let permitted = ca_certificate(&root, &root_key, Above::Itself).unwrap();
    assert_eq!((permitted.intent(), permitted.key()), (CA_INTENT, ROOT_KEY));

    let (_, leaf) = issue("Root", false, &pair, None);
    let not_a_ca = pending(ca_intended(ROOT, CaKind::Root, ROOT_KEY, leaf));
    let refused = ca_certificate(&not_a_ca, &root_key, Above::Itself);
    assert_eq!(refused, Err(Refusal::Differs("basicConstraints")));
    assert_eq!(ca_certificate(&Owned::default(), &root_key, Above::Itself), Err(Refusal::NoIntent));
    let theirs = another_organization(root_key);
    assert_eq!(ca_certificate(&root, &theirs, Above::Itself), Err(Refusal::OtherOrganization));
}

#[test]
fn an_issuing_ca_is_signed_by_its_root() {
    let (root_pair, pair) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let (root_certificate, root_tbs) = issue("Root", true, &root_pair, None);
    let root =
        |kind| then(pending(ca_intended(ROOT, kind, ROOT_KEY, root_tbs.clone())), created(&root_certificate));
    let root_key = key(ROOT_KEY, &root_pair, KeyPurpose::Ca);
    let (_, tbs) = issue("Web CA", true, &pair, Some(("Root", &root_pair)));
    let ca = pending(ca_intended(CA, CaKind::Issuing, CA_KEY, tbs));
    let ca_key = key(CA_KEY, &pair, KeyPurpose::Ca);
    let sign = |root: &Owned<Ca>| ca_certificate(&ca, &ca_key, Above::Parent(root, &root_key));

    assert_eq!(sign(&root(CaKind::Root)).unwrap().key(), ROOT_KEY);
    let suspended = then(root(CaKind::Root), CaSuspended { reason: "audit".into() });
    assert_eq!(sign(&suspended), Err(Refusal::Suspended));
    assert_eq!(sign(&root(CaKind::Micro)), Err(Refusal::WrongKind));
    assert_eq!(sign(&another_organization(root(CaKind::Root))), Err(Refusal::OtherOrganization));
    assert_eq!(
        sign(&pending(ca_intended(ROOT, CaKind::Root, ROOT_KEY, root_tbs.clone()))),
        Err(Refusal::NoCa)
    );
    assert_eq!(ca_certificate(&ca, &ca_key, Above::Itself), Err(Refusal::WrongOperation));
}
