//! Filters by a field that has words of its own: of every list, and of every such field.

#![allow(clippy::unwrap_used)] // a test that cannot go on should say where

use std::collections::BTreeSet;

use chancery_gateway::{operation::Operation, operations::table, parameter::Kind, query::Query};
use contracts::Code;
use schemars::SchemaGenerator;
use serde_json::Value;

/// The lists of read models.
fn lists() -> impl Iterator<Item = Operation> {
    table().into_iter().filter(|operation| operation.part.is_some() && operation.id.starts_with("list"))
}

/// The words that the schema of a field allows, perhaps beside `null`.
fn words(schema: &Value, definitions: &Value) -> BTreeSet<String> {
    if let Some(target) = schema["$ref"].as_str() {
        return words(&definitions[target.rsplit('/').next().unwrap()], definitions);
    }
    let list = |name: &str| schema[name].as_array().into_iter().flatten();
    let own = list("enum").chain(schema.get("const")).filter_map(Value::as_str).map(str::to_owned);
    own.chain(list("oneOf").chain(list("anyOf")).flat_map(|one| words(one, definitions))).collect()
}

#[test]
fn a_field_with_words_of_its_own_is_filtered_by_those() {
    let mut found = BTreeSet::new();
    for operation in lists() {
        let mut generator = SchemaGenerator::default();
        let document = (operation.part.unwrap())(&mut generator).to_value();
        let definitions = Value::Object(generator.take_definitions(true));
        for (field, schema) in document["properties"].as_object().unwrap() {
            let words = words(schema, &definitions);
            let parameter = operation.query.iter().find(|parameter| parameter.name == field.as_str());
            let Some(parameter) = parameter.filter(|_| !words.is_empty()) else { continue };
            let Kind::AnyOf(taken) = &parameter.kind else { panic!("{} {field}", operation.id) };
            assert_eq!(taken.iter().cloned().collect::<BTreeSet<_>>(), words, "{} {field}", operation.id);
        }
        let words = operation.query.iter().filter(|parameter| matches!(parameter.kind, Kind::AnyOf(_)));
        found.extend(words.map(|parameter| format!("{} {}", operation.id, parameter.name)));
    }
    let fields = [
        "listAdmins kind",
        "listAdmins status",
        "listApprovals certificateType",
        "listApprovals kind",
        "listApprovals status",
        "listCas kind",
        "listCas status",
        "listCertificateRequests certificateType",
        "listCertificateRequests source",
        "listCertificateRequests status",
        "listCertificates certificateType",
        "listCertificates installState",
        "listCertificates keyAlgorithm",
        "listCertificates origin",
        "listCertificates renewalState",
        "listCertificates status",
        "listCertificates statusWord",
        "listDelegations status",
        "listDepartments status",
        "listDomainDelegations status",
        "listDomainValidations method",
        "listDomainValidations status",
        "listDomains status",
        "listIdentityProviders status",
        "listKeys algorithm",
        "listKeys origin",
        "listKeys purpose",
        "listKeys status",
        "listMyApprovals certificateType",
        "listMyApprovals kind",
        "listMyApprovals status",
        "listNotifications kind",
        "listNotifications status",
        "listOrganizations status",
        "listPeople status",
        "listPeople validationType",
        "listPersonCertificates certificateType",
        "listPersonCertificates installState",
        "listPersonCertificates keyAlgorithm",
        "listPersonCertificates origin",
        "listPersonCertificates renewalState",
        "listPersonCertificates status",
        "listPersonCertificates statusWord",
        "listProfiles type",
        "listRoles status",
        "listSessions method",
        "listSessions status",
        "listTokens status",
        "listTrustSets kind",
        "listTrustSets status",
        "listValidations method",
        "listValidations status",
        "listViews of",
    ];
    let expected: BTreeSet<String> =
        fields.iter().flat_map(|field| [(*field).to_owned(), format!("{field}[ne]")]).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_word_that_the_field_cannot_have_is_refused_with_those_it_can() {
    for operation in lists() {
        for parameter in &operation.query {
            let Kind::AnyOf(words) = &parameter.kind else { continue };
            let (name, first) = (&parameter.name, &words[0]);
            let all = words.join(",");
            assert!(Query::read(Some(&format!("{name}={all}")), &operation).is_ok(), "{name}={all}");
            for (value, word) in [
                ("bogus".to_owned(), "bogus"),
                (format!("{first},bogus"), "bogus"),
                (first.to_uppercase(), &*first.to_uppercase()),
                (String::new(), ""),
            ] {
                let problem = Query::read(Some(&format!("{name}={value}")), &operation).unwrap_err();
                assert_eq!(problem.code, Code::MalformedRequest, "{} {name}={value}", operation.id);
                let [violation] = &problem.errors[..] else { panic!("{problem:?}") };
                assert_eq!(violation.parameter.as_deref(), Some(name.as_ref()));
                assert!(
                    violation.detail.starts_with(&format!("'{word}' is not one of {first}")),
                    "{violation:?}"
                );
                assert_eq!(violation.allowed, *words);
            }
        }
    }
}

#[test]
fn openapi_lists_the_words() {
    let document = chancery_gateway::openapi();
    let parameters = document["paths"]["/api/v1/cas"]["get"]["parameters"].as_array().unwrap();
    for name in ["kind", "kind[ne]"] {
        let parameter = parameters.iter().find(|parameter| parameter["name"] == name).unwrap();
        assert_eq!(parameter["schema"]["items"]["enum"], serde_json::json!(["root", "issuing", "micro"]));
        assert_eq!((&parameter["style"], &parameter["explode"]), (&"form".into(), &false.into()));
    }
}
