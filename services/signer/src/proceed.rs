//! What was approved is done: judged once more by what holds now, as who asked for it, and at most once.

use std::sync::Arc;

use bus::Context;
use contracts::{
    Actor, CertificateRequestId, Code, Command, Event, Permission, Problem, Service,
    directory::{ApprovalGranted, Delegate},
    id::Reference,
    signer::{
        ActHeld, CertificateRequestEvent, CertificateRequestSubmitted, CreateCa, CreatePolicy, CreateProfile,
        IssuanceEvent, SubmitCertificateRequest, UpdatePolicy, UpdateProfile,
    },
};
use eventlog::{AppendError, Expected};
use pki::serial::Serial;
use runtime::{
    aggregate::{Aggregate, differences},
    authority::Target,
    command::{append, append_problem, event, read_problem},
};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::{
    certificate_request::{CertificateRequest, NewIds, RequestCommand, Submit},
    hold::{after_approval, is_final, requester},
    issue::Intent,
    log,
    signer::Signer,
    submit::{Begun, intent_step, read},
};

/// Whether what would be signed now is what those who decided saw. Errors: `invalid_state`.
fn as_approved(
    now: &CertificateRequestSubmitted,
    approved: &CertificateRequestSubmitted,
) -> Result<(), Problem> {
    let seen = |request: &CertificateRequestSubmitted| {
        let CertificateRequestSubmitted { common_name, sans, subject_changes, key_algorithm, ttl, .. } =
            request;
        json!({"commonName": common_name, "sans": sans, "subjectChanges": subject_changes,
            "keyAlgorithm": key_algorithm, "ttl": ttl})
    };
    let changed = differences(&seen(approved), &seen(now));
    if changed.is_empty() {
        return Ok(());
    }
    let what: Vec<&str> = changed.iter().map(|change| change.pointer.trim_start_matches('/')).collect();
    let words =
        format!("what would be signed is not what was approved any more: {} changed", what.join(", "));
    Err(Problem::new(Code::InvalidState, words))
}

impl Signer {
    /// Does what was approved, and says what came of it. `context`: that of the act, its command id from the approval.
    ///
    /// Errors: why it cannot be done; whether trying again may help, [`is_final`] says.
    pub(crate) async fn proceed(
        &self,
        context: &Context,
        held: &ActHeld,
        granted: &ApprovalGranted,
    ) -> Result<String, Problem> {
        self.authority.catch_up().await.map_err(read_problem)?;
        self.catch_up().await?;
        let approval = Some(held.approval.id);
        match held.command.as_str() {
            SubmitCertificateRequest::NAME => {
                let id = self.proceed_request(context, held, granted).await?;
                Ok(id.to_string())
            }
            CreateCa::NAME => {
                self.still::<CreateCa>(context)?;
                let command = body::<CreateCa>(held)?;
                done(self.create_ca_admitted(context.clone(), command, approval).await?, |ca| {
                    ca.id.to_string()
                })
            }
            CreateProfile::NAME => {
                self.still::<CreateProfile>(context)?;
                let answer = self.create_profile_admitted(context.clone(), body(held)?).await?;
                done(answer, |profile| profile.id.to_string())
            }
            UpdateProfile::NAME => {
                self.still::<UpdateProfile>(context)?;
                let answer = self.update_profile_admitted(context.clone(), body(held)?).await?;
                done(answer, |profile| profile.id.to_string())
            }
            CreatePolicy::NAME => {
                self.still::<CreatePolicy>(context)?;
                let answer = self.create_policy_admitted(context.clone(), body(held)?).await?;
                done(answer, |policy| policy.id.to_string())
            }
            UpdatePolicy::NAME => {
                self.still::<UpdatePolicy>(context)?;
                let answer = self.update_policy_admitted(context.clone(), body(held)?).await?;
                done(answer, |policy| policy.id.to_string())
            }
            other => {
                tracing::error!(command = other, "an act is held that this release does not know");
                Err(Problem::internal())
            }
        }
    }

    /// Whether who asked may do it still.
    fn still<C: Command>(&self, context: &Context) -> Result<(), Problem> {
        let permission = C::PERMISSION.ok_or_else(Problem::internal)?;
        self.still_may(context, permission, &Target::organization(context.tenant))
    }

