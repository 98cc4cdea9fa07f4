//! `chancery approval-policy …`: which acts need how many approvals, and by whom.

use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::{
    Format,
    access_list::Whose,
    api::Api,
    failure::Failure,
    listing::{change, read_input},
    output::{self, Column},
};

const COLUMNS: &[Column] = &[
    Column("RULES", "/rules", false),
    Column("WAITING FOR", "/waitingFor", false),
    Column("VERSION", "/version", false),
];

/// `chancery approval-policy …`
#[derive(Subcommand, Debug)]
pub enum ApprovalPolicy {
    /// Print the policy as JSON, to be changed and given to `set`
    Get {
        #[command(flatten)]
        whose: Whose,
    },
    /// Replace the policy by a file, at once or once that is approved itself
    Set {
        /// The file as `get` prints it, `-` for standard input
        file: String,
        #[command(flatten)]
        whose: Whose,
    },
}

impl ApprovalPolicy {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        match self {
            Self::Get { whose } => {
                let policy = api.get(&whose.path("approval-policy"), &[]).await?.json()?;
                let Format::Table = api.format() else { return output::one(api.format(), &policy, COLUMNS) };
                output::one(Format::Json, &json!({"rules": policy["rules"]}), COLUMNS)?;
                if let Some(approval) = policy["waitingFor"].as_str() {
                    output::note(&format!("a change waits: chancery approval show {approval}"));
                }
                Ok(())
            }
            Self::Set { file, whose } => {
                let policy: Value = serde_json::from_slice(&read_input(&file)?)
                    .map_err(|error| Failure::Usage(format!("{file} is not JSON: {error}")))?;
                change(api, Method::PUT, &whose.path("approval-policy"), Some(&policy), COLUMNS).await
            }
        }
    }
}
