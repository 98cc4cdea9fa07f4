//! One row per certificate request, with its issuance: most come and finish within one batch, so a certificate costs
//! one insert.

mod progress;

use std::collections::HashMap;

use contracts::{
    Event, OperationId, OrganizationId,
    signer::{
        ApprovalNeed, CertificateRequestEvent, CertificateRequestSubmitted, IssuanceEvent, RequestSource,
        RequestStatus,
    },
    x509::CertificateType,
};
use deadpool_postgres::Transaction;
use eventlog::Recorded;
use runtime::projection::{Generation, Projection, ProjectionError, Scope, View};
use time::OffsetDateTime;
use uuid::Uuid;

use self::progress::{Progress, insert, update};
use super::{event, json};
use crate::view;

/// `signer.certificate_request`.
pub struct Requests;

impl Projection for Requests {
    const NAME: &'static str = "certificate_request";
    const VERSION: i32 = 6;
    const CATEGORIES: &'static [&'static str] = &["certificate_request", "issuance"];
    const TABLES: &'static [&'static str] = &["certificate_request"];

    fn tables(&self, generation: &Generation) -> String {
        let table = generation.table("certificate_request");
        // The document's status is not kept: the column is the one that changes.
        format!(
            "create table {table} (
               id uuid primary key, organization uuid not null, created_at timestamptz not null,
               command_id uuid not null, operation text not null,
               source text not null, profile_id uuid not null, certificate_id uuid not null, key_id uuid,
               department uuid, certificate_type text, requested_by uuid,
               common_name text, labels jsonb not null, document jsonb not null,
               version int not null, decision text, reason text, problem jsonb,
               missing jsonb, awaited_spki text,
               issuance uuid, ca_id uuid, serial text, intended_at timestamptz, completed_at timestamptz, withheld_at timestamptz);
             create index on {table} (organization, created_at, id);
             create index on {table} (intended_at) where completed_at is null and withheld_at is null;
             create index on {table} (decision) where decision is not null;
             create index on {table} (awaited_spki) where awaited_spki is not null;"
        )
    }

    fn views(&self, generation: &Generation) -> Vec<View> {
        let table = generation.table("certificate_request");
        let scope = Scope::Organization("organization");
        let issuance = "case when completed_at is not null then 'completed' when withheld_at is not null then 'withheld' \
                        else 'intended' end";
        let status = "case when completed_at is not null then 'issued' when withheld_at is not null then 'failed' \
                      when intended_at is not null then 'issuing' else coalesce(decision, 'issuing') end";
        let operation = format!(
            "case {status} when 'issued' then 'done' when 'pending_approval' then 'waiting' when 'awaiting_certificate' then 'waiting' when 'issuing' then 'running' \
             when 'approved' then 'running' else 'failed' end"
        );
        vec![
            View {
                name: "certificate_request",
                select: format!(
                    "select id, organization, version, created_at, {status} as status, source, profile_id, completed_at is null and withheld_at is null as unfinished,
                       certificate_id, key_id, department, certificate_type, requested_by, common_name, labels, awaited_spki,
                       document || jsonb_build_object('status', {status}, 'version', version, 'reason', reason,
                         'problem', problem, 'missing', missing) as document from {table}"
                ),
                scope,
            },
            View {
                name: "operation",
                select: format!(
                    "select command_id as id, organization, version, created_at,
                       jsonb_build_object('id', operation, 'kind', 'certificate_request',
                         'status', {operation},
                         'resource', jsonb_build_object('kind', 'certificate_request', 'id', document->>'id',
                           'path', '/api/v1/certificate-requests/' || (document->>'id')),
                         'error', null, 'startedAt', document->>'createdAt') as document from {table}"
                ),
                scope,
            },
            View {
                name: "issuance",
                select: format!(
                    "select issuance as id, organization, case when {issuance} = 'intended' then 1 else 2 end as version,
                       intended_at as created_at, {issuance} as status,
                       completed_at, withheld_at, id as request_id, certificate_id, ca_id, serial,
                       jsonb_build_object('id', issuance, 'requestId', document->>'id',
                         'certificateId', document->>'certificateId', 'serialNumber', serial,
                         'status', {issuance}) as document
                     from {table} where issuance is not null"
                ),
                scope,
            },
        ]
    }

    async fn apply(
        &self,
        transaction: &Transaction<'_>,
        generation: &Generation,
        events: &[Recorded],
    ) -> Result<(), ProjectionError> {
        let mut requests: Vec<Request> = Vec::new();
        let mut progress: HashMap<Uuid, Progress> = HashMap::new();
        for recorded in events {
            if recorded.category == CertificateRequestEvent::CATEGORY {
                match event(recorded)? {
                    CertificateRequestEvent::Submitted(submitted) => {
                        if matches!(submitted.approval, Some(ApprovalNeed::Needed { .. })) {
                            let progress = progress.entry(recorded.stream).or_default();
                            progress.decide(recorded, "pending_approval", None, None);
                        }
                        requests.push(Request::new(submitted, recorded)?);
                    }
                    further => progress.entry(recorded.stream).or_default().apply(recorded, further)?,
                }
            } else {
                match event(recorded)? {
                    IssuanceEvent::Intended(intended) => {
                        let progress = progress.entry(intended.request_id.uuid()).or_default();
                        progress.issuance = Some(recorded.stream);
                        progress.ca_id = intended.ca_id.map(|ca| ca.uuid());
                        progress.serial = Some(intended.serial);
                        progress.key_id = intended.key_id.map(|key| key.uuid());
                        progress.key = intended.key_id.map(|key| key.to_string());
                        progress.intended_at = Some(recorded.recorded_at.0);
                    }
                    IssuanceEvent::Completed(completed) => {
                        progress.entry(completed.request_id.uuid()).or_default().completed_at =
                            Some(recorded.recorded_at.0);
                    }
                    IssuanceEvent::Withheld(withheld) => {
                        progress.entry(withheld.request_id.uuid()).or_default().withheld_at =
                            Some(recorded.recorded_at.0);
                    }
                }
            }
        }
        let requests: Vec<_> = requests
            .into_iter()
            .map(|request| {
                let progress = progress.remove(&request.id).unwrap_or_default();
                (request, progress)
            })
            .collect();
        insert(transaction, generation, &requests).await?;
        update(transaction, generation, &progress).await
    }
}

