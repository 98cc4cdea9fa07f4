//! The published contracts are what the program says, and every example ever kept stays readable.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests fail as tests do

use std::{collections::BTreeMap, fs};

use chancery_tests::{examples, schemas};
use contracts::{
    Event, EventError, directory as d, inventory as i, keystore as k, notifier as n, signer as s,
};
use serde_json::Value;

#[test]
fn the_committed_files_are_what_the_program_generates() {
    let generated = schemas::generated();
    for (path, content) in &generated {
        let committed = fs::read_to_string(schemas::folder().join(path)).unwrap_or_default();
        assert!(
            committed == *content,
            "schemas/{path} is stale: run `make schemas` and look at the difference"
        );
    }
    assert_eq!(fs::read_to_string(schemas::folder().join("lock.json")).unwrap(), schemas::lock(&generated));
}

#[test]
fn every_event_type_has_an_example_that_fits_its_schema() {
    let generated = schemas::generated();
    let examples = schemas::kept_examples();
    for path in generated.keys().filter(|path| path.starts_with("log/") || path.starts_with("events/")) {
        let example = path.replace(".json", ".example.json");
        assert!(examples.contains_key(&example), "{example} is missing");
    }
    for path in examples.keys() {
        let kept = read(path);
        let schema: Value =
            serde_json::from_str(&generated[&path.replace(".example.json", ".json")]).unwrap();
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        let errors: Vec<_> = validator.iter_errors(&kept).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{path}: {errors:?}");
    }
}

#[test]
fn every_kept_log_example_is_read_and_written_back_the_same() {
    type Read = fn(&str, i16, &str) -> (i16, Value);
    fn read_as<E: Event>(kind: &str, version: i16, payload: &str) -> (i16, Value) {
        let event = E::from_payload(kind, version, payload).unwrap();
        assert_eq!(event.kind(), kind);
        (event.schema_version(), serde_json::from_str(&event.to_payload().unwrap()).unwrap())
    }
    let readers: BTreeMap<&str, Read> = BTreeMap::from([
        ("organization", read_as::<d::OrganizationEvent> as Read),
        ("department", read_as::<d::DepartmentEvent>),
        ("domain", read_as::<d::DomainEvent>),
        ("domain_validation", read_as::<d::DomainValidationEvent>),
        ("administrator", read_as::<d::AdministratorEvent>),
        ("person", read_as::<d::PersonEvent>),
        ("person_import", read_as::<d::PersonImportEvent>),
        ("role", read_as::<d::RoleEvent>),
        ("identity_provider", read_as::<d::IdentityProviderEvent>),
        ("token", read_as::<d::TokenEvent>),
        ("access_list", read_as::<d::AccessListEvent>),
        ("approval", read_as::<d::ApprovalEvent>),
        ("approval_policy", read_as::<d::ApprovalPolicyEvent>),
        ("denial", read_as::<d::DenialEvent>),
        ("audit", read_as::<d::AuditEvent>),
        ("session", read_as::<d::SessionEvent>),
        ("sign_in", read_as::<d::SignInEvent>),
        ("directory_name", read_as::<d::DirectoryNameEvent>),
        ("key", read_as::<k::KeyEvent>),
        ("compromised_key", read_as::<k::CompromisedKeyEvent>),
        ("credential", read_as::<k::CredentialEvent>),
        ("master_key", read_as::<k::MasterKeyEvent>),
        ("mail_settings", read_as::<n::MailSettingsEvent>),
        ("notification", read_as::<n::NotificationEvent>),
        ("ca", read_as::<s::CaEvent>),
        ("policy", read_as::<s::PolicyEvent>),
        ("profile", read_as::<s::ProfileEvent>),
        ("certificate_request", read_as::<s::CertificateRequestEvent>),
        ("issuance", read_as::<s::IssuanceEvent>),
        ("guarded_act", read_as::<s::GuardedActEvent>),
        ("signer_name", read_as::<s::SignerNameEvent>),
        ("certificate", read_as::<i::CertificateEvent>),
        ("trust_set", read_as::<i::TrustSetEvent>),
        ("document", read_as::<i::DocumentEvent>),
        ("saved_view", read_as::<i::SavedViewEvent>),
        ("inventory_name", read_as::<i::InventoryNameEvent>),
    ]);
    for (kind, version, _) in examples::log_events() {
        let kept = read(&format!("log/{kind}/{version}.example.json"));
        let category = kind.split_once('.').unwrap().0;
        let (now, written) = readers[category](kind, version, &kept.to_string());
        if now == version {
            assert_eq!(written, kept, "{kind}");
        } else {
            // An older shape is read as what it means now, and written back in the shape of now.
            assert_eq!(readers[category](kind, now, &written.to_string()), (now, written), "{kind}");
        }
    }
}

#[test]
fn the_first_master_is_a_master_of_the_installation() {
    let kept = read("log/administrator.appointed/1.example.json").to_string();
    let event = d::AdministratorEvent::from_payload("administrator.appointed", 1, &kept).unwrap();
    let d::AdministratorEvent::Appointed(appointed) = event else { panic!("{event:?}") };
    let master = d::Grant::installation(d::Role::BuiltIn(d::BuiltInRole::Master));
    assert_eq!((appointed.name.as_str(), appointed.grants), ("master", vec![master]));
}

#[test]
fn an_unknown_type_or_a_newer_version_halts_the_reader() {
    assert!(matches!(k::KeyEvent::from_payload("key.melted", 1, "{}"), Err(EventError::UnknownType { .. })));
    assert!(matches!(
        k::KeyEvent::from_payload("key.destroyed", 2, "{}"),
        Err(EventError::UnknownVersion { .. })
    ));
}

#[test]
fn no_event_schema_has_a_field_for_a_secret() {
    for (path, content) in schemas::generated() {
        let lower = content.to_lowercase();
        for word in ["\"privatekey\":", "\"password\":", "\"passphrase\":", "\"challengepassword\":"] {
            assert!(path == "openapi.json" || !lower.contains(word), "{path} has {word}");
        }
    }
}

fn read(path: &str) -> Value {
    let text = fs::read_to_string(schemas::folder().join(path))
        .unwrap_or_else(|error| panic!("schemas/{path}: {error}"));
    serde_json::from_str(&text).unwrap()
}
