//! `chancery key …`: keys in the keystore.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::Subcommand;
use contracts::x509::KeyAlgorithm;
use http::Method;
use serde_json::json;

use super::{
    api::Api,
    failure::Failure,
    listing::{self, List, change, confirm},
    output::{self, Column},
};

const COLUMNS: &[Column] = &[
    Column("LABEL", "/label", false),
    Column("STATUS", "/status", false),
    Column("ALGORITHM", "/algorithm", false),
    Column("PURPOSE", "/purpose", false),
    Column("CREATED", "/createdAt", false),
    Column("ID", "/id", false),
    Column("TOKEN", "/token", true),
    Column("EXPORTABLE", "/exportable", true),
    Column("SPKI SHA-256", "/spkiSha256", true),
];

const COMPROMISED: &[Column] = &[
    Column("SPKI SHA-256", "/spkiSha256", false),
    Column("EVERYWHERE", "/everywhere", false),
    Column("REASON", "/reason", false),
    Column("SINCE", "/createdAt", false),
    Column("ID", "/id", true),
];

const CERTIFICATES: &[Column] = &[
    Column("COMMON NAME", "/commonName", false),
    Column("STATUS", "/status", false),
    Column("EXPIRES", "/notAfter", false),
    Column("CERTIFICATE", "/id", false),
    Column("SERIAL NUMBER", "/serialNumber", true),
];

const USES: &[Column] = &[
    Column("KIND", "/kind", false),
    Column("NAME", "/name", false),
    Column("STATUS", "/status", false),
    Column("EXPIRES", "/notAfter", false),
    Column("ID", "/id", false),
];

