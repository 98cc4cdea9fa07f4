//! A receiver of traces and metrics by OTLP over HTTP.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
};
use prost::Message as _;
use tokio::{net::TcpListener, task::JoinHandle};

/// A span that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedSpan {
    /// `service.name` of its resource.
    pub service: String,
    /// Its name.
    pub name: String,
    /// 32 hexadecimal digits.
    pub trace: String,
    /// 16 hexadecimal digits.
    pub id: String,
    /// The span above it; empty at the root.
    pub parent: String,
    /// Its attributes that are text or whole numbers.
    pub attributes: Vec<(String, String)>,
    /// Traces it is linked to.
    pub links: Vec<String>,
}

/// Listens for OTLP until dropped.
#[derive(Debug)]
pub struct OtlpReceiver {
    address: SocketAddr,
    received: Received,
    task: JoinHandle<()>,
}

type Received = Arc<Mutex<Everything>>;

#[derive(Debug, Default)]
struct Everything {
    spans: Vec<ReceivedSpan>,
    bytes: Vec<u8>,
}

impl OtlpReceiver {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let received = Received::default();
        let router = Router::new()
            .route("/v1/traces", post(traces))
            .route("/v1/metrics", post(metrics))
            .with_state(received.clone());
        let task =
            tokio::spawn(async move { axum::serve(listener, router).await.expect("the receiver serves") });
        Self { address, received, task }
    }

    /// What to set `telemetry.otlp_endpoint` to.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every span so far.
    #[must_use]
    pub fn spans(&self) -> Vec<ReceivedSpan> {
        self.received.lock().expect("no panic while it is held").spans.clone()
    }

    /// Every byte so far, of traces and of metrics.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.received.lock().expect("no panic while it is held").bytes.clone()
    }

    /// Waits until the spans received satisfy the test, and gives them.
    pub async fn wait_for(&self, enough: impl Fn(&[ReceivedSpan]) -> bool) -> Vec<ReceivedSpan> {
        for _ in 0..300 {
            let spans = self.spans();
            if enough(&spans) {
                return spans;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the spans that were waited for did not come; there are {:#?}", self.spans());
    }
}

impl Drop for OtlpReceiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn metrics(State(received): State<Received>, body: Bytes) -> StatusCode {
    received.lock().expect("no panic while it is held").bytes.extend(&body);
    StatusCode::OK
}

async fn traces(State(received): State<Received>, body: Bytes) -> StatusCode {
    let Ok(request) = ExportTraceServiceRequest::decode(body.clone()) else { return StatusCode::BAD_REQUEST };
    let mut spans = Vec::new();
    for resource in request.resource_spans {
        let attributes = resource.resource.map(|resource| texts(&resource.attributes)).unwrap_or_default();
        let service = attributes.into_iter().find(|(key, _)| key == "service.name").map(|(_, name)| name);
        for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            spans.push(ReceivedSpan {
                service: service.clone().unwrap_or_default(),
                name: span.name,
                trace: hex::encode(span.trace_id),
                id: hex::encode(span.span_id),
                parent: hex::encode(span.parent_span_id),
                attributes: texts(&span.attributes),
                links: span.links.into_iter().map(|link| hex::encode(link.trace_id)).collect(),
            });
        }
    }
    let mut received = received.lock().expect("no panic while it is held");
    received.spans.extend(spans);
    received.bytes.extend(&body);
    StatusCode::OK
}

fn texts(attributes: &[KeyValue]) -> Vec<(String, String)> {
    let text = |attribute: &KeyValue| match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some((attribute.key.clone(), text.clone())),
        Value::IntValue(number) => Some((attribute.key.clone(), number.to_string())),
        _ => None,
    };
    attributes.iter().filter_map(text).collect()
}
