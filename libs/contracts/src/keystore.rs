//! `keystore`: private keys. It gives out handles and signatures; no message here has room for key bytes.

mod compromised;
mod credential;
mod csr;
mod master_key;
pub use compromised::*;
pub use credential::*;
pub use csr::*;
pub use master_key::*;
mod transfer;
pub use transfer::*;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    CaId, CertificateRequestId, KeyId, OrganizationId, Permission, Timestamp, command, events,
    x509::KeyAlgorithm,
};

/// What a key may be used for: one purpose per key (K-9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyPurpose {
    /// Signs certificates and CRLs.
    Ca,
    /// Belongs to an end entity's certificate.
    EndEntity,
    /// Signs checkpoints of the log.
    Checkpoint,
}

// ---------------------------------------------------------------- events

/// A key was generated in the keystore.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyGenerated {
    /// Which.
    pub id: KeyId,
    /// Kind and size.
    pub algorithm: KeyAlgorithm,
    /// What it is for.
    pub purpose: KeyPurpose,
    /// Whether it may ever be exported.
    pub exportable: bool,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The PKCS #11 token that holds it, as the configuration names it; missing: the keystore's own table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// SubjectPublicKeyInfo, DER in base64.
    pub spki: String,
    /// SHA-256 of it, hexadecimal.
    pub spki_sha256: String,
}

/// A key was destroyed by shredding: its wrapped form is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyDestroyed {
    /// Why, in the words of who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A key that was made elsewhere was brought into the keystore.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyImported {
    /// What it is.
    #[serde(flatten)]
    pub key: KeyGenerated,
}

/// A private key left the keystore, encrypted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyExported {
    /// As which kind of file.
    pub format: KeyFormat,
    /// Why, in the words of who took it.
    pub reason: String,
}

/// Files that a private key leaves the keystore in; each is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyFormat {
    /// Encrypted PKCS #8 as PEM.
    Pkcs8,
    /// PKCS #12 with its certificate and chain.
    Pkcs12,
    /// Java's own key store: a weak lock, for programs that read nothing newer.
    Jks,
}

/// A key is known to others, or may be: it signs nothing any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyCompromised {
    /// SHA-256 of its SubjectPublicKeyInfo, hexadecimal.
    pub spki_sha256: String,
    /// Why, in the words of who said so.
    pub reason: String,
}

events! {
    /// What happened to a key.
    KeyEvent in "key" {
        Generated(KeyGenerated) = "key.generated" v 1,
        Imported(KeyImported) = "key.imported" v 1,
        Exported(KeyExported) = "key.exported" v 1,
        CsrSigned(KeyCsrSigned) = "key.csr_signed" v 1,
        Compromised(KeyCompromised) = "key.compromised" v 1,
        Destroyed(KeyDestroyed) = "key.destroyed" v 1,
    }
}

// ---------------------------------------------------------------- commands

/// Generates an end-entity key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GenerateKey {
    /// Kind and size.
    pub algorithm: KeyAlgorithm,
    /// Whether it may ever be exported.
    #[serde(default)]
    pub exportable: bool,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The PKCS #11 token to make it in; missing: it is kept in the keystore's own table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}
command!(GenerateKey => KeyView, Keystore, "generate_key", Some(Permission::KeyCreate));

/// Generates the key of a CA (sent by the signer only).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GenerateCaKey {
    /// Kind and size.
    pub algorithm: KeyAlgorithm,
    /// What people call it.
    pub label: String,
    /// The PKCS #11 token to make it in; missing: it is kept in the keystore's own table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}
command!(GenerateCaKey => KeyView, Keystore, "generate_ca_key", None);

/// Generates the managed key of a certificate request (sent by the signer only).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GenerateRequestKey {
    /// Kind and size.
    pub algorithm: KeyAlgorithm,
    /// Whether the profile lets it be exported.
    pub exportable: bool,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The PKCS #11 token to make it in; missing: it is kept in the keystore's own table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}
