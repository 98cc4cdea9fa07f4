//! nats-server with JetStream in a temporary directory.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use async_nats::{Client, jetstream};
use tempfile::TempDir;

pub struct Nats {
    store: TempDir,
    port: u16,
    server: Option<Child>,
}

impl Nats {
    pub async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut nats = Self { store: TempDir::new().unwrap(), port, server: None };
        nats.boot();
        nats
    }

    pub fn boot(&mut self) {
        let server = Command::new("nats-server")
            .args(["-a", "127.0.0.1", "-p", &self.port.to_string(), "-js", "-sd"])
            .arg(self.store.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nats-server on the path");
        self.server = Some(server);
    }

    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    /// Loses everything JetStream stored. The server must be down.
    pub fn wipe(&mut self) {
        assert!(self.server.is_none());
        self.store = TempDir::new().unwrap();
    }

    /// What JetStream stored until now. The server must be down.
    pub fn copy(&self) -> TempDir {
        assert!(self.server.is_none());
        let copy = TempDir::new().unwrap();
        let status =
            Command::new("cp").arg("-a").arg(self.store.path().join(".")).arg(copy.path()).status().unwrap();
        assert!(status.success());
        copy
    }

    /// Puts such a copy back, as a restored backup would. The server must be down.
    pub fn restore(&mut self, copy: TempDir) {
        assert!(self.server.is_none());
        self.store = copy;
    }

    pub async fn client(&self) -> Client {
        async_nats::ConnectOptions::new()
            .retry_on_initial_connect()
            .reconnect_delay_callback(|_| Duration::from_millis(100))
            .request_timeout(Some(Duration::from_secs(2)))
            .connect(format!("nats://127.0.0.1:{}", self.port))
            .await
            .unwrap()
    }

    pub async fn jetstream(&self) -> jetstream::Context {
        jetstream::ContextBuilder::new()
            .timeout(Duration::from_secs(2))
            .ack_timeout(Duration::from_secs(2))
            .build(self.client().await)
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill();
    }
}
