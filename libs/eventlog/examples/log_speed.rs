//! How fast the log is on this machine: appending, reading and publishing, against a throwaway PostgreSQL with fsync
//! on and a throwaway nats-server.
//!
//! `cargo run --release --example log_speed -- <callers> <events per command> <seconds>`
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use chancery_eventlog::{Expected, Reader};
use contracts::Service;
use support::{
    events,
    nats::Nats,
    postgres::Postgres,
    relaying::{Relaying, published},
};

#[tokio::main]
async fn main() {
    let arguments: Vec<u64> = std::env::args().skip(1).map(|text| text.parse().unwrap()).collect();
    let argument = |n: usize, default| arguments.get(n).copied().unwrap_or(default);
    let (callers, per_command, seconds) = (argument(0, 64), argument(1, 1) as usize, argument(2, 5));
    let postgres = Postgres::start_with(&["shared_buffers=256MB", "max_wal_size=4GB"]).await;
    append(&postgres, callers, per_command, seconds).await;
    read(&postgres).await;
    publish(&postgres).await;
}

async fn append(postgres: &Postgres, callers: u64, per_command: usize, seconds: u64) {
    let appender = postgres.appender(Service::Directory);
    let commands = Arc::new(AtomicU64::new(0));
    let before = postgres.processor_time();
    let end = Instant::now() + Duration::from_secs(seconds);
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (appender, commands) = (appender.clone(), commands.clone());
            tokio::spawn(async move {
                while Instant::now() < end {
                    let append = events::append(events::fresh(), Expected::Version(0), per_command);
                    appender.append(append).await.unwrap();
                    commands.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let commands = commands.load(Ordering::Relaxed);
    let events = commands * per_command as u64;
    let cost = postgres.processor_time().saturating_sub(before).as_micros() / u128::from(events.max(1));
    // Events of one transaction share their instant.
    let count = "select count(distinct recorded_at) from log.event";
    let groups: i64 = postgres.admin().await.query_one(count, &[]).await.unwrap().get(0);
    println!(
        "append: {} events/s, {} commands/s, {} commands per transaction; PostgreSQL {cost} µs per event",
        events / seconds,
        commands / seconds,
        commands / groups as u64
    );
}

async fn read(postgres: &Postgres) {
    let reader = postgres.reader();
    let (before, started) = (postgres.processor_time(), Instant::now());
    let (mut last, mut stream) = (0, events::fresh());
    loop {
        let page = reader.read(last, None, 4096).await.unwrap();
        let Some(event) = page.last() else { break };
        (last, stream) = (event.position, event.stream);
    }
    let (events, elapsed) = (last as u128, started.elapsed().as_millis().max(1));
    let cost = postgres.processor_time().saturating_sub(before).as_nanos() / events.max(1);
    println!("read: {} events/s in pages of 4096; PostgreSQL {cost} ns per event", events * 1000 / elapsed);

    let directory = Reader::new(postgres.pool(Service::Directory));
    let categories: Option<&[&str]> = Some(&["organization", "token"]);
    let calls: [(&str, u32); 5] = [
        ("nothing new", 0),
        ("nothing new of two categories", 1),
        ("one stream", 2),
        ("16 streams", 3),
        ("head", 4),
    ];
    let streams: Vec<_> =
        reader.read(last - 16, None, 16).await.unwrap().iter().map(|event| event.stream).collect();
    for (what, call) in calls {
        let (before, started) = (postgres.processor_time(), Instant::now());
        for _ in 0..1000 {
            match call {
                0 => drop(reader.read(last, None, 512).await.unwrap()),
                1 => drop(directory.read(last, categories, 512).await.unwrap()),
                2 => drop(reader.read_stream(stream, 0).await.unwrap()),
                3 => drop(reader.read_streams(&streams).await.unwrap()),
                _ => drop(reader.head().await.unwrap()),
            }
        }
        let cost = postgres.processor_time().saturating_sub(before).as_micros() / 1000;
        println!("read {what}: {} µs; PostgreSQL {cost} µs", started.elapsed().as_micros() / 1000);
    }
}

async fn publish(postgres: &Postgres) {
    let nats = Nats::start().await;
    let jetstream = nats.jetstream().await;
    let head = postgres.reader().head().await.unwrap();
    let started = Instant::now();
    let _relaying = Relaying::start(postgres, &nats).await;
    published(&jetstream, head).await;
    println!("publish: {} events/s", head as u128 * 1000 / started.elapsed().as_millis().max(1));
}
