//! Every log event ever kept becomes the public event it should, and nothing that is ours alone becomes one.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use chancery_gateway::translate::{envelope, subject, translate};
use contracts::{Timestamp, public::PublicEvent};
use eventlog::Recorded;
use serde_json::Value;
use uuid::Uuid;

fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas")
}

/// The kept examples of the log, by type.
fn examples() -> BTreeMap<String, Recorded> {
    let folders = fs::read_dir(schemas().join("log")).unwrap().map(|entry| entry.unwrap().path());
    let example = |folder: PathBuf| {
        let kind = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let payload = fs::read_to_string(folder.join("1.example.json")).unwrap();
        (kind.clone(), recorded(&kind, payload))
    };
    folders.map(example).collect()
}

fn recorded(kind: &str, payload: String) -> Recorded {
    let command = Uuid::from_u128(5);
    Recorded {
        position: 184_467,
        tenant: Uuid::from_u128(1),
        category: kind.split_once('.').unwrap().0.to_owned(),
        stream: Uuid::from_u128(2),
        version: 3,
        id: Uuid::from_u128(4),
        kind: kind.to_owned(),
        schema: 1,
        recorded_at: Timestamp::from_unix(1_790_000_000),
        command_id: command,
        causation: command,
        correlation: command,
        actor: "adm_00000000000000000000000006/tok_00000000000000000000000007".to_owned(),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        payload,
        hash: [0; 32],
    }
}

#[test]
fn each_public_type_comes_from_one_log_type_and_fits_its_schema() {
    let mut public = BTreeMap::<String, Vec<String>>::new();
    for (kind, recorded) in examples() {
        let Some(translated) = translate(&recorded).unwrap() else { continue };
        let name = format!("{}.v{}", translated.event.name(), translated.event.version());
        let schema = fs::read_to_string(schemas().join(format!("events/{name}.json"))).unwrap();
        let schema: Value = serde_json::from_str(&schema).unwrap();
        let data = serde_json::to_value(&translated.event).unwrap();
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        let errors: Vec<String> = validator.iter_errors(&data).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{kind}: {errors:?}");
        public.entry(name).or_default().push(kind);
    }
    let described: Vec<String> = PublicEvent::descriptions()
        .iter()
        .map(|event| format!("{}.v{}", event.name, event.version))
        .collect();
    // A certificate is issued by a CA of ours, or by one outside.
    let twice = ["certificate_request.completed", "issuance.completed"];
    for name in &described {
        let kinds = public.get(name).unwrap_or_else(|| panic!("nothing gives {name}"));
        assert!(kinds.len() == 1 || kinds == &twice, "{name}: {kinds:?}");
    }
    assert_eq!(public.len(), described.len());
}

#[test]
fn what_is_ours_alone_is_told_to_nobody() {
    let examples = examples();
    for kind in [
        "issuance.intended",
        "issuance.withheld",
        "ca.intended",
        "denial.recorded",
        "administrator.appointed",
        "signer_name.reserved",
        "inventory_name.reserved",
        "trust_set.created",
        "directory_name.reserved",
        "organization.updated",
    ] {
        assert_eq!(translate(&examples[kind]).unwrap(), None, "{kind}");
    }
}

#[test]
fn no_public_event_carries_a_hash_or_a_text_of_a_token() {
    let example = &examples()["token.issued"];
    let text = serde_json::to_string(&translate(example).unwrap().unwrap().event).unwrap();
    assert!(!text.contains("hash"), "{text}");
}

#[test]
fn the_envelope_is_a_cloudevent() {
    let recorded = &examples()["issuance.completed"];
    let translated = translate(recorded).unwrap().unwrap();
    let organization = "org_00000000000000000000000001";
    assert_eq!(subject(recorded, &translated.event), format!("evt.signer.certificate.issued.{organization}"));
    let certificate = translated.subject.clone();
    let event = serde_json::to_value(envelope(recorded, translated).unwrap()).unwrap();
    for (member, value) in [
        ("specversion", "1.0"),
        ("id", "evt_00000000000000000000000004"),
        ("type", "chancery.certificate.issued.v1"),
        ("source", "/chancery/signer"),
        ("subject", certificate.as_str()),
        ("datacontenttype", "application/json"),
        ("dataschema", "urn:chancery:schema:certificate.issued.v1"),
        ("position", "184467"),
        ("streamversion", "3"),
        ("organization", organization),
        ("actor", "adm_00000000000000000000000006"),
        ("correlationid", "op_00000000000000000000000005"),
        ("causationid", "op_00000000000000000000000005"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ] {
        assert_eq!(event[member], value, "{member}");
    }
    assert!(certificate.starts_with("crt_"));
}

#[test]
fn an_event_of_an_unknown_type_is_an_error_and_never_skipped() {
    assert!(translate(&recorded("key.melted", "{}".into())).is_err());
    assert!(translate(&recorded("dragon.born", "{}".into())).is_err());
}
