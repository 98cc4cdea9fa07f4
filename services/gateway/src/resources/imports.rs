//! `/imports`: certificates that others issued, with their private keys, out of whatever file they are in. A preview
//! (`dryRun=true`) says what is in the files and what would become of it; an import says what became of each.

mod awaited;
mod certificates;
mod items;
mod keys;
mod live;
mod report;

use std::collections::BTreeMap;

use contracts::{
    CertificateId, CertificateRequestId, Code, DepartmentId, KeyId, OrganizationId, Permission, Problem,
    SecretText, Timestamp, Violation, id::Reference, inventory::OperationMode, x509::CertificateType,
};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use self::{certificates::Place, keys::Door};
use super::key_files::file_bytes;
use crate::{
    answer::Answer,
    body::{self, shown},
    call::Call,
    file_reader::Reading,
    operation::Operation,
    parameter::Header,
};

/// The largest file (L-1), in base64, with what stands around it.
const LARGEST: usize = 15 << 20;
/// The most files of one call; an archive holds more.
const MOST_FILES: usize = 100;
const MOST_PASSPHRASES: usize = 16;

/// Files to import, what to record of each certificate in them, and what to do with private keys.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ImportFiles {
    /// The files, at least one unless there is a `url`: PEM, DER, PKCS #7, PKCS #12, JKS, JCEKS, or a ZIP of such files. Their content tells, not their name.
    #[serde(default)]
    files: Vec<ImportFile>,
    /// A server, whose certificates are taken as it presents them: `https://host:port`, or `host:port`; port 443 if none is given.
    /// The host is the name that it is asked for (SNI).
    #[serde(default)]
    url: Option<String>,
    /// What may open them, tried in turn on whatever is locked.
    #[serde(default)]
    passphrases: Vec<SecretText>,
    /// Into which organization, by id or `name:…`; missing: the caller's.
    #[serde(default)]
    organization: Option<Reference<OrganizationId>>,
    /// Into which department, by id or `name:…`.
    #[serde(default)]
    department: Option<Reference<DepartmentId>>,
    /// What the certificates are for.
    #[serde(default)]
    certificate_type: Option<CertificateType>,
    /// What is done with them; `monitored` if missing.
    #[serde(default)]
    mode: OperationMode,
    /// Labels for each certificate.
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// Who answers for them.
    #[serde(default)]
    owner: Option<String>,
    /// A note for each.
    #[serde(default)]
    note: Option<String>,
    /// What is done with private keys; `import` if missing.
    #[serde(default)]
    private_keys: PrivateKeys,
    /// Whether imported private keys may ever be exported.
    #[serde(default)]
    exportable: bool,
}

/// What is done with private keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum PrivateKeys {
    /// Those that belong to a certificate go into the keystore.
    #[default]
    Import,
    /// None is kept.
    Ignore,
}

/// One file.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ImportFile {
    /// Its name, to show.
    name: String,
    /// PEM as text, or the bytes in base64.
    #[serde(deserialize_with = "wiped")]
    #[schemars(with = "String")]
    content: Zeroizing<String>,
}

fn wiped<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(deserializer).map(Zeroizing::new)
}

/// What became of an import.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ImportReport {
    /// The certificates that this import brought; in a preview: would bring.
    imported: usize,
    /// Those that were known.
    known: usize,
    /// Those that certificate requests waited for.
    answered: usize,
    /// The private keys that it brought.
    keys: usize,
    /// The files of which something could not be read or imported.
    failed: usize,
    /// Each file, and each file of an archive.
    items: Vec<ImportItem>,
}

/// What became of a file.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ImportItem {
    /// Its name; within an archive: `archive.zip: name`.
    file: String,
    /// Its format: `pem`, `der`, `pkcs7`, `pkcs12`, `jks`, `jceks`, …; `tls` for what a server presented; `null` if it could not be read.
    recognized_as: Option<String>,
    /// The certificates in it.
    certificates: Vec<ItemCertificate>,
    /// The private keys in it, by their public halves.
    keys: Vec<ItemKey>,
    /// What is good to know.
    notes: Vec<String>,
    /// What could not be read or imported, and why.
    problems: Vec<Violation>,
}

/// A certificate of a file.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ItemCertificate {
    /// As the inventory knows it; `null` in a preview, and if it is known where you may not see it.
    certificate_id: Option<CertificateId>,
    /// Its subject (RFC 4514).
    subject: String,
    /// Its issuer (RFC 4514).
    issuer: String,
    /// The last second of its validity.
    not_after: Timestamp,
    /// SHA-256 of its DER, hexadecimal.
    fingerprint_sha256: String,
    /// Whether this import brought it.
    outcome: CertificateOutcome,
    /// The key of the keystore that it belongs to, if you may see it.
    key_id: Option<KeyId>,
    /// The certificate request that waited for it.
    request_id: Option<CertificateRequestId>,
}

