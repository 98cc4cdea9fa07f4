//! `chancery profile …`: certificate profiles.

use clap::Subcommand;
use contracts::Lifetime;
use http::Method;
use serde_json::json;

use super::{
    api::Api,
    failure::Failure,
    issue::reference,
    listing::{self, List, change, read_document},
    output::Column,
};

const COLUMNS: &[Column] = &[
    Column("NAME", "/name", false),
    Column("TYPE", "/rules/type", false),
    Column("ISSUER", "/rules/issuer/kind", false),
    Column("TTL", "/rules/ttl/default", false),
    Column("MAX TTL", "/rules/ttl/max", false),
    Column("ID", "/id", false),
    Column("POLICY", "/rules/policy", true),
];

/// `chancery profile …`
#[derive(Subcommand, Debug)]
pub enum Profile {
    /// List profiles
    List(List),
    /// Show a profile
    Show {
        /// Id or name
        profile: String,
    },
    /// Create a profile
    Create {
        /// Unique name
        name: String,
        /// server, client, code_signing or device
        #[arg(long = "type", default_value = "server")]
        certificate_type: String,
        /// Issuing CA by id or name, `self`, or `manual` for a CA outside; the Micro CA when not given
        #[arg(long)]
        ca: Option<String>,
        /// Policy by id or name; the one named `default` when not given
        #[arg(long)]
        policy: Option<String>,
        /// Lifetime when a request names none
        #[arg(long, default_value = "90d")]
        ttl: Lifetime,
        /// Longest lifetime
        #[arg(long, default_value = "398d")]
        max_ttl: Lifetime,
        /// Where a value of the subject comes from, such as organization=replace or locality=fill; may be repeated
        #[arg(long = "subject", value_name = "ATTRIBUTE=SOURCE")]
        subject: Vec<String>,
    },
    /// Change a profile: fields of a JSON or YAML document replace those there are
    Update {
        /// Id or name
        profile: String,
        /// Document, `-` for standard input
        #[arg(short = 'f', long = "file")]
        file: String,
    },
}

impl Profile {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        let path = "/api/v1/profiles";
        let one = |profile: &str| format!("{path}/{}", reference("prf", profile));
        match self {
            Self::List(list) => list.run(api, path, COLUMNS).await,
            Self::Show { profile } => listing::show(api, &one(&profile), COLUMNS).await,
            Self::Create { name, certificate_type, ca, policy, ttl, max_ttl, subject } => {
                let mut body =
                    json!({"name": name, "type": certificate_type, "ttl": {"default": ttl, "max": max_ttl}});
                if let Some(ca) = ca {
                    body["ca"] =
                        if ca == "self" || ca == "manual" { ca.into() } else { reference("ca", &ca).into() };
                }
                if let Some(policy) = policy {
                    body["policy"] = reference("pol", &policy).into();
                }
                for pair in &subject {
                    let (attribute, source) = pair.split_once('=').ok_or_else(|| {
                        Failure::Usage(format!("'{pair}' is not a source: expected ATTRIBUTE=SOURCE"))
                    })?;
                    body["subject"][attribute] = source.into();
                }
                change(api, Method::POST, path, Some(&body), COLUMNS).await
            }
            Self::Update { profile, file } => {
                let body = read_document(&file)?;
                change(api, Method::PATCH, &one(&profile), Some(&body), COLUMNS).await
            }
        }
    }
}
