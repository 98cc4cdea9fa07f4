//! Processes and timers on real servers: a timer fires once, on time by the injected clock, and again until it is done.

#![allow(clippy::unwrap_used)] // a test that cannot go on should say where

#[allow(dead_code)] // each test file uses its part
mod support;

use std::{sync::Arc, time::Duration};

use chancery_runtime::{
    clock::TestClock,
    process::{self, Process, Reaction},
    service::ServiceContext,
    timer::{Due, arm},
};
use contracts::{Event, Problem, Service, Timestamp, event::EventError};
use eventlog::Recorded;
use serde_json::json;
use support::{Counted, CounterEvent, World, count, until};
use tokio::sync::mpsc;

const HOUR: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 09:00 UTC));

/// Reminds of each counter that is above zero one minute after nine, and forgets it at an amount below.
struct Reminder {
    fired: mpsc::UnboundedSender<Due>,
    failures: i32,
}

impl Process for Reminder {
    const NAME: &'static str = "reminder";
    const CATEGORIES: &'static [&'static str] = &[CounterEvent::CATEGORY];

    fn react(&self, event: &Recorded) -> Result<Vec<Reaction>, EventError> {
        let CounterEvent::Counted(Counted { amount }) =
            CounterEvent::from_payload(&event.kind, event.schema, &event.payload)?;
        let name = event.stream.to_string();
        Ok(vec![if amount > 0 {
            let due = HOUR.plus(time::Duration::minutes(1));
            Reaction::Remind { name, due, payload: json!({ "amount": amount }) }
        } else {
            Reaction::Forget { name }
        }])
    }

    async fn act(&self, due: Due) -> Result<(), Problem> {
        let failing = due.attempt <= self.failures;
        self.fired.send(due).unwrap();
        if failing { Err(Problem::unavailable("not now")) } else { Ok(()) }
    }
}

async fn timers(context: &ServiceContext) -> i64 {
    let client = context.pool.get().await.unwrap();
    client.query_one("select count(*) from signer.timer", &[]).await.map_or(-1, |row| row.get(0))
}

#[tokio::test]
async fn a_timer_fires_once_when_due_and_not_when_cleared_whoever_looks() {
    let clock = TestClock::at(HOUR);
    let world = World::at(Arc::new(clock.clone())).await;
    let (fired, mut fires) = mpsc::unbounded_channel();
    let (one, other) = (world.instance(Service::Signer).await, world.instance(Service::Signer).await);
    for instance in [&one, &other] {
        process::start(instance, Reminder { fired: fired.clone(), failures: 0 });
    }
    for stream in 1..=10 {
        count(&one, stream, 4).await;
    }
    for stream in 6..=10 {
        count(&one, stream, -4).await;
    }
    until("five timers are left", async || timers(&one).await == 5).await;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert!(fires.try_recv().is_err(), "nothing is due before its time");
    clock.advance(time::Duration::seconds(61));
    until("all are settled", async || timers(&one).await == 0).await;
    let mut names = vec![];
    while let Ok(due) = fires.try_recv() {
        assert_eq!((due.attempt, due.payload), (1, json!({ "amount": 4 })));
        names.push(uuid::Uuid::parse_str(&due.name).unwrap().as_u128());
    }
    names.sort();
    assert_eq!(names, [1, 2, 3, 4, 5]);
    // A clock that is set back fires nothing again.
    clock.advance(time::Duration::seconds(-30));
    clock.advance(time::Duration::seconds(60));
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert!(fires.try_recv().is_err());
}

#[tokio::test]
async fn a_timer_set_while_somebody_acts_upon_it_waits_until_their_lease_is_over() {
    let clock = TestClock::at(HOUR);
    let world = World::at(Arc::new(clock.clone())).await;
    let (fired, mut fires) = mpsc::unbounded_channel();
    let signer = world.instance(Service::Signer).await;
    process::start(&signer, Reminder { fired, failures: 0 });
    until("there is a table of timers", async || timers(&signer).await == 0).await;
    let mut client = signer.pool.get().await.unwrap();
    let held = "insert into signer.timer (process, name, due, payload, not_before, lease_until) \
                values ('reminder', 'held', $1, 'null', $1, $2)";
    let lease = HOUR.plus(time::Duration::seconds(30));
    client.execute(held, &[&HOUR.0, &lease.0]).await.unwrap();
    let transaction = client.transaction().await.unwrap();
    let names = ["held", "free"].map(str::to_owned);
    arm::<Reminder>(&transaction, Service::Signer, &names, HOUR).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(fires.recv().await.unwrap().name, "free");
    until("that one is settled", async || timers(&signer).await == 1).await;
    clock.advance(time::Duration::seconds(31));
    assert_eq!(fires.recv().await.unwrap().name, "held");
}

#[tokio::test]
async fn what_fails_is_repeated_later_with_the_same_command_id() {
    let clock = TestClock::at(HOUR.plus(time::Duration::hours(1)));
    let world = World::at(Arc::new(clock.clone())).await;
    let (fired, mut fires) = mpsc::unbounded_channel();
    let signer = world.instance(Service::Signer).await;
    process::start(&signer, Reminder { fired, failures: 2 });
    count(&signer, 1, 4).await;
    let first = fires.recv().await.unwrap();
    assert_eq!(first.attempt, 1);
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(fires.try_recv().is_err(), "not before its pause has passed");
    for attempt in 2..=3 {
        clock.advance(time::Duration::seconds(10));
        let again = fires.recv().await.unwrap();
        assert_eq!((again.attempt, again.command_id), (attempt, first.command_id));
    }
    until("it is done", async || timers(&signer).await == 0).await;
}
