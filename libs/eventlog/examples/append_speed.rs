//! Events per second of the appender, and what they cost, against a throwaway PostgreSQL with fsync on.
//!
//! `cargo run --example append_speed -- <callers> <events per command> <seconds>`
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

use chancery_eventlog::Expected;
use contracts::Service;
use support::{events, postgres::Postgres};

#[tokio::main]
async fn main() {
    let arguments: Vec<u64> = std::env::args().skip(1).map(|text| text.parse().unwrap()).collect();
    let argument = |n: usize, default| arguments.get(n).copied().unwrap_or(default);
    let (callers, per_command, seconds) = (argument(0, 64), argument(1, 1) as usize, argument(2, 5));
    let postgres = Postgres::start_with(&["shared_buffers=256MB", "max_wal_size=4GB"]).await;
    let appender = postgres.appender(Service::Directory);
    let (appended, commands) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let before = postgres.processor_time();
    let end = Instant::now() + Duration::from_secs(seconds);
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (appender, appended, commands) = (appender.clone(), appended.clone(), commands.clone());
            tokio::spawn(async move {
                while Instant::now() < end {
                    let append = events::append(events::fresh(), Expected::Version(0), per_command);
                    appender.append(append).await.unwrap();
                    appended.fetch_add(per_command as u64, Ordering::Relaxed);
                    commands.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let (appended, commands) = (appended.load(Ordering::Relaxed), commands.load(Ordering::Relaxed));
    let per_event =
        postgres.processor_time().saturating_sub(before).as_micros() / u128::from(appended.max(1));
    println!("{} events/s, {} commands/s", appended / seconds, commands / seconds);
    println!("PostgreSQL took {per_event} µs of processor time per event");
}