/// What became of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum CertificateOutcome {
    /// It is known from now on; in a preview: it would be.
    Imported,
    /// It was known.
    Known,
    /// A certificate request waited for it, and got it.
    Answered,
}

/// A private key of a file.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ItemKey {
    /// Kind and size, such as `rsa_2048`.
    algorithm: String,
    /// SHA-256 of its public half, hexadecimal.
    spki_sha256: String,
    /// What the file calls it.
    alias: Option<String>,
    /// As the keystore knows it; `null` in a preview, if it is not there, and if you may not see it.
    key_id: Option<KeyId>,
    /// What became of it.
    outcome: KeyOutcome,
}

/// What became of a private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum KeyOutcome {
    /// The keystore has it from now on; in a preview: it would have it.
    Imported,
    /// The keystore had it.
    Known,
    /// It belongs to no certificate, in the files or here: it was not kept.
    Unmatched,
    /// It was not kept; a problem of the file says why.
    Refused,
    /// It was not kept, as was wanted.
    Ignored,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let pem = "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n";
    vec![
        Operation::post(
            "/api/v1/imports",
            "importCertificates",
            "Import certificates and their private keys from files; `dryRun=true` says what would become of what is in them",
        )
        .needs(Permission::CertificateWrite)
        .sensitive()
        .costly()
        .takes::<ImportFiles>(
            json!({"files": [{"name": "shop.pem", "content": pem}], "certificateType": "server", "labels": {"env": "prod"}, "owner": "web team"}),
        )
        .up_to(LARGEST)
        .header(Header::PREFER)
        .answers::<ImportReport>(StatusCode::OK, "What became of each file.", example())
        .problem(Code::InvalidState)
        .problem(Code::NotFound)
        .handled_by(import)
        .tagged("Certificates"),
    ]
}

async fn import(mut call: Call) -> Result<Answer, Problem> {
    let mut wanted: ImportFiles = call.json()?;
    body::wipe(std::mem::take(&mut call.body));
    let (files, passphrases) = (std::mem::take(&mut wanted.files), std::mem::take(&mut wanted.passphrases));
    check(&wanted, files.len(), passphrases.len())?;
    let place = Place::of(&call, &wanted).await?;
    let mut reading = Reading::begin(place.there.tenant).await?;
    let door = Door::of(&call, &place.there, &wanted).await;
    let mut items = vec![];
    for file in &files {
        let bytes = Zeroizing::new(file_bytes(&file.content));
        let found = reading.read(&bytes, &passphrases, door.seal_to()).await?;
        items::add(&mut items, shown(&file.name), found);
    }
    drop((files, passphrases));
    if let Some(url) = &wanted.url {
        live::add(&call, url, &mut reading, &mut items).await?;
    }
    let keys = keys::bring(&call, &place.there, &wanted, door, &items).await?;
    let answered = awaited::answer(&call, &place.there, &items).await?;
    let certificates = certificates::bring(&call, &place, &wanted, &items, &answered).await?;
    let position = keys.position.max(answered.position).max(certificates.position);
    let report = report::of(items, &keys, &answered, &certificates);
    Ok(call.written(Answer::json(StatusCode::OK, &report)?, position, 0, certificates.replayed))
}

fn check(wanted: &ImportFiles, files: usize, passphrases: usize) -> Result<(), Problem> {
    if files == 0 && wanted.url.is_none() {
        let words = "there is nothing to import: name files, or the url of a server";
        let violation = Violation::at("#/files", "required", words);
        return Err(Problem::new(Code::ValidationFailed, words).with_errors(vec![violation]));
    }
    let counts = [("#/files", files, MOST_FILES), ("#/passphrases", passphrases, MOST_PASSPHRASES)];
    let errors: Vec<Violation> = counts
        .into_iter()
        .filter(|(_, count, most)| count > most)
        .map(|(pointer, count, most)| {
            Violation::at(pointer, "too_many", format!("{count}; at most {most} at once"))
        })
        .collect();
    if errors.is_empty() {
        return Ok(());
    }
    Err(Problem::new(Code::ValidationFailed, "too much at once").with_errors(errors))
}

fn example() -> Value {
    json!({"imported": 1, "known": 0, "answered": 0, "keys": 1, "failed": 0, "items": [{"file": "shop.p12", "recognizedAs": "pkcs12",
        "certificates": [{"certificateId": "crt_01jdp4q2x8f7mb3v5kz6n9w0ae", "subject": "CN=shop.example.com",
            "issuer": "CN=Example CA", "notAfter": "2027-02-19T08:59:59Z", "fingerprintSha256": "9b1e0c57…",
            "outcome": "imported", "keyId": "key_01jdp4q2x8f7mb3v5kz6n9w0ae", "requestId": null}],
        "keys": [{"algorithm": "rsa_2048", "spkiSha256": "77aa41d2…", "alias": "shop", "keyId": "key_01jdp4q2x8f7mb3v5kz6n9w0ae",
            "outcome": "imported"}],
        "notes": ["the issuer's certificate 'CN=Example CA' is not in the file"], "problems": []}]})
}
