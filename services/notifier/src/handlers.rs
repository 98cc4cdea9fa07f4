//! What people ask for: settings, a test mail, sending again.

use std::sync::Arc;

use bus::{Answer, Bus, Context, Reply};
use contracts::{
    Actor, Code, CredentialId, Problem, Service,
    keystore::{DestroyMailCredential, KeepMailCredential},
    notifier::{
        MailDiagnosis, MailSettingsReplaced, MailSettingsView, NotificationResent, NotificationStatus,
        ReplaceMailSettings, ResendNotification, TestMail, mail_settings_stream,
    },
};
use runtime::{
    authority::{Authority, Target},
    clock::Clock,
    ids::Ids,
    repository::Repository,
    service::ServiceContext,
};
use uuid::Uuid;

use crate::{
    address::MailAddress,
    diagnosis,
    messages::Messages,
    notification::{Command, Notification},
    post::Post,
    settings::{self, INSTALLATION},
};

/// The handlers and what they work with.
pub struct Handlers {
    authority: Authority,
    post: Arc<Post>,
    notifications: Repository<Notification>,
    messages: Messages,
    bus: Bus,
    ids: Ids,
    clock: Arc<dyn Clock>,
    public_url: String,
}

impl Handlers {
    /// The handlers of one service instance.
    #[must_use]
    pub fn new(context: &ServiceContext, post: Arc<Post>) -> Self {
        Self {
            authority: context.authority.clone(),
            post,
            notifications: context.repository(100),
            messages: Messages::new(context.pool.clone()),
            bus: context.bus.clone(),
            ids: context.ids.clone(),
            clock: context.clock.clone(),
            public_url: context.config.server.public_url.clone(),
        }
    }

    /// Replaces the mail settings. A new password goes to keystore first, and the one it replaces is destroyed last: cut off
    /// in between, a credential is left that nothing refers to, never settings without theirs.
    pub async fn replace_settings(
        &self,
        context: Context,
        command: ReplaceMailSettings,
    ) -> Result<Answer<MailSettingsView>, Problem> {
        self.authority.admit_to::<ReplaceMailSettings>(&context, &Target::INSTALLATION).await?;
        let ReplaceMailSettings { server, port, tls, user, password, from_address, from_name, ca_bundle } =
            command;
        let context = Context { tenant: INSTALLATION, ..context };
        let credential = password.as_ref().map(|_| credential_of(context.command_id));
        let wanted =
            MailSettingsReplaced { server, port, tls, user, credential, from_address, from_name, ca_bundle };
        let wish = settings::Command::Replace(wanted);
        let before = self.post.settings.reload(mail_settings_stream()).await?;
        if let (Some(id), Some(secret), false) = (credential, password, context.dry_run) {
            // What is refused leaves nothing behind.
            self.post.settings.decide(&context, mail_settings_stream(), before.clone(), wish.clone())?;
            let keep = KeepMailCredential { id, secret };
            self.bus.call(&own(context.step("keep")), &keep).await?;
        }
        let done = self.post.settings.execute(&context, mail_settings_stream(), wish).await?;
        let (now, version) = (done.state.0.clone(), done.version);
        let old = before.state.0.as_ref().and_then(|settings| settings.credential);
        if let Some(id) = old
            && done.dry_run.is_none()
            && !done.replayed
            && now.as_ref().is_some_and(|settings| settings.credential != old)
            && let Err(problem) =
                self.bus.call(&own(context.step("destroy")), &DestroyMailCredential { id }).await
        {
            tracing::warn!(%problem, "a password that is no longer used is still kept");
        }
        let view = view(now.as_ref(), version, self.clock.now());
        Ok(done.answer(|_| view))
    }

    /// Sends a test mail and says how it went.
    pub async fn test(&self, context: Context, command: TestMail) -> Result<Answer<MailDiagnosis>, Problem> {
        self.authority.admit_to::<TestMail>(&context, &Target::INSTALLATION).await?;
        let to = command.to.parse::<MailAddress>().map_err(|error| {
            let violation = contracts::Violation::at("#/to", "address_invalid", error.to_string());
            Problem::new(Code::ValidationFailed, "nothing was sent").with_errors(vec![violation])
        })?;
        let not_set_up = || Problem::new(Code::InvalidState, "mail is not set up: save mail settings first");
        let way = self.post.way().await?.ok_or_else(not_set_up)?;
        if context.dry_run {
            return Ok(Answer::Dry(contracts::command::DryRun::default()));
        }
        let now = self.clock.now();
        let within = context.remaining(now).saturating_sub(std::time::Duration::from_secs(1));
        let diagnosis = diagnosis::run(&way, &to, &self.public_url, self.ids.uuid(), now, within).await?;
        Ok(Answer::Done(Reply::nothing(diagnosis)))
    }

    /// Queues a notification anew. Its address is written to again even if it was refused before.
    pub async fn resend(
        &self,
        context: Context,
        command: ResendNotification,
    ) -> Result<Answer<NotificationResent>, Problem> {
        let ResendNotification { id } = command;
        let caller = self.authority.caller::<ResendNotification>(&context).await?;
        let hidden = || Problem::not_found("notification", id);
        let known = self.notifications.load(id.uuid()).await?;
        let tenant = known.tenant.ok_or_else(hidden)?;
        let target = if tenant == INSTALLATION { Target::INSTALLATION } else { Target::organization(tenant) };
        caller.permit(&target).map_err(|_| hidden())?;
        let context = Context { tenant, ..context };
        if !context.dry_run {
            self.messages.trust_again(id).await?;
        }
        let done = self.notifications.execute(&context, id.uuid(), Command::Resend).await?;
        Ok(done.answer(|_| NotificationResent { id, status: NotificationStatus::Queued }))
    }
}

impl std::fmt::Debug for Handlers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handlers")
    }
}

/// The id of the credential that a command brings: the same however often it is sent.
fn credential_of(command: Uuid) -> CredentialId {
    CredentialId(Uuid::new_v5(&command, b"mail credential"))
}

fn own(context: Context) -> Context {
    context.by(Actor::Service(Service::Notifier))
}

fn view(
    settings: Option<&MailSettingsReplaced>,
    version: i32,
    now: contracts::Timestamp,
) -> MailSettingsView {
    settings.map_or_else(MailSettingsView::default, |settings| {
        crate::projection::settings_view(settings, version, now)
    })
}
