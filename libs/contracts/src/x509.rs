//! The X.509 vocabulary that commands, events and `libs/pki` share. Names follow RFC 5280.

use std::{fmt, net::IpAddr, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CaId, Lifetime, PolicyId};

/// A kind of key and its size or curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyAlgorithm {
    /// RSA, 2048 bits.
    #[serde(rename = "rsa_2048")]
    Rsa2048,
    /// RSA, 3072 bits.
    #[serde(rename = "rsa_3072")]
    Rsa3072,
    /// RSA, 4096 bits.
    #[serde(rename = "rsa_4096")]
    Rsa4096,
    /// ECDSA on NIST P-256.
    #[serde(rename = "ecdsa_p256")]
    EcdsaP256,
    /// ECDSA on NIST P-384.
    #[serde(rename = "ecdsa_p384")]
    EcdsaP384,
    /// ECDSA on NIST P-521.
    #[serde(rename = "ecdsa_p521")]
    EcdsaP521,
    /// Ed25519 (RFC 8410).
    Ed25519,
}

impl KeyAlgorithm {
    /// Every accepted kind.
    pub const ALL: &'static [Self] = &[
        Self::Rsa2048,
        Self::Rsa3072,
        Self::Rsa4096,
        Self::EcdsaP256,
        Self::EcdsaP384,
        Self::EcdsaP521,
        Self::Ed25519,
    ];

    /// Its text, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rsa2048 => "rsa_2048",
            Self::Rsa3072 => "rsa_3072",
            Self::Rsa4096 => "rsa_4096",
            Self::EcdsaP256 => "ecdsa_p256",
            Self::EcdsaP384 => "ecdsa_p384",
            Self::EcdsaP521 => "ecdsa_p521",
            Self::Ed25519 => "ed25519",
        }
    }

    /// Whether this is an RSA key.
    #[must_use]
    pub const fn is_rsa(self) -> bool {
        matches!(self, Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096)
    }

    /// The signature a key of this kind makes when nothing else is asked: SHA-256 for RSA and P-256, SHA-384 for
    /// P-384, SHA-512 for P-521.
    #[must_use]
    pub const fn default_signature(self) -> SignatureAlgorithm {
        match self {
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => SignatureAlgorithm::RsaSha256,
            Self::EcdsaP256 => SignatureAlgorithm::EcdsaSha256,
            Self::EcdsaP384 => SignatureAlgorithm::EcdsaSha384,
            Self::EcdsaP521 => SignatureAlgorithm::EcdsaSha512,
            Self::Ed25519 => SignatureAlgorithm::Ed25519,
        }
    }
}
impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
/// Not a key algorithm's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a key algorithm: expected rsa_2048, rsa_3072, rsa_4096, ecdsa_p256, ecdsa_p384, ecdsa_p521 or ed25519"
)]
pub struct KeyAlgorithmError(String);
impl FromStr for KeyAlgorithm {
    type Err = KeyAlgorithmError;
    fn from_str(text: &str) -> Result<Self, KeyAlgorithmError> {
        Self::ALL
            .iter()
            .copied()
            .find(|a| a.as_str() == text)
            .ok_or_else(|| KeyAlgorithmError(text.chars().take(64).collect()))
    }
}

/// A signature algorithm that is accepted on CSRs and used on certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[serde(rename = "rsa_sha256")]
    RsaSha256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    #[serde(rename = "rsa_sha384")]
    RsaSha384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    #[serde(rename = "rsa_sha512")]
    RsaSha512,
    /// RSASSA-PSS with SHA-256 (CSRs only).
    #[serde(rename = "rsa_pss_sha256")]
    RsaPssSha256,
    /// RSASSA-PSS with SHA-384 (CSRs only).
    #[serde(rename = "rsa_pss_sha384")]
    RsaPssSha384,
    /// RSASSA-PSS with SHA-512 (CSRs only).
    #[serde(rename = "rsa_pss_sha512")]
    RsaPssSha512,
    /// ECDSA with SHA-256.
    #[serde(rename = "ecdsa_sha256")]
    EcdsaSha256,
    /// ECDSA with SHA-384.
    #[serde(rename = "ecdsa_sha384")]
    EcdsaSha384,
    /// ECDSA with SHA-512.
    #[serde(rename = "ecdsa_sha512")]
    EcdsaSha512,
    /// Ed25519.
    Ed25519,
}

impl SignatureAlgorithm {
    /// Its text, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RsaSha256 => "rsa_sha256",
            Self::RsaSha384 => "rsa_sha384",
            Self::RsaSha512 => "rsa_sha512",
            Self::RsaPssSha256 => "rsa_pss_sha256",
            Self::RsaPssSha384 => "rsa_pss_sha384",
            Self::RsaPssSha512 => "rsa_pss_sha512",
            Self::EcdsaSha256 => "ecdsa_sha256",
            Self::EcdsaSha384 => "ecdsa_sha384",
            Self::EcdsaSha512 => "ecdsa_sha512",
            Self::Ed25519 => "ed25519",
        }
    }

    /// The hash it uses; `None` for Ed25519, which brings its own.
    #[must_use]
    pub const fn hash(self) -> Option<HashAlgorithm> {
        match self {
            Self::RsaSha256 | Self::RsaPssSha256 | Self::EcdsaSha256 => Some(HashAlgorithm::Sha256),
            Self::RsaSha384 | Self::RsaPssSha384 | Self::EcdsaSha384 => Some(HashAlgorithm::Sha384),
            Self::RsaSha512 | Self::RsaPssSha512 | Self::EcdsaSha512 => Some(HashAlgorithm::Sha512),
            Self::Ed25519 => None,
        }
    }
}
impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A hash of the SHA-2 family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HashAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// A subject alternative name (RFC 5280 §4.2.1.6) of the four kinds that are issued.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
pub enum SubjectAltName {
    /// A DNS name as A-label, perhaps with a leading `*.`.
    Dns(String),
    /// An IPv4 or IPv6 address.
    Ip(IpAddr),
    /// A mailbox.
    Email(String),
    /// A URI.
    Uri(String),
}

