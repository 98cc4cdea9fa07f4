//! `/admins`: administrators, their grants, and why they may or may not do something.

use std::sync::Arc;

use contracts::{
    AdministratorId, Code, Permission, Problem, Service,
    directory::{
        AdministratorKind, AdministratorStatus, AdministratorView, AppointAdministrator,
        DisableAdministrator, EnableAdministrator, NewGrant, RemoveAdministrator, ResetSecondFactor,
        TokenScope, UpdateAdministrator, WantLink, WantedLink,
    },
};
use http::StatusCode;
use runtime::authority::{Principal, Target, permitted};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Page, Reason,
    explain::{self, Explanation, Question},
    page,
};
use crate::{
    answer::Answer,
    call::Call,
    operation::Operation,
    read::{self, Found},
    timeline::{self, TimelineEntry},
    view::{self, Field, Rights, View},
};

pub(super) static ADMINS: View = View {
    service: Service::Directory,
    name: "administrator",
    kind: "administrator",
    prefix: "adm",
    fields: &[
        Field::text("name", "name"),
        Field::word::<AdministratorStatus>("status", "status"),
        Field::word::<AdministratorKind>("kind", "(document ->> 'kind')"),
        Field::text("displayName", "display_name").optional(),
        Field::text("email", "email").optional(),
    ],
    document: view::part_of::<AdministratorView>,
    rights: Rights::Administrators,
    named: true,
    labelled: false,
    search: None,
    sort: "name",
};

/// What changes; a missing field stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AdministratorChanges {
    /// What people call them; empty takes it away.
    #[serde(default)]
    display_name: Option<String>,
    /// Where mail reaches them; empty takes it away.
    #[serde(default)]
    email: Option<String>,
    /// Their grants within the caller's reach from now on; those beyond it stay as they are.
    #[serde(default)]
    grants: Option<Vec<NewGrant>>,
}

