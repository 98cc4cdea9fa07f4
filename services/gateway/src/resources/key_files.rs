//! Private keys as files: brought, sealed to the keystore before they are sent on, and taken out, encrypted by it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bus::Context;
use contracts::{
    CertificateId, Code, CredentialId, KeyId, KeyText, Permission, Problem, SecretText, Violation,
    inventory::CertificateView,
    keystore::{
        BeginKeyImport, ExportKey, ExportedKey, ImportKey, KeyFormat, KeyImportOffer, KeyView, SealedSecret,
    },
};
use http::StatusCode;
use pki::file::Format;
use runtime::sealed::OneTimeKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use zeroize::Zeroizing;

use super::{
    certificates::CERTIFICATES,
    chain, foreign_key,
    keys::{self, KEYS},
};
use crate::{
    answer::Answer,
    body,
    call::Call,
    file_reader::{Fault, Found, Reading, SealTo},
    operation::Operation,
    position,
    reach::Reach,
    read, representation,
    select::Value,
};

/// A private key to bring.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeyFile {
    /// PKCS #8, PKCS #1 or SEC 1, locked or not: PEM, or DER in base64; at most 64 KiB. PEM of other things beside it is ignored.
    key: KeyText,
    /// What opens it, if it is locked.
    #[serde(default)]
    passphrase: Option<SecretText>,
    /// Whether it may ever be exported.
    #[serde(default)]
    exportable: bool,
    /// What people call it.
    #[serde(default)]
    label: Option<String>,
}

/// How a private key is taken out.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Export {
    /// `jks` is a weak lock, for programs that read nothing newer.
    format: KeyFormat,
    /// Why; up to 1,000 characters.
    reason: String,
    /// What the file is encrypted with: at least 16 characters, none that are tried first. Missing: one is drawn.
    #[serde(default)]
    passphrase: Option<SecretText>,
    /// For key stores: the certificate that goes with the key; missing: the newest one with it.
    #[serde(default)]
    certificate: Option<CertificateId>,
}

/// How a certificate is taken out with its private key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CertificateExport {
    /// `jks` is a weak lock, for programs that read nothing newer.
    format: KeyFormat,
    /// Why; up to 1,000 characters.
    reason: String,
    /// What the file is encrypted with: at least 16 characters, none that are tried first. Missing: one is drawn.
    #[serde(default)]
    passphrase: Option<SecretText>,
}

/// An encrypted file with a private key.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ExportedFile {
    /// Its name.
    file_name: String,
    /// What it is.
    media_type: &'static str,
    /// Its bytes, base64.
    content: String,
    /// The passphrase, if it was drawn: it is kept nowhere.
    passphrase: Option<SecretText>,
}

/// The operations of keys.
pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::post("/api/v1/keys/import", "importKey", "Bring a private key into the keystore")
            .needs(Permission::KeyCreate)
            .costly()
            .sensitive()
            .takes::<KeyFile>(json!({"key": "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIH0…\n-----END ENCRYPTED PRIVATE KEY-----\n",
                "passphrase": "correct horse battery", "label": "old web server"}))
            .answers::<KeyView>(StatusCode::CREATED, "The key, without its private half.", keys::example())
            .problems(&[Code::AlreadyExists, Code::WrongPassphrase, Code::KeystoreSealed])
            .handled_by(import),
        exports(Operation::post(
            "/api/v1/keys/{id}/export",
            "exportKey",
            "Take a private key out of the keystore, encrypted",
        ))
        .takes::<Export>(json!({"format": "pkcs8", "reason": "CHG-1042: moves to the load balancer"}))
        .handled_by(export_key),
    ]
}

/// The operation of certificates.
pub(super) fn of_certificates() -> Operation {
    exports(Operation::post(
        "/api/v1/certificates/{id}/export",
        "exportCertificate",
        "Take a certificate with its private key out of the keystore, encrypted",
    ))
    .takes::<CertificateExport>(json!({"format": "pkcs12", "reason": "CHG-1042: moves to the load balancer"}))
    .handled_by(export_certificate)
}

