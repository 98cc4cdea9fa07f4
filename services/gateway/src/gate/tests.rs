use contracts::directory::AccessListReplaced;
use runtime::config::{Config, Environment, Sources};

use super::*;

const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));

fn recorded(whose: Option<OrganizationId>, networks: &[&str]) -> Recorded {
    let event = AccessListEvent::from(AccessListReplaced {
        organization_id: whose,
        text: networks.join("\n"),
        networks: networks.iter().map(|network| network.parse().unwrap()).collect(),
        forced: false,
    });
    Recorded {
        position: 1,
        tenant: Uuid::nil(),
        category: AccessListEvent::CATEGORY.into(),
        stream: Uuid::from_u128(9),
        version: 1,
        id: Uuid::nil(),
        kind: event.kind().into(),
        schema: event.schema_version(),
        recorded_at: NOON,
        command_id: Uuid::nil(),
        causation: Uuid::nil(),
        correlation: Uuid::nil(),
        actor: "service:directory".into(),
        traceparent: None,
        payload: event.to_payload().unwrap(),
        hash: [0; 32],
    }
}

fn gate(lists: &[(Option<OrganizationId>, &[&str])], always: &'static str) -> Gate {
    let environment = Environment::from([("HOME", "/h"), ("CHANCERY_SERVER__ALWAYS_ALLOWED", always)]);
    let (config, _) = Config::load(&Sources { environment, ..Sources::default() }).unwrap();
    let mut known = AccessLists::default();
    for (whose, networks) in lists {
        known.apply(&recorded(*whose, networks)).unwrap();
    }
    Gate::new(Lists::Fixed(known), &config.server)
}

fn from(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

const ALICES: Option<OrganizationId> = Some(OrganizationId(Uuid::from_u128(1)));
const BOBS: Option<OrganizationId> = Some(OrganizationId(Uuid::from_u128(2)));

#[test]
fn a_list_keeps_out_whoever_is_not_on_it() {
    let gate = gate(&[(None, &["192.168.0.0/16", "2001:db8::/32"])], "");
    for inside in ["192.168.3.4", "2001:db8::1", "::ffff:192.168.3.4"] {
        assert_eq!(gate.admit(from(inside)), Ok(()), "{inside}");
    }
    for outside in ["192.169.0.1", "2001:db9::1", "127.0.0.1"] {
        assert_eq!(gate.admit(from(outside)).unwrap_err().code, Code::AddressDenied, "{outside}");
    }
    assert_eq!(gate.admit(None).unwrap_err().code, Code::AddressDenied);
}

#[test]
fn an_empty_list_lets_in_everybody() {
    let gate = gate(&[(None, &[])], "");
    assert_eq!((gate.admit(from("192.0.2.1")), gate.admit(None)), (Ok(()), Ok(())));
}

#[test]
fn the_list_of_an_organization_is_for_its_callers_alone() {
    let gate = gate(&[(ALICES, &["10.0.0.0/8"])], "");
    assert_eq!(gate.admit(from("192.0.2.1")), Ok(()));
    assert_eq!(gate.admit_to(BOBS, from("192.0.2.1")), Ok(()));
    assert_eq!(gate.admit_to(ALICES, from("10.1.2.3")), Ok(()));
    assert_eq!(gate.admit_to(ALICES, from("192.0.2.1")).unwrap_err().code, Code::AddressDenied);
}

#[test]
fn no_list_keeps_out_what_the_configuration_always_lets_in() {
    let gate = gate(&[(None, &["192.168.0.0/16"]), (ALICES, &["192.168.0.0/16"])], "127.0.0.1");
    assert_eq!(gate.admit(from("127.0.0.1")), Ok(()));
    assert_eq!(gate.admit_to(ALICES, from("127.0.0.1")), Ok(()));
    assert!(gate.admit(from("127.0.0.2")).is_err());
}

#[test]
fn who_is_kept_out_again_and_again_is_recorded_once_a_minute() {
    let gate = gate(&[], "");
    let token = contracts::TokenId(Uuid::from_u128(3)).into();
    let later = NOON.plus(time::Duration::seconds(61));
    assert!(gate.is_worth_recording(token, from("192.0.2.1"), NOON));
    assert!(!gate.is_worth_recording(token, from("192.0.2.1"), NOON));
    assert!(gate.is_worth_recording(token, from("192.0.2.2"), NOON));
    assert!(gate.is_worth_recording(token, from("192.0.2.1"), later));
}
