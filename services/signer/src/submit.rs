//! `submit_certificate_request`: from a CSR, or the wish for a managed key, to a durable certificate.
//!
//! A request has three durable waits: [`Signer::record`], keystore's journal, and the end of [`Signer::issue`].
//! Everything else happens in memory, and nothing is kept of a request that is refused.

use std::{borrow::Cow, sync::Arc};

use bus::{Answer, Context, Reply, Waits};
use contracts::{
    Actor, Code, DepartmentId, KeyId, Permission, Problem, ProfileId, Service, Timestamp, Violation,
    command::{Change, DryRun},
    directory::{Belonging, Delegate},
    id::Reference,
    keystore::GenerateRequestKey,
    signer::{
        ApprovalNeed, CertificateRequestEvent, CertificateRequestSubmitted, IssuanceEvent, IssuedCertificate,
        RequestSource, RequestStatus, SubmitCertificateRequest, intent_command,
    },
    x509::{KeyAlgorithm, SubjectAttribute},
};
use eventlog::{Append, AppendError, Expected, Outcome};
use pki::{
    csr::{CertificationRequest, CsrError},
    name, pem,
    serial::Serial,
};
use runtime::{
    aggregate::{Aggregate, differences},
    authority::{Caller, Target},
    command::{append, append_problem},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    applicant::Applicant,
    approval::Need,
    certificate_request::{CertificateRequest, Choice, NewIds, Submit},
    draft::{Contents, Draft, Signatory},
    issue::{Intent, Issued},
    managed_key::Managed,
    manual,
    rules::Rules,
    signer::Signer,
    throwaway::ThrowawayKey,
    view,
};

/// How often a serial number is drawn. With honest randomness once is enough for ever.
const ATTEMPTS: u32 = 3;

/// A request that may be recorded, and the certificate that is to come of it.
pub(crate) struct Accepted {
    pub(crate) submit: Submit,
    pub(crate) spki: Vec<u8>,
    now: Timestamp,
    pub(crate) submitted: CertificateRequestSubmitted,
    /// Missing where a CA outside signs.
    draft: Option<Draft>,
}

impl Accepted {
    /// What those who decide see beside names and lifetime: whom the certificate is about, and which key it is for.
    pub(crate) fn beyond_names(&self) -> Vec<Change> {
        let (subject, _) = self.submit.subject();
        let key = match self.submit.applicant.spki() {
            Some(spki) => json!(hex::encode(Sha256::digest(spki))),
            None => Value::Null, // it is made afterwards
        };
        differences(&Value::Null, &json!({"subject": subject, "publicKeySha256": key}))
    }
}

impl Submit {
    /// The subject's Name that is certified, DER. Errors: `validation_failed`.
    pub(crate) fn subject_der(&self) -> Result<Cow<'_, [u8]>, Problem> {
        match self.subject() {
            (_, changes) if changes.is_empty() => self.applicant.subject_der(),
            (subject, _) => name::subject_to_name(&subject)
                .map(Cow::Owned)
                .map_err(|error| Problem::new(Code::ValidationFailed, error.to_string())),
        }
    }
}

/// What became of a request before anything was signed.
pub(crate) enum Begun {
    /// A dry run: nothing was appended.
    Tried(DryRun),
    /// Request and intent stand in the log.
    Recorded(Box<CertificateRequestSubmitted>, Box<Intent>),
    /// The request stands in the log and waits for its approval.
    Held(Waits),
    /// They have stood there since an earlier command with the same id.
    Repeated,
}

impl Signer {
    /// Answers the command.
    pub async fn submit(
        &self,
        context: Context,
        command: SubmitCertificateRequest,
    ) -> Result<Answer<IssuedCertificate>, Problem> {
        let caller = self.authority.caller::<SubmitCertificateRequest>(&context).await?;
        let (began, source, profile) = (self.clock.monotonic(), source(&command), command.profile.clone());
        let (tenant, dry_run) = (context.tenant, context.dry_run);
        let answer = self.submit_admitted(context, &caller, command).await;
        if !dry_run {
            let elapsed = self.clock.monotonic().saturating_sub(began);
            // Asked last: the first request of an organization may have made its Micro CA.
            let issuer = self.catalog.read(|catalog| catalog.select(tenant, profile.as_ref()));
            let issuer = issuer.ok().map(|selection| selection.issuer_kind());
            self.metrics.answered(source, issuer, answer.as_ref().err(), elapsed);
        }
        answer
    }

