//! Certificate requests: from a CSR, or for a managed key, to a certificate.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    CertificateReceived, CertificateRequestCompleted, CsrIntended, CsrMade, CsrMailWanted, MissingIssuer,
    RequestKey,
};
use crate::{
    AdministratorId, ApprovalId, CertificateId, CertificateRequestId, DepartmentId, KeyId, Lifetime,
    OrganizationId, Permission, Problem, ProfileId, Timestamp, command,
    directory::{Belonging, UnmatchedRule},
    events,
    id::Reference,
    x509::{
        CertificateType, ExtendedKeyUsage, KeyAlgorithm, KeyUsage, Subject, SubjectAltName, SubjectChange,
    },
};

/// Where the key of a certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestSource {
    /// The subscriber holds it and sent a CSR.
    Csr,
    /// The keystore made it.
    Managed,
}

/// A certificate request was accepted: it satisfies profile and policy as they were.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateRequestSubmitted {
    /// Which.
    pub id: CertificateRequestId,
    /// Where the key is.
    pub source: RequestSource,
    /// The CSR, DER in base64; missing for a managed key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csr: Option<String>,
    /// The managed key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<KeyId>,
    /// The profile.
    pub profile_id: ProfileId,
    /// SHA-256 of profile and policy as they were, hexadecimal (C-2).
    pub rules_sha256: String,
    /// Common name, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub common_name: Option<String>,
    /// Where the certificate's subject differs from what was asked for, as the profile has it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subject_changes: Vec<SubjectChange>,
    /// Names in the certificate.
    pub sans: Vec<SubjectAltName>,
    /// Kind of the key.
    pub key_algorithm: KeyAlgorithm,
    /// Lifetime that will be given.
    pub ttl: Lifetime,
    /// Stream of the issuance that follows: UUIDv5(CA, serial); missing while it waits for approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuance: Option<Uuid>,
    /// The certificate's id.
    pub certificate_id: CertificateId,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Belonging::is_unknown")]
    pub belongs: Belonging,
    /// Labels for the certificate.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// A note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What was decided about its approval; missing: it needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalNeed>,
    /// Whether a CA outside signs it: people take the CSR there and bring the certificate back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub manual: bool,
    /// The version of the profile's terms that whoever asked accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_terms: Option<String>,
}

/// How a request that needs approval begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase", tag = "decision")]
pub enum ApprovalNeed {
    /// It waits until enough administrators approved.
    Needed {
        /// The approval.
        approval_id: ApprovalId,
        /// How many have to approve.
        required: u8,
        /// Why no automatic rule approved it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unmatched: Vec<UnmatchedRule>,
    },
    /// A rule approved it at once.
    Automatic {
        /// The rule's name.
        rule: String,
        /// Why that is safe, in the words of who wrote the rule.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

/// What every later event of a request says again: by it rights over the event are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestIdentity {
    /// The profile.
    pub profile_id: ProfileId,
    /// The certificate's id.
    pub certificate_id: CertificateId,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Belonging::is_unknown")]
    pub belongs: Belonging,
}

impl CertificateRequestSubmitted {
    /// What later events say again of it.
    #[must_use]
    pub const fn identity(&self) -> RequestIdentity {
        let Self { profile_id, certificate_id, belongs, .. } = self;
        RequestIdentity { profile_id: *profile_id, certificate_id: *certificate_id, belongs: *belongs }
    }
}

impl CertificateRequestEvent {
    /// Whose request it is about, and for what.
    #[must_use]
    pub const fn identity(&self) -> RequestIdentity {
        match self {
            Self::Submitted(event) => event.identity(),
            Self::Approved(event) => event.of,
            Self::Rejected(event) => event.of,
            Self::Cancelled(event) => event.of,
            Self::Failed(event) => event.of,
            Self::CsrIntended(event) => event.of,
            Self::CsrMade(event) => event.of,
            Self::CertificateReceived(event) => event.of,
            Self::Completed(event) => event.of,
            Self::CsrMailWanted(event) => event.of,
        }
    }
}

/// Enough administrators approved a certificate request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateRequestApproved {
    /// Of which request.
    #[serde(flatten)]
    pub of: RequestIdentity,
    /// The approval.
    pub approval_id: ApprovalId,
    /// Who approved.
    pub by: Vec<AdministratorId>,
}

/// A certificate request was not approved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateRequestRejected {
    /// Of which request.
    #[serde(flatten)]
    pub of: RequestIdentity,
    /// The approval.
    pub approval_id: ApprovalId,
    /// Who declined; missing: nobody decided in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<AdministratorId>,
    /// Why.
    pub reason: String,
}

/// A certificate request was taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateRequestCancelled {
    /// Of which request.
    #[serde(flatten)]
    pub of: RequestIdentity,
    /// The approval it waited for.
    pub approval_id: ApprovalId,
    /// Who took it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<AdministratorId>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An approved request does not satisfy what holds now; there will be no certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateRequestFailed {
    /// Of which request.
    #[serde(flatten)]
    pub of: RequestIdentity,
    /// Why.
    pub problem: Problem,
    /// The version of the policy that it was judged by, if it came so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_version: Option<i32>,
}

