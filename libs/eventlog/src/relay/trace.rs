//! Spans of publishing. They cost nothing unless the trace they belong to is sampled.

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::stream;
use crate::Recorded;

/// A span `send <kind>` for an event on its way to the stream, below the request that led to it; none when that is not
/// traced. It ends when dropped.
pub(super) fn send_span(event: &Recorded) -> Span {
    let Some(parent) = event.traceparent.as_deref().and_then(parse).filter(SpanContext::is_sampled) else {
        return Span::none();
    };
    let span = tracing::info_span!(
        "send",
        otel.name = format!("send {}", event.kind),
        otel.kind = "producer",
        messaging.system = "nats",
        messaging.operation.r#type = "send",
        messaging.destination.name = stream::NAME,
        messaging.message.id = %event.id,
    );
    // Fails only when no OpenTelemetry layer is there to hold the parent.
    _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(parent));
    span
}

/// Reads `00-<trace>-<span>-<flags>` (W3C Trace Context §3.2).
fn parse(traceparent: &str) -> Option<SpanContext> {
    let mut parts = traceparent.split('-').skip(1);
    let trace = TraceId::from_hex(parts.next()?).ok()?;
    let span = SpanId::from_hex(parts.next()?).ok()?;
    let flags = TraceFlags::new(u8::from_str_radix(parts.next()?, 16).ok()?);
    let context = SpanContext::new(trace, span, flags, true, TraceState::default());
    context.is_valid().then_some(context)
}
