//! A closed loop of clients, each on one keep-alive HTTPS connection, that ask for certificates as fast as they are
//! answered.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::figures::Latencies;

/// Where the load goes.
#[derive(Clone)]
pub struct Target {
    /// `host:port`.
    pub address: String,
    /// Trust in the server's CA.
    pub tls: Arc<rustls::ClientConfig>,
    /// API token.
    pub token: String,
}

/// What a run gave.
pub struct Load {
    /// Certificates issued.
    pub issued: usize,
    /// Answers that were not 201.
    pub failed: usize,
    /// How long it took.
    pub elapsed: Duration,
    /// Time of each request.
    pub latencies: Latencies,
}

/// Asks for `total` certificates over `clients` connections, one CSR each from `csrs`, in turn.
pub async fn issue(
    target: &Target,
    clients: usize,
    total: usize,
    csrs: Arc<Vec<String>>,
) -> std::io::Result<Load> {
    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|_| tokio::spawn(client(target.clone(), next.clone(), total, csrs.clone())))
        .collect();
    let (mut issued, mut failed, mut latencies) = (0, 0, Latencies::default());
    for task in tasks {
        let (ok, bad, times) = task.await.map_err(std::io::Error::other)??;
        issued += ok;
        failed += bad;
        latencies.extend(times);
    }
    Ok(Load { issued, failed, elapsed: started.elapsed(), latencies })
}

async fn client(
    target: Target,
    next: Arc<AtomicUsize>,
    total: usize,
    csrs: Arc<Vec<String>>,
) -> std::io::Result<(usize, usize, Vec<Duration>)> {
    let stream = tokio::net::TcpStream::connect(&target.address).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from("localhost").map_err(std::io::Error::other)?;
    let tls = TlsConnector::from(target.tls.clone()).connect(name, stream).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(tls)).await.map_err(std::io::Error::other)?;
    tokio::spawn(connection);
    let (mut ok, mut bad, mut times) = (0, 0, Vec::new());
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= total {
            return Ok((ok, bad, times));
        }
        let body = serde_json::json!({"csr": csrs[number % csrs.len()]}).to_string();
        let request = Request::post("/api/v1/certificate-requests")
            .header(header::HOST, &target.address)
            .header(header::AUTHORIZATION, format!("Bearer {}", target.token))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(std::io::Error::other)?;
        let began = Instant::now();
        let response = sender.send_request(request).await.map_err(std::io::Error::other)?;
        let status = response.status();
        response.into_body().collect().await.map_err(std::io::Error::other)?;
        times.push(began.elapsed());
        if status == 201 { ok += 1 } else { bad += 1 }
    }
}
