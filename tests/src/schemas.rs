//! The files under `schemas/`, generated from `libs/contracts` and the gateway's table of operations.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use contracts::{event::EventDescription, public::PublicEvent};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::examples;

/// Where the generated files stand.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas")
}

/// Every log event type of every category.
#[must_use]
pub fn log_events() -> Vec<EventDescription> {
    use contracts::{Event, directory as d, inventory as i, keystore as k, notifier as n, signer as s};
    [
        d::OrganizationEvent::descriptions(),
        d::DepartmentEvent::descriptions(),
        d::AdministratorEvent::descriptions(),
        d::PersonEvent::descriptions(),
        d::PersonImportEvent::descriptions(),
        d::RoleEvent::descriptions(),
        d::IdentityProviderEvent::descriptions(),
        d::TokenEvent::descriptions(),
        d::AccessListEvent::descriptions(),
        d::ApprovalEvent::descriptions(),
        d::ApprovalPolicyEvent::descriptions(),
        d::DenialEvent::descriptions(),
        d::AuditEvent::descriptions(),
        d::SessionEvent::descriptions(),
        d::SignInEvent::descriptions(),
        d::DirectoryNameEvent::descriptions(),
        d::DomainEvent::descriptions(),
        d::DomainValidationEvent::descriptions(),
        k::KeyEvent::descriptions(),
        k::CompromisedKeyEvent::descriptions(),
        k::CredentialEvent::descriptions(),
        k::MasterKeyEvent::descriptions(),
        n::MailSettingsEvent::descriptions(),
        n::NotificationEvent::descriptions(),
        s::CaEvent::descriptions(),
        s::PolicyEvent::descriptions(),
        s::ProfileEvent::descriptions(),
        s::CertificateRequestEvent::descriptions(),
        s::IssuanceEvent::descriptions(),
        s::GuardedActEvent::descriptions(),
        s::SignerNameEvent::descriptions(),
        i::CertificateEvent::descriptions(),
        i::TrustSetEvent::descriptions(),
        i::DocumentEvent::descriptions(),
        i::SavedViewEvent::descriptions(),
        i::InventoryNameEvent::descriptions(),
    ]
    .concat()
}

/// The files that must equal what the program says: path below `schemas/` → content.
pub fn generated() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for event in log_events() {
        files.insert(format!("log/{}/{}.json", event.kind, event.version), pretty(event.schema.as_value()));
    }
    for event in PublicEvent::descriptions() {
        files.insert(public_path(event.name, event.version), pretty(event.schema.as_value()));
    }
    files.insert("openapi.json".into(), pretty(&gateway::openapi()));
    files.insert("asyncapi.yaml".into(), yaml(&asyncapi()));
    files
}

/// Examples that are written once and then kept: an example ever published stays readable.
pub fn kept_examples() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for (kind, version, payload) in examples::log_events() {
        files.insert(format!("log/{kind}/{version}.example.json"), pretty(&payload));
    }
    for (name, version, data) in examples::public_events() {
        files.insert(public_path(name, version).replace(".json", ".example.json"), pretty(&data));
    }
    files
}

/// `lock.json`: SHA-256 of each event schema, so that an edit of a released one is seen.
#[must_use]
pub fn lock(files: &BTreeMap<String, String>) -> String {
    let hashes: BTreeMap<_, _> = files
        .iter()
        .filter(|(path, _)| path.starts_with("log/") || path.starts_with("events/"))
        .map(|(path, content)| (path, hex::encode(Sha256::digest(content))))
        .collect();
    pretty(&json!(hashes))
}

fn public_path(name: &str, version: u8) -> String {
    format!("events/{name}.v{version}.json")
}

/// AsyncAPI 3.0: one channel per public event type on `CHANCERY_EVENTS`.
fn asyncapi() -> Value {
    let (mut channels, mut operations, mut messages) = (json!({}), json!({}), json!({}));
    for event in PublicEvent::descriptions() {
        let (aggregate, fact) = event.name.split_once('.').unwrap_or((event.name, ""));
        let key = format!("{}.v{}", event.name, event.version);
        messages[&key] = json!({
            "name": format!("chancery.{key}"),
            "title": event.title,
            "contentType": "application/cloudevents+json",
            "headers": {"type": "object", "properties": {
                "Nats-Msg-Id": {"type": "string", "description": "The event's id; drop repeats by it."},
                "traceparent": {"type": "string", "description": "W3C trace context."}}},
            "payload": {"allOf": [
                {"$ref": "#/components/schemas/CloudEvent"},
                {"type": "object", "properties": {
                    "type": {"const": format!("chancery.{key}")},
                    "data": {"$ref": format!("./{}", public_path(event.name, event.version))}}}]},
        });
        channels[&key] = json!({
            "address": format!("evt.{}.{aggregate}.{fact}.{{organization}}", event.service),
            "description": "The service may change: subscribe with `*` in its place.",
            "parameters": {"organization": {"description": "The organization's id (org_…)."}},
            "messages": {key.clone(): {"$ref": format!("#/components/messages/{key}")}},
        });
        operations[&key] = json!({
            "action": "send",
            "channel": {"$ref": format!("#/channels/{key}")},
            "summary": event.title,
            "messages": [{"$ref": format!("#/channels/{key}/messages/{key}")}],
        });
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Chancery events",
            "version": "1",
            "description": "CloudEvents 1.0 on the JetStream stream CHANCERY_EVENTS: at least once, in order per subject.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages,
            "schemas": {"CloudEvent": schemars::schema_for!(contracts::public::CloudEvent)},
        },
    })
}

fn pretty(value: &Value) -> String {
    // A `Value` has string keys only, so it always serializes.
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

fn yaml(value: &Value) -> String {
    serde_yaml_ng::to_string(value).unwrap_or_default()
}

/// The kept schemas of public events, compiled once.
#[derive(Debug)]
pub struct Validator {
    envelope: jsonschema::Validator,
    data: BTreeMap<String, jsonschema::Validator>,
}

#[allow(clippy::new_without_default, clippy::unwrap_used, clippy::panic)] // a test whose schemas are missing fails
impl Validator {
    /// For every public event.
    #[must_use]
    pub fn new() -> Self {
        let text = fs::read_to_string(folder().join("asyncapi.yaml")).unwrap();
        let asyncapi: Value = serde_yaml_ng::from_str(&text).unwrap();
        let envelope = &asyncapi["components"]["schemas"]["CloudEvent"];
        Self { envelope: jsonschema::validator_for(envelope).unwrap(), data: BTreeMap::new() }
    }

    /// Panics unless the envelope and the data are what the schemas say.
    pub fn check(&mut self, event: &Value) {
        self.envelope.validate(event).unwrap_or_else(|error| panic!("{error}: {event}"));
        let kind = event["type"].as_str().unwrap().strip_prefix("chancery.").unwrap().to_owned();
        let schema = self.data.entry(kind.clone()).or_insert_with(|| {
            let text = fs::read_to_string(folder().join(format!("events/{kind}.json"))).unwrap();
            jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
        });
        schema.validate(&event["data"]).unwrap_or_else(|error| panic!("{error}: {event}"));
    }
}
