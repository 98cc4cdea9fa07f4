//! Client certificates that administrators sign in with: bound by thumbprint, never by a name in them.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    AdministratorId, Permission, Sha1Thumbprint, Thumbprint, Timestamp, command, thumbprint::ThumbprintError,
};

/// What a bound certificate is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CertificateMark {
    /// Its thumbprint.
    Sha256(Thumbprint),
    /// All that another program kept of it. The first sign-in with it tells the thumbprint, which counts from then on.
    Sha1(Sha1Thumbprint),
}

impl fmt::Display for CertificateMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(hash) => hash.fmt(f),
            Self::Sha1(hash) => hash.fmt(f),
        }
    }
}

impl FromStr for CertificateMark {
    type Err = ThumbprintError;
    /// Told apart by their length.
    fn from_str(text: &str) -> Result<Self, ThumbprintError> {
        match text.parse() {
            Ok(hash) => Ok(Self::Sha1(hash)),
            Err(_) => text.parse().map(Self::Sha256),
        }
    }
}

impl Serialize for CertificateMark {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CertificateMark {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for CertificateMark {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CertificateMark".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (sha256, sha1) =
            (generator.subschema_for::<Thumbprint>(), generator.subschema_for::<Sha1Thumbprint>());
        json_schema!({"anyOf": [sha256, sha1], "description": "The SHA-256 of a certificate, or its SHA-1 where that is all that is known."})
    }
}

/// A certificate whose owner showed it and proved its key, found valid by whoever it was shown to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ShownCertificate {
    /// Its thumbprint.
    pub sha256: Thumbprint,
    /// What older bindings may know it by.
    pub sha1: Sha1Thumbprint,
    /// Its last moment.
    pub not_after: Timestamp,
}

impl ShownCertificate {
    /// What it may be bound as.
    #[must_use]
    pub const fn marks(&self) -> [CertificateMark; 2] {
        [CertificateMark::Sha256(self.sha256), CertificateMark::Sha1(self.sha1)]
    }
}

/// An administrator may sign in with this certificate from here on, for as long as it is valid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdministratorCertificateBound {
    /// Its thumbprint; missing where only its SHA-1 is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Thumbprint>,
    /// Its SHA-1, where that is what it was first known by, or the certificate itself was at hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha1: Option<Sha1Thumbprint>,
    /// Its last moment, where the certificate itself was at hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
}

/// An administrator may no longer sign in with this certificate; sessions that began with it have ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdministratorCertificateUnbound {
    /// Which.
    pub certificate: CertificateMark,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Lets an administrator sign in with a certificate. Whoever does so could become that person, so all that they may do
/// must be within what the caller holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BindCertificate {
    /// Who.
    pub administrator: AdministratorId,
    /// Which certificate.
    pub certificate: CertificateMark,
    /// Its SHA-1 as well, where the certificate itself was at hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha1: Option<Sha1Thumbprint>,
    /// Its last moment, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
}
command!(BindCertificate => BoundCertificateView, Directory, "bind_certificate", Some(Permission::AdministratorWrite), STEP_UP = true);

/// Lets an administrator no longer sign in with a certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UnbindCertificate {
    /// Who.
    pub administrator: AdministratorId,
    /// Which certificate.
    pub certificate: CertificateMark,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
command!(UnbindCertificate => UnboundCertificateView, Directory, "unbind_certificate", Some(Permission::AdministratorWrite), STEP_UP = true);

/// Tells that a certificate was shown of which only the SHA-1 is bound: its thumbprint counts from here on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordCertificateUse {
    /// The certificate.
    pub certificate: ShownCertificate,
}
command!(RecordCertificateUse => (), Directory, "record_certificate_use", None);

/// A certificate that an administrator signs in with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BoundCertificateView {
    /// What it is known by: its SHA-256, or its SHA-1 until the first sign-in with it.
    pub id: CertificateMark,
    /// Its SHA-1, where that is what it was first known by, or the certificate itself was at hand.
    pub sha1: Option<Sha1Thumbprint>,
    /// Its last moment, where known.
    pub not_after: Option<Timestamp>,
    /// When it was bound, or first used since.
    pub bound_at: Timestamp,
}

/// A certificate that an administrator no longer signs in with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnboundCertificateView {
    /// What it was known by.
    pub id: CertificateMark,
}
