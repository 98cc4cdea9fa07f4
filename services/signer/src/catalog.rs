//! The catalog: every CA, profile, policy and name, in memory and following the log. Requests are judged by it, so a
//! certificate costs no query; what a request was judged by is captured by hash (C-2).

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use contracts::{
    CaId, Event, OrganizationId, PolicyId, ProfileId, Timestamp,
    directory::OrganizationEvent,
    event::EventError,
    id::Reference,
    signer::{
        CaEvent, CaIntended, CaStatus, CaView, PolicyEvent, PolicyView, ProfileEvent, ProfileView,
        SignerNameEvent,
    },
    x509::ProfileIssuer,
};
use eventlog::Recorded;
use runtime::{fold::Fold, names};
use serde::de::Error as _;
use uuid::Uuid;

use crate::{issuer::Issuer, micro_ca, rules::Rules, view};

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
    /// The CA; `None` for self-signed certificates.
    pub issuer: Option<Arc<Issuer>>,
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
            ProfileIssuer::SelfSigned => return Ok(Selection { rules, issuer: None }),
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

    /// When CAs end, by name; of several with one name the first.
    #[must_use]
    pub fn expiries(&self) -> BTreeMap<String, Timestamp> {
        let mut ends = BTreeMap::new();
        for issuer in self.cas.values().filter_map(|known| known.issuer.as_ref()) {
            let end = ends.entry(issuer.name.clone()).or_insert(issuer.not_after);
            *end = issuer.not_after.min(*end);
        }
        ends
    }

    /// The organization that came first: the one the installation began with.
    #[must_use]
    pub const fn first_organization(&self) -> Option<OrganizationId> {
        self.first_organization
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

impl Fold for Catalog {
    const CATEGORIES: &'static [&'static str] = &["organization", "ca", "policy", "profile", "signer_name"];

    fn apply(&mut self, recorded: &Recorded) -> Result<(), EventError> {
        match &*recorded.category {
            OrganizationEvent::CATEGORY => {
                self.first_organization.get_or_insert(OrganizationId(recorded.tenant));
            }
            CaEvent::CATEGORY => self.apply_ca(read(recorded)?, recorded)?,
            PolicyEvent::CATEGORY => self.apply_policy(read(recorded)?, recorded),
            ProfileEvent::CATEGORY => self.apply_profile(read(recorded)?, recorded),
            SignerNameEvent::CATEGORY => {
                let SignerNameEvent::Reserved(reserved) = read(recorded)?;
                self.owners.insert(recorded.stream, reserved.owner); // the last one has it: names may be taken over
            }
            _ => {}
        }
        Ok(())
    }
}

fn read<E: Event>(recorded: &Recorded) -> Result<E, EventError> {
    E::from_payload(&recorded.kind, recorded.schema, &recorded.payload)
}

impl Catalog {
    fn apply_ca(&mut self, event: CaEvent, recorded: &Recorded) -> Result<(), EventError> {
        let id = CaId(recorded.stream);
        let before = self.cas.remove(&id);
        let (before, known) = match before {
            Some(KnownCa { view, intent, issuer }) => (Some(view), Some((intent, issuer))),
            None => (None, None),
        };
        let Some(view) = view::ca(before, event.clone(), recorded) else { return Ok(()) };
        let known = match (event, known) {
            (CaEvent::Intended(intent), _) => Some((Arc::new(intent), None)),
            (CaEvent::Created(created), Some((intent, _))) => {
                let parent = intent.parent_id.and_then(|parent| self.cas.get(&parent)?.issuer.clone());
                let issuer = Issuer::read(&intent, &created, parent.as_deref()).map_err(|error| {
                    EventError::Payload { kind: "ca.created", source: serde_json::Error::custom(error) }
                })?;
                Some((intent, Some(Arc::new(issuer))))
            }
            (CaEvent::Suspended(_), Some((intent, issuer))) => {
                Some((intent, with_status(issuer, CaStatus::Suspended)))
            }
            (CaEvent::Resumed(_), Some((intent, issuer))) => {
                Some((intent, with_status(issuer, CaStatus::Active)))
            }
            (CaEvent::Created(_) | CaEvent::Suspended(_) | CaEvent::Resumed(_), None) => None,
        };
        if let Some((intent, issuer)) = known {
            self.cas.insert(id, KnownCa { view, intent, issuer });
        }
        Ok(())
    }

