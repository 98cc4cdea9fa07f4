//! The process that hears: what happened becomes notifications, one for each who is to be told.
//!
//! Nothing secret passes through here: links and codes are drawn when the mail is written ([`crate::secret`]).

mod approval;
mod csr;
mod link;
mod plan;
mod validation;

use std::sync::Arc;

use bus::{Bus, Context};
use contracts::{
    Actor, AdministratorId, ApprovalId, Event as _, OrganizationId, Problem, Service, Timestamp,
    directory::{AdministratorEvent, ApprovalEvent, DomainValidationEvent, FindRecipients, Recipient},
    event::EventError,
    signer::CertificateRequestEvent,
};
use eventlog::{Reader, Recorded};
use runtime::{
    authority::Authority,
    clock::Clock,
    command::{event, read_problem},
    process::{Process, Reaction},
    repository::Repository,
    service::ServiceContext,
    timer::Due,
};
use serde_json::json;
use uuid::Uuid;

use self::{approval::Told, plan::Plan};
use crate::{
    messages::Messages,
    notification::{Command, Notification},
};

/// Time for the commands of one piece of news.
const PATIENCE: time::Duration = time::Duration::seconds(15);

/// Turns events into notifications.
pub struct News {
    notifications: Repository<Notification>,
    messages: Messages,
    reader: Reader,
    bus: Bus,
    authority: Authority,
    clock: Arc<dyn Clock>,
    public_url: String,
}

impl Process for News {
    const NAME: &'static str = "news";
    const CATEGORIES: &'static [&'static str] = &[
        AdministratorEvent::CATEGORY,
        ApprovalEvent::CATEGORY,
        DomainValidationEvent::CATEGORY,
        CertificateRequestEvent::CATEGORY,
    ];

    fn react(&self, recorded: &Recorded) -> Result<Vec<Reaction>, EventError> {
        if !is_told(recorded)? {
            return Ok(vec![]);
        }
        let payload = json!({"stream": recorded.stream, "version": recorded.version});
        Ok(vec![Reaction::Remind { name: recorded.id.to_string(), due: recorded.recorded_at, payload }])
    }

    async fn act(&self, due: Due) -> Result<(), Problem> {
        let stream = due.payload["stream"].as_str().and_then(|text| Uuid::try_parse(text).ok());
        let version = due.payload["version"].as_i64().and_then(|version| i32::try_from(version).ok());
        let (Some(stream), Some(version)) = (stream, version) else {
            tracing::error!(timer = %due.payload, "a timer names no event");
            return Ok(());
        };
        let events = self.reader.read_stream(stream, version - 1).await.map_err(read_problem)?;
        let recorded = events.first().ok_or_else(Problem::internal)?;
        for plan in self.plans(recorded).await? {
            self.queue(recorded, plan).await?;
        }
        Ok(())
    }
}

/// Whether somebody is to be told of an event.
fn is_told(recorded: &Recorded) -> Result<bool, EventError> {
    let (kind, schema, payload) = (recorded.kind.as_str(), recorded.schema, recorded.payload.as_str());
    Ok(match recorded.category.as_str() {
        AdministratorEvent::CATEGORY => {
            matches!(
                AdministratorEvent::from_payload(kind, schema, payload)?,
                AdministratorEvent::LinkWanted(_)
            )
        }
        ApprovalEvent::CATEGORY => {
            approval::told(&ApprovalEvent::from_payload(kind, schema, payload)?).is_some()
        }
        DomainValidationEvent::CATEGORY => matches!(
            DomainValidationEvent::from_payload(kind, schema, payload)?,
            DomainValidationEvent::MailWanted(_)
        ),
        // Of requests, which are many, only the kind is looked at.
        CertificateRequestEvent::CATEGORY => kind == "certificate_request.csr_mail_wanted",
        _ => false,
    })
}

impl News {
    /// One of a service instance.
    #[must_use]
    pub fn new(context: &ServiceContext) -> Self {
        Self {
            notifications: context.repository(100),
            messages: Messages::new(context.pool.clone()),
            reader: context.reader.clone(),
            bus: context.bus.clone(),
            authority: context.authority.clone(),
            clock: context.clock.clone(),
            public_url: context.config.server.public_url.clone(),
        }
    }

    /// Whom an event is told to, and how.
    async fn plans(&self, recorded: &Recorded) -> Result<Vec<Plan>, Problem> {
        self.authority.catch_up_soon().await?;
        match recorded.category.as_str() {
            AdministratorEvent::CATEGORY => self.link(recorded).await,
            ApprovalEvent::CATEGORY => self.approval(recorded).await,
            CertificateRequestEvent::CATEGORY => self.csr(recorded).await,
            _ => self.validation(recorded),
        }
    }

