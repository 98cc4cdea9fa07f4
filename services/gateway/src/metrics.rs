//! Figures about requests.

use std::time::Duration;

use http::{Method, StatusCode};
use opentelemetry::{
    KeyValue,
    metrics::{Histogram, UpDownCounter},
};

/// Upper bounds in seconds.
const BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// What is measured.
#[derive(Clone, Debug)]
pub struct Figures {
    requests: Histogram<f64>,
    /// Clients that follow events.
    pub sse_clients: UpDownCounter<i64>,
}

impl Figures {
    /// The instruments.
    #[must_use]
    pub fn new() -> Self {
        let meter = opentelemetry::global::meter("chancery-gateway");
        Self {
            requests: meter
                .f64_histogram("http_server_request_duration")
                .with_unit("s")
                .with_description("Time from a request's head to its answer's head")
                .with_boundaries(BOUNDS.to_vec())
                .build(),
            sse_clients: meter
                .i64_up_down_counter("chancery_sse_clients")
                .with_description("Clients that follow events")
                .build(),
        }
    }

    /// Notes a request. `route` is a template, never a path as sent.
    pub fn request(&self, method: &Method, route: &'static str, status: StatusCode, took: Duration) {
        let method = match method.as_str() {
            "GET" => "GET",
            "POST" => "POST",
            "PUT" => "PUT",
            "PATCH" => "PATCH",
            "DELETE" => "DELETE",
            "HEAD" => "HEAD",
            _ => "other",
        };
        self.requests.record(
            took.as_secs_f64(),
            &[
                KeyValue::new("method", method),
                KeyValue::new("route", route),
                KeyValue::new("status", i64::from(status.as_u16())),
            ],
        );
    }
}

impl Default for Figures {
    fn default() -> Self {
        Self::new()
    }
}
