//! The checks that follow every fault are checked themselves: each finds the violation that is planted for it.

#![allow(clippy::unwrap_used)] // helpers of tests

use chancery_tests::{
    checks::{all_is_well, violations},
    clients::{Clients, Granted, wishes},
    observed::{Event, Observed},
};
use serde_json::json;
use testkit::Installation;

/// A change to what was observed or answered, and the rule it breaks.
type Planted = (&'static str, fn(&mut Observed, &mut Vec<Granted>));

const PLANTED: &[Planted] = &[
    ("I-08: 3 is in place", |observed, _| _ = observed.events.remove(1)),
    ("I-08: event", |observed, _| last(observed, "issuance.completed").version = 3),
    ("I-08: event", |observed, _| last(observed, "issuance.completed").recorded_at = 0),
    ("I-10: event", |observed, _| last(observed, "issuance.completed").text.push(' ')),
    ("I-03: nobody wished for", |_, granted| _ = granted.pop()),
    ("I-01: ", |observed, _| {
        last(observed, "certificate_request.submitted").payload["id"] = json!("req_other")
    }),
    ("has 2 issuances", |observed, _| {
        let again = last(observed, "issuance.completed").clone();
        observed.events.push(Event { stream: again.id, ..again });
    }),
    ("I-03: two wishes", |_, granted| granted[0].request = granted[1].request.clone()),
    ("I-03: req_", |_, granted| granted[0].certificate = granted[1].certificate.clone()),
    ("I-05: issuance", |observed, _| _ = observed.events.pop_if(|event| event.kind == "issuance.completed")),
    ("C-3: an intent", |observed, _| observed.journal.push(observed.journal[0].clone())),
    ("C-3: the signature", |observed, _| observed.journal.iter_mut().for_each(|row| row.signature[8] ^= 1)),
    ("I-05: a signature", |observed, _| observed.journal[0].intent = observed.events[0].id),
    ("I-06: ", |observed, _| {
        let tbs = last(observed, "ca.intended").payload["tbs"].clone();
        last(observed, "issuance.intended").payload["tbs"] = tbs;
    }),
    ("is not signed by its CA", |observed, _| {
        let leaf = last(observed, "issuance.completed").payload["certificate"].clone();
        last(observed, "ca.created").payload["certificate"] = leaf;
    }),
    ("I-16: the log knows", |observed, _| _ = observed.wrapped_keys.pop()),
    ("was made for nothing", |observed, _| {
        for event in &mut observed.events {
            event.payload["keyId"].take();
        }
    }),
    ("LOG_0 has", |observed, _| _ = observed.copy.pop()),
    ("has sequence", |observed, _| observed.copy[2].sequence += 1),
    ("CHANCERY_EVENTS is not in order", |observed, _| observed.public.swap(0, 1)),
    ("CHANCERY_EVENTS lacks", |observed, _| _ = observed.public.pop()),
    ("I-09: api_inventory.certificate differs", |observed, _| {
        _ = observed.rebuilt.get_mut("api_inventory.certificate").unwrap().pop();
    }),
    ("I-09: 3 rows", |observed, _| {
        _ = observed.views.get_mut("api_inventory.certificate").unwrap().pop();
        _ = observed.rebuilt.get_mut("api_inventory.certificate").unwrap().pop();
    }),
    ("log verify: ", |observed, _| observed.verdict = Some("event 2 was changed".into())),
    ("I-19: ", |observed, _| observed.denials.push("NATS denied a subject".into())),
];

/// The last event of a kind.
fn last<'a>(observed: &'a mut Observed, kind: &str) -> &'a mut Event {
    observed.events.iter_mut().rfind(|event| event.kind == kind).unwrap()
}

#[tokio::test]
async fn every_check_finds_what_it_is_for() {
    let installation = Installation::up().await;
    let granted = Clients::start(&installation.https(), 4, wishes("sound", 4)).all().await;
    let sound = all_is_well(&installation, &granted).await;
    for (number, (expected, plant)) in PLANTED.iter().enumerate() {
        let (mut observed, mut granted) = (sound.clone(), granted.clone());
        plant(&mut observed, &mut granted);
        let found = violations(&observed, &granted);
        assert!(found.iter().any(|words| words.contains(expected)), "{number}, {expected}: {found:#?}");
    }
}
