//! `/imports`: certificates that others issued, out of whatever file they are in. A preview (`dryRun=true`) says what is in the
//! files and what is known already; an import says what became of each. Private keys in the files are not kept.

use std::collections::{BTreeMap, HashMap, HashSet};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contracts::{
    CertificateId, Code, DepartmentId, OrganizationId, Permission, Problem, SecretText, Timestamp, Violation,
    id::Reference,
    inventory::{
        CertificateToImport, IMPORTED_AT_ONCE, IMPORTED_BYTES, ImportCertificates, ImportOutcome,
        OperationMode,
    },
    x509::CertificateType,
};
use http::StatusCode;
use pki::{Certificate, file::Format};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    answer::Answer,
    body::shown,
    call::Call,
    file_reader::{self, Fault, Found},
    operation::Operation,
    parameter::Header,
};

/// The largest file (L-1), in base64, with what stands around it.
const LARGEST: usize = 15 << 20;
/// The most files of one call; an archive holds more.
const MOST_FILES: usize = 100;
const MOST_PASSPHRASES: usize = 16;

/// Files to import, and what to record of each certificate in them.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ImportFiles {
    /// The files: PEM, DER, PKCS #7, PKCS #12, JKS, JCEKS, or a ZIP of such files. Their content tells, not their name.
    files: Vec<ImportFile>,
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
}

/// One file.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ImportFile {
    /// Its name, to show.
    name: String,
    /// PEM as text, or the bytes in base64.
    content: String,
}

/// What became of an import.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ImportReport {
    /// The certificates that this import brought; in a preview: would bring.
    imported: usize,
    /// Those that were known.
    known: usize,
    /// The files of which something could not be read.
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
    /// Its format: `pem`, `der`, `pkcs7`, `pkcs12`, `jks`, `jceks`, …; `null` if it could not be read.
    recognized_as: Option<String>,
    /// The certificates in it.
    certificates: Vec<ItemCertificate>,
    /// The private keys in it, by their public halves. They are not kept.
    keys: Vec<ItemKey>,
    /// What is good to know.
    notes: Vec<String>,
    /// What could not be read, and why.
    problems: Vec<Violation>,
}

/// A certificate of a file.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ItemCertificate {
    /// As the inventory knows it; `null` in a preview.
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
    outcome: ImportOutcome,
}

