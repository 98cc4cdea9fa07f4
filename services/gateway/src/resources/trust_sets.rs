//! `/trust-sets`: the certificates that chains may end at, as people chose them.

use contracts::{
    Code, Permission, Problem, Service, TrustSetId, Violation,
    directory::RecordStatus,
    id::Reference,
    inventory::{
        AddTrustedCertificates, ArchiveTrustSet, CreateTrustSet, RemoveTrustedCertificate, TrustSetChanges,
        TrustSetKind, TrustSetView, TrustedCertificateView, UpdateTrustSet,
    },
};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Page, page};
use crate::{
    answer::Answer,
    call::Call,
    operation::Operation,
    parameter::Header,
    read,
    timeline::{self, TimelineEntry},
    view::{self, Field, Rights, View},
};

/// The read model.
pub static TRUST_SETS: View = View {
    service: Service::Inventory,
    name: "trust_set",
    kind: "trust set",
    prefix: "trs",
    fields: &[
        Field::text("name", "name"),
        Field::word::<TrustSetKind>("kind", "kind"),
        Field::word::<RecordStatus>("status", "status"),
    ],
    document: view::part_of::<TrustSetView>,
    rights: Rights::Shared,
    named: true,
    labelled: false,
    search: None,
    sort: "name",
};

/// The most text of certificates at once: what a message on the bus takes.
const MOST_TEXT: usize = 480 * 1024;

/// Certificates to trust.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MoreCertificates {
    /// PEM, as many blocks as there are, or one certificate as DER in base64; at most 480 KiB.
    certificates: String,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let (all, one) = ("/api/v1/trust-sets", "/api/v1/trust-sets/{id}");
    let certificates = "/api/v1/trust-sets/{id}/certificates";
    let operations = vec![
        TRUST_SETS
            .lists(Operation::get(all, "listTrustSets", "List trusted CA sets"))
            .needs(Permission::TrustSetRead)
            .answers::<Page<TrustSetView>>(StatusCode::OK, "A page of trust sets.", page(example()))
            .handled_by(|call| read::list(call, &TRUST_SETS)),
        Operation::post(all, "createTrustSet", "Make a trusted CA set")
            .needs(Permission::TrustSetWrite)
            .sensitive()
            .takes::<CreateTrustSet>(json!({"name": "internal", "copyOf": "name:mozilla",
                "certificates": "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n"}))
            .answers::<TrustSetView>(StatusCode::CREATED, "The trust set.", example())
            .problems(&[Code::AlreadyExists, Code::NotFound])
            .handled_by(create),
        TRUST_SETS
            .shows(Operation::get(one, "getTrustSet", "Show a trusted CA set"))
            .needs(Permission::TrustSetRead)
            .answers::<TrustSetView>(StatusCode::OK, "The trust set.", example())
            .handled_by(|call| read::show(call, &TRUST_SETS)),
        Operation::patch(one, "updateTrustSet", "Rename a trusted CA set, or make it the default")
            .needs(Permission::TrustSetWrite)
            .sensitive()
            .takes::<TrustSetChanges>(json!({"default": true}))
            .answers::<TrustSetView>(StatusCode::OK, "The trust set as it is now.", example())
            .problems(&[Code::AlreadyExists, Code::InvalidState])
            .handled_by(update),
        Operation::delete(
            one,
            "archiveTrustSet",
            "Archive a trusted CA set: nothing is judged by it any more",
        )
        .needs(Permission::TrustSetWrite)
        .sensitive()
        .answers::<TrustSetView>(StatusCode::OK, "The trust set as it is now.", example())
        .problems(&[Code::InUse, Code::InvalidState])
        .handled_by(archive),
        Operation::get(certificates, "listTrustSetCertificates", "List the certificates of a trusted CA set")
            .needs(Permission::TrustSetRead)
            .header(Header::MIN_POSITION)
            .problem(Code::ProjectionBehind)
            .answers::<Page<TrustedCertificateView>>(
                StatusCode::OK,
                "All of its certificates, by name.",
                page(certificate_example()),
            )
            .handled_by(certificates_of),
        Operation::post(
            certificates,
            "addTrustSetCertificates",
            "Add certificates to a trusted CA set, each once",
        )
        .needs(Permission::TrustSetWrite)
        .sensitive()
        .takes::<MoreCertificates>(
            json!({"certificates": "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n"}),
        )
        .answers::<TrustSetView>(StatusCode::OK, "The trust set as it is now.", example())
        .problems(&[Code::InvalidState])
        .handled_by(add),
        Operation::delete(
            "/api/v1/trust-sets/{id}/certificates/{fingerprint}",
            "removeTrustSetCertificate",
            "Take a certificate out of a trusted CA set",
        )
        .needs(Permission::TrustSetWrite)
        .sensitive()
        .answers::<TrustSetView>(StatusCode::OK, "The trust set as it is now.", example())
        .problems(&[Code::InvalidState])
        .handled_by(remove),
        Operation::get(
            "/api/v1/trust-sets/{id}/timeline",
            "getTrustSetTimeline",
            "Show what happened to a trusted CA set",
        )
        .needs(Permission::TrustSetRead)
        .answers::<Page<TimelineEntry>>(
            StatusCode::OK,
            "Its events, oldest first.",
            timeline::example("trust_set.created"),
        )
        .handled_by(|call| timeline::of_row(call, &TRUST_SETS)),
    ];
    operations.into_iter().map(|operation| operation.tagged("Trust sets")).collect()
}