command!(GenerateRequestKey => KeyView, Keystore, "generate_request_key", None);

/// Destroys a key: after this nothing can use or restore it but an old backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DestroyKey {
    /// Which.
    pub key: KeyId,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
command!(DestroyKey => KeyView, Keystore, "destroy_key", Some(Permission::KeyDestroy));

/// Signs the to-be-signed certificate of an issuance whose intent is in the log. Only the stream is named: what is
/// signed is what the log says (K-9, C-3). A repeat answers the journaled signature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignCertificate {
    /// Stream of the issuance: UUIDv5(CA, serial).
    pub issuance: Uuid,
}
command!(SignCertificate => SignatureView, Keystore, "sign_certificate", None);

/// Signs a self-signed end-entity certificate whose intent is in the log, by the key it carries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignSelfSigned {
    /// Stream of the issuance.
    pub issuance: Uuid,
}
command!(SignSelfSigned => SignatureView, Keystore, "sign_self_signed", None);

/// Signs the CSR of a certificate request whose intent is in the log, by the managed key that it carries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignCsr {
    /// Which request.
    pub request: CertificateRequestId,
}
command!(SignCsr => SignatureView, Keystore, "sign_csr", None);

/// Signs the certificate of a CA whose intent is in the log: by its own key for a root, by the parent's otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignCaCertificate {
    /// Which CA.
    pub ca: CaId,
}
command!(SignCaCertificate => SignatureView, Keystore, "sign_ca_certificate", None);

/// Signs a checkpoint of the log, after proof that it extends the last one signed (sent by the relay only).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignCheckpoint {
    /// Which shard.
    pub shard: i16,
    /// Number of events in the tree.
    pub size: i64,
    /// Root hash, hexadecimal.
    pub root: String,
    /// RFC 9162 consistency proof from the head that keystore signed last, hexadecimal hashes; empty for the first.
    pub consistency: Vec<String>,
    /// The size that proof starts from.
    pub old_size: i64,
}
command!(SignCheckpoint => SignedCheckpoint, Keystore, "sign_checkpoint", None);

// ---------------------------------------------------------------- answers

/// A signature that stands in the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignatureView {
    /// The signature's bytes as X.509 carries them, base64.
    pub signature: String,
}

/// A signed checkpoint; or, when `old_size` was not the last size signed, where the proof has to start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignedCheckpoint {
    /// The size of the last head that keystore signed (after this call).
    pub signed_size: i64,
    /// The signed note (C2SP); missing when nothing was signed because the proof started at another size.
    pub note: Option<String>,
}

/// A key, without its private half.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyView {
    /// Id.
    pub id: KeyId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Kind and size.
    pub algorithm: KeyAlgorithm,
    /// What it is for.
    pub purpose: KeyPurpose,
    /// Whether it may ever be exported.
    pub exportable: bool,
    /// What people call it.
    pub label: Option<String>,
    /// The PKCS #11 token that holds it; missing: the keystore's own table.
    pub token: Option<String>,
    /// Whether it is usable.
    pub status: KeyStatus,
    /// Whether it was made here.
    pub origin: KeyOrigin,
    /// SubjectPublicKeyInfo as PEM (`PUBLIC KEY`).
    pub public_key: String,
    /// SHA-256 of the SubjectPublicKeyInfo, hexadecimal.
    pub spki_sha256: String,
    /// When it was made or brought.
    pub created_at: Timestamp,
    /// When it was destroyed.
    pub destroyed_at: Option<Timestamp>,
    /// When the last backup that could hold it is gone: 35 days after it was destroyed.
    pub backups_until: Option<Timestamp>,
    /// Version of the aggregate.
    pub version: i32,
}

/// Where a key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyOrigin {
    /// Made in the keystore.
    Generated,
    /// Made elsewhere and brought here.
    Imported,
}

/// Whether a key still exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyStatus {
    /// Usable.
    Active,
    /// Known to others, or perhaps: it signs nothing.
    Compromised,
    /// Shredded.
    Destroyed,
}
