//! Which names an organization may have certified (O2, O3): answered from memory, by the most specific domain that a
//! name is under.

mod domain;

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
};

use contracts::{
    DomainId, Event,
    directory::{Delegate, DomainEvent, EVERY_NAME},
    event::EventError,
    x509::CertificateType,
};
use eventlog::Recorded;

pub use self::domain::{Delegation, Domain};
use crate::fold::Fold;

/// Domains that a refusal names as allowed, at most.
const NAMED: usize = 10;

/// Every domain, as the log has it.
#[derive(Debug, Default)]
pub struct Domains {
    domains: HashMap<DomainId, Domain>,
    by_name: HashMap<String, DomainId>,
    /// The domains one label below a name: what a wildcard covers.
    below: HashMap<String, Vec<DomainId>>,
    /// The names of the domains that count for somebody.
    of: HashMap<Delegate, BTreeSet<String>>,
}

/// Why a name may not be certified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DomainRefusal {
    /// Nothing at all is delegated.
    #[error("no domain is delegated to them")]
    NoDomain,
    /// The most specific domain is not theirs.
    #[error("'{name}' is under no domain that is delegated to them")]
    NotDelegated {
        /// The name.
        name: String,
        /// The domain whose delegation was asked for and is not approved.
        requested: Option<String>,
        /// Some of the domains that are theirs.
        allowed: Vec<String>,
    },
    /// The most specific domain is switched off.
    #[error("'{name}' is under the domain '{domain}', which is inactive")]
    Inactive {
        /// The name.
        name: String,
        /// The domain.
        domain: String,
    },
    /// The most specific domain does not count for certificates of this type.
    #[error("the domain '{domain}' of '{name}' does not count for certificates of type {}", kind.as_str())]
    Type {
        /// The name.
        name: String,
        /// The domain.
        domain: String,
        /// The type.
        kind: CertificateType,
        /// The types that it counts for.
        allowed: Vec<CertificateType>,
    },
    /// The wildcard is good for names under a more specific domain, too, and that one does not count for them.
    #[error("'{name}' covers names of a domain that does not count for them")]
    Covers {
        /// The name.
        name: String,
    },
}

impl DomainRefusal {
    /// Its stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoDomain => "organization_without_domain",
            Self::NotDelegated { .. } | Self::Covers { .. } => "domain_not_delegated",
            Self::Inactive { .. } => "domain_inactive",
            Self::Type { .. } => "certificate_type_not_allowed",
        }
    }
}

impl Domains {
    /// Whether there is any domain yet: the first start makes one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.domains.is_empty()
    }

    /// Whether somebody may have certificates at all. Errors: [`DomainRefusal::NoDomain`].
    pub fn may_order(&self, delegate: Delegate) -> Result<(), DomainRefusal> {
        if self.of.contains_key(&delegate) { Ok(()) } else { Err(DomainRefusal::NoDomain) }
    }

    /// Whether certificates of a type for somebody may carry a DNS name, by the domain that decides. What that domain
    /// is called is told only to those it is delegated to, or who asked for it.
    pub fn may_name(
        &self,
        delegate: Delegate,
        kind: CertificateType,
        name: &str,
    ) -> Result<&Domain, DomainRefusal> {
        self.may_order(delegate)?;
        let shown = || name.to_owned();
        // An escaped host is none that can be compared (RFC 5280 §4.2.1.6 wants a domain name).
        let domain = self.most_specific(name).filter(|_| !name.contains('%'));
        let domain = domain.filter(|domain| domain.is_delegated_to(delegate));
        let Some(domain) = domain else {
            return Err(DomainRefusal::NotDelegated {
                name: shown(),
                requested: self.requested(delegate, name),
                allowed: self.of.get(&delegate).into_iter().flatten().take(NAMED).cloned().collect(),
            });
        };
        if !domain.active {
            return Err(DomainRefusal::Inactive { name: shown(), domain: domain.name.clone() });
        }
        let allowed = domain.types_for(delegate);
        if !allowed.contains(&kind) {
            return Err(DomainRefusal::Type { name: shown(), domain: domain.name.clone(), kind, allowed });
        }
        let fits = |covered: &Domain| covered.active && covered.types_for(delegate).contains(&kind);
        if !self.covered_by(name).all(fits) {
            return Err(DomainRefusal::Covers { name: shown() });
        }
        Ok(domain)
    }

    /// The domains that a wildcard certificate would be good for, beside the one that decides.
    fn covered_by(&self, name: &str) -> impl Iterator<Item = &Domain> {
        let name = lower(name.strip_suffix('.').unwrap_or(name));
        let below = name.strip_prefix("*.").and_then(|base| self.below.get(base));
        below.into_iter().flatten().filter_map(|id| self.domains.get(id))
    }

    /// The domain that a name is under: equal, or the nearest above it on label borders, or `*`.
    #[must_use]
    pub fn most_specific(&self, name: &str) -> Option<&Domain> {
        let name = lower(name.strip_suffix('.').unwrap_or(name));
        let name = name.strip_prefix("*.").unwrap_or(&name);
        let above = std::iter::successors(Some(name), |name| Some(name.split_once('.')?.1));
        let id = above.chain([EVERY_NAME]).find_map(|name| self.by_name.get(name))?;
        self.domains.get(id)
    }

    fn requested(&self, delegate: Delegate, name: &str) -> Option<String> {
        let domain = self.most_specific(name)?;
        let asked = domain.delegations.get(&delegate)?;
        (!asked.requested.is_empty()).then(|| domain.name.clone())
    }

    fn take(&mut self, id: DomainId, event: DomainEvent) {
        let organization = event.delegate().map(|delegate| delegate.organization_id);
        let domain = match event {
            DomainEvent::Created(created) => {
                if let Some((_, above)) = created.name.split_once('.') {
                    self.below.entry(above.to_owned()).or_default().push(id);
                }
                self.by_name.insert(created.name.clone(), id);
                self.domains.insert(id, Domain::new(created));
                return;
            }
            event => {
                let Some(domain) = self.domains.get_mut(&id) else { return };
                let before = organization.map(|organization| domain.delegates_in(organization));
                for delegate in before.into_iter().flatten() {
                    if let Some(names) = self.of.get_mut(&delegate) {
                        names.remove(&domain.name);
                        if names.is_empty() {
                            self.of.remove(&delegate);
                        }
                    }
                }
                domain.apply(event);
                domain
            }
        };
        let after = organization.map(|organization| domain.delegates_in(organization));
        for delegate in after.into_iter().flatten() {
            self.of.entry(delegate).or_default().insert(domain.name.clone());
        }
    }
}

impl Fold for Domains {
    const CATEGORIES: &'static [&'static str] = &[DomainEvent::CATEGORY];

    fn apply(&mut self, recorded: &Recorded) -> Result<(), EventError> {
        let event = DomainEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload)?;
        self.take(DomainId(recorded.stream), event);
        Ok(())
    }
}

fn lower(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|b| b.is_ascii_uppercase()) { name.to_ascii_lowercase().into() } else { name.into() }
}

#[cfg(test)]
mod tests;