    async fn link(&self, recorded: &Recorded) -> Result<Vec<Plan>, Problem> {
        let AdministratorEvent::LinkWanted(_) = event(recorded)? else { return Ok(vec![]) };
        let administrator = AdministratorId(recorded.stream);
        let wanted = FindRecipients { administrators: vec![administrator], ..FindRecipients::default() };
        let recipient = self.recipients(recorded, wanted).await?.pop();
        Ok(vec![link::plan(administrator, self.name_of(administrator), recipient)])
    }

    async fn approval(&self, recorded: &Recorded) -> Result<Vec<Plan>, Problem> {
        let happened: ApprovalEvent = event(recorded)?;
        let Some(told) = approval::told(&happened) else { return Ok(vec![]) };
        let id = ApprovalId(recorded.stream);
        let history = self.reader.read_stream(recorded.stream, 0).await.map_err(read_problem)?;
        let ApprovalEvent::Requested(requested) = event(history.first().ok_or_else(Problem::internal)?)?
        else {
            return Err(Problem::internal());
        };
        let wanted = match told {
            Told::Deciders(_) => FindRecipients { approval: Some(id), ..FindRecipients::default() },
            Told::Requester(_) => FindRecipients {
                administrators: requested.matter.requested_by.into_iter().collect(),
                ..FindRecipients::default()
            },
        };
        let recipients = self.recipients(recorded, wanted).await?;
        let mut facts = approval::facts(id, &requested, &happened, &self.public_url, |who| self.name_of(who));
        if let ApprovalEvent::Granted(granted) = &happened {
            let mut given = vec![];
            for earlier in history.iter().filter(|earlier| earlier.position < recorded.position) {
                if let ApprovalEvent::Given(one) = event(earlier)? {
                    given.push(one);
                }
            }
            facts.message = approval::said(granted, &given, |who| self.name_of(who));
        }
        Ok(approval::plans(told.kind(), &facts, recipients))
    }

    async fn csr(&self, recorded: &Recorded) -> Result<Vec<Plan>, Problem> {
        let CertificateRequestEvent::CsrMailWanted(wanted) = event(recorded)? else { return Ok(vec![]) };
        let history = self.reader.read_stream(recorded.stream, 0).await.map_err(read_problem)?;
        let (mut submitted, mut csr) = (None, None);
        for earlier in &history {
            match event(earlier)? {
                CertificateRequestEvent::Submitted(event) => submitted = Some(event),
                CertificateRequestEvent::CsrMade(event) => csr = Some(event.csr),
                _ => {}
            }
        }
        let (Some(submitted), Some(csr)) = (submitted, csr) else { return Err(Problem::internal()) };
        let organization = self.authority.organization(OrganizationId(recorded.tenant));
        let organization = organization.map(|organization| organization.name).unwrap_or_default();
        Ok(vec![csr::plan(wanted, &submitted, &csr, &organization)])
    }

    fn validation(&self, recorded: &Recorded) -> Result<Vec<Plan>, Problem> {
        let DomainValidationEvent::MailWanted(wanted) = event(recorded)? else { return Ok(vec![]) };
        let organization = self.authority.organization(OrganizationId(recorded.tenant));
        let organization = organization.map(|organization| organization.name).unwrap_or_default();
        Ok(validation::plans(wanted, &organization))
    }

    /// The sign-in name of an administrator.
    fn name_of(&self, administrator: AdministratorId) -> String {
        self.authority.administrator(administrator).map(|known| known.name).unwrap_or_default()
    }

    async fn recipients(
        &self,
        recorded: &Recorded,
        wanted: FindRecipients,
    ) -> Result<Vec<Recipient>, Problem> {
        let context = self.context(recorded, recorded.id).step("recipients");
        Ok(self.bus.call(&context, &wanted).await?.result)
    }

    /// Queues a notification. What is kept of it comes first: once it is queued it may be sent at any time.
    async fn queue(&self, recorded: &Recorded, plan: Plan) -> Result<(), Problem> {
        let queued = plan.queued(recorded);
        self.messages.keep(&queued, &plan.message).await?;
        let id = queued.id.uuid();
        let context = self.context(recorded, id).step("queue");
        self.notifications.execute(&context, id, Command::Queue(queued)).await.map(drop)
    }

    fn context(&self, recorded: &Recorded, command: Uuid) -> Context {
        let deadline: Timestamp = self.clock.now().plus(PATIENCE);
        let tenant = OrganizationId(recorded.tenant);
        Context {
            correlation: recorded.correlation,
            causation: recorded.id,
            traceparent: recorded.traceparent.clone(),
            ..Context::new(command, tenant, Actor::Service(Service::Notifier), deadline)
        }
    }
}

impl std::fmt::Debug for News {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("News")
    }
}
