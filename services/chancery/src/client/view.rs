//! `chancery view …`: lists as people saved them.

use std::collections::BTreeMap;

use clap::Subcommand;
use http::Method;
use serde_json::json;

use super::{
    api::Api,
    failure::Failure,
    listing::{self, List, change, confirm},
    output::Column,
};

const COLUMNS: &[Column] = &[
    Column("NAME", "/name", false),
    Column("OF", "/of", false),
    Column("SHARED", "/shared", false),
    Column("FILTER", "/filter", false),
    Column("SORT", "/sort", false),
    Column("COLUMNS", "/columns", true),
    Column("OWNER", "/ownerId", true),
    Column("ID", "/id", false),
];

const PATH: &str = "/api/v1/views";

/// `chancery view …`
#[derive(Subcommand, Debug)]
pub enum View {
    /// List saved views: your own, and those that are shared
    List(List),
    /// Show a saved view
    Show {
        /// Id
        view: String,
    },
    /// Save a list's filter and order under a name; `cert list --view` shows it
    Create {
        /// Its name
        name: String,
        /// Of certificate requests rather than certificates
        #[arg(long)]
        requests: bool,
        /// Filter as in the API, such as status=active; may be repeated
        #[arg(long = "filter", value_name = "FIELD=VALUE")]
        filters: Vec<String>,
        /// Fields to sort by, such as -notAfter,commonName
        #[arg(long, allow_hyphen_values = true)]
        sort: Option<String>,
        /// Field to show; may be repeated
        #[arg(long = "column")]
        columns: Vec<String>,
        /// Whether everybody of the organization sees it
        #[arg(long)]
        shared: bool,
    },
    /// Share a saved view of your own, or keep it to yourself
    Share {
        /// Id
        view: String,
        /// Whether everybody of the organization sees it
        #[arg(default_value_t = true, action = clap::ArgAction::Set)]
        shared: bool,
    },
    /// Remove a saved view of your own
    Remove {
        /// Id
        view: String,
    },
}

impl View {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run(api, PATH, COLUMNS).await,
            Self::Show { view } => listing::show(api, &format!("{PATH}/{view}"), COLUMNS).await,
            Self::Create { name, requests, filters, sort, columns, shared } => {
                let mut filter = BTreeMap::new();
                for pair in &filters {
                    let (name, value) = pair.split_once('=').ok_or_else(|| {
                        Failure::Usage(format!("'{pair}' is not a filter: expected FIELD=VALUE"))
                    })?;
                    filter.insert(name, value);
                }
                let of = if requests { "certificate_requests" } else { "certificates" };
                let body = json!({"name": name, "of": of, "filter": filter, "sort": sort, "columns": columns,
                    "shared": shared});
                change(api, Method::POST, PATH, Some(&body), COLUMNS).await
            }
            Self::Share { view, shared } => {
                let body = json!({"shared": shared});
                change(api, Method::PATCH, &format!("{PATH}/{view}"), Some(&body), COLUMNS).await
            }
            Self::Remove { view } => {
                confirm(api, &format!("Remove view {view}?"))?;
                change(api, Method::DELETE, &format!("{PATH}/{view}"), None, COLUMNS).await
            }
        }
    }
}
