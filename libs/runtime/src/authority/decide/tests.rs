use std::sync::Arc;

use contracts::{
    AdministratorId, CertificateId, DepartmentId, PermissionSet, ProfileId, RoleId, Timestamp, TokenId,
    directory::{BuiltInRole, Grant, Role, TokenScope},
    x509::CertificateType,
};
use uuid::Uuid;

use super::*;
use crate::authority::Types;

const OURS: OrganizationId = OrganizationId(Uuid::from_u128(1));
const THEIRS: OrganizationId = OrganizationId(Uuid::from_u128(2));
const WEB: DepartmentId = DepartmentId(Uuid::from_u128(3));
const MAIL: DepartmentId = DepartmentId(Uuid::from_u128(4));
const ALICE: AdministratorId = AdministratorId(Uuid::from_u128(5));
const BOB: AdministratorId = AdministratorId(Uuid::from_u128(6));
const PROFILE: ProfileId = ProfileId(Uuid::from_u128(7));
const CERTIFICATE: CertificateId = CertificateId(Uuid::from_u128(8));

fn grant(role: BuiltInRole, organization: Option<OrganizationId>, department: Option<DepartmentId>) -> Grant {
    let grant = Grant::installation(Role::BuiltIn(role));
    Grant { organization_id: organization, department_id: department, ..grant }
}

fn held(grant: Grant) -> Held {
    Held::built_in(grant).unwrap()
}

/// Alice with these grants, through a token that limits nothing.
fn alice(grants: impl IntoIterator<Item = Grant>) -> Principal {
    limited(grants, TokenScope::default())
}

fn limited(grants: impl IntoIterator<Item = Grant>, scope: TokenScope) -> Principal {
    Principal {
        administrator: ALICE,
        credential: TokenId(Uuid::from_u128(9)).into(),
        stepped_up_until: None,
        organization: OURS,
        all_organizations: true,
        carried: Principal::carried(&scope),
        scope: Arc::new(scope),
        held: grants.into_iter().map(held).collect(),
        expires_at: Timestamp::from_unix(2_000_000_000),
    }
}

fn officer() -> Principal {
    alice([grant(BuiltInRole::OrganizationOfficer, Some(OURS), None)])
}

fn department_officer() -> Principal {
    alice([grant(BuiltInRole::DepartmentOfficer, Some(OURS), Some(WEB))])
}

fn requester() -> Principal {
    alice([grant(BuiltInRole::Requester, Some(OURS), None)])
}

fn certificate(organization: OrganizationId, department: Option<DepartmentId>) -> Target {
    Target {
        department,
        certificate_type: Some(CertificateType::Server),
        owner: Some(BOB),
        profile: Some(PROFILE),
        certificate: Some(CERTIFICATE),
        ..Target::organization(organization)
    }
}

fn refusal(principal: &Principal, permission: Permission, target: Target) -> Option<Refusal> {
    match decide(principal, permission, &target) {
        Decision::Allowed { .. } => None,
        Decision::Refused(refusal) => Some(refusal),
    }
}

#[test]
fn what_no_grant_allows_is_refused() {
    use Permission::{CaCreate, CertificateRead, OrganizationCreate, ProfileRead};
    let nobody = alice([]);
    for permission in Permission::ALL {
        assert_eq!(refusal(&nobody, *permission, Target::organization(OURS)), Some(Refusal::NoGrant));
    }
    let master = alice([grant(BuiltInRole::Master, None, None)]);
    let scoped = |scope| limited([grant(BuiltInRole::Master, None, None)], scope);
    let reader = scoped(TokenScope { permissions: Some(vec![CertificateRead]), ..TokenScope::default() });
    let servers = Grant {
        certificate_types: Some(vec![CertificateType::Client]),
        ..grant(BuiltInRole::OrganizationOfficer, Some(OURS), None)
    };
    for (who, principal, permission, target, expected) in [
        ("master", &master, OrganizationCreate, Target::INSTALLATION, None),
        ("master", &master, CertificateRead, certificate(THEIRS, Some(MAIL)), None),
        ("reader", &reader, CertificateRead, certificate(OURS, None), None),
        ("reader", &reader, CaCreate, Target::organization(OURS), Some(Refusal::Token)),
        ("officer", &officer(), CertificateRead, certificate(OURS, Some(WEB)), None),
        ("officer", &officer(), CertificateRead, certificate(THEIRS, None), Some(Refusal::Organization)),
        ("officer", &officer(), CaCreate, Target::organization(OURS), Some(Refusal::Role)),
        ("department", &department_officer(), CertificateRead, certificate(OURS, Some(WEB)), None),
        (
            "department",
            &department_officer(),
            CertificateRead,
            certificate(OURS, Some(MAIL)),
            Some(Refusal::Department),
        ),
        (
            "department",
            &department_officer(),
            CertificateRead,
            certificate(OURS, None),
            Some(Refusal::Department),
        ),
        ("department", &department_officer(), ProfileRead, Target::organization(OURS).shared(), None),
        (
            "department",
            &department_officer(),
            ProfileRead,
            Target::organization(THEIRS).shared(),
            Some(Refusal::Organization),
        ),
        (
            "types",
            &alice([servers.clone()]),
            CertificateRead,
            certificate(OURS, None),
            Some(Refusal::CertificateType),
        ),
        ("types", &alice([servers]), Permission::DepartmentWrite, Target::organization(OURS), None),
        ("requester", &requester(), CertificateRead, certificate(OURS, None), Some(Refusal::NotOwn)),
        (
            "requester",
            &requester(),
            CertificateRead,
            Target { owner: Some(ALICE), ..certificate(OURS, None) },
            None,
        ),
    ] {
        assert_eq!(refusal(principal, permission, target), expected, "{who} {permission} {target:?}");
    }
}

