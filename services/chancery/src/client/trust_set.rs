//! `chancery trust-set …`: the certificates that chains may end at.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::{
    api::Api,
    failure::Failure,
    issue::reference,
    listing::{self, List, change, confirm, read_input, refuse_private_key},
    output::Column,
};

const COLUMNS: &[Column] = &[
    Column("NAME", "/name", false),
    Column("KIND", "/kind", false),
    Column("DEFAULT", "/default", false),
    Column("STATUS", "/status", false),
    Column("CERTIFICATES", "/certificateCount", false),
    Column("DESCRIPTION", "/description", true),
    Column("SOURCE", "/source/version", true),
    Column("ORGANIZATION", "/organizationId", true),
    Column("ID", "/id", false),
];

const CERTIFICATES: &[Column] = &[
    Column("NAME", "/name", false),
    Column("EXPIRES", "/notAfter", false),
    Column("KEY", "/keyAlgorithm", false),
    Column("FINGERPRINT", "/fingerprintSha256", false),
    Column("SUBJECT", "/subject", true),
];

const PATH: &str = "/api/v1/trust-sets";

/// `chancery trust-set …`
#[derive(Subcommand, Debug)]
pub enum TrustSet {
    /// List trusted CA sets
    List(List),
    /// Show a trusted CA set
    Show {
        /// Id or name
        set: String,
    },
    /// Make a trusted CA set
    Create(Create),
    /// Rename a trusted CA set, say what it is for, or make it the default
    Update {
        /// Id or name
        set: String,
        /// Another name
        #[arg(long)]
        name: Option<String>,
        /// What it is for; empty takes it away
        #[arg(long)]
        description: Option<String>,
        /// Whether it counts where none is named
        #[arg(long)]
        default: Option<bool>,
    },
    /// List the certificates of a trusted CA set
    Certificates {
        /// Id or name
        set: String,
    },
    /// Add certificates to a trusted CA set, each once
    Add {
        /// Id or name
        set: String,
        /// File with certificates, PEM or DER, `-` for standard input; may be repeated
        #[arg(required = true)]
        files: Vec<String>,
    },
    /// Take a certificate out of a trusted CA set
    Remove {
        /// Id or name
        set: String,
        /// SHA-256 of the certificate, hexadecimal, with or without colons
        fingerprint: String,
    },
    /// Archive a trusted CA set: nothing is judged by it any more
    Archive {
        /// Id or name
        set: String,
    },
    /// What happened to a trusted CA set
    Timeline {
        /// Id or name
        set: String,
    },
}

/// A new trust set.
#[derive(Args, Debug)]
pub struct Create {
    /// Unique name
    name: String,
    /// Organization, by id or name; the caller's when not given
    #[arg(long = "org")]
    organization: Option<String>,
    /// The installation's, for everybody to use
    #[arg(long, conflicts_with = "organization")]
    installation: bool,
    /// What it is for
    #[arg(long)]
    description: Option<String>,
    /// Set whose certificates it has, too, by id or name
    #[arg(long)]
    copy_of: Option<String>,
    /// Whether it counts where none is named
    #[arg(long)]
    default: bool,
    /// File with certificates, PEM or DER, `-` for standard input; may be repeated
    files: Vec<String>,
}

impl TrustSet {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        let at = |set: &str| format!("{PATH}/{}", reference("trs", set));
        match self {
            Self::List(list) => list.run(api, PATH, COLUMNS).await,
            Self::Show { set } => listing::show(api, &at(&set), COLUMNS).await,
            Self::Create(create) => change(api, Method::POST, PATH, Some(&create.body()?), COLUMNS).await,
            Self::Update { set, name, description, default } => {
                let mut body = json!({});
                for (field, value) in [("name", name), ("description", description)] {
                    if let Some(value) = value {
                        body[field] = value.into();
                    }
                }
                if let Some(default) = default {
                    body["default"] = default.into();
                }
                change(api, Method::PATCH, &at(&set), Some(&body), COLUMNS).await
            }
            Self::Certificates { set } => {
                listing::every(api, &format!("{}/certificates", at(&set)), CERTIFICATES).await
            }
            Self::Add { set, files } => {
                let body = json!({"certificates": pem(&files)?});
                change(api, Method::POST, &format!("{}/certificates", at(&set)), Some(&body), COLUMNS).await
            }
            Self::Remove { set, fingerprint } => {
                let path = format!("{}/certificates/{}", at(&set), fingerprint.replace(':', ""));
                change(api, Method::DELETE, &path, None, COLUMNS).await
            }
            Self::Archive { set } => {
                confirm(api, &format!("Archive trust set {set}?"))?;
                change(api, Method::DELETE, &at(&set), None, COLUMNS).await
            }
            Self::Timeline { set } => listing::timeline(api, &format!("{}/timeline", at(&set))).await,
        }
    }
}

impl Create {
    fn body(self) -> Result<Value, Failure> {
        let mut body = json!({"name": self.name, "default": self.default, "installation": self.installation});
        if let Some(organization) = &self.organization {
            body["organization"] = reference("org", organization).into();
        }
        if let Some(set) = &self.copy_of {
            body["copyOf"] = reference("trs", set).into();
        }
        if let Some(description) = self.description {
            body["description"] = description.into();
        }
        if !self.files.is_empty() {
            body["certificates"] = pem(&self.files)?.into();
        }
        Ok(body)
    }
}

/// The certificates of all files as one PEM text.
fn pem(files: &[String]) -> Result<String, Failure> {
    let mut text = String::new();
    for file in files {
        let bytes = read_input(file)?;
        refuse_private_key(file, &bytes)?;
        match String::from_utf8(bytes) {
            Ok(pem) if pem.contains("-----BEGIN") => text += &pem,
            Ok(other) => return Err(Failure::Usage(format!("{file} is no PEM: '{}'", shortened(&other)))),
            Err(der) => {
                let encoded = BASE64_STANDARD.encode(der.as_bytes());
                text += &format!("-----BEGIN CERTIFICATE-----\n{encoded}\n-----END CERTIFICATE-----\n");
            }
        }
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    Ok(text)
}

fn shortened(text: &str) -> String {
    text.chars().take(40).flat_map(char::escape_default).collect()
}
