//! `chancery admin certificate …`: the TLS client certificates that administrators sign in with.

use clap::{Args, Subcommand};
use http::Method;

use super::{
    api::Api,
    failure::Failure,
    issue::reference,
    listing::{change, confirm, read_input, refuse_private_key},
    org::{because, given},
    output::{self, Column},
};

const COLUMNS: &[Column] = &[
    Column("THUMBPRINT", "/id", false),
    Column("ENDS", "/notAfter", false),
    Column("BOUND", "/boundAt", false),
    Column("SHA-1", "/sha1", true),
];

/// `chancery admin certificate …`
#[derive(Subcommand, Debug)]
pub enum AdminCertificate {
    /// List the certificates that an administrator signs in with
    List {
        /// Administrator by id or name
        admin: String,
    },
    /// Let an administrator sign in with a certificate
    Add {
        /// Administrator by id or name
        admin: String,
        #[command(flatten)]
        certificate: Which,
    },
    /// Let an administrator no longer sign in with a certificate
    Remove {
        /// Administrator by id or name
        admin: String,
        /// Its SHA-256, or its SHA-1 where that is all that is known
        thumbprint: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
}

/// The certificate itself, or what it is known by.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct Which {
    /// The certificate in a PEM file, `-` for standard input
    #[arg(long)]
    file: Option<String>,
    /// Its SHA-256
    #[arg(long)]
    sha256: Option<String>,
    /// Its SHA-1, where that is all that is known
    #[arg(long)]
    sha1: Option<String>,
}

impl AdminCertificate {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        let all = |admin: &str| format!("/api/v1/admins/{}/certificates", reference("adm", admin));
        match self {
            Self::List { admin } => {
                let answer = api.get(&all(&admin), &[]).await?.json()?;
                let items = answer["items"].as_array().cloned().unwrap_or_default();
                output::many(api.format(), &items, COLUMNS, None)
            }
            Self::Add { admin, certificate: Which { file, sha256, sha1 } } => {
                let certificate = file.map(|file| read_certificate(&file)).transpose()?;
                let body = given(&[("certificate", certificate), ("sha256", sha256), ("sha1", sha1)]);
                change(api, Method::POST, &all(&admin), Some(&body), COLUMNS).await
            }
            Self::Remove { admin, thumbprint, reason } => {
                confirm(api, &format!("Take this certificate from administrator {admin}?"))?;
                let path = format!("{}/{}", all(&admin), thumbprint.replace(':', ""));
                change(api, Method::DELETE, &path, because(reason).as_ref(), COLUMNS).await
            }
        }
    }
}

fn read_certificate(file: &str) -> Result<String, Failure> {
    let bytes = read_input(file)?;
    refuse_private_key(file, &bytes)?;
    String::from_utf8(bytes).map_err(|_| Failure::Usage(format!("{file} is not PEM")))
}
