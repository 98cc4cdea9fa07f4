//! Signed heads of the log as it grows, and whom they stop.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use chancery_eventlog::{
    Appender,
    checkpoint::SignedNote,
    merkle::{Tree, leaf_hash},
    verify::{Options, verify_online},
};
use contracts::Service;
use support::{events::single, nats::Nats, postgres::Postgres, relaying::Relaying, signer::Signer};
use tokio::time::sleep;

async fn append_events(appender: &Appender, count: usize) {
    for chunk in (0..count).collect::<Vec<_>>().chunks(500) {
        for result in appender.append_all(chunk.iter().map(|_| single()).collect()).await {
            result.unwrap();
        }
    }
}

async fn sealed(signer: &Signer, size: u64) {
    for _ in 0..600 {
        if signer.signed() == size {
            // Signed; saved a moment later.
            return sleep(Duration::from_millis(200)).await;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("sealed {} and not {size}", signer.signed());
}

/// Each head has the root of the events it covers and a good signature; full tiles stand for every 256 events.
async fn assert_sealed(postgres: &Postgres, signer: &Signer, size: u64) {
    let events = postgres.reader().read(0, None, i64::MAX).await.unwrap();
    let rows = postgres
        .admin()
        .await
        .query("select size, root, note from log.tree_head order by size", &[])
        .await
        .unwrap();
    assert_eq!(rows.last().map(|row| row.get::<_, i64>(0) as u64), Some(size));
    let (mut tree, mut tiles) = (Tree::default(), Vec::new());
    for row in rows {
        let size: i64 = row.get(0);
        for event in &events[tree.size() as usize..size as usize] {
            tree.push(leaf_hash(event), &mut tiles);
        }
        assert_eq!(tree.root(), row.get::<_, &[u8]>(1));
        let note: SignedNote = row.get::<_, &str>(2).parse().unwrap();
        note.verify(&signer.key()).unwrap();
        assert_eq!((note.checkpoint.size, note.checkpoint.root), (size as u64, tree.root()));
    }
    let tile = "select hashes from log.tile where level = $1 and index = $2";
    let admin = postgres.admin().await;
    for wanted in &tiles {
        let row = admin.query_one(tile, &[&(wanted.level as i16), &(wanted.index as i64)]).await.unwrap();
        assert_eq!(row.get::<_, &[u8]>(0), wanted.hashes.concat());
    }
    let count = admin.query_one("select count(*) from log.tile", &[]).await.unwrap();
    assert_eq!(count.get::<_, i64>(0), tiles.len() as i64);
    let options = Options { key: Some(signer.key()), anchor: None };
    let report = verify_online(postgres.pool(Service::Relay), &options, |_| {}).await.unwrap();
    assert!(report.is_sound(), "{:?}", report.findings);
    assert_eq!((report.events, report.sealed), (events.len() as u64, size));
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_follow_the_log_over_restarts_of_the_relay() {
    let (postgres, nats, signer) = (Postgres::start().await, Nats::start().await, Signer::new());
    let appender = postgres.appender(Service::Directory);
    let mut size = 0;
    for count in [3, 250, 3, 1, 600, 255] {
        let relaying = Relaying::sealing(&postgres, &nats, Some(signer.clone())).await;
        append_events(&appender, count).await;
        size += count as u64;
        sealed(&signer, size).await;
        relaying.stop().await;
    }
    assert_sealed(&postgres, &signer, size).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_is_sealed_in_steps_of_10000() {
    let (postgres, nats, signer) = (Postgres::start().await, Nats::start().await, Signer::new());
    append_events(&postgres.appender(Service::Directory), 66_000).await;
    let _relaying = Relaying::sealing(&postgres, &nats, Some(signer.clone())).await;
    sealed(&signer, 66_000).await;
    assert_sealed(&postgres, &signer, 66_000).await;
    let heads = postgres.admin().await.query_one("select count(*) from log.tree_head", &[]).await.unwrap();
    assert_eq!(heads.get::<_, i64>(0), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn sealing_waits_for_the_signer_and_appends_do_not() {
    let (postgres, nats, signer) = (Postgres::start().await, Nats::start().await, Signer::new());
    signer.set_available(false);
    let appender = postgres.appender(Service::Directory);
    let _relaying = Relaying::sealing(&postgres, &nats, Some(signer.clone())).await;
    append_events(&appender, 400).await;
    sleep(Duration::from_secs(2)).await;
    append_events(&appender, 400).await;
    assert_eq!(signer.signed(), 0);
    signer.set_available(true);
    sealed(&signer, 800).await;
    assert_sealed(&postgres, &signer, 800).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_was_signed_and_not_saved_is_proved_from() {
    let (postgres, nats, signer) = (Postgres::start().await, Nats::start().await, Signer::new());
    let appender = postgres.appender(Service::Directory);
    append_events(&appender, 300).await;
    let relaying = Relaying::sealing(&postgres, &nats, Some(signer.clone())).await;
    sealed(&signer, 300).await;
    relaying.stop().await;
    // As if the relay had died between the answer and its transaction.
    let admin = postgres.admin().await;
    admin.batch_execute("alter table log.tile disable trigger all; alter table log.tree_head disable trigger all; delete from log.tile; delete from log.tree_head").await.unwrap();
    append_events(&appender, 300).await;
    let _relaying = Relaying::sealing(&postgres, &nats, Some(signer.clone())).await;
    sealed(&signer, 600).await;
    assert_sealed(&postgres, &signer, 600).await;
    assert_eq!(signer.refused(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_history_gets_no_head() {
    let (postgres, nats, signer) = (Postgres::start().await, Nats::start().await, Signer::new());
    append_events(&postgres.appender(Service::Directory), 300).await;
    let relaying = Relaying::sealing(&postgres, &nats, Some(signer.clone())).await;
    sealed(&signer, 300).await;
    relaying.stop().await;

    // The whole database is swapped for another one, and NATS too: only the signer remembers.
    let (swapped, fresh_nats) = (Postgres::start().await, Nats::start().await);
    append_events(&swapped.appender(Service::Directory), 200).await;
    let _relaying = Relaying::sealing(&swapped, &fresh_nats, Some(signer.clone())).await;
    sleep(Duration::from_secs(3)).await;
    append_events(&swapped.appender(Service::Directory), 200).await;
    sleep(Duration::from_secs(3)).await;
    assert_eq!(signer.signed(), 300);
    assert!(signer.refused() > 0);
    let heads = swapped.admin().await.query_one("select count(*) from log.tree_head", &[]).await.unwrap();
    assert_eq!(heads.get::<_, i64>(0), 0);
}
