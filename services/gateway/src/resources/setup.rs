//! `/setup`: what is still to be done in a new installation, step by step.

use contracts::{Permission, Problem};
use http::StatusCode;
use runtime::database::Scope;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::{answer::Answer, call::Call, operation::Operation, read};

/// A step of setting up.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Step {
    /// Its word.
    step: &'static str,
    /// Whether it is done; `null` where the server cannot know.
    done: Option<bool>,
    /// What to do.
    next: String,
}

/// Every step.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Setup {
    /// The steps, in order.
    steps: Vec<Step>,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let example = json!({"steps": [{"step": "administrator_password", "done": false,
        "next": "open the link that 'chancery admin link master' prints, and set a password"}]});
    vec![
        Operation::get("/api/v1/setup", "getSetup", "Show what is still to be done in a new installation")
            .needs(Permission::OrganizationCreate)
            .tagged("Service")
            .answers::<Setup>(StatusCode::OK, "The steps.", example)
            .handled_by(show),
    ]
}

async fn show(call: Call) -> Result<Answer, Problem> {
    let master = "document -> 'grants' @> '[{\"role\": \"master\"}]' and status = 'active'";
    let sql = format!(
        "select exists (select from api_directory.organization where status = 'active'), \
         exists (select from api_directory.administrator where {master} and (document ->> 'hasPassword')::bool), \
         not exists (select from api_directory.administrator where {master} and (document ->> 'hasPassword')::bool \
         and not (document ->> 'hasSecondFactor')::bool)"
    );
    let rows = read::rows(&call, &Scope::All, &sql, &[]).await?;
    let row = rows.first().ok_or_else(Problem::internal)?;
    let [organization, password, second_factor]: [bool; 3] = [
        row.try_get(0).map_err(read::internal)?,
        row.try_get(1).map_err(read::internal)?,
        row.try_get(2).map_err(read::internal)?,
    ];
    let mail = call.gateway.reader.read(0, Some(&["mail_settings"]), 1).await;
    let mail = !mail.map_err(|error| crate::events::unreadable(&error))?.is_empty();
    let origin = &call.gateway.place.origin;
    let local =
        ["https://localhost", "https://127.", "https://[::1]"].iter().any(|at| origin.starts_with(at));
    let step = |step, done, next: &str| Step { step, done, next: next.to_owned() };
    let steps = vec![
        step("organization", Some(organization), "create an organization: chancery org create"),
        step(
            "administrator_password",
            Some(password),
            "open the link that 'chancery admin link master' prints, and set a password",
        ),
        step(
            "second_factor",
            Some(password && second_factor),
            "set up one-time passwords for every master: POST /api/v1/me/mfa/totp",
        ),
        step("mail", Some(mail), "tell where mail goes out: PUT /api/v1/settings/mail"),
        step(
            "server_name",
            Some(!local),
            "set server.public_url to the name by which people come; the server's certificate is made for it",
        ),
        step("trust", None, "have machines and browsers trust the CA certificate that 'chancery up' names"),
    ];
    Answer::json(StatusCode::OK, &Setup { steps })
}
