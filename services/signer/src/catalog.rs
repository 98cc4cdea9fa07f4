//! The catalog: every CA, profile, policy and name, in memory and following the log. Requests are judged by it, so a
//! certificate costs no query; what a request was judged by is captured by hash (C-2).

mod follow;

use std::{collections::HashMap, sync::Arc};

use contracts::{
    CaId, Event, OrganizationId, PolicyId, ProfileId, Timestamp,
    id::Reference,
    signer::{CaEvent, CaIntended, CaView, PolicyEvent, PolicyView, ProfileEvent, ProfileView},
    x509::ProfileIssuer,
};
use runtime::{approvals::ApprovalPolicies, names};
use uuid::Uuid;

use crate::{issuer::Issuer, metrics::IssuerKind, micro_ca, organizations::Organizations, rules::Rules};

/// The name of the policy and the profile that are used when none is named.
pub const DEFAULT: &str = "default";

/// What is known of CAs, profiles, policies and names.
#[derive(Debug, Default)]
pub struct Catalog {
    cas: HashMap<CaId, KnownCa>,
    profiles: HashMap<ProfileId, KnownProfile>,
    policies: HashMap<PolicyId, PolicyView>,
    /// By the stream of the name.
    owners: HashMap<Uuid, Uuid>,
    first_organization: Option<OrganizationId>,
    organizations: Organizations,
    approval_policies: ApprovalPolicies,
}

#[derive(Debug)]
struct KnownCa {
    view: CaView,
    intent: Arc<CaIntended>,
    /// Missing while it is pending.
    issuer: Option<Arc<Issuer>>,
}

#[derive(Debug)]
struct KnownProfile {
    view: ProfileView,
    /// With its policy; missing while that is unknown.
    rules: Option<Arc<Rules>>,
}

/// What a request is judged by.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Profile and policy.
    pub rules: Arc<Rules>,
    /// The CA; `None` for self-signed certificates, and those of CAs outside.
    pub issuer: Option<Arc<Issuer>>,
}

impl Selection {
    /// Who signs.
    #[must_use]
    pub fn issuer_kind(&self) -> IssuerKind {
        match &self.issuer {
            Some(issuer) => IssuerKind::Ca(issuer.kind),
            None if self.rules.is_manual() => IssuerKind::Outside,
            None => IssuerKind::Itself,
        }
    }
}

/// Why there is nothing to judge a request by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// No such profile in the organization.
    Profile,
    /// The profile's CA has no certificate.
    Ca(CaId),
}

impl Catalog {
    /// Profile, policy and CA for a request; without a reference the profile named `default`.
    pub fn select(
        &self,
        organization: OrganizationId,
        profile: Option<&Reference<ProfileId>>,
    ) -> Result<Selection, Missing> {
        let known = match profile {
            Some(reference) => self.known_profile(organization, reference),
            None => self.known_profile(organization, &Reference::Name(DEFAULT.to_owned())),
        };
        let rules = known.and_then(|known| known.rules.clone()).ok_or(Missing::Profile)?;
        let ca = match rules.profile.issuer {
            ProfileIssuer::SelfSigned | ProfileIssuer::Manual => {
                return Ok(Selection { rules, issuer: None });
            }
            ProfileIssuer::MicroCa => micro_ca::id(organization),
            ProfileIssuer::Ca(id) => id,
        };
        let issuer = self.issuer(organization, ca).ok_or(Missing::Ca(ca))?;
        Ok(Selection { rules, issuer: Some(issuer) })
    }

    /// A CA that has its certificate.
    #[must_use]
    pub fn issuer(&self, organization: OrganizationId, id: CaId) -> Option<Arc<Issuer>> {
        self.known_ca(organization, &Reference::Id(id))?.issuer.clone()
    }

    /// A CA.
    #[must_use]
    pub fn ca(&self, organization: OrganizationId, reference: &Reference<CaId>) -> Option<&CaView> {
        Some(&self.known_ca(organization, reference)?.view)
    }

    /// A profile.
    #[must_use]
    pub fn profile(
        &self,
        organization: OrganizationId,
        reference: &Reference<ProfileId>,
    ) -> Option<&ProfileView> {
        Some(&self.known_profile(organization, reference)?.view)
    }

    /// A policy.
    #[must_use]
    pub fn policy(
        &self,
        organization: OrganizationId,
        reference: &Reference<PolicyId>,
    ) -> Option<&PolicyView> {
        let id = self.resolve(organization, PolicyEvent::CATEGORY, reference, PolicyId)?;
        self.policies.get(&id).filter(|policy| policy.organization_id == organization)
    }

    /// CAs that were intended before this instant and have no certificate.
    #[must_use]
    pub fn pending_cas(&self, before: Timestamp) -> Vec<CaId> {
        let pending =
            self.cas.values().filter(|known| known.issuer.is_none() && known.view.created_at < before);
        pending.map(|known| known.view.id).collect()
    }

    /// Every CA that has its certificate.
    #[must_use]
    pub fn issuers(&self) -> Vec<Arc<Issuer>> {
        self.cas.values().filter_map(|known| known.issuer.clone()).collect()
    }

    /// The CAs of an organization that have their certificate.
    #[must_use]
    pub fn issuers_of(&self, organization: OrganizationId) -> Vec<Arc<Issuer>> {
        let own = self.cas.values().filter(|known| known.view.organization_id == organization);
        own.filter_map(|known| known.issuer.clone()).collect()
    }

    /// The organization that came first: the one the installation began with.
    #[must_use]
    pub const fn first_organization(&self) -> Option<OrganizationId> {
        self.first_organization
    }

    /// What organizations and departments have for subjects.
    #[must_use]
    pub const fn organizations(&self) -> &Organizations {
        &self.organizations
    }

    /// Which acts need approval.
    #[must_use]
    pub const fn approval_policies(&self) -> &ApprovalPolicies {
        &self.approval_policies
    }

    fn known_ca(&self, organization: OrganizationId, reference: &Reference<CaId>) -> Option<&KnownCa> {
        let id = self.resolve(organization, CaEvent::CATEGORY, reference, CaId)?;
        self.cas.get(&id).filter(|known| known.view.organization_id == organization)
    }

    fn known_profile(
        &self,
        organization: OrganizationId,
        reference: &Reference<ProfileId>,
    ) -> Option<&KnownProfile> {
        let id = self.resolve(organization, ProfileEvent::CATEGORY, reference, ProfileId)?;
        self.profiles.get(&id).filter(|known| known.view.organization_id == organization)
    }

    fn resolve<Id: Copy>(
        &self,
        organization: OrganizationId,
        kind: &str,
        reference: &Reference<Id>,
        id: impl Fn(Uuid) -> Id,
    ) -> Option<Id> {
        match reference {
            Reference::Id(id) => Some(*id),
            Reference::Name(name) => {
                self.owners.get(&names::stream(organization.uuid(), kind, name)).copied().map(id)
            }
        }
    }
}

#[cfg(test)]
mod tests;
