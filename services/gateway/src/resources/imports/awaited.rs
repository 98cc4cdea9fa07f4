//! Certificates that requests wait for, by the public keys of their CSRs: they are answered with them.

use std::collections::HashMap;

use bus::Context;
use contracts::{
    CertificateId, CertificateRequestId, Permission, Problem,
    signer::{ReceiveCertificate, RequestStatus},
};
use uuid::Uuid;

use super::{
    super::certificate_requests::REQUESTS,
    items::{Item, Read},
};
use crate::{call::Call, pem, reach::Reach, read, select::Value};

/// CA certificates that go with an answer.
const MOST_ISSUERS: usize = 20;

/// What certificates were answers.
#[derive(Default)]
pub struct Awaited {
    /// Each, by its fingerprint.
    pub taken: HashMap<String, Taken>,
    /// Why a request did not take the one it waits for, by the fingerprint.
    pub refused: HashMap<String, String>,
    /// Where it stands in the log.
    pub position: i64,
}

/// A certificate that a request took.
pub struct Taken {
    /// The request.
    pub request: CertificateRequestId,
    /// Its id in the inventory, once the request is done.
    pub certificate: Option<CertificateId>,
    /// What there is to know.
    pub note: Option<String>,
}

/// Answers the requests that wait for certificates of the files, as far as the caller sees them.
pub async fn answer(call: &Call, there: &Context, items: &[Item]) -> Result<Awaited, Problem> {
    let leaves: Vec<&Read> =
        items.iter().flat_map(|item| &item.certificates).filter(|read| !read.certificate.is_ca()).collect();
    let waiting = waiting(call, there, &leaves).await?;
    let mut awaited = Awaited::default();
    for read in leaves {
        let Some(request) = waiting.get(&read.spki_sha256).copied() else { continue };
        if awaited.taken.contains_key(&read.sha256) || awaited.refused.contains_key(&read.sha256) {
            continue;
        }
        if call.query.flag("dryRun") {
            awaited.taken.insert(read.sha256.clone(), Taken { request, certificate: None, note: None });
            continue;
        }
        let command = ReceiveCertificate { request, certificate: with_issuers(read, items) };
        let step = Context { if_version: None, ..there.step(&format!("answer/{request}/{}", read.sha256)) };
        match call.gateway.bus.call(&step, &command).await {
            Ok(reply) => {
                awaited.position = awaited.position.max(reply.position);
                let done = reply.result.status == RequestStatus::Issued;
                let certificate = done.then_some(reply.result.certificate_id);
                awaited
                    .taken
                    .insert(read.sha256.clone(), Taken { request, certificate, note: reply.result.detail });
            }
            Err(problem) if problem.retryable => return Err(problem),
            Err(problem) => {
                let words = format!(
                    "certificate request {request} waits for a certificate of this key and did not take it: {}; \
                     see `chancery request answer`",
                    problem.detail
                );
                awaited.refused.insert(read.sha256.clone(), words);
            }
        }
    }
    Ok(awaited)
}

/// The newest requests that wait for certificates of these keys, by the public key.
async fn waiting(
    call: &Call,
    there: &Context,
    leaves: &[&Read],
) -> Result<HashMap<String, CertificateRequestId>, Problem> {
    let spkis: Vec<String> = leaves.iter().map(|read| read.spki_sha256.clone()).collect();
    if spkis.is_empty() {
        return Ok(HashMap::new());
    }
    let most = spkis.len();
    let reach = Reach::of(call.caller()?, Permission::RequestRead, &REQUESTS).within(there.tenant);
    let reach = reach
        .where_also("status = 'awaiting_certificate' and awaited_spki = any($::text[])", Value::Texts(spkis));
    let rows = read::columns(call, &REQUESTS, "awaited_spki, id", reach, "created_at, id", most).await?;
    let requests = rows.iter().map(|row| {
        let id: Uuid = row.try_get(1).map_err(read::internal)?;
        Ok((row.try_get(0).map_err(read::internal)?, id.into()))
    });
    requests.collect()
}

/// A certificate with the CA certificates of all files, as PEM.
fn with_issuers(read: &Read, items: &[Item]) -> String {
    let issuers = items.iter().flat_map(|item| &item.certificates).filter(|other| other.certificate.is_ca());
    let all = std::iter::once(read).chain(issuers.take(MOST_ISSUERS));
    all.map(|read| pem::certificate(&read.text)).collect()
}
