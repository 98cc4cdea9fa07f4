//! Certificates that others issued, brought in from files.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    CertificateId, DepartmentId, OrganizationId, Permission, command, directory::Belonging, id::Reference,
    x509::CertificateType,
};

/// The most certificates that one command brings.
pub const IMPORTED_AT_ONCE: usize = 100;
/// The most bytes of base64 that one command brings.
pub const IMPORTED_BYTES: usize = 384 * 1024;

/// What is done with a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OperationMode {
    /// Its life is looked after: it may be renewed and deployed.
    Managed,
    /// It is watched and nothing else.
    #[default]
    Monitored,
}

/// A certificate is known from here on (stream = [`imported_certificate_id`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateImported {
    /// The certificate, DER in base64.
    pub certificate: String,
    /// The name of the file it came in, as text to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What is done with it.
    #[serde(default)]
    pub mode: OperationMode,
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

/// The id of a certificate that was not issued here: the same for every import of it into an organization.
#[must_use]
pub fn imported_certificate_id(organization: OrganizationId, sha256: &[u8; 32]) -> CertificateId {
    CertificateId(Uuid::new_v5(&organization.uuid(), sha256))
}

/// Brings certificates in; those that are known already stay as they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImportCertificates {
    /// Into which organization; missing: the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<Reference<OrganizationId>>,
    /// Into which department; missing: the only one the caller may import into, else the organization as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department: Option<Reference<DepartmentId>>,
    /// What they are for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_type: Option<CertificateType>,
    /// What is done with them.
    #[serde(default)]
    pub mode: OperationMode,
    /// Labels for each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Who answers for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// A note for each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The certificates, at most a hundred.
    pub certificates: Vec<CertificateToImport>,
}
command!(ImportCertificates => CertificatesImported, Inventory, "import_certificates", Some(Permission::CertificateWrite));

/// One of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CertificateToImport {
    /// DER in base64.
    pub certificate: String,
    /// The name of the file it came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// What became of each, in their order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificatesImported {
    /// Into which organization.
    pub organization_id: OrganizationId,
    /// Into which department.
    #[serde(default)]
    pub department_id: Option<DepartmentId>,
    /// Each of them.
    pub results: Vec<ImportResult>,
}

/// What became of a certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportResult {
    /// The certificate as the inventory knows it; `None` if it was known where the caller may not see it.
    pub certificate_id: Option<CertificateId>,
    /// Whether this import brought it.
    pub outcome: ImportOutcome,
}

/// Whether an import brought a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportOutcome {
    /// It is known from now on; in a preview: it would be.
    Imported,
    /// It was known.
    Known,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_certificate_has_one_id_in_an_organization_and_another_in_the_next() {
        let [ours, theirs] = [1, 2].map(|number| OrganizationId(Uuid::from_u128(number)));
        assert_eq!(imported_certificate_id(ours, &[7; 32]), imported_certificate_id(ours, &[7; 32]));
        assert_ne!(imported_certificate_id(ours, &[7; 32]), imported_certificate_id(theirs, &[7; 32]));
        assert_ne!(imported_certificate_id(ours, &[7; 32]), imported_certificate_id(ours, &[8; 32]));
    }
}
