use contracts::TrustSetId;
use runtime::aggregate::test::{Given, given};
use uuid::Uuid;

use super::*;

const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));

fn about(source: Option<TrustSource>) -> TrustSetCreated {
    TrustSetCreated {
        id: TrustSetId(Uuid::from_u128(1)),
        organization_id: None,
        name: "private".into(),
        description: None,
        source,
    }
}

fn edition(date: &str) -> TrustSource {
    TrustSource {
        name: "Mozilla".into(),
        url: "https://www.ccadb.org/".into(),
        version: "1".into(),
        date: date.into(),
        license: "CDLA-Permissive-2.0".into(),
    }
}

fn certificate(digit: char) -> TrustedCertificate {
    TrustedCertificate {
        fingerprint_sha256: digit.to_string().repeat(64),
        certificate: digit.to_string().repeat(60_000),
    }
}

fn put(digits: &str) -> TrustSetEvent {
    TrustSetCertificatesAdded { certificates: digits.chars().map(certificate).collect() }.into()
}

fn ours() -> Given<TrustSet> {
    given([about(None).into(), put("ab")])
}

fn shipped() -> Given<TrustSet> {
    given([about(Some(edition("2026-05-01"))).into(), put("ab")])
}

fn add(digits: &str) -> TrustSetCommand {
    TrustSetCommand::Add(digits.chars().map(certificate).collect())
}

fn update(name: Option<&str>, default: Option<bool>, is_default: bool) -> TrustSetCommand {
    TrustSetCommand::Update { name: name.map(Into::into), description: None, default, is_default }
}

#[test]
fn the_same_certificate_is_in_a_set_once() {
    ours().when(add("bcbc"), NOON).then([put("c")]);
    ours().when(add("ab"), NOON).changes_nothing();
    let create = TrustSetCommand::Create {
        created: Box::new(about(None)),
        certificates: vec![certificate('a'), certificate('a')],
        default: true,
    };
    given::<TrustSet>([]).when(create, NOON).then([
        about(None).into(),
        put("a"),
        TrustSetMadeDefault {}.into(),
    ]);
}

#[test]
fn many_certificates_make_events_that_the_log_takes() {
    ours().when(add("cdefg"), NOON).then([put("cd"), put("ef"), put("g")]);
}

#[test]
fn a_set_has_an_end() {
    let many = (0..=MOST_TRUSTED).map(|number| TrustedCertificate {
        fingerprint_sha256: format!("{number:064x}"),
        certificate: String::new(),
    });
    ours().when(TrustSetCommand::Add(many.collect()), NOON).refused(TrustSetRefusal::Full(MOST_TRUSTED + 3));
}

#[test]
fn a_certificate_is_removed_by_its_fingerprint() {
    let (there, absent) = ("a".repeat(64), "f".repeat(64));
    let removed = TrustSetCertificatesRemoved { fingerprints: vec![there.clone()] };
    ours().when(TrustSetCommand::Remove(there), NOON).then([removed.into()]);
    ours().when(TrustSetCommand::Remove(absent), NOON).changes_nothing();
    let TrustSetRefusal::Invalid(errors) =
        replay(&[about(None).into()]).decide(TrustSetCommand::Remove("AB:CD".into()), NOON).unwrap_err()
    else {
        panic!("accepted")
    };
    assert_eq!(errors[0].code, "invalid_fingerprint");
}

fn replay(events: &[TrustSetEvent]) -> TrustSet {
    runtime::aggregate::replay(events.iter().cloned())
}

#[test]
fn a_set_is_renamed_and_becomes_the_default_at_once() {
    let renamed = TrustSetUpdated { name: "internal".into(), description: None };
    ours()
        .when(update(Some("internal"), Some(true), false), NOON)
        .then([renamed.into(), TrustSetMadeDefault {}.into()]);
    ours().when(update(Some("private"), Some(true), true), NOON).changes_nothing();
    ours().when(update(None, Some(false), true), NOON).then([TrustSetDefaultEnded {}.into()]);
    let refused = replay(&[about(None).into()]).decide(update(Some("Private"), None, false), NOON);
    assert!(matches!(refused, Err(TrustSetRefusal::Invalid(_))), "{refused:?}");
}

#[test]
fn the_default_is_not_archived_and_what_is_archived_does_not_change() {
    let archive = |is_default| TrustSetCommand::Archive { is_default };
    ours().when(archive(true), NOON).refused(TrustSetRefusal::Default("private".into()));
    let archived = || ours().when(archive(false), NOON).then([TrustSetArchived {}.into()]);
    archived().when(add("c"), NOON).refused(TrustSetRefusal::Archived("private".into()));
    archived().when(archive(false), NOON).changes_nothing();
}

#[test]
fn what_is_shipped_changes_with_the_program_alone() {
    let refusal = || TrustSetRefusal::System("private".into());
    shipped().when(add("c"), NOON).refused(refusal());
    shipped().when(TrustSetCommand::Remove("a".repeat(64)), NOON).refused(refusal());
    shipped().when(update(Some("mine"), None, false), NOON).refused(refusal());
    shipped().when(TrustSetCommand::Archive { is_default: false }, NOON).refused(refusal());
    shipped().when(update(None, Some(true), false), NOON).then([TrustSetMadeDefault {}.into()]);
    let edit = |date: &str| TrustSetCommand::Edit {
        source: Box::new(edition(date)),
        certificates: vec![certificate('b'), certificate('c')],
    };
    let gone = TrustSetCertificatesRemoved { fingerprints: vec!["a".repeat(64)] };
    shipped().when(edit("2026-06-01"), NOON).then([
        TrustSetEdited { source: edition("2026-06-01") }.into(),
        gone.into(),
        put("c"),
    ]);
    shipped().when(edit("2026-05-01"), NOON).changes_nothing();
    shipped().when(edit("2026-04-01"), NOON).changes_nothing();
}
