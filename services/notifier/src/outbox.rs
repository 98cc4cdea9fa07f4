//! The process that sends: a notification that is queued is tried until it is sent or given up (I-14).
//!
//! The intent stands in the log before the server is asked, the outcome after. Whoever dies in between leaves a timer
//! whose lease runs out; the mail is then sent again under the same `Message-ID`.

use std::{sync::Arc, time::Duration};

use bus::Context;
use contracts::{
    Actor, Code, Event as _, NotificationId, OrganizationId, Problem, Service, Timestamp,
    event::EventError,
    notifier::{GiveUpReason, MailSettingsEvent, NotificationEvent},
};
use eventlog::Recorded;
use runtime::{
    clock::Clock,
    process::{Process, Reaction},
    repository::{Executed, Repository, Snapshot},
    service::ServiceContext,
    timer::Due,
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    address::MailAddress,
    letter::{Facts, Template},
    mail::{Correspondent, HeaderText, Mail, MessageId},
    messages::Messages,
    metrics,
    notification::{Command, Journey, Notification},
    post::{Post, Way},
    secret::Secrets,
    settings::INSTALLATION,
    smtp::{self, Delivery, Outcome},
};

/// Sends notifications.
pub struct Outbox {
    notifications: Repository<Notification>,
    messages: Messages,
    post: Arc<Post>,
    secrets: Secrets,
    clock: Arc<dyn Clock>,
}

/// What to do with a timer.
const SEND: &str = "send";
const FLUSH: &str = "flush";
/// The pause before a server's yes that could not be recorded is recorded again.
const AGAIN: Duration = Duration::from_secs(1);

impl Process for Outbox {
    const NAME: &'static str = "outbox";
    const CATEGORIES: &'static [&'static str] = &[NotificationEvent::CATEGORY, MailSettingsEvent::CATEGORY];
    /// An act may take four fifths of it: 40 s for the server, the rest for what comes before and after.
    const LEASE: Duration = Duration::from_secs(90);

    fn react(&self, recorded: &Recorded) -> Result<Vec<Reaction>, EventError> {
        let remind = |name: &str, due: Timestamp| Reaction::Remind {
            name: format!("{name}/{}", recorded.stream),
            due,
            payload: Value::Null,
        };
        if recorded.category == MailSettingsEvent::CATEGORY {
            return Ok(vec![remind(FLUSH, recorded.recorded_at)]);
        }
        let event = NotificationEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload)?;
        Ok(match event {
            NotificationEvent::Queued(_) | NotificationEvent::Requeued(_) => {
                vec![remind(SEND, recorded.recorded_at)]
            }
            NotificationEvent::Deferred(deferred) => vec![remind(SEND, deferred.next_at)],
            NotificationEvent::Attempted(_) => vec![], // the timer that led to it is still there
            NotificationEvent::Sent(_) | NotificationEvent::GivenUp(_) => {
                vec![Reaction::Forget { name: format!("{SEND}/{}", recorded.stream) }]
            }
        })
    }

    async fn act(&self, due: Due) -> Result<(), Problem> {
        match due.name.split_once('/') {
            Some((SEND, id)) => {
                let id = Uuid::try_parse(id).map_err(|_| Problem::internal())?;
                self.deliver(NotificationId(id)).await
            }
            _ => self.flush().await,
        }
    }
}

impl Outbox {
    /// One of a service instance.
    #[must_use]
    pub fn new(context: &ServiceContext, post: Arc<Post>) -> Self {
        Self {
            notifications: context.repository(1_000),
            messages: Messages::new(context.pool.clone()),
            post,
            secrets: Secrets::new(context),
            clock: context.clock.clone(),
        }
    }

    /// Lets go on what waited for mail to be set up: each under a timer of its own, so that one that takes long holds up, or
    /// repeats, no other.
    async fn flush(&self) -> Result<(), Problem> {
        if self.post.way().await?.is_none() {
            return Ok(());
        }
        Ok(self.messages.release::<Self>(timer, self.clock.now()).await?)
    }

    /// Takes a notification one attempt further, if it is still to be sent.
    async fn deliver(&self, id: NotificationId) -> Result<(), Problem> {
        let known = self.notifications.reload(id.uuid()).await?;
        let Some(journey) = known.state.journey().filter(|_| known.state.is_open()) else { return Ok(()) };
        let Some(way) = self.way_or_wait(id).await? else { return Ok(()) };
        let written = match self.write(&way, known.tenant.unwrap_or(INSTALLATION), journey).await? {
            Ok(written) => written,
            Err(reason) => return self.record(id, &known, Command::GiveUp(reason)).await.map(drop),
        };
        if self.record(id, &known, Command::Attempt).await?.replayed {
            // Either somebody else is at it, or we were and never heard so: the next look tells.
            return Err(Problem::unavailable("another attempt at this notification was begun"));
        }
        let outcome = smtp::deliver(written.delivery(&way), smtp::WHOLE).await;
        fail::fail_point!("X21-smtp-accepted-unmarked");
        self.conclude(id, &written.to, outcome).await
    }

