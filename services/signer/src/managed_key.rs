//! Keys that a request names or brings: one of the keystore that is used again, and none that others know (C-6).

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bus::Context;
use contracts::{
    Code, KeyId, OrganizationId, Permission, Problem, Violation,
    keystore::{KeyEvent, KeyGenerated, KeyPurpose},
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

/// The key of a new request that is managed: its kind, and which one if it is there already.
pub type Managed = (KeyAlgorithm, Option<ChosenKey>);

impl Signer {
    /// The managed key that a request asks for. Who asks must be allowed to read keys to use one again.
    ///
    /// Errors: `not_found`, `forbidden`, `invalid_state` of a key that signs nothing, `validation_failed`.
    pub(crate) async fn managed_key(
        &self,
        context: &Context,
        caller: Option<&Caller>,
        wanted: RequestKey,
    ) -> Result<Managed, Problem> {
        let Some(id) = wanted.id else {
            return Ok((wanted.algorithm.unwrap_or(KeyAlgorithm::EcdsaP256), None));
        };
        if let Some(principal) = caller.and_then(Caller::principal) {
            permitted(principal, Permission::KeyRead, &Target::organization(context.tenant))?;
        }
        let key = self.usable_key(context.tenant, id).await?;
        if wanted.algorithm.is_some_and(|algorithm| algorithm != key.algorithm) {
            let words = format!("the key is {}; leave 'algorithm' out, or 'id' for a new key", key.algorithm);
            let violation = Violation::at("#/key/algorithm", "contradictory_key", words.clone());
            return Err(Problem::new(Code::ValidationFailed, words).with_errors(vec![violation]));
        }
        let spki = BASE64_STANDARD.decode(&key.spki).map_err(|_| Problem::internal())?;
        Ok((key.algorithm, Some(ChosenKey { id, spki: spki.into() })))
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
