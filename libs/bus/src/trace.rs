//! Spans of commands and of events that are taken in. They cost nothing unless the trace they belong to is sampled.

use contracts::TraceParent;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The two sides of a command.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    Client,
    Server,
}

/// A span `service/method` below `traceparent`; none when that is absent or not sampled.
pub(crate) fn span(
    side: Side,
    service: &'static str,
    method: &'static str,
    traceparent: Option<&str>,
) -> Span {
    let Some(parent) = sampled(traceparent) else { return Span::none() };
    let kind = match side {
        Side::Client => "client",
        Side::Server => "server",
    };
    let span = tracing::info_span!(
        "command",
        otel.name = format!("{service}/{method}"),
        otel.kind = kind,
        rpc.system = "nats",
        rpc.service = service,
        rpc.method = method,
        error.type = tracing::field::Empty,
    );
    below(&span, parent);
    span
}

/// A span `process <kind>` for an event that `consumer` takes in, below the request that led to it; none when
/// `traceparent` is absent or not sampled. It ends when dropped.
#[must_use]
pub fn process_span(consumer: &str, kind: &str, traceparent: Option<&str>) -> Span {
    let Some(parent) = sampled(traceparent) else { return Span::none() };
    let span = tracing::info_span!(
        "process",
        otel.name = format!("process {kind}"),
        otel.kind = "consumer",
        messaging.system = "nats",
        messaging.operation.r#type = "process",
        messaging.destination.name = contracts::service::Stream::Log.name(),
        messaging.consumer.group.name = consumer,
    );
    below(&span, parent);
    span
}

/// Puts a span below the one that `parent` names.
pub fn below(span: &Span, parent: TraceParent) {
    // Fails only when no OpenTelemetry layer is there to hold the parent.
    _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(remote(parent)));
}

fn sampled(traceparent: Option<&str>) -> Option<TraceParent> {
    traceparent?.parse().ok().filter(|parent| remote(*parent).is_sampled())
}

fn remote(TraceParent { trace, span, flags }: TraceParent) -> SpanContext {
    let (trace, span) = (TraceId::from_bytes(trace), SpanId::from_bytes(span));
    SpanContext::new(trace, span, TraceFlags::new(flags), true, TraceState::default())
}

/// `traceparent` for a request made within `span`; `outer` when `span` is recorded nowhere.
pub(crate) fn within(span: &Span, outer: Option<&str>) -> Option<String> {
    own(span).map(|own| own.to_string()).or_else(|| outer.map(str::to_owned))
}

/// Where a span that is recorded stands in its trace.
#[must_use]
pub fn own(span: &Span) -> Option<TraceParent> {
    if span.is_none() {
        return None;
    }
    let context = span.context();
    let own = context.span().span_context().clone();
    let (trace, span) = (own.trace_id().to_bytes(), own.span_id().to_bytes());
    own.is_valid().then_some(TraceParent { trace, span, flags: own.trace_flags().to_u8() })
}
