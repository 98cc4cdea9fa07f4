//! How long a certificate lasts.

use super::*;

fn lasting(choice: Choice, issuer: Issuer, policy: PolicyRules) -> Submit {
    Submit { choice, issuer: Some(Arc::new(issuer)), ..submit(shop(), policy) }
}

fn ttl(days: i64) -> Choice {
    Choice { ttl: Some(Lifetime::days(days)), ..Choice::default() }
}

#[test]
fn a_lifetime_is_chosen_within_profile_policy_and_ca() {
    let policy = PolicyRules { max_ttl: Some(Lifetime::days(200)), ..PolicyRules::default() };
    let ca = || Issuer { max_ttl: Some(Lifetime::days(100)), ..micro_ca() };
    for (choice, issuer, policy, refusals) in [
        (ttl(398), micro_ca(), PolicyRules::default(), 0),
        (ttl(399), micro_ca(), PolicyRules::default(), 1),
        (ttl(200), micro_ca(), policy.clone(), 0),
        (ttl(201), micro_ca(), policy.clone(), 1),
        (ttl(100), ca(), policy.clone(), 0),
        (ttl(101), ca(), policy.clone(), 1),
        (ttl(399), ca(), policy, 3),
    ] {
        assert_eq!(details(lasting(choice.clone(), issuer, policy)).len(), refusals, "{choice:?}");
    }
}

#[test]
fn the_default_gives_way_to_shorter_limits() {
    let policy = PolicyRules { max_ttl: Some(Lifetime::days(30)), ..PolicyRules::default() };
    assert_eq!(accepted(lasting(Choice::default(), micro_ca(), policy)).ttl, Lifetime::days(30));
}

#[test]
fn the_last_second_may_be_named_instead() {
    let until = |seconds| Choice {
        not_after: Some(NOON.plus(time::Duration::seconds(seconds))),
        ..Choice::default()
    };
    let day = accepted(lasting(until(86_399), micro_ca(), PolicyRules::default()));
    assert_eq!(day.ttl, Lifetime::days(1), "both ends count");
    assert_eq!(
        details(lasting(until(-1), micro_ca(), PolicyRules::default())),
        ["notAfter has passed; it is 2026-11-21T12:00:00Z"]
    );
    let both = Choice { ttl: Some(Lifetime::days(1)), ..until(86_399) };
    assert_eq!(
        details(lasting(both, micro_ca(), PolicyRules::default())),
        ["ttl and notAfter exclude each other; send one of them"]
    );
}

#[test]
fn a_certificate_ends_with_its_ca() {
    let ca = crate::issuer::test::issuer("micro-ca", CaKind::Micro, NOON, Lifetime::days(20));
    assert_eq!(accepted(lasting(ttl(90), ca, PolicyRules::default())).ttl, Lifetime::days(20));
}
