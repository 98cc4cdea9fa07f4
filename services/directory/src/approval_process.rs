//! What approvals call for: their reminders, escalations and ends on their days, approvals of delegations and of approval
//! policies themselves, and that those count once they are granted. All of it is repeated after a crash, with one effect.

use std::sync::Arc;

use bus::Context;
use contracts::{
    Actor, ApprovalId, Code, DomainId, Event, OrganizationId, Problem, Service, Timestamp,
    directory::{
        ApprovalEvent, ApprovalKind, ApprovalPolicyEvent, Delegate, DomainDelegationRefused, DomainEvent,
        approval_policy_stream,
    },
    event::EventError,
    x509::CertificateType,
};
use eventlog::Recorded;
use runtime::{
    command::{event, read_problem},
    process::{Process, Reaction},
    service::ServiceContext,
    timer::Due,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    approval::ApprovalCommand,
    approval_policy::PolicyCommand,
    domain::DomainCommand,
    handlers::{Handlers, INSTALLATION, delegations},
};

/// Time for one step.
const PATIENCE: time::Duration = time::Duration::seconds(20);

struct Approvals {
    handlers: Arc<Handlers>,
}

/// Starts the process.
pub fn start(context: &ServiceContext, handlers: Arc<Handlers>) {
    runtime::process::start(context, Approvals { handlers });
}

impl Process for Approvals {
    const NAME: &'static str = "approvals";
    const CATEGORIES: &'static [&'static str] = &["approval", "approval_policy", "domain"];

    fn react(&self, recorded: &Recorded) -> Result<Vec<Reaction>, EventError> {
        match recorded.category.as_str() {
            ApprovalEvent::CATEGORY => of_approval(recorded),
            ApprovalPolicyEvent::CATEGORY => Ok(match read(recorded)? {
                ApprovalPolicyEvent::Proposed(_) => vec![at_once("propose", recorded.id, recorded)],
                ApprovalPolicyEvent::Dropped(dropped) => {
                    vec![at_once("forget", dropped.approval_id.uuid(), recorded)]
                }
                ApprovalPolicyEvent::Replaced(_) => vec![],
            }),
            _ => Ok(match read::<DomainEvent>(recorded)? {
                DomainEvent::DelegationRequested(_)
                | DomainEvent::Delegated(_)
                | DomainEvent::DelegationApproved(_)
                | DomainEvent::DelegationRefused(_)
                | DomainEvent::DelegationWithdrawn(_) => vec![at_once("delegate", recorded.id, recorded)],
                DomainEvent::Created(_)
                | DomainEvent::Updated(_)
                | DomainEvent::Activated(_)
                | DomainEvent::Deactivated(_) => vec![],
            }),
        }
    }

    async fn act(&self, due: Due) -> Result<(), Problem> {
        let (what, _) = due.name.split_once(' ').ok_or_else(Problem::internal)?;
        let approval = || uuid(&due.payload, "stream").map(ApprovalId);
        match what {
            "expire" => self.tick(approval()?, &due, ApprovalCommand::Expire).await,
            "remind" => self.tick(approval()?, &due, ApprovalCommand::Remind).await,
            "escalate" => self.tick(approval()?, &due, ApprovalCommand::Escalate).await,
            "end" => self.end(approval()?, &due).await,
            "forget" => self.withdraw(approval()?, &due).await,
            "propose" => self.propose(&due).await,
            _ => self.delegate(&due).await,
        }
    }
}

/// The timers of an approval, and what its end calls for.
fn of_approval(recorded: &Recorded) -> Result<Vec<Reaction>, EventError> {
    let id = recorded.stream;
    let timer = |what: &str, due: Timestamp| Reaction::Remind {
        name: format!("{what} {id}"),
        due,
        payload: json!({"stream": id}),
    };
    Ok(match read(recorded)? {
        ApprovalEvent::Requested(requested) => [
            Some(timer("expire", requested.expires_at)),
            requested.remind_at.first().map(|at| timer("remind", *at)),
            requested.escalate.map(|due| timer("escalate", due.at)),
        ]
        .into_iter()
        .flatten()
        .collect(),
        ApprovalEvent::Reminded(reminded) => {
            reminded.next.map(|at| timer("remind", at)).into_iter().collect()
        }
        ApprovalEvent::Given(_) | ApprovalEvent::Escalated(_) => vec![],
        ApprovalEvent::Granted(_)
        | ApprovalEvent::Declined(_)
        | ApprovalEvent::Expired(_)
        | ApprovalEvent::Withdrawn(_) => {
            let over = ["expire", "remind", "escalate"]
                .map(|what| Reaction::Forget { name: format!("{what} {id}") });
            over.into_iter().chain([at_once("end", id, recorded)]).collect()
        }
    })
}

