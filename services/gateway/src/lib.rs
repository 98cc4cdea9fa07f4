//! gateway: HTTP to commands and queries, and the public events. The one place that knows status codes.
//!
//! It owns no aggregate and appends nothing. Commands go out over NATS as the caller's principal; reads come from the
//! services' views (`api_<service>.*`) and from the log.
//!
//! | file | says |
//! |---|---|
//! | [`operation`], [`operations`] | what an operation is, and the one table of them |
//! | [`gate`], [`client_address`] | from where people may come |
//! | [`client_certificate`] | what their TLS client certificates are worth |
//! | [`rate`] | how often they may |
//! | [`cookie`], [`rest`] | sessions in browsers, and how long they rest |
//! | [`router`] | the way of every request: gate, authentication, permission, query, body, handler, answer |
//! | [`pages`] | to sign in with a browser |
//! | [`resources`] | the operations, a file per resource |
//! | [`openapi`](mod@openapi), [`docs`] | the table as OpenAPI 3.1, and as pages for people |
//! | [`problem`] | codes as HTTP statuses and problem documents |
//! | [`body`], [`json`], [`query`], [`conditions`] | reading requests strictly |
//! | [`view`], [`select`], [`cursor`], [`read`], [`position`] | lists and single things from the services' views |
//! | [`file_reader`] | uploaded files, read in a process of their own |
//! | [`patience`] | `Prefer: wait`, and 202 |
//! | [`translate`], [`events`], [`sse`], [`publisher`] | log events as public ones, by page, as a stream, on NATS |
//! | [`listener`] | HTTPS |

pub mod answer;
pub mod authenticate;
pub mod body;
pub mod call;
pub mod caller;
pub mod client_address;
pub mod client_certificate;
pub mod conditions;
pub mod cookie;
pub mod cursor;
pub mod denial;
pub mod docs;
pub mod events;
pub mod file_reader;
pub mod gate;
pub mod gateway;
pub mod issuance;
pub mod json;
pub mod listener;
pub mod metrics;
mod nearest;
pub mod news;
pub mod openapi;
pub mod operation;
pub mod operations;
pub mod pages;
pub mod parameter;
pub mod patience;
mod pem;
mod people_csv;
pub mod position;
pub mod problem;
pub mod publisher;
pub mod query;
pub mod rate;
pub mod reach;
mod read;
pub mod report;
pub mod representation;
pub mod resources;
pub mod rest;
pub mod router;
pub mod select;
pub mod sse;
pub mod timeline;
mod token_use;
pub mod trace;
pub mod translate;
pub mod view;
mod waiting;

use std::sync::Arc;

use runtime::{
    service::{ServiceContext, StartError},
    transport_ca::GatewayCertificate,
};

/// Tables beside the log; read models it has none.
pub const MIGRATIONS: &[&str] = &[include_str!("../migrations/0001_request_count.sql")];

/// Listens, publishes public events, and tells uses of tokens, until shutdown.
pub async fn start(context: ServiceContext) -> Result<(), StartError> {
    let certificate = GatewayCertificate::issue(
        &context.config.server,
        &context.secrets,
        context.clock.clone(),
        context.entropy.clone(),
    )?;
    let gateway = Arc::new(gateway::Gateway::new(&context));
    rate::store::keep(&gateway).await;
    let tls = certificate.tls(gateway.client_certificates.verifier())?;
    let router = router::router(&gateway, operations::table()).map_err(StartError::refused)?;
    let listener = context.health.register("https");
    let (address, limits) = (context.config.server.listen, &context.config.limits);
    let address = listener::listen(address, tls, limits, router, &context.shutdown)
        .map_err(|reason| StartError::Listen { key: "server.listen", address, reason })?;
    listener.set_ready();
    context.shutdown.spawn(certificate.keep_fresh(context.shutdown.token()));
    context.shutdown.spawn(token_use::tell(gateway.clone()));
    context.shutdown.spawn(rest::tell(gateway));
    publisher::start(&context);
    tracing::info!(%address, "listening");
    Ok(())
}

/// The OpenAPI document of this build.
#[must_use]
pub fn openapi() -> serde_json::Value {
    openapi::document(&operations::table())
}
