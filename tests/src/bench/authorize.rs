//! Who may do what, with many administrators and domains: from memory, by id or name, without a scan.

use std::{hint::black_box, time::Instant};

use contracts::{
    AdministratorId, DepartmentId, DomainId, Event, OrganizationId, Permission, Timestamp, TokenId,
    directory::{
        AdministratorAppointed, AdministratorEvent, AdministratorKind, Belonging, BuiltInRole, Delegate,
        DomainCreated, DomainDelegated, DomainEvent, Grant, Role, TokenEvent, TokenIssued, TokenScope,
    },
    x509::CertificateType,
};
use eventlog::Recorded;
use runtime::{
    authority::{Decision, Directory, Target, decide},
    domains::Domains,
    fold::Fold as _,
};
use uuid::Uuid;

use super::{Failure, line};

/// How often is asked.
const ROUNDS: usize = 1_000_000;
/// Domains, each delegated to one organization.
const DOMAINS: u128 = 100_000;
const TYPES: [CertificateType; 2] = [CertificateType::Server, CertificateType::Client];
/// Grants of each administrator.
const GRANTS: u128 = 3;

const NOW: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 09:00 UTC));

/// Prints what one decision takes: from the actor of a command to allowed or refused.
pub fn run(administrators: usize) -> Result<(), Failure> {
    let mut directory = Directory::default();
    let began = Instant::now();
    for number in 0..administrators as u128 {
        directory.apply(&recorded(id(number), AdministratorEvent::from(appointed(number)))?)?;
        directory.apply(&recorded(id(number), TokenEvent::from(issued(number)))?)?;
    }
    let built = began.elapsed();
    let (mut allowed, began) = (0, Instant::now());
    for round in 0..ROUNDS as u128 {
        // Far apart in memory, so that no cache flatters the figure.
        let number = round.wrapping_mul(7_919) % administrators as u128;
        let principal = directory.principal(AdministratorId(id(number)), TokenId(id(number)).into(), NOW)?;
        let target = target(number, round % 2 == 0);
        if let Decision::Allowed { .. } = decide(black_box(&principal), Permission::RequestCreate, &target) {
            allowed += 1;
        }
    }
    let each = began.elapsed().as_nanos() / ROUNDS as u128;
    line(&format!(
        "authorize: {each} ns a decision among {administrators} administrators of {GRANTS} grants; {allowed} of {ROUNDS} \
         allowed; their events took {:.0} ms to read",
        built.as_secs_f64() * 1e3
    ));
    names(administrators as u128)
}

/// Prints what it takes to tell whether a name may be certified for somebody.
fn names(administrators: u128) -> Result<(), Failure> {
    let mut domains = Domains::default();
    let began = Instant::now();
    for number in 0..DOMAINS {
        let to = Delegate::from(OrganizationId(id(number % administrators)));
        let created = DomainCreated {
            id: DomainId(id(number)),
            name: domain(number),
            description: None,
            types: TYPES.to_vec(),
        };
        domains.apply(&recorded(id(number), DomainEvent::from(created))?)?;
        let delegated = DomainDelegated { delegate: to, types: TYPES.to_vec() };
        domains.apply(&recorded(id(number), DomainEvent::from(delegated))?)?;
    }
    let built = began.elapsed();
    let hosts: Vec<_> = (0..DOMAINS).map(|number| format!("www.{}", domain(number))).collect();
    let (mut allowed, began) = (0, Instant::now());
    for round in 0..ROUNDS as u128 {
        let number = round.wrapping_mul(7_919) % DOMAINS;
        let owner = number + u128::from(round % 2 == 1);
        let to = Delegate::from(OrganizationId(id(owner % administrators)));
        if domains.may_name(to, CertificateType::Server, black_box(&hosts[number as usize])).is_ok() {
            allowed += 1;
        }
    }
    let each = began.elapsed().as_nanos() / ROUNDS as u128;
    line(&format!(
        "authorize: {each} ns a name among {DOMAINS} domains; {allowed} of {ROUNDS} allowed; their events took {:.0} ms to read",
        built.as_secs_f64() * 1e3
    ));
    Ok(())
}

fn domain(number: u128) -> String {
    format!("d{number}.example")
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x019a_a5b8_9280_7000_8000_0000_0000_0000 + number)
}

fn grant(number: u128) -> Grant {
    Grant {
        role: Role::BuiltIn(BuiltInRole::DepartmentOfficer),
        organization_id: Some(OrganizationId(id(number))),
        department_id: Some(DepartmentId(id(number))),
        certificate_types: Some(vec![CertificateType::Server]),
        identity_provider_id: None,
    }
}

fn appointed(number: u128) -> AdministratorAppointed {
    AdministratorAppointed {
        id: AdministratorId(id(number)),
        name: format!("administrator-{number}"),
        kind: AdministratorKind::Person,
        grants: (0..GRANTS).map(|at| grant(number + at)).collect(),
        identity_provider_id: None,
    }
}

fn issued(number: u128) -> TokenIssued {
    TokenIssued {
        id: TokenId(id(number)),
        name: "measured".into(),
        administrator_id: AdministratorId(id(number)),
        organization_id: OrganizationId(id(number)),
        all_organizations: true,
        hash: "00".repeat(32),
        scope: TokenScope::default(),
        within: None,
        expires_at: NOW.plus(time::Duration::days(1)),
    }
}

/// A certificate request by the last of somebody's grants, or by none.
fn target(number: u128, granted: bool) -> Target {
    let at = number + GRANTS - u128::from(granted);
    let belongs = Belonging {
        department_id: Some(DepartmentId(id(at))),
        certificate_type: Some(CertificateType::Server),
        requested_by: Some(AdministratorId(id(number))),
    };
    Target::certificate(OrganizationId(id(at)), &belongs, None, None)
}

fn recorded<E: Event>(stream: Uuid, event: E) -> Result<Recorded, Failure> {
    Ok(Recorded {
        position: 1,
        tenant: stream,
        category: E::CATEGORY.to_owned(),
        stream,
        version: 1,
        id: stream,
        kind: event.kind().to_owned(),
        schema: event.schema_version(),
        recorded_at: NOW,
        command_id: stream,
        causation: stream,
        correlation: stream,
        actor: "service:directory".to_owned(),
        traceparent: None,
        payload: event.to_payload()?,
        hash: [0; 32],
    })
}
