//! What requests find in the catalog.

use base64::{Engine, prelude::BASE64_STANDARD};
use contracts::{
    KeyId, Lifetime, Timestamp,
    directory::NameReserved,
    signer::{CaKind, CaStatus, CaSuspended, PolicyCreated, PolicyUpdated, ProfileCreated, SignerNameEvent},
    x509::{
        CertificateType, KeyAlgorithm, LifetimeRule, PolicyRules, ProfileRules, SignatureAlgorithm,
        SubjectSources,
    },
};
use eventlog::Recorded;
use runtime::fold::Fold;
use time::macros::datetime;

use super::*;
use crate::create_ca;

const NOON: Timestamp = Timestamp(datetime!(2026-11-21 12:00 UTC));
const OURS: OrganizationId = OrganizationId(Uuid::from_u128(1));
const THEIRS: OrganizationId = OrganizationId(Uuid::from_u128(2));
const POLICY: PolicyId = PolicyId(Uuid::from_u128(3));
const PROFILE: ProfileId = ProfileId(Uuid::from_u128(4));

fn record<E: Event>(catalog: &mut Catalog, stream: Uuid, version: i32, event: &E) {
    let recorded = Recorded {
        position: 1,
        tenant: OURS.uuid(),
        category: E::CATEGORY.into(),
        stream,
        version,
        id: Uuid::nil(),
        kind: event.kind().into(),
        schema: event.schema_version(),
        recorded_at: NOON,
        command_id: Uuid::nil(),
        causation: Uuid::nil(),
        correlation: Uuid::nil(),
        actor: "service:signer".into(),
        traceparent: None,
        payload: event.to_payload().unwrap(),
        hash: [0; 32],
    };
    catalog.apply(&recorded).unwrap();
}

fn reserve(catalog: &mut Catalog, kind: &str, name: &str, owner: Uuid) {
    let stream = names::stream(OURS.uuid(), kind, name);
    let reserved = NameReserved { kind: kind.into(), name: name.into(), owner };
    record(catalog, stream, 1, &SignerNameEvent::Reserved(reserved));
}

/// A policy and a profile, both named `default`.
fn with_profile(issuer: ProfileIssuer) -> Catalog {
    let mut catalog = Catalog::default();
    reserve(&mut catalog, "policy", DEFAULT, POLICY.uuid());
    let policy = PolicyCreated { id: POLICY, name: DEFAULT.into(), rules: PolicyRules::default() };
    record(&mut catalog, POLICY.uuid(), 1, &PolicyEvent::Created(policy));
    reserve(&mut catalog, "profile", DEFAULT, PROFILE.uuid());
    let rules = ProfileRules {
        certificate_type: CertificateType::Server,
        issuer,
        policy: POLICY,
        ttl: LifetimeRule { default: Lifetime::days(90), max: Lifetime::days(398) },
        key_usages: None,
        extended_key_usages: None,
        exportable: false,
        subject: SubjectSources::default(),
        approval: None,
        terms: None,
    };
    let profile = ProfileCreated { id: PROFILE, name: DEFAULT.into(), rules };
    record(&mut catalog, PROFILE.uuid(), 1, &ProfileEvent::Created(profile));
    catalog
}

/// The Micro CA: intended, then certified.
fn add_micro_ca(catalog: &mut Catalog) {
    let id = micro_ca::id(OURS);
    let made = crate::issuer::test::issuer(micro_ca::NAME, CaKind::Micro, NOON, Lifetime::days(3_650));
    let intent = CaIntended {
        approval_id: None,
        id,
        name: micro_ca::NAME.into(),
        kind: CaKind::Micro,
        parent_id: None,
        key_id: KeyId(Uuid::from_u128(5)),
        signing_key_id: KeyId(Uuid::from_u128(5)),
        key_algorithm: KeyAlgorithm::EcdsaP256,
        signature_algorithm: SignatureAlgorithm::EcdsaSha256,
        tbs: BASE64_STANDARD.encode(made.certificate.tbs()),
        max_ttl: None,
    };
    let signature = BASE64_STANDARD.encode(made.certificate.signature());
    let created = create_ca::certified(&intent, None, &signature).unwrap();
    record(catalog, id.uuid(), 1, &CaEvent::Intended(intent));
    record(catalog, id.uuid(), 2, &CaEvent::Created(created));
}

#[test]
fn a_request_that_names_nothing_gets_the_default_profile_and_the_micro_ca() {
    let mut catalog = with_profile(ProfileIssuer::MicroCa);
    assert_eq!(catalog.select(OURS, None).unwrap_err(), Missing::Ca(micro_ca::id(OURS)));
    add_micro_ca(&mut catalog);
    let selection = catalog.select(OURS, None).unwrap();
    assert_eq!(selection.rules.profile_id, PROFILE);
    assert_eq!(selection.issuer.unwrap().name, micro_ca::NAME);
}

#[test]
fn another_organization_sees_nothing() {
    let mut catalog = with_profile(ProfileIssuer::MicroCa);
    add_micro_ca(&mut catalog);
    for reference in [Reference::Id(PROFILE), Reference::Name(DEFAULT.into())] {
        assert!(catalog.select(OURS, Some(&reference)).is_ok());
        assert_eq!(catalog.select(THEIRS, Some(&reference)).unwrap_err(), Missing::Profile);
    }
    assert!(catalog.policy(THEIRS, &Reference::Id(POLICY)).is_none());
    assert!(catalog.issuer(THEIRS, micro_ca::id(OURS)).is_none());
}

#[test]
fn new_rules_of_a_policy_reach_its_profiles_under_another_hash() {
    let mut catalog = with_profile(ProfileIssuer::SelfSigned);
    let before = catalog.select(OURS, None).unwrap().rules;
    let rules = PolicyRules { max_ttl: Some(Lifetime::days(7)), ..PolicyRules::default() };
    record(&mut catalog, POLICY.uuid(), 2, &PolicyEvent::Updated(PolicyUpdated { rules: rules.clone() }));
    let after = catalog.select(OURS, None).unwrap().rules;
    assert_eq!(after.policy, rules);
    assert_ne!(before.sha256, after.sha256);
    assert_eq!(catalog.policy(OURS, &Reference::Id(POLICY)).unwrap().version, 2);
}

#[test]
fn a_suspension_reaches_the_issuer() {
    let mut catalog = with_profile(ProfileIssuer::MicroCa);
    add_micro_ca(&mut catalog);
    let suspended = CaSuspended { reason: "drill".into() };
    record(&mut catalog, micro_ca::id(OURS).uuid(), 3, &CaEvent::Suspended(suspended));
    assert_eq!(catalog.select(OURS, None).unwrap().issuer.unwrap().status, CaStatus::Suspended);
}
