//! Saved views (A23): a list's filter, order and columns under a name, private or shared.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AdministratorId, OrganizationId, Permission, SavedViewId, Timestamp, command, events};

/// What a view shows a list of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ViewOf {
    /// Certificates.
    #[default]
    Certificates,
    /// Certificate requests.
    CertificateRequests,
}

/// What a view shows, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ViewContents {
    /// Its name.
    pub name: String,
    /// The parameters of the list, such as `{"status": "expired", "labels.env": "prod", "q": "shop"}`.
    #[serde(default)]
    pub filter: BTreeMap<String, String>,
    /// Fields to sort by, `-` for descending; missing: as the list does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<String>,
    /// The fields that are shown, in their order; none: as the list does.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Whether everybody of the organization sees it.
    #[serde(default)]
    pub shared: bool,
}

/// Somebody saved a view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SavedViewCreated {
    /// Which.
    pub id: SavedViewId,
    /// The organization in which it is seen.
    pub organization_id: OrganizationId,
    /// Whose it is.
    pub owner_id: AdministratorId,
    /// What it shows a list of.
    pub of: ViewOf,
    /// What it shows.
    #[serde(flatten)]
    pub contents: ViewContents,
}

/// A view shows this from now on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SavedViewUpdated {
    /// What it shows.
    #[serde(flatten)]
    pub contents: ViewContents,
}

/// A view is gone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SavedViewRemoved {}

events! {
    /// What happened to a saved view (stream = its id).
    SavedViewEvent in "saved_view" {
        Created(SavedViewCreated) = "saved_view.created" v 1,
        Updated(SavedViewUpdated) = "saved_view.updated" v 1,
        Removed(SavedViewRemoved) = "saved_view.removed" v 1,
    }
}

/// Saves a view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateSavedView {
    /// What it shows a list of.
    #[serde(default)]
    pub of: ViewOf,
    /// What it shows.
    #[serde(flatten)]
    pub contents: ViewContents,
}
command!(CreateSavedView => SavedViewView, Inventory, "create_saved_view", Some(Permission::CertificateRead));

/// Changes a view of one's own; a missing field stays as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateSavedView {
    /// Which.
    pub view: SavedViewId,
    /// What changes.
    #[serde(flatten)]
    pub changes: ViewChanges,
}
command!(UpdateSavedView => SavedViewView, Inventory, "update_saved_view", Some(Permission::CertificateRead));

/// What changes of a view; a missing field stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ViewChanges {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The parameters of the list, replacing those there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<BTreeMap<String, String>>,
    /// Fields to sort by; empty: as the list does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<String>,
    /// The fields that are shown, replacing those there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// Whether everybody of the organization sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<bool>,
}

/// Removes a view of one's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemoveSavedView {
    /// Which.
    pub view: SavedViewId,
}
command!(RemoveSavedView => SavedViewView, Inventory, "remove_saved_view", Some(Permission::CertificateRead));

/// A saved view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SavedViewView {
    /// Id.
    pub id: SavedViewId,
    /// The organization in which it is seen.
    pub organization_id: OrganizationId,
    /// Whose it is.
    pub owner_id: AdministratorId,
    /// What it shows a list of.
    pub of: ViewOf,
    /// Its name.
    pub name: String,
    /// The parameters of the list.
    pub filter: BTreeMap<String, String>,
    /// Fields to sort by; `null`: as the list does.
    pub sort: Option<String>,
    /// The fields that are shown, in their order; none: as the list does.
    pub columns: Vec<String>,
    /// Whether everybody of the organization sees it.
    pub shared: bool,
    /// When it was saved.
    pub created_at: Timestamp,
    /// Version of the aggregate.
    pub version: i32,
}
