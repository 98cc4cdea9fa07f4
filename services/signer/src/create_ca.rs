//! `create_ca`: a key in keystore, the intent in the log, keystore's signature, the checked certificate in the log.
//!
//! Each step has an id of its own that follows from the command's, so whoever repeats it, after a crash or in another
//! process, goes on where the first one stopped.

use base64::{Engine, prelude::BASE64_STANDARD};
use bus::{Answer, Context, Reply};
use contracts::{
    Actor, ApprovalId, CaId, Event, KeyId, Problem, Service,
    command::DryRun,
    directory::{ApprovalKind, ApprovalPlace},
    id::Reference,
    keystore::{GenerateCaKey, SignCaCertificate},
    signer::{CaCreated, CaEvent, CaIntended, CaView, CreateCa},
};
use pki::{
    builder,
    certificate::{Certificate, CertificateError},
    pem,
    release::{self, ReleaseError},
    serial::Serial,
};
use runtime::aggregate::{Aggregate, differences};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    ca::{Ca, CaCommand},
    ca_plan::{CaPlan, Parent},
    hold::Guarded,
    issuer::Issuer,
    log,
    signer::Signer,
};

impl Signer {
    /// Answers the command.
    pub async fn create_ca(&self, context: Context, command: CreateCa) -> Result<Answer<CaView>, Problem> {
        self.authority.admit::<CreateCa>(&context).await?;
        let act = Guarded {
            kind: ApprovalKind::CaCreation,
            subject_id: None,
            place: ApprovalPlace::default(),
            summary: format!("make the certification authority '{}'", command.name),
            version: None,
        };
        let dry = Context { dry_run: true, ..context.clone() };
        let tried = self.create_ca_admitted(dry, command.clone(), None);
        if let Some(held) = self.hold(&context, &command, act, tried).await? {
            return Ok(held);
        }
        self.create_ca_admitted(context, command, None).await
    }

    /// Makes it, once it may be made.
    pub(crate) async fn create_ca_admitted(
        &self,
        context: Context,
        command: CreateCa,
        approval: Option<ApprovalId>,
    ) -> Result<Answer<CaView>, Problem> {
        if let Some(first) = log::first_event(&self.reader, &context).await? {
            let reply = self.finished_ca(&context, CaId(first.stream)).await?;
            return Ok(Reply { replayed: true, ..reply }.into());
        }
        let parent = self.parent(&context, command.parent.as_ref()).await?;
        let new = (self.ids.id(), Serial::new(self.ids.serial_number()));
        let mut plan = CaPlan::new(command, parent, new, self.clock.now())?;
        plan.approval_id = approval;
        // Judged with a throwaway key before the real one is made, so that a refusal leaves nothing.
        let stand_in = self.throwaway_key(plan.key_algorithm).await?;
        let signing = self.throwaway_key(plan.signing_key_algorithm()).await?;
        let tried = plan.intent(KeyId(Uuid::nil()), stand_in.spki(), &signing)?;
        if plan.key_token.is_some() {
            self.try_token(&context, &ca_key(&plan)).await?;
        }
        plan.id = CaId(self.names.reserve(&context, CaEvent::CATEGORY, &plan.name, plan.id.uuid()).await?);
        if context.dry_run {
            let shown = [Ca::Pending(tried).describe(), plan.describe()];
            let changes = shown.iter().flat_map(|shown| differences(&Value::Null, shown)).collect();
            return Ok(Answer::Dry(DryRun { would_change: true, changes }));
        }
        self.intend_ca(&context, &plan).await?;
        Ok(self.finished_ca(&context, plan.id).await?.into())
    }

    /// Makes the key of a CA and records what its certificate is going to be. A repeat changes nothing.
    pub(crate) async fn intend_ca(&self, context: &Context, plan: &CaPlan) -> Result<(), Problem> {
        let step = context.step("key").by(Actor::Service(Service::Signer));
        let key = self.bus.call(&step, &ca_key(plan)).await?.result;
        let spki = pem::read(key.public_key.as_bytes()).ok().and_then(|mut blocks| Some(blocks.pop()?.der));
        let signing = self.throwaway_key(plan.signing_key_algorithm()).await?;
        let intent = plan.intent(key.id, &spki.ok_or_else(Problem::internal)?, &signing)?;
        self.cas.create(context, plan.id.uuid(), CaCommand::Intend(intent)).await?;
        Ok(())
    }

