//! E3: each rule of a policy, with a request that it just allows and one that it just forbids.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::collections::BTreeMap;

use chancery_tests::{
    in_both_modes,
    subscriber::{csr_of, openssl},
    world::{Mode, World},
};
use http::Method;
use serde_json::{Value, json};

in_both_modes!(every_rule_allows_and_forbids);

/// One rule, what it allows, what it forbids, and how it says so.
struct Case {
    name: String,
    rules: Value,
    allowed: Asked,
    forbidden: Asked,
    code: &'static str,
    detail: String,
}

/// A request: which key, arguments of `openssl req`, and a lifetime.
struct Asked {
    key: &'static str,
    arguments: Vec<String>,
    ttl: &'static str,
}

async fn every_rule_allows_and_forbids(world: &mut World) {
    let keys = keys();
    let cases = cases();
    assert!(cases.len() > 60);
    let policy = world.api().post("/api/v1/policies", &json!({"name": "matrix"})).await.expect(201).json();
    let profile = json!({"name": "matrix", "policy": "name:matrix"});
    _ = world.api().post("/api/v1/profiles", &profile).await.expect(201);
    let path = format!("/api/v1/policies/{}", policy["id"].as_str().unwrap());
    let nothing = json!({"subject": null, "sans": null, "keyAlgorithms": null, "signatureHashes": null, "keyUsages": null,
        "extendedKeyUsages": null, "basicConstraints": null, "maxTtl": null});
    let before = world.head().await;
    for case in &cases {
        let mut rules = nothing.clone();
        rules.as_object_mut().unwrap().extend(case.rules.as_object().unwrap().clone());
        let headers = [("content-type", "application/json")];
        let changed =
            world.api().request(Method::PATCH, &path, &headers, rules.to_string().into()).await.unwrap();
        _ = changed.expect(200);
        for (asked, is_allowed) in [(&case.allowed, true), (&case.forbidden, false)] {
            let arguments: Vec<&str> = asked.arguments.iter().map(String::as_str).collect();
            let csr = csr_of(&keys[asked.key], &arguments);
            let body = json!({"profile": "name:matrix", "csr": csr, "ttl": asked.ttl});
            let verdict =
                world.api().post("/api/v1/certificate-requests/validate", &body).await.expect(200).json();
            assert_eq!(verdict["ok"], is_allowed, "{}: {verdict}", case.name);
            let errors = verdict["errors"].as_array().unwrap();
            assert_eq!(errors.len(), usize::from(!is_allowed), "{}: {verdict}", case.name);
            if world.mode == Mode::OneProcess {
                let arguments =
                    ["request", "validate", "-", "--profile", "matrix", "--ttl", asked.ttl, "-o", "json"];
                let token = world.token();
                let judged = world.cli_with(&arguments, &[("CHANCERY_TOKEN", &token)], csr.as_bytes()).await;
                let printed: Value = serde_json::from_str(&judged.stdout).unwrap();
                assert_eq!((&printed["ok"], &printed["errors"]), (&verdict["ok"], &verdict["errors"]));
                assert_eq!(judged.code, if is_allowed { 0 } else { 10 }, "{}: {judged:?}", case.name);
            }
            if !is_allowed {
                let refused = world.api().post("/api/v1/certificate-requests", &body).await.expect(422);
                assert_eq!(refused.json()["errors"], verdict["errors"], "{}", case.name);
            }
            if let [error] = &errors[..] {
                assert_eq!(
                    (&error["code"], &error["detail"]),
                    (&json!(case.code), &json!(case.detail)),
                    "{}",
                    case.name
                );
            }
        }
    }
    let sql = "select count(*) from log.event where position > $1 and type <> 'policy.updated'";
    let others: i64 = world.admin().await.query_one(sql, &[&before]).await.unwrap().get(0);
    assert_eq!(others, 0, "a verdict leaves nothing");
}

fn cases() -> Vec<Case> {
    [subjects(), names(), algorithms(), usages(), limits()].into_iter().flatten().collect()
}