fn exports(operation: Operation) -> Operation {
    operation
        .needs(Permission::KeyExport)
        .step_up()
        .costly()
        .sensitive()
        .answers::<ExportedFile>(StatusCode::OK, "The file, and its passphrase if it was drawn.", example())
        .problems(&[
            Code::WeakPassphrase,
            Code::KeyMismatch,
            Code::InvalidState,
            Code::KeyInToken,
            Code::KeystoreSealed,
        ])
}

async fn import(mut call: Call) -> Result<Answer, Problem> {
    let KeyFile { key, passphrase, exportable, label } = call.json()?;
    body::wipe(std::mem::take(&mut call.body));
    let context = call.context()?;
    let offer = offer(&call, &context).await?;
    let file = Zeroizing::new(file_bytes(key.reveal()));
    let seal_to = SealTo::offered(&offer, context.tenant);
    let passphrases: Vec<SecretText> = passphrase.into_iter().collect();
    let mut reading = Reading::begin(context.tenant).await?;
    let found = reading.read(&file, &passphrases, Some(&seal_to)).await?;
    let sealed = only_key(found)?;
    drop(reading);
    let command = ImportKey { ticket: offer.ticket, sealed, exportable, label };
    call.send_in(context, command, |key, _| {
        Ok(Answer::json(StatusCode::CREATED, &key)?.located(&format!("/api/v1/keys/{}", key.id)))
    })
    .await
}

/// A one-time key of the keystore to seal private keys of the context's organization to.
pub(super) async fn offer(call: &Call, context: &Context) -> Result<KeyImportOffer, Problem> {
    let beginning = Context { if_version: None, ..context.step("offer") };
    Ok(call.gateway.bus.call(&beginning, &BeginKeyImport {}).await?.result)
}

/// Text with armour is the file; other text is its base64, unless it is none.
pub(super) fn file_bytes(content: &str) -> Vec<u8> {
    if content.contains("-----BEGIN ") {
        return content.as_bytes().to_vec();
    }
    let mut compact = Zeroizing::new(String::with_capacity(content.len()));
    compact.extend(content.split_ascii_whitespace());
    STANDARD.decode(compact.as_bytes()).unwrap_or_else(|_| content.as_bytes().to_vec())
}

/// The one key of a key file, sealed. Errors: `validation_failed`, `wrong_passphrase`; each about `#/key`.
fn only_key(found: Result<Found, Fault>) -> Result<SealedSecret, Problem> {
    let refused = |fault: Fault| {
        let code = match fault.code.as_str() {
            "wrong_passphrase" | "passphrase_needed" => Code::WrongPassphrase,
            _ => Code::ValidationFailed,
        };
        let violation = Violation::at("#/key", fault.code, fault.detail.clone());
        Problem::new(code, fault.detail).with_errors(vec![violation])
    };
    let mut found = found.map_err(refused)?;
    let wrong = match (found.format, found.keys.len()) {
        (Format::Pem | Format::PrivateKey, 1) => None,
        (Format::Pem | Format::PrivateKey, 0) => {
            let none =
                Fault { code: "key_missing".to_owned(), detail: "the file holds no private key".to_owned() };
            Some(found.faults.into_iter().next().unwrap_or(none))
        }
        (Format::Pem | Format::PrivateKey, several) => Some(Fault {
            code: "key_missing".to_owned(),
            detail: format!(
                "the file holds {several} private keys; import it as a file of certificates and keys"
            ),
        }),
        (other, _) => Some(Fault {
            code: "file_format_unsupported".to_owned(),
            detail: format!(
                "the file is {other}, no private key; import it as a file of certificates and keys"
            ),
        }),
    };
    match wrong {
        Some(fault) => Err(refused(fault)),
        None => found.keys.pop().and_then(|key| key.sealed).ok_or_else(Problem::internal),
    }
}

async fn export_key(call: Call) -> Result<Answer, Problem> {
    let Export { format, reason, passphrase, certificate } = call.json()?;
    let key: KeyId = call.parse("id")?;
    let certificate = match (format, certificate) {
        (KeyFormat::Pkcs8, None) => None,
        (_, Some(id)) => {
            let found = certificate_where(&call, "id = $::uuid", Value::Id(id.uuid())).await?;
            Some(found.ok_or_else(|| Problem::not_found("certificate", id))?)
        }
        (_, None) => Some(newest_of(&call, key).await?),
    };
    export(call, key, certificate, Wanted { format, reason, passphrase }).await
}

