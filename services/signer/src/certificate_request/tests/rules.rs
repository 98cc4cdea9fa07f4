//! Each rule of a policy, and what its violation says (E3, E4).

use super::*;

#[test]
fn each_rule_on_subject_attributes_passes_and_refuses() {
    let required = || SubjectRule { required: true, ..SubjectRule::default() };
    let forbidden = || SubjectRule { forbidden: true, ..SubjectRule::default() };
    let equals = |value: &str| SubjectRule { equals: Some(value.into()), ..SubjectRule::default() };
    let matches = |pattern: &str| SubjectRule { patterns: vec![pattern.into()], ..SubjectRule::default() };
    type Set = fn(&mut SubjectRules, SubjectRule);
    let attributes: [(&str, &str, Set); 5] = [
        ("organization", "/O=Example", |rules, rule| rules.organization = Some(rule)),
        ("organizational_unit", "/OU=Example", |rules, rule| rules.organizational_unit = Some(rule)),
        ("country", "/C=US", |rules, rule| rules.country = Some(rule)),
        ("state", "/ST=Example", |rules, rule| rules.state = Some(rule)),
        ("locality", "/L=Example", |rules, rule| rules.locality = Some(rule)),
    ];
    for (word, part, set) in attributes {
        let value = part.rsplit('=').next().unwrap();
        let missing = format!("Missing required {word} attribute");
        let not_allowed = format!("{word} attribute is not allowed by template policy");
        let mismatch = format!("{word} value does not match allowed patterns");
        let (with, without) = (csr(&format!("shop.example.com{part}"), &[]), shop());
        for (rule, applicant, refusal) in [
            (required(), &with, None),
            (required(), &without, Some(&missing)),
            (forbidden(), &without, None),
            (forbidden(), &with, Some(&not_allowed)),
            (equals(value), &with, None),
            (equals("Other"), &with, Some(&mismatch)),
            (matches(&format!("{}*", &value[..1])), &with, None),
            (matches("Other*"), &with, Some(&mismatch)),
        ] {
            let mut policy = PolicyRules::default();
            set(&mut policy.subject, rule.clone());
            let expected: Vec<String> = refusal.into_iter().cloned().collect();
            assert_eq!(details(submit(applicant.clone(), policy)), expected, "{word} {rule:?}");
        }
    }
    let mut policy = PolicyRules::default();
    policy.subject.common_name = Some(matches("*.example.org"));
    assert_eq!(details(submit(shop(), policy)), ["common_name value does not match allowed patterns"]);
    let mut policy = PolicyRules::default();
    policy.subject.common_name = Some(required());
    let nameless = managed(Subject::default(), &[dns("shop.example.com")]);
    assert_eq!(details(submit(nameless, policy)), ["Missing required common_name attribute"]);
}

#[test]
fn each_kind_of_name_is_allowed_required_matched_and_counted() {
    let kinds = [
        (SanKind::Dns, "dns_name", "DNS:a.example.com", "*.example.com", "*.example.org"),
        (SanKind::Ip, "ip_address", "IP:192.0.2.10", "192.0.2.0/24", "198.51.100.0/24"),
        (SanKind::Email, "email", "email:a@example.com", "*@example.com", "*@example.org"),
        (SanKind::Uri, "uri", "URI:https://example.com/a", "https://example.com/*", "https://example.org/*"),
    ];
    for (kind, word, name, match_it, miss_it) in kinds {
        let rule =
            |patterns: &[&str], required| SanRule { kind, patterns: words(patterns), required, max: None };
        let with = csr("Shop", &["-addext", &format!("subjectAltName={name}")]);
        let without = csr("Shop", &[]);
        let not_allowed = format!("{word} SAN is not allowed by template policy");
        let not_found = format!("Required {word} SAN not found");
        for (rules, applicant, refusal) in [
            (vec![rule(&[], false)], &with, None),
            (vec![], &with, Some(&not_allowed)),
            (vec![rule(&[match_it], false)], &with, None),
            (vec![rule(&[miss_it], false)], &with, Some(&not_allowed)),
            (vec![rule(&[], true)], &with, None),
            (vec![rule(&[], true)], &without, Some(&not_found)),
        ] {
            let policy = PolicyRules { sans: Some(rules.clone()), ..PolicyRules::default() };
            let expected: Vec<String> = refusal.into_iter().cloned().collect();
            assert_eq!(details(submit(applicant.clone(), policy)), expected, "{rules:?}");
        }
    }
    let two = csr("Shop", &["-addext", "subjectAltName=DNS:a.example.com,DNS:b.example.com"]);
    for (max, refusals) in [(2, 0), (1, 1)] {
        let rule = SanRule { kind: SanKind::Dns, patterns: vec![], required: false, max: Some(max) };
        let policy = PolicyRules { sans: Some(vec![rule]), ..PolicyRules::default() };
        assert_eq!(details(submit(two.clone(), policy)).len(), refusals, "max {max}");
    }
}

#[test]
fn each_key_algorithm_is_allowed_alone() {
    let curve = |name: &'static str| vec!["-newkey", "ec", "-pkeyopt", name];
    let keys = [
        (KeyAlgorithm::Rsa2048, vec!["-newkey", "rsa:2048"]),
        (KeyAlgorithm::Rsa3072, vec!["-newkey", "rsa:3072"]),
        (KeyAlgorithm::Rsa4096, vec!["-newkey", "rsa:4096"]),
        (KeyAlgorithm::EcdsaP256, curve("ec_paramgen_curve:P-256")),
        (KeyAlgorithm::EcdsaP384, curve("ec_paramgen_curve:P-384")),
        (KeyAlgorithm::EcdsaP521, curve("ec_paramgen_curve:P-521")),
        (KeyAlgorithm::Ed25519, vec!["-newkey", "ed25519"]),
    ];
    for (algorithm, arguments) in keys {
        let applicant = csr_of(&arguments, "shop.example.com");
        let policy = |allowed: &[KeyAlgorithm]| PolicyRules {
            key_algorithms: Some(allowed.to_vec()),
            ..PolicyRules::default()
        };
        assert!(details(submit(applicant.clone(), policy(from_ref(&algorithm)))).is_empty(), "{algorithm}");
        let others: Vec<_> = KeyAlgorithm::ALL.iter().copied().filter(|other| *other != algorithm).collect();
        assert_eq!(
            details(submit(applicant, policy(&others))),
            ["Key algorithm is not allowed by template policy"],
            "{algorithm}"
        );
    }
}