struct Request {
    id: Uuid,
    organization: Uuid,
    created_at: OffsetDateTime,
    command_id: Uuid,
    operation: String,
    source: &'static str,
    profile_id: Uuid,
    certificate_id: Uuid,
    key_id: Option<Uuid>,
    department: Option<Uuid>,
    certificate_type: Option<&'static str>,
    requested_by: Option<Uuid>,
    common_name: Option<String>,
    labels: String,
    document: String,
}

impl Request {
    fn new(submitted: CertificateRequestSubmitted, recorded: &Recorded) -> Result<Self, ProjectionError> {
        const KIND: &str = "certificate_request.submitted";
        let requested_by = view::principal(&recorded.actor).to_owned();
        let organization = OrganizationId(recorded.tenant);
        let belongs = submitted.belongs;
        let view = view::certificate_request(submitted, organization, requested_by, RequestStatus::Issuing);
        Ok(Self {
            id: view.id.uuid(),
            organization: recorded.tenant,
            created_at: view.created_at.0,
            command_id: recorded.command_id,
            operation: OperationId(recorded.command_id).to_string(),
            source: match view.source {
                RequestSource::Csr => "csr",
                RequestSource::Managed => "managed",
            },
            profile_id: view.profile_id.uuid(),
            certificate_id: view.certificate_id.uuid(),
            key_id: view.key_id.map(|key| key.uuid()),
            department: belongs.department_id.map(|department| department.uuid()),
            certificate_type: belongs.certificate_type.map(CertificateType::as_str),
            requested_by: belongs.requested_by.map(|administrator| administrator.uuid()),
            labels: json(KIND, &view.labels)?,
            document: json(KIND, &view)?,
            common_name: view.common_name,
        })
    }
}
