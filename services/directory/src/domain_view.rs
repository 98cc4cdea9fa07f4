//! What users see of a domain and its delegations: commands answer with these and the projection stores them, so both
//! say the same.

use contracts::{
    Timestamp,
    directory::{Delegate, DelegationView, DomainView, EVERY_NAME},
};
use pki::hostname;
use runtime::domains::Domain;

use crate::domain::status;

/// A domain.
pub fn domain(domain: &Domain, created_at: Timestamp, version: i32) -> DomainView {
    DomainView {
        id: domain.id,
        name: domain.name.clone(),
        display_name: display_name(&domain.name),
        description: domain.description.clone(),
        status: status(domain),
        types: domain.types.clone(),
        created_at,
        version,
    }
}

/// Its delegation to somebody.
pub fn delegation(
    domain: &Domain,
    delegate: Delegate,
    created_at: Timestamp,
    version: i32,
) -> DelegationView {
    let known = domain.delegations.get(&delegate).cloned().unwrap_or_default();
    DelegationView {
        id: delegate.reference(),
        domain_id: domain.id,
        domain_name: domain.name.clone(),
        organization_id: delegate.organization_id,
        department_id: delegate.department_id,
        status: known.status(),
        types: known.types,
        requested_types: known.requested,
        reason: known.refused,
        created_at,
        version,
    }
}

fn display_name(name: &str) -> String {
    if name == EVERY_NAME { name.to_owned() } else { hostname::to_u_labels(name) }
}