/// `chancery key …`
#[derive(Subcommand, Debug)]
pub enum Key {
    /// List keys
    List(List),
    /// Show a key
    Show {
        /// Its id
        id: String,
    },
    /// Make a key
    Create {
        /// Kind and size
        #[arg(default_value = "ecdsa_p256")]
        algorithm: KeyAlgorithm,
        /// What you call it
        #[arg(long)]
        label: Option<String>,
        /// Let it be exported later
        #[arg(long, conflicts_with = "in_token")]
        exportable: bool,
        /// PKCS #11 token to make it in, by its name in the server's configuration; it never leaves that
        #[arg(long, value_name = "NAME")]
        in_token: Option<String>,
    },
    /// Print a key's public half as PEM
    #[command(name = "public-key")]
    Public {
        /// Its id
        id: String,
    },
    /// Bring a private key that was made elsewhere: PKCS #8, PKCS #1 or SEC 1, locked or not
    Import {
        /// Its file, PEM or DER; `-` for standard input
        file: String,
        /// File with the passphrase that opens it
        #[arg(long)]
        passphrase_file: Option<String>,
        /// What you call it
        #[arg(long)]
        label: Option<String>,
        /// Let it be exported later
        #[arg(long)]
        exportable: bool,
    },
    /// Take a private key out, encrypted; prints the passphrase if it was drawn
    Export {
        /// Its id
        id: String,
        /// pkcs8, pkcs12 or jks
        #[arg(long, default_value = "pkcs12")]
        format: String,
        /// Certificate to go with it, by its id; the newest one with the key when not given
        #[arg(long)]
        certificate: Option<String>,
        /// File with the passphrase to encrypt with, at least 16 characters; drawn when not given
        #[arg(long)]
        passphrase_file: Option<String>,
        /// File to write
        #[arg(long)]
        out: std::path::PathBuf,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Show what a key is used for: certificates, requests, CAs
    Uses {
        /// Its id
        id: String,
    },
    /// Say that a key is compromised: it is refused from then on. Prints every certificate with it
    #[command(group = clap::ArgGroup::new("which").required(true))]
    Compromise {
        /// A key of the keystore, by its id
        #[arg(group = "which")]
        id: Option<String>,
        /// File with a public key, a certificate, or a CSR signed by the key, as PEM; `-` for standard input
        #[arg(long, group = "which")]
        file: Option<String>,
        /// SHA-256 of its SubjectPublicKeyInfo, hexadecimal
        #[arg(long, group = "which")]
        spki_sha256: Option<String>,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// List compromised keys
    Compromised(List),
    /// Destroy a key for good
    Destroy {
        /// Its id
        id: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
}

impl Key {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        let path = "/api/v1/keys";
        match self {
            Self::List(list) => list.run(api, path, COLUMNS).await,
            Self::Show { id } => listing::show(api, &format!("{path}/{id}"), COLUMNS).await,
            Self::Create { algorithm, label, exportable, in_token } => {
                let mut body = json!({"algorithm": algorithm, "exportable": exportable});
                if let Some(token) = in_token {
                    body["token"] = token.into();
                }
                if let Some(label) = label {
                    body["label"] = label.into();
                }
                change(api, Method::POST, path, Some(&body), COLUMNS).await
            }
            Self::Public { id } => {
                let answer = api.get(&format!("{path}/{id}/public-key"), &[]).await?;
                output::pem(api.format(), &answer.body)
            }
            Self::Import { file, passphrase_file, label, exportable } => {
                let bytes = listing::read_input(&file)?;
                let text =
                    String::from_utf8(bytes).unwrap_or_else(|binary| STANDARD.encode(binary.as_bytes()));
                let mut body = json!({"key": text, "exportable": exportable});
                if let Some(file) = passphrase_file {
                    body["passphrase"] = passphrase(&file)?.into();
                }
                if let Some(label) = label {
                    body["label"] = label.into();
                }
                change(api, Method::POST, &format!("{path}/import"), Some(&body), COLUMNS).await
            }
            Self::Export { id, format, certificate, passphrase_file, out, reason } => {
                let mut body = json!({"format": format, "reason": reason});
                if let Some(id) = certificate {
                    body["certificate"] = id.into();
                }
                if let Some(file) = passphrase_file {
                    body["passphrase"] = passphrase(&file)?.into();
                }
                let answer =
                    api.change(Method::POST, &format!("{path}/{id}/export"), Some(&body)).await?.json()?;
                let Some(content) = answer["content"].as_str() else {
                    return listing::changed(api, &answer, COLUMNS);
                };
                let file =
                    STANDARD.decode(content).map_err(|error| Failure::Unexpected(error.to_string()))?;
                write_private(&out, &file)?;
                output::note(&format!("written to {}", out.display()));
                if let Some(drawn) = answer["passphrase"].as_str() {
                    output::line(drawn);
                }
                Ok(())
            }
            Self::Uses { id } => uses(api, &format!("{path}/{id}/uses")).await,
            Self::Compromise { id, file, spki_sha256, reason } => {
                confirm(api, "Say that the key is compromised? It is refused for good.")?;
                let mut body = json!({"reason": reason});
                let path = match id {
                    Some(id) => format!("{path}/{id}/compromise"),
                    None => "/api/v1/compromised-keys".to_owned(),
                };
                if let Some(file) = file {
                    body["pem"] = String::from_utf8_lossy(&listing::read_input(&file)?).into();
                }
                if let Some(hash) = spki_sha256 {
                    body["spkiSha256"] = hash.into();
                }
                let answer = api.change(Method::POST, &path, Some(&body)).await?.json()?;
                match answer["certificates"].as_array() {
                    Some(certificates) => {
                        output::many(api.format(), certificates, CERTIFICATES, Some(&answer))
                    }
                    None => listing::changed(api, &answer, COMPROMISED),
                }
            }
            Self::Compromised(list) => list.run(api, "/api/v1/compromised-keys", COMPROMISED).await,
            Self::Destroy { id, reason } => {
                confirm(api, &format!("Destroy key {id}? Nothing brings it back."))?;
                let body = reason.map_or_else(|| json!({}), |reason| json!({"reason": reason}));
                change(api, Method::POST, &format!("{path}/{id}/destroy"), Some(&body), COLUMNS).await
            }
        }
    }
}

/// Prints what a key is used for, a line each.
async fn uses(api: &Api, path: &str) -> Result<(), Failure> {
    let answer = api.get(path, &[]).await?.json()?;
    let mut rows = vec![];
    for (member, kind, name) in [
        ("certificates", "certificate", "commonName"),
        ("certificateRequests", "request", "commonName"),
        ("cas", "CA", "name"),
    ] {
        for one in answer[member].as_array().into_iter().flatten() {
            let mut row = one.clone();
            (row["kind"], row["name"]) = (kind.into(), one[name].clone());
            rows.push(row);
        }
    }
    output::many(api.format(), &rows, USES, Some(&answer))
}

/// The passphrase in a file, without its line end.
pub fn passphrase(file: &str) -> Result<String, Failure> {
    let bytes = listing::read_input(file)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::Usage(format!("{file} does not hold a passphrase as UTF-8")))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Writes a file that only its owner reads; one that is there already stays.
fn write_private(path: &std::path::Path, bytes: &[u8]) -> Result<(), Failure> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(bytes))
        .map_err(|error| Failure::Usage(format!("cannot write {}: {error}", path.display())))
}
