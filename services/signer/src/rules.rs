//! The rules of one request: a profile with its policy, as they are at one moment, known by their hash (C-2).

use contracts::{
    ProfileId,
    signer::{PolicyView, ProfileView},
    x509::{PolicyRules, ProfileIssuer, ProfileRules},
};
use sha2::{Digest, Sha256};

/// A profile and its policy. Captured when a request is submitted and not read again.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// The profile.
    pub profile_id: ProfileId,
    /// Its name.
    pub profile_name: String,
    /// Its rules.
    pub profile: ProfileRules,
    /// Name of the policy.
    pub policy_name: String,
    /// Its rules.
    pub policy: PolicyRules,
    /// Its version.
    pub policy_version: i32,
    /// SHA-256 over the rules of both, hexadecimal.
    pub sha256: String,
}

impl Rules {
    /// Captures a profile and its policy.
    #[must_use]
    pub fn capture(profile: &ProfileView, policy: &PolicyView) -> Self {
        Self {
            profile_id: profile.id,
            profile_name: profile.name.clone(),
            profile: profile.rules.clone(),
            policy_name: policy.name.clone(),
            policy: policy.rules.clone(),
            policy_version: policy.version,
            sha256: fingerprint(&profile.rules, &policy.rules),
        }
    }

    /// Whether certificates are signed by their own key.
    #[must_use]
    pub fn is_self_signed(&self) -> bool {
        self.profile.issuer == ProfileIssuer::SelfSigned
    }

    /// Whether a CA outside signs certificates.
    #[must_use]
    pub fn is_manual(&self) -> bool {
        self.profile.issuer == ProfileIssuer::Manual
    }
}

/// SHA-256 over both as JSON, whose members have a fixed order.
fn fingerprint(profile: &ProfileRules, policy: &PolicyRules) -> String {
    // Neither holds a map or a float, so writing them cannot fail; two that failed would only share a hash.
    let json = serde_json::to_vec(&(profile, policy)).unwrap_or_default();
    hex::encode(Sha256::digest(json))
}
