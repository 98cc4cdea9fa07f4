//! `/admins/{id}/certificates`: the client certificates that administrators sign in with.

use contracts::{
    AdministratorId, Code, Permission, Problem, Sha1Thumbprint, Thumbprint, Violation,
    directory::{
        BindCertificate, BoundCertificateView, CertificateMark, UnbindCertificate, UnboundCertificateView,
    },
};
use http::StatusCode;
use pki::Certificate;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Page, Reason,
    admins::{ADMINS, administrator},
    page,
};
use crate::{answer::Answer, call::Call, operation::Operation, parameter::Header, read};

const SHA256: &str = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

/// A certificate to bind: itself, or what it is known by.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewClientCertificate {
    /// The certificate, PEM.
    #[serde(default)]
    certificate: Option<String>,
    /// Its SHA-256.
    #[serde(default)]
    sha256: Option<Thumbprint>,
    /// Its SHA-1, where that is all that another program kept; the first sign-in with it tells the SHA-256, which
    /// counts from then on.
    #[serde(default)]
    sha1: Option<Sha1Thumbprint>,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let all = "/api/v1/admins/{id}/certificates";
    let operations =
        vec![
        Operation::get(all, "listAdminCertificates", "List the client certificates of an administrator")
            .needs(Permission::AdministratorRead)
            .header(Header::MIN_POSITION)
            .answers::<Page<BoundCertificateView>>(
                StatusCode::OK,
                "The certificates that they sign in with.",
                page(example()),
            )
            .handled_by(list),
        Operation::post(all, "bindAdminCertificate", "Let an administrator sign in with a client certificate")
            .needs(Permission::AdministratorWrite).step_up()
            .sensitive()
            .takes::<NewClientCertificate>(json!({"sha256": SHA256}))
            .answers::<BoundCertificateView>(StatusCode::CREATED, "The certificate.", example())
            .problems(&[Code::AlreadyExists, Code::InvalidState])
            .handled_by(bind),
        Operation::delete(
            "/api/v1/admins/{id}/certificates/{thumbprint}",
            "unbindAdminCertificate",
            "Let an administrator no longer sign in with a client certificate, within a second everywhere",
        )
        .needs(Permission::AdministratorWrite).step_up()
        .sensitive()
        .may_take::<Reason>(json!({"reason": "the card was lost"}))
        .answers::<UnboundCertificateView>(StatusCode::OK, "What was taken away.", json!({"id": SHA256}))
        .problem(Code::InvalidState)
        .handled_by(unbind),
    ];
    operations.into_iter().map(|operation| operation.tagged("Administrators")).collect()
}

async fn list(call: Call) -> Result<Answer, Problem> {
    let found = read::one(&call, &ADMINS, "id").await?;
    let items = call.gateway.doorkeeper.certificates_of(AdministratorId(found.id));
    Answer::json(StatusCode::OK, &Page { items, next_cursor: None })
}

async fn bind(call: Call) -> Result<Answer, Problem> {
    let new = call.json()?;
    let command = meant(administrator(&call).await?, new)?;
    let administrator = command.administrator;
    call.send(command, |bound, _| {
        let path = format!("/api/v1/admins/{administrator}/certificates");
        Ok(Answer::json(StatusCode::CREATED, &bound)?.located(&path))
    })
    .await
}

async fn unbind(call: Call) -> Result<Answer, Problem> {
    let Reason { reason } = call.json()?;
    let text = call.step("thumbprint");
    let certificate =
        text.parse().map_err(|_| Problem::not_found("certificate", crate::body::shown(text)))?;
    let command = UnbindCertificate { administrator: administrator(&call).await?, certificate, reason };
    call.send(command, |unbound, _| Answer::json(StatusCode::OK, &unbound)).await
}

/// What is to be bound; all that can be known of it where the certificate itself came. Errors: `validation_failed`.
fn meant(administrator: AdministratorId, new: NewClientCertificate) -> Result<BindCertificate, Problem> {
    let known = |certificate| BindCertificate { administrator, certificate, sha1: None, not_after: None };
    match new {
        NewClientCertificate { certificate: Some(pem), sha256: None, sha1: None } => {
            let certificate = Certificate::read(pem.as_bytes()).map_err(|error| {
                refused("#/certificate", "certificate_invalid", runtime::error::words(&error))
            })?;
            let sha256 = certificate.sha256().parse().map_err(|_| Problem::internal())?;
            let sha1 = certificate.sha1().parse().map_err(|_| Problem::internal())?;
            let not_after = Some(certificate.describe().not_after);
            Ok(BindCertificate { sha1: Some(sha1), not_after, ..known(CertificateMark::Sha256(sha256)) })
        }
        NewClientCertificate { certificate: None, sha256: Some(sha256), sha1: None } => {
            Ok(known(CertificateMark::Sha256(sha256)))
        }
        NewClientCertificate { certificate: None, sha256: None, sha1: Some(sha1) } => {
            Ok(known(CertificateMark::Sha1(sha1)))
        }
        _ => Err(refused("#", "one_of", "give exactly one of 'certificate', 'sha256' and 'sha1'".to_owned())),
    }
}

fn refused(pointer: &str, code: &str, words: String) -> Problem {
    Problem::new(Code::ValidationFailed, words.clone()).with_errors(vec![Violation::at(pointer, code, words)])
}

fn example() -> Value {
    json!({"id": SHA256, "sha1": null, "notAfter": "2027-11-21T09:00:00Z", "boundAt": "2026-11-21T09:00:00Z"})
}
