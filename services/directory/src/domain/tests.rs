use contracts::{
    DepartmentId, OrganizationId,
    x509::CertificateType::{Client, CodeSigning, Server},
};
use runtime::aggregate::test::{Given, given};
use uuid::Uuid;

use super::*;

const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));
const ID: DomainId = DomainId(Uuid::from_u128(1));
const ORGANIZATION: OrganizationId = OrganizationId(Uuid::from_u128(2));
const HQ: Delegate = Delegate { organization_id: ORGANIZATION, department_id: None };
const WEB: Delegate =
    Delegate { organization_id: ORGANIZATION, department_id: Some(DepartmentId(Uuid::from_u128(3))) };

fn create_named(name: &str, delegate_to: &[Delegate]) -> DomainCommand {
    let (types, delegate_to) = (Some(vec![Client, Server, Client]), delegate_to.to_vec());
    DomainCommand::Create { id: ID, name: name.into(), description: None, types, delegate_to }
}

fn created(name: &str) -> DomainEvent {
    DomainCreated { id: ID, name: name.into(), description: None, types: vec![Server, Client] }.into()
}

fn delegated(delegate: Delegate, types: &[CertificateType]) -> DomainEvent {
    DomainDelegated { delegate, types: types.into() }.into()
}

fn requested(delegate: Delegate, types: &[CertificateType]) -> DomainEvent {
    DomainDelegationRequested { delegate, types: types.into() }.into()
}

fn approved(delegate: Delegate, types: &[CertificateType]) -> DomainEvent {
    DomainDelegationApproved { delegate, types: types.into() }.into()
}

fn delegate(delegate: Delegate, types: &[CertificateType]) -> DomainCommand {
    DomainCommand::Delegate { delegate, types: Some(types.into()) }
}

fn request(delegate: Delegate, types: &[CertificateType]) -> DomainCommand {
    DomainCommand::Request { delegate, types: Some(types.into()) }
}

fn approve(delegate: Delegate) -> DomainCommand {
    DomainCommand::Approve { delegate, shown: None }
}

fn reject(reason: &str) -> DomainCommand {
    DomainCommand::Reject(DomainDelegationRefused { delegate: HQ, reason: reason.into() })
}

fn withdraw(delegate: Delegate) -> DomainCommand {
    DomainCommand::Withdraw(DomainDelegationWithdrawn { delegate, reason: None })
}

fn example(events: impl IntoIterator<Item = DomainEvent>) -> Given<Domain> {
    given([created("example.com")].into_iter().chain(events))
}