/// A private key of a file.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ItemKey {
    /// Kind and size, such as `rsa_2048`.
    algorithm: String,
    /// SHA-256 of its public half, hexadecimal.
    spki_sha256: String,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let pem = "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n";
    vec![
        Operation::post(
            "/api/v1/imports",
            "importCertificates",
            "Import certificates from files; `dryRun=true` says what is in them and what is known already",
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

async fn import(call: Call) -> Result<Answer, Problem> {
    let wanted: ImportFiles = call.json()?;
    check(&wanted)?;
    let mut items = vec![];
    for file in &wanted.files {
        let name = shown(&file.name);
        let found = file_reader::read(&bytes(&file.content), &wanted.passphrases).await?;
        add(&mut items, name, found);
    }
    let (outcomes, position, replayed) = bring(&call, &wanted, &items).await?;
    let report = report(items, &outcomes);
    Ok(call.written(Answer::json(StatusCode::OK, &report)?, position, 0, replayed))
}

fn check(wanted: &ImportFiles) -> Result<(), Problem> {
    let counts = [
        ("#/files", wanted.files.len(), MOST_FILES),
        ("#/passphrases", wanted.passphrases.len(), MOST_PASSPHRASES),
    ];
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

/// Text with armour is the file; other text is its base64, unless it is none.
fn bytes(content: &str) -> Vec<u8> {
    if content.contains("-----BEGIN ") {
        return content.as_bytes().to_vec();
    }
    let compact: String = content.split_ascii_whitespace().collect();
    STANDARD.decode(compact).unwrap_or_else(|_| content.as_bytes().to_vec())
}

/// A file with the certificates that were read from it.
struct Item {
    file: String,
    format: Option<Format>,
    certificates: Vec<(String, Certificate)>,
    keys: Vec<ItemKey>,
    notes: Vec<String>,
    faults: Vec<Fault>,
}

/// Adds a file, or each file of an archive.
fn add(items: &mut Vec<Item>, file: String, found: Result<Found, Fault>) {
    let name = file.rsplit_once(": ").map_or(file.as_str(), |(_, inner)| inner);
    let found = match found {
        Ok(found) => found,
        Err(fault) => {
            let faults = vec![fault.about(name)];
            items.push(Item {
                file,
                format: None,
                certificates: vec![],
                keys: vec![],
                notes: vec![],
                faults,
            });
            return;
        }
    };
    if found.format == Format::Zip {
        for member in found.members {
            add(items, format!("{file}: {}", member.name), member.found);
        }
        return;
    }
    let mut notes = found.notes;
    if !found.keys.is_empty() {
        notes.push("private keys are not imported: none was kept".to_owned());
    }
    if found.requests > 0 {
        notes.push(format!("{} certificate signing request(s) were ignored", found.requests));
    }
    let read = |text: String| {
        let certificate = Certificate::read_der(&STANDARD.decode(&text).ok()?).ok()?;
        Some((text, certificate))
    };
    items.push(Item {
        file,
        format: Some(found.format),
        certificates: found.certificates.into_iter().filter_map(read).collect(),
        keys: found
            .keys
            .into_iter()
            .map(|key| ItemKey { algorithm: key.algorithm, spki_sha256: key.spki_sha256 })
            .collect(),
        notes,
        faults: found.faults,
    });
}

type Outcomes = HashMap<String, (Option<CertificateId>, ImportOutcome)>;

/// Has each certificate brought in once, part by part. A part is one command, so that a repeat with the same key finds it.
async fn bring(call: &Call, wanted: &ImportFiles, items: &[Item]) -> Result<(Outcomes, i64, bool), Problem> {
    let context = call.context()?;
    let (mut outcomes, mut position, mut replayed) = (HashMap::new(), 0, true);
    for (number, part) in parts(items).into_iter().enumerate() {
        let (fingerprints, certificates): (Vec<_>, Vec<_>) = part.into_iter().unzip();
        let command = ImportCertificates {
            organization: wanted.organization.clone(),
            department: wanted.department.clone(),
            certificate_type: wanted.certificate_type,
            mode: wanted.mode,
            labels: wanted.labels.clone(),
            owner: wanted.owner.clone(),
            note: wanted.note.clone(),
            certificates,
        };
        let step = context.step(&format!("import/{number}"));
        if call.query.flag("dryRun") {
            let tried = call.gateway.bus.dry_run(&step, &command).await?;
            let new: HashSet<String> = tried.changes.into_iter().map(|change| change.pointer).collect();
            for (at, fingerprint) in fingerprints.into_iter().enumerate() {
                let is_new = new.contains(&format!("/certificates/{at}"));
                let outcome = if is_new { ImportOutcome::Imported } else { ImportOutcome::Known };
                outcomes.insert(fingerprint, (None, outcome));
            }
            continue;
        }
        let reply = call.gateway.bus.call(&step, &command).await?;
        (position, replayed) = (position.max(reply.position), replayed && reply.replayed);
        for (fingerprint, result) in fingerprints.into_iter().zip(reply.result.results) {
            outcomes.insert(fingerprint, (Some(result.certificate_id), result.outcome));
        }
    }
    Ok((outcomes, position, replayed))
}

/// The certificates with their fingerprints, each once, in parts that a command takes. There is always a first part: it
/// says whether the caller may import at all.
fn parts(items: &[Item]) -> Vec<Vec<(String, CertificateToImport)>> {
    let (mut parts, mut bytes, mut seen) = (vec![vec![]], 0, HashSet::new());
    for item in items {
        for (text, certificate) in &item.certificates {
            let fingerprint = certificate.sha256();
            if !seen.insert(fingerprint.clone()) {
                continue;
            }
            let is_full =
                |part: &Vec<_>| part.len() >= IMPORTED_AT_ONCE || bytes + text.len() > IMPORTED_BYTES;
            if parts.last().is_none_or(is_full) {
                parts.push(vec![]);
                bytes = 0;
            }
            bytes += text.len();
            let one = CertificateToImport { certificate: text.clone(), file: Some(item.file.clone()) };
            if let Some(part) = parts.last_mut() {
                part.push((fingerprint, one));
            }
        }
    }
    parts
}

fn report(items: Vec<Item>, outcomes: &Outcomes) -> ImportReport {
    let count = |wanted| outcomes.values().filter(|(_, outcome)| *outcome == wanted).count();
    let (imported, known) = (count(ImportOutcome::Imported), count(ImportOutcome::Known));
    let items: Vec<ImportItem> = items.into_iter().map(|item| shown_item(item, outcomes)).collect();
    let failed = items.iter().filter(|item| !item.problems.is_empty()).count();
    ImportReport { imported, known, failed, items }
}

fn shown_item(item: Item, outcomes: &Outcomes) -> ImportItem {
    let certificates = item.certificates.iter().map(|(_, certificate)| {
        let fingerprint_sha256 = certificate.sha256();
        let (certificate_id, outcome) =
            outcomes.get(&fingerprint_sha256).copied().unwrap_or((None, ImportOutcome::Known));
        ItemCertificate {
            certificate_id,
            subject: certificate.subject(),
            issuer: certificate.issuer(),
            not_after: certificate.not_after(),
            fingerprint_sha256,
            outcome,
        }
    });
    ImportItem {
        recognized_as: item.format.and_then(|format| Some(json!(format).as_str()?.to_owned())),
        certificates: certificates.collect(),
        file: item.file,
        keys: item.keys,
        notes: item.notes,
        problems: item
            .faults
            .into_iter()
            .map(|fault| Violation::at("#/files", fault.code, fault.detail))
            .collect(),
    }
}

fn example() -> Value {
    json!({"imported": 1, "known": 0, "failed": 0, "items": [{"file": "shop.pem", "recognizedAs": "pem",
        "certificates": [{"certificateId": "crt_01jdp4q2x8f7mb3v5kz6n9w0ae", "subject": "CN=shop.example.com",
            "issuer": "CN=Example CA", "notAfter": "2027-02-19T08:59:59Z", "fingerprintSha256": "9b1e0c57…",
            "outcome": "imported"}],
        "keys": [], "notes": ["the issuer's certificate 'CN=Example CA' is not in the file"], "problems": []}]})
}
