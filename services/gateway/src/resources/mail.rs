//! `/settings/mail`: through which server mail leaves, and how that is tried.

use contracts::{
    Code, Permission, Problem, Service,
    notifier::{MailDiagnosis, MailSettingsView, ReplaceMailSettings, TestMail, mail_settings_stream},
};
use http::StatusCode;
use runtime::authority::{Target, permitted};
use serde_json::{Value, json};

use super::Page;
use crate::{
    answer::Answer,
    call::Call,
    operation::Operation,
    parameter::Header,
    position,
    reach::Reach,
    read,
    timeline::{self, TimelineEntry},
    view::{self, Rights, View},
};

/// The read model: one row, once mail is set up.
static MAIL_SETTINGS: View = View {
    service: Service::Notifier,
    name: "mail_settings",
    kind: "mail settings",
    prefix: "",
    fields: &[],
    document: view::part_of::<MailSettingsView>,
    rights: Rights::Organization,
    named: false,
    labelled: false,
    search: None,
    sort: "-createdAt",
};

const PATH: &str = "/api/v1/settings/mail";

/// The operations.
pub fn operations() -> Vec<Operation> {
    let operations = vec![
        Operation::get(PATH, "getMailSettings", "Show through which server mail leaves")
            .needs(Permission::SettingsRead)
            .header(Header::MIN_POSITION)
            .answers::<MailSettingsView>(StatusCode::OK, "The settings, without the password.", example())
            .handled_by(show),
        Operation::put(PATH, "updateMailSettings", "Say through which server mail leaves")
            .needs(Permission::SettingsWrite)
            .sensitive()
            .step_up()
            .takes::<ReplaceMailSettings>(
                json!({"server": "mail.example.com", "port": 587, "tls": "starttls",
                "user": "pki", "password": "correct horse battery staple", "fromAddress": "pki@example.com",
                "fromName": "Chancery"}),
            )
            .answers::<MailSettingsView>(StatusCode::OK, "The settings as they are now.", example())
            .problem(Code::KeystoreSealed)
            .handled_by(save),
        Operation::compute("/api/v1/settings/mail/test", "testMail", "Send a test mail and see how it goes")
            .needs(Permission::SettingsWrite)
            .costly()
            .sensitive()
            .takes::<TestMail>(json!({"to": "ann@example.com"}))
            .answers::<MailDiagnosis>(
                StatusCode::OK,
                "Each step that was taken, with the server's words; also when one of them failed.",
                diagnosis(),
            )
            .problems(&[Code::InvalidState, Code::CommandTimeout, Code::KeystoreSealed])
            .handled_by(test),
        Operation::get(
            "/api/v1/settings/mail/timeline",
            "getMailSettingsTimeline",
            "Show what happened to the mail settings",
        )
        .needs(Permission::SettingsRead)
        .answers::<Page<TimelineEntry>>(
            StatusCode::OK,
            "Their events, oldest first.",
            timeline::example("mail_settings.replaced"),
        )
        .handled_by(tell),
    ];
    operations.into_iter().map(|operation| operation.tagged("Settings")).collect()
}

/// The settings are the installation's, so they are read with rights there.
fn permit(call: &Call) -> Result<(), Problem> {
    permitted(call.caller()?, Permission::SettingsRead, &Target::INSTALLATION)
}

async fn show(call: Call) -> Result<Answer, Problem> {
    permit(&call)?;
    position::wait(&call, Service::Notifier).await?;
    let id = mail_settings_stream().to_string();
    match read::find(&call, &MAIL_SETTINGS, &id, "id", Reach::EVERYTHING).await {
        Ok(found) => read::answer(&call, found),
        Err(problem) if problem.code == Code::NotFound => {
            Ok(Answer::json(StatusCode::OK, &MailSettingsView::default())?.versioned(0))
        }
        Err(problem) => Err(problem),
    }
}

async fn save(call: Call) -> Result<Answer, Problem> {
    let command: ReplaceMailSettings = call.json()?;
    call.send(command, |settings, _| Answer::json(StatusCode::OK, &settings)).await
}

async fn test(call: Call) -> Result<Answer, Problem> {
    let command: TestMail = call.json()?;
    call.send(command, |diagnosis, _| Answer::json(StatusCode::OK, &diagnosis)).await
}

async fn tell(call: Call) -> Result<Answer, Problem> {
    permit(&call)?;
    timeline::of_streams(&call, &[mail_settings_stream()]).await
}

fn example() -> Value {
    json!({"configured": true, "server": "mail.example.com", "port": 587, "tls": "starttls", "user": "pki",
        "passwordSet": true, "fromAddress": "pki@example.com", "fromName": "Chancery", "caBundle": null,
        "changedAt": "2026-11-21T09:00:00Z", "version": 1})
}

fn diagnosis() -> Value {
    json!({"ok": false, "summary": "Signing in failed: user and password were not accepted; the server said: 535 no.",
        "steps": [{"step": "resolve", "ok": true, "detail": "192.0.2.25", "milliseconds": 2},
            {"step": "auth", "ok": false, "milliseconds": 41,
                "detail": "user and password were not accepted; the server said: 535 no"}]})
}
