//! Requests for a CA outside: the CSR is made and kept, and what the CA answers, days later, is taken.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use bus::{Answer, Context, Waits};
use contracts::{
    Actor, CertificateRequestId, Code, Command, OrganizationId, Problem, Service, Violation,
    keystore::SignCsr,
    labels::check_text,
    signer::{
        CertificateRequestEvent, CertificateRequestSubmitted, CsrIntended, CsrMade, MailCsr, MailedCsr,
        ReceiveCertificate, RequestAnswer, RequestStatus,
    },
    x509::SubjectAltName,
};
use eventlog::{Append, Expected, Outcome};
use pki::{
    builder,
    certificate::Certificate,
    csr::CertificationRequest,
    request::{self, RequestTemplate},
    san, spki,
};
use runtime::{
    authority::Target,
    command::{append, append_problem},
    repository::Executed,
};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    applicant::Applicant,
    certificate_request::{CertificateRequest, RequestCommand, Submit},
    outside,
    signer::Signer,
    submit::{Accepted, Begun, intent_step},
};

impl Signer {
    /// Records a new request for a CA outside, and lets its CSR be signed.
    pub(crate) async fn begin_manual(&self, context: &Context, accepted: Accepted) -> Result<Begun, Problem> {
        let (id, csr) = (accepted.submitted.id, csr_event(&accepted)?);
        let events = [CertificateRequestEvent::Submitted(accepted.submitted), csr];
        let request = append(context, &self.ids, id.uuid(), Expected::Version(0), &events)?;
        self.record_manual(context, id, request).await
    }

    /// As [`Signer::begin_manual`] for a request that was recorded before and approved since.
    pub(crate) async fn go_on_manually(
        &self,
        context: &Context,
        accepted: Accepted,
        version: i32,
    ) -> Result<Begun, Problem> {
        let (id, csr) = (accepted.submitted.id, csr_event(&accepted)?);
        // What stands for the intent of a certificate: a request goes on or fails, never both.
        let step = intent_step(context);
        let request = append(&step, &self.ids, id.uuid(), Expected::Version(version), &[csr])?;
        self.record_manual(context, id, request).await
    }

    async fn record_manual(
        &self,
        context: &Context,
        id: CertificateRequestId,
        request: Append,
    ) -> Result<Begun, Problem> {
        let position = match self.appender.append(request).await.map_err(|error| append_problem(&error))? {
            Outcome::Committed { last, .. } => last,
            Outcome::Replayed { .. } => return Ok(Begun::Repeated),
        };
        fail::fail_point!("X07-intent-appended");
        match self.make_csr(context, id).await {
            Ok(made) => Ok(Begun::Held(Waits { position: made.max(position), replayed: false })),
            Err(problem) => {
                // It stands in the log, so it is made later, whatever is in the way now.
                tracing::warn!(request_id = %id, code = problem.code.as_str(), %problem, "a CSR is not signed yet");
                Ok(Begun::Held(Waits { position, replayed: false }))
            }
        }
    }

    /// Lets keystore sign the CSR of a request, unless that was done; gives the position of its event, or 0.
    pub(crate) async fn make_csr(&self, context: &Context, id: CertificateRequestId) -> Result<i64, Problem> {
        let stream = id.uuid();
        let known = self.requests.reload(stream).await?;
        let CertificateRequest::MakingCsr(_, intended) = &known.state else { return Ok(0) };
        let step = Context { command_id: Uuid::new_v5(&stream, b"sign csr"), ..context.step("sign csr") };
        let step = step.by(Actor::Service(Service::Signer));
        let signature = self.bus.call(&step, &SignCsr { request: id }).await?.result.signature;
        let (info, signature) = (decode(&intended.info)?, decode(&signature)?);
        let der = builder::assemble(&info, intended.signature_algorithm, &signature);
        CertificationRequest::read_der(&der).map_err(|error| {
            tracing::error!(%error, request_id = %id, "a CSR that was just signed is not one");
            Problem::internal()
        })?;
        // The same signature comes from keystore's journal, so two that make it are one command.
        let step = Context {
            command_id: Uuid::new_v5(&stream, b"csr made"),
            fingerprint: Sha256::digest(&der).into(),
            ..context.step("csr made")
        };
        let make = RequestCommand::MakeCsr { csr: BASE64_STANDARD.encode(&der) };
        Ok(self.requests.execute(&step, stream, make).await?.position)
    }

    /// Answers the command.
    pub async fn receive_certificate(
        &self,
        context: Context,
        command: ReceiveCertificate,
    ) -> Result<Answer<RequestAnswer>, Problem> {
        let id = command.request;
        let tenant = self.admitted_to_request::<ReceiveCertificate>(&context, id).await?;
        let given = outside::read(&command.certificate)?;
        self.refuse_compromised(tenant, &given)?;
        self.catch_up().await?;
        self.level(self.trusted_roots.catch_up()).await?;
        self.level(self.outside.catch_up()).await?;
        let receive =
            RequestCommand::Receive { given: Arc::new(given), known: Arc::new(self.known_to(tenant)) };
        let context = Context { tenant, ..context };
        let done = self.requests.execute(&context, id.uuid(), receive).await?;
        let answer = answered(&done)?;
        Ok(done.answer(|_| answer))
    }

