//! The operations listener: `/livez`, `/readyz` per dependency with the reason, `/metrics`.

use std::{io, net::SocketAddr};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{health::Health, telemetry::Metrics};

/// What the listener shows.
#[derive(Clone, Debug)]
pub struct Operations {
    /// The register of dependencies.
    pub health: Health,
    /// The process's figures.
    pub metrics: Metrics,
}

/// A listener that answers until it is told to stop.
#[derive(Debug)]
pub struct Listener {
    /// Where it listens: the port is the real one when 0 was asked for.
    pub address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Listener {
    /// Returns once it has stopped listening.
    pub async fn stopped(self) {
        _ = self.task.await
    }
}

/// Listens at `address` until `stop`.
pub async fn listen(
    address: SocketAddr,
    operations: Operations,
    stop: CancellationToken,
) -> io::Result<Listener> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let serve = axum::serve(listener, router(operations)).with_graceful_shutdown(stop.cancelled_owned());
    let task = tokio::spawn(async move {
        if let Err(error) = serve.await {
            tracing::error!(%error, "operations listener ended");
        }
    });
    Ok(Listener { address, task })
}

fn router(operations: Operations) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(operations)
}

async fn readyz(State(operations): State<Operations>) -> Response {
    let dependencies = operations.health.report();
    let ready = dependencies.iter().all(|dependency| dependency.ready || dependency.optional);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready, "dependencies": dependencies }))).into_response()
}

async fn metrics(State(operations): State<Operations>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], operations.metrics.text()).into_response()
}
