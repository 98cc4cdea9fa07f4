//! Who may do what, from the log: tokens as issued, revoked and expired, within a second, with NATS and without.

#![allow(clippy::unwrap_used)] // a test that cannot go on should say where

#[allow(dead_code)] // each test file uses its part
mod support;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chancery_runtime::{
    authority::{Authority, Denied, Target, permitted},
    clock::TestClock,
    service::ServiceContext,
};
use contracts::{
    Actor, AdministratorId, Code, Event, OrganizationId, Permission, RoleId, Service, Timestamp, TokenId,
    directory::{
        AdministratorAppointedV1, AdministratorDisabled, AdministratorEnabled, AdministratorEvent,
        AdministratorGrantsChanged, CreateOrganization, Grant, RecordTokenUse, Role, RoleArchived,
        RoleCreated, RoleEvent, RoleUpdated, RoleV1, TokenEvent, TokenIssued, TokenRevoked, TokenScope,
    },
    signer::CreateCa,
    token::TokenText,
};
use support::{OURS, THEIRS, World, raw, until};
use uuid::Uuid;

const HOUR: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 09:00 UTC));
const ALICE: AdministratorId = AdministratorId(Uuid::from_u128(0xa));

async fn append<E: Event>(directory: &ServiceContext, stream: u128, event: impl Into<E>) -> i64 {
    let event = event.into();
    raw(directory, E::CATEGORY, event.kind(), OURS, stream, event.to_payload().unwrap()).await
}

/// As it was written first, so that every test here reads the oldest shape.
async fn appoint(directory: &ServiceContext) {
    let appointed = AdministratorAppointedV1 { id: ALICE, name: "alice".into(), role: RoleV1::Master };
    let payload = serde_json::to_string(&appointed).unwrap();
    let (category, kind) = (AdministratorEvent::CATEGORY, "administrator.appointed");
    raw(directory, category, kind, OURS, ALICE.uuid().as_u128(), payload).await;
}

async fn issue(
    directory: &ServiceContext,
    id: u128,
    permissions: Option<Vec<Permission>>,
) -> (TokenText, i64) {
    let text = TokenText::new(TokenId(Uuid::from_u128(id)), [id as u8; 32]);
    let issued = TokenIssued {
        id: text.id,
        name: "ci".into(),
        administrator_id: ALICE,
        organization_id: OURS,
        all_organizations: false,
        hash: hex::encode(text.hash()),
        scope: TokenScope { permissions, ..TokenScope::default() },
        within: None,
        expires_at: HOUR.plus(time::Duration::hours(1)),
    };
    let position = append::<TokenEvent>(directory, id, issued).await;
    (text, position)
}

#[tokio::test]
async fn a_token_is_worth_what_the_log_says() {
    let clock = TestClock::at(HOUR);
    let world = World::at(Arc::new(clock.clone())).await;
    let _relay = world.relay().await;
    let (directory, signer) = (world.service(Service::Directory).await, world.service(Service::Signer).await);
    let authority = &signer.authority;
    appoint(&directory).await;
    let (token, _) = issue(&directory, 1, None).await;
    let (narrow, position) = issue(&directory, 2, Some(vec![Permission::CaRead])).await;
    until("who may do what is known", async || authority.authenticate(&token) != Err(Denied::Unknown)).await;
    authority.reached(position).await.unwrap();

    let alice = authority.authenticate(&token).unwrap();
    assert_eq!((alice.administrator, alice.organization), (ALICE, OURS));
    let forged = TokenText::new(token.id, [9; 32]);
    assert_eq!(authority.authenticate(&forged), Err(Denied::Invalid));
    let unknown = TokenText::new(TokenId(Uuid::from_u128(77)), [1; 32]);
    assert_eq!(authority.authenticate(&unknown), Err(Denied::Invalid));

    let actor = alice.actor();
    assert_eq!(permit(authority, &actor, Permission::CaCreate, OURS), Ok(()));
    assert_eq!(permit(authority, &actor, Permission::CaCreate, THEIRS), Err(Code::Forbidden));
    let narrow = authority.authenticate(&narrow).unwrap().actor();
    assert_eq!(permit(authority, &narrow, Permission::CaRead, OURS), Ok(()));
    assert_eq!(permit(authority, &narrow, Permission::CaCreate, OURS), Err(Code::Forbidden));
    let borrowed = Actor::Administrator {
        administrator: AdministratorId(Uuid::from_u128(0xb)),
        credential: TokenId(Uuid::from_u128(1)).into(),
    };
    assert_eq!(permit(authority, &borrowed, Permission::CaRead, OURS), Err(Code::Unauthenticated));

    clock.advance(time::Duration::hours(2));
    assert_eq!(authority.authenticate(&token), Err(Denied::Expired));
    assert_eq!(permit(authority, &actor, Permission::CaRead, OURS), Err(Code::TokenExpired));
}

fn permit(
    authority: &Authority,
    actor: &Actor,
    permission: Permission,
    organization: OrganizationId,
) -> Result<(), Code> {
    let principal = authority.principal(actor).map_err(|problem| problem.code)?;
    permitted(&principal, permission, &Target::organization(organization)).map_err(|problem| problem.code)
}

