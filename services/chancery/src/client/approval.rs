//! `chancery approval …`: what waits until enough administrators agree.

use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::{
    api::Api,
    failure::Failure,
    listing::{self, List, change},
    output::Column,
};

const PATH: &str = "/api/v1/approvals";

/// How an approval is shown.
pub(super) const COLUMNS: &[Column] = &[
    Column("WHAT", "/summary", false),
    Column("STATUS", "/status", false),
    Column("NEEDED", "/remaining", false),
    Column("EXPIRES", "/expiresAt", false),
    Column("ID", "/id", false),
    Column("KIND", "/kind", true),
    Column("REQUESTED BY", "/requestedBy", true),
    Column("REASON", "/reason", true),
];

/// `chancery approval …`
#[derive(Subcommand, Debug)]
pub enum Approval {
    /// List approvals
    List {
        /// Only what waits for my decision
        #[arg(long)]
        mine: bool,
        #[command(flatten)]
        list: List,
    },
    /// Show what is asked for
    #[command(visible_alias = "get")]
    Show {
        /// Its id
        id: String,
    },
    /// Approve
    Approve {
        /// Its id
        id: String,
        /// What to say to it
        #[arg(long)]
        message: Option<String>,
    },
    /// Decline
    Decline {
        /// Its id
        id: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Ask for it no more
    Withdraw {
        /// Its id
        id: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// What happened to an approval
    Timeline {
        /// Its id
        id: String,
    },
}

impl Approval {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        match self {
            Self::List { mine: true, list } => list.run(api, "/api/v1/me/approvals", COLUMNS).await,
            Self::List { mine: false, list } => list.run(api, PATH, COLUMNS).await,
            Self::Show { id } => listing::show(api, &format!("{PATH}/{id}"), COLUMNS).await,
            Self::Approve { id, message } => {
                decide(api, &format!("{PATH}/{id}/approve"), "message", message).await
            }
            Self::Decline { id, reason } => {
                decide(api, &format!("{PATH}/{id}/decline"), "reason", Some(reason)).await
            }
            Self::Withdraw { id, reason } => {
                decide(api, &format!("{PATH}/{id}/withdraw"), "reason", reason).await
            }
            Self::Timeline { id } => listing::timeline(api, &format!("{PATH}/{id}/timeline")).await,
        }
    }
}

/// Sends a decision with the words that belong to it.
pub(super) async fn decide(api: &Api, path: &str, field: &str, words: Option<String>) -> Result<(), Failure> {
    let mut body: Value = json!({});
    if let Some(words) = words {
        body[field] = words.into();
    }
    change(api, Method::POST, path, Some(&body), COLUMNS).await
}
