//! `/domains/{id}/validations`: proofs that an organization controls a domain.

use contracts::{
    Code, DomainId, OrganizationId, Permission, Problem, SecretText, Service, ValidationId,
    directory::{
        CheckDomainValidation, ConfirmDomainValidation, ConfirmedDomainValidation, DomainValidationStatus,
        DomainValidationView, StartDomainValidation, ValidationMethod,
    },
    id::Reference,
};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Page, domains, page, sessions};
use crate::{
    answer::Answer,
    call::Call,
    operation::Operation,
    read::{self, Found},
    timeline::{self, TimelineEntry},
    view::{self, Field, Rights, View},
};

/// Validations.
pub static VALIDATIONS: View = View {
    service: Service::Directory,
    name: "domain_validation",
    kind: "domain validation",
    prefix: "val",
    fields: &[
        Field::word::<DomainValidationStatus>("status", "status"),
        Field::word::<ValidationMethod>("method", "method"),
        Field::id("domainId", "domain", "dom"),
        Field::text("domainName", "domain_name"),
        Field::time("validUntil", "valid_until").optional(),
    ],
    document: view::part_of::<DomainValidationView>,
    rights: Rights::Shared,
    named: false,
    labelled: false,
    search: None,
    sort: "createdAt",
};

/// A validation to begin.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewValidation {
    /// How control is to be proved.
    method: ValidationMethod,
    /// For whom: an organization by id or name; missing: the caller's organization.
    #[serde(default)]
    organization: Option<Reference<OrganizationId>>,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let (all, one) = ("/api/v1/domains/{id}/validations", "/api/v1/domains/{id}/validations/{validationId}");
    let operations = [
        VALIDATIONS
            .lists(Operation::get(
                "/api/v1/domain-validations",
                "listValidations",
                "List the validations of all domains",
            ))
            .needs(Permission::DomainRead)
            .answers::<Page<DomainValidationView>>(
                StatusCode::OK,
                "A page of validations.",
                page(validation()),
            )
            .handled_by(|call| read::list(call, &VALIDATIONS)),
        VALIDATIONS
            .lists(Operation::get(all, "listDomainValidations", "List a domain's validations"))
            .needs(Permission::DomainRead)
            .answers::<Page<DomainValidationView>>(
                StatusCode::OK,
                "A page of validations.",
                page(validation()),
            )
            .handled_by(list),
        Operation::post(
            all,
            "startDomainValidation",
            "Begin to prove that an organization controls a domain",
        )
        .needs(Permission::DomainRequest)
        .sensitive()
        .takes::<NewValidation>(json!({"method": "dns_txt"}))
        .answers::<DomainValidationView>(
            StatusCode::CREATED,
            "The validation, with what has to be done.",
            validation(),
        )
        .problem(Code::InvalidState)
        .handled_by(start),
        VALIDATIONS
            .shows(Operation::get(one, "getDomainValidation", "Show a validation"))
            .needs(Permission::DomainRead)
            .answers::<DomainValidationView>(StatusCode::OK, "The validation.", validation())
            .handled_by(show),
        Operation::get(
            "/api/v1/domains/{id}/validations/{validationId}/timeline",
            "getDomainValidationTimeline",
            "Show what happened to a validation",
        )
        .needs(Permission::DomainRead)
        .answers::<Page<TimelineEntry>>(
            StatusCode::OK,
            "Its events, oldest first.",
            timeline::example("domain_validation.started"),
        )
        .handled_by(show_timeline),
        Operation::post(
            "/api/v1/domains/{id}/validations/{validationId}/check",
            "checkDomainValidation",
            "Look for the proof now",
        )
        .needs(Permission::DomainRequest)
        .sensitive()
        .costly()
        .answers::<DomainValidationView>(
            StatusCode::OK,
            "The validation as it is now: `validated`, or with the reason why not.",
            validation(),
        )
        .problem(Code::InvalidState)
        .handled_by(check),
        Operation::post(
            "/api/v1/domain-validations/confirm",
            "confirmDomainValidation",
            "Prove control of a domain by the code of a mail",
        )
        .public()
        .costly()
        .takes::<ConfirmDomainValidation>(json!({"code": "val_01jdp4q2x8f7mb3v5kz6n9w0ae.0a1b2c"}))
        .answers::<ConfirmedDomainValidation>(
            StatusCode::OK,
            "Which domain, and until when the proof counts.",
            json!({"domainName": "example.com", "validUntil": "2027-06-09T09:00:00Z"}),
        )
        .problem(Code::LinkVoid)
        .handled_by(confirm),
    ];
    operations.into_iter().map(|operation| operation.tagged("Domains")).collect()
}

