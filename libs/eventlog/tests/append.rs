//! What the log promises to those who append, against a real PostgreSQL.

#![allow(clippy::unwrap_used)]

mod support;

use std::{collections::HashSet, sync::Arc, time::Duration};

use chancery_eventlog::{Append, AppendError, Appender, Expected, Outcome};
use contracts::Service;
use support::{
    events::{append, fresh, single},
    postgres::Postgres,
};
use uuid::Uuid;

fn last(outcome: &Outcome) -> i64 {
    match outcome {
        Outcome::Committed { last, .. } | Outcome::Replayed { last, .. } => *last,
    }
}

/// Positions and, by stream, versions of the whole log are 1, 2, 3 …
async fn assert_dense(postgres: &Postgres, events: usize) {
    let recorded = postgres.reader().read(0, None, i64::MAX).await.unwrap();
    assert_eq!(recorded.len(), events);
    let mut versions = std::collections::HashMap::new();
    for (event, position) in recorded.iter().zip(1..) {
        assert_eq!(event.position, position);
        let version = versions.entry(event.stream).or_insert(0);
        *version += 1;
        assert_eq!(event.version, *version);
    }
    assert!(recorded.windows(2).all(|pair| {
        pair[0].command_id == pair[1].command_id || pair[0].recorded_at <= pair[1].recorded_at
    }));
    assert_eq!(postgres.reader().head().await.unwrap(), events as i64);
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_are_dense_under_64_writers_in_three_processes() {
    let postgres = Postgres::start().await;
    let appenders: Vec<Appender> = (0..3).map(|_| postgres.appender(Service::Directory)).collect();
    let writers: Vec<_> = (0..64)
        .map(|n| {
            let appender = appenders[n % 3].clone();
            tokio::spawn(async move {
                let mut positions = Vec::new();
                for round in 0..10 {
                    let outcome = appender.append(append(fresh(), Expected::Version(0), 1 + round % 3)).await;
                    positions.push(last(&outcome.unwrap()));
                }
                positions
            })
        })
        .collect();
    let mut seen = HashSet::new();
    for writer in writers {
        let positions = writer.await.unwrap();
        assert!(positions.is_sorted(), "a caller's appends come one after the other");
        assert!(positions.into_iter().all(|position| seen.insert(position)));
    }
    assert_dense(&postgres, 64 * (1 + 2 + 3 + 1 + 2 + 3 + 1 + 2 + 3 + 1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_racing_appends_with_the_same_expected_version_exactly_one_wins() {
    let postgres = Postgres::start().await;
    let appenders: Vec<Appender> = (0..4).map(|_| postgres.appender(Service::Directory)).collect();
    let stream = fresh();
    appenders[0].append(append(stream, Expected::Version(0), 1)).await.unwrap();
    for round in 1..=5 {
        let racing = (0..20).map(|n| {
            let appender = appenders[n % 4].clone();
            tokio::spawn(async move { appender.append(append(stream, Expected::Version(round), 1)).await })
        });
        let results = futures::future::join_all(racing).await;
        let results: Vec<_> = results.into_iter().map(Result::unwrap).collect();
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        let lost = Err(AppendError::Conflict { version: round + 1 });
        assert_eq!(results.iter().filter(|result| **result == lost).count(), 19);
    }
    assert_dense(&postgres, 6).await;
}

#[tokio::test]
async fn a_repeated_command_is_answered_with_its_first_outcome() {
    let postgres = Postgres::start().await;
    let appender = postgres.appender(Service::Directory);
    let command = append(fresh(), Expected::Version(0), 2);
    let first = appender.append(command.clone()).await.unwrap();
    assert_eq!(first, Outcome::Committed { version: 2, first: 1, last: 2 });
    appender.append(append(command.stream, Expected::Any, 1)).await.unwrap();

    let replayed = Ok(Outcome::Replayed { version: 2, first: 1, last: 2 });
    assert_eq!(appender.append(command.clone()).await, replayed);
    // Also when it rides beside others, or twice at once.
    let together = [command.clone(), command.clone(), single()].map(|command| appender.append(command));
    let together = futures::future::join_all(together).await;
    assert_eq!(together[..2], [replayed.clone(), replayed]);
    assert!(matches!(together[2], Ok(Outcome::Committed { .. })));

    let outcome = postgres.reader().outcome(command.command_id).await.unwrap().unwrap();
    assert_eq!((outcome.version, outcome.first, outcome.last), (2, 1, 2));
    assert_eq!(outcome.fingerprint, command.fingerprint);
    assert_eq!(postgres.reader().outcome(fresh()).await.unwrap(), None);

    let other = Append { fingerprint: [8; 32], ..command };
    assert_eq!(appender.append(other).await, Err(AppendError::KeyReuse));
    assert_dense(&postgres, 4).await;
}

#[tokio::test]
async fn commands_of_one_transaction_succeed_or_fail_each_for_itself() {
    let postgres = Postgres::start().await;
    let appender = postgres.appender(Service::Directory);
    let taken = fresh();
    appender.append(append(taken, Expected::Version(0), 1)).await.unwrap();
    let results = appender
        .append_all(vec![
            append(fresh(), Expected::Version(0), 2),
            append(taken, Expected::Version(0), 1),
            Append { tenant: Uuid::from_u128(1), ..append(taken, Expected::Any, 1) }, // refused below: same stream
        ])
        .await;
    assert!(results.iter().all(|result| matches!(result, Err(AppendError::Refused(_)))));
    let results = appender
        .append_all(vec![
            append(fresh(), Expected::Version(0), 2),
            append(taken, Expected::Version(0), 1),
            append(fresh(), Expected::Version(3), 1),
            append(fresh(), Expected::Any, 1),
        ])
        .await;
    assert_eq!(
        results,
        [
            Ok(Outcome::Committed { version: 2, first: 2, last: 3 }),
            Err(AppendError::Conflict { version: 1 }),
            Err(AppendError::Conflict { version: 0 }),
            Ok(Outcome::Committed { version: 1, first: 4, last: 4 }),
        ]
    );
}

#[tokio::test]
async fn a_stream_belongs_to_one_organization_and_one_category() {
    let postgres = Postgres::start().await;
    let appender = postgres.appender(Service::Directory);
    let stream = fresh();
    appender.append(append(stream, Expected::Version(0), 1)).await.unwrap();
    let foreign = Append { tenant: Uuid::from_u128(1), ..append(stream, Expected::Any, 1) };
    assert_eq!(appender.append(foreign).await, Err(AppendError::WrongStream));
    let mut other = append(stream, Expected::Any, 1);
    (other.category, other.events[0].kind) = ("department", "department.created");
    assert_eq!(appender.append(other).await, Err(AppendError::WrongStream));
}

#[tokio::test]
async fn a_service_cannot_write_the_category_of_another() {
    let postgres = Postgres::start().await;
    for service in [Service::Signer, Service::Gateway, Service::Relay] {
        let refused = postgres.appender(service).append(single()).await;
        assert!(matches!(refused, Err(AppendError::Refused(_))), "{service}: {refused:?}");
    }
    assert_dense(&postgres, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_command_hurts_only_its_caller() {
    let postgres = Postgres::start().await;
    let appender = postgres.appender(Service::Directory);
    let mut commands: Vec<Append> = (0..40).map(|_| single()).collect();
    commands[5].events[0].payload = "not json".into();
    commands[15].events[0].payload = r#"{"pem":"-----BEGIN PRIVATE KEY-----"}"#.into();
    commands[25].events[0].kind = "department.created"; // not of this category
    commands[30].actor = "two\nlines".into();
    commands[35].events[0].payload = format!("\"{}\"", "x".repeat(300_000));
    commands[38].events.clear();
    let results =
        futures::future::join_all(commands.into_iter().map(|command| appender.append(command))).await;
    for (n, result) in results.into_iter().enumerate() {
        let poison = [5, 15, 25, 30, 35, 38].contains(&n);
        assert_eq!(matches!(result, Err(AppendError::Refused(_))), poison, "{n}: {result:?}");
    }
    assert_dense(&postgres, 34).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_backends_lose_nothing_acknowledged_and_double_nothing() {
    let mut postgres = Postgres::start().await;
    let appender = postgres.appender(Service::Directory);
    let writers: Vec<_> = (0..32)
        .map(|_| {
            let appender = appender.clone();
            tokio::spawn(async move {
                let mut done = 0;
                for _ in 0..60 {
                    let command = append(fresh(), Expected::Version(0), 2);
                    // As a caller would: again with the same id until it is settled.
                    loop {
                        match appender.append(command.clone()).await {
                            Ok(_) => break done += 1,
                            Err(error) => assert!(error.is_retryable(), "{error}"),
                        }
                    }
                }
                done
            })
        })
        .collect();
    let admin = postgres.admin().await;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let terminate =
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'chancery_directory'";
        admin.execute(terminate, &[]).await.unwrap();
    }
    postgres.kill();
    tokio::time::sleep(Duration::from_millis(100)).await;
    postgres.boot().await;
    let mut done = 0;
    for writer in writers {
        done += writer.await.unwrap();
    }
    assert_eq!(done, 32 * 60);
    assert_dense(&postgres, 32 * 60 * 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_lock_makes_appends_unavailable_and_later_appends_succeed() {
    let postgres = Postgres::start().await;
    let appender = postgres.appender(Service::Directory);
    let admin = postgres.admin().await;
    admin.batch_execute("select pg_advisory_lock(7101, 0)").await.unwrap();
    let refused = appender.append(single()).await.unwrap_err();
    assert!(matches!(refused, AppendError::Unavailable(_)) && refused.is_retryable(), "{refused}");
    admin.batch_execute("select pg_advisory_unlock(7101, 0)").await.unwrap();
    appender.append(single()).await.unwrap();
    assert_dense(&postgres, 1).await;
}

#[tokio::test]
async fn a_missing_partition_is_unavailability_and_not_a_refusal() {
    let postgres = Postgres::start().await;
    let admin = postgres.admin().await;
    admin.batch_execute("drop table log.event_0_0").await.unwrap();
    let refused = postgres.appender(Service::Directory).append(single()).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn every_commit_wakes_with_the_new_head() {
    let postgres = Postgres::start().await;
    let heads = Arc::new(std::sync::Mutex::new(Vec::new()));
    let appender = Appender::start(postgres.pool(Service::Directory), {
        let heads = heads.clone();
        move |head| heads.lock().unwrap().push(head)
    });
    appender.append(append(fresh(), Expected::Version(0), 3)).await.unwrap();
    appender.append(append(fresh(), Expected::Version(1), 1)).await.unwrap_err();
    appender.append(single()).await.unwrap();
    assert_eq!(*heads.lock().unwrap(), [3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_at_the_tail_sees_every_event_once_beside_open_transactions() {
    let postgres = Postgres::start().await;
    // A long snapshot, and a transaction that holds a transaction id and does nothing.
    let (snapshot, idle) = (postgres.admin().await, postgres.admin().await);
    snapshot
        .batch_execute("begin isolation level repeatable read; select count(*) from log.event")
        .await
        .unwrap();
    idle.batch_execute("create table public.t (n int); begin; insert into public.t values (1)")
        .await
        .unwrap();
    let writers: Vec<_> = (0..3)
        .map(|_| {
            let appender = postgres.appender(Service::Directory);
            tokio::spawn(async move {
                for round in 0..100 {
                    appender.append(append(fresh(), Expected::Version(0), 1 + round % 3)).await.unwrap();
                }
            })
        })
        .collect();
    let reader = postgres.reader();
    let mut last = 0;
    while last < 3 * (34 + 33 * 2 + 33 * 3) {
        for event in reader.read(last, None, 50).await.unwrap() {
            assert_eq!(event.position, last + 1);
            last = event.position;
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(reader.head().await.unwrap(), last);
}
