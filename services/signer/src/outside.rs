//! What is known of CAs outside: the certificates that came with their answers, and the requests that wait for a CSR or
//! for the rest of a chain.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use bus::Context;
use contracts::{
    Actor, CertificateRequestId, Code, Event, OrganizationId, Problem, Service, Timestamp, Violation,
    event::EventError, signer::CertificateRequestEvent,
};
use eventlog::Recorded;
use pki::{
    certificate::Certificate,
    file::{self, Passphrases},
};
use runtime::{error::words, fold::Fold, service::ServiceContext};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    answer::{AnswerRefusal, Known, MOST},
    certificate_request::RequestCommand,
    signer::Signer,
};

/// Time between two looks.
const PERIOD: Duration = Duration::from_secs(2);
/// A CSR that is not signed after so long is nobody's any more.
const ABANDONED: time::Duration = time::Duration::seconds(10);
/// Time for one request.
const PATIENCE: time::Duration = time::Duration::seconds(10);
/// The most certificates of CAs that are remembered for one organization.
const REMEMBERED: usize = 2_000;

/// State in memory that follows certificate requests.
#[derive(Debug, Default)]
pub struct Outside {
    issuers: HashMap<OrganizationId, Vec<Certificate>>,
    unsigned: HashMap<CertificateRequestId, (OrganizationId, Timestamp)>,
    incomplete: HashMap<CertificateRequestId, OrganizationId>,
}

impl Fold for Outside {
    const CATEGORIES: &'static [&'static str] = &[CertificateRequestEvent::CATEGORY];

    fn apply(&mut self, recorded: &Recorded) -> Result<(), EventError> {
        // Most requests are for our own CAs: their events are not even read.
        if recorded.kind == "certificate_request.submitted" {
            return Ok(());
        }
        let (id, tenant) = (CertificateRequestId(recorded.stream), OrganizationId(recorded.tenant));
        match CertificateRequestEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload)? {
            CertificateRequestEvent::CsrIntended(_) => {
                self.unsigned.insert(id, (tenant, recorded.recorded_at));
            }
            CertificateRequestEvent::CsrMade(_) => _ = self.unsigned.remove(&id),
            CertificateRequestEvent::CertificateReceived(received) => {
                self.incomplete.insert(id, tenant);
                self.remember(tenant, &received.others);
            }
            CertificateRequestEvent::Completed(done) => {
                self.incomplete.remove(&id);
                self.remember(tenant, &done.chain);
            }
            CertificateRequestEvent::Submitted(_)
            | CertificateRequestEvent::CsrMailWanted(_)
            | CertificateRequestEvent::Approved(_)
            | CertificateRequestEvent::Rejected(_)
            | CertificateRequestEvent::Cancelled(_)
            | CertificateRequestEvent::Failed(_) => {}
        }
        Ok(())
    }
}

impl Outside {
    fn remember(&mut self, organization: OrganizationId, certificates: &[String]) {
        let known = self.issuers.entry(organization).or_default();
        for base64 in certificates {
            let read = BASE64_STANDARD.decode(base64).ok().and_then(|der| Certificate::read_der(&der).ok());
            if let Some(certificate) = read.filter(|one| !known.contains(one) && known.len() < REMEMBERED) {
                known.push(certificate);
            }
        }
    }
}

impl Signer {
    /// What is known to an organization beside an answer: its own CAs, whose roots it trusts as it trusts those of each set
    /// that it may use; and what came with other answers.
    pub(crate) fn known_to(&self, organization: OrganizationId) -> Known {
        let own = self.catalog.read(|catalog| catalog.issuers_of(organization));
        let (mut trusted, mut issuers): (Vec<_>, Vec<_>) =
            own.iter().map(|issuer| issuer.certificate.clone()).partition(Certificate::is_self_issued);
        self.outside.read(|outside| {
            issuers.extend(outside.issuers.get(&organization).into_iter().flatten().cloned());
        });
        self.trusted_roots.read(|roots| {
            let ders = roots.usable_sets(organization).flat_map(|set| set.certificates());
            trusted.extend(ders.filter_map(|der| Certificate::read_der(der).ok()));
        });
        Known { issuers, trusted }
    }
}

