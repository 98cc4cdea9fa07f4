//! `inventory`: every certificate known, however it came.

mod document;
mod import;
mod saved_view;
mod trust_set;
mod words;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::document::{
    AttachDocument, DocumentAttached, DocumentEvent, DocumentRemoved, DocumentView, KeepDocumentPart,
    LARGEST_DOCUMENT, MOST_DOCUMENTS, RemoveDocument,
};
pub use self::import::{
    CertificateImported, CertificateToImport, CertificatesImported, IMPORTED_AT_ONCE, IMPORTED_BYTES,
    ImportCertificates, ImportOutcome, ImportResult, OperationMode, imported_certificate_id,
};
pub use self::saved_view::{
    CreateSavedView, RemoveSavedView, SavedViewCreated, SavedViewEvent, SavedViewRemoved, SavedViewUpdated,
    SavedViewView, UpdateSavedView, ViewChanges, ViewContents, ViewOf,
};
pub use self::trust_set::{
    AddTrustedCertificates, ArchiveTrustSet, CreateTrustSet, MOST_TRUSTED, RemoveTrustedCertificate,
    TRUSTED_PER_EVENT, TrustSetArchived, TrustSetCertificatesAdded, TrustSetCertificatesRemoved,
    TrustSetChanges, TrustSetCreated, TrustSetDefaultEnded, TrustSetEdited, TrustSetEvent, TrustSetKind,
    TrustSetMadeDefault, TrustSetUpdated, TrustSetView, TrustSource, TrustedCertificate,
    TrustedCertificateView, UpdateTrustSet,
};
pub use self::words::{ScheduleState, StatusWord};
use crate::{
    AdministratorId, CaId, CertificateId, CertificateRequestId, DepartmentId, KeyId, OrganizationId,
    Permission, ProfileId, Timestamp, command,
    directory::{Belonging, NameReserved},
    events, only_event,
    x509::{CertificateType, SubjectAltName},
};

/// What people record about a certificate; the whole of it from now on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateAnnotated {
    /// Labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// A note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Belonging::is_unknown")]
    pub belongs: Belonging,
}

events! {
    /// What inventory decided about a certificate (stream = the certificate's id).
    CertificateEvent in "certificate" {
        Annotated(CertificateAnnotated) = "certificate.annotated" v 1,
        Archived(CertificateArchived) = "certificate.archived" v 1,
        Restored(CertificateRestored) = "certificate.restored" v 1,
        Imported(CertificateImported) = "certificate.imported" v 1,
    }
}

/// A certificate is of no interest any more: it leaves the lists of what expires, and stays in reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateArchived {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Belonging::is_unknown")]
    pub belongs: Belonging,
}

/// A certificate is of interest again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateRestored {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Belonging::is_unknown")]
    pub belongs: Belonging,
}

events! {
    /// Names of trust sets.
    InventoryNameEvent in "inventory_name" {
        Reserved(NameReserved) = "inventory_name.reserved" v 1,
    }
}
only_event!(InventoryNameEvent::Reserved => NameReserved);

/// Changes what is recorded about a certificate; a missing field stays as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnnotateCertificate {
    /// Which.
    pub certificate: CertificateId,
    /// All labels, replacing those there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Who answers for it; empty takes the owner away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// A note; empty takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
command!(AnnotateCertificate => CertificateAnnotated, Inventory, "annotate_certificate", Some(Permission::CertificateWrite));

/// Archives a certificate, or restores it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArchiveCertificate {
    /// Which.
    pub certificate: CertificateId,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
command!(ArchiveCertificate => ArchiveState, Inventory, "archive_certificate", Some(Permission::CertificateWrite));

/// Takes a certificate out of the archive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RestoreCertificate {
    /// Which.
    pub certificate: CertificateId,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
command!(RestoreCertificate => ArchiveState, Inventory, "restore_certificate", Some(Permission::CertificateWrite));

/// Whether a certificate is archived.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArchiveState {
    /// Which.
    pub id: CertificateId,
    /// Whether it is.
    pub archived: bool,
    /// Version of what inventory recorded.
    pub version: i32,
}

/// SHA-256 and SHA-1 of the DER, hexadecimal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fingerprints {
    /// SHA-256.
    pub sha256: String,
    /// SHA-1.
    pub sha1: String,
}

/// Who issued a certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssuerView {
    /// The CA, where it is one of ours.
    pub ca_id: Option<CaId>,
    /// Its common name.
    pub common_name: Option<String>,
    /// Its whole name (RFC 4514).
    pub distinguished_name: String,
}

