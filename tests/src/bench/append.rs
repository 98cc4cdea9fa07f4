//! Appends by concurrent callers against raw batched inserts of the same rows, and replay of what was appended.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use contracts::{
    AdministratorId, Event as _, OrganizationId, Service, Timestamp, TokenId,
    directory::{TokenEvent, TokenIssued, TokenScope},
};
use eventlog::{Append, Appender, Expected, NewEvent, Reader};
use runtime::{authority::Directory, fold::Fold as _};
use sha2::{Digest as _, Sha256};
use testkit::{Servers, servers::Durability};
use uuid::Uuid;

use super::{Failure, line};

const TENANT: Uuid = Uuid::from_u128(0x019a_a5b8_9280_7000_8000_0000_0000_0001);
const CALLERS: usize = 64;

/// Prints both appends' figures and the replay's.
pub async fn run(events: usize) -> Result<(), Failure> {
    let servers = Servers::start_with(Durability::Full).await;
    runtime::migrate::migrate(&servers.endpoint(), &servers.secrets, &[]).await?;
    let synced = super::figures::sync_time(servers.folder.path())?;
    line(&format!("disk: a 4 KiB write with fdatasync takes {:.2} ms", synced.as_secs_f64() * 1e3));

    let appender = Appender::start(servers.pool(Service::Directory), |_| {});
    let ours = concurrent(&appender, Duration::from_secs(10)).await?;
    let raw = raw_inserts(&servers, Duration::from_secs(10)).await?;
    line(&format!(
        "append: {ours:.0} events/s by {CALLERS} callers; raw inserts in batches of {CALLERS}: {raw:.0} rows/s; ratio {:.2}",
        ours / raw
    ));

    let reader = Reader::new(servers.pool(Service::Directory));
    fill(&appender, &reader, events).await?;
    let (count, elapsed) = replay(&reader).await?;
    line(&format!(
        "replay: {count} events into state at {:.0} events/s",
        count as f64 / elapsed.as_secs_f64()
    ));
    Ok(())
}

/// Each caller appends one event of 450 bytes to a new stream, again and again.
async fn concurrent(appender: &Appender, length: Duration) -> Result<f64, Failure> {
    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let began = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (appender, stop, count) = (appender.clone(), stop.clone(), count.clone());
            tokio::spawn(async move {
                for number in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    appender.append(command(id(caller, number), 1)).await?;
                    count.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<_, Failure>(())
            })
        })
        .collect();
    tokio::time::sleep(length).await;
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await??;
    }
    Ok(count.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64())
}

/// The same rows without any of our rules: one connection, one statement per batch, the same two indexes.
async fn raw_inserts(servers: &Servers, length: Duration) -> Result<f64, Failure> {
    let client = servers.admin().await;
    client
        .batch_execute(
            "create schema raw; create table raw.event (shard smallint, position bigint, tenant uuid, category text, \
             stream uuid, version int, id uuid, type text, schema smallint, recorded_at timestamptz, command_id uuid, \
             causation_id uuid, correlation_id uuid, actor text, traceparent text, payload json, hash bytea, \
             primary key (shard, position)); create index on raw.event (category, shard, position); \
             create unique index on raw.event (stream, version)",
        )
        .await?;
    let statement = client
        .prepare(
            "insert into raw.event select 0, p, $1, 'token', s, 1, s, 'token.issued', 1, now(), s, s, s, 'service:directory', \
             null, j::json, h from unnest($2::bigint[], $3::uuid[], $4::text[], $5::bytea[]) as x(p, s, j, h)",
        )
        .await?;
    let (began, mut position) = (Instant::now(), 0i64);
    while began.elapsed() < length {
        let rows: Vec<_> = (0..CALLERS as i64)
            .map(|row| (position + row, id(1_000_000, (position + row) as usize)))
            .collect();
        let payloads: Vec<String> =
            rows.iter().map(|(_, stream)| payload(*stream)).collect::<Result<_, _>>()?;
        let hashes: Vec<Vec<u8>> = payloads.iter().map(|text| Sha256::digest(text).to_vec()).collect();
        let (positions, streams): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        client.execute(&statement, &[&TENANT, &positions, &streams, &payloads, &hashes]).await?;
        position += CALLERS as i64;
    }
    Ok(position as f64 / began.elapsed().as_secs_f64())
}

/// Appends until the log holds `events`.
async fn fill(appender: &Appender, reader: &Reader, events: usize) -> Result<(), Failure> {
    const GROUP: usize = 100;
    const EACH: usize = 20;
    let mut number = 0;
    while (reader.head().await? as usize) < events {
        let commands = (0..GROUP).map(|at| command(id(2_000_000, number + at), EACH)).collect();
        for outcome in appender.append_all(commands).await {
            outcome?;
        }
        number += GROUP;
    }
    Ok(())
}

/// Reads the whole log and folds it into the directory that every service keeps in memory.
async fn replay(reader: &Reader) -> Result<(usize, Duration), Failure> {
    let (mut state, mut count) = (Directory::default(), 0);
    let mut pages = reader.pages(0, Some(vec!["token"]), 5_000);
    let began = Instant::now();
    loop {
        let page = pages.next().await?;
        if page.is_empty() {
            break;
        }
        count += page.len();
        for event in &page {
            state.apply(event)?;
        }
    }
    Ok((count, began.elapsed()))
}

fn command(stream: Uuid, events: usize) -> Append {
    Append {
        tenant: TENANT,
        category: TokenEvent::CATEGORY,
        stream,
        expected: Expected::Version(0),
        command_id: Uuid::new_v5(&stream, b"command"),
        fingerprint: [0; 32],
        causation: stream,
        correlation: stream,
        actor: "service:directory".into(),
        traceparent: None,
        events: (0..events)
            .map(|number| NewEvent {
                id: Uuid::new_v5(&stream, &number.to_be_bytes()),
                kind: "token.issued",
                schema: 1,
                payload: payload(stream).unwrap_or_default(),
            })
            .collect(),
    }
}

fn payload(stream: Uuid) -> Result<String, serde_json::Error> {
    TokenEvent::from(TokenIssued {
        id: TokenId(stream),
        name: "measured".into(),
        administrator_id: AdministratorId(TENANT),
        organization_id: OrganizationId(TENANT),
        all_organizations: false,
        hash: "00".repeat(32),
        scope: TokenScope { profiles: Some(vec![TENANT.into(), TENANT.into()]), ..TokenScope::default() },
        within: None,
        expires_at: Timestamp::from_unix(1_795_251_600),
    })
    .to_payload()
}

fn id(caller: usize, number: usize) -> Uuid {
    Uuid::new_v5(&TENANT, format!("{caller}/{number}").as_bytes())
}
