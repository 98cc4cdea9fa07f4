//! `/certificate-requests`: from a CSR, or a key of ours, to a certificate. The hot path: one parse, one command, one
//! answer.

use base64::{Engine, engine::general_purpose::STANDARD};
use contracts::{
    ApprovalId, CertificateId, CertificateRequestId, Class, Code, OperationId, Permission, Problem, Service,
    Violation,
    directory::{ApprovalView, DeclineApproval, GiveApproval, WithdrawApproval},
    id::Reference,
    signer::{
        ApprovalNeed, CertificateRequestEvent, CertificateRequestSubmitted, CertificateRequestView,
        IssuedCertificate, MailCsr, MailedCsr, MissingIssuer, ReceiveCertificate, RequestAnswer,
        RequestSource, RequestStatus, SubmitCertificateRequest,
    },
    x509::CertificateType,
};
use eventlog::Recorded;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Page, Reason,
    approvals::{self, Message, Refusal},
    foreign_key,
    operations::{OperationView, accepted, example as operation_example},
    page,
};
use crate::{
    answer::Answer,
    body::{Media, shown},
    call::Call,
    issuance,
    operation::Operation,
    parameter::{Header, Parameter},
    patience::{self, Waited},
    pem, read,
    timeline::{self, TimelineEntry},
    view::{self, Field, Rights, View},
};

/// The read model.
pub static REQUESTS: View = View {
    service: Service::Signer,
    name: "certificate_request",
    kind: "certificate request",
    prefix: "req",
    fields: &[
        Field::word::<RequestStatus>("status", "status"),
        Field::word::<RequestSource>("source", "source"),
        Field::text("commonName", "common_name").optional(),
        Field::id("profileId", "profile_id", "prf"),
        Field::id("certificateId", "certificate_id", "crt"),
        Field::id("keyId", "key_id", "key").optional(),
        Field::id("departmentId", "department", "dep").optional(),
        Field::word::<CertificateType>("certificateType", "certificate_type").optional(),
    ],
    document: view::part_of::<CertificateRequestView>,
    rights: Rights::CERTIFICATE,
    named: false,
    labelled: true,
    search: None,
    sort: "-createdAt",
};

const PATH: &str = "/api/v1/certificate-requests";

/// A request that was answered at once, with its certificate.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct AnsweredRequest {
    #[serde(flatten)]
    request: CertificateRequestView,
    /// The certificate as PEM.
    certificate: String,
    /// The CA certificates above it up to the root, nearest first, as PEM.
    certificate_chain: String,
}

/// What a CA outside answered.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Answered {
    /// The certificate and whatever came with it, in any order: PEM with any text around, PKCS #7, or either's DER as
    /// base64.
    certificate: String,
}

/// Where a CSR is mailed to.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MailedTo {
    /// The CA's address.
    to: String,
    /// What to say to it, up to 1,000 characters.
    #[serde(default)]
    message: Option<String>,
}

/// Where a request stands after what a CA outside answered.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Received {
    /// The request.
    id: CertificateRequestId,
    /// `issued`, or `awaiting_certificate` while something is missing.
    status: RequestStatus,
    /// The certificate's id in the inventory, once it is issued.
    certificate_id: CertificateId,
    /// What is missing of the chain.
    missing: Option<MissingIssuer>,
    /// What there is to know, in a sentence: what is missing, or that nobody here trusts the root.
    detail: Option<String>,
    /// The certificate as PEM.
    certificate: String,
    /// The CA certificates above it, nearest first, as far as they are known, as PEM.
    certificate_chain: String,
}

