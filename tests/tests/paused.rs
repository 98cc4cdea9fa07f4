//! SIGSTOP for some seconds, for each service and for NATS, under load: who is paused and goes on does no harm with what
//! it still believes (F02, F03).

#![allow(clippy::unwrap_used)] // helpers of tests

use std::{fs, time::Duration};

use chancery_tests::{
    checks::all_is_well,
    clients::{Clients, wishes},
};
use contracts::Service;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use testkit::Installation;
use tokio::time::sleep;

/// Clients at once.
const CLIENTS: usize = 16;
/// Longer than the pause between two pings of the lock that makes a relay the leader.
const PAUSE: Duration = Duration::from_secs(3);

#[tokio::test]
async fn whoever_is_paused_under_load_goes_on_without_harm() {
    let installation = Installation::plan().set("limits.request_time", "8s").serve().await;
    let mut granted = Vec::new();
    for service in Service::ALL {
        let pid = i32::try_from(installation.pid(service.as_str())).unwrap();
        granted.extend(paused(&installation, service.as_str(), pid).await);
    }
    let nats = fs::read_to_string(installation.data_dir().join("nats/nats.pid")).unwrap();
    granted.extend(paused(&installation, "nats", nats.trim().parse().unwrap()).await);
    all_is_well(&installation, &granted).await;
}

async fn paused(installation: &Installation, name: &str, pid: i32) -> Vec<chancery_tests::clients::Granted> {
    let wishes = wishes(&format!("paused-{name}"), 3 * CLIENTS);
    let mut clients = Clients::start(&installation.https(), CLIENTS, wishes);
    clients.have(1).await;
    kill(Pid::from_raw(pid), Signal::SIGSTOP).unwrap();
    sleep(PAUSE).await;
    kill(Pid::from_raw(pid), Signal::SIGCONT).unwrap();
    clients.all().await
}
