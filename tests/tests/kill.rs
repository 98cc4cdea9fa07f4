//! `kill -9` at random moments while many ask for certificates: each gets one, and everything stands as it was answered.
//!
//! By hand, for longer: `CHANCERY_TEST_KILLS=30 CHANCERY_TEST_REQUESTS=1000 cargo nextest run --test kill`.

#![allow(clippy::unwrap_used)] // helpers of tests

use std::time::Duration;

use chancery_tests::{
    checks::all_is_well,
    clients::{Clients, wishes},
};
use contracts::Service;
use runtime::entropy::{SystemEntropy, bytes};
use testkit::{Installation, environment};

/// Clients at once.
const CLIENTS: usize = 24;

#[tokio::test]
async fn killed_at_random_moments_it_comes_back_with_all_that_was_answered() {
    let (kills, requests) = (number("CHANCERY_TEST_KILLS", 8), number("CHANCERY_TEST_REQUESTS", 300));
    let mut installation = Installation::up().await;
    let mut clients = Clients::start(&installation.https(), CLIENTS, wishes("kill", requests));
    for kill in 0..kills {
        clients.have(requests * kill / kills + usize::from(kill > 0)).await;
        a_moment().await;
        installation.kill();
        // Sometimes the servers beneath die with it.
        if kill % 4 > 1 {
            installation.kill_nats().await;
        }
        if kill % 4 % 2 == 1 {
            installation.kill_postgres().await;
        }
        installation.start().await;
    }
    let granted = clients.all().await;
    assert_eq!(granted.len(), requests);
    all_is_well(&installation, &granted).await;
}

#[tokio::test]
async fn each_service_is_killed_in_turn_and_none_is_missed_for_long() {
    let mut installation = Installation::plan().set("limits.request_time", "8s").serve().await;
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

fn number(variable: &str, otherwise: usize) -> usize {
    environment::of_test().get(variable).map_or(otherwise, |text| text.parse().unwrap())
}
