//! How far a request is, and the statements that write it.

use std::collections::HashMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use contracts::signer::CertificateRequestEvent;
use deadpool_postgres::Transaction;
use eventlog::Recorded;
use pki::csr::CertificationRequest;
use runtime::projection::{Generation, ProjectionError};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{super::json, Request};

/// How far a request is, as far as a batch tells.
#[derive(Default)]
pub struct Progress {
    /// Version of the request's stream; 0: the batch has none of its events after the first.
    pub version: i32,
    /// The last word about it: `pending_approval`, `approved`, `awaiting_certificate`, ….
    pub decision: Option<&'static str>,
    pub reason: Option<String>,
    pub problem: Option<String>,
    /// What is missing of a chain, JSON; `null` once nothing is.
    pub missing: Option<String>,
    /// The public key of the CSR that a CA outside was given: SHA-256, hexadecimal.
    pub awaited_spki: Option<String>,
    pub issuance: Option<Uuid>,
    pub ca_id: Option<Uuid>,
    pub serial: Option<String>,
    /// The key that was made once it was approved, and as users write it.
    pub key_id: Option<Uuid>,
    pub key: Option<String>,
    pub intended_at: Option<OffsetDateTime>,
    pub completed_at: Option<OffsetDateTime>,
    pub withheld_at: Option<OffsetDateTime>,
}

impl Progress {
    /// What an event after the submission says.
    pub fn apply(
        &mut self,
        recorded: &Recorded,
        event: CertificateRequestEvent,
    ) -> Result<(), ProjectionError> {
        match event {
            CertificateRequestEvent::Submitted(_) => {}
            CertificateRequestEvent::Approved(_) => self.decide(recorded, "approved", None, None),
            CertificateRequestEvent::Rejected(event) => {
                self.decide(recorded, "rejected", Some(event.reason), None);
            }
            CertificateRequestEvent::Cancelled(event) => {
                self.decide(recorded, "cancelled", event.reason, None)
            }
            CertificateRequestEvent::Failed(event) => {
                let problem = json("certificate_request.failed", &event.problem)?;
                self.decide(recorded, "failed", None, Some(problem));
            }
            CertificateRequestEvent::CsrIntended(event) => {
                self.decide(recorded, "issuing", None, None);
                self.key_id = Some(event.key_id.uuid());
                self.key = Some(event.key_id.to_string());
            }
            CertificateRequestEvent::CsrMailWanted(_) => self.version = recorded.version,
            CertificateRequestEvent::CsrMade(event) => {
                self.decide(recorded, "awaiting_certificate", None, None);
                self.awaited_spki = spki_sha256(&event.csr);
            }
            CertificateRequestEvent::CertificateReceived(event) => {
                self.decide(recorded, "awaiting_certificate", None, None);
                self.missing = Some(json("certificate_request.certificate_received", &event.missing)?);
            }
            CertificateRequestEvent::Completed(_) => {
                self.decide(recorded, "issued", None, None);
                self.missing = Some("null".to_owned());
                self.completed_at = Some(recorded.recorded_at.0);
            }
        }
        Ok(())
    }

    /// The last word about a request.
    pub fn decide(
        &mut self,
        recorded: &Recorded,
        decision: &'static str,
        reason: Option<String>,
        problem: Option<String>,
    ) {
        self.version = recorded.version;
        self.decision = Some(decision);
        (self.reason, self.problem) = (reason, problem);
    }
}

/// SHA-256 of the public key of a CSR, hexadecimal.
fn spki_sha256(csr: &str) -> Option<String> {
    let csr = CertificationRequest::read_der(&BASE64_STANDARD.decode(csr).ok()?).ok()?;
    Some(hex::encode(pki::spki::spki_sha256(csr.spki())))
}

