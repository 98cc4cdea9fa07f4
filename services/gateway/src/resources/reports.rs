//! `/reports`: what happened and what there is, in rows, each within the reader's reach. A report shows nothing that its
//! reader could not read one by one: beside `report.read` it takes the right to what the rows are about.

mod activity;
mod administrators;
mod structure;
mod validations;

use contracts::{Code, OrganizationId, Permission, Problem, Timestamp, Violation};
use http::StatusCode;
use runtime::authority::Principal;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{Page, page};
use crate::{
    answer::Answer,
    call::{Call, refused_id},
    operation::Operation,
    parameter::{Header, Kind, Parameter},
    reach::Reach,
    read,
    report::{MEDIA, Report, format},
    view::View,
};

/// Most rows of one kind that a report takes in.
const MOST: usize = 100_000;

/// A report that there is.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Available {
    /// Its name in the path.
    kind: &'static str,
    /// What it is called.
    title: &'static str,
    /// What it tells.
    description: &'static str,
    /// Content types.
    media: Vec<&'static str>,
    /// Where it is.
    path: String,
}

const CATALOGUE: [(&str, &str, &str, &[&str]); 4] = [
    (
        "account-activity",
        "Account activity",
        "Sign-ins, also failed ones, requests, changes and denials, in the order of time.",
        MEDIA,
    ),
    (
        "administrators",
        "Administrators and privileges",
        "What each administrator may do where, for which types of certificate.",
        MEDIA,
    ),
    (
        "account-structure",
        "Account structure",
        "Organizations with their departments, administrators and certificates; as XML with a schema.",
        structure::MEDIA,
    ),
    (
        "domain-validation",
        "Domain validation",
        "Every domain with whoever may use it, how control was proved, and how long that counts.",
        MEDIA,
    ),
];

/// The operations.
pub fn operations() -> Vec<Operation> {
    let organization =
        || Parameter::text("organizationId", "Only this organization, as far as the reader's rights reach.");
    let operations = vec![
        Operation::get("/api/v1/reports", "listReports", "List the reports there are")
            .needs(Permission::ReportRead)
            .answers::<Page<Available>>(StatusCode::OK, "The reports.", page(json!(available(&CATALOGUE[0]))))
            .handled_by(list),
        Operation::get(
            "/api/v1/reports/account-activity",
            "getAccountActivityReport",
            "Report who did and tried what, sign-ins and failed ones among it",
        )
        .needs(Permission::ReportRead)
        .costly()
        .queries([
            organization(),
            Parameter::new("from", Kind::Time, "Not before this instant."),
            Parameter::new("to", Kind::Time, "Before this instant."),
            Parameter::new(
                "limit",
                Kind::Integer { least: 1, most: 10_000 },
                "How many rows at most; 1,000 if missing.",
            ),
            Parameter::text("cursor", "Where the report before ended: its `nextCursor`."),
            format(&["json", "csv"]),
        ])
        .header(Header::ACCEPT)
        .problem(Code::InvalidCursor)
        .answers_any::<Report<activity::Activity>>(
            StatusCode::OK,
            "The report; with `nextCursor`, and `Link`, where it goes on.",
            MEDIA,
            report(activity::example()),
        )
        .handled_by(activity::run),
        Operation::get(
            "/api/v1/reports/administrators",
            "getAdministratorsReport",
            "Report what each administrator may do where",
        )
        .needs(Permission::ReportRead)
        .costly()
        .queries([organization(), format(&["json", "csv"])])
        .header(Header::ACCEPT)
        .header(Header::MIN_POSITION)
        .problems(&[Code::ProjectionBehind, Code::ValidationFailed])
        .answers_any::<Report<administrators::Privileges>>(
            StatusCode::OK,
            "A row for each administrator, place, and types of certificate that differ there.",
            MEDIA,
            report(administrators::example()),
        )
        .handled_by(administrators::run),
        Operation::get(
            "/api/v1/reports/account-structure",
            "getAccountStructureReport",
            "Report organizations with their departments, administrators and certificates",
        )
        .needs(Permission::ReportRead)
        .costly()
        .queries([organization(), format(&["json", "csv", "xml"])])
        .header(Header::ACCEPT)
        .header(Header::MIN_POSITION)
        .problems(&[Code::ProjectionBehind, Code::ValidationFailed])
        .answers_any::<structure::AccountStructure>(
            StatusCode::OK,
            "The structure; XML is valid by `schemas/account-structure.xsd`.",
            structure::MEDIA,
            structure::example(),
        )
        .handled_by(structure::run),
        Operation::get(
            "/api/v1/reports/domain-validation",
            "getDomainValidationReport",
            "Report how control of each domain was proved, and how long that counts",
        )
        .needs(Permission::ReportRead)
        .costly()
        .queries([organization(), format(&["json", "csv"])])
        .header(Header::ACCEPT)
        .header(Header::MIN_POSITION)
        .problems(&[Code::ProjectionBehind, Code::ValidationFailed])
        .answers_any::<Report<validations::Validated>>(
            StatusCode::OK,
            "A row for each domain, organization and method.",
            MEDIA,
            report(validations::example()),
        )
        .handled_by(validations::run),
    ];
    operations.into_iter().map(|operation| operation.tagged("Reports")).collect()
}

