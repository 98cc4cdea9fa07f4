//! The ends of CAs are watched (N-2): one that comes near or has passed is told loudly, at the start and once more when
//! it happens (D14). A CA that has ended issues nothing; [`crate::certificate_request`] refuses it by name.

use std::{collections::HashMap, sync::Arc, time::Duration};

use contracts::{CaId, Timestamp, signer::CaStatus};
use runtime::service::ServiceContext;

use crate::{catalog::Catalog, issuer::Issuer, signer::Signer};

/// Time between two looks.
const PERIOD: Duration = Duration::from_secs(2);

/// How a CA stands by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It has time left.
    Sound,
    /// The last quarter of its life has begun.
    Ending,
    /// Its certificate has ended.
    Ended,
}

impl Standing {
    /// How a CA stands whose certificate is valid in these seconds, both included.
    #[must_use]
    pub fn of(not_before: Timestamp, not_after: Timestamp, now: Timestamp) -> Self {
        let life = not_after.unix() - not_before.unix() + 1;
        match not_after.unix() + 1 - now.unix() {
            left if left <= 0 => Self::Ended,
            left if left <= life / 4 => Self::Ending,
            _ => Self::Sound,
        }
    }
}

/// Looks until shutdown.
pub fn start(context: &ServiceContext, signer: Arc<Signer>) {
    context.shutdown.spawn_droppable(async move {
        let mut watch = Watch::default();
        loop {
            let now = signer.clock.now();
            let issuers = signer.catalog.read(Catalog::issuers);
            signer.metrics.expiries(issuers.iter().map(|issuer| (issuer.name.as_str(), issuer.not_after)));
            for (issuer, standing) in watch.news(&issuers, now) {
                tell(issuer, standing);
            }
            tokio::time::sleep(PERIOD).await;
        }
    });
}

/// What was told already.
#[derive(Debug, Default)]
struct Watch {
    told: HashMap<CaId, Standing>,
}

impl Watch {
    /// CAs that stand worse than was told. A suspended one is told too: it may be resumed.
    fn news<'a>(&mut self, issuers: &'a [Arc<Issuer>], now: Timestamp) -> Vec<(&'a Issuer, Standing)> {
        let mut news = vec![];
        for issuer in issuers {
            let standing = Standing::of(issuer.not_before, issuer.not_after, now);
            let told = self.told.insert(issuer.id, standing).unwrap_or(Standing::Sound);
            if standing > told {
                news.push((&**issuer, standing));
            }
        }
        news
    }
}

fn tell(issuer: &Issuer, standing: Standing) {
    let (ca, name, ended) = (issuer.id, &issuer.name, issuer.not_after);
    let suspended = issuer.status == CaStatus::Suspended;
    match standing {
        Standing::Sound => {}
        Standing::Ending => tracing::warn!(
            %ca, name, until = %ended, suspended,
            "a CA ends soon and cuts what it issues: make another one and name it in the profiles"
        ),
        Standing::Ended => tracing::error!(
            %ca, name, %ended, suspended,
            "a CA has ended and issues nothing: make another one and name it in the profiles"
        ),
    }
}

#[cfg(test)]
mod tests {
    use contracts::{Lifetime, signer::CaKind};
    use time::macros::datetime;

    use super::*;
    use crate::issuer::test::issuer;

    const NOON: Timestamp = Timestamp(datetime!(2026-11-21 12:00 UTC));

    fn after(seconds: i64) -> Timestamp {
        Timestamp::from_unix(NOON.unix() + seconds)
    }

    #[test]
    fn a_ca_ends_after_the_last_second_of_its_certificate_and_is_ending_in_its_last_quarter() {
        let standing = |now| Standing::of(NOON, after(399), after(now));
        for (now, expected) in [
            (-5, Standing::Sound),
            (0, Standing::Sound),
            (299, Standing::Sound),
            (300, Standing::Ending),
            (399, Standing::Ending),
            (400, Standing::Ended),
            (1_000_000, Standing::Ended),
        ] {
            assert_eq!(standing(now), expected, "after {now} s of 400");
        }
    }

    #[test]
    fn each_change_for_the_worse_is_told_once() {
        let issuers = [Arc::new(issuer("lab", CaKind::Root, NOON, Lifetime::seconds(400)))];
        let mut watch = Watch::default();
        let mut told = |now| {
            watch.news(&issuers, after(now)).into_iter().map(|(_, standing)| standing).collect::<Vec<_>>()
        };
        assert_eq!(told(0), []);
        assert_eq!(told(350), [Standing::Ending]);
        assert_eq!(told(351), []);
        assert_eq!(told(500), [Standing::Ended]);
        assert_eq!(told(900), []);
    }

    #[test]
    fn one_that_ended_before_the_start_is_told_at_once() {
        let issuers = [Arc::new(issuer("lab", CaKind::Root, NOON, Lifetime::seconds(400)))];
        let mut watch = Watch::default();
        let news = watch.news(&issuers, after(900));
        assert_eq!(news.len(), 1);
        assert_eq!((news[0].0.name.as_str(), news[0].1), ("lab", Standing::Ended));
    }
}
