use runtime::aggregate::test::{Given, given};
use uuid::Uuid;

use super::*;

const DOMAIN: &str = "shop.example";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn noon() -> Timestamp {
    at("2026-11-21T12:00:00Z")
}

fn begun(method: ValidationMethod) -> DomainValidationStarted {
    let is_mail = method == ValidationMethod::Email;
    DomainValidationStarted {
        id: ValidationId(Uuid::from_u128(1)),
        domain_id: DomainId(Uuid::from_u128(2)),
        domain_name: DOMAIN.into(),
        organization_id: OrganizationId(Uuid::from_u128(3)),
        method,
        expected: (!is_mail).then(|| "0a1b".to_owned()),
        next_attempt_at: (!is_mail).then(|| at("2026-11-21T12:00:10Z")),
        expires_at: at("2026-12-21T12:00:00Z"),
    }
}

fn start(domain_name: &str, method: ValidationMethod) -> ValidationCommand {
    let begun = begun(method);
    ValidationCommand::Start {
        id: begun.id,
        domain_id: begun.domain_id,
        domain_name: domain_name.into(),
        organization_id: begun.organization_id,
        method,
        expected: "0a1b".into(),
    }
}

fn pending(method: ValidationMethod) -> Given<DomainValidation> {
    given([begun(method).into()])
}

fn missing(by_hand: bool) -> ValidationCommand {
    ValidationCommand::Missing { reason: "nothing there".into(), by_hand }
}

fn tried(by_hand: bool, next: Option<&str>) -> DomainValidationEvent {
    let next_attempt_at = next.map(at);
    DomainValidationTried { reason: "nothing there".into(), by_hand, next_attempt_at }.into()
}

fn validated(method: ValidationMethod) -> DomainValidationEvent {
    DomainValidated {
        domain_id: begun(method).domain_id,
        domain_name: DOMAIN.into(),
        method,
        evidence: "TXT record".into(),
        validated_at: noon(),
        valid_until: at("2027-06-09T12:00:00Z"),
        renew_at: at("2027-02-05T04:00:00Z"),
    }
    .into()
}

fn expiring(reason: &str) -> DomainValidationEvent {
    DomainValidationExpiring {
        domain_id: begun(ValidationMethod::DnsTxt).domain_id,
        domain_name: DOMAIN.into(),
        reason: reason.into(),
        valid_until: at("2027-06-09T12:00:00Z"),
    }
    .into()
}

#[test]
fn a_proof_in_dns_is_looked_for_after_ten_seconds() {
    _ = given::<DomainValidation>([])
        .when(start(DOMAIN, ValidationMethod::DnsTxt), noon())
        .then([begun(ValidationMethod::DnsTxt).into()]);
}

#[test]
fn a_proof_by_mail_is_asked_for_at_five_addresses() {
    let recipients = ["admin", "administrator", "webmaster", "hostmaster", "postmaster"];
    let recipients = recipients.iter().map(|name| format!("{name}@{DOMAIN}")).collect();
    let wanted = DomainValidationMailWanted { domain_name: DOMAIN.into(), recipients };
    _ = given::<DomainValidation>([])
        .when(start(DOMAIN, ValidationMethod::Email), noon())
        .then([begun(ValidationMethod::Email).into(), wanted.into()]);
}

#[test]
fn nobody_controls_every_name() {
    given::<DomainValidation>([])
        .when(start(EVERY_NAME, ValidationMethod::DnsTxt), noon())
        .refused(ValidationRefusal::EveryName);
}

#[test]
fn no_proof_by_mail_begins_after_its_day() {
    given::<DomainValidation>([])
        .when(start(DOMAIN, ValidationMethod::Email), at("2028-03-15T00:00:00Z"))
        .refused(ValidationRefusal::MethodNotTaken);
}

#[test]
fn what_is_found_counts_by_the_rule_of_the_day() {
    _ = pending(ValidationMethod::DnsTxt)
        .when(ValidationCommand::Found("TXT record".into()), noon())
        .then([validated(ValidationMethod::DnsTxt)]);
}