    /// Finishes a CA whose intent is in the log, and answers with it.
    async fn finished_ca(&self, context: &Context, id: CaId) -> Result<Reply<CaView>, Problem> {
        let position = self.finish_ca(context, id).await?;
        self.known(position).await?;
        let result = self.catalog.read(|catalog| catalog.ca(context.tenant, &Reference::Id(id)).cloned());
        let result = result.ok_or_else(Problem::internal)?;
        Ok(Reply { stream: Some(id.uuid()), version: result.version, position, replayed: false, result })
    }

    /// Lets keystore sign what the intent says, checks the certificate and records it. Gives the position of the CA's
    /// last event; a CA that is finished already is left as it is.
    pub(crate) async fn finish_ca(&self, context: &Context, id: CaId) -> Result<i64, Problem> {
        let stream = id.uuid();
        let intent = match &self.cas.reload(stream).await?.state {
            Ca::Pending(intent) => intent.clone(),
            Ca::Unintended => return Err(Problem::internal()),
            Ca::Active(_) | Ca::Suspended(_) => {
                return self.reader.head().await.map_err(runtime::command::read_problem);
            }
        };
        let parent = match intent.parent_id {
            Some(parent) => Some(self.issuer(context, parent)?),
            None => None,
        };
        let step = Context { command_id: Uuid::new_v5(&stream, b"sign"), ..context.step("sign") }
            .by(Actor::Service(Service::Signer));
        let signature = self.bus.call(&step, &SignCaCertificate { ca: id }).await?.result.signature;
        let created = certified(&intent, parent.as_deref(), &signature).map_err(|error| {
            tracing::error!(ca = %id, %error, "a CA's certificate failed its last checks and was withheld");
            Problem::internal()
        })?;
        let step = Context {
            command_id: Uuid::new_v5(&stream, b"created"),
            // The same certificate whoever finishes it, so two that do are one command.
            fingerprint: Sha256::digest(&created.certificate).into(),
            ..context.step("created")
        };
        Ok(self.cas.execute(&step, stream, CaCommand::Certify(created)).await?.position)
    }

    async fn parent(
        &self,
        context: &Context,
        reference: Option<&Reference<CaId>>,
    ) -> Result<Parent, Problem> {
        let Some(reference) = reference else { return Ok(Parent::Unnamed) };
        let parent = self
            .find(|catalog| {
                let id = catalog.ca(context.tenant, reference)?.id;
                catalog.issuer(context.tenant, id)
            })
            .await?;
        Ok(parent.map_or(Parent::Unknown, Parent::Known))
    }
}

/// The command that makes a CA's key.
fn ca_key(plan: &CaPlan) -> GenerateCaKey {
    let (algorithm, label, token) = (plan.key_algorithm, plan.name.clone(), plan.key_token.clone());
    GenerateCaKey { algorithm, label, token }
}

/// Why a CA's certificate must not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertifyError {
    #[error("not base64")]
    Base64(#[from] base64::DecodeError),
    #[error("{0}")]
    Certificate(#[from] CertificateError),
    #[error("{0}")]
    Release(#[from] ReleaseError),
    #[error("it has no common name")]
    Nameless,
}

/// The certificate, if it may be used: what was recorded, signed by whom it says (C-4).
pub(crate) fn certified(
    intent: &CaIntended,
    parent: Option<&Issuer>,
    signature: &str,
) -> Result<CaCreated, CertifyError> {
    let tbs = BASE64_STANDARD.decode(&intent.tbs)?;
    let der = builder::assemble(&tbs, intent.signature_algorithm, &BASE64_STANDARD.decode(signature)?);
    let spki = Certificate::read_der(&der)?.spki().to_vec();
    let certificate = match parent {
        Some(parent) => release::subordinate_release_check(&tbs, &der, &parent.certificate, &spki)?,
        None => release::self_signed_release_check(&tbs, &der, &spki)?,
    };
    Ok(CaCreated {
        certificate: BASE64_STANDARD.encode(&der),
        fingerprint_sha256: certificate.sha256(),
        common_name: certificate.common_name().ok_or(CertifyError::Nameless)?,
        not_before: certificate.not_before(),
        not_after: certificate.not_after(),
    })
}
