//! One event → what it changes in one row.

use contracts::{
    AdministratorId, DepartmentId, Event, OrganizationId, RoleId, SessionId, TokenId,
    directory::{
        AdministratorAppointed, AdministratorEvent, AdministratorStatus, AdministratorView, DenialEvent,
        DepartmentEvent, DepartmentView, Details, Grant, IdentityProviderEvent, OrganizationEvent,
        OrganizationView, ProviderSetup, RecordStatus, Role, RoleEvent, RoleView, SessionEvent,
        SessionStatus, SessionView, TokenEvent, TokenStatus, TokenView,
    },
};
use eventlog::Recorded;
use runtime::projection::ProjectionError;
use serde_json::{Value, json};
use uuid::Uuid;

use super::event;
use crate::{
    handlers::INSTALLATION,
    identity_provider::{standing as provider_standing, view},
};

/// What one event changes in one row: `None` stays as it is, and so do members that the document does not name.
#[derive(Default)]
pub struct Row {
    pub table: &'static str,
    pub name: Option<String>,
    pub status: Option<&'static str>,
    pub owner: Option<Uuid>,
    pub department: Option<Uuid>,
    pub organizations: Option<Vec<Uuid>>,
    pub departments: Option<Vec<Uuid>>,
    pub document: Value,
}

/// The row of an event.
pub fn row(recorded: &Recorded) -> Result<Option<Row>, ProjectionError> {
    let mut row = match recorded.category.as_str() {
        OrganizationEvent::CATEGORY => organization(recorded, event(recorded)?),
        DepartmentEvent::CATEGORY => department(recorded, event(recorded)?),
        AdministratorEvent::CATEGORY => administrator(recorded, event(recorded)?),
        RoleEvent::CATEGORY => role(recorded, event(recorded)?),
        IdentityProviderEvent::CATEGORY => identity_provider(recorded, event(recorded)?),
        TokenEvent::CATEGORY => token(recorded, event(recorded)?),
        DenialEvent::CATEGORY => denial(recorded, event(recorded)?),
        SessionEvent::CATEGORY => session(recorded, event(recorded)?),
        _ => return Ok(None),
    };
    row.document["version"] = recorded.version.into();
    Ok(Some(row))
}

fn organization(recorded: &Recorded, event: OrganizationEvent) -> Row {
    let table = "organization";
    match event {
        OrganizationEvent::Created(created) => {
            let (id, name, details) =
                (OrganizationId(recorded.stream), created.name.clone(), created.details());
            let (status, at) = (RecordStatus::Active, recorded.recorded_at);
            let view = OrganizationView::new(id, name.clone(), status, at, recorded.version, details);
            Row { table, name: Some(name), status: Some("active"), document: json!(view), ..Row::default() }
        }
        OrganizationEvent::Updated(updated) => {
            let document = renamed(&updated.name, &updated.details());
            Row { table, name: Some(updated.name), document, ..Row::default() }
        }
        OrganizationEvent::Archived(_) => standing(table, "archived"),
        OrganizationEvent::Restored(_) => standing(table, "active"),
    }
}

fn department(recorded: &Recorded, event: DepartmentEvent) -> Row {
    let table = "department";
    match event {
        DepartmentEvent::Created(created) => {
            let view = DepartmentView::new(
                DepartmentId(recorded.stream),
                created.organization_id,
                created.name.clone(),
                RecordStatus::Active,
                false,
                recorded.recorded_at,
                recorded.version,
                created.details(),
            );
            Row {
                table,
                name: Some(created.name),
                status: Some("active"),
                document: json!(view),
                ..Row::default()
            }
        }
        DepartmentEvent::Updated(updated) => {
            let document = renamed(&updated.name, &updated.details());
            Row { table, name: Some(updated.name), document, ..Row::default() }
        }
        DepartmentEvent::Archived(_) => standing(table, "archived"),
        DepartmentEvent::Restored(_) => standing(table, "active"),
    }
}

fn administrator(recorded: &Recorded, event: AdministratorEvent) -> Row {
    let table = "administrator";
    match event {
        AdministratorEvent::Appointed(AdministratorAppointed {
            id,
            name,
            kind,
            grants,
            identity_provider_id,
        }) => {
            let reached = granted(&grants);
            let view = AdministratorView {
                id,
                name: name.clone(),
                kind,
                display_name: None,
                email: None,
                status: AdministratorStatus::Active,
                has_password: false,
                has_second_factor: false,
                identity_provider_id,
                grants,
                created_at: recorded.recorded_at,
                version: recorded.version,
            };
            let status = Some("active");
            Row { table, name: Some(name), status, owner: Some(id.uuid()), document: json!(view), ..reached }
        }
        AdministratorEvent::GrantsChanged(changed) => {
            let reached = granted(&changed.grants);
            Row { table, document: json!({"grants": changed.grants}), ..reached }
        }
        AdministratorEvent::Described(_)
        | AdministratorEvent::LinkWanted(_)
        | AdministratorEvent::LinkDrawn(_)
        | AdministratorEvent::CertificateBound(_)
        | AdministratorEvent::CertificateUnbound(_)
        | AdministratorEvent::SecondFactorEnrolled(_)
        | AdministratorEvent::RecoveryCodeUsed(_) => Row { table, document: json!({}), ..Row::default() },
        AdministratorEvent::PasswordSet(_) => {
            Row { table, document: json!({"hasPassword": true}), ..Row::default() }
        }
        AdministratorEvent::SecondFactorConfirmed(_) => {
            Row { table, document: json!({"hasSecondFactor": true}), ..Row::default() }
        }
        AdministratorEvent::SecondFactorRemoved(_) => {
            Row { table, document: json!({"hasSecondFactor": false}), ..Row::default() }
        }
        AdministratorEvent::Disabled(_) => standing(table, "disabled"),
        AdministratorEvent::Enabled(_) => standing(table, "active"),
        AdministratorEvent::Removed(_) => standing(table, "removed"),
    }
}