fn subjects() -> Vec<Case> {
    let mut cases = vec![];
    for (short, field, word, good, bad) in [
        ("CN", "commonName", "common_name", "good.example.com", "bad.example.org"),
        ("O", "organization", "organization", "Good Works", "Bad Works"),
        ("OU", "organizationalUnit", "organizational_unit", "Good Unit", "Bad Unit"),
        ("C", "country", "country", "CA", "US"),
        ("ST", "state", "state", "Good State", "Bad State"),
        ("L", "locality", "locality", "Good Town", "Bad Town"),
    ] {
        let base = if short == "CN" { "/O=Base" } else { "/CN=base.example.com" };
        let without = || asked("P-256", &["-subj", base, "-addext", "subjectAltName=DNS:base.example.com"]);
        let with = |value: &str| {
            asked(
                "P-256",
                &[
                    "-subj",
                    &format!("{base}/{short}={value}"),
                    "-addext",
                    "subjectAltName=DNS:base.example.com",
                ],
            )
        };
        let rules = |rule: Value| json!({"subject": {field: rule}});
        let pattern = format!("{}*", &good[..1]);
        let does_not_match = format!("{word} value does not match allowed patterns");
        for (rule, allowed, forbidden, code, detail) in [
            (
                json!({"required": true}),
                with(good),
                without(),
                "subject_attribute_missing",
                format!("Missing required {word} attribute"),
            ),
            (
                json!({"forbidden": true}),
                without(),
                with(good),
                "subject_attribute_not_allowed",
                format!("{word} attribute is not allowed by template policy"),
            ),
            (
                json!({"equals": good}),
                with(good),
                with(bad),
                "subject_value_not_allowed",
                does_not_match.clone(),
            ),
            (
                json!({"patterns": [pattern]}),
                with(good),
                with(bad),
                "subject_value_not_allowed",
                does_not_match,
            ),
        ] {
            cases.push(Case {
                name: format!("{field} {rule}"),
                rules: rules(rule),
                allowed,
                forbidden,
                code,
                detail,
            });
        }
    }
    cases
}

fn names() -> Vec<Case> {
    let kinds = [
        ("dns", "dns_name", "DNS:good.example.com", "DNS:bad.example.org", "good.*"),
        ("ip", "ip_address", "IP:192.0.2.7", "IP:198.51.100.7", "192.0.2.0/24"),
        ("email", "email", "email:good@example.com", "email:bad@example.org", "good@*"),
        ("uri", "uri", "URI:https://good.example.com/", "URI:https://bad.example.org/", "https://good.*"),
    ];
    let others = |kind: &str| -> Vec<Value> {
        kinds.iter().filter(|other| other.0 != kind).map(|other| json!({"type": other.0})).collect()
    };
    let mut cases = vec![];
    for (kind, word, good, bad, pattern) in kinds {
        // One name of another kind, so that the certificate has a name in any case.
        let other = if kind == "ip" { "DNS:other.example.com" } else { "IP:203.0.113.9" };
        let with = |names: &[&str]| {
            let all = [names, &[other]].concat().join(",");
            asked("P-256", &["-subj", "/O=Names", "-addext", &format!("subjectAltName={all}")])
        };
        let and_others = |rule: Value| {
            let all = [vec![rule], others(kind)].concat();
            json!({ "sans": all })
        };
        let not_allowed = format!("{word} SAN is not allowed by template policy");
        for (rules, allowed, forbidden, code, detail) in [
            (json!({"sans": others(kind)}), with(&[]), with(&[good]), "san_not_allowed", not_allowed.clone()),
            (
                and_others(json!({"type": kind, "patterns": [pattern]})),
                with(&[good]),
                with(&[bad]),
                "san_not_allowed",
                not_allowed,
            ),
            (
                and_others(json!({"type": kind, "required": true})),
                with(&[good]),
                with(&[]),
                "san_required",
                format!("Required {word} SAN not found"),
            ),
            (
                and_others(json!({"type": kind, "max": 1})),
                with(&[good]),
                with(&[good, bad]),
                "san_too_many",
                format!("{word} SAN count 2 is not allowed by template policy: at most 1"),
            ),
        ] {
            cases.push(Case { name: format!("{kind} {rules}"), rules, allowed, forbidden, code, detail });
        }
    }
    cases
}

