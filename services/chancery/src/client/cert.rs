//! `chancery cert …`: certificates.

use clap::Subcommand;
use http::Method;
use serde_json::json;

use super::{
    api::Api,
    failure::Failure,
    issue::{labels, reference},
    listing::{self, List, change, confirm, read_input},
    output::{self, Column},
};

const COLUMNS: &[Column] = &[
    Column("COMMON NAME", "/commonName", false),
    Column("STATUS", "/statusWord", false),
    Column("EXPIRES", "/notAfter", false),
    Column("INSTALLATION", "/installState", false),
    Column("RENEWAL", "/renewalState", false),
    Column("NAMES", "/sans", true),
    Column("ISSUER", "/issuer/commonName", false),
    Column("ID", "/id", false),
    Column("ORGANIZATION", "/organizationId", true),
    Column("DEPARTMENT", "/departmentId", true),
    Column("KEY", "/key/algorithm", true),
    Column("OWNER", "/owner", true),
    Column("LABELS", "/labels", true),
];

const LINKS: &[Column] = &[
    Column("PATH", "/path", false),
    Column("NAME", "/name", false),
    Column("EXPIRES", "/notAfter", false),
    Column("TRUSTED", "/trusted", false),
    Column("VERDICT", "/verdict", false),
    Column("FAULTS", "/faults", false),
    Column("PATH ENDS", "/end", false),
];

