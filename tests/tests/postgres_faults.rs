//! PostgreSQL killed under load: requests are told to wait, it is started again unaided, nothing that was answered is
//! lost and nothing is there twice.

#![allow(clippy::unwrap_used)] // helpers of tests

use chancery_tests::{
    checks::all_is_well,
    clients::{Clients, wishes},
};
use testkit::Installation;

/// Clients at once.
const CLIENTS: usize = 16;
/// Certificates asked for between two kills.
const WISHES: usize = 40;
/// How often it is killed.
const KILLS: usize = 3;

#[tokio::test]
async fn postgresql_is_killed_under_load_and_everything_goes_on_by_itself() {
    let installation = Installation::up().await;
    let all = wishes("postgres", WISHES * (KILLS + 1));
    let mut clients = Clients::start(&installation.https(), CLIENTS, all);
    for kill in 0..KILLS {
        clients.have(WISHES * kill + 1).await;
        installation.kill_postgres().await;
    }
    let statuses = clients.statuses();
    let granted = clients.all().await;
    assert_eq!(granted.len(), WISHES * (KILLS + 1), "{statuses:?}");
    all_is_well(&installation, &granted).await;
}