#[test]
fn each_hash_of_the_signature_is_allowed_alone() {
    let hashes = [
        (HashAlgorithm::Sha256, "-sha256"),
        (HashAlgorithm::Sha384, "-sha384"),
        (HashAlgorithm::Sha512, "-sha512"),
    ];
    for (hash, argument) in hashes {
        let applicant = csr("shop.example.com", &[argument]);
        for (allowed, _) in hashes {
            let policy = PolicyRules { signature_hashes: Some(vec![allowed]), ..PolicyRules::default() };
            let expected = if allowed == hash {
                vec![]
            } else {
                words(&["Signature algorithm is not allowed by template policy"])
            };
            assert_eq!(details(submit(applicant.clone(), policy)), expected, "{hash:?} {allowed:?}");
        }
    }
}

#[test]
fn usages_that_are_asked_for_are_allowed_or_refused_by_name() {
    let asking = csr(
        "shop.example.com",
        &[
            "-addext",
            "keyUsage=digitalSignature,keyCertSign",
            "-addext",
            "extendedKeyUsage=serverAuth,codeSigning",
        ],
    );
    let policy = |key: &[KeyUsage], extended: &[ExtendedKeyUsage]| PolicyRules {
        key_usages: Some(key.to_vec()),
        extended_key_usages: Some(extended.to_vec()),
        ..PolicyRules::default()
    };
    let all = policy(
        &[KeyUsage::DigitalSignature, KeyUsage::KeyCertSign],
        &[ExtendedKeyUsage::ServerAuth, ExtendedKeyUsage::CodeSigning],
    );
    assert!(details(submit(asking.clone(), all)).is_empty());
    assert_eq!(
        details(submit(asking, policy(&[KeyUsage::DigitalSignature], &[ExtendedKeyUsage::ServerAuth]))),
        [
            "keyCertSign key usage is not allowed by template policy",
            "codeSigning extended key usage is not allowed by template policy",
        ]
    );
}

#[test]
fn a_ca_is_not_made_by_a_csr() {
    let asking = csr("shop.example.com", &["-addext", "basicConstraints=critical,CA:TRUE"]);
    let policy = |basic_constraints| PolicyRules { basic_constraints, ..PolicyRules::default() };
    assert_eq!(
        details(submit(asking.clone(), policy(BasicConstraintsRule::EndEntityOnly))),
        ["CA basic constraint is not allowed by template policy"]
    );
    assert!(details(submit(asking, policy(BasicConstraintsRule::IgnoreRequested))).is_empty());
}

#[test]
fn three_faults_are_three_violations_with_place_rule_and_what_is_allowed() {
    let mut policy = PolicyRules {
        sans: Some(vec![SanRule { kind: SanKind::Dns, patterns: vec![], required: false, max: None }]),
        key_algorithms: Some(vec![KeyAlgorithm::Rsa2048]),
        ..PolicyRules::default()
    };
    policy.subject.organization = Some(SubjectRule { required: true, ..SubjectRule::default() });
    let applicant = csr("shop.example.com", &["-addext", "subjectAltName=IP:192.0.2.10"]);
    let problem: Problem =
        CertificateRequest::default().decide(submit(applicant, policy).into(), NOON).unwrap_err().into();
    assert_eq!(problem.code, contracts::Code::PolicyViolation);
    assert_eq!(problem.detail, "3 rules refuse this request; the policy is 'public-web'");
    let found: Vec<_> = problem
        .errors
        .iter()
        .map(|violation| (violation.detail.as_str(), violation.pointer.as_deref(), violation.rule.is_some()))
        .collect();
    assert_eq!(
        found,
        [
            ("Missing required organization attribute", Some("#/csr"), true),
            ("ip_address SAN is not allowed by template policy", Some("#/csr"), true),
            ("Key algorithm is not allowed by template policy", Some("#/csr"), true),
        ]
    );
    assert_eq!(problem.errors[2].allowed, ["rsa_2048"]);
}

#[test]
fn without_a_csr_violations_point_at_what_was_sent() {
    let mut policy = PolicyRules {
        sans: Some(vec![]),
        key_algorithms: Some(vec![KeyAlgorithm::Rsa2048]),
        key_usages: Some(vec![]),
        extended_key_usages: Some(vec![ExtendedKeyUsage::ClientAuth]),
        ..PolicyRules::default()
    };
    policy.subject.country = Some(SubjectRule { required: true, ..SubjectRule::default() });
    let applicant = managed(named("shop"), &[dns("shop.example.com")]);
    let Err(Refusal::Rules { violations, .. }) =
        CertificateRequest::default().decide(submit(applicant, policy).into(), NOON)
    else {
        panic!("it was accepted")
    };
    let pointers: Vec<_> = violations.iter().filter_map(|violation| violation.pointer.as_deref()).collect();
    assert_eq!(pointers, ["#/subject", "#/sans", "#/key/algorithm", "#/keyUsages", "#/extendedKeyUsages"]);
}
