//! The rules of a certificate policy.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Lifetime;

use super::{ExtendedKeyUsage, HashAlgorithm, KeyAlgorithm, KeyUsage, SanKind};

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
