//! The public events: what subscribers outside see, as CloudEvents on `CHANCERY_EVENTS` and over SSE.
//!
//! Contract: a type never changes its meaning, fields are only added; a breaking change is a new `v`. The gateway
//! translates log events into these; a log event gives at most one.

use schemars::{JsonSchema, Schema, schema_for};
use serde::{Deserialize, Serialize};

use crate::{
    AdministratorId, CaId, CertificateId, CertificateRequestId, DepartmentId, DomainId, KeyId,
    OrganizationId, PolicyId, ProfileId, Timestamp, TokenId, ValidationId,
    keystore::{KeyFormat, KeyPurpose},
    signer::RequestSource,
    x509::KeyAlgorithm,
};

/// A CloudEvents 1.0 envelope in structured JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub struct CloudEvent {
    /// `1.0`.
    pub specversion: String,
    /// `evt_…`: drop repeats by it.
    pub id: String,
    /// `chancery.<aggregate>.<past_tense>.v<N>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `/chancery/<service>`: who wrote it; may change.
    pub source: String,
    /// The id of what it is about.
    pub subject: String,
    /// When it was recorded.
    pub time: Timestamp,
    /// `application/json`.
    pub datacontenttype: String,
    /// `urn:chancery:schema:<aggregate>.<past_tense>.v<N>`.
    pub dataschema: String,
    /// Log position, a string: the cursor to resume after.
    pub position: String,
    /// Version of the aggregate, a string.
    pub streamversion: String,
    /// The organization.
    pub organization: OrganizationId,
    /// Who acted.
    pub actor: String,
    /// The operation it belongs to.
    pub correlationid: String,
    /// What caused it.
    pub causationid: String,
    /// W3C trace context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The type's own data.
    pub data: serde_json::Value,
}

/// One public event type as it is described in `schemas/events`.
#[derive(Clone, Debug)]
pub struct PublicEventDescription {
    /// `<aggregate>.<past_tense>`.
    pub name: &'static str,
    /// The `N` of `.v<N>`.
    pub version: u8,
    /// The service that writes it now.
    pub service: crate::Service,
    /// What it tells.
    pub title: &'static str,
    /// JSON Schema of `data`.
    pub schema: Schema,
}

macro_rules! public_events {
    ($($(#[$doc:meta])* $variant:ident($data:ident) = $name:literal v $version:literal by $service:ident, $title:literal;)*) => {
        /// A public event's data.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(untagged)]
        pub enum PublicEvent { $( #[doc = $title] $variant($data)),* }

        impl PublicEvent {
            /// Name and version of every type.
            pub const NAMES: &'static [(&'static str, u8)] = &[$(($name, $version)),*];
            /// `<aggregate>.<past_tense>`.
            #[must_use]
            pub const fn name(&self) -> &'static str { match self { $(Self::$variant(_) => $name),* } }
            /// The `N` of `.v<N>`.
            #[must_use]
            pub const fn version(&self) -> u8 { match self { $(Self::$variant(_) => $version),* } }
            /// The service that writes it now.
            #[must_use]
            pub const fn service(&self) -> crate::Service { match self { $(Self::$variant(_) => crate::Service::$service),* } }
            /// Every type.
            #[must_use]
            pub fn descriptions() -> Vec<PublicEventDescription> {
                vec![$(PublicEventDescription {
                    name: $name, version: $version, service: crate::Service::$service, title: $title, schema: schema_for!($data),
                }),*]
            }
        }
    };
}

/// `organization.created`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationCreated {
    /// Which.
    pub organization_id: OrganizationId,
    /// Its unique name.
    pub name: String,
}

/// `department.created`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DepartmentCreated {
    /// Which.
    pub department_id: DepartmentId,
    /// Its name.
    pub name: String,
}

/// `token.issued`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenIssued {
    /// Which.
    pub token_id: TokenId,
    /// What it is for.
    pub name: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// `token.revoked`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenRevoked {
    /// Which.
    pub token_id: TokenId,
}

