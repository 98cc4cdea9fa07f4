use std::sync::Arc;

use contracts::{
    AdministratorId, CertificateId, DepartmentId, OrganizationId, Timestamp, TokenId,
    directory::{BuiltInRole, Grant, Role, TokenScope},
};
use runtime::authority::Held;
use uuid::Uuid;

use super::*;
use crate::resources::{cas::CAS, certificates::CERTIFICATES, keys::KEYS};

pub(crate) const OURS: OrganizationId = OrganizationId(Uuid::from_u128(1));
pub(crate) const THEIRS: OrganizationId = OrganizationId(Uuid::from_u128(2));
pub(crate) const WEB: DepartmentId = DepartmentId(Uuid::from_u128(3));
const ALICE: Uuid = Uuid::from_u128(5);

pub(crate) fn alice(grants: &[Grant], scope: TokenScope) -> Principal {
    Principal {
        administrator: AdministratorId(ALICE),
        credential: TokenId(Uuid::from_u128(6)).into(),
        stepped_up_until: None,
        organization: OURS,
        all_organizations: true,
        carried: Principal::carried(&scope),
        scope: Arc::new(scope),
        held: grants.iter().cloned().filter_map(Held::built_in).collect(),
        expires_at: Timestamp::from_unix(0),
    }
}

pub(crate) fn grant(
    role: BuiltInRole,
    organization: Option<OrganizationId>,
    department: Option<DepartmentId>,
) -> Grant {
    let grant = Grant::installation(Role::BuiltIn(role));
    Grant { organization_id: organization, department_id: department, ..grant }
}

fn reach(grants: &[Grant], permission: Permission, view: &View) -> Reach {
    Reach::of(&alice(grants, TokenScope::default()), permission, view)
}

#[test]
fn whoever_reaches_everything_is_asked_nothing() {
    let reach = reach(&[grant(BuiltInRole::Master, None, None)], Permission::CertificateRead, &CERTIFICATES);
    assert_eq!((reach.scope, reach.condition), (Scope::All, None));
}

#[test]
fn each_grant_reaches_its_own_part() {
    let grants = [
        grant(BuiltInRole::DepartmentOfficer, Some(OURS), Some(WEB)),
        Grant {
            certificate_types: Some(vec![CertificateType::Client]),
            ..grant(BuiltInRole::Auditor, Some(THEIRS), None)
        },
    ];
    let certificates = reach(&grants, Permission::CertificateRead, &CERTIFICATES);
    assert_eq!(certificates.scope, Scope::Organizations(vec![OURS, THEIRS]));
    let (text, values) = certificates.condition.unwrap();
    assert_eq!(
        text,
        "department = $::uuid and organization = $::uuid or certificate_type = any($::text[]) and organization = $::uuid"
    );
    let (ours, theirs) = (Value::Id(OURS.uuid()), Value::Id(THEIRS.uuid()));
    assert_eq!(values, [Value::Id(WEB.uuid()), ours, Value::Texts(vec!["client".into()]), theirs]);
    assert_eq!(reach(&grants, Permission::CaRead, &CAS).condition, None, "what all share needs no condition");
}

#[test]
fn what_is_an_organizations_is_not_a_departments() {
    let officer = grant(BuiltInRole::OrganizationOfficer, Some(OURS), Some(WEB));
    assert_eq!(reach(&[officer], Permission::KeyRead, &KEYS).condition, Some(("false".into(), vec![])));
    let requester = grant(BuiltInRole::Requester, Some(OURS), None);
    let (text, values) = reach(&[requester], Permission::CertificateRead, &CERTIFICATES).condition.unwrap();
    assert_eq!(text, "requested_by = $::uuid and organization = $::uuid");
    assert_eq!(values[0], Value::Id(ALICE));
}

#[test]
fn a_token_for_one_certificate_shows_that_one_and_nothing_else() {
    let scope =
        TokenScope { certificates: Some(vec![CertificateId(Uuid::from_u128(9))]), ..TokenScope::default() };
    let master = alice(&[grant(BuiltInRole::Master, None, None)], scope);
    let (text, values) = Reach::of(&master, Permission::CertificateRead, &CERTIFICATES).condition.unwrap();
    assert_eq!(text, "certificate_id = any($::uuid[])");
    assert_eq!(values, [Value::Ids(vec![Uuid::from_u128(9)])]);
    assert_eq!(Reach::of(&master, Permission::KeyRead, &KEYS).condition, Some(("false".into(), vec![])));
}
