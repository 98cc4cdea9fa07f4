//! What must be so after any fault (I-01 to I-10, I-16): judged from what clients were told and from what can be seen
//! from outside, without a line of the services' own code.

#![allow(clippy::unwrap_used)] // numbers that fit

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use contracts::{EventId, KeyId};
use sha2::{Digest as _, Sha256};
use testkit::Installation;
use uuid::Uuid;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::{
    clients::{Granted, differing_repeats},
    observed::{Event, Message, Observed},
};

/// Waits until the installation rests and panics with everything that is not as it must be.
pub async fn all_is_well(installation: &Installation, granted: &[Granted]) -> Observed {
    let mut wrong = differing_repeats(&installation.https(), granted).await;
    let observed = Observed::of(installation).await;
    wrong.extend(violations(&observed, granted));
    assert!(wrong.is_empty(), "{} violations:\n{}", wrong.len(), wrong.join("\n"));
    observed
}

/// Everything that is not as it must be, in words.
#[must_use]
pub fn violations(observed: &Observed, granted: &[Granted]) -> Vec<String> {
    let mut wrong = Wrong::default();
    order(&observed.events, &mut wrong);
    hashes(&observed.events, &mut wrong);
    let issuances = Issuances::of(&observed.events);
    one_certificate_each(&issuances, granted, &mut wrong);
    certificates(&issuances, observed, &mut wrong);
    keys(observed, &mut wrong);
    copy(observed, &mut wrong);
    public(observed, &mut wrong);
    read_models(observed, granted, &mut wrong);
    wrong.extend(observed.verdict.iter().map(|verdict| format!("log verify: {verdict}")));
    wrong.extend(observed.denials.iter().map(|denial| format!("I-19: {denial}")));
    wrong.0
}

/// Violations so far.
#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn unless(&mut self, right: bool, words: impl FnOnce() -> String) {
        if !right {
            self.0.push(words());
        }
    }

    fn extend(&mut self, more: impl Iterator<Item = String>) {
        self.0.extend(more);
    }
}

/// I-08: positions and versions are dense, times rise, no event is there twice.
fn order(events: &[Event], wrong: &mut Wrong) {
    let mut versions: BTreeMap<Uuid, i32> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for (event, place) in events.iter().zip(1..) {
        wrong.unless(event.position == place, || format!("I-08: {} is in place {place}", event.position));
        let version = versions.entry(event.stream).or_default();
        *version += 1;
        wrong.unless(event.version == *version, || {
            format!("I-08: event {} has version {}, not {version}", event.position, event.version)
        });
        wrong.unless(ids.insert(event.id), || format!("I-08: event {} is there twice", event.position));
    }
    for pair in events.windows(2) {
        wrong.unless(pair[0].recorded_at <= pair[1].recorded_at, || {
            format!("I-08: event {} is older than the one before it", pair[1].position)
        });
    }
}

/// I-10, in part: the stored hash is the text's.
fn hashes(events: &[Event], wrong: &mut Wrong) {
    for event in events {
        let right = Sha256::digest(&event.text).as_slice() == event.hash;
        wrong.unless(right, || format!("I-10: event {} has another hash", event.position));
    }
}

/// What the log says about issuing.
struct Issuances<'a> {
    /// Submitted requests, by request id.
    submitted: BTreeMap<&'a str, Vec<&'a Event>>,
    /// Intents and certificates, by stream.
    streams: BTreeMap<Uuid, Vec<&'a Event>>,
    /// Issuances, by request id.
    by_request: BTreeMap<&'a str, BTreeSet<Uuid>>,
    /// Certificates of issuing CAs (DER), by id.
    cas: BTreeMap<&'a str, Vec<u8>>,
}

