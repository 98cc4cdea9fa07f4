//! The client certificates that one administrator signs in with.

use contracts::directory::{
    AdministratorCertificateBound, AdministratorCertificateUnbound, AdministratorEvent, CertificateMark,
    ShownCertificate,
};

/// The most that one administrator may have: an old one and a new one on each of a few devices.
pub const MOST: usize = 20;

/// Those that are bound, in the order in which they were.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientCertificates(Vec<AdministratorCertificateBound>);

impl ClientCertificates {
    /// What binding a certificate leads to; `None` when there is no room for it.
    pub fn bind(&self, bound: AdministratorCertificateBound) -> Option<Vec<AdministratorEvent>> {
        if mark(&bound).is_some_and(|certificate| self.find(certificate).is_some()) {
            return Some(vec![]);
        }
        (self.0.len() < MOST).then(|| vec![bound.into()])
    }

    /// What taking one away leads to; `None` when there is none.
    pub fn unbind(&self, unbound: AdministratorCertificateUnbound) -> Option<Vec<AdministratorEvent>> {
        self.find(unbound.certificate).map(|_| vec![unbound.into()])
    }

    /// What its first use leads to: one that only its SHA-1 was known of is known by its thumbprint from then on.
    pub fn used(&self, shown: ShownCertificate) -> Vec<AdministratorEvent> {
        let ShownCertificate { sha256, sha1, not_after } = shown;
        let waiting = self.find(CertificateMark::Sha1(sha1)).filter(|bound| bound.sha256.is_none());
        let bound = AdministratorCertificateBound {
            sha256: Some(sha256),
            sha1: Some(sha1),
            not_after: Some(not_after),
        };
        waiting.map(|_| bound.into()).into_iter().collect()
    }

    /// Takes in that one is bound.
    pub fn bound(&mut self, bound: AdministratorCertificateBound) {
        let waiting = |known: &AdministratorCertificateBound| {
            known.sha256.is_none() && known.sha1.is_some() && known.sha1 == bound.sha1
        };
        self.0.retain(|known| !waiting(known));
        self.0.push(bound);
    }

    /// Takes in that one is bound no longer.
    pub fn unbound(&mut self, certificate: CertificateMark) {
        self.0.retain(|known| !is(known, certificate));
    }

    /// One of them.
    pub fn find(&self, certificate: CertificateMark) -> Option<&AdministratorCertificateBound> {
        self.0.iter().find(|known| is(known, certificate))
    }

    /// All of them.
    pub fn marks(&self) -> impl Iterator<Item = CertificateMark> {
        self.0.iter().filter_map(mark)
    }
}

/// What a bound certificate is known by: the best that is known.
pub fn mark(bound: &AdministratorCertificateBound) -> Option<CertificateMark> {
    bound.sha256.map(CertificateMark::Sha256).or(bound.sha1.map(CertificateMark::Sha1))
}

fn is(bound: &AdministratorCertificateBound, certificate: CertificateMark) -> bool {
    match certificate {
        CertificateMark::Sha256(hash) => bound.sha256 == Some(hash),
        CertificateMark::Sha1(hash) => bound.sha1 == Some(hash),
    }
}

#[cfg(test)]
mod tests {
    use contracts::Timestamp;

    use super::*;

    const SHOWN: ShownCertificate = ShownCertificate {
        sha256: contracts::thumbprint::Hash([2; 32]),
        sha1: contracts::thumbprint::Hash([1; 20]),
        not_after: Timestamp(time::macros::datetime!(2027-01-01 00:00 UTC)),
    };

    fn by_sha1() -> AdministratorCertificateBound {
        AdministratorCertificateBound { sha256: None, sha1: Some(SHOWN.sha1), not_after: None }
    }

    fn by_sha256() -> AdministratorCertificateBound {
        let (sha256, not_after) = (Some(SHOWN.sha256), Some(SHOWN.not_after));
        AdministratorCertificateBound { sha256, sha1: None, not_after }
    }

    fn after(
        mut certificates: ClientCertificates,
        events: Vec<AdministratorEvent>,
    ) -> (ClientCertificates, usize) {
        let count = events.len();
        for event in events {
            match event {
                AdministratorEvent::CertificateBound(bound) => certificates.bound(bound),
                AdministratorEvent::CertificateUnbound(unbound) => certificates.unbound(unbound.certificate),
                other => panic!("{other:?}"),
            }
        }
        (certificates, count)
    }

    #[test]
    fn one_that_is_known_by_its_sha1_gets_its_thumbprint_at_its_first_use_and_only_then() {
        let none = ClientCertificates::default();
        let (waiting, count) = after(none.clone(), none.bind(by_sha1()).unwrap());
        assert_eq!(count, 1);
        let (known, count) = after(waiting.clone(), waiting.used(SHOWN));
        assert_eq!(
            (count, known.marks().collect::<Vec<_>>()),
            (1, vec![CertificateMark::Sha256(SHOWN.sha256)])
        );
        assert_eq!(known.used(SHOWN), []);
        let another = ShownCertificate { sha1: contracts::thumbprint::Hash([9; 20]), ..SHOWN };
        assert_eq!(waiting.used(another), [], "another certificate is another one");
    }

    #[test]
    fn one_is_bound_once_and_gone_when_unbound_by_either_mark() {
        let none = ClientCertificates::default();
        let sha256 = CertificateMark::Sha256(SHOWN.sha256);
        let (bound, _) = after(none.clone(), none.bind(by_sha256()).unwrap());
        assert_eq!(bound.bind(by_sha256()), Some(vec![]));
        let unbind = |certificate| AdministratorCertificateUnbound { certificate, reason: None };
        assert_eq!(none.unbind(unbind(sha256)), None);
        let (gone, count) = after(bound.clone(), bound.unbind(unbind(sha256)).unwrap());
        assert_eq!((gone, count), (none, 1));
    }

    #[test]
    fn there_is_an_end_to_them() {
        let mut certificates = ClientCertificates::default();
        for number in 0..MOST {
            let sha256 = Some(contracts::thumbprint::Hash([u8::try_from(number).unwrap(); 32]));
            certificates.bound(AdministratorCertificateBound { sha256, sha1: None, not_after: None });
        }
        assert_eq!(certificates.bind(by_sha1()), None);
    }
}