    fn still_may(&self, context: &Context, permission: Permission, target: &Target) -> Result<(), Problem> {
        let allowed = requester(context).is_none_or(|who| self.authority.still_may(who, permission, target));
        let refusal = || Problem::new(Code::Forbidden, "who asked for it may not do it any more");
        if allowed { Ok(()) } else { Err(after_approval(refusal())) }
    }

    async fn proceed_request(
        &self,
        context: &Context,
        held: &ActHeld,
        granted: &ApprovalGranted,
    ) -> Result<CertificateRequestId, Problem> {
        let id: CertificateRequestId =
            held.approval.matter.subject_id.parse().map_err(|_| Problem::internal())?;
        let approval_id = held.approval.id;
        let approve = RequestCommand::Approve { approval_id, by: granted.by.clone() };
        let step = context.step("approve").by(Actor::Service(Service::Signer));
        self.requests.execute(&step, id.uuid(), approve).await?;
        let known = self.requests.reload(id.uuid()).await?;
        let CertificateRequest::Approved(submitted) = &known.state else { return Ok(id) };
        if let Some(intent) = self.approved_intent(context).await? {
            // It stands in the log: it is finished later, whatever is in the way now.
            self.issue(context, &intent).await.map_err(|problem| Problem { retryable: true, ..problem })?;
            return Ok(id);
        }
        let command: SubmitCertificateRequest = body(held)?;
        match self.sign_approved(context, command, submitted, known.version).await {
            Ok(()) => Ok(id),
            Err((problem, policy_version)) if is_final(&problem) => {
                let problem = after_approval(problem);
                self.fail_request(context, id, problem.clone(), policy_version).await?;
                Err(problem)
            }
            Err((problem, _)) => Err(problem),
        }
    }

    /// Judges an approved request by what holds now, and lets the certificate be signed. Errors with the version of the
    /// policy that it was judged by, if it came so far.
    async fn sign_approved(
        &self,
        context: &Context,
        command: SubmitCertificateRequest,
        submitted: &CertificateRequestSubmitted,
        recorded: i32,
    ) -> Result<(), (Problem, Option<i32>)> {
        let belongs = submitted.belongs;
        let target = Target::certificate(context.tenant, &belongs, Some(submitted.profile_id), None);
        let early = |problem| (problem, None);
        self.still_may(context, Permission::RequestCreate, &target).map_err(early)?;
        self.authority.in_use(context.tenant, belongs.department_id).map_err(early)?;
        self.level(self.domains.catch_up()).await.map_err(early)?;
        let wanted = command.key.clone().unwrap_or_default();
        let managed = self.managed_key(context, None, wanted).await.map_err(early)?;
        let (mut applicant, _, choice) = read(command, managed).map_err(early)?;
        let profile = Reference::Id(submitted.profile_id);
        let selection = self.select(context, Some(&profile)).await.map_err(early)?;
        applicant.fill_for(&selection.rules);
        let policy_version = selection.rules.policy_version;
        let version = Some(policy_version);
        let policy = selection.rules.policy_name.clone();
        let judged = |problem: Problem| {
            let detail = match problem.code {
                Code::PolicyViolation => {
                    format!("{} (policy '{policy}', version {policy_version})", problem.detail)
                }
                _ => problem.detail,
            };
            (Problem { detail, ..problem }, version)
        };
        let delegate = Delegate { organization_id: context.tenant, department_id: belongs.department_id };
        let kind = selection.rules.profile.certificate_type;
        let submit = Submit {
            refused_names: self.refused_names(delegate, &applicant, kind).await.map_err(&judged)?,
            refused_key: self.refused_key(context.tenant, &applicant).map_err(&judged)?,
            values: self.catalog.read(|catalog| catalog.organizations().values(delegate)),
            rules: selection.rules,
            issuer: selection.issuer,
            choice,
            belongs,
            ids: NewIds {
                request: submitted.id,
                certificate: submitted.certificate_id,
                serial: Serial::new(self.ids.serial_number()),
                key: applicant.chosen_key(),
            },
            applicant: Arc::new(applicant),
        };
        let now = self.clock.now();
        let accepted = match submit.applicant.spki().map(<[u8]>::to_vec) {
            Some(spki) => self.accept(submit, spki, now).await,
            None => self.accept_managed(context, submit, now).await,
        };
        let mut accepted = accepted.map_err(&judged)?;
        as_approved(&accepted.submitted, submitted).map_err(&judged)?;
        accepted.submitted.approval.clone_from(&submitted.approval);
        if accepted.submitted.manual {
            return self.go_on_manually(context, accepted, recorded).await.map(drop).map_err(&judged);
        }
        let begun = self.record(context, accepted, None).await.map_err(&judged)?;
        let intent = match begun {
            Begun::Recorded(_, intent) => Some(*intent),
            // Another instance was faster, or it has failed.
            Begun::Repeated | Begun::Held(_) | Begun::Tried(_) => {
                self.approved_intent(context).await.map_err(&judged)?
            }
        };
        if let Some(intent) = intent {
            self.issue(context, &intent).await.map_err(|problem| {
                // The intent stands in the log: it is finished later, whatever is in the way now.
                (Problem { retryable: true, ..problem }, version)
            })?;
        }
        Ok(())
    }