impl<'a> Issuances<'a> {
    fn of(events: &'a [Event]) -> Self {
        let mut all = Self {
            submitted: BTreeMap::new(),
            streams: BTreeMap::new(),
            by_request: BTreeMap::new(),
            cas: BTreeMap::new(),
        };
        let mut cas = BTreeMap::new();
        for event in events {
            match event.kind.as_str() {
                "certificate_request.submitted" => {
                    all.submitted.entry(text(event, "id")).or_default().push(event)
                }
                "issuance.intended" | "issuance.completed" => {
                    all.streams.entry(event.stream).or_default().push(event);
                    all.by_request.entry(text(event, "requestId")).or_default().insert(event.stream);
                }
                "ca.intended" => _ = cas.insert(event.stream, text(event, "id")),
                "ca.created" => {
                    let id = cas.get(&event.stream).copied().unwrap_or_default();
                    all.cas.insert(id, bytes(event, "certificate"));
                }
                _ => {}
            }
        }
        all
    }
}

/// I-01, I-03: what was answered 201 stands in the log, once, as it was answered; and nothing else does.
fn one_certificate_each(issuances: &Issuances<'_>, granted: &[Granted], wrong: &mut Wrong) {
    let answered: BTreeSet<_> = granted.iter().map(|one| one.request.as_str()).collect();
    wrong.unless(answered.len() == granted.len(), || "I-03: two wishes got one request".into());
    for (request, events) in &issuances.submitted {
        wrong.unless(answered.contains(request), || format!("I-03: nobody wished for {request}"));
        wrong.unless(events.len() == 1, || format!("I-03: {request} was submitted {} times", events.len()));
    }
    for one in granted {
        let Granted { request, wish, .. } = one;
        let none = BTreeSet::new();
        let streams = issuances.by_request.get(request.as_str()).unwrap_or(&none);
        let known = issuances.submitted.contains_key(request.as_str());
        wrong.unless(known, || format!("I-01: {} was answered and {request} is not in the log", wish.key));
        wrong.unless(streams.len() == 1, || format!("I-03: {request} has {} issuances", streams.len()));
        let answered = pem(&one.certificate);
        let recorded = |stream| issuances.streams[stream].get(1).map(|event| bytes(event, "certificate"));
        let same = streams.iter().all(|stream| recorded(stream).as_ref() == Some(&answered));
        wrong.unless(same, || format!("I-03: {request} was answered with another certificate"));
    }
}

/// I-04, I-05, I-06, C-3: each intent has one certificate, made of its TBSCertificate and the one journaled signature,
/// which the CA's key made; and the journal holds nothing else.
fn certificates(issuances: &Issuances<'_>, observed: &Observed, wrong: &mut Wrong) {
    let journal: BTreeMap<_, _> = observed.journal.iter().map(|row| (row.intent, &row.signature)).collect();
    wrong.unless(journal.len() == observed.journal.len(), || "C-3: an intent has two signatures".into());
    let mut serials = BTreeSet::new();
    for (stream, events) in &issuances.streams {
        let &[intended, completed] = &events[..] else {
            wrong.0.push(format!("I-05: issuance {stream} has {} events", events.len()));
            continue;
        };
        let ca = intended.payload["caId"].as_str();
        let der = bytes(completed, "certificate");
        let Ok((_, certificate)) = X509Certificate::from_der(&der) else {
            wrong.0.push(format!("I-06: the certificate of {stream} cannot be read"));
            continue;
        };
        let serial = hex::encode(certificate.raw_serial());
        wrong.unless(serials.insert((ca, serial)), || format!("I-04: {stream} has a used serial number"));
        let tbs = certificate.tbs_certificate.as_ref() == bytes(intended, "tbs");
        wrong.unless(tbs, || format!("I-06: {stream} differs from its intent"));
        let issuer = ca.map_or(&der, |ca| &issuances.cas[ca]);
        let signed = X509Certificate::from_der(issuer)
            .is_ok_and(|(_, issuer)| certificate.verify_signature(Some(issuer.public_key())).is_ok());
        wrong.unless(signed, || format!("I-06: {stream} is not signed by its CA"));
        let signature = certificate.signature_value.data.as_ref();
        let released = journal.get(&intended.id).map(|released| released.as_slice()) == Some(signature);
        wrong.unless(released, || format!("C-3: the signature of {stream} is not the journaled one"));
    }
    let intents = ["issuance.intended", "ca.intended"];
    let intents = observed.events.iter().filter(|event| intents.contains(&event.kind.as_str()));
    let intents: BTreeSet<_> = intents.map(|event| event.id).collect();
    for intent in journal.keys().filter(|intent| !intents.contains(intent)) {
        wrong.0.push(format!("I-05: a signature was released for {intent}, which is no intent"));
    }
}

