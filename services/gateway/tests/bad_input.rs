//! What nobody should send: each gets its own problem document, before anything is asked of any service.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests fail as tests do

use std::sync::Arc;

use axum::{Router, body::Body};
use bus::{Bus, BusOptions};
use chancery_gateway::{
    authenticate::{Doorkeeper, Failures, Uses},
    client_certificate::ClientCertificates,
    gate::{Gate, Lists},
    gateway::{Gateway, Place},
    metrics::Figures,
    news::News,
    operation::Operation,
    operations,
    rate::Rates,
    rest::Rests,
    router,
};
use contracts::{
    AdministratorId, OrganizationId, Permission, PermissionSet, Service, SessionId, Thumbprint, Timestamp,
    TokenId,
    directory::{
        AdministratorKind, BoundCertificateView, BuiltInRole, CertificateMark, Grant, Role, TokenScope,
    },
    session::SessionText,
    token::TokenText,
};
use eventlog::Reader;
use futures::future::BoxFuture;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use runtime::{
    authority::{Denied, Held, Principal},
    clock::TestClock,
    config::{Config, Environment, Sources},
    database::Endpoint,
    entropy::SeededEntropy,
    ids::Ids,
    outbound::Outbound,
    shutdown::Shutdown,
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tower::ServiceExt;
use uuid::Uuid;

/// Knows two tokens: 1 may do everything, 2 may read keys, 3 has expired.
struct Door;

fn token(number: u128) -> TokenText {
    TokenText::new(TokenId(Uuid::from_u128(number)), [7; 32])
}

impl Doorkeeper for Door {
    fn authenticate(&self, text: &TokenText) -> Result<Principal, Denied> {
        let permissions = match text.id.uuid().as_u128() {
            1 => None,
            2 => Some(vec![Permission::KeyRead]),
            3 => return Err(Denied::Expired),
            _ => return Err(Denied::Invalid),
        };
        Ok(Principal {
            administrator: AdministratorId(Uuid::from_u128(1)),
            credential: text.id.into(),
            stepped_up_until: None,
            organization: OrganizationId(Uuid::from_u128(1)),
            all_organizations: false,
            carried: permissions.as_deref().map_or(PermissionSet::ALL, PermissionSet::of),
            scope: Arc::new(TokenScope { permissions, ..TokenScope::default() }),
            held: self.held(vec![Grant::installation(Role::BuiltIn(BuiltInRole::Master))]),
            expires_at: Timestamp::from_unix(2_000_000_000),
        })
    }

    fn authenticate_session(&self, _: &SessionText) -> Result<Principal, Denied> {
        Err(Denied::Invalid)
    }

    fn name_of(&self, _: AdministratorId) -> Option<String> {
        None
    }

    fn held(&self, grants: Vec<Grant>) -> Arc<[Held]> {
        grants.into_iter().filter_map(Held::built_in).collect()
    }

    fn authenticate_certificate(&self, _: Thumbprint) -> Result<(Principal, AdministratorKind), Denied> {
        Err(Denied::Invalid)
    }

    fn session_certificate(&self, _: SessionId) -> Option<Thumbprint> {
        None
    }

    fn certificate_owner(&self, _: CertificateMark) -> Option<AdministratorId> {
        None
    }

    fn certificates_of(&self, _: AdministratorId) -> Vec<BoundCertificateView> {
        vec![]
    }

    fn reached(&self, _: i64) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// A gateway whose servers are all away.
async fn gateway() -> Arc<Gateway> {
    let clock = Arc::new(TestClock::at(Timestamp::from_unix(1_790_000_000)));
    let entropy = Arc::new(SeededEntropy::new(1));
    let seed = nkeys::KeyPair::new_user().seed().unwrap();
    let now = || Timestamp::from_unix(1_790_000_000);
    let bus = Bus::connect(BusOptions::new("nats://127.0.0.1:1", Service::Gateway, seed, now)).await.unwrap();
    let nowhere: Endpoint = "postgresql://127.0.0.1:1/chancery".parse().unwrap();
    let pool = nowhere.pool("chancery_gateway", "", 1).unwrap();
    let sources =
        Sources { environment: Environment::from([("HOME", "/nonexistent")]), ..Sources::default() };
    let (config, _) = Config::load(&sources).unwrap();
    let shutdown = Shutdown::new();
    Arc::new(Gateway {
        news: News::start(bus.clone(), &shutdown),
        bus,
        outbound: Outbound::trusting_nobody(&config),
        reader: Reader::new(pool.clone()),
        pool,
        gate: Gate::new(Lists::Fixed(Default::default()), &config.server),
        client_certificates: ClientCertificates::off(),
        rates: Rates::new(&config.limits),
        doorkeeper: Arc::new(Door),
        clock: clock.clone(),
        entropy: entropy.clone(),
        ids: Ids::new(clock, entropy),
        limits: config.limits.clone(),
        uses: Uses::default(),
        rests: Rests::new(config.auth.session_idle),
        place: Place::of(&config),
        failures: Failures::new(),
        figures: Figures::new(),
        openapi: "{}".into(),
        shutdown,
    })
}

async fn app() -> Router {
    router::router(&gateway().await, operations::table()).unwrap()
}

struct Answer {
    status: u16,
    headers: http::HeaderMap,
    problem: Value,
}

async fn send(app: &Router, request: http::request::Builder, body: impl Into<Body>) -> Answer {
    let response = app.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let problem = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let answer = Answer { status: parts.status.as_u16(), headers: parts.headers, problem };
    for header in ["request-id", "traceparent", "x-content-type-options"] {
        assert!(answer.headers.contains_key(header), "{header} is missing");
    }
    if answer.status >= 400 {
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.problem["status"], answer.status);
    }
    answer
}

fn request(method: &str, target: &str) -> http::request::Builder {
    let bearer = format!("Bearer {}", token(1).reveal());
    Request::builder().method(method).uri(target).header("authorization", bearer)
}

fn post(target: &str) -> http::request::Builder {
    request("POST", target).header("content-type", "application/json")
}

/// Path, content type, body; then status, code and pointer.
type BadBody = (&'static str, &'static str, Vec<u8>, u16, &'static str, &'static str);

const REQUESTS: &str = "/api/v1/certificate-requests";

#[tokio::test]
async fn every_bad_body_has_its_own_problem() {
    let app = app().await;
    let deep = format!("{{\"labels\":{}1{}}}", "[".repeat(40), "]".repeat(40));
    let large = vec![b' '; 1024 * 1024 + 1];
    let cases: Vec<BadBody> = vec![
        (REQUESTS, "application/json", b"{".to_vec(), 400, "malformed_request", ""),
        (REQUESTS, "application/json", b"".to_vec(), 400, "malformed_request", ""),
        (REQUESTS, "application/json", b"\xff\xfe".to_vec(), 400, "malformed_request", ""),
        (REQUESTS, "application/json", b"{\"csr\":\"a\0\"}".to_vec(), 400, "malformed_request", ""),
        (REQUESTS, "application/json", br#"{"csr":"a\u0000"}"#.to_vec(), 422, "validation_failed", "#/csr"),
        (REQUESTS, "application/json", deep.into_bytes(), 400, "malformed_request", ""),
        (REQUESTS, "application/json", "[".repeat(900_000).into_bytes(), 400, "malformed_request", ""),
        (REQUESTS, "application/json", large, 413, "payload_too_large", ""),
        (REQUESTS, "application/json", br#"{"csrr":"a"}"#.to_vec(), 422, "validation_failed", "#/csrr"),
        (
            REQUESTS,
            "application/json",
            br#"{"csr":"a","csr":"b"}"#.to_vec(),
            400,
            "malformed_request",
            "#/csr",
        ),
        (REQUESTS, "application/json", br#"{"ttl":"forever"}"#.to_vec(), 422, "validation_failed", "#/ttl"),
        (
            REQUESTS,
            "application/json",
            br#"{"profile":"key_00000000000000000000000001"}"#.to_vec(),
            400,
            "wrong_id_type",
            "#/profile",
        ),
        (REQUESTS, "text/plain", b"{}".to_vec(), 415, "unsupported_media_type", ""),
        (REQUESTS, "application/x-www-form-urlencoded", b"a=b".to_vec(), 415, "unsupported_media_type", ""),
        (
            "/api/v1/policies",
            "application/json",
            br#"{"name":"a","sans":[{"type":"x400"}]}"#.to_vec(),
            422,
            "validation_failed",
            "#/sans/0/type",
        ),
        (
            "/api/v1/policies",
            "application/json",
            br#"{"maxTtl":"90d"}"#.to_vec(),
            422,
            "validation_failed",
            "#/name",
        ),
        (
            "/api/v1/csrs/inspect",
            "application/json",
            br#"{"csr":"hello"}"#.to_vec(),
            422,
            "csr_invalid",
            "#/csr",
        ),
        ("/api/v1/csrs/inspect", "application/pkcs10", vec![0x30, 0x82, 0xff], 422, "csr_invalid", "#/csr"),
    ];
    for (target, media, body, status, code, pointer) in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let answer = send(&app, request("POST", target).header("content-type", media), body).await;
        assert_eq!(
            (answer.status, answer.problem["code"].as_str()),
            (status, Some(code)),
            "{shown}: {}",
            answer.problem
        );
        if !pointer.is_empty() {
            assert_eq!(answer.problem["errors"][0]["pointer"], pointer, "{shown}");
        }
        let trace = answer.headers["traceparent"].to_str().unwrap();
        assert_eq!(answer.problem["traceId"], trace[3..35], "{shown}");
    }
}

#[tokio::test]
async fn every_bad_head_has_its_own_problem() {
    let app = app().await;
    for (method, target, status, code) in [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/api/v1/nowhere", 404, "not_found"),
        ("PUT", "/api/v1/certificates", 405, "method_not_allowed"),
        ("DELETE", "/api/v1/me", 405, "method_not_allowed"),
        ("GET", "/api/v1/certificates?colour=red", 400, "unknown_parameter"),
        ("GET", "/api/v1/certificates?limit=0", 400, "malformed_request"),
        ("GET", "/api/v1/certificates?cursor=AAAA", 400, "invalid_cursor"),
        ("GET", "/api/v1/certificates?sort=colour", 400, "malformed_request"),
        ("GET", "/api/v1/certificates/key_00000000000000000000000001", 400, "wrong_id_type"),
        ("GET", "/api/v1/certificates/nonsense", 400, "malformed_request"),
        ("GET", "/api/v1/certificates/%ff", 400, "malformed_request"),
        ("GET", "/api/v1/certificates/%00", 400, "malformed_request"),
        ("GET", "/api/v1/events?after=-1", 400, "malformed_request"),
        ("GET", "/docs/problems/nonsense", 404, "not_found"),
    ] {
        let answer = send(&app, request(method, target), Body::empty()).await;
        assert_eq!(
            (answer.status, answer.problem["code"].as_str()),
            (status, Some(code)),
            "{method} {target}"
        );
    }
    let answer = send(&app, request("PUT", "/api/v1/certificates"), Body::empty()).await;
    assert!(answer.headers["allow"].to_str().unwrap().contains("GET"));
    let long = "k".repeat(256);
    let answer =
        send(&app, post("/api/v1/keys").header("idempotency-key", long), r#"{"algorithm":"ed25519"}"#).await;
    assert_eq!(
        (answer.status, &answer.problem["errors"][0]["header"]),
        (400, &Value::from("Idempotency-Key"))
    );
    let answer = send(&app, post("/api/v1/keys").header("if-match", "x"), r#"{"algorithm":"ed25519"}"#).await;
    assert_eq!((answer.status, &answer.problem["errors"][0]["header"]), (400, &Value::from("If-Match")));
}

#[tokio::test]
async fn nobody_gets_in_without_a_valid_token_and_all_get_the_same_answer() {
    let app = app().await;
    let mut answers = Vec::new();
    let unknown = format!("Bearer {}", token(9).reveal());
    for credential in
        [None, Some("Bearer nonsense"), Some("Basic YTpi"), Some("Bearer "), Some(unknown.as_str())]
    {
        let request = Request::builder().uri("/api/v1/certificates");
        let request = credential.into_iter().fold(request, |r, text| r.header("authorization", text));
        let answer = send(&app, request, Body::empty()).await;
        assert_eq!((answer.status, answer.problem["code"].as_str()), (401, Some("unauthenticated")));
        assert_eq!(answer.headers["www-authenticate"], r#"Bearer realm="chancery""#);
        answers.push(answer.problem["detail"].clone());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
    let expired = format!("Bearer {}", token(3).reveal());
    let request = Request::builder().uri("/api/v1/me").header("authorization", expired);
    assert_eq!(send(&app, request, Body::empty()).await.problem["code"], "token_expired");
}

#[tokio::test]
async fn a_refusal_reaches_whoever_is_still_sending() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = app().await;
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let mut client = TcpStream::connect(address).await.unwrap();
    let body = vec![b' '; 900_000];
    let head = format!(
        "POST /api/v1/keys HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    client.write_all(head.as_bytes()).await.unwrap();
    for part in body.chunks(100_000) {
        client.write_all(part).await.unwrap();
        // A slow client: its body is on its way long after the answer is known.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let mut begin = [0; 12];
    client.read_exact(&mut begin).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 401");
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let app = app().await;
    let limited = format!("Bearer {}", token(2).reveal());
    let request = Request::builder().method("POST").uri(REQUESTS).header("authorization", limited);
    let answer = send(&app, request.header("content-type", "application/json"), "{}").await;
    assert_eq!((answer.status, answer.problem["code"].as_str()), (403, Some("forbidden")));
    assert!(answer.problem["detail"].as_str().unwrap().contains("'certificate_request.create'"));
}

#[tokio::test]
async fn a_server_that_is_away_is_503_with_retry_after() {
    let app = app().await;
    let answer = send(&app, post("/api/v1/keys"), r#"{"algorithm":"ed25519"}"#).await;
    assert_eq!((answer.status, answer.problem["code"].as_str()), (503, Some("service_unavailable")));
    assert!(answer.headers.contains_key("retry-after"));
    let answer = send(&app, request("GET", "/api/v1/keys"), Body::empty()).await;
    assert_eq!((answer.status, answer.problem["retryable"].as_bool()), (503, Some(true)));
}

#[tokio::test]
async fn what_is_public_and_what_is_about_the_caller_needs_no_server() {
    let app = app().await;
    for target in
        ["/api/v1/meta", "/api/v1/openapi.json", "/docs/api", "/docs/problems/forbidden", "/docs/style.css"]
    {
        let answer = send(&app, Request::builder().uri(target), Body::empty()).await;
        assert_eq!(answer.status, 200, "{target}");
    }
    let me = send(&app, request("GET", "/api/v1/me"), Body::empty()).await;
    assert_eq!((me.status, me.problem["tokenId"].as_str().unwrap()), (200, token(1).id.to_string().as_str()));
}

#[tokio::test]
async fn a_panic_is_a_problem_and_not_the_end() {
    let panics =
        Operation::get("/panic", "getPanic", "").public().handled_by(|_| async { panic!("on purpose") });
    let app = router::router(&gateway().await, vec![panics]).unwrap();
    let answer = send(&app, Request::builder().uri("/panic"), Body::empty()).await;
    assert_eq!((answer.status, answer.problem["code"].as_str()), (500, Some("internal")));
    assert!(!answer.problem.to_string().contains("on purpose"));
}

#[tokio::test]
async fn an_operation_without_a_permission_is_not_served() {
    let open = Operation::get("/open", "getOpen", "").handled_by(|_| async { unreachable!() });
    let refused = router::router(&gateway().await, vec![open]).unwrap_err();
    assert_eq!(refused.to_string(), "operation 'getOpen' declares no permission");
}

#[tokio::test]
async fn the_compatible_endpoint_words_problems_for_its_clients() {
    let app = app().await;
    let body = r#"{"attributes":{"keyAlgorithm":"DSA"}}"#;
    let answer = send(&app, post("/api/v1/cert-manager/certificates"), body).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.problem["statusCode"], 422);
    assert_eq!(answer.problem["error"], "Unprocessable Entity");
    assert!(answer.problem["message"].as_str().unwrap().starts_with("'DSA' is not a key algorithm"));
}
