//! What a request that is accepted says, and what no policy could allow.

use super::*;

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
    assert_eq!(submitted.issuance, Some(issuance_stream(micro_ca().id.uuid(), &"01".repeat(18)[1..])));
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

#[test]
fn labels_and_notes_have_limits() {
    let choice = Choice {
        labels: [("k".repeat(64), "v".to_owned())].into(),
        note: Some("x".repeat(1_001)),
        ..Choice::default()
    };
    let problem: Problem = CertificateRequest::default()
        .decide(Submit { choice, ..submit(shop(), PolicyRules::default()) }.into(), NOON)
        .unwrap_err()
        .into();
    assert_eq!(problem.code, contracts::Code::ValidationFailed);
    assert_eq!(problem.errors.len(), 2);
}

#[test]
fn names_that_no_policy_could_allow_are_refused_where_they_stand() {
    let applicant = managed(
        Subject { country: Some("Canada".into()), ..named("shop") },
        &[dns("not a host name"), dns("shop"), dns("")],
    );
    let problem: Problem = CertificateRequest::default()
        .decide(submit(applicant, PolicyRules::default()).into(), NOON)
        .unwrap_err()
        .into();
    assert_eq!(problem.code, contracts::Code::ValidationFailed);
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
