//! `chancery import`: certificates and their private keys out of files, whatever their format.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::{Args, ValueEnum};
use http::Method;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::{
    Format,
    api::Api,
    failure::Failure,
    issue::{labels, reference},
    listing::read_input,
    output::{self, Column},
};

const COLUMNS: &[Column] = &[
    Column("FILE", "/file", false),
    Column("FORMAT", "/recognizedAs", false),
    Column("SUBJECT", "/subject", false),
    Column("UNTIL", "/notAfter", false),
    Column("OUTCOME", "/outcome", false),
    Column("REMARK", "/remark", false),
    Column("ID", "/certificateId", true),
    Column("SHA-256", "/fingerprintSha256", true),
];

/// Import certificates and their private keys from files: PEM, DER, PKCS #7, PKCS #12, JKS, JCEKS, or a ZIP of such files
#[derive(Args, Debug)]
pub struct Import {
    /// Files, or directories whose files are taken; `-` for standard input
    #[arg(required_unless_present = "url")]
    files: Vec<String>,
    /// Server whose certificates are taken as it presents them; port 443 if none is given
    #[arg(long, value_name = "HOST[:PORT]")]
    url: Option<String>,
    /// File with the passphrases that may open them, a line each
    #[arg(long)]
    password_file: Option<String>,
    /// Organization, by id or name
    #[arg(long)]
    organization: Option<String>,
    /// Department, by id or name
    #[arg(long)]
    department: Option<String>,
    /// What the certificates are for
    #[arg(long = "type")]
    certificate_type: Option<String>,
    /// What is done with them
    #[arg(long, value_enum, default_value_t = Mode::Monitored)]
    mode: Mode,
    /// Label, may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
    /// Who answers for them
    #[arg(long)]
    owner: Option<String>,
    /// Note
    #[arg(long)]
    note: Option<String>,
    /// Keep no private key
    #[arg(long)]
    without_keys: bool,
    /// Private keys may be exported again, ever
    #[arg(long, conflicts_with = "without_keys")]
    exportable: bool,
}

/// The most bytes of files that are sent at once; a key and its certificate may stand in two.
const AT_ONCE: usize = 9 << 20;
/// The most files.
const MOST_FILES: usize = 100;

/// What is done with a certificate.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Mode {
    /// Its life is looked after
    Managed,
    /// It is watched and nothing else
    Monitored,
}

impl Import {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        let common = self.common()?;
        let files = files(&self.files)?;
        let bar = match api.format() {
            Format::Table | Format::Wide if files.len() > 1 => ProgressBar::new(files.len() as u64),
            _ => ProgressBar::hidden(),
        };
        let (mut items, mut sums) = (vec![], json!({}));
        for part in parts(files) {
            let files =
                part.iter().map(|(name, content)| json!({"name": name, "content": STANDARD.encode(content)}));
            let (count, files) = (part.len() as u64, files.collect::<Vec<_>>());
            send(api, &common, "files", files.into(), &mut items, &mut sums).await?;
            bar.inc(count);
        }
        if let Some(url) = &self.url {
            send(api, &common, "url", url.as_str().into(), &mut items, &mut sums).await?;
        }
        bar.finish_and_clear();
        print(api.format(), items, sums)
    }

    /// What is said of every file.
    fn common(&self) -> Result<Value, Failure> {
        let mode = match self.mode {
            Mode::Managed => "managed",
            Mode::Monitored => "monitored",
        };
        let mut body = json!({"mode": mode});
        let given = [
            ("organization", self.organization.as_ref().map(|named| reference("org", named))),
            ("department", self.department.as_ref().map(|named| reference("dep", named))),
            ("owner", self.owner.clone()),
            ("note", self.note.clone()),
        ];
        for (name, value) in given.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            body[name] = value.into();
        }
        if let Some(kind) = &self.certificate_type {
            body["certificateType"] = kind.as_str().into();
        }
        if !self.labels.is_empty() {
            body["labels"] = labels(&self.labels)?;
        }
        if self.without_keys {
            body["privateKeys"] = "ignore".into();
        }
        body["exportable"] = self.exportable.into();
        if let Some(file) = &self.password_file {
            let text = String::from_utf8(read_input(file)?)
                .map_err(|_| Failure::Usage(format!("{file} is not text")))?;
            body["passphrases"] = text.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>().into();
        }
        Ok(body)
    }
}

