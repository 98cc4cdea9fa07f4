//! `chancery ca …`: certification authorities.

use clap::Subcommand;
use contracts::{Lifetime, x509::KeyAlgorithm};
use http::Method;
use serde_json::json;

use super::{
    api::Api,
    failure::Failure,
    issue::reference,
    listing::{self, List, change, confirm},
    output::{self, Column},
};

const COLUMNS: &[Column] = &[
    Column("NAME", "/name", false),
    Column("STATUS", "/status", false),
    Column("EXPIRES", "/notAfter", false),
    Column("KIND", "/kind", false),
    Column("KEY", "/keyAlgorithm", false),
    Column("COMMON NAME", "/commonName", false),
    Column("ID", "/id", false),
    Column("PARENT", "/parentId", true),
    Column("SHA-256", "/fingerprintSha256", true),
];

/// `chancery ca …`
#[derive(Subcommand, Debug)]
pub enum Ca {
    /// List CAs
    List(List),
    /// Show a CA
    #[command(visible_alias = "info")]
    Show {
        /// Id or name
        ca: String,
    },
    /// Print a CA's certificate as PEM
    Pem {
        /// Id or name
        ca: String,
    },
    /// Create a CA
    Create {
        /// Unique name
        name: String,
        /// root, issuing or micro (self-signed and issuing at once)
        #[arg(long, default_value = "micro")]
        kind: String,
        /// CA that signs it (for issuing)
        #[arg(long)]
        parent: Option<String>,
        /// Its key
        #[arg(long, default_value = "ecdsa_p256")]
        key: KeyAlgorithm,
        /// PKCS #11 token to make its key in, by its name in the server's configuration
        #[arg(long, value_name = "NAME")]
        in_token: Option<String>,
        /// Common name; made from the name when not given
        #[arg(long = "cn")]
        common_name: Option<String>,
        /// Organization in its subject
        #[arg(long = "organization")]
        organization: Option<String>,
        /// Lifetime, such as 10y
        #[arg(long)]
        ttl: Option<Lifetime>,
    },
    /// Let a CA sign nothing for now
    Suspend {
        /// Id or name
        ca: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Let a suspended CA sign again
    Resume {
        /// Id or name
        ca: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
}

impl Ca {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        let path = "/api/v1/cas";
        let one = |ca: &str| format!("{path}/{}", reference("ca", ca));
        match self {
            Self::List(list) => list.run(api, path, COLUMNS).await,
            Self::Show { ca } => listing::show(api, &one(&ca), COLUMNS).await,
            Self::Pem { ca } => {
                let found = api.get(&one(&ca), &[]).await?.json()?;
                let pem = found["certificate"].as_str().ok_or_else(|| {
                    let detail = "the CA's certificate is still being made; try again";
                    Failure::Problem(json!({"code": "invalid_state", "detail": detail}))
                })?;
                output::pem(api.format(), pem.as_bytes())
            }
            Self::Create { name, kind, parent, key, in_token, common_name, organization, ttl } => {
                let mut body = json!({"name": name, "kind": kind, "key": {"algorithm": key}});
                if let Some(token) = in_token {
                    body["key"]["token"] = token.into();
                }
                if let Some(parent) = parent {
                    body["parent"] = reference("ca", &parent).into();
                }
                if common_name.is_some() || organization.is_some() {
                    let mut subject = json!({"commonName": common_name.as_ref().unwrap_or(&name)});
                    if let Some(organization) = organization {
                        subject["organization"] = organization.into();
                    }
                    body["subject"] = subject;
                }
                if let Some(ttl) = ttl {
                    body["ttl"] = ttl.to_string().into();
                }
                change(api, Method::POST, path, Some(&body), COLUMNS).await
            }
            Self::Suspend { ca, reason } => {
                confirm(api, &format!("Suspend '{ca}'? It signs nothing until it is resumed."))?;
                let body = json!({"reason": reason});
                change(api, Method::POST, &format!("{}/suspend", one(&ca)), Some(&body), COLUMNS).await
            }
            Self::Resume { ca, reason } => {
                let body = reason.map_or_else(|| json!({}), |reason| json!({"reason": reason}));
                change(api, Method::POST, &format!("{}/resume", one(&ca)), Some(&body), COLUMNS).await
            }
        }
    }
}
