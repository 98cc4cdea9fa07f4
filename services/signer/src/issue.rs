//! From the intent in the log to the certificate in the log (steps 3 and 4 of a request): keystore signs what the log
//! says, the result is looked at once more, and only then it leaves (C-4).
//!
//! Whoever repeats this gets the same signature from keystore's journal, so the same certificate: of two that try, one
//! append wins and the other reads the same answer.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use bus::Context;
use contracts::{
    Actor, CaId, Problem, Service,
    id::Reference,
    keystore::{SignCertificate, SignSelfSigned},
    signer::{IssuanceCompleted, IssuanceEvent, IssuanceIntended, IssuanceWithheld},
};
use eventlog::{Expected, Outcome};
use pki::{
    builder,
    certificate::Certificate,
    release::{self, ReleaseError},
};
use runtime::command::{append, append_problem};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{ca::CaCommand, issuer::Issuer, signer::Signer};

/// A certificate that is durable.
#[derive(Clone, Debug, PartialEq)]
pub struct Issued {
    /// The certificate, DER in base64.
    pub certificate: String,
    /// Position of the event that says so.
    pub position: i64,
}

/// An intent as it stands in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    /// Its stream.
    pub stream: Uuid,
    /// What it says.
    pub intended: IssuanceIntended,
}

