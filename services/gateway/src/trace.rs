//! The marks every answer carries: `Request-Id` and `traceparent`.

use contracts::id;
use http::{HeaderMap, HeaderValue};
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use uuid::Uuid;

/// Name of the header with the request's id.
pub const REQUEST_ID: &str = "request-id";
/// Name of the W3C trace context header.
pub const TRACEPARENT: &str = "traceparent";

/// Which request this is, and which trace it belongs to.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The request's id; `req_…` in `Request-Id` and a problem's `instance`.
    pub request: Uuid,
    /// W3C trace context for what the request leads to, and for its answer.
    pub traceparent: String,
}

impl Trace {
    /// The caller's trace if it sent one, the span's if spans are exported, else a new one made of `drawn`.
    #[must_use]
    pub fn of(request: Uuid, drawn: Uuid, headers: &HeaderMap, span: &Span) -> Self {
        let parent = headers
            .get(TRACEPARENT)
            .and_then(|value| value.to_str().ok())
            .filter(|text| bus::context::is_traceparent(text));
        if !span.is_none() {
            if let Some(parent) = parent.and_then(remote) {
                // Fails only when no OpenTelemetry layer is there to hold the parent.
                _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(parent));
            }
            let context = span.context();
            let own = context.span().span_context().clone();
            if own.is_valid() {
                let flags = own.trace_flags().to_u8();
                let traceparent = format!("00-{}-{}-{flags:02x}", own.trace_id(), own.span_id());
                return Self { request, traceparent };
            }
        }
        let own_span = request.as_u64_pair().1;
        let traceparent = match parent {
            Some(parent) => format!("{}-{own_span:016x}-{}", &parent[..35], &parent[53..55]),
            None => format!("00-{}-{own_span:016x}-00", drawn.simple()),
        };
        Self { request, traceparent }
    }

    /// The trace's id: 32 hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.traceparent[3..35]
    }

    /// The request's id as users see it.
    #[must_use]
    pub fn request_id(&self) -> String {
        format!("req_{}", id::encode(self.request))
    }

    /// Marks an answer.
    pub fn mark(&self, headers: &mut HeaderMap) {
        for (name, value) in [(REQUEST_ID, self.request_id()), (TRACEPARENT, self.traceparent.clone())] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }
}

fn remote(traceparent: &str) -> Option<SpanContext> {
    let trace = TraceId::from_hex(&traceparent[3..35]).ok()?;
    let span = SpanId::from_hex(&traceparent[36..52]).ok()?;
    let flags = TraceFlags::new(u8::from_str_radix(&traceparent[53..55], 16).ok()?);
    Some(SpanContext::new(trace, span, flags, true, TraceState::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(sent: Option<&'static str>) -> Trace {
        let headers: HeaderMap = sent
            .map(|text| (http::HeaderName::from_static(TRACEPARENT), HeaderValue::from_static(text)))
            .into_iter()
            .collect();
        Trace::of(Uuid::from_u128(0xabc), Uuid::from_u128(0xdef), &headers, &Span::none())
    }

    #[test]
    fn the_callers_trace_goes_on_with_a_span_of_ours() {
        let trace = trace(Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        assert_eq!(trace.id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(trace.traceparent, "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000abc-01");
    }

    #[test]
    fn without_a_trace_or_with_nonsense_one_begins() {
        for sent in [None, Some("00-zz-1"), Some("00-00000000000000000000000000000000-00f067aa0ba902b7-01")] {
            let trace = trace(sent);
            assert_eq!(trace.id(), "00000000000000000000000000000def");
            assert!(bus::context::is_traceparent(&trace.traceparent));
        }
    }
}
