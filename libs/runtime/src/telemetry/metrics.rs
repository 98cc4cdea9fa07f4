//! Figures: kept for `/metrics`, sent by OTLP where an endpoint is set.
//!
//! A meter named `chancery-<service>` belongs to that service; any other to the process, which is the one service
//! that runs in it, or `chancery` where there are several. In code a name has no suffix of unit or counter: the
//! Prometheus text gets them (`_seconds`, `_total`).

use std::{collections::BTreeMap, fmt, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use contracts::Service;
use http::{Request, Response};
use opentelemetry::{
    InstrumentationScope, KeyValue,
    metrics::{Meter, MeterProvider},
};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{MetricExporter, Protocol, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::metrics::{
    Aggregation, Instrument, InstrumentKind, PeriodicReader, SdkMeterProvider, Stream,
};
use prometheus::{Encoder as _, Registry, TextEncoder, proto::MetricFamily};
use tokio::runtime::Handle;

use super::{TelemetryError, collector, exporter_error, resource};

/// How often figures are sent.
const INTERVAL: Duration = Duration::from_secs(15);

/// The figures of a process; clones share them.
#[derive(Clone)]
pub struct Metrics {
    sources: Arc<[Source]>,
}

/// One resource's figures.
struct Source {
    service: Option<Service>,
    provider: SdkMeterProvider,
    registry: Registry,
}

impl Metrics {
    /// Begins, and makes the process's `opentelemetry::global::meter` lead here.
    pub(super) fn begin(
        endpoint: Option<&str>,
        services: &[Service],
        instance: &str,
    ) -> Result<Self, TelemetryError> {
        let owners = match services {
            [only] => vec![Some(*only)],
            several => std::iter::once(None).chain(several.iter().copied().map(Some)).collect(),
        };
        let sources = owners.into_iter().map(|owner| Source::new(owner, endpoint, instance));
        let metrics = Self { sources: sources.collect::<Result<_, _>>()? };
        opentelemetry::global::set_meter_provider(metrics.clone());
        metrics
            .meter("chancery")
            .u64_gauge("chancery_build_info")
            .with_description("1, with what runs")
            .build()
            .record(
                1,
                &[
                    KeyValue::new("version", env!("CARGO_PKG_VERSION")),
                    KeyValue::new("revision", option_env!("CHANCERY_REVISION").unwrap_or("unknown")),
                ],
            );
        Ok(metrics)
    }

    /// Everything as Prometheus text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut families: BTreeMap<String, MetricFamily> = BTreeMap::new();
        for mut family in self.sources.iter().flat_map(|source| source.registry.gather()) {
            family.set_name(without_repeats(family.name()));
            match families.get_mut(family.name()) {
                Some(known) => known.mut_metric().extend(family.get_metric().iter().cloned()),
                None => drop(families.insert(family.name().to_owned(), family)),
            }
        }
        let mut text = Vec::new();
        let families: Vec<MetricFamily> = families.into_values().collect();
        if let Err(error) = TextEncoder::new().encode(&families, &mut text) {
            tracing::error!(%error, "metrics cannot be shown");
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    pub(super) fn end(&self) {
        for source in self.sources.iter() {
            _ = source.provider.shutdown();
        }
    }
}

/// The exporter adds the suffixes of unit and counter even where code named the figure with them.
fn without_repeats(name: &str) -> String {
    let mut name = name.to_owned();
    for suffix in ["_total", "_seconds", "_bytes"] {
        if name.strip_suffix(suffix).is_some_and(|rest| rest.ends_with(suffix)) {
            name.truncate(name.len() - suffix.len());
        }
    }
    name
}

impl MeterProvider for Metrics {
    fn meter_with_scope(&self, scope: InstrumentationScope) -> Meter {
        let service = scope.name().strip_prefix("chancery-").and_then(|name| name.parse::<Service>().ok());
        let named = self.sources.iter().find(|source| source.service == service);
        // There is always a first: the process's own.
        named.unwrap_or(&self.sources[0]).provider.meter_with_scope(scope)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Metrics({} sources)", self.sources.len())
    }
}

impl Source {
    fn new(service: Option<Service>, endpoint: Option<&str>, instance: &str) -> Result<Self, TelemetryError> {
        let registry = Registry::new();
        let prometheus = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .scope_info_enabled(false)
            .without_target_info()
            .build()
            .map_err(|error| TelemetryError::Metrics(error.to_string()))?;
        let mut builder = SdkMeterProvider::builder()
            .with_resource(resource::of(service, instance))
            .with_view(buckets)
            .with_reader(prometheus);
        if let Some(endpoint) = endpoint {
            builder = builder
                .with_reader(PeriodicReader::builder(exporter(endpoint)?).with_interval(INTERVAL).build());
        }
        Ok(Self { service, provider: builder.build(), registry })
    }
}

/// Bounds of histograms of times: from a fast signature to the longest wait. Others keep their own.
const SECONDS: [f64; 15] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

fn buckets(instrument: &Instrument) -> Option<Stream> {
    if instrument.kind() != InstrumentKind::Histogram || instrument.unit() != "s" {
        return None;
    }
    let aggregation =
        Aggregation::ExplicitBucketHistogram { boundaries: SECONDS.to_vec(), record_min_max: false };
    Stream::builder().with_aggregation(aggregation).build().ok()
}

fn exporter(endpoint: &str) -> Result<MetricExporter, TelemetryError> {
    MetricExporter::builder()
        .with_http()
        .with_http_client(OnRuntime { client: collector::client(endpoint)?, runtime: Handle::current() })
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/metrics", endpoint.trim_end_matches('/')))
        .build()
        .map_err(|error| exporter_error(endpoint, error))
}

/// Sends from the reader's thread, which has no reactor, on the process's runtime, which has one.
#[derive(Debug)]
struct OnRuntime {
    client: collector::Client,
    runtime: Handle,
}

type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for OnRuntime {
    fn send_bytes<'this, 'sending>(&'this self, request: Request<Bytes>) -> Sending<'sending>
    where
        'this: 'sending,
        Self: 'sending,
    {
        let client = self.client.clone();
        let sending = self.runtime.spawn(async move { client.send_bytes(request).await });
        Box::pin(async move { sending.await? })
    }
}