fn at_once(what: &str, id: Uuid, recorded: &Recorded) -> Reaction {
    Reaction::Remind {
        name: format!("{what} {id}"),
        due: recorded.recorded_at,
        payload: json!({"stream": if what == "forget" { id } else { recorded.stream }, "version": recorded.version}),
    }
}

impl Approvals {
    /// Something that is due on its day.
    async fn tick(&self, id: ApprovalId, due: &Due, command: ApprovalCommand) -> Result<(), Problem> {
        let (_, tenant) = self.handlers.known_approval(id).await?;
        let context = self.own(due.command_id, tenant);
        self.handlers.approvals.execute(&context, id.uuid(), command).await?;
        Ok(())
    }

    async fn withdraw(&self, id: ApprovalId, due: &Due) -> Result<(), Problem> {
        let Ok((_, tenant)) = self.handlers.known_approval(id).await else { return Ok(()) };
        let context = self.own(due.command_id, tenant);
        let reason = Some("something else is asked for, or it is settled".to_owned());
        let withdraw = ApprovalCommand::Withdraw { by: None, reason };
        match self.handlers.approvals.execute(&context, id.uuid(), withdraw).await {
            Err(problem) if problem.retryable => Err(problem),
            _ => Ok(()), // it is over already
        }
    }

    /// Asks for the approval of a new approval policy.
    async fn propose(&self, due: &Due) -> Result<(), Problem> {
        let recorded = self.recorded(due).await?;
        let ApprovalPolicyEvent::Proposed(proposed) = event(&recorded)? else { return Ok(()) };
        let whose = OrganizationId(recorded.tenant);
        let known = self.handlers.approval_policies.reload(recorded.stream).await?;
        let waits =
            known.state.proposed.as_ref().is_some_and(|(approval, _)| *approval == proposed.approval_id);
        if !waits {
            return Ok(()); // dropped before it was asked for
        }
        let request = self.handlers.policy_approval(&recorded, &known.state.rules, proposed, whose).await?;
        let context = self.own(due.command_id, whose);
        let id = request.id;
        let command = ApprovalCommand::Request(Box::new(request));
        self.handlers.approvals.execute(&context, id.uuid(), command).await?;
        Ok(())
    }

    /// Lets what waited count, or not.
    async fn end(&self, id: ApprovalId, due: &Due) -> Result<(), Problem> {
        let history = self.handlers.reader.read_stream(id.uuid(), 0).await.map_err(read_problem)?;
        let Some(last) = history.last() else { return Ok(()) };
        let tenant = OrganizationId(last.tenant);
        let context = Context { causation: last.id, ..self.own(due.command_id, tenant) };
        let ended: ApprovalEvent = event(last)?;
        let matter = ended.matter().clone();
        match matter.kind {
            ApprovalKind::Delegation => {
                let Some((domain, delegate)) = delegations::subject(&matter.subject_id) else {
                    return Ok(());
                };
                let context = Context { tenant: INSTALLATION, ..context };
                let shown = history.first().map(event).transpose()?.and_then(shown_types);
                self.settle(&context, domain, delegate, shown, ended).await
            }
            ApprovalKind::PolicyChange if matter.subject_id.starts_with(delegations::POLICY) => {
                let stream = approval_policy_stream(tenant);
                let organization = (tenant != INSTALLATION).then_some(tenant);
                let command = match ended {
                    ApprovalEvent::Granted(_) => PolicyCommand::Accept { organization, approval: id },
                    _ => PolicyCommand::Drop(id),
                };
                self.handlers.approval_policies.execute(&context, stream, command).await?;
                Ok(())
            }
            _ => Ok(()), // guarded by another service
        }
    }