    /// The intent of an approved request, if it was recorded.
    async fn approved_intent(&self, context: &Context) -> Result<Option<Intent>, Problem> {
        let step = intent_step(context).command_id;
        let Some(recorded) = log::first_event_of_step(&self.reader, step).await? else { return Ok(None) };
        if recorded.category != IssuanceEvent::CATEGORY {
            return Ok(None);
        }
        let IssuanceEvent::Intended(intended) = event(&recorded)? else { return Err(Problem::internal()) };
        Ok(Some(Intent { stream: recorded.stream, intended }))
    }

    /// Records that there will be no certificate. It goes by the id that an intent would go by, so that there is one of
    /// both and never both.
    async fn fail_request(
        &self,
        context: &Context,
        id: CertificateRequestId,
        problem: Problem,
        policy_version: Option<i32>,
    ) -> Result<(), Problem> {
        let known = self.requests.reload(id.uuid()).await?;
        let fail = RequestCommand::Fail { problem: Box::new(problem), policy_version };
        let events = known.state.decide(fail, self.clock.now())?;
        if events.is_empty() {
            return Ok(());
        }
        let step = intent_step(context).by(Actor::Service(Service::Signer));
        let expected = Expected::Version(known.version);
        let append = append::<CertificateRequestEvent>(&step, &self.ids, id.uuid(), expected, &events)?;
        match self.appender.append(append).await {
            Ok(_) => Ok(()),
            Err(error @ AppendError::Conflict { .. }) => {
                Err(Problem { retryable: true, ..append_problem(&error) })
            }
            Err(error) => Err(append_problem(&error)),
        }
    }

    /// Ends a request whose approval could not even be asked for.
    pub(crate) async fn fail_unasked(
        &self,
        context: &Context,
        id: &str,
        problem: Problem,
    ) -> Result<(), Problem> {
        let Ok(id) = id.parse::<CertificateRequestId>() else { return Ok(()) };
        self.fail_request(context, id, problem, None).await
    }

    /// Ends a request that was not approved, or taken back.
    pub(crate) async fn end_request(
        &self,
        context: &Context,
        id: &str,
        end: RequestCommand,
    ) -> Result<(), Problem> {
        let Ok(id) = id.parse::<CertificateRequestId>() else { return Ok(()) };
        let step = context.step("end").by(Actor::Service(Service::Signer));
        self.requests.execute(&step, id.uuid(), end).await?;
        Ok(())
    }
}

/// The body of a held command.
fn body<C: DeserializeOwned>(held: &ActHeld) -> Result<C, Problem> {
    serde_json::from_value(held.body.clone()).map_err(|error| {
        tracing::error!(%error, command = held.command, "a held command cannot be read");
        Problem::internal()
    })
}

fn done<T>(answer: bus::Answer<T>, id: impl FnOnce(&T) -> String) -> Result<String, Problem> {
    match answer {
        bus::Answer::Done(reply) => Ok(id(&reply.result)),
        bus::Answer::Waits(_) | bus::Answer::Dry(_) => Err(Problem::internal()),
    }
}
