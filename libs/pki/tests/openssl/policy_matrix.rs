//! Each rule of a policy, with what it just allows and what it just forbids.

use contracts::{
    Lifetime, Violation,
    x509::{
        BasicConstraintsRule, ExtendedKeyUsage, HashAlgorithm, KeyAlgorithm, KeyUsage, PolicyRules, SanKind,
        SanRule, Subject, SubjectAltName, SubjectRule, SubjectRules,
    },
};
use pki::policy::{Proposed, evaluate};

fn proposed() -> Proposed {
    Proposed {
        subject: Subject {
            common_name: Some("shop.example.com".into()),
            organization: Some("Example Inc".into()),
            organizational_unit: vec!["Web".into(), "Ops".into()],
            country: Some("US".into()),
            state: Some("California".into()),
            locality: Some("San Francisco".into()),
        },
        sans: vec![
            SubjectAltName::Dns("shop.example.com".into()),
            SubjectAltName::Ip("10.1.2.3".parse().unwrap()),
            SubjectAltName::Email("a@example.com".into()),
            SubjectAltName::Uri("spiffe://example.com/shop".into()),
        ],
        key_algorithm: KeyAlgorithm::EcdsaP256,
        signature_hash: Some(HashAlgorithm::Sha256),
        key_usages: vec![KeyUsage::DigitalSignature],
        extended_key_usages: vec![ExtendedKeyUsage::ServerAuth],
        other_usages: vec![],
        is_ca: false,
        ttl: Lifetime::days(90),
    }
}

fn details(rules: &PolicyRules, proposed: &Proposed) -> Vec<String> {
    evaluate(rules, proposed).into_iter().map(|violation| violation.detail).collect()
}

/// The rules allow `good` and refuse `bad` with exactly this.
fn judge(rules: &PolicyRules, good: &Proposed, bad: &Proposed, code: &str, detail: &str) {
    assert_eq!(evaluate(rules, good), [], "{rules:?} must allow {good:?}");
    let violations = evaluate(rules, bad);
    let [Violation { code: found, detail: words, pointer, .. }] = violations.as_slice() else {
        panic!("{rules:?} must refuse {bad:?} once: {violations:?}");
    };
    assert_eq!((found.as_str(), words.as_str()), (code, detail));
    let place = if code == "ttl_not_allowed" { "#/ttl" } else { "#/csr" };
    assert_eq!(pointer.as_deref(), Some(place));
    assert_eq!(
        evaluate(&PolicyRules::default(), bad).len(),
        usize::from(bad.is_ca),
        "without rules nothing is refused"
    );
}

fn with(change: impl FnOnce(&mut Proposed)) -> Proposed {
    let mut proposed = proposed();
    change(&mut proposed);
    proposed
}

type Field<T> = fn(&mut T) -> &mut Option<SubjectRule>;
type Value = fn(&mut Subject, Option<&str>);

/// Word, rule, how to set the value, a pattern that allows the sample value, one that just misses it.
type Sample = (&'static str, Field<SubjectRules>, Value, &'static str, &'static str, &'static str);
const ATTRIBUTES: [Sample; 6] = [
    (
        "common_name",
        |r| &mut r.common_name,
        |s, v| s.common_name = v.map(Into::into),
        "shop.example.com",
        "*.example.com",
        "*.example.org",
    ),
    (
        "organization",
        |r| &mut r.organization,
        |s, v| s.organization = v.map(Into::into),
        "Example Inc",
        "Example*",
        "example*",
    ),
    (
        "organizational_unit",
        |r| &mut r.organizational_unit,
        |s, v| s.organizational_unit = v.map(Into::into).into_iter().collect(),
        "Web",
        "W*b",
        "W*x",
    ),
    ("country", |r| &mut r.country, |s, v| s.country = v.map(Into::into), "US", "us", "U"),
    ("state", |r| &mut r.state, |s, v| s.state = v.map(Into::into), "California", "Cal*", "Cal"),
    (
        "locality",
        |r| &mut r.locality,
        |s, v| s.locality = v.map(Into::into),
        "San Francisco",
        "* Francisco",
        "* francisco",
    ),
];

