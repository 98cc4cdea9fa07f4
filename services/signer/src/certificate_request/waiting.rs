//! A request whose CSR is there: what a CA outside answers is judged, and kept as far as it goes.

use base64::{Engine, prelude::BASE64_STANDARD};
use contracts::{
    KeyId, Timestamp,
    signer::{
        CertificateReceived, CertificateRequestCompleted, CertificateRequestEvent,
        CertificateRequestSubmitted, MissingIssuer,
    },
};
use pki::{certificate::Certificate, csr::CertificationRequest};

use super::Refusal;
use crate::answer::{self, AnswerRefusal, Judged, Known, Waiting};

/// What is waited for.
#[derive(Clone, Debug, PartialEq)]
pub struct Awaiting {
    submitted: CertificateRequestSubmitted,
    key_id: Option<KeyId>,
    csr: String,
    received: Option<CertificateReceived>,
}

impl Awaiting {
    /// Nothing came yet. `csr`: DER in base64.
    #[must_use]
    pub const fn new(submitted: CertificateRequestSubmitted, key_id: Option<KeyId>, csr: String) -> Self {
        Self { submitted, key_id, csr, received: None }
    }

    /// With what came last.
    #[must_use]
    pub fn with(self, received: CertificateReceived) -> Self {
        Self { received: Some(received), ..self }
    }

    /// What was asked for.
    #[must_use]
    pub const fn submitted(&self) -> &CertificateRequestSubmitted {
        &self.submitted
    }

    /// What came, as far as its chain is not complete.
    #[must_use]
    pub const fn received(&self) -> Option<&CertificateReceived> {
        self.received.as_ref()
    }

    /// What is missing of the chain of what came.
    #[must_use]
    pub fn missing(&self) -> Option<&MissingIssuer> {
        self.received().map(|received| &received.missing)
    }

    /// What an answer comes to; nothing, if it says no more than the last one.
    pub(super) fn receive(
        &self,
        given: &[Certificate],
        known: &Known,
        now: Timestamp,
    ) -> Result<Vec<CertificateRequestEvent>, Refusal> {
        let csr = BASE64_STANDARD.decode(&self.csr).ok();
        let csr = csr.and_then(|der| CertificationRequest::read_der(&der).ok());
        let Some(csr) = csr else { return Err(AnswerRefusal::Empty.into()) }; // it was read before it was kept
        let leaf = self.received().and_then(|received| read(&received.certificate));
        let others: Vec<_> = self
            .received()
            .iter()
            .flat_map(|received| &received.others)
            .filter_map(|der| read(der))
            .collect();
        let waiting = Waiting {
            spki: csr.spki(),
            sans: &self.submitted.sans,
            common_name: self.submitted.common_name.as_deref(),
            certificate_type: self.submitted.belongs.certificate_type.unwrap_or_default(),
            leaf: leaf.as_ref(),
            others: &others,
        };
        Ok(match answer::judge(&waiting, given, known, now)? {
            Judged::Complete { leaf, chain, trusted } => vec![self.completed(&leaf, &chain, trusted).into()],
            Judged::Incomplete { leaf, others, missing } => {
                let received = CertificateReceived {
                    of: self.submitted.identity(),
                    certificate: BASE64_STANDARD.encode(leaf.der()),
                    others: others.iter().map(|one| BASE64_STANDARD.encode(one.der())).collect(),
                    missing,
                };
                if self.says(&received) { vec![] } else { vec![received.into()] }
            }
        })
    }

    /// Whether this is what came last, in whatever order.
    fn says(&self, received: &CertificateReceived) -> bool {
        self.received().is_some_and(|last| {
            last.certificate == received.certificate
                && last.missing == received.missing
                && received.others.iter().all(|one| last.others.contains(one))
        })
    }

    fn completed(
        &self,
        leaf: &Certificate,
        chain: &[Certificate],
        root_trusted: bool,
    ) -> CertificateRequestCompleted {
        CertificateRequestCompleted {
            of: self.submitted.identity(),
            certificate: BASE64_STANDARD.encode(leaf.der()),
            fingerprint_sha256: leaf.sha256(),
            chain: chain.iter().map(|one| BASE64_STANDARD.encode(one.der())).collect(),
            root_trusted,
            key_id: self.key_id,
            common_name: leaf.common_name(),
            sans: leaf.sans(),
            not_before: leaf.not_before(),
            not_after: leaf.not_after(),
            labels: self.submitted.labels.clone(),
            note: self.submitted.note.clone(),
        }
    }
}

fn read(base64: &str) -> Option<Certificate> {
    Certificate::read_der(&BASE64_STANDARD.decode(base64).ok()?).ok()
}
