//! Certification authorities.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::KeyChoice;
use crate::{
    ApprovalId, CaId, KeyId, Lifetime, OrganizationId, Permission, Timestamp, command, events,
    id::Reference,
    x509::{KeyAlgorithm, SignatureAlgorithm, Subject},
};

/// What a CA is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CaKind {
    /// Self-signed, issues CAs only.
    Root,
    /// Signed by another of our CAs, issues certificates.
    Issuing,
    /// Self-signed and issuing at once, nothing below it: made in one step.
    Micro,
}

/// The certificate of a CA is going to be exactly this (the intent, before any signature).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaIntended {
    /// Which.
    pub id: CaId,
    /// Its unique name.
    pub name: String,
    /// What it is.
    pub kind: CaKind,
    /// Who signs it; missing for a self-signed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<CaId>,
    /// Its key.
    pub key_id: KeyId,
    /// The key that signs its certificate: its own, or the parent's.
    pub signing_key_id: KeyId,
    /// Kind of its key.
    pub key_algorithm: KeyAlgorithm,
    /// The algorithm its certificate is signed with.
    pub signature_algorithm: SignatureAlgorithm,
    /// TBSCertificate, DER in base64.
    pub tbs: String,
    /// Longest certificate lifetime it gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ttl: Option<Lifetime>,
    /// The approval that it waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_id: Option<ApprovalId>,
}

/// The id of the Micro CA that an organization starts with.
#[must_use]
pub fn micro_ca_id(organization: OrganizationId) -> CaId {
    CaId(uuid::Uuid::new_v5(&organization.uuid(), b"micro_ca"))
}

/// A CA's certificate exists; it may issue from here on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaCreated {
    /// Its certificate, DER in base64.
    pub certificate: String,
    /// SHA-256 of it, hexadecimal.
    pub fingerprint_sha256: String,
    /// Common name.
    pub common_name: String,
    /// From when.
    pub not_before: Timestamp,
    /// Until when, inclusive.
    pub not_after: Timestamp,
}

/// A CA does not sign until it is resumed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaSuspended {
    /// Why.
    pub reason: String,
}

/// A suspended CA signs again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaResumed {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

events! {
    /// What happened to a CA.
    CaEvent in "ca" {
        Intended(CaIntended) = "ca.intended" v 1,
        Created(CaCreated) = "ca.created" v 1,
        Suspended(CaSuspended) = "ca.suspended" v 1,
        Resumed(CaResumed) = "ca.resumed" v 1,
    }
}

/// Creates a CA with a key of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateCa {
    /// Unique name.
    pub name: String,
    /// What it is.
    pub kind: CaKind,
    /// Who signs it: needed for `issuing`, not allowed otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Reference<CaId>>,
    /// Its key; missing: `ecdsa_p256`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyChoice>,
    /// Its subject; missing: made from the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// Its lifetime; missing: 10 years (issuing: 5), never past the parent's end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Lifetime>,
    /// Longest certificate lifetime it gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ttl: Option<Lifetime>,
}
command!(CreateCa => CaView, Signer, "create_ca", Some(Permission::CaCreate), STEP_UP = true);

/// Suspends a CA: from its event on nothing is signed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SuspendCa {
    /// Which.
    pub ca: Reference<CaId>,
    /// Why.
    pub reason: String,
}
command!(SuspendCa => CaView, Signer, "suspend_ca", Some(Permission::CaWrite), STEP_UP = true);

/// Resumes a suspended CA.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResumeCa {
    /// Which.
    pub ca: Reference<CaId>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
command!(ResumeCa => CaView, Signer, "resume_ca", Some(Permission::CaWrite), STEP_UP = true);

/// Whether a CA signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CaStatus {
    /// Its certificate is being made.
    Pending,
    /// It signs.
    Active,
    /// It does not sign for now.
    Suspended,
}

/// A certification authority.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaView {
    /// Id.
    pub id: CaId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Unique name.
    pub name: String,
    /// What it is.
    pub kind: CaKind,
    /// Whether it signs.
    pub status: CaStatus,
    /// Who signed it.
    pub parent_id: Option<CaId>,
    /// Its key.
    pub key_id: KeyId,
    /// Kind of its key.
    pub key_algorithm: KeyAlgorithm,
    /// Common name of its certificate.
    pub common_name: Option<String>,
    /// Its certificate as PEM.
    pub certificate: Option<String>,
    /// SHA-256 of its certificate, hexadecimal.
    pub fingerprint_sha256: Option<String>,
    /// From when.
    pub not_before: Option<Timestamp>,
    /// Until when, inclusive.
    pub not_after: Option<Timestamp>,
    /// Longest certificate lifetime it gives.
    pub max_ttl: Option<Lifetime>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Version of the aggregate.
    pub version: i32,
}
