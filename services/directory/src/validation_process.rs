//! Looks for proofs of control when they are due, again before they end, and says when they have ended.

use std::sync::Arc;

use bus::Context;
use contracts::{
    Actor, Event, OrganizationId, Problem, Service, Timestamp, directory::DomainValidationEvent,
    event::EventError,
};
use eventlog::Recorded;
use runtime::{
    clock::Clock,
    outbound::Outbound,
    process::{Process, Reaction},
    repository::Repository,
    service::ServiceContext,
    timer::Due,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::domain_validation::{DomainValidation, ValidationCommand, check::check};

/// Time for one step.
const PATIENCE: time::Duration = time::Duration::seconds(30);

/// Follows validations.
pub struct ValidationProcess {
    validations: Repository<DomainValidation>,
    outbound: Outbound,
    clock: Arc<dyn Clock>,
}

impl ValidationProcess {
    /// The process of one service instance.
    pub fn new(context: &ServiceContext, outbound: Outbound) -> Self {
        Self { validations: context.repository(1_000), outbound, clock: context.clock.clone() }
    }

    /// The step that is due.
    async fn step(
        &self,
        stream: Uuid,
        due: &Due,
    ) -> Result<Option<(OrganizationId, ValidationCommand)>, Problem> {
        let known = self.validations.reload(stream).await?;
        let Some(record) = &known.state.0 else { return Ok(None) };
        let command = if due.payload["step"] == "end" {
            ValidationCommand::Lapse
        } else if record.is_over() {
            return Ok(None);
        } else if record.is_by_mail() {
            ValidationCommand::AskAgain
        } else {
            check(&self.outbound, record, false).await
        };
        Ok(Some((record.organization_id, command)))
    }
}

impl Process for ValidationProcess {
    const NAME: &'static str = "domain_validations_due";
    const CATEGORIES: &'static [&'static str] = &[DomainValidationEvent::CATEGORY];

    fn react(&self, recorded: &Recorded) -> Result<Vec<Reaction>, EventError> {
        use DomainValidationEvent as E;
        let event = E::from_payload(&recorded.kind, recorded.schema, &recorded.payload)?;
        let (next, end) = (recorded.stream.to_string(), format!("{}/end", recorded.stream));
        let remind = |name: &str, step: &str, due: Timestamp| Reaction::Remind {
            name: name.to_owned(),
            due,
            payload: json!({"stream": recorded.stream, "step": step}),
        };
        Ok(match event {
            E::Started(started) => {
                let look = started.next_attempt_at.map(|due| remind(&next, "next", due));
                look.into_iter().chain([remind(&end, "end", started.expires_at)]).collect()
            }
            E::Tried(tried) => {
                tried.next_attempt_at.map(|due| remind(&next, "next", due)).into_iter().collect()
            }
            E::Validated(validated) => {
                vec![remind(&next, "next", validated.renew_at), remind(&end, "end", validated.valid_until)]
            }
            E::Failed(_) | E::Expired(_) => {
                vec![Reaction::Forget { name: next }, Reaction::Forget { name: end }]
            }
            E::MailWanted(_) | E::CodeDrawn(_) | E::Expiring(_) => vec![],
        })
    }

    async fn act(&self, due: Due) -> Result<(), Problem> {
        let stream = due.payload["stream"].as_str().and_then(|text| Uuid::try_parse(text).ok());
        let Some(stream) = stream else {
            let payload: &Value = &due.payload;
            tracing::error!(timer = %payload, "a timer names no validation");
            return Ok(());
        };
        let Some((tenant, command)) = self.step(stream, &due).await? else { return Ok(()) };
        let actor = Actor::Service(Service::Directory);
        let context = Context::new(due.command_id, tenant, actor, self.clock.now().plus(PATIENCE));
        self.validations.execute(&context, stream, command).await.map(|_| ())
    }
}
