//! `chancery access-list …`: from which addresses people may come.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::json;

use super::{
    Format,
    api::Api,
    failure::Failure,
    issue::reference,
    listing::{change, read_input, refuse_private_key},
    output::{self, Column},
};

const COLUMNS: &[Column] = &[
    Column("NETWORKS", "/networks", false),
    Column("VERSION", "/version", false),
    Column("TEXT", "/text", true),
];

/// `chancery access-list …`
#[derive(Subcommand, Debug)]
pub enum AccessList {
    /// Print the list as it was written
    Get {
        #[command(flatten)]
        whose: Whose,
    },
    /// Replace the list by a file: an address or a network a line, '#' begins a comment
    Set {
        /// The file, `-` for standard input
        file: String,
        #[command(flatten)]
        whose: Whose,
        /// Save it although it does not let in the address this comes from
        #[arg(long)]
        force: bool,
    },
}

/// Whose: the installation's or an organization's.
#[derive(Args, Debug)]
pub struct Whose {
    /// Organization by id or name; the installation's when not given
    #[arg(long)]
    organization: Option<String>,
}

impl Whose {
    /// The path of what the installation and organizations have one of each.
    pub(super) fn path(&self, what: &str) -> String {
        match &self.organization {
            None => format!("/api/v1/{what}"),
            Some(text) => format!("/api/v1/organizations/{}/{what}", reference("org", text)),
        }
    }
}

impl AccessList {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        match self {
            Self::Get { whose } => {
                let list = api.get(&whose.path("access-list"), &[]).await?.json()?;
                if api.format() != Format::Table {
                    return output::one(api.format(), &list, COLUMNS);
                }
                output::body(list["text"].as_str().unwrap_or_default().as_bytes());
                if list["networks"].as_array().is_none_or(Vec::is_empty) {
                    output::note("no network is active: people may come from everywhere");
                }
                Ok(())
            }
            Self::Set { file, whose, force } => {
                let bytes = read_input(&file)?;
                refuse_private_key(&file, &bytes)?;
                let text = String::from_utf8(bytes)
                    .map_err(|_| Failure::Usage(format!("{file} is not text in UTF-8")))?;
                let body = json!({"text": text, "force": force});
                change(api, Method::PUT, &whose.path("access-list"), Some(&body), COLUMNS).await
            }
        }
    }
}
