//! Problem documents (RFC 9457) as HTTP carries them: the one place that gives a code its status.

use axum::{body::Body, response::Response};
use contracts::{Class, Code, Problem, Violation};
use http::{HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;

use crate::trace::Trace;

/// The content type of a problem document.
pub const MEDIA: &str = "application/problem+json";

/// A problem document.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ProblemDocument")]
pub struct Document<'a> {
    /// `urn:chancery:problem:<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the code means.
    pub title: &'a str,
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: Code,
    /// What happened here, for people.
    pub detail: &'a str,
    /// `urn:chancery:request:<Request-Id>`.
    pub instance: String,
    /// Where the code is explained.
    pub help: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// The trace that the log knows it under.
    pub trace_id: String,
    /// Each thing that is wrong; all at once.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schemars(default)]
    pub errors: &'a [Violation],
    /// The version the thing has now (`version_mismatch`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_version: Option<i32>,
    /// What clients of the compatible endpoint read.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub compatible: Option<Compatible>,
}

/// The members that clients of the compatible endpoint read.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Compatible {
    status_code: u16,
    error: &'static str,
    message: String,
}

/// The status of a code.
#[must_use]
pub fn status(code: Code) -> StatusCode {
    match code {
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        other => StatusCode::from_u16(other.class().number()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// The answer to a refused or failed request; `compatible` adds what clients of the compatible endpoint read.
#[must_use]
pub fn render(problem: &Problem, trace: &Trace, compatible: bool) -> Response {
    let status = status(problem.code);
    let document = Document {
        kind: format!("urn:chancery:problem:{}", problem.code.as_str()),
        title: problem.code.title(),
        status: status.as_u16(),
        code: problem.code,
        detail: &problem.detail,
        instance: format!("urn:chancery:request:{}", trace.request_id()),
        help: format!("/docs/problems/{}", problem.code.as_str()),
        retryable: problem.retryable,
        trace_id: trace.id(),
        errors: &problem.errors,
        current_version: problem.current_version,
        compatible: compatible.then(|| Compatible {
            status_code: status.as_u16(),
            error: status.canonical_reason().unwrap_or("Error"),
            message: message(problem),
        }),
    };
    // Texts, numbers and lists of them: this cannot fail.
    let body = serde_json::to_vec(&document).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA));
    match problem.code.class() {
        Class::Unauthenticated => {
            let challenge = if problem.code == Code::TokenExpired {
                r#"Bearer realm="chancery", error="invalid_token", error_description="expired""#
            } else {
                r#"Bearer realm="chancery""#
            };
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        Class::Unavailable | Class::TimedOut | Class::RateLimited => {
            headers.insert(header::RETRY_AFTER, problem.retry_after.unwrap_or(1).into());
        }
        _ => {}
    }
    response
}

/// The one line that clients of the compatible endpoint show: each violation, or what happened.
fn message(problem: &Problem) -> String {
    let details: Vec<&str> = problem.errors.iter().map(|violation| violation.detail.as_str()).collect();
    if details.is_empty() { problem.detail.clone() } else { details.join("; ") }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    fn trace() -> Trace {
        Trace {
            request: Uuid::from_u128(1),
            traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap(),
        }
    }

    async fn rendered(problem: &Problem, compatible: bool) -> (http::response::Parts, Value) {
        let (parts, body) = render(problem, &trace(), compatible).into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (parts, serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn a_problem_is_written_as_rfc_9457_says() {
        let problem = Problem::new(Code::PolicyViolation, "1 rule refuses this CSR")
            .with_errors(vec![Violation::at("#/csr", "key_too_small", "RSA 1024; at least 2048")]);
        let (parts, document) = rendered(&problem, false).await;
        assert_eq!(parts.status, 422);
        assert_eq!(parts.headers["content-type"], "application/problem+json");
        assert_eq!(
            document,
            json!({"type": "urn:chancery:problem:policy_violation", "title": "The request does not satisfy the policy",
                "status": 422, "code": "policy_violation", "detail": "1 rule refuses this CSR",
                "instance": "urn:chancery:request:req_00000000000000000000000001",
                "help": "/docs/problems/policy_violation", "retryable": false,
                "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
                "errors": [{"code": "key_too_small", "pointer": "#/csr", "detail": "RSA 1024; at least 2048"}]})
        );
    }

    #[tokio::test]
    async fn clients_of_the_compatible_endpoint_find_their_words() {
        let detail = "Key algorithm is not allowed by template policy";
        let problem = Problem::new(Code::PolicyViolation, "1 rule refuses this CSR")
            .with_errors(vec![Violation::at("#/csr", "key_algorithm_not_allowed", detail)]);
        let (_, document) = rendered(&problem, true).await;
        assert_eq!(document["statusCode"], 422);
        assert_eq!(document["error"], "Unprocessable Entity");
        assert_eq!(document["message"], detail);
    }

    #[tokio::test]
    async fn headers_say_what_to_do_next() {
        let lost = Problem::new(Code::CommandTimeout, "the signer did not answer in time");
        for (problem, status) in [(Problem::unavailable("the signer does not answer"), 503), (lost, 504)] {
            let (parts, _) = rendered(&problem, false).await;
            let retry = &parts.headers["retry-after"];
            assert_eq!((parts.status.as_u16(), retry), (status, &HeaderValue::from_static("1")));
        }
        let (parts, _) = rendered(&Problem::new(Code::Unauthenticated, "no token"), false).await;
        assert_eq!(parts.headers["www-authenticate"], r#"Bearer realm="chancery""#);
    }

    #[test]
    fn every_code_has_a_status_of_failure() {
        for code in Code::ALL {
            assert!(status(*code).is_client_error() || status(*code).is_server_error(), "{code:?}");
        }
        assert_eq!(status(Code::MethodNotAllowed), 405);
    }
}
