//! One trace shows a request from the gateway to the signature, each span under the service that did the work, also
//! where all services share a process.

use serde_json::json;
use testkit::{Installation, OtlpReceiver, openssl, otlp::ReceivedSpan};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// Who did what within the trace, in the words of `service: span`.
fn told(spans: &[ReceivedSpan]) -> Vec<String> {
    let mut told: Vec<_> = spans
        .iter()
        .filter(|span| span.trace == TRACE)
        .map(|span| format!("{}: {}", span.service, span.name))
        .collect();
    told.sort();
    told
}

#[tokio::test]
async fn each_span_of_a_request_belongs_to_the_service_that_did_the_work() {
    let receiver = OtlpReceiver::start().await;
    let plan = Installation::plan().set("telemetry.otlp_endpoint", &receiver.endpoint());
    one_trace_shows_a_request(&receiver, &plan.up().await).await;
}

#[tokio::test]
async fn a_trace_does_not_break_between_processes() {
    let receiver = OtlpReceiver::start().await;
    let plan = Installation::plan().set("telemetry.otlp_endpoint", &receiver.endpoint());
    one_trace_shows_a_request(&receiver, &plan.serve().await).await;
}

async fn one_trace_shows_a_request(receiver: &OtlpReceiver, installation: &Installation) {
    let csr = openssl::csr("shop.localhost", &["shop.localhost"]);
    let traceparent = format!("00-{TRACE}-{CALLER}-01");
    let headers = [("traceparent", traceparent.as_str()), ("prefer", "wait=20")];
    let body = json!({ "csr": csr.csr });
    let answer =
        installation.https().post_with("/api/v1/certificate-requests", &headers, &body).await.expect(201);
    assert!(answer.header("traceparent").contains(TRACE), "{}", answer.header("traceparent"));

    let expected = [
        "chancery-gateway: POST /api/v1/certificate-requests",
        "chancery-gateway: signer/submit_certificate_request",
        "chancery-inventory: process issuance.completed",
        "chancery-keystore: keystore/sign_certificate",
        "chancery-relay: send issuance.completed",
        "chancery-relay: send issuance.intended",
        "chancery-signer: INSERT events",
        "chancery-signer: keystore/sign_certificate",
        "chancery-signer: signer/submit_certificate_request",
    ];
    let spans = receiver
        .wait_for(|spans| {
            let told = told(spans);
            expected.iter().all(|span| told.iter().any(|known| known == span))
        })
        .await;
    let ours: Vec<_> = spans.iter().filter(|span| span.trace == TRACE).collect();
    for span in &ours {
        let known = span.parent == CALLER || ours.iter().any(|other| other.id == span.parent);
        assert!(known, "the span above {} {} is missing", span.service, span.name);
        for (key, value) in &span.attributes {
            assert!(
                !value.contains("CERTIFICATE") && !value.contains("chy_"),
                "{key} of {} holds {value}",
                span.name
            );
        }
    }
}

#[tokio::test]
async fn the_log_of_every_process_is_free_of_secrets() {
    let installation = Installation::plan().set("telemetry.log", "debug").serve().await;
    let csr = openssl::csr("shop.localhost", &["shop.localhost"]);
    installation.https().post("/api/v1/certificate-requests", &json!({ "csr": csr.csr })).await;
    let logs = installation.logs();
    let secrets = installation.secrets();
    for entry in std::fs::read_dir(secrets.folder()).expect("it was made") {
        let file = entry.expect("it can be read").path();
        let text = std::fs::read_to_string(&file).expect("secrets are text");
        // The second line of a key is its body; of the rest there is one line.
        let telling = text.lines().find(|line| !line.starts_with('-')).unwrap_or_default();
        assert!(!logs.contains(telling), "{} stands in a log", file.display());
    }
}