/// Whether a request would be accepted.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Verdict {
    /// Whether it would.
    ok: bool,
    /// The code it would be refused with.
    code: Option<Code>,
    /// Each thing that is wrong.
    errors: Vec<Violation>,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let csr = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB…\n-----END CERTIFICATE REQUEST-----\n";
    let request = json!({"profile": "name:internal-web", "csr": csr, "ttl": "90d", "labels": {"env": "prod"}, "note": "CHG-1042"});
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
        REQUESTS
            .lists(Operation::get(PATH, "listCertificateRequests", "List certificate requests"))
            .needs(Permission::RequestRead)
            .answers::<Page<CertificateRequestView>>(StatusCode::OK, "A page of requests.", page(example()))
            .handled_by(|call| read::list(call, &REQUESTS)),
        Operation::post(
            PATH,
            "submitCertificateRequest",
            "Request a certificate, with a CSR or for a key of ours",
        )
        .needs(Permission::RequestCreate)
        .sensitive()
        .takes_any::<SubmitCertificateRequest>(&[Media::Json, Media::Pkcs10], request.clone())
        .query(Parameter::text(
            "profile",
            "The profile, by id or `name:…`, where the body is `application/pkcs10`.",
        ))
        .query(Parameter::text("ttl", "The lifetime, where the body is `application/pkcs10`."))
        .header(Header::PREFER)
        .answers::<AnsweredRequest>(
            StatusCode::CREATED,
            "The request with its certificate.",
            answered_example(),
        )
        .answers::<OperationView>(
            StatusCode::ACCEPTED,
            "It takes longer than the caller waits.",
            operation_example(),
        )
        .problems(&refusals)
        .handled_by(submit),
        Operation::compute(
            "/api/v1/certificate-requests/validate",
            "validateCertificateRequest",
            "Say whether a request would be accepted",
        )
        .needs(Permission::RequestCreate)
        .takes_any::<SubmitCertificateRequest>(&[Media::Json, Media::Pkcs10], request)
        .query(Parameter::text("profile", "The profile, where the body is `application/pkcs10`."))
        .query(Parameter::text("ttl", "The lifetime, where the body is `application/pkcs10`."))
        .answers::<Verdict>(
            StatusCode::OK,
            "Whether it would, and if not, all that is wrong.",
            json!({"ok": true, "code": null, "errors": []}),
        )
        .problem(Code::NotFound)
        .problem(Code::CommandTimeout)
        .handled_by(validate),
        REQUESTS
            .shows(Operation::get(
                "/api/v1/certificate-requests/{id}",
                "getCertificateRequest",
                "Show a certificate request",
            ))
            .needs(Permission::RequestRead)
            .answers::<CertificateRequestView>(StatusCode::OK, "The request.", example())
            .handled_by(|call| read::show(call, &REQUESTS)),
        Operation::get(
            "/api/v1/certificate-requests/{id}/csr",
            "getCertificateRequestCsr",
            "Show the CSR of a request as PEM",
        )
        .needs(Permission::RequestRead)
        .answers_any::<String>(StatusCode::OK, "The CSR.", &["application/x-pem-file"], json!(csr))
        .problem(Code::InvalidState)
        .handled_by(show_csr),
        Operation::post(
            "/api/v1/certificate-requests/{id}/mail-csr",
            "mailCertificateRequestCsr",
            "Mail the CSR of a request to a CA outside",
        )
        .needs(Permission::RequestCreate)
        .sensitive()
        .takes::<MailedTo>(json!({"to": "orders@ca.example", "message": "contract 4711"}))
        .answers::<MailedCsr>(
            StatusCode::OK,
            "It goes; the notification says how far it is.",
            json!({"requestId": "req_01jdp4q2x8f7mb3v5kz6n9w0ae", "to": "orders@ca.example"}),
        )
        .problem(Code::InvalidState)
        .handled_by(|call| async move {
            let MailedTo { to, message } = call.json()?;
            let command = MailCsr { request: call.parse("id")?, to, message };
            call.send(command, |mailed, _version| Answer::json(StatusCode::OK, &mailed)).await
        }),
        Operation::post(
            "/api/v1/certificate-requests/{id}/certificate",
            "receiveCertificate",
            "Hand in what a CA outside answered to the CSR of a request",
        )
        .needs(Permission::RequestCreate)
        .sensitive()
        .takes::<Answered>(
            json!({"certificate": "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n"}),
        )
        .answers::<Received>(StatusCode::OK, "Where the request stands now.", received_example())
        .problems(&[Code::CertificateInvalid, Code::KeyMismatch, Code::InvalidState])
        .handled_by(receive),
        Operation::get(
            "/api/v1/certificate-requests/{id}/timeline",
            "getCertificateRequestTimeline",
            "Show what happened to a request",
        )
        .needs(Permission::RequestRead)
        .answers::<Page<TimelineEntry>>(
            StatusCode::OK,
            "Its events, oldest first.",
            timeline::example("certificate_request.submitted"),
        )
        .handled_by(show_timeline),
        decided(
            "/api/v1/certificate-requests/{id}/approve",
            "approveCertificateRequest",
            "Approve a certificate request",
        )
        .needs(Permission::ApprovalDecide)
        .step_up()
        .may_take::<Message>(json!({"message": "checked with the owner"}))
        .handled_by(|call| async move {
            let (approval, Message { message }) = (waiting_for(&call).await?, call.json()?);
            approvals::send(call, GiveApproval { approval, message }).await
        }),
        decided(
            "/api/v1/certificate-requests/{id}/reject",
            "rejectCertificateRequest",
            "Decline a certificate request",
        )
        .needs(Permission::ApprovalDecide)
        .step_up()
        .takes::<Refusal>(json!({"reason": "not our name"}))
        .handled_by(|call| async move {
            let (approval, Refusal { reason }) = (waiting_for(&call).await?, call.json()?);
            approvals::send(call, DeclineApproval { approval, reason }).await
        }),
        decided(
            "/api/v1/certificate-requests/{id}/cancel",
            "cancelCertificateRequest",
            "Take a certificate request back that waits for approval",
        )
        .needs(Permission::ApprovalRead)
        .may_take::<Reason>(json!({"reason": "no longer needed"}))
        .handled_by(|call| async move {
            let (approval, Reason { reason }) = (waiting_for(&call).await?, call.json()?);
            approvals::send(call, WithdrawApproval { approval, reason }).await
        }),
    ];
    operations.into_iter().map(|operation| operation.tagged("Certificate requests")).collect()
}

