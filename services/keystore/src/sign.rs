//! Signing what the log permits: facts, precondition, signature, journal, release, in this order and no other.

mod approval;
mod built_csr;

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bus::{Context, Reply};
use contracts::{
    CaId, Event as _, KeyId, OrganizationId, Problem,
    event::EventError,
    keystore::{
        KeyEvent, KeyGenerated, SignCaCertificate, SignCertificate, SignCsr, SignSelfSigned, SignatureView,
    },
    signer::{CaEvent, CertificateRequestEvent, CsrIntended},
};
use deadpool_postgres::Pool;
use eventlog::{Reader, Recorded};
use runtime::{aggregate::Aggregate as _, clock::Clock, command::read_problem, repository::Repository};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    ca::Ca,
    facts::{FactFinder, Facts},
    guard::ClockGuard,
    journal::{self, Entry, Journal},
    key::Key,
    keyring::Keyring,
    operation::measured,
    precondition::{self, Above, Intent, Owned, Permitted, Refusal},
    signing_key::{SigningError, SigningKey},
    token::Tokens,
};

/// Signs for CAs and for self-signed certificates.
pub struct Signing {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Whether the time can be right.
    pub guard: Arc<ClockGuard>,
    /// What the log says.
    pub facts: FactFinder,
    /// The log, for what is rare.
    pub reader: Reader,
    /// What keys signed beside that.
    pub keys: Repository<Key>,
    /// The tables, for what is rare.
    pub pool: Pool,
    /// Keys ready to sign.
    pub keyring: Arc<Keyring>,
    /// Keys that are elsewhere.
    pub tokens: Arc<Tokens>,
    /// Where signatures are kept before they leave.
    pub journal: Journal,
    /// Whether CAs need two persons where nobody says otherwise.
    pub production: bool,
}

impl Signing {
    /// Signs the certificate of an issuance by its CA's key.
    pub async fn certificate(
        &self,
        context: Context,
        command: SignCertificate,
    ) -> Result<Reply<SignatureView>, Problem> {
        self.issuance(&context, command.issuance, |intent, facts| {
            precondition::certificate(intent, &facts.ca, &facts.key)
        })
        .await
    }

    /// Signs a self-signed certificate by the key it carries.
    pub async fn self_signed(
        &self,
        context: Context,
        command: SignSelfSigned,
    ) -> Result<Reply<SignatureView>, Problem> {
        self.issuance(&context, command.issuance, |intent, facts| {
            precondition::self_signed(intent, &facts.key)
        })
        .await
    }

    async fn issuance(
        &self,
        context: &Context,
        issuance: Uuid,
        permit: impl FnOnce(&Intent, &Facts) -> Result<Permitted, Refusal>,
    ) -> Result<Reply<SignatureView>, Problem> {
        self.keyring.check()?;
        let facts = self.facts.ask(issuance).await.map_err(|_| stopping())??;
        let intent = facts.intent.as_ref().filter(|intent| intent.organization == context.tenant);
        let intent = intent.ok_or(Refusal::NoIntent)?;
        // A repeat gets what was released, whatever was suspended or destroyed since (C-3).
        if let Some(signature) = &facts.journaled {
            return Ok(released(signature, true));
        }
        let permitted = permit(intent, &facts)?;
        self.sign(permitted, &facts.key).await
    }

    /// Signs a CA's own certificate: by its own key, or its parent's.
    pub async fn ca_certificate(
        &self,
        context: Context,
        command: SignCaCertificate,
    ) -> Result<Reply<SignatureView>, Problem> {
        self.keyring.check()?;
        let ca = self.ca(command.ca).await?;
        let intended = ca.state.intended.as_ref().filter(|_| ca.organization == context.tenant);
        let (event, intended) = intended.ok_or(Refusal::NoIntent)?;
        if let [(_, signature)] = &journal::find(&self.pool, &[*event]).await?[..] {
            return Ok(released(signature, true));
        }
        self.approved(ca.organization, intended).await?;
        let key = self.key(intended.key_id).await?;
        let Some(parent) = intended.parent_id else {
            return self.sign(precondition::ca_certificate(&ca, &key, Above::Itself)?, &key).await;
        };
        let (parent, parent_key) = (self.ca(parent).await?, self.key(intended.signing_key_id).await?);
        let permitted = precondition::ca_certificate(&ca, &key, Above::Parent(&parent, &parent_key))?;
        self.sign(permitted, &parent_key).await
    }

