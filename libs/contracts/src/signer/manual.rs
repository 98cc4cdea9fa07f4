//! Certificates of CAs outside: people take the CSR there and bring back, days later, what the CA answered.

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{RequestIdentity, RequestStatus};
use crate::{
    CertificateId, CertificateRequestId, KeyId, Permission, Timestamp, command,
    x509::{SignatureAlgorithm, SubjectAltName},
};

/// The CSR of a request for a CA outside is going to be exactly this; nothing is signed before this stands in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CsrIntended {
    /// Of which request.
    #[serde(flatten)]
    pub of: RequestIdentity,
    /// The managed key, which signs.
    pub key_id: KeyId,
    /// The algorithm it signs with.
    pub signature_algorithm: SignatureAlgorithm,
    /// CertificationRequestInfo (RFC 2986 §4.1), DER in base64.
    pub info: String,
}

/// The CSR of a request for a CA outside is there: signed by the managed key, or as the subscriber sent it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CsrMade {
    /// Of which request.
    #[serde(flatten)]
    pub of: RequestIdentity,
    /// The CSR, DER in base64.
    pub csr: String,
}

/// A certificate came back that belongs to the request, and its chain cannot be completed yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateReceived {
    /// Of which request.
    #[serde(flatten)]
    pub of: RequestIdentity,
    /// The certificate, DER in base64.
    pub certificate: String,
    /// CA certificates that came with it, DER in base64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
    /// What is missing.
    pub missing: MissingIssuer,
}

/// What keeps a chain from being complete: the certificate of the CA that issued the last one that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MissingIssuer {
    /// The subject of the certificate that is missing, RFC 4514.
    pub subject: String,
    /// Its key identifier, hexadecimal, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_identifier: Option<String>,
    /// The subject of the certificate that it issued.
    pub issued: String,
}

impl fmt::Display for MissingIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, key_identifier, issued } = self;
        write!(f, "the certificate of '{subject}', which issued '{issued}', is missing")?;
        key_identifier.as_ref().map_or(Ok(()), |id| write!(f, " (key identifier {id})"))
    }
}

/// A CA outside issued the certificate, and its chain is complete up to a root.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateRequestCompleted {
    /// Of which request.
    #[serde(flatten)]
    pub of: RequestIdentity,
    /// The certificate, DER in base64.
    pub certificate: String,
    /// SHA-256 of it, hexadecimal.
    pub fingerprint_sha256: String,
    /// The CA certificates above it up to the root, nearest first, DER in base64.
    pub chain: Vec<String>,
    /// Whether the root is trusted here; otherwise it is the one that came with an answer.
    pub root_trusted: bool,
    /// The managed key, if the keystore made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<KeyId>,
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

/// The CSR of a request goes by mail to a CA outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CsrMailWanted {
    /// Of which request.
    #[serde(flatten)]
    pub of: RequestIdentity,
    /// The CA's address.
    pub to: String,
    /// What to say to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Mails the CSR of a request to a CA outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MailCsr {
    /// Which request.
    pub request: CertificateRequestId,
    /// The CA's address.
    pub to: String,
    /// What to say to it, up to 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}
command!(MailCsr => MailedCsr, Signer, "mail_csr", Some(Permission::RequestCreate));

/// A CSR that goes by mail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailedCsr {
    /// The request.
    pub request_id: CertificateRequestId,
    /// The CA's address.
    pub to: String,
}

/// Takes what a CA outside answered to the CSR of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReceiveCertificate {
    /// Which request.
    pub request: CertificateRequestId,
    /// The certificate and whatever came with it, in any order: PEM with any text around, PKCS #7 as PEM, or base64 of
    /// DER or PKCS #7.
    pub certificate: String,
}
command!(ReceiveCertificate => RequestAnswer, Signer, "receive_certificate", Some(Permission::RequestCreate));

/// Where a request stands after what a CA outside answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestAnswer {
    /// The request.
    pub request_id: CertificateRequestId,
    /// Where it stands: `issued`, or `awaiting_certificate` while something is missing.
    pub status: RequestStatus,
    /// The certificate's id in the inventory, once it is issued.
    pub certificate_id: CertificateId,
    /// What is missing.
    pub missing: Option<MissingIssuer>,
    /// What there is to know, in a sentence: what is missing, or that nobody here trusts the root.
    pub detail: Option<String>,
    /// The certificate, DER in base64.
    pub certificate: String,
    /// The CA certificates above it, nearest first, as far as they are known, DER in base64.
    pub chain: Vec<String>,
}
