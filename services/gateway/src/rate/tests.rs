use runtime::config::{Config, Environment, Sources};
use uuid::Uuid;

use super::*;

const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));
const ALICE: (AdministratorId, OrganizationId) =
    (AdministratorId(Uuid::from_u128(1)), OrganizationId(Uuid::from_u128(9)));
const BOB: (AdministratorId, OrganizationId) = (AdministratorId(Uuid::from_u128(2)), ALICE.1);

fn rates(key: &'static str, limit: &'static str) -> Rates {
    let environment = Environment::from([("HOME", "/h"), (key, limit)]);
    let (config, _) = Config::load(&Sources { environment, ..Sources::default() }).unwrap();
    Rates::new(&config.limits)
}

fn from(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

fn marked(meter: &Meter) -> (String, String, String) {
    let mut headers = HeaderMap::new();
    meter.mark(&mut headers);
    let text = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    (text("ratelimit-policy"), text("ratelimit"), text("retry-after"))
}

#[test]
fn without_limits_nothing_is_counted_or_told() {
    let (rates, meter) = (rates("CHANCERY_LIMITS__REQUESTS_PER_MINUTE", "0"), Meter::default());
    for _ in 0..2_000 {
        rates.arrival(&meter, from("192.0.2.1"), NOON).unwrap();
        rates.caller(&meter, ALICE, NOON).unwrap();
        rates.costly(&meter, ALICE.0, NOON).unwrap();
    }
    assert_eq!(marked(&meter), Default::default());
    assert!(rates.take_unsaved(NOON).is_empty());
}

#[test]
fn each_address_has_a_limit_of_its_own_and_each_answer_tells_it() {
    let rates = rates("CHANCERY_LIMITS__REQUESTS_PER_MINUTE", "2");
    let ask = |address| {
        let meter = Meter::default();
        let code = rates.arrival(&meter, from(address), NOON).map_err(|problem| problem.code);
        (code, marked(&meter))
    };
    let told =
        |state: &str, wait: &str| ("\"default\";q=2;w=60".to_owned(), state.to_owned(), wait.to_owned());
    assert_eq!(ask("192.0.2.1"), (Ok(()), told("\"default\";r=1;t=60", "")));
    assert_eq!(ask("192.0.2.1"), (Ok(()), told("\"default\";r=0;t=60", "")));
    assert_eq!(ask("192.0.2.1"), (Err(Code::RateLimited), told("\"default\";r=0;t=61", "61")));
    assert_eq!(ask("192.0.2.2").0, Ok(()));
    // One customer has all of a network of 64 bits.
    assert_eq!((ask("2001:db8::1").0, ask("2001:db8::2").0), (Ok(()), Ok(())));
    assert_eq!(ask("2001:db8::3").0, Err(Code::RateLimited));
    assert_eq!(ask("2001:db8:0:1::1").0, Ok(()));
}

#[test]
fn administrators_share_the_limit_of_their_organization() {
    let rates = rates("CHANCERY_LIMITS__ORGANIZATION_REQUESTS_PER_MINUTE", "2");
    let ask = |who| rates.caller(&Meter::default(), who, NOON).map_err(|problem| problem.detail);
    assert_eq!((ask(ALICE), ask(BOB)), (Ok(()), Ok(())));
    assert!(ask(ALICE).unwrap_err().contains("by this organization"));
}

#[test]
fn what_costs_more_has_a_lower_limit() {
    let rates = rates("CHANCERY_LIMITS__COSTLY_REQUESTS_PER_MINUTE", "1");
    let ask = |who: (AdministratorId, _)| {
        rates.costly(&Meter::default(), who.0, NOON).map_err(|problem| problem.code)
    };
    assert_eq!((ask(ALICE), ask(ALICE), ask(BOB)), (Ok(()), Err(Code::RateLimited), Ok(())));
    assert_eq!(rates.caller(&Meter::default(), ALICE, NOON), Ok(()));
}

#[test]
fn who_guesses_is_told_to_wait_and_nothing_else() {
    let rates = rates("CHANCERY_LIMITS__FAILED_SIGN_INS_PER_MINUTE", "1");
    let meter = Meter::default();
    assert_eq!(rates.failure(&meter, from("192.0.2.1"), NOON), Ok(()));
    assert_eq!(rates.failure(&meter, from("192.0.2.1"), NOON).unwrap_err().code, Code::RateLimited);
    assert_eq!(marked(&meter), (String::new(), String::new(), "61".to_owned()));
    assert_eq!(rates.failure(&meter, from("192.0.2.2"), NOON), Ok(()));
}

#[test]
fn a_key_is_read_back_as_it_is_written() {
    for subject in [
        Subject::address("192.0.2.1".parse().unwrap()),
        Subject::address("2001:db8::1".parse().unwrap()),
        Subject::Administrator(ALICE.0),
        Subject::Organization(ALICE.1),
    ] {
        for class in Class::ALL {
            assert_eq!(Key(class, subject).to_string().parse::<Key>().unwrap(), Key(class, subject));
        }
    }
    for unknown in ["", "default", "other 192.0.2.1", "default crt_01jdp4q2x8f7mb3v5kz6n9w0ae"] {
        assert!(unknown.parse::<Key>().is_err(), "{unknown}");
    }
}
