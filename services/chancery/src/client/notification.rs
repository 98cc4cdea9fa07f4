//! `chancery notification …`: what was sent to whom.

use clap::Subcommand;
use http::Method;
use serde_json::json;

use super::{
    Format,
    api::Api,
    failure::Failure,
    listing::{self, List, change},
    output::{self, Column},
};

const COLUMNS: &[Column] = &[
    Column("KIND", "/kind", false),
    Column("STATUS", "/status", false),
    Column("TO", "/address", false),
    Column("SUBJECT", "/subject", false),
    Column("CREATED", "/createdAt", false),
    Column("ID", "/id", false),
    Column("SENT", "/sentAt", true),
    Column("NEXT", "/nextAt", true),
];

/// `chancery notification …`
#[derive(Subcommand, Debug)]
pub enum Notification {
    /// List notifications, the newest first
    List(List),
    /// Show a notification with its text
    Show {
        /// Its id
        id: String,
    },
    /// Send a notification again
    Resend {
        /// Its id
        id: String,
    },
}

impl Notification {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        let path = "/api/v1/notifications";
        match self {
            Self::List(list) => list.run(api, path, COLUMNS).await,
            Self::Show { id } if api.format() == Format::Table => {
                let shown = api.get(&format!("{path}/{id}"), &[]).await?.json()?;
                output::one(api.format(), &shown, COLUMNS)?;
                output::body(shown["text"].as_str().unwrap_or_default().as_bytes());
                Ok(())
            }
            Self::Show { id } => listing::show(api, &format!("{path}/{id}"), COLUMNS).await,
            Self::Resend { id } => {
                let resend = format!("{path}/{id}/resend");
                change(api, Method::POST, &resend, Some(&json!({})), COLUMNS).await
            }
        }
    }
}