#[test]
fn a_certificate_of_unknown_type_is_nobodys_who_is_limited_to_some() {
    let limited = Grant {
        certificate_types: Some(vec![CertificateType::Server]),
        ..grant(BuiltInRole::OrganizationOfficer, Some(OURS), None)
    };
    let old = Target { certificate_type: None, ..certificate(OURS, None) };
    assert_eq!(refusal(&alice([limited]), Permission::CertificateRead, old), Some(Refusal::CertificateType));
    assert_eq!(refusal(&officer(), Permission::CertificateRead, old), None);
}

#[test]
fn grants_add_up_and_each_counts_where_it_was_given() {
    let both = alice([
        grant(BuiltInRole::OrganizationOfficer, Some(OURS), None),
        grant(BuiltInRole::Auditor, Some(THEIRS), None),
    ]);
    assert_eq!(refusal(&both, Permission::CertificateWrite, certificate(OURS, None)), None);
    assert_eq!(
        decide(&both, Permission::CertificateRead, &certificate(THEIRS, None)),
        Decision::Allowed { grant: 1 }
    );
    let closest = refusal(&both, Permission::CertificateWrite, certificate(THEIRS, None));
    assert_eq!(closest, Some(Refusal::Organization), "the grant that came closest is told");
}

#[test]
fn a_token_narrows_what_its_administrator_may_do() {
    let master = || [grant(BuiltInRole::Master, None, None), grant(BuiltInRole::Auditor, Some(OURS), None)];
    let scope = TokenScope::default;
    let here = Principal { all_organizations: false, ..alice(master()) };
    assert_eq!(refusal(&here, Permission::CertificateRead, certificate(OURS, None)), None);
    assert_eq!(
        refusal(&here, Permission::CertificateRead, certificate(THEIRS, None)),
        Some(Refusal::Organization)
    );
    assert_eq!(
        refusal(&here, Permission::OrganizationCreate, Target::INSTALLATION),
        Some(Refusal::Organization)
    );
    for (limit, permission, allowed, refused, why) in [
        (
            TokenScope { department: Some(WEB), ..scope() },
            Permission::CertificateRead,
            certificate(OURS, Some(WEB)),
            certificate(OURS, Some(MAIL)),
            Refusal::Department,
        ),
        (
            TokenScope { profiles: Some(vec![PROFILE]), ..scope() },
            Permission::RequestCreate,
            certificate(OURS, None),
            Target { profile: None, ..certificate(OURS, None) },
            Refusal::Profile,
        ),
        (
            TokenScope { certificates: Some(vec![CERTIFICATE]), ..scope() },
            Permission::CertificateRead,
            certificate(OURS, None),
            Target { certificate: None, ..certificate(OURS, None) },
            Refusal::Certificate,
        ),
    ] {
        let token = limited(master(), limit);
        assert_eq!(refusal(&token, permission, allowed), None);
        assert_eq!(refusal(&token, permission, refused), Some(why));
    }
    let auditor =
        limited(master(), TokenScope { roles: Some(vec![Role::BuiltIn(BuiltInRole::Auditor)]), ..scope() });
    assert!(auditor.may(Permission::CertificateRead) && !auditor.may(Permission::CertificateWrite));
}

