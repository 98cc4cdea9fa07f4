//! Issuances: a certificate intended, then signed; written before the key is touched.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    ApprovalId, CaId, CertificateId, CertificateRequestId, Code, KeyId, Problem, ProfileId, Timestamp,
    directory::Belonging,
    events,
    x509::{SignatureAlgorithm, SubjectAltName, SubjectChange},
};

/// A certificate is going to be exactly this; nothing is signed before this stands in the log (C-2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssuanceIntended {
    /// Issuing CA; missing for a self-signed certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_id: Option<CaId>,
    /// The key that signs: the CA's, or the certificate's own managed key.
    pub signing_key_id: KeyId,
    /// The algorithm it signs with.
    pub signature_algorithm: SignatureAlgorithm,
    /// Serial number, hexadecimal without leading zeros.
    pub serial: String,
    /// TBSCertificate, DER in base64.
    pub tbs: String,
    /// SHA-256 of the SubjectPublicKeyInfo, hexadecimal.
    pub spki_sha256: String,
    /// The request.
    pub request_id: CertificateRequestId,
    /// The certificate's id.
    pub certificate_id: CertificateId,
    /// Profile it follows.
    pub profile_id: ProfileId,
    /// The approval that the request waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_id: Option<ApprovalId>,
    /// SHA-256 of profile and policy as they were after the approval, hexadecimal (C-2); else the request has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules_sha256: Option<String>,
    /// Where the subject differs from what was asked for, as the profile had it after the approval.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subject_changes: Vec<SubjectChange>,
    /// Managed key, if the keystore made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<KeyId>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Belonging::is_unknown")]
    pub belongs: Belonging,
    /// Labels for the certificate.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// A note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A certificate was issued.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssuanceCompleted {
    /// The certificate, DER in base64.
    pub certificate: String,
    /// SHA-256 of it, hexadecimal.
    pub fingerprint_sha256: String,
    /// The certificate's id.
    pub certificate_id: CertificateId,
    /// The request.
    pub request_id: CertificateRequestId,
    /// Issuing CA; missing for a self-signed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_id: Option<CaId>,
    /// Profile it follows.
    pub profile_id: ProfileId,
    /// Managed key, if the keystore made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<KeyId>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Belonging::is_unknown")]
    pub belongs: Belonging,
    /// Common name, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub common_name: Option<String>,
    /// Names in it.
    pub sans: Vec<SubjectAltName>,
    /// From when.
    pub not_before: Timestamp,
    /// Until when, inclusive.
    pub not_after: Timestamp,
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// A note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The certificate that came of the signature failed its last checks (C-4); there will be none. Recorded where no CA can be
/// suspended instead: of a self-signed one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssuanceWithheld {
    /// The certificate's id.
    pub certificate_id: CertificateId,
    /// The request.
    pub request_id: CertificateRequestId,
    /// Which check, and what it found.
    pub reason: String,
}

impl IssuanceWithheld {
    /// What became of the request, for whoever made it.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let Self { certificate_id, reason, .. } = self;
        Problem::new(
            Code::Internal,
            format!("the certificate {certificate_id} failed its last checks and was withheld: {reason}"),
        )
    }
}

/// The stream of an issuance: UUIDv5(issuer, serial), so that a serial number is used once per issuer. `issuer` is the
/// CA, or the key of a self-signed certificate; `serial` is hexadecimal as in [`IssuanceIntended::serial`].
#[must_use]
pub fn issuance_stream(issuer: Uuid, serial: &str) -> Uuid {
    Uuid::new_v5(&issuer, serial.as_bytes())
}

/// The id of the command that records the intent of a submitted request. It is the same whichever serial number is
/// tried, so that a request has one intent.
#[must_use]
pub fn intent_command(submission: Uuid) -> Uuid {
    Uuid::new_v5(&submission, b"intent")
}

events! {
    /// What happened to an issuance (stream = UUIDv5(CA, serial), so a serial is used once).
    IssuanceEvent in "issuance" {
        Intended(IssuanceIntended) = "issuance.intended" v 1,
        Completed(IssuanceCompleted) = "issuance.completed" v 1,
        Withheld(IssuanceWithheld) = "issuance.withheld" v 1,
    }
}
