//! What a mail needs when it is written, at each attempt anew: a link or a code, which stands nowhere else; and whether
//! what it is about is still so.

use std::sync::Arc;

use bus::{Bus, Context};
use contracts::{
    Actor, Code, OrganizationId, Problem, Service, Timestamp,
    directory::{DrawLink, DrawValidationCode, FindRecipients, LinkPurpose},
    notifier::{NotificationKind, NotificationQueued},
};
use runtime::{clock::Clock, ids::Ids, service::ServiceContext};

use crate::{address::MailAddress, letter::Facts};

/// How long directory may take.
const PATIENCE: time::Duration = time::Duration::seconds(8);

/// Draws secrets.
pub struct Secrets {
    bus: Bus,
    ids: Ids,
    clock: Arc<dyn Clock>,
    public_url: String,
}

impl Secrets {
    /// One of a service instance.
    #[must_use]
    pub fn new(context: &ServiceContext) -> Self {
        Self {
            bus: context.bus.clone(),
            ids: context.ids.clone(),
            clock: context.clock.clone(),
            public_url: context.config.server.public_url.clone(),
        }
    }

    /// The facts with what was masked in them; `None` when what the mail is about is no longer so. Errors: directory is away.
    pub async fn fill(
        &self,
        tenant: OrganizationId,
        queued: &NotificationQueued,
        to: &MailAddress,
        facts: Facts,
    ) -> Result<Option<Facts>, Problem> {
        let filled = match queued.kind {
            NotificationKind::SetPassword => self.link(tenant, queued, to, facts).await,
            NotificationKind::DomainValidation => self.code(tenant, queued, to, facts).await,
            NotificationKind::ApprovalRequested
            | NotificationKind::ApprovalReminder
            | NotificationKind::ApprovalEscalated => self.still_waits(tenant, queued, facts).await,
            NotificationKind::ApprovalGranted
            | NotificationKind::ApprovalDeclined
            | NotificationKind::CsrForCa => Ok(Some(facts)),
        };
        match filled {
            Err(problem) if is_final(problem.code) => {
                tracing::info!(notification = %queued.id, %problem, "what a mail is about is no longer so");
                Ok(None)
            }
            filled => filled,
        }
    }

    /// The link of an administrator. It goes where mail reaches them now, or nowhere.
    async fn link(
        &self,
        tenant: OrganizationId,
        queued: &NotificationQueued,
        to: &MailAddress,
        facts: Facts,
    ) -> Result<Option<Facts>, Problem> {
        let Some(administrator) = queued.recipient else { return Ok(None) };
        let draw = DrawLink { administrator, purpose: LinkPurpose::SetPassword };
        let drawn = self.bus.call(&self.context(tenant), &draw).await?.result;
        let theirs = drawn.email.and_then(|email| email.parse::<MailAddress>().ok());
        let link = drawn.url.reveal().to_owned();
        let filled = Facts { link: Some(link), until: Some(moment(drawn.valid_until)), ..facts };
        Ok(Some(filled).filter(|_| theirs.as_ref() == Some(to)))
    }

    /// The code of a domain validation, and the page that takes it.
    async fn code(
        &self,
        tenant: OrganizationId,
        queued: &NotificationQueued,
        to: &MailAddress,
        facts: Facts,
    ) -> Result<Option<Facts>, Problem> {
        let Some(subject) = queued.subject else { return Ok(None) };
        let draw = DrawValidationCode { validation: subject.into(), recipient: to.to_string() };
        let drawn = self.bus.call(&self.context(tenant), &draw).await?.result;
        let code = drawn.code.reveal().to_owned();
        let link = format!("{}/domain-validation/{code}", self.public_url);
        let until = Some(moment(drawn.valid_until));
        Ok(Some(Facts { link: Some(link), code: Some(code), until, ..facts }))
    }

    /// The facts, if the recipient may still decide it: meanwhile others may have.
    async fn still_waits(
        &self,
        tenant: OrganizationId,
        queued: &NotificationQueued,
        facts: Facts,
    ) -> Result<Option<Facts>, Problem> {
        let (Some(subject), Some(recipient)) = (queued.subject, queued.recipient) else { return Ok(None) };
        let deciders = FindRecipients { approval: Some(subject.into()), ..FindRecipients::default() };
        let found = self.bus.call(&self.context(tenant), &deciders).await?.result;
        Ok(Some(facts).filter(|_| found.iter().any(|one| one.administrator == recipient)))
    }

    /// A command that is new each time: a repeat could not tell what the first drew.
    fn context(&self, tenant: OrganizationId) -> Context {
        let deadline = self.clock.now().plus(PATIENCE);
        Context::new(self.ids.uuid(), tenant, Actor::Service(Service::Notifier), deadline)
    }
}

/// Whether a refusal stays one.
const fn is_final(code: Code) -> bool {
    matches!(code, Code::NotFound | Code::InvalidState | Code::LinkVoid | Code::ValidationFailed)
}

/// A time as mails say it: `2026-11-28 12:00 UTC`.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    format!("{} {:02}:{:02} UTC", at.0.date(), at.0.hour(), at.0.minute())
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_said_to_the_minute() {
        let at: Timestamp = "2026-01-08T09:05:59Z".parse().unwrap();
        assert_eq!(moment(at), "2026-01-08 09:05 UTC");
    }
}
