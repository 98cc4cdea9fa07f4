//! `/cas`: certification authorities.

use contracts::{
    Code, Permission, Problem, Service,
    signer::{CaKind, CaStatus, CaView, CreateCa, ResumeCa, SuspendCa},
};
use http::StatusCode;
use serde_json::{Value, json};

use super::{
    Page, Reason,
    operations::{OperationView, example as operation_example},
    page,
};
use crate::{
    answer::Answer,
    call::Call,
    operation::Operation,
    read,
    timeline::{self, TimelineEntry},
    view::{self, Field, Rights, View},
};

/// The read model.
pub static CAS: View = View {
    service: Service::Signer,
    name: "ca",
    kind: "CA",
    prefix: "ca",
    fields: &[
        Field::text("name", "name"),
        Field::word::<CaKind>("kind", "kind"),
        Field::word::<CaStatus>("status", "status"),
        Field::text("commonName", "common_name").optional(),
        Field::time("notAfter", "not_after").optional(),
    ],
    document: view::part_of::<CaView>,
    rights: Rights::Shared,
    named: true,
    labelled: false,
    search: None,
    sort: "name",
};

/// The operations.
pub fn operations() -> Vec<Operation> {
    let suspend = json!({"reason": "key ceremony"});
    let operations = vec![
        CAS.lists(Operation::get("/api/v1/cas", "listCas", "List CAs"))
            .needs(Permission::CaRead)
            .answers::<Page<CaView>>(StatusCode::OK, "A page of CAs.", page(example()))
            .handled_by(|call| read::list(call, &CAS)),
        Operation::post("/api/v1/cas", "createCa", "Create a CA with a key of its own")
            .needs(Permission::CaCreate).step_up()
            .costly()
            .sensitive()
            .takes::<CreateCa>(json!({"name": "issuing-1", "kind": "issuing", "parent": "name:root-1",
                "key": {"algorithm": "ecdsa_p384"}, "subject": {"commonName": "Example Issuing CA 1"}, "ttl": "5y"}))
            .answers::<CaView>(StatusCode::CREATED, "The CA; it may issue.", example())
            .answers::<OperationView>(
                StatusCode::ACCEPTED,
                "It waits for approval.",
                operation_example(),
            )
            .problems(&[Code::AlreadyExists, Code::InvalidState, Code::KeystoreSealed, Code::TokenUnavailable, Code::ClockGuard, Code::NotFound])
            .handled_by(create),
        CAS.shows(Operation::get("/api/v1/cas/{id}", "getCa", "Show a CA"))
            .needs(Permission::CaRead)
            .answers::<CaView>(StatusCode::OK, "The CA.", example())
            .handled_by(|call| read::show(call, &CAS)),
        Operation::get("/api/v1/cas/{id}/timeline", "getCaTimeline", "Show what happened to a CA")
            .needs(Permission::CaRead)
            .answers::<Page<TimelineEntry>>(StatusCode::OK, "Its events, oldest first.", timeline::example("ca.created"))
            .handled_by(|call| timeline::of_row(call, &CAS)),
        Operation::post("/api/v1/cas/{id}/suspend", "suspendCa", "Suspend a CA: nothing is signed until it is resumed")
            .needs(Permission::CaWrite).step_up()
            .sensitive()
            .if_match()
            .takes::<SuspensionReason>(suspend.clone())
            .answers::<CaView>(StatusCode::OK, "The CA as it is now.", example())
            .problem(Code::InvalidState)
            .handled_by(suspend_ca),
        Operation::post("/api/v1/cas/{id}/resume", "resumeCa", "Resume a suspended CA")
            .needs(Permission::CaWrite).step_up()
            .sensitive()
            .if_match()
            .may_take::<Reason>(suspend)
            .answers::<CaView>(StatusCode::OK, "The CA as it is now.", example())
            .problem(Code::InvalidState)
            .handled_by(resume_ca),
    ];
    operations.into_iter().map(|operation| operation.tagged("Certification authorities")).collect()
}

/// Why a CA is suspended.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SuspensionReason {
    /// Why, for whoever reads the timeline.
    reason: String,
}

async fn create(call: Call) -> Result<Answer, Problem> {
    let command: CreateCa = call.json()?;
    call.send(command, |ca, _| {
        Ok(Answer::json(StatusCode::CREATED, &ca)?.located(&format!("/api/v1/cas/{}", ca.id)))
    })
    .await
}

async fn suspend_ca(call: Call) -> Result<Answer, Problem> {
    let SuspensionReason { reason } = call.json()?;
    let command = SuspendCa { ca: call.parse("id")?, reason };
    call.send(command, |ca, _| Answer::json(StatusCode::OK, &ca)).await
}

async fn resume_ca(call: Call) -> Result<Answer, Problem> {
    let Reason { reason } = call.json()?;
    let command = ResumeCa { ca: call.parse("id")?, reason };
    call.send(command, |ca, _| Answer::json(StatusCode::OK, &ca)).await
}

fn example() -> Value {
    json!({"id": "ca_01jdp4q2x8f7mb3v5kz6n9w0ae", "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae", "name": "issuing-1",
        "kind": "issuing", "status": "active", "parentId": "ca_01jdp4q2x8f7mb3v5kz6n9w0ad",
        "keyId": "key_01jdp4q2x8f7mb3v5kz6n9w0ae", "keyAlgorithm": "ecdsa_p384", "commonName": "Example Issuing CA 1",
        "certificate": "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n",
        "fingerprintSha256": "9b1e0c57…", "notBefore": "2026-11-21T09:00:00Z", "notAfter": "2031-11-20T08:59:59Z",
        "maxTtl": null, "createdAt": "2026-11-21T09:00:00Z", "version": 2})
}
