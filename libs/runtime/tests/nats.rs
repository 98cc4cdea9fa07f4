//! The private NATS server, started again.

#![allow(clippy::unwrap_used)] // a test that cannot go on should say where

use std::time::Duration;

use testkit::Servers;
use tokio::net::TcpListener;

#[tokio::test]
async fn it_comes_back_where_it_was_though_its_port_was_taken_for_a_moment() {
    let mut servers = Servers::start().await;
    let url = servers.nats.url();
    servers.nats.stop().await;
    let taken = TcpListener::bind(url.trim_start_matches("nats://")).await.unwrap();
    let released = async {
        tokio::time::sleep(Duration::from_millis(500)).await; // how long the fault lasts
        drop(taken);
    };
    let (restarted, ()) = tokio::join!(servers.nats.restart(&servers.secrets), released);
    restarted.unwrap();
    assert_eq!(servers.nats.url(), url);
}
