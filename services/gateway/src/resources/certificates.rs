//! `/certificates`: every certificate known, in every form people need it.

use std::collections::BTreeMap;

use contracts::{
    CertificateId, Code, Permission, Problem, Service,
    inventory::{
        AnnotateCertificate, ArchiveCertificate, ArchiveState, CertificateStatus, CertificateView, Origin,
        RestoreCertificate, ScheduleState, StatusWord,
    },
    x509::{CertificateType, KeyAlgorithm},
};
use http::StatusCode;
use runtime::database::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Page, Reason, chain, key_files, page};
use crate::{
    answer::Answer,
    call::Call,
    operation::Operation,
    parameter::{Header, Kind, Parameter},
    read,
    representation::{self, Form},
    timeline::{self, TimelineEntry},
    view::{self, Field, Rights, View},
};

/// The read model.
pub static CERTIFICATES: View = View {
    service: Service::Inventory,
    name: "certificate",
    kind: "certificate",
    prefix: "crt",
    fields: &[
        Field::text("commonName", "common_name").optional().searched(),
        Field::word::<CertificateStatus>("status", "status")
            .meaning(&[("active", "not_after >= now()"), ("expired", "not_after < now()")])
            .sorted_as("notAfter"),
        Field::word::<StatusWord>("statusWord", "status_word").meaning(&[
            ("issued", "not_after >= now() and origin in ('issued', 'self_signed', 'manual')"),
            ("external", "not_after >= now() and origin not in ('issued', 'self_signed', 'manual')"),
            ("expired", "not_after < now()"),
            // Words of requests.
            ("requested", "false"),
            ("approved", "false"),
            ("declined", "false"),
        ]),
        Field::word::<ScheduleState>("installState", "install_state"),
        Field::word::<ScheduleState>("renewalState", "renewal_state"),
        Field::time("notBefore", "not_before"),
        Field::time("notAfter", "not_after"),
        Field::text("serialNumber", "serial_number").searched(),
        Field::id("caId", "issuer_ca", "ca").optional(),
        Field::id("profileId", "profile_id", "prf").optional(),
        Field::id("requestId", "request_id", "req").optional(),
        Field::id("departmentId", "department", "dep").optional(),
        Field::word::<CertificateType>("certificateType", "certificate_type").optional(),
        Field::id("requestedBy", "requested_by", "adm").optional(),
        Field::text("fingerprintSha256", "fingerprint_sha256").short().searched(),
        Field::text("spkiSha256", "spki_sha256").short(),
        Field::word::<KeyAlgorithm>("keyAlgorithm", "key_algorithm"),
        Field::word::<Origin>("origin", "origin"),
        Field::text("issuerName", "issuer_name").searched(),
        Field::text("owner", "owner").optional().searched(),
        Field::text("note", "note").optional().searched(),
        Field::time("archivedAt", "archived_at").optional(),
    ],
    document: view::part_of::<CertificateView>,
    rights: Rights::CERTIFICATE,
    named: false,
    labelled: true,
    search: Some(
        "subject, subject alternative names, serial number, SHA-256 fingerprint, issuer, note, owner",
    ),
    sort: "-createdAt",
};

/// What changes; a missing field stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CertificateChanges {
    /// All labels, replacing those there are.
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    /// Who answers for it; empty takes the owner away.
    #[serde(default)]
    owner: Option<String>,
    /// A note; empty takes it away.
    #[serde(default)]
    note: Option<String>,
}

/// What is recorded about a certificate now.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct AnnotatedCertificate {
    /// Which.
    id: CertificateId,
    /// Labels.
    labels: BTreeMap<String, String>,
    /// Who answers for it.
    owner: Option<String>,
    /// A note.
    note: Option<String>,
    /// Version of what inventory recorded.
    version: i32,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let format = |words: &'static [&'static str]| {
        Parameter::new("format", Kind::OneOf(words), "The form, for browsers; else `Accept` decides.")
    };
    let operations = vec![
        CERTIFICATES
            .lists(Operation::get("/api/v1/certificates", "listCertificates", "List certificates"))
            .needs(Permission::CertificateRead)
            .answers::<Page<CertificateView>>(StatusCode::OK, "A page of certificates.", page(example()))
            .handled_by(list),
        CERTIFICATES
            .shows(Operation::get("/api/v1/certificates/{id}", "getCertificate", "Show a certificate"))
            .needs(Permission::CertificateRead)
            .query(format(&["json", "pem", "der", "p7b"]))
            .header(Header::ACCEPT)
            .answers_any::<CertificateView>(StatusCode::OK, "The certificate.", representation::OF_ONE, example())
            .handled_by(show),
        Operation::patch("/api/v1/certificates/{id}", "annotateCertificate", "Change a certificate's labels, owner or note")
            .needs(Permission::CertificateWrite)
            .takes::<CertificateChanges>(json!({"labels": {"env": "prod"}, "owner": "web team"}))
            .answers::<AnnotatedCertificate>(StatusCode::OK, "What is recorded now.",
                json!({"id": "crt_01jdp4q2x8f7mb3v5kz6n9w0ae", "labels": {"env": "prod"}, "owner": "web team", "note": null, "version": 1}))
            .handled_by(annotate),
        Operation::post("/api/v1/certificates/{id}/archive", "archiveCertificate", "Archive a certificate: it leaves the lists, reports keep it")
            .needs(Permission::CertificateWrite)
            .may_take::<Reason>(json!({"reason": "the server is gone"}))
            .answers::<ArchiveState>(StatusCode::OK, "Where it stands now.", archive_example(true))
            .handled_by(archive),
        Operation::post("/api/v1/certificates/{id}/restore", "restoreCertificate", "Take a certificate out of the archive")
            .needs(Permission::CertificateWrite)
            .may_take::<Reason>(json!({"reason": "the server is back"}))
            .answers::<ArchiveState>(StatusCode::OK, "Where it stands now.", archive_example(false))
            .handled_by(restore),
        chain::operation(),
        Operation::get("/api/v1/certificates/{id}/timeline", "getCertificateTimeline", "Show what happened to a certificate")
            .needs(Permission::CertificateRead)
            .header(Header::MIN_POSITION)
            .problem(Code::ProjectionBehind)
            .answers::<Page<TimelineEntry>>(StatusCode::OK, "Its events, oldest first.", timeline::example("issuance.intended"))
            .handled_by(show_timeline),
        key_files::of_certificates(),
    ];
    operations.into_iter().map(|operation| operation.tagged("Certificates")).collect()
}

