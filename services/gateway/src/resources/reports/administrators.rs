//! Administrators and privileges (P14): where each may do what, by the engine that judges every request.

use std::sync::Arc;

use contracts::{
    AdministratorId, DepartmentId, OrganizationId, Permission, Problem,
    directory::{AdministratorStatus, AdministratorView, TokenScope},
    x509::CertificateType,
};
use runtime::authority::{Decision, Principal, Target, decide, permitted};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    answer::Answer,
    call::Call,
    position,
    reach::Reach,
    read,
    report::{self, Row},
    resources::admins::{self, ADMINS},
};

/// What an administrator may do in one place, for some types of certificate.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Privileges {
    /// Who.
    administrator_id: AdministratorId,
    /// Sign-in name.
    name: String,
    /// What people call them.
    display_name: Option<String>,
    /// Whether they may act.
    status: AdministratorStatus,
    /// Where; `null`: the installation.
    organization_id: Option<OrganizationId>,
    /// In which department; `null`: the organization as a whole.
    department_id: Option<DepartmentId>,
    /// For which types of certificate.
    certificate_types: Vec<CertificateType>,
    /// What they may do there.
    allowed: Vec<Permission>,
    /// What they may do there to what they asked for or own, and to nothing else.
    own: Vec<Permission>,
}

impl Row for Privileges {
    fn columns() -> Vec<&'static str> {
        let first = [
            "administratorId",
            "name",
            "displayName",
            "status",
            "organizationId",
            "departmentId",
            "certificateTypes",
        ];
        first.into_iter().chain(Permission::ALL.iter().map(|one| one.as_str())).collect()
    }

    fn cells(&self) -> Vec<String> {
        let text = |id: Option<String>| id.unwrap_or_default();
        let types: Vec<&str> = self.certificate_types.iter().map(|kind| kind.as_str()).collect();
        let status = json!(self.status).as_str().unwrap_or_default().to_owned();
        let first = [
            self.administrator_id.to_string(),
            self.name.clone(),
            text(self.display_name.clone()),
            status,
            text(self.organization_id.map(|id| id.to_string())),
            text(self.department_id.map(|id| id.to_string())),
            types.join(" "),
        ];
        let cell = |permission: &Permission| match () {
            () if self.allowed.contains(permission) => "yes",
            () if self.own.contains(permission) => "own",
            () => "",
        };
        first.into_iter().chain(Permission::ALL.iter().map(|one| cell(one).to_owned())).collect()
    }
}

/// Answers with the report.
pub async fn run(call: Call) -> Result<Answer, Problem> {
    let organization = super::organization(&call)?;
    position::wait(&call, ADMINS.service).await?;
    let caller = call.caller()?;
    let reach = Reach::of(caller, Permission::AdministratorRead, &ADMINS);
    let documents = read::every(&call, &ADMINS, reach, "name, id", super::MOST).await?;
    let mut rows = vec![];
    for document in documents {
        let document = admins::within_reach(caller, &document)?;
        let mut view: AdministratorView = serde_json::from_str(&document).map_err(read::internal)?;
        view.grants.retain(|grant| {
            organization.is_none_or(|only| grant.organization_id.is_none_or(|its| its == only))
                && permitted(caller, Permission::ReportRead, &Target::of_grant(grant)).is_ok()
        });
        if !view.grants.is_empty() {
            let held = call.gateway.doorkeeper.held(view.grants.clone());
            let scope = TokenScope::default();
            // As if they used a token that limits nothing.
            let theirs = Principal {
                administrator: view.id,
                all_organizations: true,
                carried: Principal::carried(&scope),
                scope: Arc::new(scope),
                held,
                ..caller.clone()
            };
            rows.extend(privileges(&view, &theirs, organization));
        }
    }
    report::answer(&call, "administrators", rows, None)
}

/// A row for each place of the grants, and for types of certificate that differ there. Narrowed to an organization, what
/// is granted on the installation counts there.
fn privileges(view: &AdministratorView, theirs: &Principal, only: Option<OrganizationId>) -> Vec<Privileges> {
    let mut places: Vec<(Option<OrganizationId>, Option<DepartmentId>)> = vec![];
    for grant in &view.grants {
        let place = (grant.organization_id.or(only), grant.department_id);
        if !places.contains(&place) {
            places.push(place);
        }
    }
    let mut rows: Vec<Privileges> = vec![];
    for (organization_id, department_id) in places {
        let first = rows.len();
        for kind in CertificateType::ALL.iter().copied() {
            let target = Target {
                organization: organization_id,
                department: department_id,
                certificate_type: Some(kind),
                ..Target::INSTALLATION
            };
            let (allowed, own) = cells(view, theirs, &target);
            let same = rows[first..].iter_mut().find(|row| row.allowed == allowed && row.own == own);
            match same {
                Some(row) => row.certificate_types.push(kind),
                None => rows.push(Privileges {
                    administrator_id: view.id,
                    name: view.name.clone(),
                    display_name: view.display_name.clone(),
                    status: view.status,
                    organization_id,
                    department_id,
                    certificate_types: vec![kind],
                    allowed,
                    own,
                }),
            }
        }
    }
    rows
}

/// What is allowed to anything of this kind, and what to one's own alone.
fn cells(
    view: &AdministratorView,
    theirs: &Principal,
    target: &Target,
) -> (Vec<Permission>, Vec<Permission>) {
    if view.status != AdministratorStatus::Active {
        return (vec![], vec![]);
    }
    let may =
        |permission, target: &Target| matches!(decide(theirs, permission, target), Decision::Allowed { .. });
    let own = Target { owner: Some(view.id), ..*target };
    let (allowed, rest): (Vec<_>, Vec<_>) =
        Permission::ALL.iter().copied().partition(|permission| may(*permission, target));
    (allowed, rest.into_iter().filter(|permission| may(*permission, &own)).collect())
}

/// An example of a row.
pub fn example() -> Value {
    json!({"administratorId": "adm_01jdp4q2x8f7mb3v5kz6n9w0ae", "name": "alice", "displayName": "Alice Example",
        "status": "active", "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae", "departmentId": null,
        "certificateTypes": ["server"], "allowed": ["certificate.read"], "own": []})
}
