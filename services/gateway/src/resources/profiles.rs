//! `/profiles`: certificate profiles.

use contracts::{
    Code, Permission, PolicyId, Problem, Service,
    directory::ApprovalRule,
    id::Reference,
    signer::{CaChoice, CreateProfile, ProfileView, UpdateProfile},
    x509::{CertificateType, ExtendedKeyUsage, KeyUsage, LifetimeRule, SubjectSources, Terms},
};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Page,
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

static PROFILES: View = View {
    service: Service::Signer,
    name: "profile",
    kind: "certificate profile",
    prefix: "prf",
    fields: &[Field::text("name", "name"), Field::word::<CertificateType>("type", "type")],
    document: view::part_of::<ProfileView>,
    rights: Rights::Shared,
    named: true,
    labelled: false,
    search: None,
    sort: "name",
};

/// What changes; a missing field stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProfileChanges {
    /// New issuer: a CA by id or name; `self` for self-signed.
    #[serde(default)]
    ca: Option<CaChoice>,
    /// New policy.
    #[serde(default)]
    policy: Option<Reference<PolicyId>>,
    /// New lifetimes.
    #[serde(default)]
    ttl: Option<LifetimeRule>,
    /// New key usages.
    #[serde(default)]
    key_usages: Option<Vec<KeyUsage>>,
    /// New extended key usages.
    #[serde(default)]
    extended_key_usages: Option<Vec<ExtendedKeyUsage>>,
    /// Whether managed keys may be exported.
    #[serde(default)]
    exportable: Option<bool>,
    /// Where the values of the subject come from.
    #[serde(default)]
    subject: Option<SubjectSources>,
    /// What requests need before they are signed; `"required": 0`: nothing, whatever it was.
    #[serde(default)]
    approval: Option<ApprovalRule>,
    /// What whoever asks has to accept; an empty text: nothing, whatever it was.
    #[serde(default)]
    terms: Option<Terms>,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let operations = vec![
        PROFILES
            .lists(Operation::get("/api/v1/profiles", "listProfiles", "List certificate profiles"))
            .needs(Permission::ProfileRead)
            .answers::<Page<ProfileView>>(StatusCode::OK, "A page of profiles.", page(example()))
            .handled_by(|call| read::list(call, &PROFILES)),
        Operation::post("/api/v1/profiles", "createProfile", "Create a certificate profile")
            .needs(Permission::ProfileWrite)
            .sensitive()
            .takes::<CreateProfile>(json!({"name": "internal-web", "type": "server", "ca": "name:issuing-1",
                "policy": "name:public-web", "ttl": {"default": "90d", "max": "398d"}}))
            .answers::<ProfileView>(StatusCode::CREATED, "The profile.", example())
            .answers::<OperationView>(StatusCode::ACCEPTED, "It waits for approval.", operation_example())
            .problems(&[Code::AlreadyExists, Code::NotFound])
            .handled_by(create),
        PROFILES
            .shows(Operation::get("/api/v1/profiles/{id}", "getProfile", "Show a certificate profile"))
            .needs(Permission::ProfileRead)
            .answers::<ProfileView>(StatusCode::OK, "The profile.", example())
            .handled_by(|call| read::show(call, &PROFILES)),
        Operation::patch("/api/v1/profiles/{id}", "updateProfile", "Change a certificate profile")
            .needs(Permission::ProfileWrite)
            .sensitive()
            .takes::<ProfileChanges>(json!({"ttl": {"default": "47d", "max": "90d"},
                "subject": {"organization": "replace", "locality": "fill"}}))
            .answers::<ProfileView>(StatusCode::OK, "The profile as it is now.", example())
            .answers::<OperationView>(StatusCode::ACCEPTED, "It waits for approval.", operation_example())
            .handled_by(update),
        Operation::get(
            "/api/v1/profiles/{id}/timeline",
            "getProfileTimeline",
            "Show what happened to a certificate profile",
        )
        .needs(Permission::ProfileRead)
        .answers::<Page<TimelineEntry>>(
            StatusCode::OK,
            "Its events, oldest first.",
            timeline::example("profile.created"),
        )
        .handled_by(|call| timeline::of_row(call, &PROFILES)),
    ];
    operations.into_iter().map(|operation| operation.tagged("Profiles and policies")).collect()
}

async fn create(call: Call) -> Result<Answer, Problem> {
    let command: CreateProfile = call.json()?;
    call.send(command, |made, _| {
        Ok(Answer::json(StatusCode::CREATED, &made)?.located(&format!("/api/v1/profiles/{}", made.id)))
    })
    .await
}

async fn update(call: Call) -> Result<Answer, Problem> {
    let ProfileChanges {
        ca,
        policy,
        ttl,
        key_usages,
        extended_key_usages,
        exportable,
        subject,
        approval,
        terms,
    } = call.json()?;
    let profile = call.parse("id")?;
    let command = UpdateProfile {
        profile,
        ca,
        policy,
        ttl,
        key_usages,
        extended_key_usages,
        exportable,
        subject,
        approval,
        terms,
    };
    call.send(command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

fn example() -> Value {
    json!({"id": "prf_01jdp4q2x8f7mb3v5kz6n9w0ae", "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "name": "internal-web", "rules": {"type": "server", "issuer": {"kind": "micro_ca"},
            "policy": "pol_01jdp4q2x8f7mb3v5kz6n9w0ae", "ttl": {"default": "90d", "max": "398d"}},
        "createdAt": "2026-11-21T09:00:00Z", "version": 1})
}
