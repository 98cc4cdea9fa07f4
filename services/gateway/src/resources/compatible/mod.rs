//! The compatible issuing endpoint: what clients of Infisical-style certificate managers send and read.

use base64::{Engine, engine::general_purpose::STANDARD};
use contracts::{
    CertificateRequestId, Code, Event, OperationId, Permission, Problem,
    signer::{
        ApprovalNeed, CertificateRequestEvent, CertificateRequestSubmitted, IssuanceEvent, IssuedCertificate,
    },
};
use http::StatusCode;
use pki::Certificate;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

mod request;

use self::request::CompatibleRequest;
use super::chain::above;
use crate::{
    answer::Answer,
    call::Call,
    events, issuance,
    operation::Operation,
    patience::{self, Waited},
    pem, read,
};

const PATH: &str = "/api/v1/cert-manager/certificates";

/// How long the endpoint waits unless the caller says otherwise.
const WAIT: std::time::Duration = std::time::Duration::from_secs(30);

/// The answer: the certificate, or `null` and where the request stands.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CompatibleAnswer {
    /// The certificate.
    certificate: Option<CompatibleCertificate>,
    /// The request, a bare UUID.
    certificate_request_id: Uuid,
    /// `issued`, `pending` or `failed`.
    status: &'static str,
}

/// A certificate as these clients read it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CompatibleCertificate {
    /// PEM.
    certificate: String,
    /// PEM of the CA certificates above it, up to the root.
    certificate_chain: String,
    /// PEM of the issuing CA's certificate.
    issuing_ca_certificate: String,
    /// Hexadecimal.
    serial_number: String,
    /// A bare UUID.
    certificate_id: Uuid,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let csr = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB…\n-----END CERTIFICATE REQUEST-----\n";
    let refusals = [
        Code::CsrInvalid,
        Code::PolicyViolation,
        Code::LintFailed,
        Code::InvalidState,
        Code::NotFound,
        Code::KeystoreSealed,
        Code::TokenUnavailable,
        Code::ClockGuard,
    ];
    let operations = vec![
        Operation::post(PATH, "issueCompatibleCertificate", "Request a certificate, as other certificate managers offer it")
            .needs(Permission::RequestCreate)
            .sensitive()
            .compatible()
            .takes::<CompatibleRequest>(json!({"profileId": "01890a5d-ac96-774b-bcce-b302099a8057", "csr": csr, "attributes": {"ttl": "365d"}}))
            .answers::<CompatibleAnswer>(StatusCode::OK, "The certificate, or where the request stands.", example())
            .problems(&refusals)
            .handled_by(issue),
        Operation::get("/api/v1/cert-manager/certificates/certificate-requests/{id}", "getCompatibleCertificateRequest", "Show where such a request stands")
            .needs(Permission::RequestRead)
            .compatible()
            .answers::<CompatibleAnswer>(StatusCode::OK, "The certificate, or where the request stands.", example())
            .handled_by(show),
    ];
    operations.into_iter().map(|operation| operation.tagged("Compatible endpoint")).collect()
}

async fn issue(call: Call) -> Result<Answer, Problem> {
    let command = call.json::<CompatibleRequest>()?.command(call.now)?;
    let context = call.context()?;
    if call.query.flag("dryRun") {
        let tried = call.gateway.bus.dry_run(&context, &command).await;
        return Answer::dry(&tried.map_err(request::in_their_words)?);
    }
    let waited = patience::send_within(&call, &context, &command, WAIT).await;
    match waited.map_err(request::in_their_words)? {
        Waited::Done(reply) => {
            let (position, version, replayed) = (reply.position, reply.version, reply.replayed);
            let IssuedCertificate { request, certificate, chain } = reply.result;
            let chain: Vec<String> = chain.iter().map(|der| pem::certificate(der)).collect();
            let answer = issued(request.id.uuid(), request.certificate_id.uuid(), &certificate, &chain)?;
            Ok(call.written(Answer::json(StatusCode::OK, &answer)?, position, version, replayed))
        }
        Waited::Accepted(outcome) => {
            let view = super::operations::view(&call, OperationId(context.command_id), &outcome).await?;
            let request: CertificateRequestId = view.resource.id.parse().map_err(read::internal)?;
            let status = if view.waiting_for == Some("approval") { "pending_approval" } else { "pending" };
            Ok(Answer::json(StatusCode::OK, &without_certificate(request.uuid(), status))?.at(outcome.last))
        }
    }
}

