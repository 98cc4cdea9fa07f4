//! `kill -9` at random moments while many ask for certificates: each gets one, and everything stands as it was answered.
//!
//! The whole size, of some minutes: `cargo nextest run -p chancery-tests --run-ignored only kill::`.

#![allow(clippy::unwrap_used, clippy::print_stderr)] // helpers of tests

use std::time::Duration;

use chancery_tests::{
    checks::all_is_well,
    clients::{Clients, wishes},
};
use contracts::Service;
use runtime::entropy::{SystemEntropy, bytes};
use testkit::Installation;

/// Clients at once, where many come and go.
const CLIENTS: usize = 24;

/// How much of it.
#[derive(Clone, Copy, Debug)]
struct Size {
    /// How often something is killed.
    kills: usize,
    /// Certificates asked for.
    requests: usize,
    /// Clients at once.
    clients: usize,
}

const QUICK: Size = Size { kills: 8, requests: 300, clients: CLIENTS };
/// All requests are under way from the start.
const WHOLE: Size = Size { kills: 30, requests: 1000, clients: 1000 };

#[tokio::test]
async fn killed_at_random_moments_it_comes_back_with_all_that_was_answered() {
    killed(Installation::up().await, QUICK).await;
}

#[tokio::test]
async fn a_service_killed_at_random_moments_loses_nothing_that_was_answered() {
    killed(each_its_own().await, QUICK).await;
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn whole_size_in_one_process() {
    killed(Installation::up().await, WHOLE).await;
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn whole_size_in_a_process_per_service() {
    killed(each_its_own().await, WHOLE).await;
}

/// Each service in a process of its own. Who waits for one that died asks again after a quarter of this.
async fn each_its_own() -> Installation {
    Installation::plan().set("limits.request_time", "8s").serve().await
}

async fn killed(mut installation: Installation, size: Size) {
    let Size { kills, requests, clients } = size;
    let started = tokio::time::Instant::now();
    let mut clients = Clients::start(&installation.https(), clients, wishes("kill", requests));
    for kill in 0..kills {
        clients.have(requests * kill / kills + usize::from(kill > 0)).await;
        a_moment().await;
        strike(&mut installation, kill).await;
        installation.start().await;
    }
    let (granted, statuses) = clients.all_and_statuses().await;
    assert_eq!(granted.len(), requests);
    let observed = all_is_well(&installation, &granted).await;
    let (events, seconds) = (observed.events.len(), started.elapsed().as_secs());
    eprintln!("{size:?}: answers {statuses:?}, {events} events, {seconds} s");
}

/// Kills every process, or one service of those that have a process each; now and then with the servers beneath.
async fn strike(installation: &mut Installation, kill: usize) {
    let [random] = bytes(&SystemEntropy);
    let service = Service::ALL.get(usize::from(random) % (2 * Service::ALL.len()));
    match service.filter(|_| installation.servers.is_some()) {
        Some(service) => installation.kill_service(*service),
        None => installation.kill(),
    }
    if kill % 4 > 1 {
        installation.kill_nats().await;
    }
    if kill % 4 % 2 == 1 {
        installation.kill_postgres().await;
    }
    if let Some(servers) = &mut installation.servers {
        if !servers.postgres.is_running() {
            servers.postgres.restart(&servers.secrets).await.unwrap();
        }
        if !servers.nats.is_running() {
            servers.nats.restart(&servers.secrets).await.unwrap();
        }
    }
}

#[tokio::test]
async fn each_service_is_killed_in_turn_and_none_is_missed_for_long() {
    let mut installation = each_its_own().await;
    let mut granted = Vec::new();
    for service in Service::ALL {
        let mut clients =
            Clients::start(&installation.https(), CLIENTS, wishes(&format!("kill-{service}"), 2 * CLIENTS));
        clients.have(1).await;
        a_moment().await;
        installation.kill_service(*service);
        installation.start().await;
        granted.extend(clients.all().await);
    }
    all_is_well(&installation, &granted).await;
}

/// Up to 60 ms, so that kills meet every step of a request.
async fn a_moment() {
    let [random] = bytes(&SystemEntropy);
    tokio::time::sleep(Duration::from_millis(u64::from(random) / 4)).await;
}