#[tokio::test]
async fn a_command_is_admitted_from_whom_the_table_and_the_permission_name() {
    let world = World::at(Arc::new(TestClock::at(HOUR))).await;
    let (directory, signer) = (world.service(Service::Directory).await, world.service(Service::Signer).await);
    appoint(&directory).await;
    let (token, position) = issue(&directory, 1, None).await;
    let authority = &signer.authority;
    until("who may do what is known", async || authority.authenticate(&token).is_ok()).await;
    authority.reached(position).await.unwrap();
    let alice = authority.authenticate(&token).unwrap().actor();
    let by = |actor| bus::Context { actor, ..support::command(&signer, 1) };
    let service = |service| by(Actor::Service(service));
    assert_eq!(authority.admit::<CreateCa>(&by(alice)).await, Ok(()));
    assert_eq!(authority.admit::<CreateCa>(&service(Service::Signer)).await, Ok(()), "on its own account");
    for stranger in [Service::Gateway, Service::Inventory, Service::Keystore] {
        assert_eq!(
            authority.admit::<CreateCa>(&service(stranger)).await.unwrap_err().code,
            Code::Forbidden,
            "{stranger}"
        );
    }
    assert_eq!(authority.admit::<RecordTokenUse>(&service(Service::Gateway)).await, Ok(()));
    assert_eq!(authority.admit::<RecordTokenUse>(&by(alice)).await.unwrap_err().code, Code::Forbidden);
    assert_eq!(
        authority.admit::<CreateOrganization>(&service(Service::Relay)).await.unwrap_err().code,
        Code::Forbidden
    );
}

#[tokio::test]
async fn a_revoked_token_works_nowhere_after_a_second_even_without_nats() {
    let world = World::at(Arc::new(TestClock::at(HOUR))).await;
    let _relay = world.relay().await;
    let (directory, signer) = (world.service(Service::Directory).await, world.service(Service::Signer).await);
    appoint(&directory).await;
    let (token, _) = issue(&directory, 1, None).await;
    let (other, _) = issue(&directory, 2, None).await;
    for (token, stream, nats) in [(token, 1, true), (other, 2, false)] {
        until("the token is known", async || signer.authority.authenticate(&token).is_ok()).await;
        if !nats {
            tokio::time::sleep(Duration::from_secs(1)).await; // JetStream is followed by now
            world.kill_nats().await;
        }
        append::<TokenEvent>(&directory, stream, TokenRevoked { reason: None }).await;
        let revoked = Instant::now();
        until("the token is refused", async || signer.authority.authenticate(&token) == Err(Denied::Invalid))
            .await;
        assert!(revoked.elapsed() < Duration::from_secs(1), "{:?}", revoked.elapsed());
    }
}

#[tokio::test]
async fn a_change_of_grants_roles_or_standing_counts_at_once() {
    let world = World::at(Arc::new(TestClock::at(HOUR))).await;
    let _relay = world.relay().await;
    let (directory, signer) = (world.service(Service::Directory).await, world.service(Service::Signer).await);
    appoint(&directory).await;
    let (token, _) = issue(&directory, 1, None).await;
    let authority = &signer.authority;
    until("the token is known", async || authority.authenticate(&token).is_ok()).await;
    let may = |permission| authority.authenticate(&token).is_ok_and(|alice| alice.may(permission));
    assert!(may(Permission::CaCreate));

    let role = RoleId(Uuid::from_u128(0x70));
    let reads = |permissions: &[Permission]| RoleUpdated {
        permissions: permissions.to_vec(),
        ..RoleUpdated::default()
    };
    let created = RoleCreated {
        id: role,
        organization_id: Some(OURS),
        name: "helpdesk".into(),
        description: None,
        permissions: vec![Permission::CertificateRead],
        own_only: false,
    };
    append::<RoleEvent>(&directory, 0x70, created).await;
    let grants = vec![Grant { organization_id: Some(OURS), ..Grant::installation(Role::Custom(role)) }];
    append::<AdministratorEvent>(&directory, 0xa, AdministratorGrantsChanged { grants }).await;
    until("the new grant counts", async || may(Permission::CertificateRead) && !may(Permission::CaCreate))
        .await;
    append::<RoleEvent>(&directory, 0x70, reads(&[Permission::KeyRead])).await;
    until("the changed role counts", async || may(Permission::KeyRead) && !may(Permission::CertificateRead))
        .await;
    append::<RoleEvent>(&directory, 0x70, RoleArchived {}).await;
    until("an archived role allows nothing", async || !may(Permission::KeyRead)).await;
    append::<AdministratorEvent>(&directory, 0xa, AdministratorDisabled::default()).await;
    until("nobody is signed in", async || authority.authenticate(&token) == Err(Denied::Invalid)).await;
    append::<AdministratorEvent>(&directory, 0xa, AdministratorEnabled::default()).await;
    until("they are again", async || authority.authenticate(&token).is_ok()).await;
}

#[tokio::test]
async fn an_event_nobody_can_read_denies_everyone() {
    let world = World::at(Arc::new(TestClock::at(HOUR))).await;
    let (directory, signer) = (world.service(Service::Directory).await, world.service(Service::Signer).await);
    appoint(&directory).await;
    let (token, _) = issue(&directory, 1, None).await;
    until("the token is known", async || signer.authority.authenticate(&token).is_ok()).await;
    raw(&directory, "token", "token.blessed", OURS, 1, "{}".into()).await;
    until("nobody is known", async || signer.authority.authenticate(&token) == Err(Denied::Unknown)).await;
    assert!(
        signer
            .health
            .report()
            .iter()
            .any(|one| one.reason.as_ref().is_some_and(|why| why.contains("halted")))
    );
}
