//! `chancery key …`: keys in the keystore.

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
    Column("EXPORTABLE", "/exportable", true),
    Column("SPKI SHA-256", "/spkiSha256", true),
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
        #[arg(long)]
        exportable: bool,
    },
    /// Print a key's public half as PEM
    #[command(name = "public-key")]
    Public {
        /// Its id
        id: String,
    },
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
            Self::Create { algorithm, label, exportable } => {
                let mut body = json!({"algorithm": algorithm, "exportable": exportable});
                if let Some(label) = label {
                    body["label"] = label.into();
                }
                change(api, Method::POST, path, Some(&body), COLUMNS).await
            }
            Self::Public { id } => {
                let answer = api.get(&format!("{path}/{id}/public-key"), &[]).await?;
                output::pem(api.format(), &answer.body)
            }
            Self::Destroy { id, reason } => {
                confirm(api, &format!("Destroy key {id}? Nothing brings it back."))?;
                let body = reason.map_or_else(|| json!({}), |reason| json!({"reason": reason}));
                change(api, Method::POST, &format!("{path}/{id}/destroy"), Some(&body), COLUMNS).await
            }
        }
    }
}