    /// Answers the command.
    pub async fn mail_csr(&self, context: Context, command: MailCsr) -> Result<Answer<MailedCsr>, Problem> {
        let MailCsr { request, to, message } = command;
        let tenant = self.admitted_to_request::<MailCsr>(&context, request).await?;
        let address = SubjectAltName::Email(to.clone());
        let mut violations: Vec<_> = san::faults(std::slice::from_ref(&address))
            .into_iter()
            .map(|(_, error)| Violation::at("#/to", error.code(), error.to_string()))
            .collect();
        violations.extend(message.as_deref().and_then(|message| check_text("#/message", message, 1_000)));
        if let Some(first) = violations.first() {
            return Err(Problem::new(Code::ValidationFailed, first.detail.clone()).with_errors(violations));
        }
        let context = Context { tenant, ..context };
        let mail = RequestCommand::MailCsr { to: to.clone(), message };
        let done = self.requests.execute(&context, request.uuid(), mail).await?;
        Ok(done.answer(|_| MailedCsr { request_id: request, to }))
    }

    /// Whose request it is, if the caller may ask for certificates there. Errors: `not_found`, also for one that they may
    /// not see; `invalid_state` of what is archived.
    async fn admitted_to_request<C: Command>(
        &self,
        context: &Context,
        id: CertificateRequestId,
    ) -> Result<OrganizationId, Problem> {
        let caller = self.authority.caller::<C>(context).await?;
        let missing = || Problem::not_found("certificate request", id);
        let known = self.requests.reload(id.uuid()).await?;
        let (Some(tenant), Some(submitted)) = (known.tenant, known.state.submitted()) else {
            return Err(missing());
        };
        let target = Target::certificate(
            tenant,
            &submitted.belongs,
            Some(submitted.profile_id),
            Some(submitted.certificate_id),
        );
        caller.permit(&target).map_err(|_| missing())?;
        self.authority.in_use(tenant, submitted.belongs.department_id)?;
        Ok(tenant)
    }
}

impl Signer {
    /// Refuses a certificate for a key that others know.
    fn refuse_compromised(&self, tenant: OrganizationId, given: &[Certificate]) -> Result<(), Problem> {
        self.knows_compromised_keys()?;
        let known = |one: &&Certificate| {
            let hash = spki::spki_sha256(one.spki());
            self.blocked.read(|blocked| blocked.contains(tenant, &hash))
        };
        let Some(certificate) = given.iter().find(known) else { return Ok(()) };
        let words =
            format!("the key of '{}' is compromised: others know its private half", certificate.subject());
        let violation = Violation::at("#/certificate", "key_compromised", words.clone());
        Err(Problem::new(Code::CertificateInvalid, words).with_errors(vec![violation]))
    }
}

/// The event that brings the CSR: what the managed key is going to sign, or what the subscriber sent.
fn csr_event(accepted: &Accepted) -> Result<CertificateRequestEvent, Problem> {
    let Accepted { submit, spki, submitted, .. } = accepted;
    let of = submitted.identity();
    if let Some(csr) = submit.applicant.csr_base64() {
        return Ok(CsrMade { of, csr }.into());
    }
    let key_id = submitted.key_id.ok_or_else(Problem::internal)?;
    let signature_algorithm = submitted.key_algorithm.default_signature();
    let info = BASE64_STANDARD.encode(csr_info(submit, submitted, spki)?);
    Ok(CsrIntended { of, key_id, signature_algorithm, info }.into())
}

/// What the managed key is going to sign. Errors: `validation_failed`.
pub(crate) fn csr_info(
    submit: &Submit,
    submitted: &CertificateRequestSubmitted,
    spki: &[u8],
) -> Result<Vec<u8>, Problem> {
    let (key_usages, extended_key_usages): (&[_], &[_]) = match &*submit.applicant {
        Applicant::Managed { key_usages, extended_key_usages, .. } => (key_usages, extended_key_usages),
        Applicant::Csr(_) => (&[], &[]),
    };
    let template = RequestTemplate {
        subject: &submit.subject_der()?,
        sans: &submitted.sans,
        spki,
        key_usages,
        extended_key_usages,
        challenge_password: None,
    };
    request::build(&template)
        .map_err(|error| Problem::new(Code::ValidationFailed, runtime::error::words(&error)))
}

/// Where a request stands after an answer.
fn answered(done: &Executed<CertificateRequest>) -> Result<RequestAnswer, Problem> {
    let submitted = done.state.submitted().ok_or_else(Problem::internal)?;
    let mut answer = RequestAnswer {
        request_id: submitted.id,
        status: RequestStatus::AwaitingCertificate,
        certificate_id: submitted.certificate_id,
        missing: None,
        detail: None,
        certificate: String::new(),
        chain: vec![],
    };
    match &done.state {
        CertificateRequest::Completed(_, done) => {
            answer.status = RequestStatus::Issued;
            answer.detail = (!done.root_trusted)
                .then(|| "the chain is complete; its root came with an answer and is in no trust set".into());
            answer.certificate.clone_from(&done.certificate);
            answer.chain.clone_from(&done.chain);
        }
        CertificateRequest::Awaiting(waiting) => {
            if let Some(received) = waiting.received() {
                answer.missing = Some(received.missing.clone());
                answer.detail = Some(received.missing.to_string());
                answer.certificate.clone_from(&received.certificate);
                answer.chain.clone_from(&received.others);
            }
        }
        _ => return Err(Problem::internal()), // whatever else it is refuses an answer
    }
    Ok(answer)
}

fn decode(base64: &str) -> Result<Vec<u8>, Problem> {
    BASE64_STANDARD.decode(base64).map_err(|error| {
        tracing::error!(%error, "a recorded or received value is not base64");
        Problem::internal()
    })
}