/// Each file with its name; of a directory those in it, in order.
fn files(given: &[String]) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut files = vec![];
    for name in given {
        if !Path::new(name).is_dir() {
            files.push((name.clone(), read_input(name)?));
            continue;
        }
        let unreadable = |error: std::io::Error| Failure::Usage(format!("{name} cannot be read: {error}"));
        let mut inside = vec![];
        for entry in std::fs::read_dir(name).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.is_file() {
                inside.push(path.to_string_lossy().into_owned());
            }
        }
        inside.sort();
        for path in inside {
            files.push((path.clone(), read_input(&path)?));
        }
    }
    Ok(files)
}

/// Has some files, or a server, imported; adds what became of it.
async fn send(
    api: &Api,
    common: &Value,
    what: &str,
    value: Value,
    items: &mut Vec<Value>,
    sums: &mut Value,
) -> Result<(), Failure> {
    let mut body = common.clone();
    body[what] = value;
    let answer = api.change(Method::POST, "/api/v1/imports", Some(&body)).await?.json()?;
    for sum in ["imported", "known", "answered", "keys", "failed"] {
        sums[sum] = (sums[sum].as_u64().unwrap_or(0) + answer[sum].as_u64().unwrap_or(0)).into();
    }
    items.extend(answer["items"].as_array().cloned().unwrap_or_default());
    Ok(())
}

/// Files that are sent together.
fn parts(files: Vec<(String, Vec<u8>)>) -> Vec<Vec<(String, Vec<u8>)>> {
    let (mut parts, mut bytes) = (vec![], 0);
    for file in files {
        let is_full = |part: &Vec<_>| part.len() >= MOST_FILES || bytes + file.1.len() > AT_ONCE;
        if parts.last().is_none_or(is_full) {
            parts.push(vec![]);
            bytes = 0;
        }
        bytes += file.1.len();
        if let Some(part) = parts.last_mut() {
            part.push(file);
        }
    }
    parts
}

/// A line for each certificate and each private key, and one for each file in which something was not read.
fn print(format: Format, items: Vec<Value>, sums: Value) -> Result<(), Failure> {
    let mut rows = vec![];
    for item in &items {
        let (file, kind) = (&item["file"], &item["recognizedAs"]);
        let texts = |list: &Value, field: Option<&str>| {
            let texts = list.as_array().into_iter().flatten();
            texts
                .filter_map(|one| field.map_or(one, |field| &one[field]).as_str().map(str::to_owned))
                .collect::<Vec<_>>()
        };
        let certificates = item["certificates"].as_array().map(Vec::as_slice).unwrap_or_default();
        for (at, certificate) in certificates.iter().enumerate() {
            let mut row = certificate.clone();
            (row["file"], row["recognizedAs"]) = (file.clone(), kind.clone());
            if at == 0 {
                row["remark"] = texts(&item["notes"], None).join("; ").into();
            }
            rows.push(row);
        }
        let keys = item["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
        for key in keys {
            let subject = format!("private key {}", key["algorithm"].as_str().unwrap_or_default());
            rows.push(json!({"file": file, "recognizedAs": kind, "subject": subject, "outcome": key["outcome"], "certificateId": key["keyId"]}));
        }
        let problems = texts(&item["problems"], Some("detail"));
        if certificates.is_empty() && keys.is_empty() && problems.is_empty() {
            let remark = texts(&item["notes"], None).join("; ");
            rows.push(json!({"file": file, "recognizedAs": kind, "remark": remark}));
        }
        for problem in problems {
            rows.push(json!({"file": file, "recognizedAs": kind, "outcome": "failed", "remark": problem}));
        }
    }
    let mut whole = sums;
    whole["items"] = items.into();
    output::many(format, &rows, COLUMNS, Some(&whole))
}