impl SubjectAltName {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> SanKind {
        match self {
            Self::Dns(_) => SanKind::Dns,
            Self::Ip(_) => SanKind::Ip,
            Self::Email(_) => SanKind::Email,
            Self::Uri(_) => SanKind::Uri,
        }
    }
}
impl fmt::Display for SubjectAltName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(v) | Self::Email(v) | Self::Uri(v) => f.write_str(v),
            Self::Ip(v) => v.fmt(f),
        }
    }
}

/// A kind of subject alternative name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SanKind {
    /// dNSName.
    Dns,
    /// iPAddress.
    Ip,
    /// rfc822Name.
    Email,
    /// uniformResourceIdentifier.
    Uri,
}

/// Subject attributes that a request may name and a policy may rule on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Subject {
    /// CN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub common_name: Option<String>,
    /// O.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// OU, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub organizational_unit: Vec<String>,
    /// C, two letters (ISO 3166-1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// ST.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// L.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locality: Option<String>,
}

/// A subject attribute, in the words of the policy refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SubjectAttribute {
    /// CN.
    CommonName,
    /// O.
    Organization,
    /// OU.
    OrganizationalUnit,
    /// C.
    Country,
    /// ST.
    State,
    /// L.
    Locality,
}

impl SubjectAttribute {
    /// The word for it in refusals: `common_name`, `organization`, ….
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CommonName => "common_name",
            Self::Organization => "organization",
            Self::OrganizationalUnit => "organizational_unit",
            Self::Country => "country",
            Self::State => "state",
            Self::Locality => "locality",
        }
    }
}

/// Bits of the key usage extension (RFC 5280 §4.2.1.3), spelled as there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum KeyUsage {
    /// digitalSignature (0).
    DigitalSignature,
    /// nonRepudiation, also contentCommitment (1).
    NonRepudiation,
    /// keyEncipherment (2).
    KeyEncipherment,
    /// dataEncipherment (3).
    DataEncipherment,
    /// keyAgreement (4).
    KeyAgreement,
    /// keyCertSign (5).
    KeyCertSign,
    /// cRLSign (6).
    #[serde(rename = "cRLSign")]
    CrlSign,
}

/// Purposes of the extended key usage extension (RFC 5280 §4.2.1.12), spelled as there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ExtendedKeyUsage {
    /// id-kp-serverAuth.
    ServerAuth,
    /// id-kp-clientAuth.
    ClientAuth,
    /// id-kp-codeSigning.
    CodeSigning,
    /// id-kp-emailProtection.
    EmailProtection,
    /// id-kp-timeStamping.
    TimeStamping,
}

/// A rule on one subject attribute. A pattern is a text where `*` stands for any run of characters (none too);
/// the match is over the whole value, and case counts except for `country` and DNS names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubjectRule {
    /// The attribute must be there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// The attribute must not be there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forbidden: bool,
    /// The value must be this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<String>,
    /// The value must match one of these; empty: any value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patterns: Vec<String>,
}

/// Rules on subject attributes. An attribute without a rule may be there or not, with any value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubjectRules {
    /// CN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub common_name: Option<SubjectRule>,
    /// O.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<SubjectRule>,
    /// OU: each value must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organizational_unit: Option<SubjectRule>,
    /// C.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<SubjectRule>,
    /// ST.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<SubjectRule>,
    /// L.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locality: Option<SubjectRule>,
}

/// A rule on one kind of subject alternative name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SanRule {
    /// Which kind.
    #[serde(rename = "type")]
    pub kind: SanKind,
    /// Each value must match one of these (`*` as in [`SubjectRule`]; for addresses a CIDR block); empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patterns: Vec<String>,
    /// At least one of this kind must be there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// At most so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
}

/// Whether a request may ask for basic constraints with `CA:TRUE`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BasicConstraintsRule {
    /// `CA:TRUE` in a CSR is refused.
    #[default]
    EndEntityOnly,
    /// `CA:TRUE` in a CSR is left out of the certificate.
    IgnoreRequested,
}

/// The rules of a certificate policy. `None` (a missing field) means: no rule, everything is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyRules {
    /// Subject attributes.
    #[serde(default)]
    pub subject: SubjectRules,
    /// Kinds of subject alternative names that are allowed, each with its rule; a kind that is not listed is
    /// refused. Missing: every kind is allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sans: Option<Vec<SanRule>>,
    /// Allowed key algorithms. Missing: every accepted one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_algorithms: Option<Vec<KeyAlgorithm>>,
    /// Allowed hashes of the CSR's signature (Ed25519 counts as SHA-512). Missing: every accepted one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature_hashes: Option<Vec<HashAlgorithm>>,
    /// Key usages a request may name. Missing: every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_usages: Option<Vec<KeyUsage>>,
    /// Extended key usages a request may name. Missing: every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extended_key_usages: Option<Vec<ExtendedKeyUsage>>,
    /// Basic constraints.
    #[serde(default)]
    pub basic_constraints: BasicConstraintsRule,
    /// The longest lifetime. Missing: the profile's and the CA's limits alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ttl: Option<Lifetime>,
}

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
}

/// What a profile's certificates are for; fixes their key usage and extended key usage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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
}
