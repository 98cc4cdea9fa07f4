//! A superuser changes the log behind everyone's back; verification names what was done, online and from a dump.
#![allow(clippy::unwrap_used)]

mod support;

use chancery_eventlog::{
    checkpoint::SignedNote,
    verify::{Finding, Options, Report, VerifyError, verify_dump, verify_online},
};
use contracts::Service;
use support::{
    events::{append, fresh, single},
    nats::Nats,
    postgres::Postgres,
    relaying::Relaying,
    signer::Signer,
};
use tokio::time::{Duration, sleep};

struct Sealed {
    postgres: Postgres,
    options: Options,
}

/// 600 sealed events (two full tiles and an edge) and 5 that are not sealed yet.
async fn sealed() -> Sealed {
    let (postgres, nats, signer) = (Postgres::start().await, Nats::start().await, Signer::new());
    let appender = postgres.appender(Service::Directory);
    let relaying = Relaying::sealing(&postgres, &nats, Some(signer.clone())).await;
    for size in [250, 580, 600] {
        while postgres.reader().head().await.unwrap() < size {
            appender.append_all((0..10).map(|_| single()).collect()).await;
        }
        while signer.signed() < size as u64 {
            sleep(Duration::from_millis(50)).await;
        }
    }
    sleep(Duration::from_millis(300)).await;
    relaying.stop().await;
    appender.append(append(fresh(), chancery_eventlog::Expected::Version(0), 5)).await.unwrap();
    let options = Options { key: Some(signer.key()), anchor: None };
    Sealed { postgres, options }
}

impl Sealed {
    async fn tamper(&self, sql: &str) {
        let admin = self.postgres.admin().await;
        let open = "alter table log.event_0_0 disable trigger all; alter table log.tile disable trigger all;
                    alter table log.tree_head disable trigger all; alter table log.event drop constraint hash_is_of_payload;";
        admin.batch_execute(&format!("{open} {sql}")).await.unwrap();
    }

    async fn tamper_again(&self, sql: &str) {
        self.postgres.admin().await.batch_execute(sql).await.unwrap();
    }

    /// What verification finds, both ways.
    async fn report(&self) -> Report {
        let mut progress = Vec::new();
        let online =
            verify_online(self.postgres.pool(Service::Relay), &self.options, |step| progress.push(step));
        let online = online.await.unwrap();
        assert_eq!(progress.last().unwrap().done, online.events);
        let dump = verify_dump(&self.postgres.dump(), &self.options, |_| {}).unwrap();
        assert_eq!(online, dump);
        online
    }