    /// Records what became of an attempt. The server's yes comes first, and again until it stands: whatever goes wrong here,
    /// nobody gets a mail twice for it.
    async fn conclude(&self, id: NotificationId, to: &MailAddress, outcome: Outcome) -> Result<(), Problem> {
        let at = self.clock.now();
        if let Some(failure) = outcome.failure {
            self.messages.note(id, to.as_str(), &outcome, at).await?;
            let known = self.notifications.reload(id.uuid()).await?;
            return self.record(id, &known, Command::Failed(failure)).await.map(drop);
        }
        while let Err(problem) = self.record_sent(id).await {
            if problem.code != Code::ServiceUnavailable {
                return Err(problem);
            }
            tokio::time::sleep(AGAIN).await;
        }
        if let Err(error) = self.messages.note(id, to.as_str(), &outcome, at).await {
            let error = runtime::error::words(&error);
            tracing::warn!(notification = %id, error, "what the server said to a mail is not kept");
        }
        Ok(())
    }

    async fn record_sent(&self, id: NotificationId) -> Result<(), Problem> {
        let known = self.notifications.reload(id.uuid()).await?;
        self.record(id, &known, Command::Sent).await.map(drop)
    }

    /// The way to the server. Without one the notification waits for it, before the settings are read once more: whoever
    /// sets up mail meanwhile finds it waiting.
    async fn way_or_wait(&self, id: NotificationId) -> Result<Option<Way>, Problem> {
        if let Some(way) = self.post.way().await? {
            return Ok(Some(way));
        }
        self.messages.wait(id).await?;
        self.post.way().await
    }

    /// The mail, ready to be handed over; or why there is none.
    async fn write(
        &self,
        way: &Way,
        tenant: OrganizationId,
        journey: &Journey,
    ) -> Result<Result<Written, GiveUpReason>, Problem> {
        let id = journey.queued.id;
        let Some(message) = self.messages.find(id).await? else { return Ok(Err(GiveUpReason::NoAddress)) };
        let address = message.address.as_deref().and_then(|text| text.parse::<MailAddress>().ok());
        let Some(to) = address else { return Ok(Err(GiveUpReason::NoAddress)) };
        if self.messages.is_suppressed(to.as_str()).await? {
            return Ok(Err(GiveUpReason::Suppressed));
        }
        let Some(facts) = self.secrets.fill(tenant, &journey.queued, &to, message.facts).await? else {
            return Ok(Err(GiveUpReason::Obsolete));
        };
        let name = message.name.as_deref().map(HeaderText::of);
        let to = Correspondent { address: to, name };
        self.compose(way, journey, &facts, to).map(Ok)
    }

    fn compose(
        &self,
        way: &Way,
        journey: &Journey,
        facts: &Facts,
        to: Correspondent,
    ) -> Result<Written, Problem> {
        let wrong = |error: &dyn std::fmt::Display| {
            tracing::error!(%error, notification = %journey.queued.id, "a notification cannot be composed");
            Problem::internal()
        };
        let from: MailAddress = way.settings.from_address.parse().map_err(|error| wrong(&error))?;
        let letter = Template::of(journey.queued.kind).fill(facts).map_err(|error| wrong(&error))?;
        let address = to.address.clone();
        let mail = Mail {
            from: Correspondent {
                address: from.clone(),
                name: way.settings.from_name.as_deref().map(HeaderText::of),
            },
            to,
            subject: letter.subject,
            text: letter.text,
            html: letter.html,
            message_id: MessageId::of(journey.queued.id, journey.round, &from),
            date: self.clock.now(),
        };
        let bytes = mail.compose().map_err(|error| wrong(&runtime::error::words(&error)))?;
        Ok(Written { from, to: address, bytes })
    }

    /// Appends what a command comes to. Its id follows from the version that it was decided on, so that a repeat is one.
    async fn record(
        &self,
        id: NotificationId,
        known: &Snapshot<Notification>,
        command: Command,
    ) -> Result<Executed<Notification>, Problem> {
        let tenant = known.tenant.unwrap_or(INSTALLATION);
        let step = format!("outbox/{}", known.version);
        let command_id = Uuid::new_v5(&id.uuid(), step.as_bytes());
        let deadline = self.clock.now().plus(time::Duration::seconds(10));
        let context = Context::new(command_id, tenant, Actor::Service(Service::Notifier), deadline);
        let done = self.notifications.execute(&context, id.uuid(), command).await?;
        if let (Some(journey), false) = (done.state.journey(), done.replayed) {
            metrics::count(journey.queued.kind, &done.state);
        }
        Ok(done)
    }
}

/// The name of a notification's timer.
fn timer(id: NotificationId) -> String {
    format!("{SEND}/{}", id.uuid())
}

/// A mail in its envelope.
struct Written {
    from: MailAddress,
    to: MailAddress,
    bytes: Vec<u8>,
}

impl Written {
    fn delivery<'a>(&'a self, way: &'a Way) -> Delivery<'a> {
        Delivery {
            settings: &way.settings,
            password: way.password.as_deref(),
            from: &self.from,
            to: &self.to,
            mail: &self.bytes,
        }
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Outbox")
    }
}
