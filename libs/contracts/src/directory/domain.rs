//! Domains: which names certificates may carry, and whom each is delegated to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Delegate, DelegateReference, DelegationStatus};
use crate::{
    DepartmentId, DomainId, OrganizationId, Permission, Timestamp, command, events, id::Reference,
    x509::CertificateType,
};

/// The name of the domain that every name is under.
pub const EVERY_NAME: &str = "*";

/// A domain exists from here on, and is active.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainCreated {
    /// Which.
    pub id: DomainId,
    /// Its name in A-labels and lower case, or `*`; unique in the installation.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Certificates of these types may carry names under it.
    pub types: Vec<CertificateType>,
}

/// A domain has these values from now on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainUpdated {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Certificates of these types may carry names under it.
    pub types: Vec<CertificateType>,
}

/// Names under a domain may be certified again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainActivated {
    /// Why, in the words of who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Names under a domain are certified no more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainDeactivated {
    /// Why, in the words of who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A master delegated a domain; whatever was asked for before is settled with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainDelegated {
    /// To whom.
    #[serde(flatten)]
    pub delegate: Delegate,
    /// The types of certificates that it counts for from now on: all of them, not only those that are new.
    pub types: Vec<CertificateType>,
}

/// Somebody asked for a delegation, or for further types of one; a master decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainDelegationRequested {
    /// To whom.
    #[serde(flatten)]
    pub delegate: Delegate,
    /// The types of certificates that wait from now on.
    pub types: Vec<CertificateType>,
}

/// A master agreed to what was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainDelegationApproved {
    /// To whom.
    #[serde(flatten)]
    pub delegate: Delegate,
    /// The types of certificates that it counts for from now on: all of them, not only those that are new.
    pub types: Vec<CertificateType>,
}

/// A master refused what was asked for; what counted before still does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainDelegationRefused {
    /// To whom.
    #[serde(flatten)]
    pub delegate: Delegate,
    /// Why, in the words of who did it.
    pub reason: String,
}

/// A delegation is over, and those of an organization's departments with the organization's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainDelegationWithdrawn {
    /// From whom.
    #[serde(flatten)]
    pub delegate: Delegate,
    /// Why, in the words of who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

events! {
    /// What happened to a domain.
    DomainEvent in "domain" {
        Created(DomainCreated) = "domain.created" v 1,
        Updated(DomainUpdated) = "domain.updated" v 1,
        Activated(DomainActivated) = "domain.activated" v 1,
        Deactivated(DomainDeactivated) = "domain.deactivated" v 1,
        Delegated(DomainDelegated) = "domain.delegated" v 1,
        DelegationRequested(DomainDelegationRequested) = "domain.delegation_requested" v 1,
        DelegationApproved(DomainDelegationApproved) = "domain.delegation_approved" v 1,
        DelegationRefused(DomainDelegationRefused) = "domain.delegation_refused" v 1,
        DelegationWithdrawn(DomainDelegationWithdrawn) = "domain.delegation_withdrawn" v 1,
    }
}

impl DomainEvent {
    /// Whom it is about, beside the domain.
    #[must_use]
    pub const fn delegate(&self) -> Option<Delegate> {
        match self {
            Self::Created(_) | Self::Updated(_) | Self::Activated(_) | Self::Deactivated(_) => None,
            Self::Delegated(event) => Some(event.delegate),
            Self::DelegationRequested(event) => Some(event.delegate),
            Self::DelegationApproved(event) => Some(event.delegate),
            Self::DelegationRefused(event) => Some(event.delegate),
            Self::DelegationWithdrawn(event) => Some(event.delegate),
        }
    }
}

/// Creates a domain, and delegates it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateDomain {
    /// A DNS name, in any script; names below it are under it too. `*`: every name.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Types of certificates that may carry names under it; missing: every type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub types: Option<Vec<CertificateType>>,
    /// Whom it is delegated to, for each of its types.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delegate_to: Vec<DelegateReference>,
}
command!(CreateDomain => DomainView, Directory, "create_domain", Some(Permission::DomainWrite));

