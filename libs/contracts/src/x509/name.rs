//! Who a certificate is for: its subject and alternative names.

use std::{fmt, net::IpAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
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