    async fn submit_admitted(
        &self,
        context: Context,
        caller: &Caller,
        command: SubmitCertificateRequest,
    ) -> Result<Answer<IssuedCertificate>, Problem> {
        match self.begin(&context, caller, command).await {
            Ok(Begun::Tried(dry_run)) => Ok(Answer::Dry(dry_run)),
            Ok(Begun::Recorded(submitted, intent)) => {
                let issued = self.issue(&context, &intent).await?;
                fail::fail_point!("X02-committed-unanswered");
                let requested_by = context.actor.principal();
                Ok(self.answer(&context, *submitted, requested_by, &intent, issued).into())
            }
            Ok(Begun::Held(waits)) => Ok(Answer::Waits(waits)),
            Ok(Begun::Repeated) => self.go_on(&context).await?.ok_or_else(Problem::internal),
            Err(refusal) if context.dry_run => Err(refusal),
            // A repeat is answered as the first was, whatever the rules say now.
            Err(refusal) => self.go_on(&context).await?.ok_or(refusal),
        }
    }

    /// Judges a request and records it.
    async fn begin(
        &self,
        context: &Context,
        caller: &Caller,
        command: SubmitCertificateRequest,
    ) -> Result<Begun, Problem> {
        let (department, as_sent) = (command.department.clone(), command.clone());
        let managed =
            self.managed_key(context, Some(caller), command.key.clone().unwrap_or_default()).await?;
        let (mut applicant, profile, choice) = read(command, managed)?;
        let selection = self.select(context, profile.as_ref()).await?;
        applicant.fill_for(&selection.rules);
        let belongs = self.belongs(context, caller, department.as_ref(), &selection.rules).await?;
        let delegate = Delegate { organization_id: context.tenant, department_id: belongs.department_id };
        let kind = selection.rules.profile.certificate_type;
        let submit = Submit {
            refused_names: self.refused_names(delegate, &applicant, kind).await?,
            refused_key: self.refused_key(context.tenant, &applicant)?,
            values: self.catalog.read(|catalog| catalog.organizations().values(delegate)),
            rules: selection.rules,
            issuer: selection.issuer,
            choice,
            belongs,
            ids: NewIds {
                request: self.ids.id(),
                certificate: self.ids.id(),
                serial: Serial::new(self.ids.serial_number()),
                key: applicant.chosen_key(),
            },
            applicant: Arc::new(applicant),
        };
        let (now, need) = (self.clock.now(), self.need(context, &submit));
        let known = submit.applicant.spki().map(<[u8]>::to_vec);
        if let Need::Approvals { rule, unmatched } = need {
            let accepted = match known {
                Some(spki) => self.accept(submit, spki, now).await?,
                None => self.accept_in_advance(submit, now).await?,
            };
            return self.hold_request(context, accepted, rule, unmatched, &as_sent).await;
        }
        let mut accepted = match known {
            Some(spki) => self.accept(submit, spki, now).await?,
            None => self.accept_managed(context, submit, now).await?,
        };
        if let Need::Automatic { rule, reason } = need {
            accepted.submitted.approval = Some(ApprovalNeed::Automatic { rule, reason });
        }
        if context.dry_run {
            return Ok(Begun::Tried(tried(accepted.submitted)));
        }
        if accepted.submitted.manual {
            return self.begin_manual(context, accepted).await;
        }
        let event = CertificateRequestEvent::Submitted(accepted.submitted.clone());
        let stream = accepted.submitted.id.uuid();
        let request = append(context, &self.ids, stream, Expected::Version(0), &[event])?;
        self.record(context, accepted, Some(request)).await
    }

    /// Judges the request, and then the certificate that would come of it.
    pub(crate) async fn accept(
        &self,
        submit: Submit,
        spki: Vec<u8>,
        now: Timestamp,
    ) -> Result<Accepted, Problem> {
        let mut events = CertificateRequest::default().decide(submit.clone().into(), now)?;
        let Some(CertificateRequestEvent::Submitted(submitted)) = events.pop() else {
            return Err(Problem::internal()); // a new request is submitted or refused
        };
        let draft = if submitted.manual {
            manual::csr_info(&submit, &submitted, &spki)?; // it can be made
            None
        } else {
            Some(self.draft(&submit, &submitted, &spki, now).await?)
        };
        Ok(Accepted { submit, spki, now, submitted, draft })
    }

    /// As [`Signer::accept`] for a managed key that is not made yet.
    async fn accept_in_advance(&self, submit: Submit, now: Timestamp) -> Result<Accepted, Problem> {
        let stand_in = self.throwaway_key(submit.applicant.key_algorithm()).await?;
        self.accept(submit, stand_in.spki().to_vec(), now).await
    }