async fn list(call: Call) -> Result<Answer, Problem> {
    let domain = domains::found(&call).await?.id;
    let reach = call.reach(&VALIDATIONS)?.of_one("domain", domain);
    read::list_of(call, &VALIDATIONS, reach).await
}

async fn start(call: Call) -> Result<Answer, Problem> {
    let NewValidation { method, organization } = call.json()?;
    let command = StartDomainValidation { domain: call.parse("id")?, organization, method };
    call.send(command, |begun, _| {
        let path = format!("/api/v1/domains/{}/validations/{}", begun.domain_id, begun.id);
        Ok(Answer::json(StatusCode::CREATED, &begun)?.located(&path))
    })
    .await
}

async fn show(call: Call) -> Result<Answer, Problem> {
    let found = found(&call).await?;
    read::answer(&call, found)
}

async fn show_timeline(call: Call) -> Result<Answer, Problem> {
    let found = found(&call).await?;
    timeline::of_streams(&call, &[found.id]).await
}

async fn check(call: Call) -> Result<Answer, Problem> {
    let (domain, validation) =
        (call.parse::<Reference<DomainId>>("id")?, call.parse::<ValidationId>("validationId")?);
    let command = CheckDomainValidation { domain, validation };
    call.send(command, |now, _| Answer::json(StatusCode::OK, &now)).await
}

/// Whoever has the code is who read the mail: nobody has to be signed in.
async fn confirm(call: Call) -> Result<Answer, Problem> {
    let command: ConfirmDomainValidation = call.json()?;
    let context = sessions::at_the_door(&call);
    call.send_in(context, command, |confirmed, _| Answer::json(StatusCode::OK, &confirmed)).await
}

/// The same by who follows the link.
pub async fn confirm_by_code(call: &Call, code: SecretText) -> Result<ConfirmedDomainValidation, Problem> {
    let command = ConfirmDomainValidation { code };
    Ok(call.gateway.bus.call(&sessions::at_the_door(call), &command).await?.result)
}

/// The validation in the path, of the domain in the path, if the caller sees both.
async fn found(call: &Call) -> Result<Found, Problem> {
    let domain = domains::found(call).await?.id;
    let reach = call.reach(&VALIDATIONS)?.of_one("domain", domain);
    read::find(call, &VALIDATIONS, call.step("validationId"), "validationId", reach).await
}

fn validation() -> Value {
    json!({"id": "val_01jdp4q2x8f7mb3v5kz6n9w0ae", "domainId": "dom_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "domainName": "example.com", "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae", "method": "dns_txt",
        "status": "validated", "challenge": {"type": "dns_txt", "name": "_chancery-challenge.example.com",
            "value": "5f0c7a1e9b3d4862a7c5e1f09d8b6a4c3e2f1a0b"},
        "coversNamesBelow": true, "attempts": 0, "reason": null, "nextAttemptAt": "2027-02-05T01:00:00Z",
        "validatedAt": "2026-11-21T09:00:00Z", "validUntil": "2027-06-09T09:00:00Z",
        "expiresAt": "2026-12-21T08:58:00Z", "createdAt": "2026-11-21T08:58:00Z", "version": 2})
}
