//! The operations, a file per resource.

pub mod access_lists;
pub mod admin_certificates;
pub mod admins;
pub mod approval_policies;
pub mod approvals;
pub mod audit;
pub mod cas;
pub mod certificate_requests;
pub mod certificates;
pub mod chain;
pub mod compatible;
pub mod compromised_keys;
pub mod csrs;
pub mod dashboard;
pub mod documents;
pub mod domains;
pub mod events;
pub mod explain;
mod foreign_key;
pub mod identity_providers;
pub mod imports;
mod key_files;
mod key_uses;
pub mod keys;
pub mod keystore;
pub mod mail;
pub mod me;
pub mod meta;
pub mod notifications;
pub mod operations;
pub mod organizations;
pub mod people;
pub mod people_import;
pub mod policies;
pub mod profile;
pub mod profiles;
pub mod reports;
pub mod roles;
pub mod sessions;
pub mod setup;
pub mod tokens;
pub mod trust_sets;
pub mod validations;
pub mod views;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

/// One page of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "{T}List")]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// The cursor of the next page; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// An example of a page.
fn page(item: Value) -> Value {
    json!({"items": [item], "nextCursor": null})
}

/// Why something is done.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reason {
    /// Why, for whoever reads the timeline.
    #[serde(default)]
    pub reason: Option<String>,
}
