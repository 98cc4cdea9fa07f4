//! The structure of the account (P15): organizations with their departments, administrators and certificates.

mod xml;

use contracts::{
    AdministratorId, CertificateId, DepartmentId, OrganizationId, Permission, Problem, Timestamp,
    directory::{AdministratorView, DepartmentView, Grant, OrganizationView},
    inventory::CertificateView,
};
use http::StatusCode;
use runtime::authority::{Principal, Target, permitted};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{every, reports_on, word};
use crate::{
    answer::Answer,
    call::Call,
    position,
    reach::Reach,
    read,
    report::{self, Form},
    resources::{
        admins::{self, ADMINS},
        certificates::CERTIFICATES,
        organizations::{DEPARTMENTS, ORGANIZATIONS},
    },
};

/// Content types.
pub const MEDIA: &[&str] = &["application/json", "text/csv", "application/xml"];

/// The whole of what a reader reaches.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountStructure {
    /// When it was made.
    generated_at: Timestamp,
    /// Administrators with grants on the installation.
    administrators: Vec<StructureAdministrator>,
    /// The organizations.
    organizations: Vec<StructureOrganization>,
}

/// An organization.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct StructureOrganization {
    /// Id.
    id: OrganizationId,
    /// Name.
    name: String,
    /// What people call it.
    display_name: Option<String>,
    /// `active` or `archived`.
    status: String,
    /// Its departments.
    departments: Vec<StructureDepartment>,
    /// Administrators with grants in it.
    administrators: Vec<StructureAdministrator>,
    /// Its certificates.
    certificates: Vec<StructureCertificate>,
}

/// A department.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct StructureDepartment {
    /// Id.
    id: DepartmentId,
    /// Name.
    name: String,
    /// What people call it.
    display_name: Option<String>,
    /// `active` or `archived`.
    status: String,
}

/// An administrator.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct StructureAdministrator {
    /// Id.
    id: AdministratorId,
    /// Sign-in name.
    name: String,
    /// What people call them.
    display_name: Option<String>,
    /// Whether they may act.
    status: String,
    /// Their grants here.
    grants: Vec<Grant>,
}

/// A certificate.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct StructureCertificate {
    /// Id.
    id: CertificateId,
    /// Department.
    department_id: Option<DepartmentId>,
    /// Type.
    certificate_type: Option<String>,
    /// Common name.
    common_name: Option<String>,
    /// Serial number, hexadecimal.
    serial_number: String,
    /// `active` or `expired`.
    status: String,
    /// From when.
    not_before: Timestamp,
    /// Until when, inclusive.
    not_after: Timestamp,
}

/// Answers with the report.
pub async fn run(call: Call) -> Result<Answer, Problem> {
    let structure = gathered(&call).await?;
    match report::wanted(&call) {
        Form::Json => Answer::json(StatusCode::OK, &structure),
        Form::Csv => {
            let text = report::csv(COLUMNS.to_vec(), lines(&structure).into_iter())?;
            Ok(report::file(text, "text/csv; charset=utf-8", "account-structure.csv"))
        }
        Form::Xml => Ok(report::file(xml::written(&structure), "application/xml", "account-structure.xml")),
    }
}

async fn gathered(call: &Call) -> Result<AccountStructure, Problem> {
    let only = super::organization(call)?;
    for service in [ORGANIZATIONS.service, CERTIFICATES.service] {
        position::wait(call, service).await?;
    }
    let caller = call.caller()?;
    let runs = |target: &Target| permitted(caller, Permission::ReportRead, target).is_ok();
    let organizations: Vec<OrganizationView> =
        every(call, &ORGANIZATIONS, Permission::OrganizationRead, "name, id").await?;
    let departments: Vec<DepartmentView> =
        every(call, &DEPARTMENTS, Permission::DepartmentRead, "name, id").await?;
    let certificates: Vec<CertificateView> =
        every(call, &CERTIFICATES, Permission::CertificateRead, "created_at, id").await?;
    let administrators = administrators(call, caller).await?;
    let wanted = organizations
        .into_iter()
        .filter(|one| reports_on(caller, Some(one.id)) && only.is_none_or(|only| only == one.id));
    let organizations = wanted.map(|one| StructureOrganization {
        departments: departments
            .iter()
            .filter(|department| department.organization_id == one.id)
            .filter(|department| runs(&Target::within(one.id, Some(department.id))))
            .map(|department| StructureDepartment {
                id: department.id,
                name: department.name.clone(),
                display_name: department.display_name.clone(),
                status: word(&department.status),
            })
            .collect(),
        administrators: within(&administrators, |grant| grant.organization_id == Some(one.id)),
        certificates: certificates
            .iter()
            .filter(|certificate| certificate.organization_id == one.id)
            .filter(|certificate| {
                runs(&Target {
                    certificate_type: certificate.certificate_type,
                    owner: certificate.requested_by,
                    certificate: Some(certificate.id),
                    profile: certificate.profile_id,
                    ..Target::within(one.id, certificate.department_id)
                })
            })
            .map(shown)
            .collect(),
        id: one.id,
        name: one.name,
        display_name: one.display_name,
        status: word(&one.status),
    });
    Ok(AccountStructure {
        generated_at: call.now,
        organizations: organizations.collect(),
        administrators: match only {
            Some(_) => vec![],
            None => within(&administrators, |grant| grant.organization_id.is_none()),
        },
    })
}

