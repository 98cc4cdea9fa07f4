//! CSRs that no certificate request asked for. They may hold a challenge password, so neither they nor their signatures are
//! journaled: who knows a signature could try passwords against it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bus::{Answer, Context};
use contracts::{
    Code, Problem,
    keystore::{KeyCsrSigned, SignBuiltCsr, SignatureView},
};
use pki::{builder, csr::CertificationRequest, name};

use super::{Signing, active};
use crate::{
    key::Command,
    operation::measured,
    precondition::{self, Owned, Refusal},
};

impl Signing {
    /// Signs a CSR by the key that it carries, and records it before it is given out.
    pub async fn built_csr(
        &self,
        context: Context,
        command: SignBuiltCsr,
    ) -> Result<Answer<SignatureView>, Problem> {
        self.keyring.check()?;
        let unreadable = || Problem::new(Code::MalformedRequest, "what is to be signed cannot be read");
        let info = STANDARD.decode(command.info.reveal()).map_err(|_| unreadable())?;
        let stream = command.key.uuid();
        let known = self.keys.reload(stream).await?;
        let tenant = known.tenant.filter(|tenant| *tenant == context.tenant);
        let organization = tenant.ok_or_else(|| Problem::not_found("key", command.key))?;
        let key = Owned { organization, state: known.state.clone() };
        let permitted = precondition::built_csr(context.command_id, info, command.key, &key)?;
        self.guard.check(self.clock.now())?;
        let description = active(&key, command.key)?;
        let (algorithm, message) = (permitted.algorithm(), permitted.message().to_vec());
        let signature =
            measured("sign", algorithm.as_str(), self.signature(&key, description, permitted)).await?;
        let der = builder::assemble(&message, algorithm, &signature);
        let csr = CertificationRequest::read_der(&der).map_err(|_| unreadable())?;
        let signed = KeyCsrSigned {
            subject: name::to_text(csr.subject_der()),
            sans: csr.sans().to_vec(),
            with_challenge: csr.requested().challenge_password,
        };
        if signed != command.says {
            return Err(Refusal::Differs("the subject, the names or a challenge password").into());
        }
        let recorded = self.keys.execute(&context, stream, Command::SignCsr(signed)).await?;
        if let Some(dry_run) = recorded.dry_run {
            return Ok(Answer::Dry(dry_run));
        }
        Ok(recorded.answer(|_| SignatureView { signature: STANDARD.encode(&signature) }))
    }
}