/// The certificates of an answer, as it was pasted.
///
/// Errors: `certificate_invalid`; a private key among them is told.
pub fn read(text: &str) -> Result<Vec<Certificate>, Problem> {
    let refused = |code: &str, detail: String| {
        Problem::new(Code::CertificateInvalid, detail.clone()).with_errors(vec![Violation::at(
            "#/certificate",
            code,
            detail,
        )])
    };
    let contents = file::read(text.as_bytes(), &Passphrases::none());
    let contents = contents.map_err(|error| refused("certificate_unreadable", words(&error)))?;
    if !contents.keys.is_empty() || text.contains("PRIVATE KEY-----") {
        let words = "this contains a private key; send certificates only, and make a new key, because this one has \
                     been disclosed";
        return Err(refused("certificate_with_key", words.to_owned()));
    }
    if let Some(problem) = contents.problems.first() {
        return Err(refused("certificate_unreadable", problem.to_string()));
    }
    let certificates: Vec<_> = contents.certificates.into_iter().map(|found| found.certificate).collect();
    match certificates.len() {
        0 => Err(AnswerRefusal::Empty.into()),
        count if count > MOST => {
            let detail = format!("there are {count} certificates; at most {MOST} are looked at");
            Err(refused("too_many_certificates", detail))
        }
        _ => Ok(certificates),
    }
}

/// Makes the CSRs that a crash left unsigned, and looks once more at answers whose chain was not complete as soon as
/// more is known; until shutdown.
pub fn start(context: &ServiceContext, signer: Arc<Signer>) {
    context.shutdown.spawn_droppable(async move {
        let mut looked = HashMap::new();
        loop {
            tokio::time::sleep(PERIOD).await;
            signer.sign_abandoned().await;
            signer.complete_chains(&mut looked).await;
        }
    });
}

impl Signer {
    async fn sign_abandoned(&self) {
        let before = self.clock.now().plus(-ABANDONED);
        let abandoned: Vec<_> = self.outside.read(|outside| {
            let old = outside.unsigned.iter().filter(|(_, (_, since))| *since < before);
            old.map(|(id, (tenant, _))| (*id, *tenant)).collect()
        });
        for (id, tenant) in abandoned {
            let context = self.alone(Uuid::new_v5(&id.uuid(), b"abandoned csr"), tenant);
            match self.make_csr(&context, id).await {
                Ok(_) => tracing::info!(request_id = %id, "an abandoned CSR was signed"),
                Err(problem) => {
                    tracing::warn!(request_id = %id, code = problem.code.as_str(), %problem, "a CSR stays unsigned");
                }
            }
        }
    }

    async fn complete_chains(&self, looked: &mut HashMap<CertificateRequestId, [u8; 32]>) {
        let incomplete = self.outside.read(|outside| outside.incomplete.clone());
        looked.retain(|id, _| incomplete.contains_key(id));
        let mut known: HashMap<OrganizationId, (Arc<Known>, [u8; 32])> = HashMap::new();
        for (id, tenant) in incomplete {
            let (known, digest) = known.entry(tenant).or_insert_with(|| {
                let known = self.known_to(tenant);
                let digest = digest(&known);
                (Arc::new(known), digest)
            });
            if looked.get(&id) == Some(digest) {
                continue;
            }
            // By what is known, so that two instances that look are one command.
            let context = Context {
                fingerprint: *digest,
                ..self.alone(Uuid::new_v5(&id.uuid(), digest.as_slice()), tenant)
            };
            let receive = RequestCommand::Receive { given: Arc::default(), known: known.clone() };
            match self.requests.execute(&context, id.uuid(), receive).await {
                Ok(done) if done.position > 0 => tracing::info!(request_id = %id, "more of a chain is known"),
                Ok(_) => {}
                Err(problem) if problem.retryable => continue,
                Err(problem) => {
                    tracing::warn!(request_id = %id, code = problem.code.as_str(), %problem, "a chain stays incomplete");
                }
            }
            looked.insert(id, *digest);
        }
    }

    fn alone(&self, command: Uuid, tenant: OrganizationId) -> Context {
        let deadline = self.clock.now().plus(PATIENCE);
        Context::new(command, tenant, Actor::Service(Service::Signer), deadline)
    }
}

/// SHA-256 over what is known, in whatever order.
fn digest(known: &Known) -> [u8; 32] {
    let parts = [("issuer", &known.issuers), ("trusted", &known.trusted)];
    let all: BTreeSet<_> =
        parts.iter().flat_map(|(kind, list)| list.iter().map(move |one| (*kind, one.sha256()))).collect();
    let mut hash = Sha256::new();
    for (kind, fingerprint) in all {
        hash.update(kind);
        hash.update(fingerprint);
    }
    hash.finalize().into()
}
