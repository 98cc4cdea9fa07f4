//! A domain: names that certificates may carry, for certificates of which types, and whom they are delegated to.

use contracts::{
    Code, DomainId, Problem, Timestamp, Violation,
    directory::{
        Delegate, DomainActivated, DomainCreated, DomainDeactivated, DomainDelegated,
        DomainDelegationApproved, DomainDelegationRefused, DomainDelegationRequested,
        DomainDelegationWithdrawn, DomainEvent, DomainStatus, DomainUpdated, EVERY_NAME,
    },
    labels::check_text,
    x509::CertificateType,
};
use pki::hostname::{self, HostnameError};
use runtime::{
    aggregate::Aggregate,
    domains::{self, Delegation},
};
use serde_json::{Value, json};

use crate::fields::shown;

/// The longest description or reason.
const LONGEST: usize = 1_000;

/// One domain; none until it is created. It is never deleted, because certificates were issued by it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Domain(pub Option<domains::Domain>);

/// What may be asked of a domain.
#[derive(Clone, Debug)]
pub enum DomainCommand {
    /// Let it exist, delegated to these.
    Create {
        /// Its id.
        id: DomainId,
        /// Its name as people write it.
        name: String,
        /// What it is for.
        description: Option<String>,
        /// The types it counts for; missing: every one.
        types: Option<Vec<CertificateType>>,
        /// To whom.
        delegate_to: Vec<Delegate>,
    },
    /// Change what is given.
    Update {
        /// What it is for.
        description: Option<String>,
        /// The types it counts for.
        types: Option<Vec<CertificateType>>,
    },
    /// Let names under it be certified again.
    Activate(DomainActivated),
    /// Let no name under it be certified.
    Deactivate(DomainDeactivated),
    /// Let it count for somebody, by a master's word.
    Delegate {
        /// For whom.
        delegate: Delegate,
        /// For these types; missing: every one that it could.
        types: Option<Vec<CertificateType>>,
    },
    /// Ask for that.
    Request {
        /// For whom.
        delegate: Delegate,
        /// For these types; missing: every one that it could.
        types: Option<Vec<CertificateType>>,
    },
    /// Agree to what was asked for.
    Approve {
        /// For whom.
        delegate: Delegate,
        /// The types that whoever agrees was shown, where that may be other ones than wait now.
        shown: Option<Vec<CertificateType>>,
    },
    /// Refuse what was asked for.
    Reject(DomainDelegationRefused),
    /// Take a delegation, or a request for one, back.
    Withdraw(DomainDelegationWithdrawn),
}

/// Why a domain refuses.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DomainRefusal {
    /// There is none with this id.
    #[error("the domain does not exist")]
    NotCreated,
    /// The id is taken.
    #[error("the domain exists already")]
    AlreadyCreated,
    /// Some fields hold what they may not.
    #[error("{} field(s) of the domain are not allowed", .0.len())]
    Invalid(Vec<Violation>),
    /// A department before its organization.
    #[error("the domain is not delegated to the department's organization; delegate it there first")]
    OrganizationFirst,
    /// Nothing was asked for, or it is decided.
    #[error("no request of theirs for the domain waits for a decision")]
    NothingWaits,
    /// There is nothing to take back.
    #[error("the domain is neither delegated to them nor asked for")]
    NotDelegated,
}

impl From<DomainRefusal> for Problem {
    fn from(refusal: DomainRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            DomainRefusal::NotCreated | DomainRefusal::NotDelegated => Self::new(Code::NotFound, detail),
            DomainRefusal::AlreadyCreated => Self::new(Code::AlreadyExists, detail),
            DomainRefusal::OrganizationFirst | DomainRefusal::NothingWaits => {
                Self::new(Code::InvalidState, detail)
            }
            DomainRefusal::Invalid(errors) => Self::new(Code::ValidationFailed, detail).with_errors(errors),
        }
    }
}

impl Aggregate for Domain {
    type Command = DomainCommand;
    type Event = DomainEvent;
    type Refusal = DomainRefusal;