#[test]
fn subject_attributes() {
    for (word, field, set, value, matching, missing) in ATTRIBUTES {
        let rules = |rule: SubjectRule| {
            let mut rules = PolicyRules::default();
            *field(&mut rules.subject) = Some(rule);
            rules
        };
        let there = with(|p| set(&mut p.subject, Some(value)));
        let absent = with(|p| set(&mut p.subject, None));
        let required = rules(SubjectRule { required: true, ..SubjectRule::default() });
        judge(
            &required,
            &there,
            &absent,
            "subject_attribute_missing",
            &format!("Missing required {word} attribute"),
        );
        let forbidden = rules(SubjectRule { forbidden: true, ..SubjectRule::default() });
        let detail = format!("{word} attribute is not allowed by template policy");
        judge(&forbidden, &absent, &there, "subject_attribute_not_allowed", &detail);

        let detail = format!("{word} value does not match allowed patterns");
        let other = with(|p| set(&mut p.subject, Some("Xy")));
        let equals = rules(SubjectRule { equals: Some(value.into()), ..SubjectRule::default() });
        judge(&equals, &there, &other, "subject_value_not_allowed", &detail);
        let patterns =
            rules(SubjectRule { patterns: vec![missing.into(), matching.into()], ..SubjectRule::default() });
        judge(&patterns, &there, &other, "subject_value_not_allowed", &detail);
        assert_eq!(evaluate(&patterns, &absent), [], "a pattern does not require the attribute");
        let near = rules(SubjectRule { patterns: vec![missing.into()], ..SubjectRule::default() });
        judge(&near, &absent, &there, "subject_value_not_allowed", &detail);
    }
    let mut rules = PolicyRules::default();
    rules.subject.organizational_unit =
        Some(SubjectRule { patterns: vec!["Web".into()], ..SubjectRule::default() });
    let one = with(|p| p.subject.organizational_unit = vec!["Web".into()]);
    judge(
        &rules,
        &one,
        &proposed(),
        "subject_value_not_allowed",
        "organizational_unit value does not match allowed patterns",
    );
}

#[test]
fn subject_alternative_names() {
    for (kind, word, allows, misses) in [
        (SanKind::Dns, "dns_name", "*.EXAMPLE.com", "*.shop.example.com"),
        (SanKind::Ip, "ip_address", "10.0.0.0/8", "10.1.2.4/32"),
        (SanKind::Email, "email", "*@example.com", "*@Example.com"),
        (SanKind::Uri, "uri", "spiffe://example.com/*", "spiffe://example.com/"),
    ] {
        let rule = |kind: SanKind| SanRule { kind, patterns: vec![], required: false, max: None };
        let only = |rule: SanRule| PolicyRules { sans: Some(vec![rule]), ..PolicyRules::default() };
        let this = with(|p| p.sans.retain(|san| san.kind() == kind));
        let none = with(|p| p.sans.clear());
        let others =
            [SanKind::Dns, SanKind::Ip, SanKind::Email, SanKind::Uri].into_iter().filter(|k| *k != kind);
        let all_others = PolicyRules { sans: Some(others.map(rule).collect()), ..PolicyRules::default() };
        let without = with(|p| p.sans.retain(|san| san.kind() != kind));
        let not_allowed = format!("{word} SAN is not allowed by template policy");
        judge(&all_others, &without, &proposed(), "san_not_allowed", &not_allowed);

        let required = only(SanRule { required: true, ..rule(kind) });
        judge(&required, &this, &none, "san_required", &format!("Required {word} SAN not found"));

        let matching = only(SanRule { patterns: vec![misses.into(), allows.into()], ..rule(kind) });
        assert_eq!(evaluate(&matching, &this), []);
        let missing = only(SanRule { patterns: vec![misses.into()], ..rule(kind) });
        judge(&missing, &none, &this, "san_not_allowed", &not_allowed);

        let one = only(SanRule { max: Some(1), ..rule(kind) });
        let two = with(|p| {
            p.sans.retain(|san| san.kind() == kind);
            p.sans.extend(p.sans.clone());
        });
        let detail = format!("{word} SAN count 2 is not allowed by template policy: at most 1");
        judge(&one, &this, &two, "san_too_many", &detail);
    }
}

