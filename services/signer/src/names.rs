//! Whether the names of a request may be certified for its organization (O2, O3), from memory.

use std::borrow::Cow;

use contracts::{Problem, Violation, directory::Delegate, x509::CertificateType};
use runtime::domains::{DomainRefusal, Domains};

use crate::{applicant::Applicant, signer::Signer};

/// The rule that these refusals go by.
const RULE: &str = "domains";

impl Signer {
    /// Every name of a request that whoever it is for may not have certified. A refusal is looked up in the log first,
    /// so that what was delegated a moment ago counts at once.
    ///
    /// Errors: `service_unavailable` while domains are not known.
    pub(crate) async fn refused_names(
        &self,
        delegate: Delegate,
        applicant: &Applicant,
        kind: CertificateType,
    ) -> Result<Vec<Violation>, Problem> {
        let judge = |domains: &Domains| judge(domains, applicant, delegate, kind);
        if self.knows_domains() && self.domains.read(judge).is_empty() {
            return Ok(vec![]);
        }
        self.level(self.domains.catch_up()).await?;
        if !self.knows_domains() || self.domains.read(Domains::is_empty) {
            let words = "which names may be certified is not known at the moment; try again";
            return Err(Problem::unavailable(words));
        }
        let refusals = self.domains.read(judge);
        if refusals.is_empty() {
            return Ok(vec![]);
        }
        let whom = self.words_for(delegate);
        Ok(refusals.into_iter().map(|refused| refused.tell(&whom)).collect())
    }

    fn knows_domains(&self) -> bool {
        self.domains.has_caught_up() && !self.domains.is_halted()
    }

    /// `the organization 'hq'`, or `the department 'web' of the organization 'hq'`.
    fn words_for(&self, delegate: Delegate) -> String {
        let id = delegate.organization_id;
        let name = self.authority.organization(id).map_or_else(|| id.to_string(), |known| known.name);
        let organization = format!("the organization '{name}'");
        let Some(id) = delegate.department_id else { return organization };
        let department = self.authority.department(delegate.organization_id, &id.into());
        let name = department.map_or_else(|| id.to_string(), |(_, known)| known.name);
        format!("the department '{name}' of {organization}")
    }
}

/// A name that is refused, and where it stands.
#[derive(Debug, PartialEq)]
struct Refused {
    pointer: String,
    refusal: DomainRefusal,
}

/// Whoever has no domain gets no certificate, names or not; otherwise each name is judged by itself.
fn judge(
    domains: &Domains,
    applicant: &Applicant,
    delegate: Delegate,
    kind: CertificateType,
) -> Vec<Refused> {
    if let Err(refusal) = domains.may_order(delegate) {
        return vec![Refused { pointer: applicant.pointer(None), refusal }];
    }
    let sans = applicant.sans();
    let refused = |(place, host): (Option<usize>, Cow<'_, str>)| {
        let refusal = domains.may_name(delegate, kind, &host).err()?;
        Some(Refused { pointer: applicant.pointer(place), refusal })
    };
    applicant.hosts(&sans).into_iter().filter_map(refused).collect()
}

impl Refused {
    fn tell(self, whom: &str) -> Violation {
        let Self { pointer, refusal } = self;
        let (detail, allowed) = match &refusal {
            DomainRefusal::NoDomain => (
                format!(
                    "no domain is delegated to {whom}, so nothing is issued for it; ask a master administrator to \
                     delegate one"
                ),
                vec![],
            ),
            DomainRefusal::NotDelegated { name, requested: Some(domain), .. } => (
                format!(
                    "'{name}' is under the domain '{domain}', whose delegation to {whom} waits for approval"
                ),
                vec![],
            ),
            DomainRefusal::NotDelegated { name, requested: None, allowed } => {
                (format!("'{name}' is under no domain that is delegated to {whom}"), allowed.clone())
            }
            DomainRefusal::Inactive { name, domain } => {
                (format!("'{name}' is under the domain '{domain}' of {whom}, which is inactive"), vec![])
            }
            DomainRefusal::Type { name, domain, kind, allowed } => (
                format!(
                    "'{name}' is under the domain '{domain}', which is not delegated to {whom} for certificates of \
                     type {}",
                    kind.as_str()
                ),
                allowed.iter().map(|kind| kind.as_str().to_owned()).collect(),
            ),
            DomainRefusal::Covers { name } => (
                format!(
                    "'{name}' would be good for names under a more specific domain, too, which is not delegated to {whom} \
                     for these certificates, or inactive; ask for single names"
                ),
                vec![],
            ),
        };
        Violation::at(pointer, refusal.code(), detail).by_rule(RULE).allowing(allowed)
    }
}

#[cfg(test)]
mod tests;
