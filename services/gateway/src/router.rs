//! From the table of operations to HTTP: every request takes the same way through authentication, authorization,
//! query check, body and handler, and every failure ends as a problem document.

use std::{
    net::{IpAddr, SocketAddr},
    panic::AssertUnwindSafe,
    sync::Arc,
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, FromRequestParts, RawPathParams, Request},
    response::Response,
    routing::{MethodFilter, on},
};
use bytes::Bytes;
use contracts::{Class, Code, Credential, Problem, Timestamp};
use futures::FutureExt;
use http::{Extensions, HeaderMap, HeaderValue, Method, Uri, header, request::Parts};
use runtime::authority::{Principal, step_up_required};
use tracing::Instrument;

use crate::{
    answer::Answer,
    body::{self, Media},
    call::Call,
    caller::{self, Credentials},
    client_certificate::connection::PeerChain,
    denial,
    gateway::Gateway,
    operation::{Access, Operation},
    problem,
    query::Query,
    rate::Meter,
    rest,
    trace::Trace,
};

/// Why the table of operations cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// Z-1: nothing is served without a decision who may call it.
    #[error("operation '{0}' declares no permission")]
    NoAccess(&'static str),
    /// Nothing answers it.
    #[error("operation '{0}' has no handler")]
    NoHandler(&'static str),
    /// A method that the router does not know.
    #[error("operation '{0}' has a method that cannot be routed")]
    Method(&'static str),
}

/// Serves the table. Errors: an operation that declares no permission (Z-1).
pub fn router(gateway: &Arc<Gateway>, table: Vec<Operation>) -> Result<Router, TableError> {
    let mut router = Router::new();
    for operation in table {
        if operation.access.is_none() {
            return Err(TableError::NoAccess(operation.id));
        }
        if operation.handler().is_none() {
            return Err(TableError::NoHandler(operation.id));
        }
        let method =
            MethodFilter::try_from(operation.method.clone()).map_err(|_| TableError::Method(operation.id))?;
        let (gateway, operation) = (gateway.clone(), Arc::new(operation));
        let path = operation.path;
        let handler = move |request: Request| serve(gateway.clone(), operation.clone(), request);
        router = router.route(path, on(method, handler));
    }
    let (missing, wrong) = (gateway.clone(), gateway.clone());
    Ok(router
        .fallback(move |request: Request| {
            refuse(missing.clone(), request, |_| {
                Problem::new(Code::NotFound, "there is nothing at this path; /docs/api lists what there is")
            })
        })
        .method_not_allowed_fallback(move |request: Request| {
            refuse(wrong.clone(), request, |method| {
                let words =
                    format!("the resource does not answer to {method}; the header Allow says to what");
                Problem::new(Code::MethodNotAllowed, words)
            })
        }))
}

/// Answers what no operation answers.
async fn refuse(gateway: Arc<Gateway>, request: Request, problem: fn(&Method) -> Problem) -> Response {
    let (Parts { method, headers, extensions, .. }, mut body) = request.into_parts();
    let (address, meter) = (gateway.gate.client(socket(&extensions), &headers), Meter::default());
    let refused = arrive(&gateway, &meter, address).err().unwrap_or_else(|| problem(&method));
    if sends_at_once(&headers) {
        body::drain(&mut body, gateway.limits.body_bytes).await;
    }
    let mut response = finish(&gateway, &method, &headers, None, |_| async move { Err(refused) }).await;
    meter.mark(response.headers_mut());
    response
}

async fn serve(gateway: Arc<Gateway>, operation: Arc<Operation>, request: Request) -> Response {
    let (mut parts, mut body) = request.into_parts();
    let path = if operation.path.contains('{') { path_parameters(&mut parts).await } else { Ok(vec![]) };
    let address = gateway.gate.client(socket(&parts.extensions), &parts.headers);
    let meter = Arc::new(Meter::default());
    let admitted = arrive(&gateway, &meter, address);
    let Parts { method, uri, headers, extensions, .. } = parts;
    let chain = extensions.get::<Option<PeerChain>>().cloned().flatten();
    let verb = method.clone();
    let sends_at_once = sends_at_once(&headers);
    let limit = operation.largest.unwrap_or(gateway.limits.body_bytes);
    let (shared, known, counted) = (gateway.clone(), operation.clone(), meter.clone());
    let marks = headers.get(crate::trace::TRACEPARENT).cloned();
    let marks: HeaderMap = marks
        .map(|value| (http::HeaderName::from_static(crate::trace::TRACEPARENT), value))
        .into_iter()
        .collect();
    let mut response = finish(&gateway, &method, &marks, Some(&known), |trace| async move {
        let answer = async {
            admitted?;
            let incoming =
                Incoming { method: verb, headers, uri, path: path?, chain, address, meter: counted };
            run(shared, operation, incoming, &mut body, trace).await
        };
        let answer = answer.await;
        if answer.is_err() && sends_at_once {
            body::drain(&mut body, limit).await;
        }
        answer
    })
    .await;
    meter.mark(response.headers_mut());
    response
}

/// Whether the body comes without being asked for: whoever expects 100 waits for it before they send.
fn sends_at_once(headers: &HeaderMap) -> bool {
    !headers.contains_key(header::EXPECT)
}

/// The head of a request, as far as it is needed.
struct Incoming {
    method: Method,
    headers: HeaderMap,
    uri: Uri,
    path: Vec<(String, String)>,
    chain: Option<PeerChain>,
    address: Option<IpAddr>,
    meter: Arc<Meter>,
}

/// Whether the installation hears who comes from an address, and how often.
fn arrive(gateway: &Gateway, meter: &Meter, address: Option<IpAddr>) -> Result<(), Problem> {
    gateway.gate.admit(address)?;
    gateway.rates.arrival(meter, address, gateway.clock.now())
}

/// The other end of the connection.
fn socket(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip())
}

async fn run(
    gateway: Arc<Gateway>,
    operation: Arc<Operation>,
    incoming: Incoming,
    body: &mut Body,
    trace: Trace,
) -> Result<Answer, Problem> {
    let now = gateway.clock.now();
    let caller = match operation.access {
        Some(Access::Public) => None,
        _ => Some(sign_in(&gateway, &incoming, now).await?),
    };
    if let Some(Principal { credential: Credential::Session(session), .. }) = &caller {
        rest::wake(&gateway, *session, now).await?;
    }
    let meter = incoming.meter;
    if operation.at_the_door {
        gateway.rates.at_the_door(&meter, incoming.address, now)?;
    }
    let mut call = Call {
        target: incoming.uri.path().to_owned(),
        gateway,
        operation,
        caller,
        address: incoming.address,
        chain: incoming.chain,
        path: incoming.path,
        query: Query::default(),
        headers: incoming.headers,
        media: Media::Json,
        body: Bytes::new(),
        trace,
        now,
    };
    admit(&call)?;
    if let Some(caller) = &call.caller {
        call.gateway.rates.caller(&meter, (caller.administrator, caller.organization), now)?;
    }
    permit(&call)?;
    call.query = Query::read(incoming.uri.query(), &call.operation)?;
    if let Some(caller) =
        call.caller.as_ref().filter(|_| call.operation.costly || call.query.get("q").is_some())
    {
        call.gateway.rates.costly(&meter, caller.administrator, now)?;
    }
    (call.media, call.body) = read_body(&call, body).await?;
    fail::fail_point!("X01-request-read");
    let handler = call.operation.handler().cloned().ok_or_else(Problem::internal)?;
    // Only what may be recorded is kept beside the call.
    let witness = call.operation.sensitive.then(|| denial::Witness::of(&call)).flatten();
    let answer = handler(call).await;
    if let (Err(problem), Some(witness)) = (&answer, witness) {
        witness.record(problem);
    }
    answer
}

/// Who is calling. A credential that is worth nothing counts against the address it came from; none at all does not.
async fn sign_in(gateway: &Gateway, incoming: &Incoming, now: Timestamp) -> Result<Principal, Problem> {
    let Incoming { method, headers, chain, address, meter, .. } = incoming;
    let credentials = Credentials { method, headers, chain: chain.as_ref() };
    let shown = credentials.are_shown();
    credentials.judge(gateway, now).await.map_err(|refused| {
        let guessed = refused.code.class() == Class::Unauthenticated && shown;
        let beyond = if guessed { gateway.rates.failure(meter, *address, now).err() } else { None };
        beyond.unwrap_or(refused)
    })
}

/// Whether the caller is let in from their address. Whoever is kept out is recorded, whatever they wanted: somebody else
/// may hold the credential.
fn admit(call: &Call) -> Result<(), Problem> {
    let Some(caller) = &call.caller else { return Ok(()) };
    caller::let_in(&call.gateway, caller, call.address).inspect_err(|refused| {
        if call.gateway.gate.is_worth_recording(caller.credential, call.address, call.now) {
            denial::Witness::about(call, caller).record(refused);
        }
    })
}

/// Whether the caller's token carries the operation's permission (Z-1); the command's handler asks again.
fn permit(call: &Call) -> Result<(), Problem> {
    let Some(caller) = &call.caller else { return Ok(()) };
    call.gateway.uses.note(caller, call.now);
    let Some(Access::Permission(permission)) = call.operation.access else { return Ok(()) };
    if caller.may(permission) {
        let sure = !call.operation.step_up || caller.may_act_sensitively(call.now);
        return if sure { Ok(()) } else { Err(step_up_required()) };
    }
    let holder = match caller.credential {
        Credential::Token(_) => "the API token does not carry",
        _ => "your roles do not give",
    };
    let words = format!("this needs the permission '{permission}', which {holder}");
    let refused = Problem::new(Code::Forbidden, words);
    if let Some(witness) = denial::Witness::of(call) {
        witness.record(&refused);
    }
    Err(refused)
}

/// The body, if the operation takes one and one came.
async fn read_body(call: &Call, body: &mut Body) -> Result<(Media, Bytes), Problem> {
    let Some(request) = &call.operation.request else { return Ok((Media::Json, Bytes::new())) };
    let limits = &call.gateway.limits;
    let declared = body::media(&call.headers, request.media);
    if request.required {
        // Before a byte is read: a wrong content type needs no body.
        declared.as_ref().map_err(Clone::clone)?;
    }
    let reading = body::read(body, call.operation.largest.unwrap_or(limits.body_bytes));
    let bytes = tokio::time::timeout(limits.request_time.duration().unsigned_abs(), reading)
        .await
        .map_err(|_| Problem::new(Code::MalformedRequest, "the body did not arrive in time"))??;
    if bytes.is_empty() && !request.required {
        return Ok((Media::Json, bytes));
    }
    Ok((declared?, bytes))
}

async fn path_parameters(parts: &mut Parts) -> Result<Vec<(String, String)>, Problem> {
    let refused = |_| Problem::new(Code::MalformedRequest, "the path is not percent-encoded UTF-8");
    let params = RawPathParams::from_request_parts(parts, &()).await.map_err(refused)?;
    let params: Vec<_> = params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    match params.iter().any(|(_, value)| value.contains('\0')) {
        true => Err(Problem::new(Code::MalformedRequest, "the path holds a NUL")),
        false => Ok(params),
    }
}

/// Runs the work within a span, catches panics, and dresses the answer.
async fn finish<F: Future<Output = Result<Answer, Problem>>>(
    gateway: &Gateway,
    method: &Method,
    headers: &HeaderMap,
    operation: Option<&Operation>,
    work: impl FnOnce(Trace) -> F,
) -> Response {
    let begun = gateway.clock.monotonic();
    let route = operation.map_or("unknown", |operation| operation.path);
    let span = tracing::info_span!(
        "request",
        otel.name = operation.map_or("unknown", |operation| operation.span.as_str()),
        otel.kind = "server",
        http.request.method = method.as_str(),
        http.route = route,
        http.response.status_code = tracing::field::Empty,
        chancery.problem.code = tracing::field::Empty,
        error.type = tracing::field::Empty,
    );
    let trace = Trace::of(gateway.ids.uuid(), gateway.ids.uuid(), headers, &span);
    let outcome = AssertUnwindSafe(work(trace.clone())).catch_unwind().instrument(span.clone()).await;
    let outcome = outcome.unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let words = words.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        tracing::error!(route, trace_id = trace.id(), panic = words, "request handler panicked");
        Err(Problem::internal())
    });
    let mut response = match outcome {
        Ok(answer) => answer.into_response(),
        Err(problem) => {
            span.record("chancery.problem.code", problem.code.as_str());
            span.record("error.type", problem.code.as_str());
            problem::render(&problem, &trace, operation.is_some_and(|operation| operation.compatible))
        }
    };
    span.record("http.response.status_code", response.status().as_u16());
    trace.mark(response.headers_mut());
    protect(response.headers_mut());
    let took = gateway.clock.monotonic().saturating_sub(begun);
    gateway.figures.request(method, route, response.status(), took);
    response
}

/// Headers that keep browsers from being clever. A page brings its own policy.
fn protect(headers: &mut HeaderMap) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    for (name, value) in [
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}