/// `key.generated`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyGenerated {
    /// Which.
    pub key_id: KeyId,
    /// Kind and size.
    pub algorithm: KeyAlgorithm,
    /// What it is for.
    pub purpose: KeyPurpose,
    /// SHA-256 of the SubjectPublicKeyInfo, hexadecimal.
    pub spki_sha256: String,
}

/// `key.imported`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyImported {
    /// Which.
    pub key_id: KeyId,
    /// Kind and size.
    pub algorithm: KeyAlgorithm,
    /// SHA-256 of the SubjectPublicKeyInfo, hexadecimal.
    pub spki_sha256: String,
    /// Whether it may be exported.
    pub exportable: bool,
}

/// `key.exported`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyExported {
    /// Which.
    pub key_id: KeyId,
    /// As which kind of file.
    pub format: KeyFormat,
    /// Why, in the words of who took it.
    pub reason: String,
}

/// `key.compromised`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyCompromised {
    /// Which.
    pub key_id: KeyId,
    /// SHA-256 of the SubjectPublicKeyInfo, hexadecimal: it is refused from now on.
    pub spki_sha256: String,
    /// Why, in the words of who said so.
    pub reason: String,
}

/// `key.destroyed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyDestroyed {
    /// Which.
    pub key_id: KeyId,
}

/// `ca.created`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaCreated {
    /// Which.
    pub ca_id: CaId,
    /// Common name of its certificate.
    pub common_name: String,
    /// Until when, inclusive.
    pub not_after: Timestamp,
    /// SHA-256 of its certificate, hexadecimal.
    pub fingerprint_sha256: String,
}

/// `ca.suspended` and `ca.resumed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaStateChanged {
    /// Which.
    pub ca_id: CaId,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `policy.created` and `policy.updated`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyChanged {
    /// Which.
    pub policy_id: PolicyId,
}

/// `profile.created` and `profile.updated`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileChanged {
    /// Which.
    pub profile_id: ProfileId,
}

/// `certificate_request.submitted`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateRequestSubmitted {
    /// Which.
    pub request_id: CertificateRequestId,
    /// The profile.
    pub profile_id: ProfileId,
    /// Where the key is.
    pub source: RequestSource,
    /// Names asked for.
    pub sans: Vec<String>,
    /// Approvals still needed.
    pub approvals_needed: u32,
}

/// `certificate_request.approved`: by one administrator; with `remaining` 0 it goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateRequestApproved {
    /// Who.
    pub by: AdministratorId,
    /// How many approvals are still needed.
    pub remaining: u32,
    /// What they say to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// `certificate_request.rejected` and `certificate_request.cancelled`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateRequestEnded {
    /// Who declined or took it back; missing: nobody decided in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<AdministratorId>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `certificate_request.failed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateRequestFailed {
    /// At which step: `policy`.
    pub step: String,
    /// Why.
    pub problem: FailureReason,
    /// Whether nothing more will be tried.
    #[serde(rename = "final")]
    pub is_final: bool,
}

/// Why something failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailureReason {
    /// A problem code.
    pub code: String,
    /// For people.
    pub detail: String,
}

/// `certificate.issued`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateIssued {
    /// Common name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub common_name: Option<String>,
    /// Names in it.
    pub sans: Vec<String>,
    /// From when.
    pub not_before: Timestamp,
    /// Until when, inclusive.
    pub not_after: Timestamp,
    /// SHA-256 of its DER, hexadecimal.
    pub fingerprint_sha256: String,
    /// Issuing CA; missing for a self-signed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_id: Option<CaId>,
    /// The profile.
    pub profile_id: ProfileId,
    /// The request it answers.
    pub request_id: CertificateRequestId,
}

/// `certificate.annotated`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateAnnotated {
    /// Which.
    pub certificate_id: CertificateId,
}

/// `certificate.imported`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateImported {
    /// Which.
    pub certificate_id: CertificateId,
    /// Common name, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub common_name: Option<String>,
    /// The last second of its validity.
    pub not_after: Timestamp,
    /// SHA-256 of its DER, hexadecimal.
    pub fingerprint_sha256: String,
}

