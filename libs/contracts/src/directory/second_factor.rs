//! A second factor: one-time passwords by time (TOTP, RFC 6238). Its seed is a credential in the keystore; recovery codes
//! stand beside the log, hashed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::AdministratorView;
use crate::{AdministratorId, CredentialId, Permission, SecretText, command};

/// An administrator was shown a seed; it counts once they have proved that they hold it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdministratorSecondFactorEnrolled {
    /// Where the seed is.
    pub credential: CredentialId,
}

/// Signing in with a password needs a code of this seed from here on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdministratorSecondFactorConfirmed {
    /// Where the seed is.
    pub credential: CredentialId,
}

/// Signing in needs no code any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdministratorSecondFactorRemoved {
    /// Why, where somebody else did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A recovery code stood in for the second factor; it is used up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdministratorRecoveryCodeUsed {
    /// How many are left.
    pub left: u32,
}

/// Draws a seed for the sender; what they had counts until the new one is confirmed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnrolSecondFactor {}
command!(EnrolSecondFactor => EnrolledSecondFactor, Directory, "enrol_second_factor", None, STEP_UP = true);

/// A seed, shown once.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnrolledSecondFactor {
    /// The seed in base32, to type into an authenticator.
    pub secret: SecretText,
    /// The same as a link, which authenticators read from a QR code.
    pub url: SecretText,
}

/// Proves that the sender's authenticator holds the seed.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfirmSecondFactor {
    /// The code it shows.
    pub code: SecretText,
}
command!(ConfirmSecondFactor => RecoveryCodes, Directory, "confirm_second_factor", None, STEP_UP = true, SECRET_FIELDS = &["code"]);

/// Codes that each stand in for the second factor once; shown once.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryCodes {
    /// The codes.
    pub recovery_codes: Vec<SecretText>,
}

/// Takes the sender's second factor away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemoveSecondFactor {}
command!(RemoveSecondFactor => (), Directory, "remove_second_factor", None, STEP_UP = true);

/// Takes the second factor away from somebody who lost it. Whoever does so could become that person with a one-time link,
/// so all that they may do must be within what the caller holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResetSecondFactor {
    /// Whose.
    pub administrator: AdministratorId,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
command!(ResetSecondFactor => AdministratorView, Directory, "reset_second_factor", Some(Permission::AdministratorWrite), STEP_UP = true);