async fn administrators(call: &Call, caller: &Principal) -> Result<Vec<AdministratorView>, Problem> {
    let reach = Reach::of(caller, Permission::AdministratorRead, &ADMINS);
    let documents = read::every(call, &ADMINS, reach, "name, id", super::MOST).await?;
    let read = |document: &String| {
        let document = admins::within_reach(caller, document)?;
        let mut view: AdministratorView = serde_json::from_str(&document).map_err(read::internal)?;
        view.grants
            .retain(|grant| permitted(caller, Permission::ReportRead, &Target::of_grant(grant)).is_ok());
        Ok(view)
    };
    documents.iter().map(read).collect()
}

/// The administrators who have such grants, with these alone.
fn within(all: &[AdministratorView], has: impl Fn(&Grant) -> bool) -> Vec<StructureAdministrator> {
    let here = all.iter().map(|view| StructureAdministrator {
        id: view.id,
        name: view.name.clone(),
        display_name: view.display_name.clone(),
        status: word(&view.status),
        grants: view.grants.iter().filter(|grant| has(grant)).cloned().collect(),
    });
    here.filter(|administrator| !administrator.grants.is_empty()).collect()
}

fn shown(view: &CertificateView) -> StructureCertificate {
    StructureCertificate {
        id: view.id,
        department_id: view.department_id,
        certificate_type: view.certificate_type.map(|kind| kind.as_str().to_owned()),
        common_name: view.common_name.clone(),
        serial_number: view.serial_number.clone(),
        status: word(&view.status),
        not_before: view.not_before,
        not_after: view.not_after,
    }
}

const COLUMNS: [&str; 9] =
    ["kind", "id", "organizationId", "departmentId", "name", "displayName", "status", "detail", "notAfter"];

/// A line for each thing, under the organization it belongs to.
fn lines(structure: &AccountStructure) -> Vec<Vec<String>> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let administrator = |organization: &str, one: &StructureAdministrator| {
        let roles: Vec<String> = one.grants.iter().map(|grant| grant.role.to_string()).collect();
        let (id, name, display) = (one.id.to_string(), one.name.clone(), text(&one.display_name));
        let organization = organization.to_owned();
        vec![
            "administrator".into(),
            id,
            organization,
            String::new(),
            name,
            display,
            one.status.clone(),
            roles.join(" "),
            String::new(),
        ]
    };
    let mut lines: Vec<Vec<String>> =
        structure.administrators.iter().map(|one| administrator("", one)).collect();
    for organization in &structure.organizations {
        let id = organization.id.to_string();
        let (name, display) = (organization.name.clone(), text(&organization.display_name));
        let status = organization.status.clone();
        lines.push(vec![
            "organization".into(),
            id.clone(),
            id.clone(),
            String::new(),
            name,
            display,
            status,
            String::new(),
            String::new(),
        ]);
        for one in &organization.departments {
            let department = one.id.to_string();
            let (name, display) = (one.name.clone(), text(&one.display_name));
            lines.push(vec![
                "department".into(),
                department.clone(),
                id.clone(),
                department,
                name,
                display,
                one.status.clone(),
                String::new(),
                String::new(),
            ]);
        }
        lines.extend(organization.administrators.iter().map(|one| administrator(&id, one)));
        for one in &organization.certificates {
            let department = one.department_id.map(|id| id.to_string()).unwrap_or_default();
            let detail = format!("{} {}", text(&one.certificate_type), one.serial_number);
            lines.push(vec![
                "certificate".into(),
                one.id.to_string(),
                id.clone(),
                department,
                text(&one.common_name),
                String::new(),
                one.status.clone(),
                detail.trim().to_owned(),
                one.not_after.to_string(),
            ]);
        }
    }
    lines
}

/// An example.
pub fn example() -> Value {
    json!({"generatedAt": "2026-11-21T09:00:00Z", "administrators": [], "organizations": [
        {"id": "org_01jdp4q2x8f7mb3v5kz6n9w0ae", "name": "hq", "displayName": "Head office", "status": "active",
         "departments": [], "administrators": [], "certificates": []}]})
}
