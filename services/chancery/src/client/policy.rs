//! `chancery policy …`: certificate policies.

use clap::Subcommand;
use http::Method;
use serde_json::json;

use super::{
    api::Api,
    failure::Failure,
    issue::reference,
    listing::{self, List, change, read_csr, read_document},
    output::{self, Column},
};

const COLUMNS: &[Column] = &[
    Column("NAME", "/name", false),
    Column("CREATED", "/createdAt", false),
    Column("ID", "/id", false),
    Column("RULES", "/rules", true),
];

/// `chancery policy …`
#[derive(Subcommand, Debug)]
pub enum Policy {
    /// List policies
    List(List),
    /// Show a policy
    Show {
        /// Id or name
        policy: String,
    },
    /// Create a policy from a JSON or YAML document
    Create {
        /// Unique name
        name: String,
        /// Document with the rules, `-` for standard input
        #[arg(short = 'f', long = "file")]
        file: String,
    },
    /// Judge a CSR by a policy; exit code 10 if it breaks a rule
    Evaluate {
        /// Id or name
        policy: String,
        /// CSR file, `-` for standard input
        csr: String,
    },
    /// Replace a policy's rules by those of a JSON or YAML document
    Update {
        /// Id or name
        policy: String,
        /// Document with the rules, `-` for standard input
        #[arg(short = 'f', long = "file")]
        file: String,
    },
}

impl Policy {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        let path = "/api/v1/policies";
        let one = |policy: &str| format!("{path}/{}", reference("pol", policy));
        match self {
            Self::List(list) => list.run(api, path, COLUMNS).await,
            Self::Show { policy } => listing::show(api, &one(&policy), COLUMNS).await,
            Self::Create { name, file } => {
                let mut body = read_document(&file)?;
                if !body.is_object() {
                    return Err(Failure::Usage(format!("{file} holds no object with rules")));
                }
                body["name"] = name.into();
                change(api, Method::POST, path, Some(&body), COLUMNS).await
            }
            Self::Evaluate { policy, csr } => {
                let body = json!({"csr": read_csr(&csr)?});
                let path = format!("{}/evaluate", one(&policy));
                let verdict = api.change(Method::POST, &path, Some(&body)).await?.json()?;
                output::one(api.format(), &verdict, &[Column("OK", "/ok", false)])?;
                if verdict["ok"] == false { Err(Failure::No(verdict)) } else { Ok(()) }
            }
            Self::Update { policy, file } => {
                let body = read_document(&file)?;
                change(api, Method::PATCH, &one(&policy), Some(&body), COLUMNS).await
            }
        }
    }
}
