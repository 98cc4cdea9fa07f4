use std::sync::{Arc, Mutex};

use contracts::Timestamp;
use futures::FutureExt as _;

use uuid::Uuid;

use super::{Page, Pages};
use crate::Recorded;

/// A log in memory that counts how often it is read.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<(i64, usize)>>);

impl Log {
    fn write(&self, events: i64) {
        self.0.lock().unwrap().0 += events;
    }

    fn reads(&self) -> usize {
        self.0.lock().unwrap().1
    }

    fn read(&self, after: i64, size: i64) -> Page {
        let mut log = self.0.lock().unwrap();
        log.1 += 1;
        Ok((after + 1..=log.0.min(after + size)).map(event).collect())
    }

    fn pages(&self, size: usize) -> Pages {
        let log = self.clone();
        Pages::new(0, size, move |after| {
            let log = log.clone();
            async move { log.read(after, size as i64) }.boxed()
        })
    }
}

fn event(position: i64) -> Recorded {
    Recorded {
        position,
        tenant: Uuid::nil(),
        category: "ca".into(),
        stream: Uuid::nil(),
        version: 1,
        id: Uuid::nil(),
        kind: "ca.created".into(),
        schema: 1,
        recorded_at: Timestamp::from_unix(1_790_000_000),
        command_id: Uuid::nil(),
        causation: Uuid::nil(),
        correlation: Uuid::nil(),
        actor: "service:signer".into(),
        traceparent: None,
        payload: "{}".into(),
        hash: [0; 32],
    }
}

async fn next(pages: &mut Pages) -> Vec<i64> {
    pages.next().await.unwrap().iter().map(|event| event.position).collect()
}

/// Lets what was begun behind a page run to its end.
async fn read_ahead(log: &Log, reads: usize) {
    while log.reads() < reads {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_full_page_has_the_next_one_read_behind_it() {
    let log = Log::default();
    log.write(8);
    let mut pages = log.pages(4);
    assert_eq!(next(&mut pages).await, [1, 2, 3, 4]);
    read_ahead(&log, 2).await;
    assert_eq!(next(&mut pages).await, [5, 6, 7, 8], "the page that was there");
    assert_eq!(pages.after(), 8);
}

#[tokio::test]
async fn a_short_page_that_was_read_ahead_says_nothing_of_where_the_log_ends_now() {
    let log = Log::default();
    log.write(5);
    let mut pages = log.pages(4);
    assert_eq!(next(&mut pages).await, [1, 2, 3, 4]);
    read_ahead(&log, 2).await; // it saw one event
    log.write(2);
    assert_eq!(next(&mut pages).await, [5, 6, 7], "what was written since belongs to it");
    assert_eq!(next(&mut pages).await, [0; 0]);
    log.write(1);
    assert_eq!(next(&mut pages).await, [8]);
}