async fn create(call: Call) -> Result<Answer, Problem> {
    let command: CreateTrustSet = call.json()?;
    fits(command.certificates.as_deref().unwrap_or_default())?;
    call.send(command, |made, _| {
        let path = format!("/api/v1/trust-sets/{}", made.id);
        Ok(Answer::json(StatusCode::CREATED, &made)?.located(&path))
    })
    .await
}

async fn update(call: Call) -> Result<Answer, Problem> {
    let changes: TrustSetChanges = call.json()?;
    let command = UpdateTrustSet { trust_set: named(&call)?, changes };
    call.send(command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

async fn archive(call: Call) -> Result<Answer, Problem> {
    let command = ArchiveTrustSet { trust_set: named(&call)? };
    call.send(command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

async fn add(call: Call) -> Result<Answer, Problem> {
    let MoreCertificates { certificates } = call.json()?;
    fits(&certificates)?;
    let command = AddTrustedCertificates { trust_set: named(&call)?, certificates };
    call.send(command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

async fn remove(call: Call) -> Result<Answer, Problem> {
    let fingerprint_sha256 = call.step("fingerprint").to_ascii_lowercase();
    let command = RemoveTrustedCertificate { trust_set: named(&call)?, fingerprint_sha256 };
    call.send(command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

async fn certificates_of(call: Call) -> Result<Answer, Problem> {
    let found = read::one(&call, &TRUST_SETS, "id").await?;
    let scope = call.reach(&TRUST_SETS)?.scope;
    let sql = "select document::text from api_inventory.trust_set_certificate where trust_set = $1 \
               order by lower(name), fingerprint";
    let rows = read::rows(&call, &scope, sql, &[&found.id]).await?;
    let items = rows.iter().map(|row| {
        let document: String = row.try_get(0).map_err(read::internal)?;
        serde_json::value::RawValue::from_string(document).map_err(read::internal)
    });
    let items = items.collect::<Result<Vec<_>, Problem>>()?;
    Answer::json(StatusCode::OK, &Page { items, next_cursor: None })
}

fn named(call: &Call) -> Result<Reference<TrustSetId>, Problem> {
    call.parse("id")
}

/// Whether this many certificates fit into one message. Errors: `validation_failed`.
fn fits(certificates: &str) -> Result<(), Problem> {
    if certificates.len() <= MOST_TEXT {
        return Ok(());
    }
    let words =
        format!("{} bytes; at most {MOST_TEXT} at once: add them in several steps", certificates.len());
    let large = Violation::at("#/certificates", "too_large", words.clone());
    Err(Problem::new(Code::ValidationFailed, words).with_errors(vec![large]))
}

fn example() -> Value {
    json!({"id": "trs_01jdp4q2x8f7mb3v5kz6n9w0ae", "name": "internal",
        "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae", "kind": "user", "description": null, "source": null,
        "default": true, "certificateCount": 121, "status": "active", "createdAt": "2026-11-21T09:00:00Z",
        "version": 2})
}

fn certificate_example() -> Value {
    json!({"name": "Example Root", "subject": "CN=Example Root", "issuer": "CN=Example Root",
        "notBefore": "2026-11-21T09:00:00Z", "notAfter": "2046-11-21T09:00:00Z", "keyAlgorithm": "ecdsa_p384",
        "fingerprintSha256": "9b1e0c57…", "addedAt": "2026-11-21T09:00:00Z",
        "certificate": "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n"})
}
