//! `/certificates/{id}/documents`: any file, kept with a certificate. Whoever may read the certificate may read them.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use contracts::{
    CertificateId, Code, DocumentId, OperationId, Permission, Problem, Violation,
    command::DryRun,
    inventory::{AttachDocument, DocumentView, KeepDocumentPart, LARGEST_DOCUMENT, RemoveDocument},
};
use http::{StatusCode, header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Page, certificates::CERTIFICATES, page};
use crate::{
    answer::Answer,
    body::Media,
    call::{Call, refused_id},
    operation::Operation,
    parameter::{Header, Parameter},
    read::{self, Found},
};

/// The bytes of one part: with base64 and a frame it fits into one message.
const PART: usize = 256 * 1024;

/// The operations.
pub fn operations() -> Vec<Operation> {
    let all = "/api/v1/certificates/{id}/documents";
    let one = "/api/v1/certificates/{id}/documents/{document}";
    let operations = vec![
        Operation::get(all, "listCertificateDocuments", "List the documents of a certificate")
            .needs(Permission::CertificateRead)
            .header(Header::MIN_POSITION)
            .problem(Code::ProjectionBehind)
            .answers::<Page<DocumentView>>(StatusCode::OK, "All of them, the oldest first.", page(example()))
            .handled_by(list),
        Operation::post(all, "addCertificateDocument", "Keep a file of up to 10 MiB with a certificate")
            .needs(Permission::CertificateWrite)
            .costly()
            .takes_any::<String>(&[Media::File], json!("%PDF-1.7 …"))
            .up_to(LARGEST_DOCUMENT)
            .query(Parameter::text(
                "name",
                "What the file is called, such as `contract.pdf`; it must be there.",
            ))
            .answers::<DocumentView>(StatusCode::CREATED, "The document.", example())
            .problems(&[Code::InvalidState, Code::ProjectionBehind])
            .handled_by(add),
        Operation::get(one, "getCertificateDocument", "Download a document of a certificate")
            .needs(Permission::CertificateRead)
            .header(Header::MIN_POSITION)
            .problem(Code::ProjectionBehind)
            .answers_any::<String>(
                StatusCode::OK,
                "Its bytes. `Chancery-Sha256` has their SHA-256.",
                &["application/octet-stream"],
                json!("%PDF-1.7 …"),
            )
            .handled_by(download),
        Operation::delete(
            one,
            "removeCertificateDocument",
            "Remove a document of a certificate, and its bytes for good",
        )
        .needs(Permission::CertificateWrite)
        .answers::<DocumentView>(StatusCode::OK, "What it was.", example())
        .handled_by(remove),
    ];
    operations.into_iter().map(|operation| operation.tagged("Certificates")).collect()
}

async fn list(call: Call) -> Result<Answer, Problem> {
    let certificate = read::one(&call, &CERTIFICATES, "id").await?;
    let sql =
        "select document::text from api_inventory.document where certificate = $1 order by created_at, id";
    let scope = call.reach(&CERTIFICATES)?.scope;
    let rows = read::rows(&call, &scope, sql, &[&certificate.id]).await?;
    let items = rows.iter().map(|row| {
        let document: String = row.try_get(0).map_err(read::internal)?;
        serde_json::value::RawValue::from_string(document).map_err(read::internal)
    });
    let items = items.collect::<Result<Vec<_>, Problem>>()?;
    Answer::json(StatusCode::OK, &Page { items, next_cursor: None })
}

async fn add(call: Call) -> Result<Answer, Problem> {
    let Found { id, .. } = read::one(&call, &CERTIFICATES, "id").await?;
    let name = call.query.get("name").ok_or_else(|| {
        let words = "the parameter 'name' says what the file is called";
        Problem::new(Code::MalformedRequest, words)
            .with_errors(vec![Violation::in_parameter("name", "required", words)])
    })?;
    let parts: Vec<&[u8]> = call.body.chunks(PART).collect();
    let command = AttachDocument {
        certificate: CertificateId(id),
        name: name.to_owned(),
        parts: u32::try_from(parts.len()).unwrap_or(u32::MAX),
        size: call.body.len() as u64,
        sha256: hex::encode(Sha256::digest(&call.body)),
    };
    let context = call.context()?;
    // What is wrong with it is told before anything is kept.
    let tried = call.gateway.bus.dry_run(&context, &command).await;
    if call.query.flag("dryRun") {
        return Answer::dry(&tried?);
    }
    match tried {
        // A repeat of what is there already.
        Ok(DryRun { .. }) => {}
        Err(problem) if problem.code == Code::AlreadyExists => {}
        Err(problem) => return Err(problem),
    }
    let upload = OperationId(context.command_id);
    for (part, bytes) in (0..).zip(parts) {
        let keep = KeepDocumentPart { upload, part, bytes: BASE64_STANDARD.encode(bytes) };
        _ = call.gateway.bus.call(&context.step(&format!("part/{part}")), &keep).await?;
    }
    call.send_in(context, command, |made, _| {
        let path = format!("/api/v1/certificates/{}/documents/{}", made.certificate_id, made.id);
        Ok(Answer::json(StatusCode::CREATED, &made)?.located(&path))
    })
    .await
}

async fn download(call: Call) -> Result<Answer, Problem> {
    let certificate = read::one(&call, &CERTIFICATES, "id").await?;
    let wanted = document(&call)?;
    let sql = "select d.document ->> 'name', d.document ->> 'sha256', c.bytes from api_inventory.document d \
               join api_inventory.document_content c on c.id = d.id where d.id = $1 and d.certificate = $2";
    let scope = call.reach(&CERTIFICATES)?.scope;
    let rows = read::rows(&call, &scope, sql, &[&wanted.uuid(), &certificate.id]).await?;
    let row = rows.first().ok_or_else(|| Problem::not_found("document", wanted))?;
    let (name, sha256): (String, String) =
        (row.try_get(0).map_err(read::internal)?, row.try_get(1).map_err(read::internal)?);
    let bytes: Vec<u8> = row.try_get(2).map_err(read::internal)?;
    Ok(Answer::new(StatusCode::OK, "application/octet-stream", bytes)
        .with(header::CONTENT_DISPOSITION, disposition(&name))
        .with(http::HeaderName::from_static("chancery-sha256"), sha256))
}

async fn remove(call: Call) -> Result<Answer, Problem> {
    let command = RemoveDocument { certificate: call.parse("id")?, document: document(&call)? };
    call.send(command, |gone, _| Answer::json(StatusCode::OK, &gone)).await
}

fn document(call: &Call) -> Result<DocumentId, Problem> {
    call.step("document").parse().map_err(|error| refused_id("document", &error))
}

/// Saved as a file under its name, never shown (RFC 6266, RFC 8187): every byte that is no letter or digit is escaped.
fn disposition(name: &str) -> String {
    let escaped: String = name
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    format!("attachment; filename*=UTF-8''{escaped}")
}

fn example() -> Value {
    json!({"id": "doc_01jdp4q2x8f7mb3v5kz6n9w0ae", "certificateId": "crt_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "name": "contract.pdf", "size": 5_242_880, "sha256": "9b1e0c57…", "createdAt": "2026-11-21T09:00:00Z",
        "version": 1})
}

#[cfg(test)]
mod tests {
    use super::disposition;

    #[test]
    fn a_name_stays_within_its_header() {
        assert_eq!(disposition("contract.pdf"), "attachment; filename*=UTF-8''contract.pdf");
        assert_eq!(disposition("a\"b;c ü"), "attachment; filename*=UTF-8''a%22b%3Bc%20%C3%BC");
    }
}
