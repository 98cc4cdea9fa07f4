//! The OpenAPI document is complete and well formed: Spectral's `oas` rules that matter here, and our own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests fail as tests do

use std::collections::BTreeSet;

use chancery_gateway::{operation::Access, operations::table};
use contracts::Code;
use serde_json::Value;

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let methods = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(|(method, operation)| (path.clone(), method.clone(), operation.clone()))
    });
    methods.collect()
}

#[test]
fn every_operation_says_who_may_call_it() {
    for operation in table() {
        assert!(operation.access.is_some(), "{operation:?}");
        let computes = matches!(operation.id, "inspectCsr" | "explainMyRights");
        // Ways in, and what people do to themselves.
        let personal = operation.tag == "Sign-in" || !operation.documented;
        // Whoever has the code of the mail.
        let personal = personal || operation.id == "confirmDomainValidation";
        let write = operation.method != "GET" && !computes && !personal;
        if write {
            assert!(matches!(operation.access, Some(Access::Permission(_))), "{operation:?}");
        }
    }
}

#[test]
fn ids_are_a_verb_and_a_noun_and_stand_once() {
    let mut seen = BTreeSet::new();
    let verbs = [
        "list",
        "get",
        "create",
        "update",
        "issue",
        "revoke",
        "suspend",
        "resume",
        "destroy",
        "generate",
        "submit",
        "build",
        "receive",
        "mail",
        "evaluate",
        "validate",
        "annotate",
        "mark",
        "make",
        "export",
        "bind",
        "check",
        "resend",
        "start",
        "test",
        "unbind",
        "unseal",
        "inspect",
        "stream",
        "archive",
        "restore",
        "add",
        "erase",
        "import",
        "appoint",
        "remove",
        "reset",
        "disable",
        "enable",
        "rotate",
        "explain",
        "activate",
        "deactivate",
        "delegate",
        "withdraw",
        "approve",
        "reject",
        "sign",
        "set",
        "forget",
        "step",
        "end",
        "change",
        "enrol",
        "confirm",
        "want",
        "post",
        "give",
        "decline",
        "cancel",
        "decide",
    ];
    for operation in table() {
        assert!(seen.insert(operation.id), "{operation:?}");
        let verb = verbs.iter().find(|verb| operation.id.starts_with(**verb));
        let noun = verb.and_then(|verb| operation.id.strip_prefix(verb)).unwrap_or_default();
        assert!(noun.starts_with(|c: char| c.is_ascii_uppercase()), "{operation:?}");
        assert!(noun.chars().all(|c| c.is_ascii_alphanumeric()), "{operation:?}");
    }
}

#[test]
fn paths_are_kebab_case() {
    for (path, ..) in operations(&chancery_gateway::openapi()) {
        assert!(path.starts_with("/api/v1/") && !path.ends_with('/'), "{path}");
        for step in path.split('/').filter(|step| !step.starts_with('{') && !step.ends_with(".json")) {
            assert!(step.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{path}");
        }
    }
}

#[test]
fn fields_are_camel_case() {
    let document = chancery_gateway::openapi();
    // CloudEvents fixes the names of its attributes.
    let foreign = ["CloudEvent"];
    let own = ["cRLSign"];
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for field in schema["properties"].as_object().into_iter().flatten().map(|(field, _)| field.as_str()) {
            let camel = field.starts_with(|c: char| c.is_ascii_lowercase())
                && field.chars().all(|c| c.is_ascii_alphanumeric());
            assert!(camel || foreign.contains(&name.as_str()) || own.contains(&field), "{name}.{field}");
        }
    }
}

#[test]
fn every_operation_is_described_with_examples_and_problem_codes() {
    for (path, method, operation) in operations(&chancery_gateway::openapi()) {
        let place = format!("{method} {path}");
        for field in ["operationId", "summary", "description"] {
            assert!(operation[field].as_str().is_some_and(|text| !text.is_empty()), "{place} lacks {field}");
        }
        assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{place}");
        let codes = operation["x-problem-codes"].as_array().unwrap();
        assert!(codes.iter().all(|code| Code::from_text(code.as_str().unwrap()).is_some()), "{place}");
        if let Some(body) = operation.get("requestBody") {
            let json = &body["content"]["application/json"]["example"];
            let file = &body["content"]["text/csv"]["example"];
            let any = &body["content"]["application/octet-stream"]["example"];
            assert!(
                json.is_object() || file.is_string() || any.is_string(),
                "{place} lacks a request example"
            );
        }
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{place} never succeeds");
        for (status, response) in responses {
            let contents = response["content"].as_object().unwrap();
            assert!(
                contents.values().any(|content| !content["example"].is_null()),
                "{place} {status} lacks an example"
            );
        }
        for parameter in operation["parameters"].as_array().unwrap() {
            assert!(!parameter["description"].as_str().unwrap().is_empty(), "{place} {}", parameter["name"]);
        }
        let declared: BTreeSet<&str> = operation["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let needed: BTreeSet<&str> =
            path.split('/').filter_map(|step| step.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(declared, needed, "{place}");
    }
}

#[test]
fn every_example_fits_its_schema() {
    let document = chancery_gateway::openapi();
    for (path, method, operation) in operations(&document) {
        let request = operation["requestBody"]["content"].as_object().into_iter().flatten();
        let responses = operation["responses"].as_object().unwrap().values();
        let answers = responses.flat_map(|response| response["content"].as_object().unwrap());
        for (media, content) in request.chain(answers).filter(|(_, content)| !content["example"].is_null()) {
            // `true`: whatever the other media type of the answer says in its own form.
            let mut schema = if content["schema"] == true {
                Value::Object(Default::default())
            } else {
                content["schema"].clone()
            };
            schema["components"] = document["components"].clone();
            let validator = jsonschema::options().build(&schema).unwrap();
            let errors: Vec<String> = validator
                .iter_errors(&content["example"])
                .map(|e| format!("{}: {e}", e.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{method} {path} {media}: {errors:#?}");
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(value: &Value, document: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(target)) = members.get("$ref") {
                    let pointer = target.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{target}");
                }
                members.values().for_each(|value| walk(value, document));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, document)),
            _ => {}
        }
    }
    let document = chancery_gateway::openapi();
    walk(&document, &document);
    assert_eq!(document["openapi"], "3.1.0");
}