    fn apply_policy(&mut self, event: PolicyEvent, recorded: &Recorded) {
        let id = PolicyId(recorded.stream);
        let before = self.policies.remove(&id);
        let Some(policy) = view::policy(before, event, recorded) else { return };
        for known in self.profiles.values_mut().filter(|known| known.view.rules.policy == id) {
            known.rules = Some(Arc::new(Rules::capture(&known.view, &policy)));
        }
        self.policies.insert(id, policy);
    }

    fn apply_profile(&mut self, event: ProfileEvent, recorded: &Recorded) {
        let id = ProfileId(recorded.stream);
        let before = self.profiles.remove(&id).map(|known| known.view);
        let Some(view) = view::profile(before, event, recorded) else { return };
        let rules =
            self.policies.get(&view.rules.policy).map(|policy| Arc::new(Rules::capture(&view, policy)));
        self.profiles.insert(id, KnownProfile { view, rules });
    }
}

fn with_status(issuer: Option<Arc<Issuer>>, status: CaStatus) -> Option<Arc<Issuer>> {
    issuer.map(|issuer| Arc::new(issuer.with_status(status)))
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_STANDARD};
    use contracts::{
        KeyId, Lifetime, Timestamp,
        directory::NameReserved,
        signer::{CaKind, CaSuspended, PolicyCreated, PolicyUpdated, ProfileCreated},
        x509::{CertificateType, KeyAlgorithm, LifetimeRule, PolicyRules, ProfileRules, SignatureAlgorithm},
    };
    use time::macros::datetime;

    use super::*;
    use crate::create_ca;

    const NOON: Timestamp = Timestamp(datetime!(2026-11-21 12:00 UTC));
    const OURS: OrganizationId = OrganizationId(Uuid::from_u128(1));
    const THEIRS: OrganizationId = OrganizationId(Uuid::from_u128(2));
    const POLICY: PolicyId = PolicyId(Uuid::from_u128(3));
    const PROFILE: ProfileId = ProfileId(Uuid::from_u128(4));

    fn record<E: Event>(catalog: &mut Catalog, stream: Uuid, version: i32, event: &E) {
        let recorded = Recorded {
            position: 1,
            tenant: OURS.uuid(),
            category: E::CATEGORY.into(),
            stream,
            version,
            id: Uuid::nil(),
            kind: event.kind().into(),
            schema: event.schema_version(),
            recorded_at: NOON,
            command_id: Uuid::nil(),
            causation: Uuid::nil(),
            correlation: Uuid::nil(),
            actor: "service:signer".into(),
            traceparent: None,
            payload: event.to_payload().unwrap(),
            hash: [0; 32],
        };
        catalog.apply(&recorded).unwrap();
    }

    fn reserve(catalog: &mut Catalog, kind: &str, name: &str, owner: Uuid) {
        let stream = names::stream(OURS.uuid(), kind, name);
        let reserved = NameReserved { kind: kind.into(), name: name.into(), owner };
        record(catalog, stream, 1, &SignerNameEvent::Reserved(reserved));
    }

    /// A policy and a profile, both named `default`.
    fn with_profile(issuer: ProfileIssuer) -> Catalog {
        let mut catalog = Catalog::default();
        reserve(&mut catalog, "policy", DEFAULT, POLICY.uuid());
        let policy = PolicyCreated { id: POLICY, name: DEFAULT.into(), rules: PolicyRules::default() };
        record(&mut catalog, POLICY.uuid(), 1, &PolicyEvent::Created(policy));
        reserve(&mut catalog, "profile", DEFAULT, PROFILE.uuid());
        let rules = ProfileRules {
            certificate_type: CertificateType::Server,
            issuer,
            policy: POLICY,
            ttl: LifetimeRule { default: Lifetime::days(90), max: Lifetime::days(398) },
            key_usages: None,
            extended_key_usages: None,
            exportable: false,
        };
        let profile = ProfileCreated { id: PROFILE, name: DEFAULT.into(), rules };
        record(&mut catalog, PROFILE.uuid(), 1, &ProfileEvent::Created(profile));
        catalog
    }

    /// The Micro CA: intended, then certified.
    fn add_micro_ca(catalog: &mut Catalog) {
        let id = micro_ca::id(OURS);
        let made = crate::issuer::test::issuer(micro_ca::NAME, CaKind::Micro, NOON, Lifetime::days(3_650));
        let intent = CaIntended {
            id,
            name: micro_ca::NAME.into(),
            kind: CaKind::Micro,
            parent_id: None,
            key_id: KeyId(Uuid::from_u128(5)),
            signing_key_id: KeyId(Uuid::from_u128(5)),
            key_algorithm: KeyAlgorithm::EcdsaP256,
            signature_algorithm: SignatureAlgorithm::EcdsaSha256,
            tbs: BASE64_STANDARD.encode(made.certificate.tbs()),
            max_ttl: None,
        };
        let signature = BASE64_STANDARD.encode(made.certificate.signature());
        let created = create_ca::certified(&intent, None, &signature).unwrap();
        record(catalog, id.uuid(), 1, &CaEvent::Intended(intent));
        record(catalog, id.uuid(), 2, &CaEvent::Created(created));
    }

    #[test]
    fn a_request_that_names_nothing_gets_the_default_profile_and_the_micro_ca() {
        let mut catalog = with_profile(ProfileIssuer::MicroCa);
        assert_eq!(catalog.select(OURS, None).unwrap_err(), Missing::Ca(micro_ca::id(OURS)));
        add_micro_ca(&mut catalog);
        let selection = catalog.select(OURS, None).unwrap();
        assert_eq!(selection.rules.profile_id, PROFILE);
        assert_eq!(selection.issuer.unwrap().name, micro_ca::NAME);
    }

    #[test]
    fn another_organization_sees_nothing() {
        let mut catalog = with_profile(ProfileIssuer::MicroCa);
        add_micro_ca(&mut catalog);
        for reference in [Reference::Id(PROFILE), Reference::Name(DEFAULT.into())] {
            assert!(catalog.select(OURS, Some(&reference)).is_ok());
            assert_eq!(catalog.select(THEIRS, Some(&reference)).unwrap_err(), Missing::Profile);
        }
        assert!(catalog.policy(THEIRS, &Reference::Id(POLICY)).is_none());
        assert!(catalog.issuer(THEIRS, micro_ca::id(OURS)).is_none());
    }

    #[test]
    fn new_rules_of_a_policy_reach_its_profiles_under_another_hash() {
        let mut catalog = with_profile(ProfileIssuer::SelfSigned);
        let before = catalog.select(OURS, None).unwrap().rules;
        let rules = PolicyRules { max_ttl: Some(Lifetime::days(7)), ..PolicyRules::default() };
        record(&mut catalog, POLICY.uuid(), 2, &PolicyEvent::Updated(PolicyUpdated { rules: rules.clone() }));
        let after = catalog.select(OURS, None).unwrap().rules;
        assert_eq!(after.policy, rules);
        assert_ne!(before.sha256, after.sha256);
        assert_eq!(catalog.policy(OURS, &Reference::Id(POLICY)).unwrap().version, 2);
    }

    #[test]
    fn a_suspension_reaches_the_issuer() {
        let mut catalog = with_profile(ProfileIssuer::MicroCa);
        add_micro_ca(&mut catalog);
        let suspended = CaSuspended { reason: "drill".into() };
        record(&mut catalog, micro_ca::id(OURS).uuid(), 3, &CaEvent::Suspended(suspended));
        assert_eq!(catalog.select(OURS, None).unwrap().issuer.unwrap().status, CaStatus::Suspended);
    }
}