async fn show(call: Call) -> Result<Answer, Problem> {
    let id: CertificateRequestId = call.parse("id")?;
    let reader = &call.gateway.reader;
    let unreadable = |error| events::unreadable(&error);
    let request = reader.read_stream(id.uuid(), 0).await.map_err(unreadable)?;
    let caller = call.caller()?;
    let missing = || Problem::not_found("certificate request", id);
    let first = request.first().filter(|event| event.category == CertificateRequestEvent::CATEGORY);
    let first = first.ok_or_else(missing)?;
    if !events::may_read(caller, Permission::RequestRead, first)? {
        return Err(missing());
    }
    for event in issuance::of_request(reader, &request).await? {
        let event =
            IssuanceEvent::from_payload(&event.kind, event.schema, &event.payload).map_err(read::internal)?;
        match event {
            IssuanceEvent::Intended(_) => {}
            IssuanceEvent::Completed(done) => {
                let chain: Vec<String> =
                    above(&call, done.ca_id).await?.iter().map(Certificate::to_pem).collect();
                let answer = issued(id.uuid(), done.certificate_id.uuid(), &done.certificate, &chain)?;
                return Answer::json(StatusCode::OK, &answer);
            }
            IssuanceEvent::Withheld(_) => {
                return Answer::json(StatusCode::OK, &without_certificate(id.uuid(), "failed"));
            }
        }
    }
    let last = request.last().map(issuance::read_event).transpose()?;
    if let Some(CertificateRequestEvent::Completed(done)) = &last {
        let chain: Vec<String> = done.chain.iter().map(|der| pem::certificate(der)).collect();
        let certificate = done.of.certificate_id.uuid();
        return Answer::json(StatusCode::OK, &issued(id.uuid(), certificate, &done.certificate, &chain)?);
    }
    Answer::json(StatusCode::OK, &without_certificate(id.uuid(), last.as_ref().map_or("pending", word)))
}

/// Where a request without certificate stands, in the words of those clients.
const fn word(last: &CertificateRequestEvent) -> &'static str {
    match last {
        CertificateRequestEvent::Submitted(CertificateRequestSubmitted {
            approval: Some(ApprovalNeed::Needed { .. }),
            ..
        }) => "pending_approval",
        CertificateRequestEvent::Submitted(_)
        | CertificateRequestEvent::Approved(_)
        | CertificateRequestEvent::CsrIntended(_)
        | CertificateRequestEvent::CsrMade(_)
        | CertificateRequestEvent::CsrMailWanted(_)
        | CertificateRequestEvent::CertificateReceived(_)
        | CertificateRequestEvent::Completed(_) => "pending", // a completed one was answered with its certificate
        CertificateRequestEvent::Rejected(_) | CertificateRequestEvent::Cancelled(_) => "rejected",
        CertificateRequestEvent::Failed(_) => "failed",
    }
}

fn issued(request: Uuid, id: Uuid, base64: &str, chain: &[String]) -> Result<CompatibleAnswer, Problem> {
    let der = STANDARD.decode(base64).map_err(read::internal)?;
    let serial_number = Certificate::read_der(&der).map_err(read::internal)?.serial_hex();
    Ok(CompatibleAnswer {
        certificate: Some(CompatibleCertificate {
            certificate: pem::certificate(base64),
            certificate_chain: chain.concat(),
            issuing_ca_certificate: chain.first().cloned().unwrap_or_default(),
            serial_number,
            certificate_id: id,
        }),
        certificate_request_id: request,
        status: "issued",
    })
}

const fn without_certificate(request: Uuid, status: &'static str) -> CompatibleAnswer {
    CompatibleAnswer { certificate: None, certificate_request_id: request, status }
}

fn example() -> Value {
    let certificate = "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n";
    json!({"certificate": {"certificate": certificate, "certificateChain": certificate, "issuingCaCertificate": certificate,
        "serialNumber": "13a7f09c1d", "certificateId": "01890a5d-ac96-774b-bcce-b302099a8057"},
        "certificateRequestId": "01890a5d-ac96-774b-bcce-b302099a8058", "status": "issued"})
}
