//! The rules of a certificate profile.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CaId, Lifetime, PolicyId, directory::ApprovalRule};

use super::{ExtendedKeyUsage, KeyUsage, SubjectSources};

/// Who signs the certificates of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum ProfileIssuer {
    /// The built-in Micro CA.
    MicroCa,
    /// This CA.
    Ca(CaId),
    /// The subscriber's own managed key: a self-signed certificate.
    SelfSigned,
    /// A CA outside: people take the CSR there and bring the certificate back.
    Manual,
}

/// What a profile's certificates are for; fixes their key usage and extended key usage.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CertificateType {
    /// TLS servers: serverAuth.
    #[default]
    Server,
    /// TLS clients: clientAuth.
    Client,
    /// Code signing: codeSigning.
    CodeSigning,
    /// Devices: clientAuth and serverAuth.
    Device,
}

impl CertificateType {
    /// Every type.
    pub const ALL: &'static [Self] = &[Self::Server, Self::Client, Self::CodeSigning, Self::Device];

    /// Its text, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
            Self::CodeSigning => "code_signing",
            Self::Device => "device",
        }
    }
}

/// Default and longest lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LifetimeRule {
    /// When a request names none.
    pub default: Lifetime,
    /// At most.
    pub max: Lifetime,
}

/// The rules of a certificate profile: how its certificates are made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProfileRules {
    /// What its certificates are for.
    #[serde(rename = "type")]
    pub certificate_type: CertificateType,
    /// Who signs.
    pub issuer: ProfileIssuer,
    /// The policy requests must satisfy.
    pub policy: PolicyId,
    /// Lifetimes.
    pub ttl: LifetimeRule,
    /// Key usages; missing: those that fit type and key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_usages: Option<Vec<KeyUsage>>,
    /// Extended key usages; missing: those of the type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extended_key_usages: Option<Vec<ExtendedKeyUsage>>,
    /// Whether managed keys made for it may be exported.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exportable: bool,
    /// Where the values of the subject come from; missing: from the request.
    #[serde(default, skip_serializing_if = "SubjectSources::is_request")]
    pub subject: SubjectSources,
    /// What requests need before they are signed; missing: what the approval policies say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalRule>,
    /// What whoever asks has to accept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
}

/// Terms of a CA, or of whoever runs it, that are accepted with each request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Terms {
    /// What this wording is called: 1 to 63 characters, such as `2026-11`. A new wording has a new one.
    pub version: String,
    /// The text: 1 to 20,000 characters.
    pub text: String,
}
