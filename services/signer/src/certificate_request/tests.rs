//! Every rule, just satisfied and just broken; every refusal; every limit of a lifetime.

use std::slice::from_ref;

use contracts::{
    CaId, PolicyId, ProfileId,
    signer::{CaKind, RequestSource},
    x509::{
        BasicConstraintsRule, CertificateType, ExtendedKeyUsage, HashAlgorithm, KeyAlgorithm, KeyUsage,
        LifetimeRule, PolicyRules, ProfileIssuer, ProfileRules, SanKind, SanRule, Subject, SubjectAltName,
        SubjectRule, SubjectRules,
    },
};
use pki::csr::CertificationRequest;
use runtime::aggregate::test::given;
use testkit::openssl;
use time::macros::datetime;

use super::*;

const NOON: Timestamp = Timestamp(datetime!(2026-11-21 12:00 UTC));
const P256: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

// ------------------------------------------------------------------------------------------------- what is given

/// A CSR of a new P-256 key for `/CN=<subject>`, with further arguments of `openssl req`.
fn csr(subject: &str, arguments: &[&str]) -> Arc<Applicant> {
    csr_of(&[P256, arguments].concat(), subject)
}

fn csr_of(arguments: &[&str], subject: &str) -> Arc<Applicant> {
    let pem = openssl::csr_with(arguments, subject, &[]).csr;
    Arc::new(Applicant::Csr(CertificationRequest::read(pem.as_bytes()).unwrap()))
}

fn shop() -> Arc<Applicant> {
    csr("shop.example.com", &[])
}

fn managed(subject: Subject, sans: &[SubjectAltName]) -> Arc<Applicant> {
    Arc::new(Applicant::Managed {
        key_algorithm: KeyAlgorithm::EcdsaP256,
        subject,
        sans: sans.to_vec(),
        key_usages: vec![KeyUsage::DigitalSignature],
        extended_key_usages: vec![ExtendedKeyUsage::ServerAuth],
    })
}

fn named(common_name: &str) -> Subject {
    Subject { common_name: Some(common_name.into()), ..Subject::default() }
}

fn dns(name: &str) -> SubjectAltName {
    SubjectAltName::Dns(name.into())
}

fn rules(policy: PolicyRules) -> Rules {
    Rules {
        profile_id: ProfileId(Uuid::from_u128(1)),
        profile_name: "internal-web".into(),
        profile: ProfileRules {
            certificate_type: CertificateType::Server,
            issuer: ProfileIssuer::MicroCa,
            policy: PolicyId(Uuid::from_u128(2)),
            ttl: LifetimeRule { default: Lifetime::days(90), max: Lifetime::days(398) },
            key_usages: None,
            extended_key_usages: None,
            exportable: false,
        },
        policy_name: "public-web".into(),
        policy,
        sha256: "00".into(),
    }
}

/// A Micro CA that was made at noon, for ten years.
fn micro_ca() -> Issuer {
    crate::issuer::test::issuer("micro-ca", CaKind::Micro, NOON, Lifetime::days(3_650))
}

fn submit(applicant: Arc<Applicant>, policy: PolicyRules) -> Submit {
    Submit {
        applicant,
        rules: Arc::new(rules(policy)),
        issuer: Some(Arc::new(micro_ca())),
        choice: Choice::default(),
        ids: NewIds {
            request: CertificateRequestId(Uuid::from_u128(3)),
            certificate: CertificateId(Uuid::from_u128(4)),
            serial: Serial::new([1; 18]),
            key: None,
        },
    }
}

fn accepted(submit: Submit) -> CertificateRequestSubmitted {
    match CertificateRequest::default().decide(submit, NOON).unwrap().pop() {
        Some(CertificateRequestEvent::Submitted(submitted)) => submitted,
        None => panic!("nothing was decided"),
    }
}

/// The details of the violations; none when it is accepted.
fn details(submit: Submit) -> Vec<String> {
    match CertificateRequest::default().decide(submit, NOON) {
        Ok(_) => vec![],
        Err(Refusal::Rules { violations, .. }) => {
            violations.into_iter().map(|violation| violation.detail).collect()
        }
        Err(other) => panic!("{other}"),
    }
}

fn words(text: &[&str]) -> Vec<String> {
    text.iter().map(ToString::to_string).collect()
}