    fn decide(&self, command: DomainCommand, _now: Timestamp) -> Result<Vec<DomainEvent>, DomainRefusal> {
        match (&self.0, command) {
            (None, DomainCommand::Create { id, name, description, types, delegate_to }) => {
                create(id, &name, description, types, delegate_to)
            }
            (Some(_), DomainCommand::Create { .. }) => Err(DomainRefusal::AlreadyCreated),
            (None, _) => Err(DomainRefusal::NotCreated),
            (Some(domain), DomainCommand::Update { description, types }) => {
                update(domain, description, types)
            }
            (Some(domain), DomainCommand::Activate(activated)) => {
                checked(reason("#/reason", activated.reason.as_deref()))?;
                Ok(if domain.active { vec![] } else { vec![activated.into()] })
            }
            (Some(domain), DomainCommand::Deactivate(deactivated)) => {
                checked(reason("#/reason", deactivated.reason.as_deref()))?;
                Ok(if domain.active { vec![deactivated.into()] } else { vec![] })
            }
            (Some(domain), DomainCommand::Delegate { delegate, types }) => {
                let types = possible(domain, delegate, types)?;
                let wanted = Delegation { types: types.clone(), ..Delegation::default() };
                let is_so = domain.delegations.get(&delegate) == Some(&wanted);
                Ok(if is_so { vec![] } else { vec![DomainDelegated { delegate, types }.into()] })
            }
            (Some(domain), DomainCommand::Request { delegate, types }) => {
                let types = possible(domain, delegate, types)?;
                let known = domain.delegations.get(&delegate).cloned().unwrap_or_default();
                let is_had = types.iter().all(|kind| known.types.contains(kind));
                let is_known = is_had || known.requested == types;
                Ok(if is_known { vec![] } else { vec![DomainDelegationRequested { delegate, types }.into()] })
            }
            (Some(domain), DomainCommand::Approve { delegate, shown }) => {
                let known = waiting(domain, delegate)?;
                if shown.is_some_and(|shown| shown != known.requested) {
                    return Err(DomainRefusal::NothingWaits);
                }
                let mut types = possible(domain, delegate, Some(known.requested.clone()))?;
                types.extend(&known.types);
                let types = sorted(types);
                Ok(vec![DomainDelegationApproved { delegate, types }.into()])
            }
            (Some(domain), DomainCommand::Reject(refused)) => {
                waiting(domain, refused.delegate)?;
                let missing = || Violation::at("#/reason", "missing_reason", "a reason is needed");
                let is_empty = refused.reason.trim().is_empty();
                checked(is_empty.then(missing).or_else(|| reason("#/reason", Some(&refused.reason))))?;
                Ok(vec![refused.into()])
            }
            (Some(domain), DomainCommand::Withdraw(withdrawn)) => {
                checked(reason("#/reason", withdrawn.reason.as_deref()))?;
                if domain.delegations.contains_key(&withdrawn.delegate) {
                    Ok(vec![withdrawn.into()])
                } else {
                    Err(DomainRefusal::NotDelegated)
                }
            }
        }
    }

    fn evolve(self, event: DomainEvent) -> Self {
        match (self.0, event) {
            (None, DomainEvent::Created(created)) => Self(Some(domains::Domain::new(created))),
            (None, _) => Self(None),
            (Some(mut domain), event) => {
                domain.apply(event);
                Self(Some(domain))
            }
        }
    }

    fn describe(&self) -> Value {
        let Some(domain) = &self.0 else { return Value::Null };
        let delegations = domain.delegations.iter().map(|(delegate, delegation)| {
            let Delegation { types, requested, refused } = delegation;
            let shown = json!({
                "status": delegation.status(), "types": types, "requestedTypes": requested, "reason": refused,
            });
            (delegate.reference().to_string(), shown)
        });
        json!({
            "name": domain.name,
            "description": domain.description,
            "types": domain.types,
            "status": status(domain),
            "delegations": delegations.collect::<serde_json::Map<_, _>>(),
        })
    }
}

/// A domain's name as certificates have it; `*` is every name.
pub fn certified_name(name: &str) -> Result<String, HostnameError> {
    if name == EVERY_NAME { Ok(name.to_owned()) } else { hostname::to_a_labels(name) }
}

/// Whether names under a domain may be certified, in a word.
pub const fn status(domain: &domains::Domain) -> DomainStatus {
    if domain.active { DomainStatus::Active } else { DomainStatus::Inactive }
}

