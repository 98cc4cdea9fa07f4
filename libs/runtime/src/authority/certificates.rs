//! Client certificates and whom they are bound to, as the log has them.

use std::collections::HashMap;

use contracts::{
    AdministratorId, Thumbprint, Timestamp,
    directory::{AdministratorCertificateBound, BoundCertificateView, CertificateMark},
};

/// Every binding; a certificate has one owner.
#[derive(Debug, Default)]
pub struct Certificates(HashMap<CertificateMark, (AdministratorId, BoundCertificateView)>);

impl Certificates {
    /// A certificate, and whom it is bound to.
    pub fn find(&self, certificate: CertificateMark) -> Option<&(AdministratorId, BoundCertificateView)> {
        self.0.get(&certificate)
    }

    /// Whom a certificate is bound to.
    pub fn owner(&self, certificate: CertificateMark) -> Option<AdministratorId> {
        self.find(certificate).map(|(owner, _)| *owner)
    }

    /// Whom a certificate is bound to, also by the SHA-1 of one that is known by its thumbprint.
    pub fn bound_to(&self, certificate: CertificateMark) -> Option<AdministratorId> {
        let found = self.0.values().find(|(_, view)| is(view, certificate));
        found.map(|(owner, _)| *owner)
    }

    /// The certificates of an administrator, in the order in which they were bound.
    pub fn of(&self, administrator: AdministratorId) -> Vec<BoundCertificateView> {
        let theirs = self.0.values().filter(|(owner, _)| *owner == administrator);
        let mut theirs: Vec<_> = theirs.map(|(_, view)| view.clone()).collect();
        theirs.sort_by_key(|view| (view.bound_at, view.id.to_string()));
        theirs
    }

    pub(super) fn bind(
        &mut self,
        owner: AdministratorId,
        bound: &AdministratorCertificateBound,
        at: Timestamp,
    ) {
        let AdministratorCertificateBound { sha256, sha1, not_after } = *bound;
        let by_sha1 = sha1.map(CertificateMark::Sha1);
        if let Some(waiting) = by_sha1.filter(|mark| self.owner(*mark) == Some(owner)) {
            self.0.remove(&waiting);
        }
        let Some(id) = sha256.map(CertificateMark::Sha256).or(by_sha1) else { return };
        self.0.insert(id, (owner, BoundCertificateView { id, sha1, not_after, bound_at: at }));
    }

    /// Takes one from its owner. Returns its thumbprint, if that was known.
    pub(super) fn unbind(
        &mut self,
        owner: AdministratorId,
        certificate: CertificateMark,
    ) -> Option<Thumbprint> {
        let found = self.0.iter().find(|(_, (whose, view))| *whose == owner && is(view, certificate));
        let id = *found?.0;
        self.0.remove(&id);
        match id {
            CertificateMark::Sha256(thumbprint) => Some(thumbprint),
            CertificateMark::Sha1(_) => None,
        }
    }

    pub(super) fn remove_all_of(&mut self, administrator: AdministratorId) {
        self.0.retain(|_, (owner, _)| *owner != administrator);
    }
}

fn is(view: &BoundCertificateView, certificate: CertificateMark) -> bool {
    view.id == certificate || view.sha1.map(CertificateMark::Sha1) == Some(certificate)
}

#[cfg(test)]
mod tests {
    use contracts::thumbprint::Hash;
    use uuid::Uuid;

    use super::*;

    const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));

    #[test]
    fn a_certificate_has_an_owner_until_it_is_unbound_or_they_are_removed() {
        let (alice, bob) = (AdministratorId(Uuid::from_u128(1)), AdministratorId(Uuid::from_u128(2)));
        let (sha1, sha256) = (CertificateMark::Sha1(Hash([1; 20])), CertificateMark::Sha256(Hash([2; 32])));
        let mut certificates = Certificates::default();
        let waiting =
            AdministratorCertificateBound { sha256: None, sha1: Some(Hash([1; 20])), not_after: None };
        certificates.bind(alice, &waiting, NOON);
        assert_eq!(certificates.owner(sha1), Some(alice));
        let used = AdministratorCertificateBound { sha256: Some(Hash([2; 32])), ..waiting };
        certificates.bind(alice, &used, NOON);
        assert_eq!((certificates.owner(sha1), certificates.owner(sha256)), (None, Some(alice)));
        assert_eq!(certificates.of(alice).len(), 1);
        certificates.unbind(bob, sha256);
        assert_eq!(certificates.owner(sha256), Some(alice), "it is not bob's to lose");
        certificates.unbind(alice, sha1);
        assert_eq!(certificates.owner(sha256), None);
        certificates.bind(bob, &used, NOON);
        certificates.remove_all_of(bob);
        assert!(certificates.of(bob).is_empty());
    }
}