// ------------------------------------------------------------------------------------------------- the rules (E3, E4)

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
        CertificateRequest::default().decide(submit(applicant, policy), NOON).unwrap_err().into();
    assert_eq!(problem.code, Code::PolicyViolation);
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
        CertificateRequest::default().decide(submit(applicant, policy), NOON)
    else {
        panic!("it was accepted")
    };
    let pointers: Vec<_> = violations.iter().filter_map(|violation| violation.pointer.as_deref()).collect();
    assert_eq!(pointers, ["#/subject", "#/sans", "#/key/algorithm", "#/keyUsages", "#/extendedKeyUsages"]);
}

// ------------------------------------------------------------------------------------------------- what is accepted

#[test]
fn subject_names_and_key_come_from_the_csr() {
    let submitted = accepted(submit(
        csr("shop.example.com", &["-addext", "subjectAltName=DNS:a.example.com,IP:192.0.2.10"]),
        PolicyRules::default(),
    ));
    assert_eq!(submitted.common_name.as_deref(), Some("shop.example.com"));
    assert_eq!(submitted.sans, [dns("a.example.com"), SubjectAltName::Ip("192.0.2.10".parse().unwrap())]);
    assert_eq!((submitted.source, submitted.key_algorithm), (RequestSource::Csr, KeyAlgorithm::EcdsaP256));
    assert_eq!(submitted.ttl, Lifetime::days(90));
    assert_eq!(submitted.rules_sha256, "00");
    assert_eq!(submitted.issuance, issuance_stream(micro_ca().id.uuid(), &"01".repeat(18)[1..]));
}

#[test]
fn a_host_as_common_name_becomes_the_name() {
    assert_eq!(accepted(submit(shop(), PolicyRules::default())).sans, [dns("shop.example.com")]);
    let applicant = managed(named("shop.example.com"), &[]);
    assert_eq!(accepted(submit(applicant, PolicyRules::default())).sans, [dns("shop.example.com")]);
    assert_eq!(accepted(submit(csr("Shop of Example", &[]), PolicyRules::default())).sans, []);
}

#[test]
fn a_request_is_submitted_once() {
    let first = accepted(submit(shop(), PolicyRules::default()));
    given::<CertificateRequest>([first.into()])
        .when(submit(shop(), PolicyRules::default()), NOON)
        .refused(Refusal::AlreadySubmitted);
}

// ------------------------------------------------------------------------------------------------- who signs

#[test]
fn a_profile_for_self_signed_certificates_takes_no_csr() {
    let self_signed = |applicant| {
        let mut rules = rules(PolicyRules::default());
        rules.profile.issuer = ProfileIssuer::SelfSigned;
        Submit { rules: Arc::new(rules), issuer: None, ..submit(applicant, PolicyRules::default()) }
    };
    given::<CertificateRequest>([]).when(self_signed(shop()), NOON).refused(Refusal::SelfSignedWithCsr);
    let problem = Problem::from(Refusal::SelfSignedWithCsr);
    assert_eq!(problem.detail, "Self-signed certificates are not supported for CSR signing");
    accepted(self_signed(managed(named("shop.example.com"), &[])));
}

#[test]
fn a_ca_that_may_not_sign_now_refuses() {
    let by =
        |issuer: Issuer| Submit { issuer: Some(Arc::new(issuer)), ..submit(shop(), PolicyRules::default()) };
    let refused = |issuer: Issuer, state| {
        given::<CertificateRequest>([])
            .when(by(issuer), NOON)
            .refused(Refusal::Issuer { name: "micro-ca".into(), state });
    };
    refused(micro_ca().with_status(CaStatus::Suspended), "is suspended: resume it first");
    let before = NOON.plus(time::Duration::seconds(-1));
    refused(Issuer { not_after: before, ..micro_ca() }, "has expired: choose another one in the profile");
    let after = NOON.plus(time::Duration::seconds(1));
    refused(Issuer { not_before: after, ..micro_ca() }, "is not valid yet");
    accepted(by(Issuer { not_after: NOON, ..micro_ca() }));
}

// ------------------------------------------------------------------------------------------------- how long

