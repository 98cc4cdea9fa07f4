//! The master key: what everything in the keystore is wrapped under in the end. There is one in the installation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::SealedSecret;
use crate::{AdministratorId, Permission, SecretText, Timestamp, command, events};

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
    /// Shares that custodians hold.
    Shares,
}

impl MasterKeyProvider {
    /// Its text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Passphrase => "passphrase",
            Self::Environment => "environment",
            Self::Shares => "shares",
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

/// The first master key of a keystore that is opened by people was chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MasterKeyChosen {
    /// Which.
    pub id: Uuid,
    /// Where it comes from.
    pub provider: MasterKeyProvider,
}

/// Somebody opened the keystore.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeystoreUnsealed {
    /// With which master key.
    pub id: Uuid,
}

/// Somebody tried to open the keystore with what does not open it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnsealRefused {
    /// Who.
    pub by: AdministratorId,
    /// When; so many of them in a row, and they have to wait.
    pub at: Timestamp,
}

/// A master key was split into shares, of which so many give it back. They were shown once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SharesMade {
    /// Of which master key.
    pub id: Uuid,
    /// So many give it back.
    pub needed: u8,
    /// SHA-256 of each share with its place, hexadecimal, in the order of their places from 1 on.
    pub commitments: Vec<String>,
    /// Why, in the words of who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A custodian entered a share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShareEntered {
    /// Of which master key.
    pub id: Uuid,
    /// Its place, from 1 on.
    pub share: u8,
}

events! {
    /// What happened to the master key.
    MasterKeyEvent in "master_key" {
        RotationBegun(MasterKeyRotationBegun) = "master_key.rotation_begun" v 1,
        Rotated(MasterKeyRotated) = "master_key.rotated" v 1,
        RotationAbandoned(MasterKeyRotationAbandoned) = "master_key.rotation_abandoned" v 1,
        Chosen(MasterKeyChosen) = "master_key.chosen" v 1,
        Unsealed(KeystoreUnsealed) = "master_key.unsealed" v 1,
        UnsealRefused(UnsealRefused) = "master_key.unseal_refused" v 1,
        SharesMade(SharesMade) = "master_key.shares_made" v 1,
        ShareEntered(ShareEntered) = "master_key.share_entered" v 1,
    }
}

// ---------------------------------------------------------------- commands

/// Makes a new master key in the place of the one in use and wraps everything anew, while the keystore goes on working.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RotateMasterKey {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The new passphrase, where people open the keystore with one; at least 16 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<SecretText>,
}
command!(
    RotateMasterKey => MasterKeyView, Keystore, "rotate_master_key", Some(Permission::MasterKeyWrite), STEP_UP = true,
    SECRET_FIELDS = &["passphrase"]
);

/// Opens a keystore that waits for people to do so, or takes one of the shares that do. The first passphrase that a keystore ever
/// gets becomes its passphrase.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UnsealKeystore {
    /// The passphrase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<SecretText>,
    /// A share; each custodian enters one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<SecretText>,
}
command!(
    UnsealKeystore => KeystoreStanding, Keystore, "unseal_keystore", Some(Permission::MasterKeyWrite), STEP_UP = true,
    SECRET_FIELDS = &["passphrase", "share"]
);

/// Makes a new master key and splits it into shares: the first one, or one that takes the place of the one in use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MakeMasterKeyShares {
    /// The one-time public key that the shares are sealed to, base64.
    pub seal_to: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
command!(
    MakeMasterKeyShares => MadeShares, Keystore, "make_master_key_shares", Some(Permission::MasterKeyWrite),
    STEP_UP = true
);

// ---------------------------------------------------------------- answers

/// The shares of a new master key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MadeShares {
    /// Of which master key.
    pub id: Uuid,
    /// So many give it back.
    pub needed: u8,
    /// The shares, a line each, sealed under the nil organization and the stream of the master key.
    pub shares: SealedSecret,
}

/// Whether the keystore is open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeystoreStanding {
    /// Whether it waits for people to open it.
    pub sealed: bool,
}

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
