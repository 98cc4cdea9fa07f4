//! Acts that need approval are held: judged as if they were done now, kept as they were sent, and done when enough
//! administrators approved ([`crate::guarded_acts`]).

use bus::{Answer, Context, Waits};
use contracts::{
    Actor, AdministratorId, ApprovalId, Code, Command, Event, Problem,
    command::{Change, DryRun},
    directory::{ApprovalKind, ApprovalMatter, ApprovalPlace, ApprovalRule, RequestApproval, UnmatchedRule},
    signer::{
        ActHeld, ApprovalNeed, CertificateRequestEvent, GuardedActEvent, SubmitCertificateRequest, act_stream,
    },
};
use eventlog::{Expected, Outcome};
use runtime::{
    approvals,
    command::{append, append_problem},
};
use serde_json::{Value, json};

use crate::{
    guarded_act::ActCommand,
    log,
    signer::Signer,
    submit::{Accepted, Begun, intent_step, tried},
};

/// An act as those who decide see it.
pub struct Guarded {
    /// What kind it is.
    pub kind: ApprovalKind,
    /// What it changes; missing: something that does not exist yet.
    pub subject_id: Option<String>,
    /// Where it is decided.
    pub place: ApprovalPlace,
    /// What is asked for, in a sentence.
    pub summary: String,
    /// The version of what it changes, as those who decide see it.
    pub version: Option<i32>,
}

impl Signer {
    /// Holds an act that needs approval; `None`: it needs none, or was done already by an earlier command with the same
    /// id. `tried` judges it as a dry run does.
    ///
    /// Errors: what the act itself would be refused for.
    pub(crate) async fn hold<C: Command + Clone, T>(
        &self,
        context: &Context,
        command: &C,
        act: Guarded,
        tried: impl Future<Output = Result<Answer<T>, Problem>>,
    ) -> Result<Option<Answer<T>>, Problem> {
        if let Some(first) = log::first_event(&self.reader, context).await? {
            let held = first.category == GuardedActEvent::CATEGORY;
            return Ok(held.then_some(Answer::Waits(Waits { position: first.position, replayed: true })));
        }
        self.catch_up().await?;
        let Some(rule) = self.approval_rule(context.tenant, act.kind) else { return Ok(None) };
        approvals::can_be_met(&rule)?;
        let Some(requested_by) = requester(context) else { return Ok(None) };
        let Answer::Dry(DryRun { would_change, mut changes }) = tried.await? else {
            return Err(Problem::internal()); // a dry run is answered as one
        };
        if !would_change {
            return Ok(None);
        }
        if context.dry_run {
            changes.push(needed(&rule, &[]));
            return Ok(Some(Answer::Dry(DryRun { would_change, changes })));
        }
        let id: ApprovalId = self.ids.id();
        let subject_id = act.subject_id.unwrap_or_else(|| id.to_string());
        let matter =
            ApprovalMatter { kind: act.kind, subject_id, requested_by: Some(requested_by), place: act.place };
        let held = ActHeld {
            approval: RequestApproval { id, matter, summary: act.summary, changes, rule, unmatched: vec![] },
            command: C::NAME.to_owned(),
            body: serde_json::to_value(command).map_err(|_| Problem::internal())?,
            if_version: act.version,
        };
        let hold = ActCommand::Hold(Box::new(held));
        // The version that the caller named is that of what the act changes: it was looked at when the act was tried.
        let context = &Context { if_version: None, ..context.clone() };
        let done = self.acts.create(context, act_stream(id), hold).await?;
        Ok(Some(Answer::Waits(Waits { position: done.position, replayed: done.replayed })))
    }

