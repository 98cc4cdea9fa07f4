//! `chancery keystore …`: the master key, which everything in the keystore is wrapped under.

use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::{
    Format,
    api::Api,
    failure::Failure,
    key::passphrase,
    listing::{self, change, confirm},
    output::{self, Column},
};

const COLUMNS: &[Column] = &[
    Column("PROVIDER", "/provider", false),
    Column("SEALED", "/sealed", false),
    Column("SHARES ENTERED", "/shares/entered", false),
    Column("NEEDED", "/shares/needed", false),
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
        /// File with the new passphrase, where people open the keystore; `-` for standard input
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<String>,
    },
    /// Open a keystore that waits for people
    Unseal {
        /// File with the passphrase; standard input when neither is given
        #[arg(long, value_name = "FILE", conflicts_with = "share_file")]
        passphrase_file: Option<String>,
        /// File with your share, `-` for standard input
        #[arg(long, value_name = "FILE")]
        share_file: Option<String>,
    },
    /// Make a master key that custodians hold shares of, and print the shares: a line each, this once
    Shares {
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
            Self::Rotate { reason, passphrase_file } => {
                confirm(
                    api,
                    "Replace the master key? Backups made before open with a copy of the old one only.",
                )?;
                let mut body = reason.map_or_else(|| json!({}), |reason| json!({"reason": reason}));
                if let Some(file) = passphrase_file {
                    body["passphrase"] = passphrase(&file)?.into();
                }
                change(api, Method::POST, &format!("{PATH}/rotate"), Some(&body), COLUMNS).await
            }
            Self::Shares { reason } => {
                confirm(
                    api,
                    "Make new shares? They take the place of those of before once they are entered.",
                )?;
                let body = reason.map_or_else(|| json!({}), |reason| json!({"reason": reason}));
                let answer =
                    api.change(Method::POST, &format!("{PATH}/shares"), Some(&body)).await?.json()?;
                let Some(shares) = answer["shares"].as_array().filter(|_| api.format() == Format::Table)
                else {
                    return listing::changed(api, &answer, COLUMNS);
                };
                shares.iter().filter_map(Value::as_str).for_each(output::line);
                output::note(&format!(
                    "{} of these {} shares open the keystore. Give each to another custodian: they are not shown again. \
                     They count once as many custodians have entered theirs by 'chancery keystore unseal --share-file'.",
                    answer["needed"],
                    shares.len()
                ));
                Ok(())
            }
            Self::Unseal { passphrase_file, share_file } => {
                let body = match share_file {
                    Some(file) => json!({"share": passphrase(&file)?}),
                    None => json!({"passphrase": passphrase(passphrase_file.as_deref().unwrap_or("-"))?}),
                };
                change(api, Method::POST, &format!("{PATH}/unseal"), Some(&body), COLUMNS).await
            }
            Self::Timeline => listing::timeline(api, &format!("{PATH}/timeline")).await,
        }
    }
}
