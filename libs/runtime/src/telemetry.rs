//! Logs, traces and metrics of a process.
//!
//! Each service in the process is a source of its own (`service.name=chancery-<service>`), also where several run
//! in one: [`attribution`] says whose work a span is, [`metrics`] whose a figure, and [`labels`] keeps
//! their number small. Without an OTLP endpoint there are
//! no spans at all, and figures are only kept for `/metrics`.

mod attribution;
mod collector;
mod fields;
pub mod labels;
mod logs;
mod metrics;
mod resource;
mod traces;

use contracts::Service;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::{Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _};

pub use self::{fields::LOGGED, metrics::Metrics};
use crate::config;

/// Telemetry cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// An exporter refused its settings.
    #[error("OTLP exporter for '{endpoint}': {reason}")]
    Exporter {
        /// Where it would send.
        endpoint: String,
        /// What it said.
        reason: String,
    },
    /// Figures cannot be kept.
    #[error("metrics: {0}")]
    Metrics(String),
    /// Somebody else was first.
    #[error("telemetry was begun twice in one process")]
    Twice,
}

fn exporter_error(endpoint: &str, reason: impl ToString) -> TelemetryError {
    TelemetryError::Exporter { endpoint: endpoint.into(), reason: reason.to_string() }
}

/// What the process sends and keeps.
#[derive(Debug)]
pub struct Telemetry {
    metrics: Metrics,
    traces: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Begins for the services of this process; call once, inside the runtime. `instance` tells replicas apart.
    pub fn begin(
        settings: &config::Telemetry,
        services: &[Service],
        instance: &str,
    ) -> Result<Self, TelemetryError> {
        let endpoint = settings.otlp_endpoint.as_deref();
        let metrics = Metrics::begin(endpoint, services, instance)?;
        let traces = endpoint.map(|endpoint| traces::provider(endpoint, services, instance)).transpose()?;
        let spans = traces.as_ref().map(|provider| {
            // Where in the code and on which thread is nobody's question, and each would be an attribute more.
            let layer = tracing_opentelemetry::layer()
                .with_tracer(traces::tracer(provider))
                .with_location(false)
                .with_threads(false)
                .with_target(false)
                .with_tracked_inactivity(false);
            attribution::Attribution.and_then(layer.with_filter(attribution::ours()))
        });
        let logs = logs::layer(settings, spans.is_some());
        tracing_subscriber::registry()
            .with(spans)
            .with(logs)
            .try_init()
            .map_err(|_| TelemetryError::Twice)?;
        Ok(Self { metrics, traces })
    }

    /// The process's figures.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// Sends what is still held. Call last.
    pub async fn end(self) {
        // Both block until their exporter is done, so neither may run on a runtime thread.
        let ended = tokio::task::spawn_blocking(move || {
            if let Some(traces) = self.traces {
                _ = traces.shutdown();
            }
            self.metrics.end();
        });
        _ = ended.await;
    }
}
