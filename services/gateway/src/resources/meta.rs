//! `/meta` and the OpenAPI document.

use contracts::{Problem, Service};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{answer::Answer, call::Call, operation::Operation};

/// What this server is.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Meta {
    /// The program's version.
    version: &'static str,
    /// Versions of the API.
    api_versions: [&'static str; 1],
    /// What a client may look for before it uses it.
    features: [&'static str; 5],
    /// The services behind this API.
    services: &'static [Service],
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let meta = json!({"version": "0.1.0", "apiVersions": ["v1"],
        "features": ["idempotency", "dry_run", "events", "sse", "compatible_issuing"],
        "services": ["gateway", "directory", "inventory", "keystore", "signer", "notifier", "relay"]});
    vec![
        Operation::get("/api/v1/meta", "getMeta", "Show version and features")
            .public()
            .tagged("Service")
            .answers::<Meta>(StatusCode::OK, "What this server is.", meta)
            .handled_by(show),
        Operation::get("/api/v1/openapi.json", "getOpenapi", "This document")
            .public()
            .tagged("Service")
            .answers::<serde_json::Map<String, Value>>(
                StatusCode::OK,
                "The OpenAPI document.",
                json!({"openapi": "3.1.0"}),
            )
            .handled_by(|call: Call| async move {
                Ok(Answer::json_text(StatusCode::OK, call.gateway.openapi.clone()))
            }),
    ]
}

async fn show(_: Call) -> Result<Answer, Problem> {
    let meta = Meta {
        version: env!("CARGO_PKG_VERSION"),
        api_versions: ["v1"],
        features: ["idempotency", "dry_run", "events", "sse", "compatible_issuing"],
        services: Service::ALL,
    };
    Answer::json(StatusCode::OK, &meta)
}
