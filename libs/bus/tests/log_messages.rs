//! The log's stream, as a reader meets it: in order, and with a plain word when it cannot be trusted.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test that cannot go on should say where

#[allow(dead_code)] // each test file uses its part
mod support;

use std::time::Duration;

use async_nats::{HeaderMap, jetstream::stream};
use chancery_bus::{Bus, Interrupted, LogMessages};
use contracts::{Service, log::header};
use support::{Nats, settle};
use uuid::Uuid;

async fn create_stream(relay: &Bus, first: u64) {
    let config = stream::Config {
        name: "LOG_0".into(),
        subjects: vec!["log.0.>".into()],
        first_sequence: Some(first),
        ..Default::default()
    };
    relay.jetstream().create_stream(config).await.unwrap();
}

async fn publish(relay: &Bus, position: i64, previous: i64, category: &str) {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (header::POSITION, position.to_string()),
        (header::PREV, previous.to_string()),
        (header::EPOCH, "1".into()),
        (header::HASH, "00".repeat(32)),
        (header::ID, Uuid::from_u128(position as u128).to_string()),
        (header::TYPE, format!("{category}.happened")),
        (header::SCHEMA, "1".into()),
        (header::TENANT, Uuid::from_u128(1).to_string()),
        (header::STREAM, Uuid::from_u128(2).to_string()),
        (header::VERSION, "1".into()),
        (header::TIME, "2026-11-21T09:00:00.123456Z".into()),
        (header::COMMAND, Uuid::from_u128(3).to_string()),
        (header::CAUSATION, Uuid::from_u128(3).to_string()),
        (header::CORRELATION, Uuid::from_u128(3).to_string()),
        (header::ACTOR, "service:signer".into()),
    ] {
        headers.insert(name, value);
    }
    let subject = format!("log.0.{category}.happened.2");
    relay.jetstream().publish_with_headers(subject, headers, "{}".into()).await.unwrap().await.unwrap();
}

async fn read(messages: &mut LogMessages, count: usize) -> Vec<i64> {
    let mut positions = vec![];
    while positions.len() < count {
        positions.extend(messages.next(100).await.unwrap().iter().map(|message| message.event.position));
    }
    positions
}

#[tokio::test]
async fn a_reader_gets_its_categories_in_order_from_where_it_asked() {
    let nats = Nats::start().await;
    let (relay, inventory) = (nats.connect(Service::Relay).await, nats.connect(Service::Inventory).await);
    create_stream(&relay, 1).await;
    for (position, previous, category) in
        [(1, 0, "ca"), (2, 0, "key"), (3, 1, "ca"), (4, 2, "key"), (5, 3, "ca")]
    {
        publish(&relay, position, previous, category).await;
    }
    let mut messages = LogMessages::subscribe(&inventory, Some(&["ca"]), 2).await.unwrap();
    let first = messages.next(1).await.unwrap().remove(0);
    assert_eq!((first.event.position, first.previous, first.sequence), (3, 1, 3));
    assert_eq!(
        (first.event.category.as_str(), first.event.kind.as_str(), first.event.payload.as_str()),
        ("ca", "ca.happened", "{}")
    );
    assert_eq!(first.event.recorded_at.to_string(), "2026-11-21T09:00:00.123456Z");
    assert_eq!(read(&mut messages, 1).await, [5]);
    publish(&relay, 6, 5, "ca").await;
    assert_eq!(read(&mut messages, 1).await, [6]);
    let mut all = LogMessages::subscribe(&inventory, None, 1).await.unwrap();
    assert_eq!(read(&mut all, 6).await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(
        (relay.violations(), inventory.violations()),
        (0, 0),
        "an ordered reader needs no more than its row"
    );
}

#[tokio::test]
async fn what_cannot_be_trusted_is_said() {
    let nats = Nats::start().await;
    let (relay, inventory) = (nats.connect(Service::Relay).await, nats.connect(Service::Inventory).await);
    let subscribe = |start| LogMessages::subscribe(&inventory, Some(&["ca"]), start);
    assert_eq!(subscribe(1).await.err(), Some(Interrupted::NoStream));
    create_stream(&relay, 10).await;
    assert_eq!(subscribe(4).await.err(), Some(Interrupted::Forgotten { start: 4, first: 10 }));
    for position in 10..15 {
        publish(&relay, position, position - 1, "ca").await;
    }
    let mut messages = subscribe(10).await.unwrap();
    assert_eq!(read(&mut messages, 5).await, [10, 11, 12, 13, 14]);
    relay.jetstream().delete_stream("LOG_0").await.unwrap();
    assert!(matches!(messages.next(1).await, Err(Interrupted::Lost(_))));
}

#[tokio::test]
async fn a_stream_with_holes_is_not_read() {
    let nats = Nats::start().await;
    let (relay, inventory) = (nats.connect(Service::Relay).await, nats.connect(Service::Inventory).await);
    create_stream(&relay, 1).await;
    for position in 1..5 {
        publish(&relay, position, position - 1, "ca").await;
    }
    // The relay's stream denies this; here a disk does it.
    let stream = relay.jetstream().get_stream("LOG_0").await.unwrap();
    purge_one(&relay, &stream).await;
    let subscribed = LogMessages::subscribe(&inventory, Some(&["ca"]), 1).await;
    assert_eq!(subscribed.err(), Some(Interrupted::Holes { count: 1 }));
}

/// Removes message 3 with the one call the relay has for it: a purge of a subject of its own.
async fn purge_one(relay: &Bus, stream: &stream::Stream) {
    let mut headers = HeaderMap::new();
    headers.insert("x", "y");
    relay
        .jetstream()
        .publish_with_headers("log.0.other.happened.1", headers, "{}".into())
        .await
        .unwrap()
        .await
        .unwrap();
    publish(relay, 6, 4, "ca").await;
    stream.purge().filter("log.0.other.>").await.unwrap();
}

#[tokio::test]
async fn a_killed_server_interrupts_within_seconds_and_reading_goes_on_afterwards() {
    let mut nats = Nats::start().await;
    let (relay, inventory) = (nats.connect(Service::Relay).await, nats.connect(Service::Inventory).await);
    create_stream(&relay, 1).await;
    publish(&relay, 1, 0, "ca").await;
    let mut messages = LogMessages::subscribe(&inventory, Some(&["ca"]), 1).await.unwrap();
    assert_eq!(read(&mut messages, 1).await, [1]);
    nats.kill();
    let interrupted = tokio::time::timeout(Duration::from_secs(5), messages.next(1)).await.unwrap();
    assert!(matches!(interrupted, Err(Interrupted::Lost(_))));
    assert_eq!(LogMessages::subscribe(&inventory, Some(&["ca"]), 2).await.err(), Some(Interrupted::Away));
    nats.restart().await;
    for up in [relay.connected(), inventory.connected()] {
        up.clone().wait_for(|up| *up).await.unwrap();
    }
    publish(&relay, 2, 1, "ca").await;
    let mut messages = LogMessages::subscribe(&inventory, Some(&["ca"]), 2).await.unwrap();
    assert_eq!(read(&mut messages, 1).await, [2]);
}

#[tokio::test]
async fn heads_are_told_to_everyone() {
    use futures::StreamExt;
    let nats = Nats::start().await;
    let (signer, inventory) = (nats.connect(Service::Signer).await, nats.connect(Service::Inventory).await);
    let mut wakes = inventory.wakes().await.unwrap();
    settle(&inventory).await;
    signer.wake(41);
    assert_eq!(wakes.next().await, Some(41));
    signer.wake(40); // older news is none
    signer.wake(42);
    assert_eq!(wakes.next().await, Some(42));
}