/// A decision on a request that waits for approval; the request follows within a moment.
fn decided(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation::post(path, id, summary)
        .sensitive()
        .answers::<ApprovalView>(
            StatusCode::OK,
            "The approval as it is now; the request follows within a moment.",
            approvals::example(),
        )
        .problems(&approvals::REFUSALS)
}

/// The approval that the request in the path waits for. Errors: `invalid_state` of one that needs none.
async fn waiting_for(call: &Call) -> Result<ApprovalId, Problem> {
    let (_, submitted) = submitted(call).await?;
    approval_of(&submitted).ok_or_else(|| {
        Problem::new(Code::InvalidState, "the request needs no approval, so it waits for none")
    })
}

async fn submit(call: Call) -> Result<Answer, Problem> {
    let command = command(&call)?;
    let context = call.context()?;
    if call.query.flag("dryRun") {
        return Answer::dry(&call.gateway.bus.dry_run(&context, &command).await?);
    }
    let key = command.key.as_ref().and_then(|key| key.id);
    let outcome = patience::send(&call, &context, &command).await;
    match foreign_key::watched(&call, key, outcome).await? {
        Waited::Done(reply) => {
            fail::fail_point!("X02-replied-unanswered");
            let (position, version, replayed) = (reply.position, reply.version, reply.replayed);
            let IssuedCertificate { request, certificate, chain } = reply.result;
            let path = format!("{PATH}/{}", request.id);
            let answered = AnsweredRequest {
                request,
                certificate: pem::certificate(&certificate),
                certificate_chain: chain.iter().map(|der| pem::certificate(der)).collect(),
            };
            let answer = Answer::json(StatusCode::CREATED, &answered)?.located(&path);
            Ok(call.written(answer, position, version, replayed))
        }
        Waited::Accepted(outcome) => accepted(&call, OperationId(context.command_id), &outcome).await,
    }
}

async fn validate(call: Call) -> Result<Answer, Problem> {
    let command = command(&call)?;
    let verdict = match call.gateway.bus.dry_run(&call.context()?, &command).await {
        Ok(_) => Verdict { ok: true, code: None, errors: vec![] },
        Err(problem) if problem.code.class() == Class::Refused => {
            let Problem { code, detail, mut errors, .. } = problem;
            if errors.is_empty() {
                errors.push(Violation::at("#", code.as_str(), detail));
            }
            Verdict { ok: false, code: Some(code), errors }
        }
        Err(problem) => return Err(problem),
    };
    Answer::json(StatusCode::OK, &verdict)
}

/// The command that a body stands for.
fn command(call: &Call) -> Result<SubmitCertificateRequest, Problem> {
    let (profile, ttl) = (call.query.get("profile"), call.query.get("ttl"));
    if call.media == Media::Json {
        if let Some(name) = [("profile", profile), ("ttl", ttl)].iter().find_map(|(n, v)| v.map(|_| *n)) {
            let detail = "belongs into the JSON body; as a parameter it goes with application/pkcs10";
            return Err(refused_parameter(name, detail.to_owned()));
        }
        return call.json();
    }
    let read = |name: &str, error: String| refused_parameter(name, error);
    let profile: Option<Reference<_>> = match profile {
        Some(text) => Some(text.parse().map_err(|error| crate::call::refused_id("profile", &error))?),
        None => None,
    };
    let ttl = ttl
        .map(|text| text.parse().map_err(|e: contracts::time::LifetimeError| read("ttl", e.to_string())))
        .transpose()?;
    let csr = match std::str::from_utf8(&call.body) {
        Ok(text) if text.contains("-----BEGIN") => text.to_owned(),
        _ => STANDARD.encode(&call.body),
    };
    Ok(SubmitCertificateRequest { profile, ttl, csr: Some(csr), ..SubmitCertificateRequest::default() })
}