events! {
    /// What happened to a certificate request.
    CertificateRequestEvent in "certificate_request" {
        Submitted(CertificateRequestSubmitted) = "certificate_request.submitted" v 1,
        Approved(CertificateRequestApproved) = "certificate_request.approved" v 1,
        Rejected(CertificateRequestRejected) = "certificate_request.rejected" v 1,
        Cancelled(CertificateRequestCancelled) = "certificate_request.cancelled" v 1,
        Failed(CertificateRequestFailed) = "certificate_request.failed" v 1,
        CsrIntended(CsrIntended) = "certificate_request.csr_intended" v 1,
        CsrMade(CsrMade) = "certificate_request.csr_made" v 1,
        CsrMailWanted(CsrMailWanted) = "certificate_request.csr_mail_wanted" v 1,
        CertificateReceived(CertificateReceived) = "certificate_request.certificate_received" v 1,
        Completed(CertificateRequestCompleted) = "certificate_request.completed" v 1,
    }
}

/// Submits a certificate request: with a CSR, or for a managed key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubmitCertificateRequest {
    /// The profile; missing: the one named `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Reference<ProfileId>>,
    /// The department it is for, by id or `name:…`; missing: the only one that the caller may ask for, else the
    /// organization as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department: Option<Reference<DepartmentId>>,
    /// PKCS #10 as PEM or bare base64 DER. Subject, names and key come from it and from nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csr: Option<String>,
    /// Without a CSR: the key to make, or to use again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<RequestKey>,
    /// Without a CSR: the subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// Without a CSR: the names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sans: Vec<SubjectAltName>,
    /// Without a CSR: the key usages that are hoped for. The policy must allow them; the profile decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key_usages: Vec<KeyUsage>,
    /// Without a CSR: the extended key usages that are hoped for. The policy must allow them; the profile decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extended_key_usages: Vec<ExtendedKeyUsage>,
    /// Lifetime; missing: the profile's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Lifetime>,
    /// The last second of validity, in place of `ttl`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
    /// Labels for the certificate: at most 32, keys and values up to 63 characters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// A note, up to 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The version of the profile's terms that are accepted; needed where the profile has terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept_terms: Option<String>,
}
command!(SubmitCertificateRequest => IssuedCertificate, Signer, "submit_certificate_request", Some(Permission::RequestCreate));

/// A request with its certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssuedCertificate {
    /// The request.
    pub request: CertificateRequestView,
    /// The certificate, DER in base64.
    pub certificate: String,
    /// The CA certificates above it up to the root, nearest first, DER in base64.
    pub chain: Vec<String>,
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestStatus {
    /// It waits until enough administrators approved.
    PendingApproval,
    /// Enough approved; what holds now is looked at once more.
    Approved,
    /// Accepted; the CSR or the certificate is being signed.
    Issuing,
    /// Its CSR is there for a CA outside, whose certificate is waited for; `missing` says what else.
    AwaitingCertificate,
    /// Done.
    Issued,
    /// It was not approved.
    Rejected,
    /// It was taken back.
    Cancelled,
    /// There will be no certificate; `problem` or the operation says why.
    Failed,
}

/// A certificate request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateRequestView {
    /// Id.
    pub id: CertificateRequestId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Its department; `null`: the organization as a whole.
    #[serde(default)]
    pub department_id: Option<DepartmentId>,
    /// What the certificate is for.
    #[serde(default)]
    pub certificate_type: Option<CertificateType>,
    /// Where it stands.
    pub status: RequestStatus,
    /// Where the key is.
    pub source: RequestSource,
    /// The managed key.
    pub key_id: Option<KeyId>,
    /// The profile.
    pub profile_id: ProfileId,
    /// The certificate's id, from the beginning.
    pub certificate_id: CertificateId,
    /// Common name.
    pub common_name: Option<String>,
    /// Where the certificate's subject differs from what was asked for, as the profile has it.
    #[serde(default)]
    pub subject_changes: Vec<SubjectChange>,
    /// Names.
    pub sans: Vec<SubjectAltName>,
    /// Kind of the key.
    pub key_algorithm: KeyAlgorithm,
    /// Lifetime.
    pub ttl: Lifetime,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// A note.
    pub note: Option<String>,
    /// What was decided about its approval; `null`: it needs none.
    #[serde(default)]
    pub approval: Option<ApprovalNeed>,
    /// Why it was rejected or taken back.
    #[serde(default)]
    pub reason: Option<String>,
    /// Why it failed after its approval.
    #[serde(default)]
    pub problem: Option<Problem>,
    /// Whether a CA outside signs it: people take the CSR there and bring the certificate back.
    #[serde(default)]
    pub manual: bool,
    /// The version of the profile's terms that whoever asked accepted.
    #[serde(default)]
    pub accepted_terms: Option<String>,
    /// What is missing of the chain of the certificate that came back.
    #[serde(default)]
    pub missing: Option<MissingIssuer>,
    /// Who asked.
    pub requested_by: String,
    /// When.
    pub created_at: Timestamp,
    /// Version of the aggregate.
    pub version: i32,
}
