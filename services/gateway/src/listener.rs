//! The HTTPS listener: TLS from the transport CA, HTTP/1.1 and HTTP/2, and limits on heads and streams (L-1).

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use axum_server::{
    Handle,
    accept::NoDelayAcceptor,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};
use hyper_util::rt::TokioTimer;
use runtime::{config::Limits, shutdown::Shutdown};
use rustls::ServerConfig;

use crate::client_certificate::connection::ChainAcceptor;

/// How long requests under way may take once the gateway is told to stop.
const GRACE: Duration = Duration::from_secs(10);
/// How many streams a client may open and reset before the connection is closed.
const MOST_RESETS: usize = 32;

/// Listens until shutdown. Returns the address, which tells the port where none was chosen.
pub fn listen(
    address: SocketAddr,
    tls: ServerConfig,
    limits: &Limits,
    router: Router,
    shutdown: &Shutdown,
) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let local = listener.local_addr()?;
    let handle = Handle::<SocketAddr>::new();
    let acceptor =
        RustlsAcceptor::new(RustlsConfig::from_config(Arc::new(tls))).acceptor(NoDelayAcceptor::new());
    let acceptor = ChainAcceptor(acceptor);
    let mut server = axum_server::from_tcp(listener)?.acceptor(acceptor).handle(handle.clone());
    let head_bytes = u32::try_from(limits.header_bytes).unwrap_or(u32::MAX);
    let head_time = limits.header_time.duration().unsigned_abs();
    let builder = server.http_builder();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(head_time)
        .max_buf_size(limits.header_bytes.max(8 * 1024));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.http2_streams)
        .max_header_list_size(head_bytes)
        .max_pending_accept_reset_streams(MOST_RESETS)
        .max_local_error_reset_streams(MOST_RESETS)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    let stop = shutdown.token();
    shutdown.spawn(async move {
        stop.cancelled().await;
        handle.graceful_shutdown(Some(GRACE));
    });
    shutdown.spawn(async move {
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        if let Err(error) = server.serve(service).await {
            tracing::error!(%error, "HTTPS listener ended");
        }
    });
    Ok(local)
}
