//! Spans of publishing. They cost nothing unless the trace they belong to is sampled.

use contracts::TraceParent;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::stream;
use crate::Recorded;

/// A span `send <kind>` for an event on its way to the stream, below the request that led to it; none when that is not
/// traced. It ends when dropped.
pub(super) fn send_span(event: &Recorded) -> Span {
    let Some(parent) = sampled(event.traceparent.as_deref()) else {
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

/// The span that a sampled `traceparent` names.
fn sampled(traceparent: Option<&str>) -> Option<SpanContext> {
    let TraceParent { trace, span, flags } = traceparent?.parse().ok()?;
    let (trace, span, flags) = (TraceId::from_bytes(trace), SpanId::from_bytes(span), TraceFlags::new(flags));
    flags.is_sampled().then(|| SpanContext::new(trace, span, flags, true, TraceState::default()))
}