async fn list(_call: Call) -> Result<Answer, Problem> {
    let items = CATALOGUE.iter().map(available).collect();
    Answer::json(StatusCode::OK, &Page::<Available> { items, next_cursor: None })
}

fn available(
    (kind, title, description, media): &(&'static str, &'static str, &'static str, &[&'static str]),
) -> Available {
    Available { kind, title, description, media: media.to_vec(), path: format!("/api/v1/reports/{kind}") }
}

/// The organization that a report is narrowed to.
fn organization(call: &Call) -> Result<Option<OrganizationId>, Problem> {
    let id = call.query.get("organizationId").map(str::parse).transpose();
    id.map_err(|error| refused_id("organizationId", &error))
}

/// Whether the caller runs reports on an organization, or any part of it; on the installation where there is none.
fn reports_on(caller: &Principal, organization: Option<OrganizationId>) -> bool {
    let parts = caller.parts(Permission::ReportRead);
    parts.into_iter().any(|part| part.organization.is_none() || part.organization == organization)
}

/// Every row of a view that the caller may read. Errors: `validation_failed`, where they are too many for one report.
async fn every<T: DeserializeOwned>(
    call: &Call,
    view: &'static View,
    permission: Permission,
    order: &str,
) -> Result<Vec<T>, Problem> {
    let mut reach = Reach::of(call.caller()?, permission, view);
    if let Some(organization) = organization(call)? {
        reach = match view.name {
            "organization" => reach.of_one("id", organization.uuid()),
            // Shared by organizations: what is not theirs has no row of theirs.
            "domain" => reach,
            _ => reach.of_one("organization", organization.uuid()),
        };
    }
    let documents = read::every(call, view, reach, order, MOST + 1).await?;
    if documents.len() > MOST {
        let words = format!("more than {} rows: narrow the report to an organization", MOST);
        let violation = Violation::in_parameter("organizationId", "too_many", words.clone());
        return Err(Problem::new(Code::ValidationFailed, words).with_errors(vec![violation]));
    }
    documents.iter().map(|document| serde_json::from_str(document).map_err(read::internal)).collect()
}

/// A word of an enum, as the API writes it.
fn word(value: &impl Serialize) -> String {
    json!(value).as_str().unwrap_or_default().to_owned()
}

/// From when to when; checked when the query was read.
fn period(call: &Call) -> Result<(Option<Timestamp>, Option<Timestamp>), Problem> {
    let time = |name| call.query.get(name).and_then(|text| text.parse().ok());
    Ok((time("from"), time("to")))
}

fn report(row: Value) -> Value {
    json!({"generatedAt": "2026-11-21T09:00:00Z", "rows": [row], "nextCursor": null})
}