#[test]
fn what_is_missing_is_looked_for_later_and_later_and_then_no_more() {
    let nexts = [
        "2026-11-21T12:01:00Z",
        "2026-11-21T12:05:00Z",
        "2026-11-21T12:30:00Z",
        "2026-11-21T14:00:00Z",
        "2026-11-21T20:00:00Z",
        "2026-11-22T12:00:00Z",
        "2026-11-23T12:00:00Z",
        "2026-11-25T12:00:00Z",
    ];
    let mut validation = pending(ValidationMethod::DnsTxt);
    for next in nexts {
        validation = validation.when(missing(false), noon()).then([tried(false, Some(next))]);
    }
    let failed = DomainValidationFailed { reason: "nothing there".into() };
    validation
        .when(missing(false), noon())
        .then([failed.into()])
        .when(missing(true), noon())
        .refused(ValidationRefusal::Over);
}

#[test]
fn whoever_is_impatient_brings_it_no_nearer_to_its_end() {
    let mut validation = pending(ValidationMethod::Http);
    for _ in 0..20 {
        let unchanged = Some("2026-11-21T12:00:10Z");
        validation = validation.when(missing(true), noon()).then([tried(true, unchanged)]);
    }
    _ = validation.when(missing(false), noon()).then([tried(false, Some("2026-11-21T12:01:00Z"))]);
}

#[test]
fn that_a_proof_cannot_be_repeated_is_told_once() {
    let renewal = at("2027-02-05T04:00:00Z");
    given::<DomainValidation>([begun(ValidationMethod::DnsTxt).into(), validated(ValidationMethod::DnsTxt)])
        .when(missing(false), renewal)
        .then([expiring("nothing there"), tried(false, Some("2027-02-05T16:00:00Z"))])
        .when(missing(false), at("2027-02-05T16:00:00Z"))
        .then([tried(false, Some("2027-02-06T04:00:00Z"))])
        .when(missing(false), at("2027-06-09T06:00:00Z"))
        .then([tried(false, None)])
        .when(ValidationCommand::Lapse, at("2027-06-09T12:00:00Z"))
        .then([DomainValidationExpired {}.into()])
        .when(ValidationCommand::Found("TXT record".into()), at("2027-06-09T12:00:01Z"))
        .refused(ValidationRefusal::Over);
}

#[test]
fn nothing_lapses_before_its_time() {
    let both = [begun(ValidationMethod::DnsTxt).into(), validated(ValidationMethod::DnsTxt)];
    given::<DomainValidation>(both)
        .when(ValidationCommand::Lapse, at("2027-06-09T11:59:59Z"))
        .changes_nothing();
    pending(ValidationMethod::Email)
        .when(ValidationCommand::Lapse, at("2026-12-21T11:59:59Z"))
        .changes_nothing();
    let failed = DomainValidationFailed { reason: "nobody confirmed in time".into() };
    _ = pending(ValidationMethod::Email)
        .when(ValidationCommand::Lapse, at("2026-12-21T12:00:00Z"))
        .then([failed.into()]);
}

fn draw(mailbox: &str, hash: &str) -> ValidationCommand {
    ValidationCommand::DrawCode { recipient: format!("{mailbox}@{DOMAIN}"), hash: hash.into() }
}

fn drawn(mailbox: &str, hash: &str, valid_until: &str) -> DomainValidationEvent {
    let recipient = Some(format!("{mailbox}@{DOMAIN}"));
    DomainValidationCodeDrawn { recipient, hash: hash.into(), valid_until: at(valid_until) }.into()
}

