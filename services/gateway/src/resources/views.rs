//! `/views`: lists as people saved them, private or shared with their organization (A23).

use std::collections::BTreeMap;

use super::{Page, page};
use crate::{
    answer::Answer,
    call::Call,
    operation::Operation,
    query::Query,
    reach::Reach,
    read,
    select::{Select, Value as SqlValue},
    view::{self, Field, Rights, View},
};
use contracts::{
    Code, Permission, Problem, SavedViewId, Service, Violation,
    inventory::{
        CreateSavedView, RemoveSavedView, SavedViewView, UpdateSavedView, ViewChanges, ViewContents, ViewOf,
    },
};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// The read model.
pub static VIEWS: View = View {
    service: Service::Inventory,
    name: "saved_view",
    kind: "view",
    prefix: SavedViewId::PREFIX,
    fields: &[
        Field::text("name", "name"),
        Field::word::<ViewOf>("of", "kind"),
        Field::id("ownerId", "owner", "adm"),
    ],
    document: view::part_of::<SavedViewView>,
    rights: Rights::Shared,
    named: false,
    labelled: false,
    search: None,
    sort: "name",
};

/// A view to save.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewView {
    /// What it shows a list of.
    #[serde(default)]
    of: ViewOf,
    /// Its name.
    name: String,
    /// The parameters of the list, such as `{"status": "expired", "labels.env": "prod", "q": "shop"}`.
    #[serde(default)]
    filter: BTreeMap<String, String>,
    /// Fields to sort by, `-` for descending; missing: as the list does.
    #[serde(default)]
    sort: Option<String>,
    /// The fields that are shown, in their order; none: as the list does.
    #[serde(default)]
    columns: Vec<String>,
    /// Whether everybody of the organization sees it.
    #[serde(default)]
    shared: bool,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let (all, one) = ("/api/v1/views", "/api/v1/views/{id}");
    let operations = vec![
        VIEWS
            .lists(Operation::get(all, "listViews", "List saved views: one's own, and those that are shared"))
            .needs(Permission::CertificateRead)
            .answers::<Page<SavedViewView>>(StatusCode::OK, "A page of views.", page(example()))
            .handled_by(list),
        Operation::post(all, "createView", "Save a list's filter, order and columns under a name")
            .needs(Permission::CertificateRead)
            .takes::<NewView>(json!({"name": "Expiring in production", "of": "certificates",
                "filter": {"status": "active", "labels.env": "prod"}, "sort": "notAfter",
                "columns": ["commonName", "notAfter", "owner"], "shared": true}))
            .answers::<SavedViewView>(StatusCode::CREATED, "The view.", example())
            .handled_by(create),
        VIEWS
            .shows(Operation::get(one, "getView", "Show a saved view"))
            .needs(Permission::CertificateRead)
            .answers::<SavedViewView>(StatusCode::OK, "The view.", example())
            .handled_by(show),
        Operation::patch(one, "updateView", "Change a saved view of one's own")
            .needs(Permission::CertificateRead)
            .takes::<ViewChanges>(json!({"shared": true}))
            .answers::<SavedViewView>(StatusCode::OK, "The view as it is now.", example())
            .handled_by(update),
        Operation::delete(one, "removeView", "Remove a saved view of one's own")
            .needs(Permission::CertificateRead)
            .answers::<SavedViewView>(StatusCode::OK, "What it was.", example())
            .handled_by(remove),
    ];
    operations.into_iter().map(|operation| operation.tagged("Views")).collect()
}

/// One's own, and those that are shared where one reads certificates.
fn seen(call: &Call) -> Result<Reach, Problem> {
    let me = SqlValue::Id(call.caller()?.administrator.uuid());
    Ok(call.reach(&VIEWS)?.where_also("(shared or owner = $::uuid)", me))
}

async fn list(call: Call) -> Result<Answer, Problem> {
    let reach = seen(&call)?;
    read::list_of(call, &VIEWS, reach).await
}

async fn show(call: Call) -> Result<Answer, Problem> {
    crate::position::wait(&call, VIEWS.service).await?;
    let found = read::find(&call, &VIEWS, call.step("id"), "id", seen(&call)?).await?;
    read::answer(&call, found)
}