    /// As [`Signer::accept`] for a managed key, which is made once nothing can be refused any more.
    pub(crate) async fn accept_managed(
        &self,
        context: &Context,
        mut submit: Submit,
        now: Timestamp,
    ) -> Result<Accepted, Problem> {
        let tried = self.accept_in_advance(submit.clone(), now).await?;
        if context.dry_run {
            return Ok(tried);
        }
        let (key, spki) = self.generate_key(context, &submit).await?;
        submit.ids.key = Some(key);
        self.accept(submit, spki, now).await
    }

    /// Writes what is going to be signed and judges it as the certificate it would become (C-2).
    async fn draft(
        &self,
        submit: &Submit,
        submitted: &CertificateRequestSubmitted,
        spki: &[u8],
        now: Timestamp,
    ) -> Result<Draft, Problem> {
        let subject = submit.subject_der()?;
        let contents = Contents {
            subject: &subject,
            spki,
            rules: &submit.rules,
            signatory: signatory(submit),
            not_before: now.whole_second(),
        };
        let algorithm = submit.issuer.as_ref().map_or(submitted.key_algorithm, |issuer| issuer.key_algorithm);
        Draft::new(submitted, contents, submit.ids.serial, &*self.throwaway_key(algorithm).await?)
    }

    /// Appends request and intent together: the first durable wait. Without `request`, it was recorded before.
    pub(crate) async fn record(
        &self,
        context: &Context,
        accepted: Accepted,
        request: Option<Append>,
    ) -> Result<Begun, Problem> {
        let Accepted { mut submit, spki, now, submitted, draft } = accepted;
        let mut draft = draft.ok_or_else(Problem::internal)?;
        let mut commands = Vec::from_iter(request);
        for attempt in 1..=ATTEMPTS {
            let intended = draft.intent(&submitted, signatory(&submit));
            let step = intent_step(context);
            let event = IssuanceEvent::Intended(intended.clone());
            commands.push(append(&step, &self.ids, draft.stream, Expected::Version(0), &[event])?);
            let outcomes = self.appender.append_all(std::mem::take(&mut commands)).await;
            let outcomes: Result<Vec<_>, _> = outcomes.into_iter().collect();
            match outcomes {
                Ok(outcomes)
                    if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Replayed { .. })) =>
                {
                    return Ok(Begun::Repeated);
                }
                Ok(_) => {
                    fail::fail_point!("X07-intent-appended");
                    let intent = Intent { stream: draft.stream, intended };
                    return Ok(Begun::Recorded(Box::new(submitted), Box::new(intent)));
                }
                Err(AppendError::Conflict { .. }) => {
                    tracing::warn!(issuance = %draft.stream, attempt, "the serial number is used already");
                    submit.ids.serial = Serial::new(self.ids.serial_number());
                    draft = self.draft(&submit, &submitted, &spki, now).await?;
                }
                Err(error) => return Err(append_problem(&error)),
            }
        }
        Err(Problem::unavailable("no free serial number was found; try again"))
    }

    /// Lets keystore make the managed key.
    async fn generate_key(&self, context: &Context, submit: &Submit) -> Result<(KeyId, Vec<u8>), Problem> {
        let command = GenerateRequestKey {
            algorithm: submit.applicant.key_algorithm(),
            exportable: submit.rules.profile.exportable,
            label: None,
            token: submit.applicant.token().map(str::to_owned),
        };
        let step = context.step("key").by(Actor::Service(Service::Signer));
        let key = self.bus.call(&step, &command).await?.result;
        let spki = pem::read(key.public_key.as_bytes()).ok().and_then(|mut blocks| Some(blocks.pop()?.der));
        Ok((key.id, spki.ok_or_else(Problem::internal)?))
    }

    pub(crate) async fn throwaway_key(&self, algorithm: KeyAlgorithm) -> Result<Arc<ThrowawayKey>, Problem> {
        self.throwaway_keys.of(algorithm).await.map_err(|error| {
            tracing::error!(%error, %algorithm, "a throwaway key cannot be made");
            Problem::internal()
        })
    }

    /// Whose the certificate will be, if the caller may ask for it there.
    ///
    /// Errors: `not_found` of a department; `invalid_state` of what is archived; `forbidden`.
    async fn belongs(
        &self,
        context: &Context,
        caller: &Caller,
        department: Option<&Reference<DepartmentId>>,
        rules: &Rules,
    ) -> Result<Belonging, Problem> {
        let (tenant, principal) = (context.tenant, caller.principal());
        let department_id = match department {
            Some(reference) => {
                let found = self.authority.find(|authority| authority.department(tenant, reference)).await?;
                Some(found.ok_or_else(|| Problem::not_found("department", reference))?.0)
            }
            None => principal.and_then(|one| one.only_department(Permission::RequestCreate, tenant)),
        };
        let belongs = Belonging {
            department_id,
            certificate_type: Some(rules.profile.certificate_type),
            requested_by: principal.map(|principal| principal.administrator),
        };
        let target = Target::certificate(tenant, &belongs, Some(rules.profile_id), None);
        caller.permit(&target)?;
        self.authority.in_use(tenant, department_id)?;
        Ok(belongs)
    }

    /// The answer once the certificate is durable.
    pub(crate) fn answer(
        &self,
        context: &Context,
        submitted: CertificateRequestSubmitted,
        requested_by: String,
        intent: &Intent,
        issued: Issued,
    ) -> Reply<IssuedCertificate> {
        let issuer = intent.intended.ca_id.and_then(|ca| self.catalog.read(|c| c.issuer(context.tenant, ca)));
        Reply {
            stream: Some(submitted.id.uuid()),
            version: 1,
            position: issued.position,
            replayed: false,
            result: IssuedCertificate {
                request: view::certificate_request(
                    submitted,
                    context.tenant,
                    requested_by,
                    RequestStatus::Issued,
                ),
                certificate: issued.certificate,
                chain: issuer.map(|issuer| issuer.chain.clone()).unwrap_or_default(),
            },
        }
    }
}