#[test]
fn the_last_code_of_each_mail_confirms_and_then_none() {
    const END: &str = "2026-12-21T12:00:00Z";
    let confirm = |hash: &str| ValidationCommand::Confirm(hash.into());
    let asked = || {
        pending(ValidationMethod::Email)
            .when(draw("admin", "aa"), noon())
            .then([drawn("admin", "aa", END)])
            .when(draw("webmaster", "cc"), noon())
            .then([drawn("webmaster", "cc", END)])
            .when(draw("admin", "bb"), noon())
            .then([drawn("admin", "bb", END)])
    };
    asked().when(confirm("aa"), noon()).refused(ValidationRefusal::CodeVoid);
    asked().when(confirm("bb"), at(END)).refused(ValidationRefusal::CodeVoid);
    let evidence = "the link in a mail to the administrators of shop.example".to_owned();
    let by_mail = || match validated(ValidationMethod::Email) {
        DomainValidationEvent::Validated(validated) => {
            DomainValidationEvent::from(DomainValidated { evidence: evidence.clone(), ..validated })
        }
        other => panic!("{other:?}"),
    };
    for code in ["bb", "cc"] {
        for other in ["bb", "cc"] {
            asked()
                .when(confirm(code), noon())
                .then([by_mail()])
                .when(confirm(other), noon())
                .refused(ValidationRefusal::CodeVoid);
        }
    }
}

#[test]
fn a_code_is_drawn_for_mail_that_is_wanted_alone() {
    pending(ValidationMethod::Email)
        .when(draw("eve", "aa"), noon())
        .refused(ValidationRefusal::MailNotWanted);
    given::<DomainValidation>([begun(ValidationMethod::Email).into(), validated(ValidationMethod::Email)])
        .when(draw("admin", "aa"), noon())
        .refused(ValidationRefusal::MailNotWanted);
    pending(ValidationMethod::Email)
        .when(draw("admin", "aa"), at("2028-03-15T00:00:00Z"))
        .refused(ValidationRefusal::MethodNotTaken);
}

#[test]
fn the_code_for_another_proof_lives_no_longer_than_a_random_value_may() {
    let history = || {
        [begun(ValidationMethod::Email).into(), validated(ValidationMethod::Email), expiring("it ends soon")]
    };
    _ = given::<DomainValidation>(history())
        .when(draw("admin", "aa"), at("2027-02-05T04:00:00Z"))
        .then([drawn("admin", "aa", "2027-03-07T04:00:00Z")]);
    _ = given::<DomainValidation>(history())
        .when(draw("admin", "aa"), at("2027-06-01T12:00:00Z"))
        .then([drawn("admin", "aa", "2027-06-09T12:00:00Z")]);
}

#[test]
fn a_mail_is_sent_again_before_a_proof_by_mail_ends() {
    let recipients = challenge::recipients(DOMAIN);
    let wanted = DomainValidationMailWanted { domain_name: DOMAIN.into(), recipients };
    let renewal = at("2027-02-05T04:00:00Z");
    given::<DomainValidation>([begun(ValidationMethod::Email).into(), validated(ValidationMethod::Email)])
        .when(ValidationCommand::AskAgain, renewal)
        .then([expiring("the link in another mail has to be followed"), wanted.into()])
        .when(ValidationCommand::AskAgain, renewal)
        .changes_nothing();
}

#[test]
fn each_method_is_proved_in_its_own_way() {
    pending(ValidationMethod::Email).when(missing(true), noon()).refused(ValidationRefusal::NothingToLookFor);
    pending(ValidationMethod::DnsTxt).when(draw("admin", "aa"), noon()).refused(ValidationRefusal::NotByMail);
    pending(ValidationMethod::DnsTxt)
        .when(ValidationCommand::Confirm("aa".into()), noon())
        .refused(ValidationRefusal::CodeVoid);
}

#[test]
fn one_that_was_never_started_is_none() {
    given::<DomainValidation>([]).when(missing(true), noon()).refused(ValidationRefusal::NotStarted);
    pending(ValidationMethod::Http)
        .when(start(DOMAIN, ValidationMethod::Http), noon())
        .refused(ValidationRefusal::AlreadyStarted);
}
