//! A follower gives every event once and in order, whatever happens to NATS.

#![allow(clippy::unwrap_used)] // a test that cannot go on should say where

#[allow(dead_code)] // each test file uses its part
mod support;

use std::time::{Duration, Instant};

use chancery_runtime::{
    follower::{FollowOptions, Follower},
    service::ServiceContext,
};
use contracts::Service;
use support::{World, count, positions, raw};
use tokio::sync::mpsc;

/// Follows category `ca` and hands on what it is given.
fn follow(context: &ServiceContext, after: i64) -> mpsc::UnboundedReceiver<Vec<i64>> {
    let options = FollowOptions::new(&["ca"]).after(after).doubt(Duration::from_secs(1));
    let mut follower = Follower::new(context.reader.clone(), context.bus.clone(), options);
    let (give, given) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok(()) =
            give.send(follower.next().await.map(|events| positions(&events)).unwrap_or_default())
        {}
    });
    given
}

async fn take(given: &mut mpsc::UnboundedReceiver<Vec<i64>>, count: usize) -> Vec<i64> {
    let mut all = vec![];
    while all.len() < count {
        let more = tokio::time::timeout(Duration::from_secs(20), given.recv()).await;
        all.extend(more.unwrap_or_else(|_| panic!("only {} of {count}: {all:?}", all.len())).unwrap());
    }
    all
}

#[tokio::test]
async fn events_arrive_within_milliseconds_of_their_commit() {
    let world = World::new().await;
    let _relay = world.relay().await;
    let (signer, inventory) = (world.service(Service::Signer).await, world.service(Service::Inventory).await);
    let mut given = follow(&inventory, 0);
    let first = count(&signer, 1, 1).await;
    assert_eq!(take(&mut given, 1).await, [first]);
    tokio::time::sleep(Duration::from_millis(600)).await; // by now JetStream is followed
    let mut waits = vec![];
    for _ in 0..50 {
        let position = count(&signer, 1, 1).await;
        let committed = Instant::now();
        assert_eq!(take(&mut given, 1).await, [position]);
        waits.push(committed.elapsed());
    }
    waits.sort();
    // Far above what is usual, far below any poll.
    assert!(waits[25] < Duration::from_millis(100), "{waits:?}");
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_while_nats_is_killed_wiped_and_restarted() {
    let mut world = World::new().await;
    let _relay = world.relay().await;
    let (signer, inventory) = (world.service(Service::Signer).await, world.service(Service::Inventory).await);
    let mut given = follow(&inventory, 0);
    let writer = tokio::spawn(async move {
        let mut written = vec![];
        for n in 0..400 {
            if n % 3 == 0 {
                raw(&signer, "profile", "profile.noted", support::OURS, 7, "{}".into()).await;
            }
            written.push(count(&signer, n % 5, 1).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        written
    });
    let mut seen = take(&mut given, 50).await;
    world.kill_nats().await;
    seen.extend(take(&mut given, 50).await); // goes on without NATS
    world.restart_nats().await;
    seen.extend(take(&mut given, 50).await);
    world.kill_nats().await;
    world.wipe_nats();
    world.restart_nats().await;
    let rest = 400 - seen.len();
    seen.extend(take(&mut given, rest).await);
    assert_eq!(seen, writer.await.unwrap());
    assert!(
        tokio::time::timeout(Duration::from_secs(2), async {
            while given.recv().await.is_some_and(|events| events.is_empty()) {}
        })
        .await
        .is_err()
    );
}

#[tokio::test]
async fn without_a_relay_the_log_is_polled() {
    let world = World::new().await;
    let (signer, inventory) = (world.service(Service::Signer).await, world.service(Service::Inventory).await);
    let first = count(&signer, 1, 1).await;
    let second = count(&signer, 1, 1).await;
    let mut given = follow(&inventory, first);
    assert_eq!(take(&mut given, 1).await, [second]);
    let third = count(&signer, 1, 1).await;
    let committed = Instant::now();
    assert_eq!(take(&mut given, 1).await, [third]);
    assert!(committed.elapsed() < Duration::from_millis(1_500), "{:?}", committed.elapsed());
}

#[tokio::test]
async fn a_stream_that_lost_messages_is_made_good_from_the_log() {
    let world = World::new().await;
    let relay = world.relay().await;
    let (signer, inventory) = (world.service(Service::Signer).await, world.service(Service::Inventory).await);
    let mut written = vec![];
    for stream in 0..20 {
        written.push(count(&signer, stream, 1).await);
    }
    let relaying = world.service(Service::Relay).await;
    support::until("the relay publishes", async || {
        let stream = relaying.bus.jetstream().get_stream("LOG_0").await;
        stream.is_ok_and(|stream| stream.cached_info().state.last_sequence == 20)
    })
    .await;
    drop(relay);
    // Streams whose id ends in 3 have a subject of their own: its messages are gone.
    let stream = relaying.bus.jetstream().get_stream("LOG_0").await.unwrap();
    let purged = stream.purge().filter("log.0.ca.counted.3").await.unwrap().purged;
    assert!(purged > 0);
    let mut given = follow(&inventory, 0);
    assert_eq!(take(&mut given, 20).await, written);
    written.push(count(&signer, 1, 1).await);
    assert_eq!(take(&mut given, 1).await, written[20..]);
}