/// The step of a command that records its intent.
#[must_use]
pub fn intent_step(context: &Context) -> Context {
    Context { command_id: intent_command(context.command_id), ..context.step("intent") }
}

/// Who signs. The key of a self-signed certificate is not made yet when it is first judged.
fn signatory(submit: &Submit) -> Signatory<'_> {
    match &submit.issuer {
        Some(issuer) => Signatory::Ca(issuer),
        None => Signatory::Itself(submit.ids.key.unwrap_or(KeyId(uuid::Uuid::nil()))),
    }
}

/// Reads what is asked for. With a CSR, key, subject and names come from it and from nowhere else (C7).
pub(crate) fn read(
    command: SubmitCertificateRequest,
    managed: Managed,
) -> Result<(Applicant, Option<Reference<ProfileId>>, Choice), Problem> {
    let source = source(&command);
    let SubmitCertificateRequest { profile, csr, ttl, not_after, labels, note, accept_terms, .. } = command;
    let applicant = match csr {
        None if source == RequestSource::Managed => Applicant::Managed {
            key_algorithm: managed.algorithm,
            key: managed.chosen,
            token: managed.token,
            subject: command.subject.unwrap_or_default(),
            sans: command.sans,
            key_usages: command.key_usages,
            extended_key_usages: command.extended_key_usages,
        },
        csr => CertificationRequest::read(csr.unwrap_or_default().as_bytes())
            .map(Applicant::Csr)
            .map_err(|error| csr_invalid(&error))?,
    };
    Ok((applicant, profile, Choice { ttl, not_after, labels, note, accepted_terms: accept_terms }))
}

/// A key is managed when there is no CSR, but a wish for a key, a subject or names.
fn source(command: &SubmitCertificateRequest) -> RequestSource {
    let wishes = command.key.is_some() || command.subject.is_some() || !command.sans.is_empty();
    if command.csr.is_none() && wishes { RequestSource::Managed } else { RequestSource::Csr }
}

fn csr_invalid(error: &CsrError) -> Problem {
    let violation: Violation = error.violation();
    Problem::new(Code::CsrInvalid, violation.detail.clone()).with_errors(vec![violation])
}

/// What would be recorded, and each subject attribute that would differ from what was asked for.
pub(crate) fn tried(submitted: CertificateRequestSubmitted) -> DryRun {
    let subject = submitted.subject_changes.iter().map(|change| Change {
        pointer: format!("/subject/{}", member(change.attribute)),
        from: shown(&change.found),
        to: shown(&change.used),
    });
    let subject: Vec<_> = subject.collect();
    let after = CertificateRequest::Submitted(Box::new(submitted)).describe();
    let changes = differences(&Value::Null, &after).into_iter().chain(subject).collect();
    DryRun { would_change: true, changes }
}

/// The member of a subject in JSON that an attribute is.
const fn member(attribute: SubjectAttribute) -> &'static str {
    match attribute {
        SubjectAttribute::OrganizationalUnit => "organizationalUnit",
        SubjectAttribute::CommonName => "commonName",
        other => other.as_str(),
    }
}

/// One value as it is, none as `null`, several as a list.
fn shown(values: &[String]) -> Value {
    match values {
        [] => Value::Null,
        [only] => only.clone().into(),
        several => several.into(),
    }
}
