//! Trusted CA sets (L6): the certificates that chains may end at, as somebody chose them. None of them is the operating
//! system's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{OrganizationId, Permission, Timestamp, TrustSetId, command, events, id::Reference};

/// The most certificates in one set.
pub const MOST_TRUSTED: usize = 1_000;
/// The most bytes of base64 that one event holds; what is more is split.
pub const TRUSTED_PER_EVENT: usize = 128 * 1024;

/// A certificate that chains may end at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrustedCertificate {
    /// SHA-256 of the DER, hexadecimal: what it is known by.
    pub fingerprint_sha256: String,
    /// The certificate, DER in base64.
    pub certificate: String,
}

/// Where the certificates of a system-defined set come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrustSource {
    /// Whose collection.
    pub name: String,
    /// Where it is published.
    pub url: String,
    /// Its version.
    pub version: String,
    /// The day it is of: `2026-07-02`.
    pub date: String,
    /// Its license (SPDX).
    pub license: String,
}

/// There is a trust set from here on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrustSetCreated {
    /// Which.
    pub id: TrustSetId,
    /// The organization whose it is; missing: the installation's, for everybody to use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<OrganizationId>,
    /// Its name, unique within the organization.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where its certificates come from, when it is system-defined; missing: from people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<TrustSource>,
}

/// A trust set is called this from now on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrustSetUpdated {
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A newer edition of what a system-defined set comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrustSetEdited {
    /// The edition.
    pub source: TrustSource,
}

/// Chains may end at these, too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrustSetCertificatesAdded {
    /// The certificates.
    pub certificates: Vec<TrustedCertificate>,
}

/// Chains may no longer end at these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrustSetCertificatesRemoved {
    /// SHA-256 of each, hexadecimal.
    pub fingerprints: Vec<String>,
}

/// This set counts where none is named: in its organization, or for the installation's in each that has no default of its
/// own. Whichever was it before is it no longer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrustSetMadeDefault {}

/// This set no longer counts where none is named.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrustSetDefaultEnded {}

/// Nothing is judged by this set any more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrustSetArchived {}

events! {
    /// What happened to a trust set (stream = its id; those of the installation have the nil UUID for their organization).
    TrustSetEvent in "trust_set" {
        Created(TrustSetCreated) = "trust_set.created" v 1,
        Updated(TrustSetUpdated) = "trust_set.updated" v 1,
        Edited(TrustSetEdited) = "trust_set.edited" v 1,
        CertificatesAdded(TrustSetCertificatesAdded) = "trust_set.certificates_added" v 1,
        CertificatesRemoved(TrustSetCertificatesRemoved) = "trust_set.certificates_removed" v 1,
        MadeDefault(TrustSetMadeDefault) = "trust_set.made_default" v 1,
        DefaultEnded(TrustSetDefaultEnded) = "trust_set.default_ended" v 1,
        Archived(TrustSetArchived) = "trust_set.archived" v 1,
    }
}

/// Makes a trust set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateTrustSet {
    /// Its name, unique within the organization: lower-case letters, digits, `-`, `_`, `.`; at most 63.
    pub name: String,
    /// The organization whose it is; missing: the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<Reference<OrganizationId>>,
    /// Whether it is the installation's, for everybody to use.
    #[serde(default)]
    pub installation: bool,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its first certificates: PEM, as many blocks as there are, or one as DER in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificates: Option<String>,
    /// A set whose certificates it has, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_of: Option<Reference<TrustSetId>>,
    /// Whether it is the default at once.
    #[serde(default)]
    pub default: bool,
}
command!(CreateTrustSet => TrustSetView, Inventory, "create_trust_set", Some(Permission::TrustSetWrite));

/// Renames a trust set, says what it is for, or makes it the default; a missing field stays as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateTrustSet {
    /// Which.
    pub trust_set: Reference<TrustSetId>,
    /// What changes.
    #[serde(flatten)]
    pub changes: TrustSetChanges,
}
command!(UpdateTrustSet => TrustSetView, Inventory, "update_trust_set", Some(Permission::TrustSetWrite));

/// What changes of a trust set; a missing field stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrustSetChanges {
    /// Another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is for; empty takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether it counts where none is named. One set of an organization does; none, and the installation's does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<bool>,
}

/// Adds certificates to a trust set. One that is in it already stays in it once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddTrustedCertificates {
    /// Which.
    pub trust_set: Reference<TrustSetId>,
    /// PEM, as many blocks as there are, or one certificate as DER in base64.
    pub certificates: String,
}
command!(AddTrustedCertificates => TrustSetView, Inventory, "add_trusted_certificates", Some(Permission::TrustSetWrite));

/// Takes a certificate out of a trust set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemoveTrustedCertificate {
    /// Which.
    pub trust_set: Reference<TrustSetId>,
    /// SHA-256 of the certificate, hexadecimal.
    pub fingerprint_sha256: String,
}
command!(RemoveTrustedCertificate => TrustSetView, Inventory, "remove_trusted_certificate", Some(Permission::TrustSetWrite));

/// Archives a trust set: nothing is judged by it any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArchiveTrustSet {
    /// Which.
    pub trust_set: Reference<TrustSetId>,
}
command!(ArchiveTrustSet => TrustSetView, Inventory, "archive_trust_set", Some(Permission::TrustSetWrite));

/// Who says what is in a trust set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrustSetKind {
    /// It is shipped with the program.
    System,
    /// People do.
    User,
}

impl TrustSetKind {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
        }
    }
}

/// A trust set, without its certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrustSetView {
    /// Id.
    pub id: TrustSetId,
    /// Its name.
    pub name: String,
    /// The organization whose it is; `null`: the installation's, for everybody to use.
    pub organization_id: Option<OrganizationId>,
    /// Who says what is in it.
    pub kind: TrustSetKind,
    /// What it is for.
    pub description: Option<String>,
    /// Where its certificates come from, when it is system-defined.
    pub source: Option<TrustSource>,
    /// Whether it counts where none is named: in its organization, or in each that has no default of its own.
    pub default: bool,
    /// How many certificates are in it.
    pub certificate_count: usize,
    /// Whether anything is judged by it.
    pub status: crate::directory::RecordStatus,
    /// When it was created.
    pub created_at: Timestamp,
    /// Version of the aggregate.
    pub version: i32,
}

/// A certificate of a trust set, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrustedCertificateView {
    /// Its common name, or else its whole name.
    pub name: String,
    /// Its subject (RFC 4514).
    pub subject: String,
    /// Its issuer (RFC 4514).
    pub issuer: String,
    /// From when it is valid.
    pub not_before: Timestamp,
    /// The last second in which it is valid.
    pub not_after: Timestamp,
    /// Kind and size of its key.
    pub key_algorithm: String,
    /// SHA-256 of it, hexadecimal.
    pub fingerprint_sha256: String,
    /// Since when it is in the set.
    pub added_at: Timestamp,
    /// The certificate as PEM.
    pub certificate: String,
}