    /// Lets a delegation count, or not.
    async fn settle(
        &self,
        context: &Context,
        domain: DomainId,
        delegate: Delegate,
        shown: Option<Vec<CertificateType>>,
        ended: ApprovalEvent,
    ) -> Result<(), Problem> {
        let known = self.handlers.domains.reload(domain.uuid()).await?;
        let delegation = known.state.0.as_ref().and_then(|domain| domain.delegations.get(&delegate));
        let still = delegation
            .is_some_and(|delegation| shown.as_ref().is_none_or(|shown| *shown == delegation.requested));
        if !still {
            return Ok(()); // something else is asked for by now, and decided by itself
        }
        let reason = match ended {
            ApprovalEvent::Granted(_) => None,
            ApprovalEvent::Declined(declined) => Some(declined.reason),
            ApprovalEvent::Withdrawn(withdrawn) => {
                // By the service: a later request or a master's word has settled it.
                if withdrawn.by.is_none() {
                    return Ok(());
                }
                Some(withdrawn.reason.unwrap_or_else(|| "it was taken back".to_owned()))
            }
            _ => Some("nobody decided in time".to_owned()),
        };
        let reject = |reason| DomainCommand::Reject(DomainDelegationRefused { delegate, reason });
        let command = reason.map_or(DomainCommand::Approve { delegate, shown }, reject);
        match self.handlers.domains.execute(context, domain.uuid(), command).await {
            Err(problem) if problem.retryable => Err(problem),
            // Granted, and not possible any more: whoever asked learns why.
            Err(problem) if problem.code == Code::ValidationFailed => {
                let words = format!("it was approved, but what holds now refuses it: {}", problem.detail);
                let step = context.step("refuse");
                self.handlers.domains.execute(&step, domain.uuid(), reject(words)).await.map(drop)
            }
            // It is settled already.
            _ => Ok(()),
        }
    }

    /// A delegation is asked for, or settled: one approval waits while something of it does.
    async fn delegate(&self, due: &Due) -> Result<(), Problem> {
        let recorded = self.recorded(due).await?;
        let happened: DomainEvent = event(&recorded)?;
        let Some(delegate) = happened.delegate() else { return Ok(()) };
        let domain = DomainId(recorded.stream);
        let handlers = &self.handlers;
        let keep = Uuid::new_v5(&recorded.id, b"approval");
        for open in handlers.open_delegation(domain, delegate).await? {
            if open.uuid() != keep {
                let step =
                    Due { command_id: Uuid::new_v5(&due.command_id, open.uuid().as_bytes()), ..due.clone() };
                self.withdraw(open, &step).await?;
            }
        }
        let DomainEvent::DelegationRequested(_) = happened else { return Ok(()) };
        let known = handlers.domains.reload(domain.uuid()).await?;
        let Some(domain) = &known.state.0 else { return Ok(()) };
        let waits = domain.delegations.get(&delegate).is_some_and(|known| !known.requested.is_empty());
        // A later event of the same delegation has a timer of its own.
        if !waits {
            return Ok(());
        }
        let request = handlers.delegation_approval(&recorded, domain, delegate, ApprovalId(keep)).await?;
        let context = self.own(due.command_id, delegate.organization_id);
        let request = ApprovalCommand::Request(Box::new(request));
        handlers.approvals.execute(&context, keep, request).await?;
        Ok(())
    }

    /// The event that a timer was set by.
    async fn recorded(&self, due: &Due) -> Result<Recorded, Problem> {
        let stream = uuid(&due.payload, "stream")?;
        let version = due.payload["version"].as_i64().and_then(|version| i32::try_from(version).ok());
        let version = version.ok_or_else(Problem::internal)?;
        let tail = self.handlers.reader.read_stream(stream, version - 1).await.map_err(read_problem)?;
        tail.into_iter().next().ok_or_else(Problem::internal)
    }

    fn own(&self, command_id: Uuid, tenant: OrganizationId) -> Context {
        let deadline = self.handlers.clock.now().plus(PATIENCE);
        Context::new(command_id, tenant, Actor::Service(Service::Directory), deadline)
    }
}

/// The types of a delegation that those who decided were shown.
fn shown_types(asked: ApprovalEvent) -> Option<Vec<CertificateType>> {
    let ApprovalEvent::Requested(requested) = asked else { return None };
    let shown = requested.changes.into_iter().find(|change| change.pointer == "/types")?;
    serde_json::from_value(shown.to).ok()
}

fn uuid(payload: &Value, member: &str) -> Result<Uuid, Problem> {
    payload[member].as_str().and_then(|id| id.parse().ok()).ok_or_else(Problem::internal)
}

fn read<E: Event>(recorded: &Recorded) -> Result<E, EventError> {
    E::from_payload(&recorded.kind, recorded.schema, &recorded.payload)
}