fn algorithms() -> Vec<Case> {
    let kinds = [
        ("RSA 2048", "rsa_2048"),
        ("RSA 3072", "rsa_3072"),
        ("RSA 4096", "rsa_4096"),
        ("P-256", "ecdsa_p256"),
        ("P-384", "ecdsa_p384"),
        ("P-521", "ecdsa_p521"),
    ];
    let subject = ["-subj", "/CN=key.example.com"];
    let mut cases = vec![];
    for (at, (key, word)) in kinds.into_iter().enumerate() {
        cases.push(Case {
            name: word.to_owned(),
            rules: json!({"keyAlgorithms": [word]}),
            allowed: asked(key, &subject),
            forbidden: asked(kinds[(at + 1) % kinds.len()].0, &subject),
            code: "key_algorithm_not_allowed",
            detail: "Key algorithm is not allowed by template policy".to_owned(),
        });
    }
    let hashes = ["sha256", "sha384", "sha512"];
    for (at, hash) in hashes.into_iter().enumerate() {
        for key in ["RSA 2048", "P-256"] {
            let with = |hash: &str| asked(key, &["-subj", "/CN=hash.example.com", &format!("-{hash}")]);
            cases.push(Case {
                name: format!("{key} {hash}"),
                rules: json!({"signatureHashes": [hash]}),
                allowed: with(hash),
                forbidden: with(hashes[(at + 1) % 3]),
                code: "signature_algorithm_not_allowed",
                detail: "Signature algorithm is not allowed by template policy".to_owned(),
            });
        }
    }
    cases
}

fn usages() -> Vec<Case> {
    let with = |extension: &str| asked("P-256", &["-subj", "/CN=usage.example.com", "-addext", extension]);
    let mut cases = vec![];
    let key_usages = [
        "digitalSignature",
        "nonRepudiation",
        "keyEncipherment",
        "dataEncipherment",
        "keyAgreement",
        "keyCertSign",
        "cRLSign",
    ];
    for (at, usage) in key_usages.into_iter().enumerate() {
        let other = key_usages[(at + 1) % key_usages.len()];
        cases.push(Case {
            name: format!("key usage {usage}"),
            rules: json!({"keyUsages": [usage]}),
            allowed: with(&format!("keyUsage={usage}")),
            forbidden: with(&format!("keyUsage={usage},{other}")),
            code: "key_usage_not_allowed",
            detail: format!("{other} key usage is not allowed by template policy"),
        });
    }
    let extended = ["serverAuth", "clientAuth", "codeSigning", "emailProtection", "timeStamping"];
    for (at, usage) in extended.into_iter().enumerate() {
        let other = extended[(at + 1) % extended.len()];
        cases.push(Case {
            name: format!("extended key usage {usage}"),
            rules: json!({"extendedKeyUsages": [usage]}),
            allowed: with(&format!("extendedKeyUsage={usage}")),
            forbidden: with(&format!("extendedKeyUsage={usage},{other}")),
            code: "extended_key_usage_not_allowed",
            detail: format!("{other} extended key usage is not allowed by template policy"),
        });
    }
    cases
}

fn limits() -> Vec<Case> {
    let with = |extension: &str| asked("P-256", &["-subj", "/CN=ca.example.com", "-addext", extension]);
    let lasting = |ttl| Asked { ttl, ..asked("P-256", &["-subj", "/CN=ttl.example.com"]) };
    vec![
        Case {
            name: "end entities only".to_owned(),
            rules: json!({"basicConstraints": "end_entity_only"}),
            allowed: with("basicConstraints=CA:FALSE"),
            forbidden: with("basicConstraints=critical,CA:TRUE"),
            code: "basic_constraints_not_allowed",
            detail: "CA basic constraint is not allowed by template policy".to_owned(),
        },
        Case {
            name: "lifetime".to_owned(),
            rules: json!({"maxTtl": "30d"}),
            allowed: lasting("30d"),
            forbidden: lasting("2592001s"),
            code: "ttl_not_allowed",
            detail: "2592001s is too long; at most 30d is allowed".to_owned(),
        },
    ]
}

fn asked(key: &'static str, arguments: &[&str]) -> Asked {
    Asked { key, arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(), ttl: "10d" }
}

/// A key of each kind; making them anew for each request would take most of the time.
fn keys() -> BTreeMap<&'static str, String> {
    let rsa = |bits: &str| {
        openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", &format!("rsa_keygen_bits:{bits}")], "")
    };
    let curve = |name: &str| {
        openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", &format!("ec_paramgen_curve:{name}")], "")
    };
    [
        ("RSA 2048", rsa("2048")),
        ("RSA 3072", rsa("3072")),
        ("RSA 4096", rsa("4096")),
        ("P-256", curve("P-256")),
        ("P-384", curve("P-384")),
        ("P-521", curve("P-521")),
    ]
    .into()
}
