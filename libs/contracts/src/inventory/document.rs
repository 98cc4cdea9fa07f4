//! Documents of certificates (A21): any file, kept with a certificate. Their bytes are beside the log.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CertificateId, DocumentId, OperationId, Permission, Timestamp, command, events};

/// The most bytes of one document.
pub const LARGEST_DOCUMENT: usize = 10 * 1024 * 1024;
/// The most documents of one certificate.
pub const MOST_DOCUMENTS: usize = 100;

/// A file is kept with a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DocumentAttached {
    /// Which.
    pub id: DocumentId,
    /// With which certificate.
    pub certificate_id: CertificateId,
    /// What the file is called.
    pub name: String,
    /// How many bytes it has.
    pub size: u64,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
}

/// A file is no longer kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DocumentRemoved {}

events! {
    /// What happened to a document (stream = its id).
    DocumentEvent in "document" {
        Attached(DocumentAttached) = "document.attached" v 1,
        Removed(DocumentRemoved) = "document.removed" v 1,
    }
}

/// Keeps a part of a file until it is attached, an hour at most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeepDocumentPart {
    /// The upload it belongs to: the command that attaches it.
    pub upload: OperationId,
    /// Which part, from 0.
    pub part: u32,
    /// Its bytes, base64.
    pub bytes: String,
}
command!(KeepDocumentPart => (), Inventory, "keep_document_part", Some(Permission::CertificateWrite));

/// Attaches a file whose parts are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AttachDocument {
    /// To which certificate.
    pub certificate: CertificateId,
    /// What the file is called.
    pub name: String,
    /// How many parts it came in.
    pub parts: u32,
    /// How many bytes it has.
    pub size: u64,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
}
command!(AttachDocument => DocumentView, Inventory, "attach_document", Some(Permission::CertificateWrite));

/// Removes a document, and its bytes for good.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemoveDocument {
    /// Of which certificate.
    pub certificate: CertificateId,
    /// Which.
    pub document: DocumentId,
}
command!(RemoveDocument => DocumentView, Inventory, "remove_document", Some(Permission::CertificateWrite));

/// A document, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DocumentView {
    /// Id.
    pub id: DocumentId,
    /// The certificate it is kept with.
    pub certificate_id: CertificateId,
    /// What the file is called.
    pub name: String,
    /// How many bytes it has.
    pub size: u64,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
    /// Since when it is kept.
    pub created_at: Timestamp,
    /// Version of the aggregate.
    pub version: i32,
}