/// How a one-time link gets to its administrator.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wish {
    /// Answer the link instead of sending it: for installations without mail.
    #[serde(default)]
    show: bool,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let (all, one) = ("/api/v1/admins", "/api/v1/admins/{id}");
    let grants =
        json!([{"role": "organization_officer", "organization": "name:hq", "certificateTypes": ["server"]}]);
    let changed = "The administrator as it is now.";
    let operations = vec![
        ADMINS
            .lists(Operation::get(all, "listAdmins", "List administrators"))
            .needs(Permission::AdministratorRead)
            .answers::<Page<AdministratorView>>(StatusCode::OK, "A page of administrators.", page(example()))
            .handled_by(list),
        Operation::post(
            all,
            "appointAdmin",
            "Appoint an administrator with grants that the caller holds, too",
        )
        .needs(Permission::AdministratorWrite)
        .step_up()
        .sensitive()
        .takes::<AppointAdministrator>(json!({"name": "alice", "displayName": "Alice Example",
                "email": "alice@example.com", "grants": grants.clone()}))
        .answers::<AdministratorView>(StatusCode::CREATED, "The administrator.", example())
        .problem(Code::AlreadyExists)
        .handled_by(appoint),
        ADMINS
            .shows(Operation::get(one, "getAdmin", "Show an administrator"))
            .needs(Permission::AdministratorRead)
            .answers::<AdministratorView>(StatusCode::OK, "The administrator.", example())
            .handled_by(show),
        Operation::patch(
            one,
            "updateAdmin",
            "Change an administrator's grants, name for display or e-mail address",
        )
        .needs(Permission::AdministratorWrite)
        .step_up()
        .sensitive()
        .takes::<AdministratorChanges>(json!({"grants": grants}))
        .answers::<AdministratorView>(StatusCode::OK, changed, example())
        .problem(Code::InvalidState)
        .handled_by(update),
        Operation::delete(one, "removeAdmin", "Remove an administrator for good and erase who they were")
            .needs(Permission::AdministratorWrite)
            .step_up()
            .sensitive()
            .may_take::<Reason>(json!({"reason": "left"}))
            .answers::<AdministratorView>(StatusCode::OK, changed, example())
            .problem(Code::InvalidState)
            .handled_by(remove),
        Operation::post(
            "/api/v1/admins/{id}/disable",
            "disableAdmin",
            "Disable an administrator: their API tokens work nowhere within a second",
        )
        .needs(Permission::AdministratorWrite)
        .step_up()
        .sensitive()
        .if_match()
        .may_take::<Reason>(json!({"reason": "on leave"}))
        .answers::<AdministratorView>(StatusCode::OK, changed, example())
        .problem(Code::InvalidState)
        .handled_by(disable),
        Operation::post(
            "/api/v1/admins/{id}/enable",
            "enableAdmin",
            "Let a disabled administrator act again",
        )
        .needs(Permission::AdministratorWrite)
        .step_up()
        .sensitive()
        .if_match()
        .may_take::<Reason>(json!({"reason": "back again"}))
        .answers::<AdministratorView>(StatusCode::OK, changed, example())
        .problem(Code::InvalidState)
        .handled_by(enable),
        Operation::delete(
            "/api/v1/admins/{id}/mfa/totp",
            "resetAdminTotp",
            "Take the second factor away from an administrator who lost it",
        )
        .needs(Permission::AdministratorWrite)
        .step_up()
        .sensitive()
        .may_take::<Reason>(json!({"reason": "lost the phone; called back"}))
        .answers::<AdministratorView>(StatusCode::OK, changed, example())
        .problem(Code::InvalidState)
        .handled_by(reset_totp),
        Operation::post(
            "/api/v1/admins/{id}/link",
            "wantAdminLink",
            "Send an administrator a one-time link for setting their password, or show it",
        )
        .needs(Permission::AdministratorWrite)
        .step_up()
        .sensitive()
        .may_take::<Wish>(json!({"show": true}))
        .answers::<WantedLink>(
            StatusCode::OK,
            "The link, if it was to be shown; otherwise it is on its way by mail.",
            json!({"administratorId": "adm_01jdp4q2x8f7mb3v5kz6n9w0ae",
                "url": "https://pki.example.com/sign-in/link/chl_01jdp4q2x8f7mb3v5kz6n9w0ae_…",
                "validUntil": "2026-11-22T09:00:00Z"}),
        )
        .problems(&[Code::InvalidState, Code::AlreadyExists])
        .handled_by(link),
        Operation::get(
            "/api/v1/admins/{id}/timeline",
            "getAdminTimeline",
            "Show what happened to an administrator",
        )
        .needs(Permission::AdministratorRead)
        .answers::<Page<TimelineEntry>>(
            StatusCode::OK,
            "Its events, oldest first.",
            timeline::example("administrator.appointed"),
        )
        .handled_by(|call| timeline::of_row(call, &ADMINS)),
        Operation::compute(
            "/api/v1/admins/{id}/explain",
            "explainAdminRights",
            "Say why an administrator may or may not do something",
        )
        .needs(Permission::AdministratorRead)
        .takes::<Question>(explain::question_example())
        .answers::<Explanation>(
            StatusCode::OK,
            "Whether they may, by their grants within the caller's reach, and why.",
            explain::example(),
        )
        .handled_by(explain_theirs),
    ];
    operations.into_iter().map(|operation| operation.tagged("Administrators")).collect()
}

async fn list(call: Call) -> Result<Answer, Problem> {
    let reach = call.reach(&ADMINS)?;
    read::list_dressed(call, &ADMINS, reach, |call, document| within_reach(call.caller()?, &document)).await
}

async fn show(call: Call) -> Result<Answer, Problem> {
    let found = read::one(&call, &ADMINS, "id").await?;
    let document = within_reach(call.caller()?, &found.document)?;
    read::answer(&call, Found { document, ..found })
}

