//! One row per certificate request, with its issuance: most come and finish within one batch, so a certificate costs
//! one insert.

use std::collections::HashMap;

use contracts::{
    Event, OperationId, OrganizationId,
    signer::{
        CertificateRequestEvent, CertificateRequestSubmitted, IssuanceEvent, RequestSource, RequestStatus,
    },
    x509::CertificateType,
};
use deadpool_postgres::Transaction;
use eventlog::Recorded;
use runtime::projection::{Generation, Projection, ProjectionError, Scope, View};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{event, json};
use crate::view;

/// `signer.certificate_request`.
pub struct Requests;

impl Projection for Requests {
    const NAME: &'static str = "certificate_request";
    const VERSION: i32 = 2;
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
               issuance uuid, ca_id uuid, serial text, intended_at timestamptz, completed_at timestamptz, withheld_at timestamptz);
             create index on {table} (organization, created_at, id);
             create index on {table} (intended_at) where completed_at is null and withheld_at is null;"
        )
    }

    fn views(&self, generation: &Generation) -> Vec<View> {
        let table = generation.table("certificate_request");
        let scope = Scope::Organization("organization");
        let stands = |running: &str, done: &str, failed: &str| {
            format!(
                "case when completed_at is not null then '{done}' when withheld_at is not null then '{failed}' \
                 else '{running}' end"
            )
        };
        let status = stands("issuing", "issued", "failed");
        let operation = stands("running", "done", "failed");
        let issuance = stands("intended", "completed", "withheld");
        vec![
            View {
                name: "certificate_request",
                select: format!(
                    "select id, organization, 1 as version, created_at, {status} as status, source, profile_id,
                       certificate_id, key_id, department, certificate_type, requested_by, common_name, labels,
                       document || jsonb_build_object('status', {status}) as document from {table}"
                ),
                scope,
            },
            View {
                name: "operation",
                select: format!(
                    "select command_id as id, organization, 1 as version, created_at,
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
                let CertificateRequestEvent::Submitted(submitted) = event(recorded)?;
                requests.push(Request::new(submitted, recorded)?);
            } else {
                match event(recorded)? {
                    IssuanceEvent::Intended(intended) => {
                        let progress = progress.entry(intended.request_id.uuid()).or_default();
                        progress.issuance = Some(recorded.stream);
                        progress.ca_id = intended.ca_id.map(|ca| ca.uuid());
                        progress.serial = Some(intended.serial);
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

/// How far a request's issuance is, as far as a batch tells.
#[derive(Default)]
struct Progress {
    issuance: Option<Uuid>,
    ca_id: Option<Uuid>,
    serial: Option<String>,
    intended_at: Option<OffsetDateTime>,
    completed_at: Option<OffsetDateTime>,
    withheld_at: Option<OffsetDateTime>,
}

async fn insert(
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
           intended_at, completed_at, withheld_at)
         select id, organization, created_at, command_id, operation, source, profile_id, certificate_id,
           key_id, department, certificate_type, requested_by, common_name, labels::jsonb, document::jsonb, issuance,
           ca_id, serial, intended_at, completed_at, withheld_at
         from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::uuid[], $5::text[], $6::text[], $7::uuid[],
             $8::uuid[], $9::uuid[], $10::uuid[], $11::text[], $12::uuid[], $13::text[], $14::text[], $15::text[],
             $16::uuid[], $17::uuid[], $18::text[], $19::timestamptz[], $20::timestamptz[], $21::timestamptz[])
           as u (id, organization, created_at, command_id, operation, source, profile_id, certificate_id,
             key_id, department, certificate_type, requested_by, common_name, labels, document, issuance, ca_id, serial,
             intended_at, completed_at, withheld_at)
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
            ],
        )
        .await?;
    Ok(())
}

/// Progress of requests that came in an earlier batch.
async fn update(
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
           withheld_at = coalesce(u.withheld_at, t.withheld_at)
         from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::timestamptz[],
             $7::timestamptz[])
           as u (id, issuance, ca_id, serial, intended_at, completed_at, withheld_at)
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
            ],
        )
        .await?;
    Ok(())
}
