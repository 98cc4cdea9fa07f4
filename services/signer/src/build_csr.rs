//! `build_csr`: a CSR for a key of the keystore, without a certificate request. Nothing of it is kept but that the key signed it.

use base64::{Engine, prelude::BASE64_STANDARD};
use bus::{Answer, Context, Reply};
use contracts::{
    Actor, Code, KeyText, Problem, SecretText, Service, Violation,
    command::DryRun,
    keystore::{GenerateRequestKey, KeyCsrSigned, SignBuiltCsr},
    labels::check_text,
    signer::{BuildCsr, BuiltCsr},
};
use pki::{
    builder,
    csr::CertificationRequest,
    name, pem,
    request::{self, RequestError, RequestTemplate},
};
use runtime::{aggregate::differences, authority::Target};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    applicant::{Applicant, fill_names},
    managed_key::Managed,
    signer::Signer,
};

/// Longest label of a key, in characters.
const LABEL: usize = 200;

impl Signer {
    /// Answers the command.
    pub async fn build_csr(
        &self,
        context: Context,
        mut command: BuildCsr,
    ) -> Result<Answer<BuiltCsr>, Problem> {
        let caller = self.authority.caller::<BuildCsr>(&context).await?;
        caller.permit(&Target::organization(context.tenant))?;
        self.authority.in_use(context.tenant, None)?;
        fill_names(&command.subject, &mut command.sans);
        let Managed { algorithm, chosen, token } =
            self.managed_key(&context, Some(&caller), command.key.clone()).await?;
        let applicant = Applicant::Managed {
            key_algorithm: algorithm,
            key: chosen.clone(),
            token: token.clone(),
            subject: command.subject.clone(),
            sans: command.sans.clone(),
            key_usages: command.key_usages.clone(),
            extended_key_usages: command.extended_key_usages.clone(),
        };
        let mut violations = applicant.violations();
        violations.extend(command.label.as_deref().and_then(|label| check_text("#/label", label, LABEL)));
        violations.extend(self.refused_key(context.tenant, &applicant)?);
        if let Some(first) = violations.first() {
            return Err(Problem::new(Code::ValidationFailed, first.detail.clone()).with_errors(violations));
        }
        let subject = applicant.subject_der()?;
        // It is made once nothing can be refused any more: until then another key stands for a new one.
        let stand_in = match &chosen {
            Some(key) => key.spki.to_vec(),
            None => self.throwaway_key(algorithm).await?.spki().to_vec(),
        };
        info(&command, &subject, &stand_in)?;
        let says = KeyCsrSigned {
            subject: name::to_text(&subject),
            sans: command.sans.clone(),
            with_challenge: command.challenge_password.is_some(),
        };
        if context.dry_run {
            let changes = differences(&Value::Null, &json!({"algorithm": algorithm, "csr": says}));
            return Ok(Answer::Dry(DryRun { would_change: true, changes }));
        }
        let own = |step: &str| context.step(step).by(Actor::Service(Service::Signer));
        let (key_id, spki) = match chosen {
            Some(key) => (key.id, key.spki.to_vec()),
            None => {
                let BuildCsr { exportable, ref label, .. } = command;
                let wanted = GenerateRequestKey { algorithm, exportable, label: label.clone(), token };
                let key = self.bus.call(&own("key"), &wanted).await?.result;
                let block = pem::read(key.public_key.as_bytes()).ok().and_then(|mut blocks| blocks.pop());
                (key.id, block.ok_or_else(Problem::internal)?.der)
            }
        };
        let info = info(&command, &subject, &spki)?;
        let sign = SignBuiltCsr { key: key_id, says, info: KeyText::new(BASE64_STANDARD.encode(&info)) };
        let signed = self.bus.call(&own("sign csr"), &sign).await?;
        let signature = BASE64_STANDARD.decode(&signed.result.signature).map_err(|_| Problem::internal())?;
        let der = Zeroizing::new(builder::assemble(&info, algorithm.default_signature(), &signature));
        CertificationRequest::read_der(&der).map_err(|error| {
            tracing::error!(%error, key = %key_id, "a CSR that was just signed is not one");
            Problem::internal()
        })?;
        let built = BuiltCsr { key_id, csr: KeyText::new(BASE64_STANDARD.encode(&*der)) };
        let Reply { stream, version, position, replayed, .. } = signed;
        Ok(Answer::Done(Reply { stream, version, position, replayed, result: built }))
    }
}

/// What the key signs. Errors: `validation_failed`; a challenge password is not in them.
fn info(command: &BuildCsr, subject: &[u8], spki: &[u8]) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let template = RequestTemplate {
        subject,
        sans: &command.sans,
        spki,
        key_usages: &command.key_usages,
        extended_key_usages: &command.extended_key_usages,
        challenge_password: command.challenge_password.as_ref().map(SecretText::reveal),
    };
    request::build(&template).map(Zeroizing::new).map_err(|error| {
        let (pointer, code) = match error {
            RequestError::Challenge => ("#/challengePassword", "challenge_password_invalid"),
            RequestError::Nameless => ("#/subject", "names_missing"),
            RequestError::Subject(_) => ("#/subject", "subject_invalid"),
            RequestError::San(_) => ("#/sans", "san_invalid"),
            RequestError::Key(_) => ("#/key", "key_invalid"),
        };
        let violation = Violation::at(pointer, code, runtime::error::words(&error));
        Problem::new(Code::ValidationFailed, violation.detail.clone()).with_errors(vec![violation])
    })
}
