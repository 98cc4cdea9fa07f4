//! The process behind acts that need approval: it asks the directory for the approval of what is held, and goes on when
//! the directory says how that ended. Both are repeated after a crash, and have one effect.

use std::sync::Arc;

use bus::Context;
use contracts::Command as _;
use contracts::{
    Actor, ApprovalId, Event, EventError, OrganizationId, Problem, Service, Timestamp,
    directory::ApprovalEvent,
    signer::{ActHeld, GuardedActEvent, SubmitCertificateRequest, act_stream, approved_command},
};
use eventlog::Recorded;
use runtime::{
    command::{event, read_problem},
    process::{Process, Reaction},
    service::ServiceContext,
    timer::Due,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    certificate_request::RequestCommand,
    guarded_act::{ActCommand, GuardedAct},
    hold::is_final,
    signer::Signer,
};

/// Time for one step.
const PATIENCE: time::Duration = time::Duration::seconds(20);

/// Asks for approvals, and goes on.
struct GuardedActs {
    signer: Arc<Signer>,
}

/// Starts the process.
pub fn start(context: &ServiceContext, signer: Arc<Signer>) {
    runtime::process::start(context, GuardedActs { signer });
}

fn ask(approval: impl std::fmt::Display) -> String {
    format!("ask {approval}")
}

impl Process for GuardedActs {
    const NAME: &'static str = "guarded_acts";
    const CATEGORIES: &'static [&'static str] = &["guarded_act", "approval"];

    fn react(&self, recorded: &Recorded) -> Result<Vec<Reaction>, EventError> {
        let at_once = |name: String, approval: Uuid| Reaction::Remind {
            name,
            due: recorded.recorded_at,
            payload: json!({"approval": approval}),
        };
        if recorded.category == GuardedActEvent::CATEGORY {
            return Ok(match read(recorded)? {
                GuardedActEvent::Held(held) => {
                    vec![at_once(ask(held.approval.id), held.approval.id.uuid())]
                }
                GuardedActEvent::Done(_) | GuardedActEvent::Failed(_) | GuardedActEvent::Dropped(_) => vec![],
            });
        }
        let id = ApprovalId(recorded.stream);
        Ok(match read(recorded)? {
            ApprovalEvent::Requested(_) => vec![Reaction::Forget { name: ask(id) }],
            ApprovalEvent::Given(_) | ApprovalEvent::Reminded(_) | ApprovalEvent::Escalated(_) => vec![],
            ApprovalEvent::Granted(_)
            | ApprovalEvent::Declined(_)
            | ApprovalEvent::Expired(_)
            | ApprovalEvent::Withdrawn(_) => vec![at_once(format!("end {id}"), recorded.stream)],
        })
    }

    async fn act(&self, due: Due) -> Result<(), Problem> {
        let approval = due.payload["approval"].as_str().and_then(|id| id.parse().ok());
        let approval = ApprovalId(approval.ok_or_else(Problem::internal)?);
        let known = self.signer.acts.reload(act_stream(approval)).await?;
        // Other services guard acts, too; and what is over is over.
        let GuardedAct::Held(held) = &known.state else { return Ok(()) };
        let context = self.context(approval, held).await?;
        if due.name.starts_with("ask") {
            self.request(&context, held).await
        } else {
            self.end(&context, approval, held).await
        }
    }
}

impl GuardedActs {
    /// The command that an act is done by: on behalf of who asked for it.
    async fn context(&self, approval: ApprovalId, held: &ActHeld) -> Result<Context, Problem> {
        let signer = &self.signer;
        let history = signer.reader.read_stream(act_stream(approval), 0).await.map_err(read_problem)?;
        let first = history.first().ok_or_else(Problem::internal)?;
        let actor: Actor = first.actor.parse().map_err(|_| Problem::internal())?;
        let deadline: Timestamp = signer.clock.now().plus(PATIENCE);
        let tenant = OrganizationId(first.tenant);
        Ok(Context {
            correlation: first.correlation,
            causation: first.id,
            traceparent: first.traceparent.clone(),
            if_version: held.if_version,
            ..Context::new(approved_command(approval), tenant, actor, deadline)
        })
    }

    /// Asks the directory for the approval.
    async fn request(&self, context: &Context, held: &ActHeld) -> Result<(), Problem> {
        let step = context.step("request").by(Actor::Service(Service::Signer));
        match self.signer.bus.call(&step, &held.approval).await {
            Ok(_) => Ok(()),
            Err(problem) if is_final(&problem) => self.fail(context, held, problem, true).await,
            Err(problem) => Err(problem),
        }
    }

    /// Goes on, or drops what was not approved.
    async fn end(&self, context: &Context, approval: ApprovalId, held: &ActHeld) -> Result<(), Problem> {
        let signer = &self.signer;
        let history = signer.reader.read_stream(approval.uuid(), 0).await.map_err(read_problem)?;
        let mut end = None;
        for recorded in &history {
            end = match event::<ApprovalEvent>(recorded)? {
                ApprovalEvent::Granted(granted) => {
                    let caused = Context { causation: recorded.id, ..context.clone() };
                    fail::fail_point!("X04-granted-not-done");
                    let done = signer.proceed(&caused, held, &granted).await;
                    fail::fail_point!("X05-done-not-marked");
                    return match done {
                        Ok(subject_id) => self.finish(&caused, ActCommand::Finish { subject_id }, held).await,
                        Err(problem) if is_final(&problem) => self.fail(&caused, held, problem, false).await,
                        Err(problem) => Err(problem),
                    };
                }
                ApprovalEvent::Declined(event) => Some(RequestCommand::Reject {
                    approval_id: approval,
                    by: Some(event.by),
                    reason: event.reason,
                }),
                ApprovalEvent::Expired(_) => Some(RequestCommand::Reject {
                    approval_id: approval,
                    by: None,
                    reason: "nobody decided in time".to_owned(),
                }),
                ApprovalEvent::Withdrawn(event) => {
                    Some(RequestCommand::Cancel { approval_id: approval, by: event.by, reason: event.reason })
                }
                ApprovalEvent::Requested(_)
                | ApprovalEvent::Given(_)
                | ApprovalEvent::Reminded(_)
                | ApprovalEvent::Escalated(_) => end,
            };
        }
        let Some(end) = end else { return Ok(()) };
        if is_request(held) {
            signer.end_request(context, &held.approval.matter.subject_id, end).await?;
        }
        self.finish(context, ActCommand::Drop, held).await
    }

    /// It will not be done; `unasked`: before anybody was asked.
    async fn fail(
        &self,
        context: &Context,
        held: &ActHeld,
        problem: Problem,
        unasked: bool,
    ) -> Result<(), Problem> {
        tracing::warn!(approval_id = %held.approval.id, command = held.command, %problem, "a held act fails");
        if unasked && is_request(held) {
            let id = &held.approval.matter.subject_id;
            self.signer.fail_unasked(context, id, problem.clone()).await?;
        }
        self.finish(context, ActCommand::Fail(Box::new(problem)), held).await
    }

    async fn finish(&self, context: &Context, end: ActCommand, held: &ActHeld) -> Result<(), Problem> {
        let step = context.step("finish").by(Actor::Service(Service::Signer));
        self.signer.acts.execute(&step, act_stream(held.approval.id), end).await?;
        Ok(())
    }
}

fn is_request(held: &ActHeld) -> bool {
    held.command == SubmitCertificateRequest::NAME
}

fn read<E: Event>(recorded: &Recorded) -> Result<E, EventError> {
    E::from_payload(&recorded.kind, recorded.schema, &recorded.payload)
}
