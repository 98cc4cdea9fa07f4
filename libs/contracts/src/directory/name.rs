//! Names that are unique.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::events;

/// A name is taken. The stream's id is UUIDv5(organization, `<kind>:<name>`); a name once taken stays its owner's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NameReserved {
    /// Kind of thing: `organization`, `department`, `domain`, `ca`, `profile`, `policy`.
    pub kind: String,
    /// The name.
    pub name: String,
    /// The UUID of its owner.
    pub owner: uuid::Uuid,
}

events! {
    /// Names of organizations, departments and domains.
    DirectoryNameEvent in "directory_name" {
        Reserved(NameReserved) = "directory_name.reserved" v 1,
    }
}
crate::only_event!(DirectoryNameEvent::Reserved => NameReserved);