/// Requests with what the same batch tells of them.
pub async fn insert(
    transaction: &Transaction<'_>,
    generation: &Generation,
    requests: &[(Request, Progress)],
) -> Result<(), ProjectionError> {
    if requests.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "insert into {} (id, organization, created_at, command_id, operation, source, profile_id, certificate_id,
           key_id, department, certificate_type, requested_by, common_name, labels, document, issuance, ca_id, serial,
           intended_at, completed_at, withheld_at, version, decision, reason, problem, missing, awaited_spki)
         select id, organization, created_at, command_id, operation, source, profile_id, certificate_id,
           key_id, department, certificate_type, requested_by, common_name, labels::jsonb, document::jsonb, issuance,
           ca_id, serial, intended_at, completed_at, withheld_at, greatest(1, version), decision, reason, problem::jsonb, missing::jsonb,
           awaited_spki
         from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::uuid[], $5::text[], $6::text[], $7::uuid[],
             $8::uuid[], $9::uuid[], $10::uuid[], $11::text[], $12::uuid[], $13::text[], $14::text[], $15::text[],
             $16::uuid[], $17::uuid[], $18::text[], $19::timestamptz[], $20::timestamptz[], $21::timestamptz[],
             $22::int[], $23::text[], $24::text[], $25::text[], $26::text[], $27::text[])
           as u (id, organization, created_at, command_id, operation, source, profile_id, certificate_id,
             key_id, department, certificate_type, requested_by, common_name, labels, document, issuance, ca_id, serial,
             intended_at, completed_at, withheld_at, version, decision, reason, problem, missing, awaited_spki)
         on conflict (id) do nothing",
        generation.table("certificate_request")
    );
    let statement = transaction.prepare_cached(&sql).await?;
    macro_rules! column {
        (request.$field:ident) => {
            requests.iter().map(|(request, _)| &request.$field).collect::<Vec<_>>()
        };
        (progress.$field:ident) => {
            requests.iter().map(|(_, progress)| &progress.$field).collect::<Vec<_>>()
        };
    }
    transaction
        .execute(
            &statement,
            &[
                &column!(request.id),
                &column!(request.organization),
                &column!(request.created_at),
                &column!(request.command_id),
                &column!(request.operation),
                &column!(request.source),
                &column!(request.profile_id),
                &column!(request.certificate_id),
                &column!(request.key_id),
                &column!(request.department),
                &column!(request.certificate_type),
                &column!(request.requested_by),
                &column!(request.common_name),
                &column!(request.labels),
                &column!(request.document),
                &column!(progress.issuance),
                &column!(progress.ca_id),
                &column!(progress.serial),
                &column!(progress.intended_at),
                &column!(progress.completed_at),
                &column!(progress.withheld_at),
                &column!(progress.version),
                &column!(progress.decision),
                &column!(progress.reason),
                &column!(progress.problem),
                &column!(progress.missing),
                &column!(progress.awaited_spki),
            ],
        )
        .await?;
    Ok(())
}

/// Progress of requests that came in an earlier batch.
pub async fn update(
    transaction: &Transaction<'_>,
    generation: &Generation,
    progress: &HashMap<Uuid, Progress>,
) -> Result<(), ProjectionError> {
    if progress.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "update {} t set issuance = coalesce(u.issuance, t.issuance), ca_id = coalesce(u.ca_id, t.ca_id),
           serial = coalesce(u.serial, t.serial), intended_at = coalesce(u.intended_at, t.intended_at),
           completed_at = coalesce(u.completed_at, t.completed_at),
           withheld_at = coalesce(u.withheld_at, t.withheld_at),
           key_id = coalesce(u.key_id, t.key_id),
           document = case when u.key is null then t.document else t.document || jsonb_build_object('keyId', u.key) end,
           version = greatest(u.version, t.version), decision = coalesce(u.decision, t.decision),
           reason = coalesce(u.reason, t.reason), problem = coalesce(u.problem::jsonb, t.problem),
           missing = coalesce(u.missing::jsonb, t.missing), awaited_spki = coalesce(u.awaited_spki, t.awaited_spki)
         from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::timestamptz[],
             $7::timestamptz[], $8::uuid[], $9::text[], $10::int[], $11::text[], $12::text[], $13::text[],
             $14::text[], $15::text[])
           as u (id, issuance, ca_id, serial, intended_at, completed_at, withheld_at, key_id, key, version, decision,
             reason, problem, missing, awaited_spki)
         where t.id = u.id",
        generation.table("certificate_request")
    );
    let statement = transaction.prepare_cached(&sql).await?;
    let (ids, progress): (Vec<&Uuid>, Vec<&Progress>) = progress.iter().unzip();
    macro_rules! column {
        ($field:ident) => {
            progress.iter().map(|progress| &progress.$field).collect::<Vec<_>>()
        };
    }
    transaction
        .execute(
            &statement,
            &[
                &ids,
                &column!(issuance),
                &column!(ca_id),
                &column!(serial),
                &column!(intended_at),
                &column!(completed_at),
                &column!(withheld_at),
                &column!(key_id),
                &column!(key),
                &column!(version),
                &column!(decision),
                &column!(reason),
                &column!(problem),
                &column!(missing),
                &column!(awaited_spki),
            ],
        )
        .await?;
    Ok(())
}