fn refused_parameter(name: &str, detail: String) -> Problem {
    Problem::new(Code::MalformedRequest, format!("the parameter '{name}' cannot be read"))
        .with_errors(vec![Violation::in_parameter(name, "invalid_value", detail)])
}

async fn show_csr(call: Call) -> Result<Answer, Problem> {
    let (history, submitted) = submitted(&call).await?;
    let mut csr = submitted.csr;
    for recorded in &history {
        if let CertificateRequestEvent::CsrMade(made) = issuance::read_event(recorded)? {
            csr = Some(made.csr);
        }
    }
    let Some(csr) = csr else {
        let words = match submitted.manual {
            true => "the request has no CSR yet: it is made once the request is approved",
            false => "the request has no CSR: its key is managed, and a CA of ours signs",
        };
        return Err(Problem::new(Code::InvalidState, words));
    };
    Ok(Answer::new(StatusCode::OK, "application/x-pem-file", pem::block("CERTIFICATE REQUEST", &csr)))
}

async fn receive(call: Call) -> Result<Answer, Problem> {
    let Answered { certificate } = call.json()?;
    let command = ReceiveCertificate { request: call.parse("id")?, certificate };
    call.send(command, |answer, _version| {
        let RequestAnswer { request_id, status, certificate_id, missing, detail, certificate, chain } =
            answer;
        let received = Received {
            id: request_id,
            status,
            certificate_id,
            missing,
            detail,
            certificate: pem::certificate(&certificate),
            certificate_chain: chain.iter().map(|der| pem::certificate(der)).collect(),
        };
        Answer::json(StatusCode::OK, &received)
    })
    .await
}

async fn show_timeline(call: Call) -> Result<Answer, Problem> {
    let (history, submitted) = submitted(&call).await?;
    let issuance = issuance::of_request(&call.gateway.reader, &history).await?;
    let mut streams = vec![submitted.id.uuid()];
    streams.extend(issuance.first().map(|event| event.stream));
    streams.extend(approval_of(&submitted).map(ApprovalId::uuid));
    timeline::of_streams(&call, &streams).await
}

/// The request in the path: its events, and as it was submitted.
async fn submitted(call: &Call) -> Result<(Vec<Recorded>, CertificateRequestSubmitted), Problem> {
    let found = read::one(call, &REQUESTS, "id").await?;
    let events = call.gateway.reader.read_stream(found.id, 0).await;
    let events = events.map_err(|error| crate::events::unreadable(&error))?;
    let missing = || Problem::not_found(REQUESTS.kind, shown(call.step("id")));
    match issuance::read_event(events.first().ok_or_else(missing)?)? {
        CertificateRequestEvent::Submitted(submitted) => Ok((events, submitted)),
        _ => Err(missing()),
    }
}

/// The approval that a request waits for, or waited for.
fn approval_of(submitted: &CertificateRequestSubmitted) -> Option<ApprovalId> {
    match &submitted.approval {
        Some(ApprovalNeed::Needed { approval_id, .. }) => Some(*approval_id),
        Some(ApprovalNeed::Automatic { .. }) | None => None,
    }
}

fn received_example() -> Value {
    let certificate = "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n";
    json!({"id": "req_01jdp4q2x8f7mb3v5kz6n9w0ae", "status": "awaiting_certificate",
        "certificateId": "crt_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "missing": {"subject": "CN=Example Issuing CA 1", "keyIdentifier": "4e1243bd…",
            "issued": "CN=shop.example.com"},
        "detail": "the certificate of 'CN=Example Issuing CA 1', which issued 'CN=shop.example.com', is missing",
        "certificate": certificate, "certificateChain": ""})
}

fn example() -> Value {
    json!({"id": "req_01jdp4q2x8f7mb3v5kz6n9w0ae", "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "departmentId": null, "certificateType": "server", "status": "issued",
        "source": "csr", "keyId": null, "profileId": "prf_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "certificateId": "crt_01jdp4q2x8f7mb3v5kz6n9w0ae", "commonName": "shop.example.com",
        "subjectChanges": [{"attribute": "organization", "found": ["Other"], "used": ["Example"]}],
        "sans": [{"type": "dns", "value": "shop.example.com"}], "keyAlgorithm": "ecdsa_p256", "ttl": "90d",
        "labels": {"env": "prod"}, "note": "CHG-1042", "approval": null, "reason": null, "problem": null, "manual": false, "acceptedTerms": null, "missing": null, "requestedBy": "adm_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "createdAt": "2026-11-21T09:00:00Z", "version": 1})
}

fn answered_example() -> Value {
    let mut answered = example();
    answered["certificate"] = "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n".into();
    answered["certificateChain"] = "-----BEGIN CERTIFICATE-----\nMIIC…\n-----END CERTIFICATE-----\n".into();
    answered
}
