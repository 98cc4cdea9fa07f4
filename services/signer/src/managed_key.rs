//! Keys that a request names or brings: one of the keystore that is used again, and none that others know (C-6).

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bus::Context;
use contracts::{
    Actor, Code, Command, KeyId, OrganizationId, Permission, Problem, Service, Violation,
    keystore::{GenerateRequestKey, KeyEvent, KeyGenerated, KeyPurpose},
    signer::RequestKey,
    x509::KeyAlgorithm,
};
use pki::spki;
use runtime::{
    authority::{Caller, Target, permitted},
    command::{event, read_problem},
};

use crate::{applicant::Applicant, signer::Signer};

/// A key of the keystore that is used again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenKey {
    /// Which.
    pub id: KeyId,
    /// Its SubjectPublicKeyInfo, DER.
    pub spki: Arc<[u8]>,
}

/// The key of a new request that is managed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Managed {
    /// Its kind.
    pub algorithm: KeyAlgorithm,
    /// Which one, if it is there already.
    pub chosen: Option<ChosenKey>,
    /// The token that a new one is made in; missing: none.
    pub token: Option<String>,
}

impl Signer {
    /// The managed key that a request asks for. Who asks must be allowed to read keys to use one again, and to create keys to
    /// have one made in a token.
    ///
    /// Errors: `not_found`, `forbidden`, `invalid_state` of a key that signs nothing, `validation_failed`.
    pub(crate) async fn managed_key(
        &self,
        context: &Context,
        caller: Option<&Caller>,
        wanted: RequestKey,
    ) -> Result<Managed, Problem> {
        let needs = |permission| match caller.and_then(Caller::principal) {
            Some(principal) => permitted(principal, permission, &Target::organization(context.tenant)),
            None => Ok(()),
        };
        let Some(id) = wanted.id else {
            let algorithm = wanted.algorithm.unwrap_or(KeyAlgorithm::EcdsaP256);
            if let Some(token) = &wanted.token {
                needs(Permission::KeyCreate)?;
                let (token, label) = (Some(token.clone()), None);
                self.try_token(context, &GenerateRequestKey { algorithm, exportable: false, label, token })
                    .await?;
            }
            return Ok(Managed { algorithm, chosen: None, token: wanted.token });
        };
        needs(Permission::KeyRead)?;
        if wanted.token.is_some() {
            let words = "the key is where it is; leave 'token' out, or 'id' for a new key";
            let violation = Violation::at("#/key/token", "contradictory_key", words);
            return Err(Problem::new(Code::ValidationFailed, words).with_errors(vec![violation]));
        }
        let key = self.usable_key(context.tenant, id).await?;
        if wanted.algorithm.is_some_and(|algorithm| algorithm != key.algorithm) {
            let words = format!("the key is {}; leave 'algorithm' out, or 'id' for a new key", key.algorithm);
            let violation = Violation::at("#/key/algorithm", "contradictory_key", words.clone());
            return Err(Problem::new(Code::ValidationFailed, words).with_errors(vec![violation]));
        }
        let spki = BASE64_STANDARD.decode(&key.spki).map_err(|_| Problem::internal())?;
        let chosen = Some(ChosenKey { id, spki: spki.into() });
        Ok(Managed { algorithm: key.algorithm, chosen, token: None })
    }

    /// Whether keystore would make such a key, as far as it can tell without the token. Errors: `validation_failed`.
    pub(crate) async fn try_token<C: Command>(&self, context: &Context, command: &C) -> Result<(), Problem> {
        let step = Context { dry_run: true, ..context.step("try token") };
        self.bus.dry_run(&step.by(Actor::Service(Service::Signer)), command).await.map(drop)
    }

    /// A key of the organization for end entities that may sign, as the log has it now.
    async fn usable_key(&self, organization: OrganizationId, id: KeyId) -> Result<KeyGenerated, Problem> {
        let missing = || Problem::not_found("key", id);
        let (mut found, mut end) = (None, None);
        for recorded in self.reader.read_stream(id.uuid(), 0).await.map_err(read_problem)? {
            if recorded.tenant != organization.uuid() || recorded.category != "key" {
                return Err(missing());
            }
            match event::<KeyEvent>(&recorded)? {
                KeyEvent::Generated(key) => found = Some(key),
                KeyEvent::Imported(imported) => (found, end) = (Some(imported.key), None),
                KeyEvent::Exported(_) | KeyEvent::CsrSigned(_) => {}
                KeyEvent::Compromised(_) => end = Some("compromised"),
                KeyEvent::Destroyed(_) => end = Some("destroyed"),
            }
        }
        if let Some(end) = end {
            let words = format!("the key is {end}: no certificate is made for it");
            return Err(Problem::new(Code::InvalidState, words));
        }
        found.filter(|key| key.purpose == KeyPurpose::EndEntity).ok_or_else(missing)
    }

    /// The rule that the key of a request does not satisfy, if others know it. A key that is not made yet satisfies it.
    ///
    /// Errors: `service_unavailable` while the lists are not known.
    pub(crate) fn refused_key(
        &self,
        organization: OrganizationId,
        applicant: &Applicant,
    ) -> Result<Option<Violation>, Problem> {
        let Some(spki) = applicant.spki() else { return Ok(None) };
        self.knows_compromised_keys()?;
        let hash = spki::spki_sha256(spki);
        if !self.blocked.read(|blocked| blocked.contains(organization, &hash)) {
            return Ok(None);
        }
        let pointer = if applicant.csr().is_some() { "#/csr" } else { "#/key/id" };
        let words = "the key is compromised: others know its private half; make a new one";
        Ok(Some(Violation::at(pointer, "key_compromised", words).by_rule("compromisedKeys")))
    }

    /// Errors: `service_unavailable` while the list may have something that was not read yet.
    pub(crate) fn knows_compromised_keys(&self) -> Result<(), Problem> {
        if self.blocked.has_caught_up() && !self.blocked.is_halted() {
            return Ok(());
        }
        Err(Problem::unavailable("which keys are compromised is not known at the moment; try again"))
    }
}