/// A certificate's key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateKeyView {
    /// The managed key, if the keystore made it.
    pub id: Option<KeyId>,
    /// Kind and size, such as `ecdsa_p256`.
    pub algorithm: String,
    /// `managed` or `subscriber`.
    pub custody: Custody,
    /// SHA-256 of the SubjectPublicKeyInfo, hexadecimal.
    pub spki_sha256: String,
}

/// Who keeps a private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Custody {
    /// The keystore.
    Managed,
    /// The subscriber.
    Subscriber,
}

/// Where a certificate stands. `expired` is told by the clock when it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CertificateStatus {
    /// Within its validity.
    Active,
    /// Past its end.
    Expired,
}

/// A certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateView {
    /// Id.
    pub id: CertificateId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Its department; `null`: the organization as a whole.
    #[serde(default)]
    pub department_id: Option<DepartmentId>,
    /// What it is for.
    #[serde(default)]
    pub certificate_type: Option<CertificateType>,
    /// Who asked for it.
    #[serde(default)]
    pub requested_by: Option<AdministratorId>,
    /// Common name.
    pub common_name: Option<String>,
    /// Subject (RFC 4514).
    pub subject: String,
    /// Names.
    pub sans: Vec<SubjectAltName>,
    /// Serial number, hexadecimal.
    pub serial_number: String,
    /// Fingerprints.
    pub fingerprints: Fingerprints,
    /// Who issued it.
    pub issuer: IssuerView,
    /// From when.
    pub not_before: Timestamp,
    /// Until when, inclusive.
    pub not_after: Timestamp,
    /// Where it stands.
    pub status: CertificateStatus,
    /// `issued`: signed by one of our CAs.
    pub origin: Origin,
    /// What is done with it, where that was said when it was imported.
    #[serde(default)]
    pub mode: Option<OperationMode>,
    /// Its key.
    pub key: CertificateKeyView,
    /// Such as `ecdsa_sha256`.
    pub signature_algorithm: String,
    /// Key usages, spelled as in RFC 5280.
    pub key_usages: Vec<String>,
    /// Extended key usages, spelled as in RFC 5280; object identifiers where there is no name.
    pub extended_key_usages: Vec<String>,
    /// Version of X.509: 1, 2 or 3.
    #[serde(default = "third")]
    pub x509_version: u32,
    /// The size of the key, or of its curve, in bits; `null` where there is none.
    #[serde(default)]
    pub key_bits: Option<usize>,
    /// Subject alternative names of other kinds, by kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_sans: Vec<String>,
    /// Whether basic constraints say `CA:TRUE`.
    #[serde(default)]
    pub is_ca: bool,
    /// How many CAs may follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_length: Option<u32>,
    /// Hexadecimal.
    #[serde(default)]
    pub subject_key_identifier: Option<String>,
    /// Hexadecimal.
    #[serde(default)]
    pub authority_key_identifier: Option<String>,
    /// OCSP responders (authority information access).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ocsp: Vec<String>,
    /// Where the issuer's certificate is (authority information access).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ca_issuers: Vec<String>,
    /// Where CRLs are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crl_distribution_points: Vec<String>,
    /// Promises of certificate transparency logs (RFC 6962).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signed_certificate_timestamps: Vec<LogTimestamp>,
    /// The profile it follows.
    pub profile_id: Option<ProfileId>,
    /// The request it answers.
    pub request_id: Option<CertificateRequestId>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// A note.
    pub note: Option<String>,
    /// The word that people read for its status.
    #[serde(default = "StatusWord::issued")]
    pub status_word: StatusWord,
    /// Where its installation stands.
    #[serde(default)]
    pub install_state: ScheduleState,
    /// Where its renewal stands.
    #[serde(default)]
    pub renewal_state: ScheduleState,
    /// Since when it is archived; `null`: it is not.
    #[serde(default)]
    pub archived_at: Option<Timestamp>,
    /// The certificate as PEM.
    pub certificate: String,
    /// Version: what inventory recorded, `0` after issuance.
    pub version: i32,
}

const fn third() -> u32 {
    3
}

/// A log's promise to show a certificate (RFC 6962 §3.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogTimestamp {
    /// The log, SHA-256 of its key, hexadecimal.
    pub log_id: String,
    /// When it promised.
    pub at: Timestamp,
}

/// How a certificate came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Signed by one of our CAs.
    Issued,
    /// Self-signed by a managed key.
    SelfSigned,
    /// Issued elsewhere and brought in.
    Imported,
    /// Signed by a CA outside, and brought back by hand.
    Manual,
}