/// `chancery cert …`
#[derive(Subcommand, Debug)]
pub enum Cert {
    /// List certificates
    List {
        /// Saved view, by id, whose filter and order count where no other is given
        #[arg(long)]
        view: Option<String>,
        #[command(flatten)]
        list: List,
    },
    /// Show a certificate
    Show {
        /// Its id
        id: String,
    },
    /// Print a certificate as PEM
    Pem {
        /// Its id
        id: String,
    },
    /// Print a certificate and the CAs above it as PEM
    Chain {
        /// Its id
        id: String,
        /// With the root
        #[arg(long)]
        root: bool,
    },
    /// Judge a certificate by a trusted CA set: every way up, each link with what speaks against it
    Judge {
        /// Its id
        id: String,
        /// Trust set, by id or name; the default one when not given
        #[arg(long)]
        trust_set: Option<String>,
    },
    /// What happened to a certificate
    Timeline {
        /// Its id
        id: String,
    },
    /// Archive a certificate: it leaves the lists, reports keep it
    Archive {
        /// Its id
        id: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Take a certificate out of the archive
    Restore {
        /// Its id
        id: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Files that are kept with a certificate
    #[command(subcommand)]
    Document(Document),
    /// Record labels, an owner or a note
    Annotate {
        /// Its id
        id: String,
        /// Label, replacing all there are; may be repeated
        #[arg(long = "label", value_name = "KEY=VALUE")]
        labels: Vec<String>,
        /// Who answers for it; empty takes the owner away
        #[arg(long)]
        owner: Option<String>,
        /// Note; empty takes it away
        #[arg(long)]
        note: Option<String>,
    },
}

impl Cert {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        let path = "/api/v1/certificates";
        match self {
            Self::List { view: None, list } => list.run(api, path, COLUMNS).await,
            Self::List { view: Some(view), list } => {
                let view = api.get(&format!("/api/v1/views/{view}"), &[]).await?.json()?;
                list.of_saved(&view).run(api, path, COLUMNS).await
            }
            Self::Archive { id, reason } => file(api, &format!("{path}/{id}/archive"), reason).await,
            Self::Restore { id, reason } => file(api, &format!("{path}/{id}/restore"), reason).await,
            Self::Document(document) => document.run(api, path).await,
            Self::Show { id } => listing::show(api, &format!("{path}/{id}"), COLUMNS).await,
            Self::Pem { id } => print(api, &format!("{path}/{id}?format=pem")).await,
            Self::Chain { id, root } => {
                let root = if root { "include" } else { "omit" };
                print(api, &format!("{path}/{id}/chain?format=pem&root={root}")).await
            }
            Self::Judge { id, trust_set } => judge(api, &format!("{path}/{id}/chain"), trust_set).await,
            Self::Timeline { id } => listing::timeline(api, &format!("{path}/{id}/timeline")).await,
            Self::Annotate { id, labels: pairs, owner, note } => {
                let mut body = json!({});
                if !pairs.is_empty() {
                    body["labels"] = labels(&pairs)?;
                }
                for (field, value) in [("owner", owner), ("note", note)] {
                    if let Some(value) = value {
                        body[field] = value.into();
                    }
                }
                let columns = [
                    Column("LABELS", "/labels", false),
                    Column("OWNER", "/owner", false),
                    Column("NOTE", "/note", false),
                ];
                change(api, Method::PATCH, &format!("{path}/{id}"), Some(&body), &columns).await
            }
        }
    }
}

async fn file(api: &Api, path: &str, reason: Option<String>) -> Result<(), Failure> {
    let columns = [Column("ID", "/id", false), Column("ARCHIVED", "/archived", false)];
    change(api, Method::POST, path, Some(&json!({"reason": reason})), &columns).await
}

const DOCUMENTS: &[Column] = &[
    Column("NAME", "/name", false),
    Column("SIZE", "/size", false),
    Column("SHA-256", "/sha256", false),
    Column("ID", "/id", false),
];

/// `chancery cert document …`
#[derive(Subcommand, Debug)]
pub enum Document {
    /// List the files that are kept with a certificate
    List {
        /// The certificate's id
        certificate: String,
    },
    /// Keep a file with a certificate
    Add {
        /// The certificate's id
        certificate: String,
        /// The file
        file: String,
        /// What it is to be called; as it is when not given
        #[arg(long)]
        name: Option<String>,
    },
    /// Write a file to standard output
    Get {
        /// The certificate's id
        certificate: String,
        /// The document's id
        document: String,
    },
    /// Remove a file, and its bytes for good
    Remove {
        /// The certificate's id
        certificate: String,
        /// The document's id
        document: String,
    },
}

impl Document {
    async fn run(self, api: &Api, path: &str) -> Result<(), Failure> {
        match self {
            Self::List { certificate } => {
                listing::every(api, &format!("{path}/{certificate}/documents"), DOCUMENTS).await
            }
            Self::Add { certificate, file, name } => {
                let bytes = read_input(&file)?;
                let own =
                    std::path::Path::new(&file).file_name().map(|name| name.to_string_lossy().into_owned());
                let name = name.or(own).unwrap_or_default();
                let query =
                    url::form_urlencoded::Serializer::new(String::new()).append_pair("name", &name).finish();
                let path = format!("{path}/{certificate}/documents?{query}");
                let made = api.upload(&path, bytes, "application/octet-stream").await?.json()?;
                listing::changed(api, &made, DOCUMENTS)
            }
            Self::Get { certificate, document } => {
                let answer = api.get(&format!("{path}/{certificate}/documents/{document}"), &[]).await?;
                output::bytes(&answer.body);
                Ok(())
            }
            Self::Remove { certificate, document } => {
                confirm(api, &format!("Remove document {document} for good?"))?;
                let path = format!("{path}/{certificate}/documents/{document}");
                change(api, Method::DELETE, &path, None, DOCUMENTS).await
            }
        }
    }
}

/// One line a link; the verdict is the exit code, too.
async fn judge(api: &Api, path: &str, trust_set: Option<String>) -> Result<(), Failure> {
    let set = trust_set.map(|set| reference("trs", &set));
    let query: Vec<_> = set.iter().map(|set| ("trustSet", set.as_str())).collect();
    let panel = api.get(path, &query).await?.json()?;
    let paths = panel["paths"].as_array().cloned().unwrap_or_default();
    let links = paths.iter().enumerate().flat_map(|(at, path)| {
        let links = path["links"].as_array().cloned().unwrap_or_default();
        links.into_iter().map(move |mut link| {
            link["path"] = (at + 1).into();
            link["end"] = path["end"].clone();
            link
        })
    });
    output::many(api.format(), &links.collect::<Vec<_>>(), LINKS, Some(&panel))?;
    output::note(&format!(
        "{} under the trust set '{}'",
        panel["verdict"].as_str().unwrap_or_default(),
        panel["trustSet"]["name"].as_str().unwrap_or("none")
    ));
    if panel["verdict"] == "ok" { Ok(()) } else { Err(Failure::No(panel)) }
}

async fn print(api: &Api, path: &str) -> Result<(), Failure> {
    output::pem(api.format(), &api.get(path, &[]).await?.body)
}