/// The codes and places of a refusal.
fn violations(outcome: Result<Vec<DomainEvent>, DomainRefusal>) -> Vec<(String, String)> {
    match outcome {
        Err(DomainRefusal::Invalid(errors)) => {
            errors.into_iter().map(|error| (error.code, error.pointer.unwrap_or_default())).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_domain_is_stored_in_a_labels_and_delegated_as_it_is_made() {
    given::<Domain>([])
        .when(create_named("Bücher.example", &[HQ, WEB]), NOON)
        .then([
            created("xn--bcher-kva.example"),
            delegated(HQ, &[Server, Client]),
            delegated(WEB, &[Server, Client]),
        ])
        .when(create_named("bücher.example", &[]), NOON)
        .refused(DomainRefusal::AlreadyCreated);
    given::<Domain>([]).when(create_named("*", &[]), NOON).then([created("*")]);
    given::<Domain>([])
        .when(create_named("a.example", &[WEB]), NOON)
        .refused(DomainRefusal::OrganizationFirst);
}

#[test]
fn all_wrong_fields_are_told_at_once() {
    let wrong = DomainCommand::Create {
        id: ID,
        name: "*.example.com".into(),
        description: Some("a\u{7}".into()),
        types: Some(vec![]),
        delegate_to: vec![],
    };
    let told = violations(Domain::default().decide(wrong, NOON));
    let told: Vec<_> = told.iter().map(|(code, pointer)| (code.as_str(), pointer.as_str())).collect();
    assert_eq!(
        told,
        [("invalid_domain", "#/name"), ("empty_list", "#/types"), ("invalid_text", "#/description")]
    );
}

#[test]
fn a_change_keeps_what_it_does_not_name() {
    let update = |types| DomainCommand::Update { description: None, types };
    let updated = DomainUpdated { description: None, types: vec![Server] };
    example([])
        .when(update(Some(vec![Server])), NOON)
        .then([updated.into()])
        .when(update(None), NOON)
        .changes_nothing();
    given::<Domain>([]).when(update(None), NOON).refused(DomainRefusal::NotCreated);
}

#[test]
fn a_domain_is_switched_off_and_on() {
    let (on, off) = (DomainActivated::default(), DomainDeactivated { reason: Some("sold".into()) });
    example([]).when(DomainCommand::Activate(on.clone()), NOON).changes_nothing();
    example([])
        .when(DomainCommand::Deactivate(off.clone()), NOON)
        .then([off.clone().into()])
        .when(DomainCommand::Activate(on.clone()), NOON)
        .then([on.into()]);
    example([off.clone().into()]).when(DomainCommand::Deactivate(off), NOON).changes_nothing();
}

#[test]
fn a_masters_word_counts_at_once_and_settles_what_was_asked_for() {
    example([requested(HQ, &[Server, Client])])
        .when(delegate(HQ, &[Server]), NOON)
        .then([delegated(HQ, &[Server])])
        .when(approve(HQ), NOON)
        .refused(DomainRefusal::NothingWaits);
    example([delegated(HQ, &[Server])]).when(delegate(HQ, &[Server]), NOON).changes_nothing();
    let none = DomainCommand::Delegate { delegate: HQ, types: None };
    example([]).when(none, NOON).then([delegated(HQ, &[Server, Client])]);
    let signing = example([]).when(delegate(HQ, &[CodeSigning]), NOON);
    assert!(format!("{signing:?}").contains("certificate_type_not_allowed"), "{signing:?}");
}

#[test]
fn a_request_waits_and_is_decided_once() {
    let refused = DomainDelegationRefused { delegate: HQ, reason: "not yours".into() };
    example([])
        .when(request(HQ, &[Server]), NOON)
        .then([requested(HQ, &[Server])])
        .when(request(HQ, &[Server]), NOON)
        .changes_nothing();
    example([requested(HQ, &[Server])])
        .when(approve(HQ), NOON)
        .then([approved(HQ, &[Server])])
        .when(approve(HQ), NOON)
        .refused(DomainRefusal::NothingWaits);
    example([requested(HQ, &[Server])])
        .when(reject("not yours"), NOON)
        .then([refused.into()])
        .when(reject("again"), NOON)
        .refused(DomainRefusal::NothingWaits);
    let shown =
        |types: &[CertificateType]| DomainCommand::Approve { delegate: HQ, shown: Some(types.to_vec()) };
    example([requested(HQ, &[Server, Client])])
        .when(shown(&[Server]), NOON)
        .refused(DomainRefusal::NothingWaits);
    example([requested(HQ, &[Server, Client])])
        .when(shown(&[Server, Client]), NOON)
        .then([approved(HQ, &[Server, Client])]);
    let nameless = example([requested(HQ, &[Server])]).when(reject(" "), NOON);
    assert!(format!("{nameless:?}").contains("missing_reason"), "{nameless:?}");
}

#[test]
fn asking_for_more_types_adds_them_to_those_there_are() {
    example([delegated(HQ, &[Client])]).when(request(HQ, &[Client]), NOON).changes_nothing();
    example([delegated(HQ, &[Client])])
        .when(request(HQ, &[Server]), NOON)
        .then([requested(HQ, &[Server])])
        .when(approve(HQ), NOON)
        .then([approved(HQ, &[Server, Client])]);
}

#[test]
fn a_department_needs_its_organization() {
    for command in [delegate(WEB, &[Server]), request(WEB, &[Server])] {
        example([]).when(command, NOON).refused(DomainRefusal::OrganizationFirst);
    }
    example([delegated(HQ, &[Server])])
        .when(delegate(WEB, &[Server]), NOON)
        .then([delegated(WEB, &[Server])]);
    let wider = example([delegated(HQ, &[Server])]).when(delegate(WEB, &[Client]), NOON);
    assert!(format!("{wider:?}").contains("certificate_type_not_allowed"), "{wider:?}");
    // Approved only while the organization still has it.
    let gone = DomainDelegationWithdrawn { delegate: HQ, reason: None };
    example([delegated(HQ, &[Server]), delegated(WEB, &[Server]), gone.into()])
        .when(withdraw(WEB), NOON)
        .refused(DomainRefusal::NotDelegated);
}

#[test]
fn a_delegation_is_taken_back_once() {
    let gone = DomainDelegationWithdrawn { delegate: HQ, reason: None };
    example([delegated(HQ, &[Server])])
        .when(withdraw(HQ), NOON)
        .then([gone.into()])
        .when(withdraw(HQ), NOON)
        .refused(DomainRefusal::NotDelegated);
}
