//! Spans of commands and of events that are taken in. They cost nothing unless the trace they belong to is sampled.

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

fn below(span: &Span, parent: SpanContext) {
    // Fails only when no OpenTelemetry layer is there to hold the parent.
    _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(parent));
}

fn sampled(traceparent: Option<&str>) -> Option<SpanContext> {
    traceparent.and_then(parse).filter(SpanContext::is_sampled)
}

/// `traceparent` for a request made within `span`; `outer` when `span` is recorded nowhere.
pub(crate) fn within(span: &Span, outer: Option<&str>) -> Option<String> {
    let context = span.context();
    let inner = context.span().span_context().clone();
    if span.is_none() || !inner.is_valid() {
        return outer.map(str::to_owned);
    }
    Some(format!("00-{}-{}-{:02x}", inner.trace_id(), inner.span_id(), inner.trace_flags().to_u8()))
}

fn parse(traceparent: &str) -> Option<SpanContext> {
    let mut parts = traceparent.split('-').skip(1);
    let trace = TraceId::from_hex(parts.next()?).ok()?;
    let span = SpanId::from_hex(parts.next()?).ok()?;
    let flags = TraceFlags::new(u8::from_str_radix(parts.next()?, 16).ok()?);
    let context = SpanContext::new(trace, span, flags, true, TraceState::default());
    context.is_valid().then_some(context)
}