/// Where grants are: the nil UUID stands for the installation, and for an organization as a whole.
fn granted(grants: &[Grant]) -> Row {
    let organizations =
        grants.iter().map(|grant| grant.organization_id.map_or(INSTALLATION.uuid(), OrganizationId::uuid));
    let departments = grants.iter().filter_map(|grant| grant.department_id.map(DepartmentId::uuid));
    Row {
        organizations: Some(organizations.collect()),
        departments: Some(departments.collect()),
        ..Row::default()
    }
}

fn role(recorded: &Recorded, event: RoleEvent) -> Row {
    let table = "role";
    match event {
        RoleEvent::Created(created) => {
            let view = RoleView {
                id: Role::Custom(RoleId(recorded.stream)),
                name: created.name.clone(),
                built_in: false,
                organization_id: created.organization_id,
                description: created.description,
                permissions: created.permissions,
                own_only: created.own_only,
                status: RecordStatus::Active,
                created_at: Some(recorded.recorded_at),
                version: recorded.version,
            };
            Row {
                table,
                name: Some(created.name),
                status: Some("active"),
                document: json!(view),
                ..Row::default()
            }
        }
        RoleEvent::Updated(updated) => {
            let document = json!({"description": updated.description, "permissions": updated.permissions,
                "ownOnly": updated.own_only});
            Row { table, document, ..Row::default() }
        }
        RoleEvent::Archived(_) => standing(table, "archived"),
    }
}

fn identity_provider(recorded: &Recorded, event: IdentityProviderEvent) -> Row {
    let table = "identity_provider";
    match event {
        IdentityProviderEvent::Created(created) => {
            let (name, status) = (created.name.clone(), provider_standing(&created.setup));
            let view = view(created, status, recorded.recorded_at, recorded.version);
            Row {
                table,
                name: Some(name),
                status: Some(status.as_str()),
                document: json!(view),
                ..Row::default()
            }
        }
        IdentityProviderEvent::Updated(updated) => {
            let status = provider_standing(&updated.setup);
            let ProviderSetup { display_name, issuer, client_id, scopes, groups_claim, groups, .. } =
                updated.setup;
            let document = json!({"displayName": display_name, "issuer": issuer, "clientId": client_id,
                "scopes": scopes, "groupsClaim": groups_claim, "groups": groups, "status": status});
            Row { table, status: Some(status.as_str()), document, ..Row::default() }
        }
        IdentityProviderEvent::Archived(_) => standing(table, "archived"),
    }
}

fn token(recorded: &Recorded, event: TokenEvent) -> Row {
    let table = "token";
    match event {
        TokenEvent::Issued(issued) => {
            let owner = Some(AdministratorId::uuid(issued.administrator_id));
            let department = issued.scope.department.map(DepartmentId::uuid);
            let view = TokenView {
                id: TokenId(recorded.stream),
                name: issued.name.clone(),
                administrator_id: issued.administrator_id,
                organization_id: issued.organization_id,
                all_organizations: issued.all_organizations,
                scope: issued.scope,
                superseded_by: None,
                status: TokenStatus::Active,
                created_at: recorded.recorded_at,
                expires_at: issued.expires_at,
                last_used_at: None,
                version: recorded.version,
            };
            let (name, status) = (Some(issued.name), Some("active"));
            Row { table, name, status, owner, department, document: json!(view), ..Row::default() }
        }
        TokenEvent::Superseded(superseded) => {
            let document = json!({"supersededBy": superseded.by, "expiresAt": superseded.expires_at});
            Row { table, document, ..Row::default() }
        }
        TokenEvent::Revoked(_) => standing(table, "revoked"),
    }
}

fn session(recorded: &Recorded, event: SessionEvent) -> Row {
    let table = "session";
    match event {
        SessionEvent::Started(started) => {
            let owner = Some(AdministratorId::uuid(started.administrator_id));
            let view = SessionView {
                id: SessionId(recorded.stream),
                administrator_id: started.administrator_id,
                organization_id: started.organization_id,
                method: started.method,
                second_factor: started.second_factor,
                address: started.address,
                status: SessionStatus::Active,
                ended: None,
                created_at: recorded.recorded_at,
                expires_at: started.expires_at,
                stepped_up_until: started.stepped_up_until,
                last_used_at: None,
                version: recorded.version,
            };
            Row { table, status: Some("active"), owner, document: json!(view), ..Row::default() }
        }
        SessionEvent::SteppedUp(stepped_up) => {
            Row { table, document: json!({"steppedUpUntil": stepped_up.until}), ..Row::default() }
        }
        SessionEvent::Renewed(_) => Row { table, document: json!({}), ..Row::default() },
        SessionEvent::Ended(ended) => {
            let document = json!({"status": "ended", "ended": ended.reason});
            Row { table, status: Some("ended"), document, ..Row::default() }
        }
    }
}

fn denial(recorded: &Recorded, event: DenialEvent) -> Row {
    let DenialEvent::Recorded(denial) = event;
    let name = Some(denial.operation.clone());
    let document = json!({"id": recorded.stream, "actor": recorded.actor, "createdAt": recorded.recorded_at, "denial": denial});
    Row { table: "denial", name, status: Some("recorded"), document, ..Row::default() }
}

fn standing(table: &'static str, status: &'static str) -> Row {
    Row { table, status: Some(status), document: json!({"status": status}), ..Row::default() }
}

fn renamed(name: &str, details: &Details) -> Value {
    let mut document = json!(details);
    document["name"] = name.into();
    document
}