/// What is archived is shown to those who ask for it.
async fn list(call: Call) -> Result<Answer, Problem> {
    let mut reach = call.reach(&CERTIFICATES)?;
    if !call.query.iter().any(|(name, _)| name.starts_with("archivedAt")) {
        reach = reach.also("archived_at is null", vec![]);
    }
    read::list_of(call, &CERTIFICATES, reach).await
}

async fn archive(call: Call) -> Result<Answer, Problem> {
    let Reason { reason } = call.json()?;
    let command = ArchiveCertificate { certificate: call.parse("id")?, reason };
    call.send(command, |now, _| Answer::json(StatusCode::OK, &now)).await
}

async fn restore(call: Call) -> Result<Answer, Problem> {
    let Reason { reason } = call.json()?;
    let command = RestoreCertificate { certificate: call.parse("id")?, reason };
    call.send(command, |now, _| Answer::json(StatusCode::OK, &now)).await
}

async fn show(call: Call) -> Result<Answer, Problem> {
    let form = representation::wanted(&call);
    let found = read::one(&call, &CERTIFICATES, "id").await?;
    if form == Form::Json {
        return read::answer(&call, found);
    }
    let view = parsed(&found.document)?;
    let certificate = representation::certificate(&view.certificate)?;
    Ok(representation::answer(&[&certificate], form, &view.id.to_string())?.versioned(found.version))
}

async fn annotate(call: Call) -> Result<Answer, Problem> {
    let CertificateChanges { labels, owner, note } = call.json()?;
    let id: CertificateId = call.parse("id")?;
    let command = AnnotateCertificate { certificate: id, labels, owner, note };
    call.send(command, |now, version| {
        let annotated =
            AnnotatedCertificate { id, labels: now.labels, owner: now.owner, note: now.note, version };
        Answer::json(StatusCode::OK, &annotated)
    })
    .await
}

/// Its own stream, and that of the issuance it came from.
async fn show_timeline(call: Call) -> Result<Answer, Problem> {
    let found = read::one(&call, &CERTIFICATES, "id").await?;
    let sql = format!("select issuance from {} where id = $1", CERTIFICATES.table());
    let rows = read::rows(&call, &Scope::All, &sql, &[&found.id]).await?;
    let issuance: Option<Uuid> = match rows.first() {
        Some(row) => row.try_get(0).map_err(read::internal)?,
        None => None,
    };
    let streams: Vec<Uuid> = issuance.into_iter().chain([found.id]).collect();
    timeline::of_streams(&call, &streams).await
}

fn parsed(document: &str) -> Result<CertificateView, Problem> {
    serde_json::from_str(document).map_err(read::internal)
}

/// An example of a certificate.
pub fn example() -> Value {
    json!({"id": "crt_01jdp4q2x8f7mb3v5kz6n9w0ae", "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "departmentId": null, "certificateType": "server", "requestedBy": "adm_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "commonName": "shop.example.com", "subject": "CN=shop.example.com",
        "sans": [{"type": "dns", "value": "shop.example.com"}], "serialNumber": "13a7f09c1d",
        "fingerprints": {"sha256": "9b1e0c57…", "sha1": "c2d4…"},
        "issuer": {"caId": "ca_01jdp4q2x8f7mb3v5kz6n9w0ae", "commonName": "Example Issuing CA 1",
            "distinguishedName": "CN=Example Issuing CA 1"},
        "notBefore": "2026-11-21T09:00:00Z", "notAfter": "2027-02-19T08:59:59Z", "status": "active", "origin": "issued",
        "key": {"id": null, "algorithm": "ecdsa_p256", "custody": "subscriber", "spkiSha256": "77aa41d2…"},
        "signatureAlgorithm": "ecdsa-with-SHA256", "keyUsages": ["digitalSignature"],
        "extendedKeyUsages": ["serverAuth"], "x509Version": 3, "keyBits": 256, "isCa": false,
        "subjectKeyIdentifier": "b5c1…", "authorityKeyIdentifier": "0d7e…",
        "ocsp": ["http://pki.example.com/ocsp"], "statusWord": "issued", "installState": "not_scheduled",
        "renewalState": "not_scheduled", "archivedAt": null, "profileId": "prf_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "requestId": "req_01jdp4q2x8f7mb3v5kz6n9w0ae", "labels": {"env": "prod"}, "owner": null, "note": null,
        "certificate": "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n", "version": 0})
}

fn archive_example(archived: bool) -> Value {
    json!({"id": "crt_01jdp4q2x8f7mb3v5kz6n9w0ae", "archived": archived, "version": 2})
}