fn create(
    id: DomainId,
    name: &str,
    description: Option<String>,
    types: Option<Vec<CertificateType>>,
    delegate_to: Vec<Delegate>,
) -> Result<Vec<DomainEvent>, DomainRefusal> {
    let certified = certified_name(name);
    let wrong_name = certified.as_ref().err().map(|error| {
        let detail = format!(
            "'{}' is not a domain: {error}; expected a DNS name such as 'example.com', which stands for all below it too, or '*' for every name",
            shown(name)
        );
        Violation::at("#/name", "invalid_domain", detail)
    });
    let types = sorted(types.unwrap_or_else(|| CertificateType::ALL.to_vec()));
    let errors = [wrong_name, no_types(&types), reason("#/description", description.as_deref())];
    checked(errors.into_iter().flatten())?;
    let Ok(name) = certified else { return Err(DomainRefusal::Invalid(vec![])) };
    let created = DomainCreated { id, name, description, types };
    let mut domain = domains::Domain::new(created.clone());
    let mut events = vec![DomainEvent::from(created)];
    for delegate in delegate_to {
        let types = possible(&domain, delegate, None)?;
        let delegated = DomainEvent::from(DomainDelegated { delegate, types });
        domain.apply(delegated.clone());
        events.push(delegated);
    }
    Ok(events)
}

fn update(
    domain: &domains::Domain,
    description: Option<String>,
    types: Option<Vec<CertificateType>>,
) -> Result<Vec<DomainEvent>, DomainRefusal> {
    let updated = DomainUpdated {
        description: description.or_else(|| domain.description.clone()),
        types: types.map_or_else(|| domain.types.clone(), sorted),
    };
    let errors = [no_types(&updated.types), reason("#/description", updated.description.as_deref())];
    checked(errors.into_iter().flatten())?;
    let is_so = updated.types == domain.types && updated.description == domain.description;
    Ok(if is_so { vec![] } else { vec![updated.into()] })
}

/// The types of a delegation, which are among the domain's, and for a department among its organization's.
fn possible(
    domain: &domains::Domain,
    delegate: Delegate,
    types: Option<Vec<CertificateType>>,
) -> Result<Vec<CertificateType>, DomainRefusal> {
    let allowed = if delegate.department_id.is_none() {
        domain.types.clone()
    } else {
        domain.types_for(delegate.organization_id.into())
    };
    if allowed.is_empty() {
        return Err(DomainRefusal::OrganizationFirst);
    }
    let types = types.map_or_else(|| allowed.clone(), sorted);
    let foreign = types.iter().find(|kind| !allowed.contains(kind)).map(|kind| {
        let detail = format!("the domain '{}' cannot be delegated for type {}", domain.name, kind.as_str());
        Violation::at("#/types", "certificate_type_not_allowed", detail)
            .allowing(allowed.iter().map(|kind| kind.as_str()))
    });
    checked(foreign.or_else(|| no_types(&types)))?;
    Ok(types)
}

/// The delegation of which something waits for a decision.
fn waiting(domain: &domains::Domain, delegate: Delegate) -> Result<&Delegation, DomainRefusal> {
    let known = domain.delegations.get(&delegate).filter(|known| !known.requested.is_empty());
    known.ok_or(DomainRefusal::NothingWaits)
}

fn sorted(mut types: Vec<CertificateType>) -> Vec<CertificateType> {
    types.sort_unstable();
    types.dedup();
    types
}

fn no_types(types: &[CertificateType]) -> Option<Violation> {
    types.is_empty().then(|| {
        let detail =
            "an empty list would allow no certificate; name at least one type or leave the field out";
        Violation::at("#/types", "empty_list", detail)
    })
}

fn reason(pointer: &str, text: Option<&str>) -> Option<Violation> {
    check_text(pointer, text?, LONGEST)
}

fn checked(errors: impl IntoIterator<Item = Violation>) -> Result<(), DomainRefusal> {
    let errors: Vec<_> = errors.into_iter().collect();
    if errors.is_empty() { Ok(()) } else { Err(DomainRefusal::Invalid(errors)) }
}

#[cfg(test)]
mod tests;
