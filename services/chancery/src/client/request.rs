//! `chancery request …`: certificate requests.

use base64::{Engine, engine::general_purpose::STANDARD};
use clap::Subcommand;
use contracts::Lifetime;
use http::Method;
use serde_json::json;

use super::{
    api::Api,
    approval,
    failure::Failure,
    issue::{Issue, reference},
    listing::{self, List, change, read_csr, read_input, refuse_private_key},
    output::{self, Column},
};

const COLUMNS: &[Column] = &[
    Column("COMMON NAME", "/commonName", false),
    Column("STATUS", "/status", false),
    Column("NAMES", "/sans", false),
    Column("SOURCE", "/source", false),
    Column("CREATED", "/createdAt", false),
    Column("ID", "/id", false),
    Column("CERTIFICATE", "/certificateId", true),
    Column("PROFILE", "/profileId", true),
    Column("REASON", "/reason", true),
    Column("PROBLEM", "/problem/detail", true),
];

/// `chancery request …`
#[derive(Subcommand, Debug)]
pub enum Request {
    /// List requests
    List(List),
    /// Show a request
    Show {
        /// Its id
        id: String,
    },
    /// Submit a request (the same as `chancery issue`)
    Create(Box<Issue>),
    /// Print the CSR of a request
    Csr {
        /// Its id
        id: String,
    },
    /// Mail the CSR of a request to a CA outside
    Mail {
        /// The request's id
        id: String,
        /// The CA's address
        to: String,
        /// What to say to it
        #[arg(long)]
        message: Option<String>,
    },
    /// Hand in what a CA outside answered to the CSR of a request
    Answer {
        /// The request's id
        id: String,
        /// File with the certificate and whatever came with it, in any order; `-` for standard input
        file: String,
    },
    /// Check a CSR against a profile's policy without requesting anything
    Validate {
        /// CSR file, `-` for standard input
        csr: String,
        /// Profile by id or name; the one named `default` when not given
        #[arg(long)]
        profile: Option<String>,
        /// Lifetime, such as 90d
        #[arg(long)]
        ttl: Option<Lifetime>,
    },
    /// Take a request back that waits for approval
    Cancel {
        /// Its id
        id: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// What happened to a request
    Timeline {
        /// Its id
        id: String,
    },
}

impl Request {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        let path = "/api/v1/certificate-requests";
        match self {
            Self::List(list) => list.run(api, path, COLUMNS).await,
            Self::Show { id } => listing::show(api, &format!("{path}/{id}"), COLUMNS).await,
            Self::Create(issue) => issue.run(api).await,
            Self::Csr { id } => {
                let answer = api.get(&format!("{path}/{id}/csr"), &[]).await?;
                output::pem(api.format(), &answer.body)
            }
            Self::Mail { id, to, message } => {
                let body = json!({"to": to, "message": message});
                let columns = [Column("REQUEST", "/requestId", false), Column("TO", "/to", false)];
                change(api, Method::POST, &format!("{path}/{id}/mail-csr"), Some(&body), &columns).await
            }
            Self::Answer { id, file } => answer(api, &format!("{path}/{id}/certificate"), &file).await,
            Self::Validate { csr, profile, ttl } => {
                let mut body = json!({"csr": read_csr(&csr)?});
                if let Some(profile) = profile {
                    body["profile"] = reference("prf", &profile).into();
                }
                if let Some(ttl) = ttl {
                    body["ttl"] = ttl.to_string().into();
                }
                let answer = api.change(Method::POST, &format!("{path}/validate"), Some(&body)).await?;
                let verdict = answer.json()?;
                output::one(api.format(), &verdict, &[Column("OK", "/ok", false)])?;
                if verdict["ok"] == false { Err(Failure::No(verdict)) } else { Ok(()) }
            }
            Self::Cancel { id, reason } => {
                approval::decide(api, &format!("{path}/{id}/cancel"), "reason", reason).await
            }
            Self::Timeline { id } => listing::timeline(api, &format!("{path}/{id}/timeline")).await,
        }
    }
}

/// What is shown of an answer.
const ANSWERED: &[Column] = &[
    Column("STATUS", "/status", false),
    Column("CERTIFICATE", "/certificateId", false),
    Column("MISSING", "/detail", false),
    Column("REQUEST", "/id", true),
];

async fn answer(api: &Api, path: &str, file: &str) -> Result<(), Failure> {
    let bytes = read_input(file)?;
    refuse_private_key(file, &bytes)?;
    let certificate = String::from_utf8(bytes).unwrap_or_else(|binary| STANDARD.encode(binary.as_bytes()));
    change(api, Method::POST, path, Some(&json!({"certificate": certificate})), ANSWERED).await
}