/// Why there is no certificate yet.
#[derive(Debug, thiserror::Error)]
enum IssueError {
    /// A part is away or refuses; the intent stays open and is finished later.
    #[error("{0}")]
    Problem(#[from] Problem),
    /// What came back must not leave.
    #[error("the certificate must not leave")]
    Release(#[from] ReleaseError),
}

impl Signer {
    /// Finishes an intent: signature, checks, certificate.
    ///
    /// Errors: keystore's, such as `clock_guard`, `keystore_sealed` or `invalid_state` of a suspended CA; the intent
    /// stays open. `internal` when the certificate fails its last checks: then its CA is suspended, or the issuance has
    /// ended where there is none.
    pub async fn issue(&self, context: &Context, intent: &Intent) -> Result<Issued, Problem> {
        let issuer = intent.intended.ca_id.map(|ca| self.issuer(context, ca)).transpose()?;
        match self.sign_and_record(context, intent, issuer.as_deref()).await {
            Ok(issued) => Ok(issued),
            Err(IssueError::Problem(problem)) => Err(problem),
            Err(IssueError::Release(error)) => Err(self.withhold(context, intent, &error).await),
        }
    }

    async fn sign_and_record(
        &self,
        context: &Context,
        intent: &Intent,
        issuer: Option<&Issuer>,
    ) -> Result<Issued, IssueError> {
        let signature = self.signature(context, intent).await?;
        fail::fail_point!("X10-released-no-event");
        let (der, certificate) = released(&intent.intended, issuer, &signature)?;
        if let Some(issuer) = issuer {
            self.signed(context, intent, issuer, &certificate);
        }
        let completed = completed(&intent.intended, &der, &certificate);
        let base64 = completed.certificate.clone();
        let position =
            self.end(context, intent, "completed", &der, IssuanceEvent::Completed(completed)).await?;
        Ok(Issued { certificate: base64, position })
    }

    /// Records how an issuance ended. `proof` is the same whoever finishes it, so two that do are one command.
    async fn end(
        &self,
        context: &Context,
        intent: &Intent,
        name: &str,
        proof: &[u8],
        event: IssuanceEvent,
    ) -> Result<i64, Problem> {
        let step = Context {
            command_id: Uuid::new_v5(&intent.stream, name.as_bytes()),
            fingerprint: Sha256::digest(proof).into(),
            ..context.step(name)
        };
        let append = append(&step, &self.ids, intent.stream, Expected::Version(1), &[event])?;
        let outcome = self.appender.append(append).await.map_err(|error| append_problem(&error))?;
        let (Outcome::Committed { last, .. } | Outcome::Replayed { last, .. }) = outcome;
        Ok(last)
    }

    fn signed(&self, context: &Context, intent: &Intent, issuer: &Issuer, certificate: &Certificate) {
        let profile = Reference::Id(intent.intended.profile_id);
        let kind = self.catalog.read(|catalog| {
            catalog.profile(context.tenant, &profile).map(|profile| profile.rules.certificate_type)
        });
        self.metrics.signed(&issuer.name, kind.unwrap_or_default());
        if certificate.not_after() == issuer.not_after {
            let (ca, until) = (&issuer.name, issuer.not_after);
            tracing::warn!(ca, %until, "certificates end with their CA: replace it soon");
        }
    }

    /// The signature over the recorded TBSCertificate, from keystore or its journal.
    async fn signature(&self, context: &Context, intent: &Intent) -> Result<Vec<u8>, Problem> {
        let issuance = intent.stream;
        let step = Context { command_id: Uuid::new_v5(&issuance, b"sign"), ..context.step("sign") }
            .by(Actor::Service(Service::Signer));
        let reply = if intent.intended.ca_id.is_some() {
            self.bus.call(&step, &SignCertificate { issuance }).await?
        } else {
            self.bus.call(&step, &SignSelfSigned { issuance }).await?
        };
        decode(&reply.result.signature)
    }

    pub(crate) fn issuer(&self, context: &Context, id: CaId) -> Result<Arc<Issuer>, Problem> {
        self.catalog.read(|catalog| catalog.issuer(context.tenant, id)).ok_or_else(|| {
            Problem::unavailable("the certification authority is not known here yet; try again")
        })
    }

    /// A certificate that fails its last checks means that something is broken at the root: the CA signs nothing more
    /// until a person resumes it (C-4). A key that signs its own certificate is used once, so that issuance ends here.
    async fn withhold(&self, context: &Context, intent: &Intent, error: &ReleaseError) -> Problem {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        tracing::error!(
            issuance = %intent.stream, certificate_id = %intent.intended.certificate_id, %error, cause,
            "a certificate failed its last checks and was withheld"
        );
        let Some(ca) = intent.intended.ca_id else {
            let withheld = IssuanceWithheld {
                certificate_id: intent.intended.certificate_id,
                request_id: intent.intended.request_id,
                reason: error.to_string(),
            };
            let problem = withheld.problem();
            let event = IssuanceEvent::Withheld(withheld);
            let proof = problem.detail.clone();
            let ended = self.end(context, intent, "withheld", proof.as_bytes(), event).await;
            return ended.err().unwrap_or(problem);
        };
        let reason =
            format!("certificate {} failed its last checks: {error}", intent.intended.certificate_id);
        let step = context.step("suspend").by(Actor::Service(Service::Signer));
        match self.cas.execute(&step, ca.uuid(), CaCommand::Suspend { reason }).await {
            Ok(_) => tracing::error!(%ca, "the certification authority was suspended"),
            Err(problem) => {
                tracing::error!(%ca, %problem, "the certification authority could not be suspended")
            }
        }
        Problem::internal()
    }
}

/// The certificate, if it may leave: what was recorded, signed by whom it says, for the recorded key.
fn released(
    intended: &IssuanceIntended,
    issuer: Option<&Issuer>,
    signature: &[u8],
) -> Result<(Vec<u8>, Certificate), IssueError> {
    let tbs = decode(&intended.tbs)?;
    let der = builder::assemble(&tbs, intended.signature_algorithm, signature);
    let spki = Certificate::read_der(&der).map_err(ReleaseError::from)?.spki().to_vec();
    if hex::encode(Sha256::digest(&spki)) != intended.spki_sha256 {
        return Err(ReleaseError::KeyDiffers.into());
    }
    let certificate = match issuer {
        Some(issuer) => release::release_check(&tbs, &der, &issuer.certificate, &spki)?,
        None => release::self_signed_release_check(&tbs, &der, &spki)?,
    };
    Ok((der, certificate))
}

fn completed(intended: &IssuanceIntended, der: &[u8], certificate: &Certificate) -> IssuanceCompleted {
    IssuanceCompleted {
        certificate: BASE64_STANDARD.encode(der),
        fingerprint_sha256: certificate.sha256(),
        certificate_id: intended.certificate_id,
        request_id: intended.request_id,
        ca_id: intended.ca_id,
        profile_id: intended.profile_id,
        key_id: intended.key_id,
        belongs: intended.belongs,
        common_name: certificate.common_name(),
        sans: certificate.sans(),
        not_before: certificate.not_before(),
        not_after: certificate.not_after(),
        labels: intended.labels.clone(),
        note: intended.note.clone(),
    }
}

fn decode(base64: &str) -> Result<Vec<u8>, Problem> {
    BASE64_STANDARD.decode(base64).map_err(|error| {
        tracing::error!(%error, "a recorded or received value is not base64");
        Problem::internal()
    })
}