/// Changes a domain; a missing field stays as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateDomain {
    /// Which.
    pub domain: Reference<DomainId>,
    /// New description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// New types of certificates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub types: Option<Vec<CertificateType>>,
}
command!(UpdateDomain => DomainView, Directory, "update_domain", Some(Permission::DomainWrite));

/// Lets names under a domain be certified again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ActivateDomain {
    /// Which.
    pub domain: Reference<DomainId>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
command!(ActivateDomain => DomainView, Directory, "activate_domain", Some(Permission::DomainWrite));

/// Lets no name under a domain be certified, within a second everywhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeactivateDomain {
    /// Which.
    pub domain: Reference<DomainId>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
command!(DeactivateDomain => DomainView, Directory, "deactivate_domain", Some(Permission::DomainWrite));

/// Delegates a domain. A master's word counts at once; anybody else's is a request that a master decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DelegateDomain {
    /// Which.
    pub domain: Reference<DomainId>,
    /// To whom.
    pub delegate_to: DelegateReference,
    /// For these types of certificates; missing: those of the domain, for a department those of its organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub types: Option<Vec<CertificateType>>,
}
command!(DelegateDomain => DelegationView, Directory, "delegate_domain", Some(Permission::DomainRequest));

/// Agrees to a delegation that was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApproveDelegation {
    /// Of which domain.
    pub domain: Reference<DomainId>,
    /// To whom.
    pub delegate: DelegateReference,
}
command!(ApproveDelegation => DelegationView, Directory, "approve_delegation", Some(Permission::DomainDelegate), STEP_UP = true);

/// Refuses a delegation that was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RejectDelegation {
    /// Of which domain.
    pub domain: Reference<DomainId>,
    /// To whom.
    pub delegate: DelegateReference,
    /// Why.
    pub reason: String,
}
command!(RejectDelegation => DelegationView, Directory, "reject_delegation", Some(Permission::DomainDelegate), STEP_UP = true);

/// Ends a delegation, or a request for one, within a second everywhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WithdrawDelegation {
    /// Of which domain.
    pub domain: Reference<DomainId>,
    /// From whom.
    pub delegate: DelegateReference,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
command!(WithdrawDelegation => DomainView, Directory, "withdraw_delegation", Some(Permission::DomainRequest));

/// Whether names under a domain may be certified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DomainStatus {
    /// They may.
    Active,
    /// They may not.
    Inactive,
}

impl DomainStatus {
    /// Its text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
        }
    }
}

/// A domain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainView {
    /// Id.
    pub id: DomainId,
    /// Its name in A-labels, as certificates carry it; `*` for every name.
    pub name: String,
    /// Its name as people write it.
    pub display_name: String,
    /// What it is for; told to those who see every domain.
    pub description: Option<String>,
    /// Whether names under it may be certified.
    pub status: DomainStatus,
    /// Types of certificates that may carry names under it.
    pub types: Vec<CertificateType>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Version of the aggregate.
    pub version: i32,
}

/// The delegation of a domain to an organization or a department.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DelegationView {
    /// To whom: the department's id, or else the organization's.
    pub id: DelegateReference,
    /// The domain.
    pub domain_id: DomainId,
    /// Its name in A-labels, or `*`.
    pub domain_name: String,
    /// The organization, also of a department.
    pub organization_id: OrganizationId,
    /// The department.
    pub department_id: Option<DepartmentId>,
    /// Where it stands: `approved` as soon as it counts for any type.
    pub status: DelegationStatus,
    /// The types of certificates that it counts for.
    pub types: Vec<CertificateType>,
    /// The types of certificates that wait for a decision.
    pub requested_types: Vec<CertificateType>,
    /// Why it was refused last.
    pub reason: Option<String>,
    /// When it was first asked for or given.
    pub created_at: Timestamp,
    /// Version of the domain with the last change of it.
    pub version: i32,
}