async fn create(call: Call) -> Result<Answer, Problem> {
    let NewView { of, name, filter, sort, columns, shared } = call.json()?;
    fits(&call, of, &filter, sort.as_deref(), &columns)?;
    let command = CreateSavedView { of, contents: ViewContents { name, filter, sort, columns, shared } };
    call.send(command, |made, _| {
        let path = format!("/api/v1/views/{}", made.id);
        Ok(Answer::json(StatusCode::CREATED, &made)?.located(&path))
    })
    .await
}

async fn update(call: Call) -> Result<Answer, Problem> {
    let changes: ViewChanges = call.json()?;
    let id: SavedViewId = call.parse("id")?;
    crate::position::wait(&call, VIEWS.service).await?;
    if let Ok(found) = read::find(&call, &VIEWS, call.step("id"), "id", seen(&call)?).await {
        let view: SavedViewView = serde_json::from_str(&found.document).map_err(read::internal)?;
        let filter = changes.filter.as_ref().unwrap_or(&view.filter);
        let sort = changes.sort.as_deref().or(view.sort.as_deref()).filter(|sort| !sort.is_empty());
        fits(&call, view.of, filter, sort, changes.columns.as_ref().unwrap_or(&view.columns))?;
    }
    let command = UpdateSavedView { view: id, changes };
    call.send(command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

async fn remove(call: Call) -> Result<Answer, Problem> {
    let command = RemoveSavedView { view: call.parse("id")? };
    call.send(command, |gone, _| Answer::json(StatusCode::OK, &gone)).await
}

/// Whether the list takes such parameters. Errors: what it would answer itself, at the place in the body.
fn fits(
    call: &Call,
    of: ViewOf,
    filter: &BTreeMap<String, String>,
    sort: Option<&str>,
    columns: &[String],
) -> Result<(), Problem> {
    let (operation, view) = match of {
        ViewOf::Certificates => ("listCertificates", &super::certificates::CERTIFICATES),
        ViewOf::CertificateRequests => ("listCertificateRequests", &super::certificate_requests::REQUESTS),
    };
    let shows = ["limit", "cursor", "fields", "sort", "dryRun"];
    if let Some(name) = filter.keys().find(|name| shows.contains(&name.as_str())) {
        let words = format!("'{name}' says how a list is shown, not what is in it");
        return Err(refused(vec![Violation::at(format!("#/filter/{name}"), "not_allowed", words)]));
    }
    let Some(operation) = crate::operations::table().into_iter().find(|one| one.id == operation) else {
        return Err(Problem::internal());
    };
    let mut text = url::form_urlencoded::Serializer::new(String::new());
    _ = text.extend_pairs(filter);
    if let Some(sort) = sort {
        _ = text.append_pair("sort", sort);
    }
    if !columns.is_empty() {
        _ = text.append_pair("fields", &columns.join(","));
    }
    let read = Query::read(Some(&text.finish()), &operation);
    let judged = read.and_then(|query| {
        let reach = Reach { scope: call.reach(view)?.scope, condition: None };
        Select::of(view, &query, &reach).map(drop)
    });
    judged.map_err(|problem| {
        let moved = problem.errors.into_iter().map(|error| {
            let place = match error.parameter.as_deref() {
                Some("sort") => "#/sort".to_owned(),
                Some("fields") => "#/columns".to_owned(),
                Some(name) => format!("#/filter/{}", name.replace('~', "~0").replace('/', "~1")),
                None => "#".to_owned(),
            };
            Violation { pointer: Some(place), parameter: None, ..error }
        });
        refused(moved.collect())
    })
}

fn refused(errors: Vec<Violation>) -> Problem {
    Problem::new(Code::ValidationFailed, "the list does not take this").with_errors(errors)
}

fn example() -> Value {
    json!({"id": "viw_01jdp4q2x8f7mb3v5kz6n9w0ae", "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "ownerId": "adm_01jdp4q2x8f7mb3v5kz6n9w0ae", "of": "certificates", "name": "Expiring in production",
        "filter": {"status": "active", "labels.env": "prod"}, "sort": "notAfter",
        "columns": ["commonName", "notAfter", "owner"], "shared": true, "createdAt": "2026-11-21T09:00:00Z",
        "version": 1})
}
