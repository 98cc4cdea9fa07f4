//! A process that dies at the worst moment (X01 to X11): who asked repeats the question, and gets one certificate.

#![allow(clippy::unwrap_used)] // helpers of tests

use chancery_tests::{
    checks::all_is_well,
    clients::{Clients, wishes},
};
use testkit::Installation;

/// Each point, and the service that comes to it.
const POINTS: &[(&str, &str)] = &[
    ("X01-request-read", "gateway"),
    ("X02-committed-unanswered", "signer"),
    ("X02-replied-unanswered", "gateway"),
    ("X03-relayed-unmarked", "relay"),
    ("X03-public-unmarked", "gateway"),
    ("X04-delivered-no-effect", "signer"),
    ("X05-effect-no-ack", "signer"),
    ("X06-key-made-not-stored", "keystore"),
    ("X07-intent-appended", "signer"),
    ("X08-signed-not-journaled", "keystore"),
    ("X09-journaled-not-released", "keystore"),
    ("X10-released-no-event", "signer"),
    ("X11-issued-not-projected", "inventory"),
];
/// Requests under way when the process dies.
const WISHES: usize = 8;

#[tokio::test]
async fn everything_in_one_process_survives_a_crash_at_every_point() {
    let mut installation = Installation::up().await;
    let mut granted = Vec::new();
    for (point, _) in POINTS {
        installation.start_armed("up", point).await;
        let clients = Clients::start(&installation.https(), WISHES, wishes(point, WISHES));
        installation.has_crashed("up").await;
        installation.start().await;
        granted.extend(clients.all().await);
    }
    all_is_well(&installation, &granted).await;
}

#[tokio::test]
async fn each_service_in_a_process_of_its_own_survives_a_crash_at_every_point() {
    // Who waits for a service that died asks again after a quarter of this.
    let mut installation = Installation::plan().set("limits.request_time", "8s").serve().await;
    let mut granted = Vec::new();
    for (point, service) in POINTS {
        installation.start_armed(service, point).await;
        let clients = Clients::start(&installation.https(), WISHES, wishes(point, WISHES));
        installation.has_crashed(service).await;
        installation.start().await;
        granted.extend(clients.all().await);
    }
    all_is_well(&installation, &granted).await;
}
