//! The marks every answer carries: `Request-Id` and `traceparent`.

use contracts::{TraceParent, id};
use http::{HeaderMap, HeaderValue};
use tracing::Span;
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
    pub traceparent: TraceParent,
}

impl Trace {
    /// The caller's trace if it sent one, the span's if spans are exported, else a new one made of `drawn`.
    #[must_use]
    pub fn of(request: Uuid, drawn: Uuid, headers: &HeaderMap, span: &Span) -> Self {
        let sent = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok());
        let parent: Option<TraceParent> = sent.and_then(|text| text.parse().ok());
        if !span.is_none()
            && let Some(parent) = parent
        {
            bus::trace::below(span, parent);
        }
        let traceparent = bus::trace::own(span).unwrap_or_else(|| {
            let own = request.as_u64_pair().1.to_be_bytes();
            match parent {
                Some(parent) => TraceParent { span: own, ..parent },
                None => TraceParent { trace: drawn.into_bytes(), span: own, flags: 0 },
            }
        });
        Self { request, traceparent }
    }

    /// The trace's id: 32 hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> String {
        self.traceparent.trace_id()
    }

    /// The request's id as users see it.
    #[must_use]
    pub fn request_id(&self) -> String {
        format!("req_{}", id::encode(self.request))
    }

    /// Marks an answer.
    pub fn mark(&self, headers: &mut HeaderMap) {
        for (name, value) in [(REQUEST_ID, self.request_id()), (TRACEPARENT, self.traceparent.to_string())] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }
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
        assert_eq!(trace.traceparent.to_string(), "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000abc-01");
    }

    #[test]
    fn without_a_trace_or_with_nonsense_one_begins() {
        for sent in [None, Some("00-zz-1"), Some("00-00000000000000000000000000000000-00f067aa0ba902b7-01")] {
            let trace = trace(sent);
            assert_eq!(trace.id(), "00000000000000000000000000000def");
            assert_eq!(trace.traceparent.span, 0xabc_u64.to_be_bytes());
        }
    }
}
