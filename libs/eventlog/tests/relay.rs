//! The relay against a real PostgreSQL and nats-server: a sequence number is a position, whatever breaks.

#![allow(clippy::unwrap_used)]

mod support;

use std::{collections::HashMap, time::Duration};

use async_nats::jetstream;
use chancery_eventlog::{Appender, Expected, merkle::sha256};
use contracts::Service;
use support::{
    events::{append, fresh, single},
    nats::Nats,
    postgres::Postgres,
    relaying::{Relaying, messages, published},
};
use tokio::time::sleep;

async fn append_events(appender: &Appender, count: usize) {
    let appends = (0..count).map(|_| appender.append(single()));
    for result in futures::future::join_all(appends).await {
        result.unwrap();
    }
}

/// The stream holds the log's events from `first` on, each under its position.
async fn assert_mirrors(postgres: &Postgres, jetstream: &jetstream::Context, first: i64) {
    let recorded = postgres.reader().read(first - 1, None, i64::MAX).await.unwrap();
    let messages = messages(jetstream).await;
    assert_eq!(messages.len(), recorded.len());
    let mut previous = HashMap::new();
    for (message, event) in messages.iter().zip(recorded) {
        let headers = message.headers.as_ref().unwrap();
        let header = |name: &str| headers.get(name).map_or("", |value| value.as_str()).to_owned();
        assert_eq!(message.info().unwrap().stream_sequence, event.position as u64);
        assert_eq!(header("Log-Position"), event.position.to_string());
        if let Some(position) = previous.insert(event.category.clone(), event.position) {
            assert_eq!(header("Log-Prev"), i64::to_string(&position));
        }
        assert_eq!(header("Log-Hash"), hex::encode(sha256(&message.payload)));
        assert_eq!(message.payload, event.payload);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sequence_number_is_a_position_and_headers_say_the_rest() {
    let (postgres, nats) = (Postgres::start().await, Nats::start().await);
    let (directory, signer) = (postgres.appender(Service::Directory), postgres.appender(Service::Signer));
    append_events(&directory, 3).await;
    let mut ca = append(fresh(), Expected::Version(0), 2);
    ca.category = "ca";
    ca.events.iter_mut().for_each(|event| event.kind = "ca.created");
    signer.append(ca.clone()).await.unwrap();
    append_events(&directory, 700).await;
    let relaying = Relaying::start(&postgres, &nats).await;
    let jetstream = nats.jetstream().await;
    published(&jetstream, 705).await;
    assert_mirrors(&postgres, &jetstream, 1).await;

    let stream = jetstream.get_stream("LOG_0").await.unwrap();
    let message = stream.get_raw_message(5).await.unwrap();
    let p = ca.stream.as_bytes()[15] & 15;
    assert_eq!(message.subject.as_str(), format!("log.0.ca.created.{p}"));
    let event = &postgres.reader().read(4, None, 1).await.unwrap()[0];
    let expected = [
        ("Nats-Expected-Last-Sequence", "4".to_owned()),
        ("Log-Position", "5".to_owned()),
        ("Log-Epoch", "1".to_owned()),
        ("Log-Hash", hex::encode(event.hash)),
        ("Log-Prev", "4".to_owned()),
        ("Ev-Id", ca.events[1].id.to_string()),
        ("Ev-Type", "ca.created".to_owned()),
        ("Ev-Schema", "1".to_owned()),
        ("Ev-Tenant", ca.tenant.to_string()),
        ("Ev-Stream", ca.stream.to_string()),
        ("Ev-Version", "2".to_owned()),
        ("Ev-Time", event.recorded_at.to_string()),
        ("Ev-Command", ca.command_id.to_string()),
        ("Ev-Causation", ca.causation.to_string()),
        ("Ev-Correlation", ca.correlation.to_string()),
        ("Ev-Actor", ca.actor.clone()),
        ("traceparent", ca.traceparent.clone().unwrap()),
    ];
    for (name, value) in &expected {
        assert_eq!(message.headers.get(*name).unwrap().as_str(), value, "{name}");
    }
    assert_eq!(message.headers.iter().count(), expected.len());
    // Three partitions: the one in use and two ahead.
    let count = "select count(*) from pg_inherits where inhparent = 'log.event'::regclass";
    assert_eq!(postgres.admin().await.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 3);
    relaying.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wake_up_publishes_at_once_and_a_poll_soon() {
    let (postgres, nats) = (Postgres::start().await, Nats::start().await);
    let _relaying = Relaying::start(&postgres, &nats).await;
    let (jetstream, client) = (nats.jetstream().await, nats.client().await);
    let appender = postgres.appender(Service::Directory);
    appender.append(single()).await.unwrap();
    published(&jetstream, 1).await; // nobody woke it
    let waking = Appender::start(postgres.pool(Service::Directory), move |head| {
        let client = client.clone();
        tokio::spawn(async move { client.publish("wake.log.0", head.to_string().into()).await });
    });
    for position in 2..=20 {
        waking.append(single()).await.unwrap();
        published(&jetstream, position).await;
    }
    assert_mirrors(&postgres, &jetstream, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_stream_is_published_again_under_load() {
    let (postgres, mut nats) = (Postgres::start().await, Nats::start().await);
    let relaying = Relaying::start(&postgres, &nats).await;
    let jetstream = nats.jetstream().await;
    let appender = postgres.appender(Service::Directory);
    append_events(&appender, 600).await;
    published(&jetstream, 600).await;

    nats.kill();
    append_events(&appender, 100).await;
    nats.wipe();
    nats.boot();
    append_events(&appender, 100).await;
    published(&jetstream, 800).await;
    assert_mirrors(&postgres, &jetstream, 1).await;

    // Deleted by someone while all is up.
    jetstream.delete_stream("LOG_0").await.unwrap();
    append_events(&appender, 10).await;
    published(&jetstream, 810).await;
    assert_mirrors(&postgres, &jetstream, 1).await;
    relaying.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_lost_its_tail_is_made_whole() {
    let (postgres, mut nats) = (Postgres::start().await, Nats::start().await);
    let relaying = Relaying::start(&postgres, &nats).await;
    let jetstream = nats.jetstream().await;
    let appender = postgres.appender(Service::Directory);
    append_events(&appender, 200).await;
    published(&jetstream, 200).await;
    nats.kill();
    let old = nats.copy();
    nats.boot();
    append_events(&appender, 200).await;
    published(&jetstream, 400).await;
    nats.kill();
    nats.restore(old);
    nats.boot();
    published(&jetstream, 400).await;
    assert_mirrors(&postgres, &jetstream, 1).await;
    relaying.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_relay_outlives_a_killed_postgresql() {
    let (mut postgres, nats) = (Postgres::start().await, Nats::start().await);
    let _relaying = Relaying::start(&postgres, &nats).await;
    let jetstream = nats.jetstream().await;
    append_events(&postgres.appender(Service::Directory), 50).await;
    published(&jetstream, 50).await;
    postgres.kill();
    sleep(Duration::from_millis(200)).await;
    postgres.boot().await;
    append_events(&postgres.appender(Service::Directory), 50).await;
    published(&jetstream, 100).await;
    assert_mirrors(&postgres, &jetstream, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_relay_takes_over_from_one_killed_between_publish_and_acknowledgement() {
    let (postgres, nats) = (Postgres::start().await, Nats::start().await);
    let jetstream = nats.jetstream().await;
    let appender = postgres.appender(Service::Directory);
    let mut relaying = Relaying::start(&postgres, &nats).await;
    for round in 1..=4 {
        let next = Relaying::start(&postgres, &nats).await;
        append_events(&appender, 300).await;
        relaying.kill();
        relaying = next;
        published(&jetstream, round * 300).await;
    }
    assert_mirrors(&postgres, &jetstream, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_relays_that_both_think_they_lead_publish_each_event_once() {
    let (postgres, nats) = (Postgres::start().await, Nats::start().await);
    let jetstream = nats.jetstream().await;
    // A lock says nothing to a leader that does not notice its loss: `lead_anyway` makes such ones.
    let relaying =
        [Relaying::lead_anyway(&postgres, &nats).await, Relaying::lead_anyway(&postgres, &nats).await];
    let appender = postgres.appender(Service::Directory);
    for _ in 0..10 {
        append_events(&appender, 100).await;
    }
    published(&jetstream, 1000).await;
    assert_mirrors(&postgres, &jetstream, 1).await;
    drop(relaying);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_restored_behind_the_stream_stops_the_relay() {
    let (postgres, nats) = (Postgres::start().await, Nats::start().await);
    let jetstream = nats.jetstream().await;
    let relaying = Relaying::start(&postgres, &nats).await;
    append_events(&postgres.appender(Service::Directory), 20).await;
    published(&jetstream, 20).await;
    relaying.stop().await;

    // The same stream beside a log of another history: first shorter, then longer.
    let restored = Postgres::start().await;
    let appender = restored.appender(Service::Directory);
    append_events(&appender, 5).await;
    let relaying = Relaying::start(&restored, &nats).await;
    sleep(Duration::from_secs(2)).await;
    append_events(&appender, 25).await;
    sleep(Duration::from_secs(12)).await;
    let state = jetstream.get_stream("LOG_0").await.unwrap().cached_info().state.clone();
    assert_eq!(state.last_sequence, 20, "nothing was published after the fork");

    // The runbook: a new epoch, and the stream is made anew.
    let admin = restored.admin().await;
    admin.batch_execute("insert into log.epoch values (0, 2, 30)").await.unwrap();
    jetstream.delete_stream("LOG_0").await.unwrap();
    published(&jetstream, 30).await;
    assert_mirrors(&restored, &jetstream, 1).await;
    relaying.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_past_retention_are_not_published_again() {
    let (postgres, nats) = (Postgres::start().await, Nats::start().await);
    let jetstream = nats.jetstream().await;
    append_events(&postgres.appender(Service::Directory), 30).await;
    let admin = postgres.admin().await;
    admin
        .batch_execute(
            "alter table log.event_0_0 disable trigger append_only;
             update log.event set recorded_at = recorded_at - interval '15 days' where position <= 12;
             alter table log.event_0_0 enable always trigger append_only;",
        )
        .await
        .unwrap();
    let _relaying = Relaying::start(&postgres, &nats).await;
    published(&jetstream, 30).await;
    assert_mirrors(&postgres, &jetstream, 13).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_swept_after_35_days() {
    let (postgres, nats) = (Postgres::start().await, Nats::start().await);
    let appender = postgres.appender(Service::Directory);
    let (old, recent) = (single(), single());
    appender.append(old.clone()).await.unwrap();
    appender.append(recent.clone()).await.unwrap();
    let admin = postgres.admin().await;
    let age = "update log.command set at = at - interval '36 days' where command_id = $1";
    admin.execute(age, &[&old.command_id]).await.unwrap();
    let _relaying = Relaying::start(&postgres, &nats).await;
    published(&nats.jetstream().await, 2).await;
    sleep(Duration::from_millis(500)).await;
    assert_eq!(postgres.reader().outcome(old.command_id).await.unwrap(), None);
    assert!(postgres.reader().outcome(recent.command_id).await.unwrap().is_some());
}
