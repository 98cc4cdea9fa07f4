//! A test mail, and in one sentence how it went.

use std::time::Duration;

use contracts::{
    Problem, Timestamp,
    notifier::{MailDiagnosis, MailStep},
};
use uuid::Uuid;

use crate::{
    address::MailAddress,
    letter::{Facts, TEST},
    mail::{Correspondent, HeaderText, Mail, MessageId},
    post::Way,
    smtp::{self, Delivery, Outcome},
};

/// Sends a test mail.
pub async fn run(
    way: &Way,
    to: &MailAddress,
    public_url: &str,
    id: Uuid,
    now: Timestamp,
    within: Duration,
) -> Result<MailDiagnosis, Problem> {
    let wrong = |error: &dyn std::fmt::Display| {
        tracing::error!(%error, "the test mail cannot be composed");
        Problem::internal()
    };
    let from: MailAddress = way.settings.from_address.parse().map_err(|error| wrong(&error))?;
    let facts = Facts { link: Some(public_url.to_owned()), ..Facts::default() };
    let letter = TEST.fill(&facts).map_err(|error| wrong(&error))?;
    let mail = Mail {
        from: Correspondent {
            address: from.clone(),
            name: way.settings.from_name.as_deref().map(HeaderText::of),
        },
        to: Correspondent { address: to.clone(), name: None },
        subject: letter.subject,
        text: letter.text,
        html: letter.html,
        message_id: MessageId::of_test(id, &from),
        date: now,
    };
    let bytes = mail.compose().map_err(|error| wrong(&runtime::error::words(&error)))?;
    let delivery = Delivery {
        settings: &way.settings,
        password: way.password.as_deref(),
        from: &from,
        to,
        mail: &bytes,
    };
    let outcome = smtp::deliver(delivery, within).await;
    let summary = summary(&outcome);
    Ok(MailDiagnosis { ok: outcome.failure.is_none(), summary, steps: outcome.steps })
}

fn summary(outcome: &Outcome) -> String {
    let Some(failure) = outcome.failure else { return "The server took the test mail.".to_owned() };
    let what = match failure.step {
        Some(MailStep::Resolve) => "The server's name has no address",
        Some(MailStep::Connect) => "There is no connection to the server",
        Some(MailStep::Hello) => "The server did not say what it offers",
        Some(MailStep::Tls) => "The connection cannot be protected",
        Some(MailStep::Auth) => "Signing in failed",
        Some(MailStep::Sender) => "The server does not take mail from this sender",
        Some(MailStep::Recipient) => "The server does not take mail for this recipient",
        Some(MailStep::Data) => "The server did not take the mail",
        None => return "It took too long; the steps below were taken.".to_owned(),
    };
    format!("{what}: {}.", outcome.last_words().trim_end_matches('.'))
}
