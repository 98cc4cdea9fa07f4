//! Aggregates on a real log: repeats, races, versions, dry runs.

#![allow(clippy::unwrap_used)] // a test that cannot go on should say where

#[allow(dead_code)] // each test file uses its part
mod support;

use chancery_runtime::repository::Repository;
use contracts::{Code, Service, command::Change};
use serde_json::json;
use support::{Count, Counter, LIMIT, THEIRS, World, command, count};
use uuid::Uuid;

const STREAM: Uuid = Uuid::from_u128(1);

#[tokio::test]
async fn a_repeat_is_answered_as_the_first_was_and_appends_nothing() {
    let world = World::new().await;
    let signer = world.service(Service::Signer).await;
    let counters: Repository<Counter> = signer.repository(10);
    let first = counters.execute(&command(&signer, 1), STREAM, Count(5)).await.unwrap();
    assert_eq!((first.version, first.state.sum, first.replayed), (1, 5, false));
    let later = counters.execute(&command(&signer, 2), STREAM, Count(LIMIT - 5)).await.unwrap();
    assert_eq!((later.version, later.state.sum), (2, LIMIT));

    // The rules would refuse it now; the first answer stands, also for who never heard of it.
    for counters in [counters, signer.repository(10)] {
        let repeat = counters.execute(&command(&signer, 1), STREAM, Count(5)).await.unwrap();
        assert_eq!((repeat.version, repeat.state.sum, repeat.replayed), (1, 5, true));
        assert_eq!(repeat.position, first.position);
    }
    assert_eq!(signer.reader.head().await.unwrap(), later.position);
}

#[tokio::test]
async fn another_request_under_a_used_id_is_refused() {
    let world = World::new().await;
    let signer = world.service(Service::Signer).await;
    let counters: Repository<Counter> = signer.repository(10);
    counters.execute(&command(&signer, 1), STREAM, Count(5)).await.unwrap();
    let reused = bus::Context { fingerprint: [9; 32], ..command(&signer, 1) };
    for amount in [6, 0, LIMIT] {
        let problem = counters.execute(&reused, STREAM, Count(amount)).await.unwrap_err();
        assert_eq!(problem.code, Code::IdempotencyKeyReused, "{amount}");
    }
}

#[tokio::test]
async fn commands_that_race_all_count() {
    let world = World::new().await;
    let (one, other) = (world.instance(Service::Signer).await, world.instance(Service::Signer).await);
    let (here, there): (Repository<Counter>, Repository<Counter>) =
        (one.repository(10), other.repository(10));
    for round in 0..20 {
        let (here, there) = tokio::join!(
            async { here.execute(&command(&one, 1_000 + round), STREAM, Count(1)).await.unwrap() },
            async { there.execute(&command(&one, 2_000 + round), STREAM, Count(1)).await.unwrap() },
        );
        assert_eq!(here.version.max(there.version), 2 * (round as i32 + 1));
    }
    assert_eq!(here.reload(STREAM).await.unwrap().state.sum, 40);
}

#[tokio::test]
async fn what_is_remembered_never_refuses_alone() {
    let world = World::new().await;
    let (one, other) = (world.instance(Service::Signer).await, world.instance(Service::Signer).await);
    let (here, there): (Repository<Counter>, Repository<Counter>) =
        (one.repository(10), other.repository(10));
    here.execute(&command(&one, 1), STREAM, Count(LIMIT)).await.unwrap();
    there.execute(&command(&one, 2), STREAM, Count(-LIMIT)).await.unwrap();
    // `here` still remembers a full counter.
    let done = here.execute(&command(&one, 3), STREAM, Count(7)).await.unwrap();
    assert_eq!((done.version, done.state.sum), (3, 7));
}

#[tokio::test]
async fn if_version_is_checked_and_does_not_refuse_a_repeat() {
    let world = World::new().await;
    let signer = world.service(Service::Signer).await;
    let counters: Repository<Counter> = signer.repository(10);
    let at = |id, version| bus::Context { if_version: Some(version), ..command(&signer, id) };
    counters.execute(&at(1, 0), STREAM, Count(5)).await.unwrap();
    let problem = counters.execute(&at(2, 0), STREAM, Count(5)).await.unwrap_err();
    assert_eq!((problem.code, problem.current_version), (Code::VersionMismatch, Some(1)));
    assert!(counters.execute(&at(1, 0), STREAM, Count(5)).await.unwrap().replayed);
}

#[tokio::test]
async fn a_dry_run_tells_the_changes_and_appends_nothing() {
    let world = World::new().await;
    let signer = world.service(Service::Signer).await;
    let counters: Repository<Counter> = signer.repository(10);
    let head = count(&signer, 1, 5).await;
    let dry = bus::Context { dry_run: true, ..command(&signer, 1) };
    let would = counters.execute(&dry, STREAM, Count(2)).await.unwrap().dry_run.unwrap();
    assert!(would.would_change);
    assert_eq!(would.changes, [Change { pointer: "/sum".into(), from: json!(5), to: json!(7) }]);
    let would = counters.execute(&dry, STREAM, Count(0)).await.unwrap().dry_run.unwrap();
    assert!(!would.would_change);
    assert_eq!(counters.execute(&dry, STREAM, Count(LIMIT)).await.unwrap_err().code, Code::ValidationFailed);
    assert_eq!(signer.reader.head().await.unwrap(), head);
}

#[tokio::test]
async fn anothers_aggregate_is_not_found() {
    let world = World::new().await;
    let signer = world.service(Service::Signer).await;
    let counters: Repository<Counter> = signer.repository(10);
    count(&signer, 1, 5).await;
    let theirs = bus::Context { tenant: THEIRS, ..command(&signer, 1) };
    for amount in [1, 0, LIMIT] {
        let problem = counters.execute(&theirs, STREAM, Count(amount)).await.unwrap_err();
        assert_eq!(problem.code, Code::NotFound);
    }
    assert_eq!(counters.create(&theirs, STREAM, Count(1)).await.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn creating_what_exists_decides_on_what_exists() {
    let world = World::new().await;
    let signer = world.service(Service::Signer).await;
    let counters: Repository<Counter> = signer.repository(10);
    assert_eq!(counters.create(&command(&signer, 1), STREAM, Count(5)).await.unwrap().version, 1);
    let again =
        signer.repository::<Counter>(10).create(&command(&signer, 2), STREAM, Count(6)).await.unwrap();
    assert_eq!((again.version, again.state.sum), (2, 11));
}