/// An administrator with the grants that the caller reaches: what somebody may do elsewhere is not for their eyes.
pub(super) fn within_reach(caller: &Principal, document: &str) -> Result<String, Problem> {
    let mut view: AdministratorView = serde_json::from_str(document).map_err(read::internal)?;
    view.grants.retain(|grant| {
        let place = grant
            .organization_id
            .map_or(Target::INSTALLATION, |organization| Target::within(organization, grant.department_id));
        permitted(caller, Permission::AdministratorRead, &place).is_ok()
    });
    serde_json::to_string(&view).map_err(read::internal)
}

async fn appoint(call: Call) -> Result<Answer, Problem> {
    let command: AppointAdministrator = call.json()?;
    call.send(command, |made, _| {
        Ok(Answer::json(StatusCode::CREATED, &made)?.located(&format!("/api/v1/admins/{}", made.id)))
    })
    .await
}

async fn update(call: Call) -> Result<Answer, Problem> {
    let AdministratorChanges { display_name, email, grants } = call.json()?;
    let administrator = administrator(&call).await?;
    let command = UpdateAdministrator { administrator, display_name, email, grants };
    call.send(command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

async fn remove(call: Call) -> Result<Answer, Problem> {
    let Reason { reason } = call.json()?;
    let command = RemoveAdministrator { administrator: administrator(&call).await?, reason };
    call.send(command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

async fn disable(call: Call) -> Result<Answer, Problem> {
    let Reason { reason } = call.json()?;
    let command = DisableAdministrator { administrator: administrator(&call).await?, reason };
    call.send(command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

async fn enable(call: Call) -> Result<Answer, Problem> {
    let Reason { reason } = call.json()?;
    let command = EnableAdministrator { administrator: administrator(&call).await?, reason };
    call.send(command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

async fn reset_totp(call: Call) -> Result<Answer, Problem> {
    let Reason { reason } = call.json()?;
    let command = ResetSecondFactor { administrator: administrator(&call).await?, reason };
    call.send(command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

async fn link(call: Call) -> Result<Answer, Problem> {
    let Wish { show } = call.json()?;
    let command = WantLink { administrator: administrator(&call).await?, show };
    call.send(command, |wanted, _| Answer::json(StatusCode::OK, &wanted)).await
}

/// The administrator in the path of a write: one named by id needs no read model, which may be behind.
pub(super) async fn administrator(call: &Call) -> Result<AdministratorId, Problem> {
    if call.step("id").starts_with("name:") {
        return Ok(read::one(call, &ADMINS, "id").await?.id.into());
    }
    call.parse("id")
}

async fn explain_theirs(call: Call) -> Result<Answer, Problem> {
    let question: Question = call.json()?;
    let asked = question.asked()?;
    let found = read::one(&call, &ADMINS, "id").await?;
    let document = within_reach(call.caller()?, &found.document)?;
    let view: AdministratorView = serde_json::from_str(&document).map_err(read::internal)?;
    if view.status != AdministratorStatus::Active {
        return Answer::json(StatusCode::OK, &explain::may_not_act(&asked, view.status));
    }
    // As if they used a token that limits nothing.
    let scope = TokenScope::default();
    let theirs = Principal {
        administrator: view.id,
        all_organizations: true,
        carried: Principal::carried(&scope),
        scope: Arc::new(scope),
        held: call.gateway.doorkeeper.held(view.grants),
        ..call.caller()?.clone()
    };
    Answer::json(StatusCode::OK, &explain::explain(&theirs, &asked))
}

fn example() -> Value {
    json!({"id": "adm_01jdp4q2x8f7mb3v5kz6n9w0ae", "name": "alice", "kind": "person", "displayName": "Alice Example",
        "email": "alice@example.com", "status": "active", "hasPassword": true, "hasSecondFactor": false,
        "grants": [{"role": "organization_officer", "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae",
            "certificateTypes": ["server"]}],
        "createdAt": "2026-11-21T09:00:00Z", "version": 1})
}
