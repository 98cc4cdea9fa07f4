//! Trusted CA sets as of now (L6), for whoever judges a chain: answered from memory. They are our own; what the operating
//! system trusts says nothing here.
//!
//! A service that follows them reads the category `trust_set`, and starts them as
//! `Live::<TrustedRoots>::start("trusted_roots", …)`.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use contracts::{
    Event, OrganizationId, TrustSetId,
    event::EventError,
    inventory::{TrustSetEvent, TrustedCertificate},
};
use eventlog::Recorded;
use serde::de::Error as _;

use crate::fold::Fold;

/// Every trust set.
#[derive(Debug, Default)]
pub struct TrustedRoots {
    sets: HashMap<TrustSetId, RootSet>,
    defaults: HashMap<OrganizationId, TrustSetId>,
}

/// One trust set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootSet {
    /// Which.
    pub id: TrustSetId,
    /// Whose it is; `None`: the installation's, for everybody to use.
    pub organization: Option<OrganizationId>,
    /// Its name.
    pub name: String,
    /// Whether it is shipped with the program.
    pub is_system: bool,
    /// Whether nothing is to be judged by it any more.
    pub is_archived: bool,
    certificates: BTreeMap<String, Arc<[u8]>>,
}

impl RootSet {
    /// Its certificates, DER, in the order of their fingerprints.
    pub fn certificates(&self) -> impl ExactSizeIterator<Item = &Arc<[u8]>> {
        self.certificates.values()
    }

    /// SHA-256 of each of its certificates, hexadecimal.
    pub fn fingerprints(&self) -> impl ExactSizeIterator<Item = &str> {
        self.certificates.keys().map(String::as_str)
    }
}

impl TrustedRoots {
    /// A set, also one that is archived.
    #[must_use]
    pub fn set(&self, id: TrustSetId) -> Option<&RootSet> {
        self.sets.get(&id)
    }

    /// A set that an organization may judge by: one of its own or of the installation, not archived.
    #[must_use]
    pub fn usable(&self, organization: OrganizationId, id: TrustSetId) -> Option<&RootSet> {
        self.set(id).filter(|set| set.is_usable_by(organization))
    }

    /// Every set that an organization may judge by.
    pub fn usable_sets(&self, organization: OrganizationId) -> impl Iterator<Item = &RootSet> {
        self.sets.values().filter(move |set| set.is_usable_by(organization))
    }

    /// A usable set by name; its own comes before one of the installation.
    #[must_use]
    pub fn named(&self, organization: OrganizationId, name: &str) -> Option<&RootSet> {
        let named = self.sets.values().filter(|set| set.name == name && set.is_usable_by(organization));
        named.max_by_key(|set| set.organization.is_some())
    }

    /// The set that counts in an organization where none is named: its own default, or else the installation's.
    #[must_use]
    pub fn default_of(&self, organization: OrganizationId) -> Option<&RootSet> {
        let chosen = [organization, OrganizationId::INSTALLATION]
            .into_iter()
            .find_map(|place| self.defaults.get(&place));
        chosen.and_then(|id| self.set(*id))
    }

    /// Whether a set is the default of the organization, or the installation, whose it is.
    #[must_use]
    pub fn is_default(&self, id: TrustSetId) -> bool {
        let place = self.set(id).map(RootSet::place);
        place.is_some_and(|place| self.defaults.get(&place) == Some(&id))
    }

    fn take(&mut self, id: TrustSetId, event: TrustSetEvent) -> Result<(), EventError> {
        if let TrustSetEvent::Created(created) = event {
            let set = RootSet {
                id,
                organization: created.organization_id,
                name: created.name,
                is_system: created.source.is_some(),
                is_archived: false,
                certificates: BTreeMap::new(),
            };
            self.sets.insert(id, set);
            return Ok(());
        }
        let Some(set) = self.sets.get_mut(&id) else { return Ok(()) };
        match event {
            TrustSetEvent::Created(_) | TrustSetEvent::Edited(_) => {}
            TrustSetEvent::Updated(updated) => set.name = updated.name,
            TrustSetEvent::CertificatesAdded(added) => {
                for certificate in added.certificates {
                    let der = der(&certificate)?;
                    set.certificates.insert(certificate.fingerprint_sha256, der);
                }
            }
            TrustSetEvent::CertificatesRemoved(removed) => {
                set.certificates.retain(|fingerprint, _| !removed.fingerprints.contains(fingerprint));
            }
            TrustSetEvent::MadeDefault(_) => {
                self.defaults.insert(set.place(), id);
            }
            TrustSetEvent::DefaultEnded(_) => {
                let place = set.place();
                self.defaults.retain(|known, chosen| (*known, *chosen) != (place, id));
            }
            TrustSetEvent::Archived(_) => set.is_archived = true,
        }
        Ok(())
    }
}

impl RootSet {
    fn is_usable_by(&self, organization: OrganizationId) -> bool {
        !self.is_archived && self.organization.is_none_or(|own| own == organization)
    }

