//! The way to the OTLP receiver: plain HTTP to one nearby, HTTPS to any other.

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use opentelemetry_http::hyper::HyperClient;
use rustls::{ClientConfig, RootCertStore};

use super::{TelemetryError, exporter_error, traces::PATIENCE};
use crate::roots;

/// A client of the receiver.
pub(super) type Client = HyperClient<HttpsConnector<HttpConnector>>;

/// A client for `endpoint`. By HTTPS it trusts the system's roots.
pub(super) fn client(endpoint: &str) -> Result<Client, TelemetryError> {
    let tls = if endpoint.starts_with("https:") {
        roots::client_config(None).map_err(|error| exporter_error(endpoint, crate::error::words(&error)))?
    } else {
        // Never used: a machine without roots may still send by HTTP.
        ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth()
    };
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
    Ok(HyperClient::new(connector, PATIENCE, None))
}
