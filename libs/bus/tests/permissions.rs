//! As each NATS user: every subject outside its row is denied (S-11), and a denial is an alarm.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test that cannot go on should say where

#[allow(dead_code)] // each test file uses its part
mod support;

use std::collections::BTreeSet;

use chancery_bus::{User, permissions::Permissions};
use contracts::{Service, service::TABLE};
use futures::StreamExt;
use support::{Nats, settle};

/// Every subject that matters, and the users that may publish to it.
fn publishers() -> Vec<(String, BTreeSet<User>)> {
    let of = |users: &[Service]| users.iter().copied().map(User::Service).collect::<BTreeSet<_>>();
    let everyone = of(Service::ALL);
    let mut subjects = vec![
        ("log.0.certificate.issued.3".to_owned(), of(&[Service::Relay])),
        ("evt.signer.certificate.issued._".to_owned(), of(&[Service::Gateway])),
        ("wake.log.0".to_owned(), everyone.clone()),
        ("$JS.API.STREAM.INFO.LOG_0".to_owned(), everyone.clone()),
        ("$JS.API.CONSUMER.CREATE.LOG_0.x".to_owned(), everyone.clone()),
        ("$JS.API.CONSUMER.MSG.NEXT.LOG_0.x".to_owned(), everyone.clone()),
        ("$JS.API.CONSUMER.INFO.LOG_0.x".to_owned(), everyone.clone()),
        ("$JS.API.CONSUMER.DELETE.LOG_0.x".to_owned(), everyone),
        ("$JS.ACK.LOG_0.x.1.1.1.1.0".to_owned(), of(&[])),
        ("$JS.ACK.CHANCERY_EVENTS.x.1.1.1.1.0".to_owned(), [User::Subscriber].into()),
        ("$JS.API.STREAM.LIST".to_owned(), of(&[])),
        ("$JS.API.STREAM.NAMES".to_owned(), of(&[])),
        ("$JS.API.STREAM.CREATE.OTHER".to_owned(), of(&[])),
        ("$JS.API.CONSUMER.CREATE.OTHER.x".to_owned(), of(&[])),
        ("$JS.API.META.LEADER.STEPDOWN".to_owned(), of(&[])),
        ("$SYS.REQ.SERVER.PING".to_owned(), of(&[])),
        ("$SRV.PING".to_owned(), of(&[])),
        ("_INBOX.gateway.x".to_owned(), of(&[])),
        ("cmd.signer.v2.create_ca".to_owned(), of(&[])),
        ("cmd.keystore.v1.release_key".to_owned(), of(&[])),
        ("tel.x".to_owned(), of(&[])),
    ];
    for call in ["CREATE", "UPDATE", "DELETE", "PURGE", "MSG.GET"] {
        subjects.push((format!("$JS.API.STREAM.{call}.LOG_0"), of(&[Service::Relay])));
        subjects.push((format!("$JS.API.STREAM.{call}.CHANCERY_EVENTS"), of(&[Service::Gateway])));
    }
    for call in ["CREATE", "INFO", "MSG.NEXT", "DELETE"] {
        let subject = format!("$JS.API.CONSUMER.{call}.CHANCERY_EVENTS.x");
        subjects.push((subject, [User::Subscriber].into()));
    }
    for row in TABLE {
        for (answerer, name) in row.commands {
            let senders =
                TABLE.iter().filter(|row| row.commands.contains(&(*answerer, *name))).map(|row| row.service);
            subjects.push((format!("cmd.{answerer}.v1.{name}"), senders.map(User::Service).collect()));
        }
    }
    subjects
}

fn subscribers() -> Vec<(String, BTreeSet<User>)> {
    let mut subjects: Vec<(String, BTreeSet<User>)> = vec![
        (">".into(), [].into()),
        ("_INBOX.>".into(), [].into()),
        ("log.>".into(), [].into()),
        ("log.0.certificate.>".into(), [].into()),
        ("evt.>".into(), [].into()),
        ("cmd.>".into(), [].into()),
        ("$JS.API.>".into(), [].into()),
        ("$SYS.>".into(), [].into()),
        ("wake.log.*".into(), Service::ALL.iter().copied().map(User::Service).collect()),
        ("$SRV.PING".into(), Service::ALL.iter().copied().map(User::Service).collect()),
    ];
    for user in User::all() {
        subjects.push((format!("_INBOX.{user}.>"), [user].into()));
    }
    for row in TABLE {
        let owner = if row.answers { [User::Service(row.service)].into() } else { [].into() };
        subjects.push((format!("cmd.{}.v1.anything", row.service), owner));
    }
    subjects
}

#[tokio::test]
async fn each_user_publishes_and_hears_what_its_row_says_and_nothing_else() {
    let nats = Nats::start().await;
    for user in User::all() {
        let bus = nats.connect(user).await;
        for (subject, allowed) in publishers() {
            let before = bus.violations();
            bus.client().publish(subject.clone(), "".into()).await.unwrap();
            settle(&bus).await;
            assert_eq!(bus.violations() == before, allowed.contains(&user), "{user} publishes {subject}");
        }
        for (subject, allowed) in subscribers() {
            let before = bus.violations();
            let subscriber = bus.client().subscribe(subject.clone()).await.unwrap();
            settle(&bus).await;
            assert_eq!(bus.violations() == before, allowed.contains(&user), "{user} subscribes to {subject}");
            drop(subscriber);
        }
    }
}

#[tokio::test]
async fn nobody_enters_without_a_key_of_the_table() {
    let nats = Nats::start().await;
    assert!(async_nats::connect(&nats.url).await.is_err());
    let stranger = chancery_bus::permissions::seed_from([1; 32]).unwrap();
    assert!(async_nats::ConnectOptions::with_nkey(stranger).connect(&nats.url).await.is_err());
}

#[tokio::test]
async fn a_request_is_answered_once_and_only_by_who_received_it() {
    let nats = Nats::start().await;
    let (gateway, directory) = (nats.connect(Service::Gateway).await, nats.connect(Service::Directory).await);
    let mut requests = directory.client().subscribe("cmd.directory.v1.issue_token").await.unwrap();
    settle(&directory).await;
    let asking = gateway.client().clone();
    let asked = tokio::spawn(async move { asking.request("cmd.directory.v1.issue_token", "".into()).await });
    let reply = requests.next().await.unwrap().reply.unwrap();
    for _ in 0..2 {
        directory.client().publish(reply.clone(), "x".into()).await.unwrap();
    }
    asked.await.unwrap().unwrap();
    settle(&directory).await;
    assert_eq!(directory.violations(), 1, "the second answer is denied");
}

#[test]
fn permissions_are_allow_lists_without_wildcards_at_the_front() {
    for user in User::all() {
        let permissions = Permissions::of(user);
        for subject in permissions.publish.iter().chain(&permissions.subscribe) {
            assert!(!subject.starts_with('>') && !subject.starts_with('*'), "{user}: {subject}");
        }
    }
}
