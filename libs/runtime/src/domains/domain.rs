//! What the log says of one domain.

use std::collections::BTreeMap;

use contracts::{
    DepartmentId, DomainId, OrganizationId,
    directory::{Delegate, DelegationStatus, DomainCreated, DomainDelegationRefused, DomainEvent},
    x509::CertificateType,
};
use uuid::Uuid;

/// A domain, and whom it is delegated to.
#[derive(Clone, Debug, PartialEq)]
pub struct Domain {
    /// Its id.
    pub id: DomainId,
    /// Its name in A-labels and lower case, or `*`.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Certificates of these types may carry names under it.
    pub types: Vec<CertificateType>,
    /// Whether names under it may be certified.
    pub active: bool,
    /// To whom, also what was only asked for.
    pub delegations: BTreeMap<Delegate, Delegation>,
}

/// What one delegation counts for, and what was asked for beside.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delegation {
    /// Types of certificates it counts for.
    pub types: Vec<CertificateType>,
    /// Types that wait for a decision.
    pub requested: Vec<CertificateType>,
    /// Why the last request was refused.
    pub refused: Option<String>,
}

impl Delegation {
    /// Where it stands: approved as soon as it counts for any type.
    #[must_use]
    pub const fn status(&self) -> DelegationStatus {
        match self {
            Self { types, .. } if !types.is_empty() => DelegationStatus::Approved,
            Self { requested, .. } if !requested.is_empty() => DelegationStatus::Requested,
            _ => DelegationStatus::Refused,
        }
    }
}

impl Domain {
    /// A new domain.
    #[must_use]
    pub fn new(created: DomainCreated) -> Self {
        let DomainCreated { id, name, description, types } = created;
        Self { id, name, description, types, active: true, delegations: BTreeMap::new() }
    }

    /// Takes in what happened to it.
    pub fn apply(&mut self, event: DomainEvent) {
        match event {
            DomainEvent::Created(created) => *self = Self::new(created),
            DomainEvent::Updated(updated) => {
                (self.description, self.types) = (updated.description, updated.types);
            }
            DomainEvent::Activated(_) => self.active = true,
            DomainEvent::Deactivated(_) => self.active = false,
            DomainEvent::Delegated(e) => self.count(e.delegate, e.types),
            DomainEvent::DelegationApproved(e) => self.count(e.delegate, e.types),
            DomainEvent::DelegationRequested(e) => {
                let delegation = self.delegations.entry(e.delegate).or_default();
                (delegation.requested, delegation.refused) = (e.types, None);
            }
            DomainEvent::DelegationRefused(DomainDelegationRefused { delegate, reason }) => {
                let delegation = self.delegations.entry(delegate).or_default();
                (delegation.requested, delegation.refused) = (vec![], Some(reason));
            }
            DomainEvent::DelegationWithdrawn(e) => match e.delegate.department_id {
                Some(_) => _ = self.delegations.remove(&e.delegate),
                None => self.delegations.retain(|to, _| to.organization_id != e.delegate.organization_id),
            },
        }
    }

    fn count(&mut self, delegate: Delegate, types: Vec<CertificateType>) {
        self.delegations.insert(delegate, Delegation { types, ..Delegation::default() });
    }

    /// The types of certificates for which somebody may use it: never more than the domain allows, and a department
    /// never more than its organization.
    #[must_use]
    pub fn types_for(&self, delegate: Delegate) -> Vec<CertificateType> {
        let own = |delegate| self.delegations.get(&delegate).map_or(&[][..], |known| &known.types[..]);
        let organization = own(delegate.organization_id.into());
        let within = |kind: &&CertificateType| self.types.contains(kind) && organization.contains(kind);
        own(delegate).iter().filter(within).copied().collect()
    }

    /// Whether it is delegated to somebody, for whatever type.
    #[must_use]
    pub fn is_delegated_to(&self, delegate: Delegate) -> bool {
        let counts = |delegate| self.delegations.get(&delegate).is_some_and(|known| !known.types.is_empty());
        counts(delegate.organization_id.into()) && counts(delegate)
    }

    /// An organization and its departments, as far as it is delegated to them.
    pub(super) fn delegates_in(&self, organization: OrganizationId) -> Vec<Delegate> {
        let last = Delegate { organization_id: organization, department_id: Some(DepartmentId(Uuid::max())) };
        let all = self.delegations.range(Delegate::from(organization)..=last);
        all.map(|(delegate, _)| *delegate).filter(|delegate| self.is_delegated_to(*delegate)).collect()
    }
}
