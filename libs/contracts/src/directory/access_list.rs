//! Access lists: from which addresses people may come, to the installation and to an organization.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Network, OrganizationId, Permission, command, events, id::Reference};

/// From now on people may come from these networks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessListReplaced {
    /// Whose list; the installation's, if it names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<OrganizationId>,
    /// The list as it was written, comments included.
    pub text: String,
    /// What of it is active, in normal form. None: people may come from everywhere.
    pub networks: Vec<Network>,
    /// Whether it was saved although it does not let in the address that it was saved from.
    pub forced: bool,
}

events! {
    /// What happened to an access list.
    AccessListEvent in "access_list" {
        Replaced(AccessListReplaced) = "access_list.replaced" v 1,
    }
}

/// Replaces an access list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplaceAccessList {
    /// Whose list; the installation's, if it names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<Reference<OrganizationId>>,
    /// The list: an address or a network a line, `#` begins a comment.
    pub text: String,
    /// Save it although it does not let in the address that it is saved from.
    #[serde(default)]
    pub force: bool,
    /// The address that it is saved from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
}
command!(ReplaceAccessList => AccessListView, Directory, "replace_access_list", Some(Permission::AccessListWrite));

/// An access list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessListView {
    /// Whose list; `null`: the installation's.
    pub organization_id: Option<OrganizationId>,
    /// The list as it was written.
    pub text: String,
    /// What of it is active, in normal form. None: people may come from everywhere.
    pub networks: Vec<Network>,
    /// Version of the list; 0 until somebody writes one.
    pub version: i32,
}