    /// Signs the CSR of a certificate request by the managed key that it carries.
    pub async fn csr(&self, context: Context, command: SignCsr) -> Result<Reply<SignatureView>, Problem> {
        self.keyring.check()?;
        let events = self.reader.read_stream(command.request.uuid(), 0).await.map_err(read_problem)?;
        let mut intent = None;
        let intended = fold(&events, |state: Option<CsrIntended>, recorded| {
            if recorded.category != CertificateRequestEvent::CATEGORY {
                return Ok(state);
            }
            match CertificateRequestEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload)? {
                CertificateRequestEvent::CsrIntended(intended) => {
                    self.guard.saw_event(recorded.recorded_at);
                    intent = Some(recorded.id);
                    Ok(Some(intended))
                }
                _ => Ok(state),
            }
        })?;
        let intent = intent.filter(|_| intended.organization == context.tenant).ok_or(Refusal::NoIntent)?;
        if let [(_, signature)] = &journal::find(&self.pool, &[intent]).await?[..] {
            return Ok(released(signature, true));
        }
        let key = intended.state.as_ref().ok_or(Refusal::NoIntent)?.key_id;
        let key = self.key(key).await?;
        self.sign(precondition::csr(intent, &intended, &key)?, &key).await
    }

    /// Signs, journals, and only then gives the signature out.
    async fn sign(&self, permitted: Permitted, key: &Owned<Key>) -> Result<Reply<SignatureView>, Problem> {
        let algorithm = permitted.algorithm().as_str();
        measured("sign", algorithm, self.sign_and_journal(permitted, key)).await
    }

    async fn sign_and_journal(
        &self,
        permitted: Permitted,
        key: &Owned<Key>,
    ) -> Result<Reply<SignatureView>, Problem> {
        self.guard.check(self.clock.now())?;
        let (intent, id) = (permitted.intent(), permitted.key());
        let description = active(key, id)?;
        let tbs_sha256 = Sha256::digest(permitted.message()).into();
        let signature = self.signature(key, description, permitted).await?;
        fail::fail_point!("X08-signed-not-journaled");
        let entry = Entry { intent, key: id, tbs_sha256, signature: signature.clone() };
        let journaled = self.journal.ask(entry).await.map_err(|_| stopping())??;
        fail::fail_point!("X09-journaled-not-released");
        Ok(released(&journaled, journaled != signature))
    }

    /// Signs where the key is.
    async fn signature(
        &self,
        key: &Owned<Key>,
        description: &KeyGenerated,
        permitted: Permitted,
    ) -> Result<Vec<u8>, Problem> {
        match &description.token {
            Some(token) => {
                let token = self.tokens.of(token)?;
                Ok(token.sign(description, permitted.algorithm(), permitted.message()).await?)
            }
            None => make(self.keyring.key(key.organization, description).await?, permitted).await,
        }
    }

    async fn ca(&self, ca: CaId) -> Result<Owned<Ca>, Problem> {
        let events = self.reader.read_stream(ca.uuid(), 0).await.map_err(read_problem)?;
        fold(&events, |state: Ca, recorded| {
            let event = CaEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload)?;
            self.guard.saw_event(recorded.recorded_at);
            Ok(state.evolve(recorded.id, event))
        })
    }

    async fn key(&self, key: KeyId) -> Result<Owned<Key>, Problem> {
        let events = self.reader.read_stream(key.uuid(), 0).await.map_err(read_problem)?;
        fold(&events, |state: Key, recorded| {
            let event = KeyEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload)?;
            Ok(state.evolve(event))
        })
    }
}

impl std::fmt::Debug for Signing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signing")
    }
}

/// Makes the signature: at once where that takes microseconds, on a thread of its own where it takes milliseconds.
async fn make(key: Arc<SigningKey>, permitted: Permitted) -> Result<Vec<u8>, Problem> {
    let signature = if key.is_slow() {
        let work = move || key.sign(permitted.algorithm(), permitted.message());
        tokio::task::spawn_blocking(work).await.map_err(|_| stopping())?
    } else {
        key.sign(permitted.algorithm(), permitted.message())
    };
    signature.map_err(failed)
}

/// The state that a stream's events lead to, and whose it is.
fn fold<T: Default>(
    events: &[Recorded],
    mut evolve: impl FnMut(T, &Recorded) -> Result<T, EventError>,
) -> Result<Owned<T>, Problem> {
    let mut owned = Owned::default();
    for recorded in events {
        let state = evolve(owned.state, recorded).map_err(|error| {
            tracing::error!(%error, position = recorded.position, "event cannot be read: nothing is signed");
            Problem::internal()
        })?;
        owned = Owned { organization: OrganizationId(recorded.tenant), state };
    }
    Ok(owned)
}

/// The key's description; the precondition has seen that it is active and the right one.
fn active(key: &Owned<Key>, id: KeyId) -> Result<&KeyGenerated, Refusal> {
    key.state.description().filter(|description| description.id == id).ok_or(Refusal::NoKey)
}

fn released(signature: &[u8], replayed: bool) -> Reply<SignatureView> {
    Reply { replayed, ..Reply::nothing(SignatureView { signature: STANDARD.encode(signature) }) }
}

fn failed(error: SigningError) -> Problem {
    tracing::error!(%error, "signing failed");
    Problem::internal()
}

fn stopping() -> Problem {
    Problem::unavailable("keystore is stopping; try again")
}