    /// Records a certificate request that waits, and what is to be done once it is approved.
    pub(crate) async fn hold_request(
        &self,
        context: &Context,
        accepted: Accepted,
        rule: ApprovalRule,
        unmatched: Vec<UnmatchedRule>,
        command: &SubmitCertificateRequest,
    ) -> Result<Begun, Problem> {
        approvals::can_be_met(&rule)?;
        let beyond = accepted.beyond_names();
        let mut submitted = accepted.submitted;
        let id: ApprovalId = self.ids.id();
        if context.dry_run {
            let mut dry_run = tried(submitted);
            dry_run.changes.push(needed(&rule, &unmatched));
            return Ok(Begun::Tried(dry_run));
        }
        let belongs = submitted.belongs;
        let matter = ApprovalMatter {
            kind: ApprovalKind::CertificateRequest,
            subject_id: submitted.id.to_string(),
            requested_by: belongs.requested_by,
            place: ApprovalPlace {
                department_id: belongs.department_id,
                certificate_type: belongs.certificate_type,
                profile_id: Some(submitted.profile_id),
                installation: false,
            },
        };
        let names: Vec<_> = submitted.sans.iter().map(ToString::to_string).collect();
        let names = if names.is_empty() {
            submitted.common_name.clone().unwrap_or_else(|| "no names".to_owned())
        } else {
            names.join(", ")
        };
        let summary =
            format!("certificate for {names} by the profile '{}'", accepted.submit.rules.profile_name);
        let mut changes = tried(submitted.clone()).changes;
        changes.extend(beyond);
        let (required, submission) = (rule.required, submitted.id.uuid());
        submitted.issuance = None;
        submitted.approval =
            Some(ApprovalNeed::Needed { approval_id: id, required, unmatched: unmatched.clone() });
        let held = ActHeld {
            approval: RequestApproval { id, matter, summary, changes, rule, unmatched },
            command: SubmitCertificateRequest::NAME.to_owned(),
            body: serde_json::to_value(command).map_err(|_| Problem::internal())?,
            if_version: None,
        };
        let request = CertificateRequestEvent::Submitted(submitted);
        // What is held takes the place of the intent: a command is held or signed, never both, whatever the rules say
        // when it comes again.
        let step = intent_step(context);
        let appends = vec![
            append(context, &self.ids, submission, Expected::Version(0), &[request])?,
            append(&step, &self.ids, act_stream(id), Expected::Version(0), &[GuardedActEvent::Held(held)])?,
        ];
        let mut position = 0;
        for outcome in self.appender.append_all(appends).await {
            match outcome.map_err(|error| append_problem(&error))? {
                Outcome::Committed { last, .. } => position = last.max(position),
                Outcome::Replayed { .. } => return Ok(Begun::Repeated),
            }
        }
        Ok(Begun::Held(Waits { position, replayed: false }))
    }
}

/// Who asks for something, unless it is a service on its own account.
pub fn requester(context: &Context) -> Option<AdministratorId> {
    match context.actor {
        Actor::Administrator { administrator, .. } => Some(administrator),
        Actor::Service(_) => None,
    }
}

/// What a dry run says of the approvals.
fn needed(rule: &ApprovalRule, unmatched: &[UnmatchedRule]) -> Change {
    let to = json!({"required": rule.required, "approvers": rule.approvers, "fourEyes": rule.four_eyes,
        "unmatched": unmatched});
    Change { pointer: "/approval".to_owned(), from: Value::Null, to }
}

/// What somebody learns whose act was approved and is refused now.
#[must_use]
pub fn after_approval(problem: Problem) -> Problem {
    let detail = format!("it was approved, but what holds now refuses it: {}", problem.detail);
    Problem { detail, ..problem }
}

/// Whether trying again cannot help.
#[must_use]
pub fn is_final(problem: &Problem) -> bool {
    !problem.retryable
        && !matches!(
            problem.code,
            Code::Internal
                | Code::ServiceUnavailable
                | Code::ProjectionBehind
                | Code::KeystoreSealed
                | Code::TokenUnavailable
                | Code::ClockGuard
                | Code::CommandTimeout
                | Code::RateLimited
        )
}