fn lasting(choice: Choice, issuer: Issuer, policy: PolicyRules) -> Submit {
    Submit { choice, issuer: Some(Arc::new(issuer)), ..submit(shop(), policy) }
}

fn ttl(days: i64) -> Choice {
    Choice { ttl: Some(Lifetime::days(days)), ..Choice::default() }
}

#[test]
fn a_lifetime_is_chosen_within_profile_policy_and_ca() {
    let policy = PolicyRules { max_ttl: Some(Lifetime::days(200)), ..PolicyRules::default() };
    let ca = || Issuer { max_ttl: Some(Lifetime::days(100)), ..micro_ca() };
    for (choice, issuer, policy, refusals) in [
        (ttl(398), micro_ca(), PolicyRules::default(), 0),
        (ttl(399), micro_ca(), PolicyRules::default(), 1),
        (ttl(200), micro_ca(), policy.clone(), 0),
        (ttl(201), micro_ca(), policy.clone(), 1),
        (ttl(100), ca(), policy.clone(), 0),
        (ttl(101), ca(), policy.clone(), 1),
        (ttl(399), ca(), policy, 3),
    ] {
        assert_eq!(details(lasting(choice.clone(), issuer, policy)).len(), refusals, "{choice:?}");
    }
}

#[test]
fn the_default_gives_way_to_shorter_limits() {
    let policy = PolicyRules { max_ttl: Some(Lifetime::days(30)), ..PolicyRules::default() };
    assert_eq!(accepted(lasting(Choice::default(), micro_ca(), policy)).ttl, Lifetime::days(30));
}

#[test]
fn the_last_second_may_be_named_instead() {
    let until = |seconds| Choice {
        not_after: Some(NOON.plus(time::Duration::seconds(seconds))),
        ..Choice::default()
    };
    let day = accepted(lasting(until(86_399), micro_ca(), PolicyRules::default()));
    assert_eq!(day.ttl, Lifetime::days(1), "both ends count");
    assert_eq!(
        details(lasting(until(-1), micro_ca(), PolicyRules::default())),
        ["notAfter has passed; it is 2026-11-21T12:00:00Z"]
    );
    let both = Choice { ttl: Some(Lifetime::days(1)), ..until(86_399) };
    assert_eq!(
        details(lasting(both, micro_ca(), PolicyRules::default())),
        ["ttl and notAfter exclude each other; send one of them"]
    );
}

#[test]
fn a_certificate_ends_with_its_ca() {
    let ca = crate::issuer::test::issuer("micro-ca", CaKind::Micro, NOON, Lifetime::days(20));
    assert_eq!(accepted(lasting(ttl(90), ca, PolicyRules::default())).ttl, Lifetime::days(20));
}

// ------------------------------------------------------------------------------------------------- the rest

#[test]
fn labels_and_notes_have_limits() {
    let choice = Choice {
        labels: [("k".repeat(64), "v".to_owned())].into(),
        note: Some("x".repeat(1_001)),
        ..Choice::default()
    };
    let problem: Problem = CertificateRequest::default()
        .decide(lasting(choice, micro_ca(), PolicyRules::default()), NOON)
        .unwrap_err()
        .into();
    assert_eq!(problem.code, Code::ValidationFailed);
    assert_eq!(problem.errors.len(), 2);
}

#[test]
fn names_that_no_policy_could_allow_are_refused_where_they_stand() {
    let applicant = managed(
        Subject { country: Some("Canada".into()), ..named("shop") },
        &[dns("not a host name"), dns("shop"), dns("")],
    );
    let problem: Problem = CertificateRequest::default()
        .decide(submit(applicant, PolicyRules::default()), NOON)
        .unwrap_err()
        .into();
    assert_eq!(problem.code, Code::ValidationFailed);
    let pointers: Vec<_> =
        problem.errors.iter().filter_map(|violation| violation.pointer.as_deref()).collect();
    assert_eq!(pointers, ["#/subject", "#/sans/0/value", "#/sans/2/value"]);
}

#[test]
fn ids_of_cas_do_not_share_serial_numbers() {
    let ids = submit(shop(), PolicyRules::default()).ids;
    let other = Issuer { id: CaId(Uuid::from_u128(9)), ..micro_ca() };
    assert_ne!(ids.issuance(Some(&micro_ca())), ids.issuance(Some(&other)));
}
