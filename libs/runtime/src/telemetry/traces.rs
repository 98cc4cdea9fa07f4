//! Spans by OTLP: one tracer for the process, one sender per service.

use std::{collections::BTreeMap, time::Duration};

use contracts::Service;
use opentelemetry::{Context, trace::TracerProvider as _};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    propagation::TraceContextPropagator,
    runtime::Tokio,
    trace::{
        SdkTracer, SdkTracerProvider, Span, SpanData, SpanProcessor,
        span_processor_with_async_runtime::BatchSpanProcessor,
    },
};

use super::{TelemetryError, attribution, collector, exporter_error, resource};

/// Longest wait for the receiver.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// A provider that sends to `<endpoint>/v1/traces`.
pub(super) fn provider(
    endpoint: &str,
    services: &[Service],
    instance: &str,
) -> Result<SdkTracerProvider, TelemetryError> {
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    let sender = |service| Sender::new(endpoint, resource::of(service, instance));
    // A process of one service has no work that is nobody's.
    let rest = sender(if let [only] = services { Some(*only) } else { None })?;
    let each = services.iter().map(|service| Ok((*service, sender(Some(*service))?)));
    let senders = Senders { each: each.collect::<Result<_, TelemetryError>>()?, rest };
    Ok(SdkTracerProvider::builder().with_span_processor(senders).build())
}

/// The tracer behind every span of ours.
pub(super) fn tracer(provider: &SdkTracerProvider) -> SdkTracer {
    provider.tracer("chancery")
}

/// Sends the spans of one resource.
#[derive(Debug)]
struct Sender {
    queue: BatchSpanProcessor<Tokio>,
}

impl Sender {
    fn new(endpoint: &str, resource: Resource) -> Result<Self, TelemetryError> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(collector::client(endpoint)?)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .build()
            .map_err(|error| exporter_error(endpoint, error))?;
        // The plain batch processor has a thread without a reactor, in which the HTTP client panics.
        let mut queue = BatchSpanProcessor::builder(exporter, Tokio).build();
        queue.set_resource(&resource);
        Ok(Self { queue })
    }
}

/// Hands each span that ends to its owner's sender.
#[derive(Debug)]
struct Senders {
    each: BTreeMap<Service, Sender>,
    rest: Sender,
}

impl Senders {
    fn all(&self) -> impl Iterator<Item = &Sender> {
        self.each.values().chain([&self.rest])
    }
}

impl SpanProcessor for Senders {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        let owner = attribution::of_ending_span().and_then(|service| self.each.get(&service));
        owner.unwrap_or(&self.rest).queue.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.all().try_for_each(|sender| sender.queue.force_flush())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.all().try_for_each(|sender| sender.queue.shutdown_with_timeout(timeout))
    }

    /// The provider's own resource is nobody's: each sender has the right one already.
    fn set_resource(&mut self, _: &Resource) {}
}