/// I-16: a key that the log knows has its bytes until it is destroyed, none other has; none was made in vain.
fn keys(observed: &Observed, wrong: &mut Wrong) {
    let mut known = BTreeSet::new();
    let mut used = BTreeSet::new();
    for event in &observed.events {
        match event.kind.as_str() {
            "key.generated" => _ = known.insert(event.stream),
            "key.destroyed" => _ = known.remove(&event.stream),
            "certificate_request.submitted" => {
                used.extend(event.payload["keyId"].as_str().and_then(|id| id.parse::<KeyId>().ok()));
            }
            _ => {}
        }
    }
    let kept: BTreeSet<_> = observed.wrapped_keys.iter().copied().collect();
    wrong.unless(kept == known, || format!("I-16: the log knows {known:?}, the table holds {kept:?}"));
    for event in observed.events.iter().filter(|event| event.kind == "key.generated") {
        let idle = text(event, "purpose") == "end_entity" && !used.contains(&KeyId(event.stream));
        wrong.unless(!idle, || format!("I-16: key {} was made for nothing", event.stream));
    }
}

/// The log's copy on NATS is the log: sequence = position, for every event.
fn copy(observed: &Observed, wrong: &mut Wrong) {
    let copied: Vec<_> = observed.copy.iter().map(|message| (message.position, message.id.clone())).collect();
    let logged: Vec<_> = observed.events.iter().map(|event| (event.position, event.id.to_string())).collect();
    wrong.unless(copied == logged, || format!("LOG_0 has {}, the log {}", copied.len(), logged.len()));
    for Message { sequence, position, .. } in &observed.copy {
        let same = i64::try_from(*sequence) == Ok(*position);
        wrong.unless(same, || format!("event {position} has sequence {sequence}"));
    }
}

/// Every request and every certificate was told to subscribers, once, in order.
fn public(observed: &Observed, wrong: &mut Wrong) {
    let positions: Vec<_> = observed.public.iter().map(|message| message.position).collect();
    wrong.unless(positions.is_sorted_by(|a, b| a < b), || "CHANCERY_EVENTS is not in order".into());
    let told: BTreeSet<_> =
        observed.public.iter().map(|message| (message.position, message.id.as_str())).collect();
    for event in &observed.events {
        let public = ["certificate_request.submitted", "issuance.completed"].contains(&event.kind.as_str());
        let id = EventId(event.id).to_string();
        let missing = public && !told.contains(&(event.position, id.as_str()));
        wrong.unless(!missing, || format!("CHANCERY_EVENTS lacks event {}", event.position));
    }
}

/// I-09: the live read models are what the log gives from position 0, and show what was answered.
fn read_models(observed: &Observed, granted: &[Granted], wrong: &mut Wrong) {
    for name in observed.views.keys().chain(observed.rebuilt.keys()).collect::<BTreeSet<_>>() {
        let same = observed.views.get(name) == observed.rebuilt.get(name);
        wrong.unless(same, || format!("I-09: {name} differs from the one built again"));
    }
    for (name, key) in
        [("api_inventory.certificate", "certificate"), ("api_signer.certificate_request", "request")]
    {
        let rows = observed.views.get(name).map_or(0, Vec::len);
        wrong.unless(rows == granted.len(), || {
            format!("I-09: {rows} rows, {} times a {key} was granted", granted.len())
        });
    }
}

fn text<'a>(event: &'a Event, member: &str) -> &'a str {
    event.payload[member].as_str().unwrap_or_default()
}

fn bytes(event: &Event, member: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(text(event, member)).unwrap_or_default()
}

/// The DER within a PEM block.
fn pem(text: &str) -> Vec<u8> {
    let base64: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    BASE64_STANDARD.decode(base64).unwrap_or_default()
}