#[test]
fn key_algorithms() {
    for &allowed in KeyAlgorithm::ALL {
        let rules = PolicyRules { key_algorithms: Some(vec![allowed]), ..PolicyRules::default() };
        let good = with(|p| p.key_algorithm = allowed);
        for &other in KeyAlgorithm::ALL.iter().filter(|other| **other != allowed) {
            let bad = with(|p| p.key_algorithm = other);
            judge(
                &rules,
                &good,
                &bad,
                "key_algorithm_not_allowed",
                "Key algorithm is not allowed by template policy",
            );
            assert_eq!(evaluate(&rules, &bad)[0].allowed, [allowed.as_str()]);
            assert_eq!(evaluate(&rules, &bad)[0].rule.as_deref(), Some("keyAlgorithms"));
        }
    }
}

#[test]
fn signature_hashes() {
    let hashes = [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512];
    for allowed in hashes {
        let rules = PolicyRules { signature_hashes: Some(vec![allowed]), ..PolicyRules::default() };
        let good = with(|p| p.signature_hash = Some(allowed));
        for other in hashes.into_iter().filter(|other| *other != allowed) {
            let bad = with(|p| p.signature_hash = Some(other));
            let detail = "Signature algorithm is not allowed by template policy";
            judge(&rules, &good, &bad, "signature_algorithm_not_allowed", detail);
        }
        let ed25519 = with(|p| p.signature_hash = None);
        assert_eq!(evaluate(&rules, &ed25519).is_empty(), allowed == HashAlgorithm::Sha512);
    }
}

#[test]
fn usages_constraints_and_lifetime() {
    let rules = PolicyRules { key_usages: Some(vec![KeyUsage::DigitalSignature]), ..PolicyRules::default() };
    let bad = with(|p| p.key_usages = vec![KeyUsage::DigitalSignature, KeyUsage::CrlSign]);
    judge(
        &rules,
        &proposed(),
        &bad,
        "key_usage_not_allowed",
        "cRLSign key usage is not allowed by template policy",
    );
    let bad = with(|p| p.other_usages = vec!["encipherOnly".into()]);
    judge(
        &rules,
        &proposed(),
        &bad,
        "key_usage_not_allowed",
        "encipherOnly key usage is not allowed by template policy",
    );

    let rules = PolicyRules {
        extended_key_usages: Some(vec![ExtendedKeyUsage::ServerAuth]),
        ..PolicyRules::default()
    };
    let bad = with(|p| p.extended_key_usages.push(ExtendedKeyUsage::CodeSigning));
    let code = "extended_key_usage_not_allowed";
    judge(
        &rules,
        &proposed(),
        &bad,
        code,
        "codeSigning extended key usage is not allowed by template policy",
    );
    let bad = with(|p| p.other_usages = vec!["1.2.3".into()]);
    judge(&rules, &proposed(), &bad, code, "1.2.3 extended key usage is not allowed by template policy");

    let bad = with(|p| p.is_ca = true);
    let detail = "CA basic constraint is not allowed by template policy";
    judge(&PolicyRules::default(), &proposed(), &bad, "basic_constraints_not_allowed", detail);
    let ignored =
        PolicyRules { basic_constraints: BasicConstraintsRule::IgnoreRequested, ..PolicyRules::default() };
    assert_eq!(evaluate(&ignored, &bad), []);

    let rules = PolicyRules { max_ttl: Some(Lifetime::days(90)), ..PolicyRules::default() };
    let bad = with(|p| p.ttl = Lifetime::seconds(90 * 86_400 + 1));
    judge(
        &rules,
        &proposed(),
        &bad,
        "ttl_not_allowed",
        "TTL 7776001s is not allowed by template policy: at most 90d",
    );
}

#[test]
fn all_violations_come_at_once() {
    let mut rules = PolicyRules {
        sans: Some(vec![SanRule { kind: SanKind::Dns, patterns: vec![], required: true, max: None }]),
        key_algorithms: Some(vec![KeyAlgorithm::Rsa4096]),
        ..PolicyRules::default()
    };
    rules.subject.organization = Some(SubjectRule { required: true, ..SubjectRule::default() });
    rules.subject.common_name =
        Some(SubjectRule { patterns: vec!["*.example.org".into()], ..SubjectRule::default() });
    let faulty = with(|p| {
        p.subject.organization = None;
        p.sans = vec![SubjectAltName::Ip("192.0.2.1".parse().unwrap())];
    });
    assert_eq!(
        details(&rules, &faulty),
        [
            "common_name value does not match allowed patterns",
            "Missing required organization attribute",
            "Required dns_name SAN not found",
            "ip_address SAN is not allowed by template policy",
            "Key algorithm is not allowed by template policy",
        ]
    );
}
