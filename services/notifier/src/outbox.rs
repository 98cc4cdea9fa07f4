//! The process that sends: a notification that is queued is tried until it is sent or given up (I-14).
//!
//! The intent stands in the log before the server is asked, the outcome after. Whoever dies in between leaves a timer
//! whose lease runs out; the mail is then sent again under the same `Message-ID`.

use std::{sync::Arc, time::Duration};

use bus::Context;
use contracts::{
    Actor, Event as _, NotificationId, OrganizationId, Problem, Service, Timestamp,
    event::EventError,
    notifier::{GiveUpReason, MailSettingsEvent, NotificationEvent},
};
use eventlog::Recorded;
use futures::{StreamExt as _, stream};
use runtime::{
    clock::Clock,
    process::{Process, Reaction},
    repository::{Repository, Snapshot},
    service::ServiceContext,
    timer::Due,
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    address::MailAddress,
    letter::Template,
    mail::{Correspondent, HeaderText, Mail, MessageId},
    messages::{Message, Messages},
    metrics,
    notification::{Command, Journey, Notification},
    post::{Post, Way},
    smtp::{self, Delivery},
};

/// Sends notifications.
pub struct Outbox {
    notifications: Repository<Notification>,
    messages: Messages,
    post: Arc<Post>,
    clock: Arc<dyn Clock>,
}

/// What to do with a timer.
const SEND: &str = "send";
const FLUSH: &str = "flush";
/// Waiting mails sent at once when mail was set up.
const AT_ONCE: usize = 8;

impl Process for Outbox {
    const NAME: &'static str = "outbox";
    const CATEGORIES: &'static [&'static str] = &[NotificationEvent::CATEGORY, MailSettingsEvent::CATEGORY];
    /// One delivery is bounded to less.
    const LEASE: Duration = Duration::from_secs(60);

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
            clock: context.clock.clone(),
        }
    }

    /// Sends what waited for mail to be set up. Cut off, it is repeated: what was not sent still waits.
    async fn flush(&self) -> Result<(), Problem> {
        if self.post.way().await?.is_none() {
            return Ok(());
        }
        loop {
            let waiting = self.messages.waiting(AT_ONCE as i64).await?;
            if waiting.is_empty() {
                return Ok(());
            }
            let mut sending = stream::iter(waiting)
                .map(async |id| {
                    self.deliver(id).await?;
                    self.messages.wait(id, false).await.map_err(Problem::from)
                })
                .buffer_unordered(AT_ONCE);
            while let Some(done) = sending.next().await {
                done?;
            }
        }
    }

    /// Takes a notification one attempt further, if it is still to be sent.
    async fn deliver(&self, id: NotificationId) -> Result<(), Problem> {
        let known = self.notifications.reload(id.uuid()).await?;
        let Some(journey) = known.state.journey().filter(|_| known.state.is_open()) else { return Ok(()) };
        let Some(way) = self.way_or_wait(id).await? else { return Ok(()) };
        let Some(message) = self.messages.find(id).await? else {
            return self.give_up(id, &known, GiveUpReason::NoAddress).await;
        };
        let address = message.address.as_deref().and_then(|text| text.parse::<MailAddress>().ok());
        let Some(address) = address else { return self.give_up(id, &known, GiveUpReason::NoAddress).await };
        if self.messages.is_suppressed(address.as_str()).await? {
            return self.give_up(id, &known, GiveUpReason::Suppressed).await;
        }
        let (from, mail) = self.compose(&way, journey, &message, &address)?;
        self.record(id, &known, Command::Attempt).await?;
        let delivery = Delivery {
            settings: &way.settings,
            password: way.password.as_deref(),
            from: &from,
            to: &address,
            mail: &mail,
        };
        let outcome = smtp::deliver(delivery, smtp::WHOLE).await;
        fail::fail_point!("X21-smtp-accepted-unmarked");
        self.messages.note(id, address.as_str(), &outcome, self.clock.now()).await?;
        let end = outcome.failure.map_or(Command::Sent, Command::Failed);
        let known = self.notifications.reload(id.uuid()).await?;
        self.record(id, &known, end).await
    }

    /// The way to the server. Without one the notification waits for it, before the settings are read once more: whoever
    /// sets up mail meanwhile finds it waiting.
    async fn way_or_wait(&self, id: NotificationId) -> Result<Option<Way>, Problem> {
        if let Some(way) = self.post.way().await? {
            return Ok(Some(way));
        }
        self.messages.wait(id, true).await?;
        self.post.way().await
    }

    fn compose(
        &self,
        way: &Way,
        journey: &Journey,
        message: &Message,
        to: &MailAddress,
    ) -> Result<(MailAddress, Vec<u8>), Problem> {
        let wrong = |error: &dyn std::fmt::Display| {
            tracing::error!(%error, stream = %journey.queued.id, "a notification cannot be composed");
            Problem::internal()
        };
        let from: MailAddress = way.settings.from_address.parse().map_err(|error| wrong(&error))?;
        let letter = Template::of(journey.queued.kind).fill(&message.facts).map_err(|error| wrong(&error))?;
        let mail = Mail {
            from: Correspondent {
                address: from.clone(),
                name: way.settings.from_name.as_deref().map(HeaderText::of),
            },
            to: Correspondent { address: to.clone(), name: message.name.as_deref().map(HeaderText::of) },
            subject: letter.subject,
            text: letter.text,
            html: letter.html,
            message_id: MessageId::of(journey.queued.id, journey.round, &from),
            date: self.clock.now(),
        };
        let bytes = mail.compose().map_err(|error| wrong(&runtime::error::words(&error)))?;
        Ok((from, bytes))
    }

    async fn give_up(
        &self,
        id: NotificationId,
        known: &Snapshot<Notification>,
        reason: GiveUpReason,
    ) -> Result<(), Problem> {
        self.record(id, known, Command::GiveUp(reason)).await
    }

    /// Appends what a command comes to. Its id follows from the version that it was decided on, so that a repeat is one.
    async fn record(
        &self,
        id: NotificationId,
        known: &Snapshot<Notification>,
        command: Command,
    ) -> Result<(), Problem> {
        let tenant = known.tenant.unwrap_or(OrganizationId(Uuid::nil()));
        let step = format!("outbox/{}", known.version);
        let command_id = Uuid::new_v5(&id.uuid(), step.as_bytes());
        let deadline = self.clock.now().plus(time::Duration::seconds(10));
        let context = Context::new(command_id, tenant, Actor::Service(Service::Notifier), deadline);
        let done = self.notifications.execute(&context, id.uuid(), command).await?;
        if let (Some(journey), false) = (done.state.journey(), done.replayed) {
            metrics::count(journey.queued.kind, &done.state);
        }
        Ok(())
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Outbox")
    }
}