#[test]
fn nobody_covers_more_than_they_hold() {
    use BuiltInRole::{Auditor, DepartmentOfficer, Master, OrganizationOfficer, Requester};
    let master = alice([grant(Master, None, None)]);
    let all = [Master, OrganizationOfficer, DepartmentOfficer, Auditor, Requester];
    for role in all {
        for (organization, department) in [(None, None), (Some(OURS), None), (Some(THEIRS), Some(MAIL))] {
            let wanted = held(grant(role, organization, department));
            assert!(covers(&master, &wanted), "{wanted:?}");
            let ours = organization == Some(OURS) && role != Master;
            assert_eq!(covers(&officer(), &wanted), ours, "{wanted:?}");
            assert!(!covers(&requester(), &wanted), "{wanted:?}");
        }
        let web = held(grant(role, Some(OURS), Some(WEB)));
        let below = [DepartmentOfficer, Auditor, Requester].contains(&role);
        assert_eq!(covers(&department_officer(), &web), below, "{role:?}");
    }
    let custom = Held::new(
        Grant { role: Role::Custom(RoleId(Uuid::from_u128(10))), ..grant(Master, Some(OURS), None) },
        PermissionSet::of(&[Permission::CertificateRead, Permission::CaCreate]),
        false,
    );
    assert!(covers(&master, &custom) && !covers(&officer(), &custom));
}

#[test]
fn types_are_covered_one_by_one_and_all_of_them_only_by_all() {
    let of = |types: &[CertificateType]| Grant {
        certificate_types: Some(types.to_vec()),
        ..grant(BuiltInRole::OrganizationOfficer, Some(OURS), None)
    };
    use CertificateType::{Client, CodeSigning, Device, Server};
    let both = alice([of(&[Server]), of(&[Client, Device])]);
    assert!(covers(&both, &held(of(&[Server, Client]))));
    assert!(!covers(&both, &held(of(&[Server, CodeSigning]))));
    let every = alice([of(&[Server, Client, CodeSigning, Device])]);
    assert!(
        !covers(&every, &held(grant(BuiltInRole::OrganizationOfficer, Some(OURS), None))),
        "new types may come"
    );
    assert!(
        Types::ALL.include(Types::of(Some(&[Server]))) && !Types::of(Some(&[Server])).include(Types::ALL)
    );
}

#[test]
fn a_narrow_token_gives_away_no_more_than_it_carries() {
    let officers = || [grant(BuiltInRole::OrganizationOfficer, Some(OURS), None)];
    let wanted = officer();
    assert!(covers_token(&officer(), &wanted));
    let reads = TokenScope { permissions: Some(vec![Permission::CertificateRead]), ..TokenScope::default() };
    let reader = limited(officers(), reads);
    assert!(!covers_token(&reader, &wanted) && covers_token(&wanted, &reader));
    let single = limited(officers(), TokenScope { profiles: Some(vec![PROFILE]), ..TokenScope::default() });
    assert!(!covers_token(&single, &wanted), "a token for one profile gives nothing away");
}

#[test]
fn the_one_department_of_a_requester_is_known() {
    let only = |principal: &Principal| principal.only_department(Permission::RequestCreate, OURS);
    assert_eq!(only(&department_officer()), Some(WEB));
    assert_eq!(only(&officer()), None);
    let two = alice([
        grant(BuiltInRole::DepartmentOfficer, Some(OURS), Some(WEB)),
        grant(BuiltInRole::Requester, Some(OURS), Some(MAIL)),
    ]);
    assert_eq!(only(&two), None);
}

#[test]
fn what_was_granted_later_is_not_within_what_was_granted_before() {
    use CertificateType::{Client, Server};
    let typed =
        |grant: Grant, types: &[CertificateType]| Grant { certificate_types: Some(types.to_vec()), ..grant };
    let officer = |organization, department| grant(BuiltInRole::DepartmentOfficer, organization, department);
    let here = officer(Some(OURS), Some(WEB));
    for (now, before, kept) in [
        (here.clone(), here.clone(), Some((Some(WEB), vec![Client, Server]))),
        (here.clone(), typed(here.clone(), &[Server]), Some((Some(WEB), vec![Server]))),
        (typed(here.clone(), &[Server]), here.clone(), Some((Some(WEB), vec![Server]))),
        (typed(here.clone(), &[Server]), typed(here.clone(), &[Client]), None),
        (officer(Some(OURS), None), here.clone(), Some((Some(WEB), vec![Client, Server]))),
        (officer(Some(OURS), Some(MAIL)), here.clone(), None),
        (officer(Some(THEIRS), None), here.clone(), None),
        (grant(BuiltInRole::Auditor, Some(OURS), Some(WEB)), here, None),
    ] {
        let within = held(now.clone()).within(&before);
        let reached = within.map(|held| {
            let types = [Client, Server].into_iter().filter(|kind| held.types.contains(*kind)).collect();
            (held.grant.department_id, types)
        });
        assert_eq!(reached, kept, "{now:?} within {before:?}");
    }
}