    async fn findings(&self) -> Vec<Finding> {
        self.report().await.findings
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_untouched_log_is_sound() {
    let sealed = sealed().await;
    let report = sealed.report().await;
    assert!(report.is_sound(), "{:?}", report.findings);
    assert_eq!((report.events, report.sealed), (605, 600));
    assert!(report.heads >= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_changed_byte_of_a_payload_is_named() {
    let sealed = sealed().await;
    sealed.tamper("update log.event set payload = replace(payload::text, 'Acme', 'Acne')::json where position in (77, 603)").await;
    let findings = sealed.findings().await;
    assert_eq!(
        findings,
        [Finding::PayloadChanged { position: 77 }, Finding::PayloadChanged { position: 603 }]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_changed_with_its_hash_and_any_other_column_are_named() {
    let changes = [
        "payload = '{}', hash = sha256('{}')",
        "actor = 'prn_other'",
        "tenant = gen_random_uuid()",
        "stream = gen_random_uuid()",
        "id = gen_random_uuid()",
        "type = 'organization.updated'",
        "schema = 2",
        "recorded_at = recorded_at + interval '1 microsecond'",
        "command_id = gen_random_uuid()",
        "causation_id = gen_random_uuid()",
        "correlation_id = gen_random_uuid()",
    ];
    let sealed = sealed().await;
    sealed.tamper("").await;
    let mut expected = Vec::new();
    // In a full tile, across the border of the next one, and at the edge that no tile holds.
    for begin in [3, 250, 585] {
        for (change, position) in changes.iter().zip(begin..) {
            sealed.tamper_again(&format!("update log.event set {change} where position = {position}")).await;
            expected.push(Finding::RowChanged { position });
        }
    }
    let mut findings = sealed.findings().await;
    findings.retain(|finding| !matches!(finding, Finding::TimeOutOfOrder { .. }));
    assert_eq!(findings, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_row_is_named() {
    let sealed = sealed().await;
    sealed.tamper("delete from log.event where position in (100, 590, 591)").await;
    let expected = [Finding::Missing { first: 100, last: 100 }, Finding::Missing { first: 590, last: 591 }];
    assert_eq!(sealed.findings().await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_row_whose_gap_was_closed_is_named() {
    let sealed = sealed().await;
    sealed
        .tamper(
            "delete from log.event where position = 100 or position > 600;
             update log.event set position = position + 1000000 where position > 100;
             update log.event set position = position - 1000001 where position > 1000000",
        )
        .await;
    let expected = [
        Finding::Removed { position: 100 },
        Finding::Moved { first: 100, last: 599, sealed_at: 101 },
        Finding::CutShort { last: 599, sealed: 600 },
    ];
    assert_eq!(sealed.findings().await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inserted_row_is_named() {
    let sealed = sealed().await;
    sealed
        .tamper(
            "update log.event set position = position + 1000000 where position >= 400;
             update log.event set position = position - 999999 where position > 1000000;
             insert into log.event select shard, 400, tenant, category, gen_random_uuid(), 1, gen_random_uuid(), type, schema,
               recorded_at, gen_random_uuid(), causation_id, correlation_id, actor, traceparent, payload, hash
             from log.event where position = 399",
        )
        .await;
    // Rows that were not sealed have no place that they belong to.
    let expected =
        [Finding::Inserted { position: 400 }, Finding::Moved { first: 401, last: 601, sealed_at: 400 }];
    assert_eq!(sealed.findings().await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn swapped_rows_are_named() {
    let sealed = sealed().await;
    sealed
        .tamper(
            "update log.event set position = 1000000 where position = 40;
             update log.event set position = 40 where position = 560;
             update log.event set position = 560 where position = 1000000",
        )
        .await;
    let findings = sealed.findings().await;
    let of_rows: Vec<_> =
        findings.iter().filter(|finding| matches!(finding, Finding::Moved { .. })).collect();
    assert_eq!(
        of_rows,
        [
            &Finding::Moved { first: 40, last: 40, sealed_at: 560 },
            &Finding::Moved { first: 560, last: 560, sealed_at: 40 },
        ]
    );
    assert!(findings.contains(&Finding::TimeOutOfOrder { position: 41 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_tail_is_named() {
    let sealed = sealed().await;
    sealed.tamper("delete from log.event where position > 595").await;
    assert_eq!(sealed.findings().await, [Finding::CutShort { last: 595, sealed: 600 }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_that_do_not_count_up_are_named() {
    let sealed = sealed().await;
    sealed.tamper("update log.event set version = 7 where position = 605").await;
    let findings = sealed.findings().await;
    assert!(
        matches!(findings[..], [Finding::VersionOutOfOrder { position: 605, expected: 5, found: 7, .. }]),
        "{findings:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_seals_are_told_from_changed_rows() {
    let sealed = sealed().await;
    sealed.tamper("update log.tile set hashes = set_byte(hashes, 32 * 9, get_byte(hashes, 32 * 9) # 1) where level = 0 and index = 1").await;
    assert_eq!(sealed.findings().await, [Finding::SealChanged { position: 266 }]);

    sealed.tamper_again("delete from log.tile where index = 0").await;
    let expected = [Finding::TileMissing { level: 0, index: 0 }, Finding::SealChanged { position: 266 }];
    assert_eq!(sealed.findings().await, expected);

    sealed
        .tamper_again(
            "update log.tree_head set leaves = set_byte(leaves, 0, get_byte(leaves, 0) # 1) where size = 600",
        )
        .await;
    let first = sealed.postgres.admin().await;
    let first = first
        .query_one("select size - length(leaves) / 32 + 1 from log.tree_head where size = 600", &[])
        .await
        .unwrap();
    assert_eq!(sealed.findings().await[2], Finding::SealChanged { position: first.get(0) });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rewritten_history_does_not_have_the_signed_roots() {
    let sealed = sealed().await;
    // The row is changed and every sealed hash of it: only the signed root remains.
    let flip = |hashes: &str, at: &str| {
        format!("set {hashes} = set_byte({hashes}, {at}, get_byte({hashes}, {at}) # 1)")
    };
    let tile = flip("hashes", "32 * 19");
    let head = flip("leaves", "32 * (19 - (size::int - length(leaves) / 32))");
    sealed
        .tamper(&format!(
            "update log.event set actor = 'prn_other' where position = 20;
             update log.tile {tile} where index = 0 and level = 0;
             update log.tree_head {head} where size >= 20 and size - length(leaves) / 32 < 20"
        ))
        .await;
    let findings = sealed.findings().await;
    assert!(matches!(findings[0], Finding::RootDiffers { first: 1, .. }), "{findings:?}");
    assert_eq!(findings[1], Finding::RowChanged { position: 20 });

    // And the roots as well: then the notes say something else, and nobody signed new ones.
    sealed.tamper_again("update log.tree_head set root = sha256(root)").await;
    let findings = sealed.findings().await;
    assert!(findings.iter().any(|finding| matches!(finding, Finding::HeadChanged { .. })), "{findings:?}");
    sealed.tamper_again("update log.tree_head set note = replace(note, E'\\n250\\n', E'\\n249\\n')").await;
    let findings = sealed.findings().await;
    assert!(findings.iter().any(|finding| matches!(finding, Finding::HeadUnsigned { .. })), "{findings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_copy_does_not_contain_a_newer_checkpoint() {
    let mut sealed = sealed().await;
    let admin = sealed.postgres.admin().await;
    let newest =
        admin.query_one("select note from log.tree_head order by size desc limit 1", &[]).await.unwrap();
    let newest: SignedNote = newest.get::<_, &str>(0).parse().unwrap();
    sealed.options.anchor = Some(newest.checkpoint);
    assert!(sealed.findings().await.is_empty());
    sealed
        .tamper("delete from log.tree_head where size > 500; delete from log.event where position > 500")
        .await;
    assert_eq!(sealed.findings().await, [Finding::AnchorDiffers { size: 600 }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_changed_byte_of_a_dump_is_named() {
    let sealed = sealed().await;
    let path = sealed.postgres.dump();
    let dump = std::fs::read_to_string(&path).unwrap();
    let position = |text: &str| text.lines().position(|line| line.starts_with("0\t300\t")).unwrap();
    let at = position(&dump);
    let mut lines: Vec<String> = dump.lines().map(str::to_owned).collect();
    let original = lines[at].clone();
    let verify = |lines: &[String]| {
        std::fs::write(&path, lines.join("\n")).unwrap();
        verify_dump(&path, &sealed.options, |_| {}).unwrap().findings
    };
    lines[at] = original.replacen("Acme", "Acne", 1);
    assert_eq!(verify(&lines), [Finding::PayloadChanged { position: 300 }]);
    lines[at] = original.replacen("prn_test", "prn_best", 1);
    assert_eq!(verify(&lines), [Finding::RowChanged { position: 300 }]);
    lines[at] = original.replacen("\t1\t", "\tone\t", 1);
    let findings = verify(&lines);
    assert!(matches!(findings[..], [Finding::Unreadable { .. }, Finding::Missing { first: 300, last: 300 }]));
    lines[at] = original.clone();
    lines.insert(at + 10, original);
    assert_eq!(verify(&lines), [Finding::Duplicate { position: 300 }]);
    // The order of lines says nothing.
    lines.remove(at);
    assert_eq!(verify(&lines), []);

    std::fs::write(&path, "select 1;\n").unwrap();
    assert!(matches!(verify_dump(&path, &sealed.options, |_| {}), Err(VerifyError::NotADump)));
}