    fn place(&self) -> OrganizationId {
        self.organization.unwrap_or(OrganizationId::INSTALLATION)
    }
}

impl Fold for TrustedRoots {
    const CATEGORIES: &'static [&'static str] = &[TrustSetEvent::CATEGORY];

    fn apply(&mut self, recorded: &Recorded) -> Result<(), EventError> {
        let event = TrustSetEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload)?;
        self.take(TrustSetId(recorded.stream), event)
    }
}

fn der(certificate: &TrustedCertificate) -> Result<Arc<[u8]>, EventError> {
    let read = BASE64_STANDARD.decode(&certificate.certificate);
    read.map(Arc::from).map_err(|error| EventError::Payload {
        kind: "trust_set.certificates_added",
        source: serde_json::Error::custom(error),
    })
}

#[cfg(test)]
mod tests {
    use contracts::inventory::{
        TrustSetArchived, TrustSetCertificatesAdded, TrustSetCertificatesRemoved, TrustSetCreated,
        TrustSetDefaultEnded, TrustSetMadeDefault, TrustSetUpdated,
    };
    use uuid::Uuid;

    use super::*;

    const HQ: OrganizationId = OrganizationId(Uuid::from_u128(1));
    const BRANCH: OrganizationId = OrganizationId(Uuid::from_u128(2));
    const SYSTEM: TrustSetId = TrustSetId(Uuid::from_u128(10));
    const OWN: TrustSetId = TrustSetId(Uuid::from_u128(11));

    fn after(events: Vec<(TrustSetId, TrustSetEvent)>) -> TrustedRoots {
        let mut roots = TrustedRoots::default();
        for (id, event) in events {
            roots.take(id, event).unwrap();
        }
        roots
    }

    fn created(id: TrustSetId, organization_id: Option<OrganizationId>) -> (TrustSetId, TrustSetEvent) {
        let created =
            TrustSetCreated { id, organization_id, name: "public".into(), description: None, source: None };
        (id, created.into())
    }

    fn added(certificates: &[(&str, &[u8])]) -> TrustSetEvent {
        let certificates = certificates.iter().map(|(fingerprint, der)| TrustedCertificate {
            fingerprint_sha256: (*fingerprint).into(),
            certificate: BASE64_STANDARD.encode(der),
        });
        TrustSetCertificatesAdded { certificates: certificates.collect() }.into()
    }

    #[test]
    fn a_certificate_is_in_a_set_once_until_it_is_removed() {
        let removed = TrustSetCertificatesRemoved { fingerprints: vec!["aa".into()] };
        let roots = after(vec![
            created(OWN, Some(HQ)),
            (OWN, added(&[("aa", b"one"), ("bb", b"two")])),
            (OWN, added(&[("bb", b"two")])),
            (OWN, removed.into()),
        ]);
        let set = roots.set(OWN).unwrap();
        assert_eq!(set.certificates().map(|der| der.to_vec()).collect::<Vec<_>>(), [b"two"]);
    }

    #[test]
    fn an_organization_without_a_default_has_the_installations() {
        let default = || TrustSetMadeDefault {}.into();
        let roots =
            after(vec![created(SYSTEM, None), (SYSTEM, default()), created(OWN, Some(HQ)), (OWN, default())]);
        let of = |organization| roots.default_of(organization).map(|set| set.id);
        assert_eq!((of(HQ), of(BRANCH)), (Some(OWN), Some(SYSTEM)));
        assert!(roots.is_default(OWN) && roots.is_default(SYSTEM));
        let roots = after(vec![
            created(SYSTEM, None),
            (SYSTEM, default()),
            created(OWN, Some(HQ)),
            (OWN, default()),
            (OWN, TrustSetDefaultEnded {}.into()),
        ]);
        assert_eq!(roots.default_of(HQ).map(|set| set.id), Some(SYSTEM));
    }

    #[test]
    fn a_set_is_used_by_whose_it_is_while_it_is_not_archived() {
        let renamed = TrustSetUpdated { name: "private".into(), description: None };
        let mut roots = after(vec![created(SYSTEM, None), created(OWN, Some(HQ))]);
        let named =
            |roots: &TrustedRoots, organization, name| roots.named(organization, name).map(|set| set.id);
        assert_eq!(named(&roots, HQ, "public"), Some(OWN), "its own comes first");
        assert_eq!(named(&roots, BRANCH, "public"), Some(SYSTEM));
        assert!(roots.usable(BRANCH, OWN).is_none() && roots.usable(BRANCH, SYSTEM).is_some());
        roots.take(OWN, renamed.into()).unwrap();
        assert_eq!(named(&roots, HQ, "private"), Some(OWN));
        roots.take(OWN, TrustSetArchived {}.into()).unwrap();
        assert_eq!(named(&roots, HQ, "private"), None);
        assert!(roots.usable(HQ, OWN).is_none() && roots.set(OWN).unwrap().is_archived);
    }
}
