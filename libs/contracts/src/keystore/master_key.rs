//! The master key: what everything in the keystore is wrapped under in the end. There is one in the installation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Permission, Timestamp, command, events};

/// The stream of the master key.
#[must_use]
pub fn master_key_stream() -> Uuid {
    Uuid::new_v5(&Uuid::nil(), b"master_key")
}

/// Where a master key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MasterKeyProvider {
    /// A file that only the keystore's user reads.
    File,
    /// Derived from a passphrase.
    Passphrase,
    /// The environment of the process.
    Environment,
}

impl MasterKeyProvider {
    /// Its text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Passphrase => "passphrase",
            Self::Environment => "environment",
        }
    }
}

// ---------------------------------------------------------------- events

/// A new master key is about to take the place of the one before. Ids are names that tell nothing about the keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MasterKeyRotationBegun {
    /// The new one.
    pub id: Uuid,
    /// The one before.
    pub previous_id: Uuid,
    /// Where it comes from.
    pub provider: MasterKeyProvider,
    /// Why, in the words of who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Everything is wrapped anew: nothing needs the master key before any more, and it is destroyed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MasterKeyRotated {
    /// The one that everything is wrapped under.
    pub id: Uuid,
    /// The one that opens nothing any more.
    pub previous_id: Uuid,
    /// So many organization keys were wrapped under it.
    pub organization_keys: u32,
    /// So many data keys were wrapped under new organization keys.
    pub data_keys: u32,
}

/// A rotation ended before it took hold: the new key is not where it was put. The one before is in use as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MasterKeyRotationAbandoned {
    /// The one that was to be.
    pub id: Uuid,
}

events! {
    /// What happened to the master key.
    MasterKeyEvent in "master_key" {
        RotationBegun(MasterKeyRotationBegun) = "master_key.rotation_begun" v 1,
        Rotated(MasterKeyRotated) = "master_key.rotated" v 1,
        RotationAbandoned(MasterKeyRotationAbandoned) = "master_key.rotation_abandoned" v 1,
    }
}

// ---------------------------------------------------------------- commands

/// Makes a new master key in the place of the one in use and wraps everything anew, while the keystore goes on working.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RotateMasterKey {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
command!(
    RotateMasterKey => MasterKeyView, Keystore, "rotate_master_key", Some(Permission::MasterKeyWrite), STEP_UP = true
);

// ---------------------------------------------------------------- answers

/// The master key as it stands in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MasterKeyView {
    /// The key of this rotation, by its name.
    pub id: Uuid,
    /// The one before.
    pub previous_id: Option<Uuid>,
    /// Whether everything is wrapped under it.
    pub rotated: bool,
    /// When the rotation began.
    pub began_at: Option<Timestamp>,
}