async fn export_certificate(call: Call) -> Result<Answer, Problem> {
    let CertificateExport { format, reason, passphrase } = call.json()?;
    let found = read::one(&call, &CERTIFICATES, "id").await?;
    let certificate: CertificateView = serde_json::from_str(&found.document).map_err(read::internal)?;
    let Some(key) = certificate.key.id else {
        return Err(Problem::new(Code::InvalidState, "the keystore does not have the certificate's key"));
    };
    export(call, key, Some(certificate), Wanted { format, reason, passphrase }).await
}

struct Wanted {
    format: KeyFormat,
    reason: String,
    passphrase: Option<SecretText>,
}

async fn export(
    call: Call,
    key: KeyId,
    certificate: Option<CertificateView>,
    Wanted { format, reason, passphrase }: Wanted,
) -> Result<Answer, Problem> {
    let mut chain = vec![];
    let mut alias = key.to_string();
    if let Some(view) = &certificate {
        alias = view.common_name.clone().unwrap_or(alias);
        chain.push(representation::certificate(&view.certificate)?);
        chain.extend(chain::issuers(&call, view).await?);
    }
    let answer_key = OneTimeKey::draw().map_err(|_| Problem::internal())?;
    let command = ExportKey {
        key,
        format,
        certificates: chain.iter().map(|certificate| STANDARD.encode(certificate.der())).collect(),
        alias,
        passphrase,
        seal_to: answer_key.public(),
        reason,
    };
    let context = call.context()?;
    let tenant = context.tenant;
    let (extension, media_type) = match format {
        KeyFormat::Pkcs8 => ("pem", "application/x-pem-file"),
        KeyFormat::Pkcs12 => ("p12", "application/x-pkcs12"),
        KeyFormat::Jks => ("jks", "application/x-java-keystore"),
    };
    let outcome = call
        .send_in(context, command, |ExportedKey { file, passphrase }, _| {
            let opened = passphrase.map(|sealed| answer_key.open(tenant, CredentialId(key.uuid()), &sealed));
            let passphrase = opened.transpose().map_err(|error| {
                tracing::error!(%error, "a drawn passphrase cannot be opened");
                Problem::internal()
            })?;
            let file_name = format!("{key}.{extension}");
            Answer::json(StatusCode::OK, &ExportedFile { file_name, media_type, content: file, passphrase })
        })
        .await;
    foreign_key::watched(&call, Some(key), outcome).await
}

/// The newest certificate with the key that the caller may see. Errors: `not_found` of a key that is not the
/// organization's, `invalid_state` when there is none.
async fn newest_of(call: &Call, key: KeyId) -> Result<CertificateView, Problem> {
    let found =
        certificate_where(call, "document -> 'key' ->> 'id' = $::text", Value::Text(key.to_string())).await?;
    if let Some(certificate) = found {
        return Ok(certificate);
    }
    let known = read::find(call, &KEYS, &key.to_string(), "id", call.reach(&KEYS)?).await;
    foreign_key::watched(call, Some(key), known).await?;
    let words = "there is no certificate with this key to go with it; take it out as pkcs8";
    Err(Problem::new(Code::InvalidState, words))
}

/// The newest certificate that the caller may read of which this is true.
async fn certificate_where(
    call: &Call,
    condition: &str,
    value: Value,
) -> Result<Option<CertificateView>, Problem> {
    position::wait(call, CERTIFICATES.service).await?;
    let reach = Reach::of(call.caller()?, Permission::CertificateRead, &CERTIFICATES);
    let reach = reach.where_also(condition, value);
    let documents = read::every(call, &CERTIFICATES, reach, "created_at desc, id", 1).await?;
    documents.first().map(|document| serde_json::from_str(document).map_err(read::internal)).transpose()
}

fn example() -> Json {
    json!({"fileName": "key_01jdp4q2x8f7mb3v5kz6n9w0ae.p12", "mediaType": "application/x-pkcs12", "content": "MIIJ…",
        "passphrase": "k7mq2-xw9vd-3hptf-r8nzc-y5bja-e"})
}
