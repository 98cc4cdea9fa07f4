//! Grants: a role, where, and for which types of certificate.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Role, RoleChoice};
use crate::{
    AdministratorId, DepartmentId, IdentityProviderId, OrganizationId, id::Reference, x509::CertificateType,
};

/// A role that an administrator has somewhere: on the installation when there is no organization, in an organization, or
/// in one of its departments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// What may be done.
    pub role: Role,
    /// Only in this organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<OrganizationId>,
    /// Only in this department of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department_id: Option<DepartmentId>,
    /// Only for these types of certificate; missing: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_types: Option<Vec<CertificateType>>,
    /// The identity provider whose groups give it, and take it away; missing: somebody here gave it. It counts in sessions
    /// that began there and nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_provider_id: Option<IdentityProviderId>,
}

impl Grant {
    /// A role on the whole installation.
    #[must_use]
    pub const fn installation(role: Role) -> Self {
        Self {
            role,
            organization_id: None,
            department_id: None,
            certificate_types: None,
            identity_provider_id: None,
        }
    }
}

/// A grant as people ask for it, with names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewGrant {
    /// The role, or `admin` or `user`.
    pub role: RoleChoice,
    /// The organization; missing: the whole installation.
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "organizationId")]
    pub organization: Option<Reference<OrganizationId>>,
    /// A department of it; missing: the whole organization.
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "departmentId")]
    pub department: Option<Reference<DepartmentId>>,
    /// Only for these types of certificate; missing: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_types: Option<Vec<CertificateType>>,
}

/// Whose a certificate or a request is within its organization: what rights over it are judged by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Belonging {
    /// The department; missing: the organization as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department_id: Option<DepartmentId>,
    /// What the certificate is for; missing in what was recorded before types were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_type: Option<CertificateType>,
    /// Who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<AdministratorId>,
}

impl Belonging {
    /// Whether nothing is known of it, as in what was recorded before departments counted.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}
