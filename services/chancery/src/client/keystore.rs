//! `chancery keystore …`: the master key, which everything in the keystore is wrapped under.

use clap::Subcommand;
use http::Method;
use serde_json::json;

use super::{
    api::Api,
    failure::Failure,
    listing::{self, change, confirm},
    output::Column,
};

const COLUMNS: &[Column] = &[
    Column("MASTER KEY", "/masterKeyId", false),
    Column("SINCE", "/since", false),
    Column("ROTATION", "/rotation/progress/message", false),
];

const PATH: &str = "/api/v1/keystore";

/// `chancery keystore …`
#[derive(Subcommand, Debug)]
pub enum Keystore {
    /// Show how the master key stands
    Status,
    /// Replace the master key and wrap everything anew, while the keystore goes on working
    Rotate {
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Show what happened to the master key
    Timeline,
}

impl Keystore {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        match self {
            Self::Status => listing::show(api, PATH, COLUMNS).await,
            Self::Rotate { reason } => {
                confirm(
                    api,
                    "Replace the master key? Backups made before open with a copy of the old one only.",
                )?;
                let body = reason.map_or_else(|| json!({}), |reason| json!({"reason": reason}));
                change(api, Method::POST, &format!("{PATH}/rotate"), Some(&body), COLUMNS).await
            }
            Self::Timeline => listing::timeline(api, &format!("{PATH}/timeline")).await,
        }
    }
}
