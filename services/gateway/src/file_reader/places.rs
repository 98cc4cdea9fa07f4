//! Who reads at once: one call of an organization, and few of all, so that nobody's files keep others from reading theirs and
//! memory has an end.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use contracts::{OrganizationId, Problem};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// How many calls read at once.
const AT_ONCE: usize = 4;

/// The places.
pub struct Places {
    all: Semaphore,
    each: Mutex<BTreeMap<OrganizationId, Arc<Semaphore>>>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub struct Place {
    _own: OwnedSemaphorePermit,
    _one_of_all: SemaphorePermit<'static>,
}

impl Places {
    /// All of them free.
    pub const fn new() -> Self {
        Self { all: Semaphore::const_new(AT_ONCE), each: Mutex::new(BTreeMap::new()) }
    }

    /// Waits for a place of an organization, each time this long. Errors: `service_unavailable`.
    pub async fn enter(
        &'static self,
        organization: OrganizationId,
        wait: Duration,
    ) -> Result<Place, Problem> {
        let own = {
            let mut each = self.each.lock();
            each.retain(|_, places| Arc::strong_count(places) > 1 || places.available_permits() == 0);
            each.entry(organization).or_insert_with(|| Arc::new(Semaphore::new(1))).clone()
        };
        let busy = |who: &str| Problem {
            retry_after: Some(u32::try_from(wait.as_secs()).unwrap_or(1).max(1)),
            ..Problem::unavailable(format!("{who} are being read; try again"))
        };
        let own = tokio::time::timeout(wait, own.acquire_owned()).await;
        let Ok(Ok(own)) = own else { return Err(busy("other files of the organization")) };
        let Ok(Ok(all)) = tokio::time::timeout(wait, self.all.acquire()).await else {
            return Err(busy("files of others"));
        };
        Ok(Place { _own: own, _one_of_all: all })
    }
}

#[cfg(test)]
mod tests {
    use contracts::Code;
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn an_organization_reads_one_call_at_a_time_and_keeps_no_other_from_reading() {
        static PLACES: Places = Places::new();
        let enter =
            |number: u128| PLACES.enter(OrganizationId(Uuid::from_u128(number)), Duration::from_millis(10));
        let first = enter(1).await.unwrap();
        let refused = enter(1).await.unwrap_err();
        assert_eq!((refused.code, refused.retry_after), (Code::ServiceUnavailable, Some(1)));
        let mut others = vec![];
        for number in 2..=4 {
            others.push(enter(number).await.unwrap());
        }
        assert!(enter(5).await.unwrap_err().detail.starts_with("files of others"));
        drop(first);
        _ = enter(1).await.unwrap();
        _ = enter(5).await.unwrap();
        assert_eq!(PLACES.each.lock().len(), 4);
    }
}