/// `domain.validated`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainValidated {
    /// The domain.
    pub domain_id: DomainId,
    /// Its name in A-labels.
    pub name: String,
    /// The proof: it counts for the event's organization.
    pub validation_id: ValidationId,
    /// How control was proved.
    pub method: ProofKind,
    /// How long that may be relied on.
    pub valid_until: Timestamp,
}

/// `domain.validation_expiring`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainValidationExpiring {
    /// The domain.
    pub domain_id: DomainId,
    /// Its name in A-labels.
    pub name: String,
    /// The proof.
    pub validation_id: ValidationId,
    /// Why it was not found again.
    pub reason: String,
    /// How long the last one may be relied on.
    pub valid_until: Timestamp,
}

/// How control of a domain is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProofKind {
    /// A record in DNS.
    Dns,
    /// A file on its web server.
    Http,
    /// A mail to its administrators.
    Email,
}

public_events! {
    OrganizationCreated(OrganizationCreated) = "organization.created" v 1 by Directory, "An organization was created.";
    DepartmentCreated(DepartmentCreated) = "department.created" v 1 by Directory, "A department was created.";
    DomainValidated(DomainValidated) = "domain.validated" v 1 by Directory, "An organization proved that it controls a domain.";
    DomainValidationExpiring(DomainValidationExpiring) = "domain.validation_expiring" v 1 by Directory, "A proof of control of a domain ends soon and cannot be repeated.";
    TokenIssued(TokenIssued) = "token.issued" v 1 by Directory, "An API token was issued.";
    TokenRevoked(TokenRevoked) = "token.revoked" v 1 by Directory, "An API token was revoked.";
    KeyGenerated(KeyGenerated) = "key.generated" v 1 by Keystore, "A key was generated.";
    KeyImported(KeyImported) = "key.imported" v 1 by Keystore, "A key that was made elsewhere was brought into the keystore.";
    KeyExported(KeyExported) = "key.exported" v 1 by Keystore, "A private key left the keystore, encrypted.";
    KeyCompromised(KeyCompromised) = "key.compromised" v 1 by Keystore, "A key is compromised and signs nothing any more.";
    KeyDestroyed(KeyDestroyed) = "key.destroyed" v 1 by Keystore, "A key was destroyed.";
    CaCreated(CaCreated) = "ca.created" v 1 by Signer, "A certification authority was created.";
    CaSuspended(CaStateChanged) = "ca.suspended" v 1 by Signer, "A certification authority was suspended.";
    CaResumed(CaStateChanged) = "ca.resumed" v 1 by Signer, "A certification authority was resumed.";
    PolicyCreated(PolicyChanged) = "policy.created" v 1 by Signer, "A certificate policy was created.";
    PolicyUpdated(PolicyChanged) = "policy.updated" v 1 by Signer, "A certificate policy was changed.";
    ProfileCreated(ProfileChanged) = "profile.created" v 1 by Signer, "A certificate profile was created.";
    ProfileUpdated(ProfileChanged) = "profile.updated" v 1 by Signer, "A certificate profile was changed.";
    CertificateRequestSubmitted(CertificateRequestSubmitted) = "certificate_request.submitted" v 1 by Signer, "A certificate request was accepted.";
    CertificateRequestApproved(CertificateRequestApproved) = "certificate_request.approved" v 1 by Directory, "An administrator approved a certificate request.";
    CertificateRequestRejected(CertificateRequestEnded) = "certificate_request.rejected" v 1 by Signer, "A certificate request was not approved.";
    CertificateRequestCancelled(CertificateRequestEnded) = "certificate_request.cancelled" v 1 by Signer, "A certificate request was taken back.";
    CertificateRequestFailed(CertificateRequestFailed) = "certificate_request.failed" v 1 by Signer, "An approved certificate request does not satisfy what holds now.";
    CertificateIssued(CertificateIssued) = "certificate.issued" v 1 by Signer, "A certificate was issued.";
    CertificateAnnotated(CertificateAnnotated) = "certificate.annotated" v 1 by Inventory, "What is recorded about a certificate changed.";
    CertificateImported(CertificateImported) = "certificate.imported" v 1 by Inventory, "A certificate that others issued was brought in.";
}
