//! One HTTP client for all commands: adds the token, an idempotency key and the dry-run flag, waits for slow work.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use runtime::{
    entropy::{Entropy as _, SystemEntropy},
    roots,
};
use serde_json::Value;

use super::{ClientOptions, Format, context::Server, failure::Failure, output};

/// A connection to one server.
pub struct Api {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    target: Server,
    options: ClientOptions,
}

/// An answer of class 2xx.
pub struct Answer {
    /// 200, 201, 202 or 204.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Result<Value, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| Failure::Unexpected(error.to_string()))
    }

    /// The log position of a write, to read one's own writes.
    pub fn position(&self) -> Option<String> {
        self.headers.get("chancery-position").and_then(|value| value.to_str().ok()).map(str::to_owned)
    }
}

impl Api {
    /// Prepares calls to the server that options and context name.
    pub fn open(options: &ClientOptions) -> Result<Self, Failure> {
        let target = options.target()?;
        let tls = roots::client_config(target.ca_file.as_deref())
            .map_err(|error| Failure::Usage(runtime::error::words(&error)))?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_only()
            .enable_http1()
            .enable_http2()
            .build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            target,
            options: options.clone(),
        })
    }

    /// Where the server is.
    pub fn server(&self) -> &str {
        &self.target.server
    }

    /// How to print.
    pub fn format(&self) -> Format {
        self.options.output
    }

    /// Whether the person agreed beforehand.
    pub fn agreed(&self) -> bool {
        self.options.yes || self.options.dry_run
    }

    /// `GET`, with query parameters.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Answer, Failure> {
        self.send(Method::GET, &with_query(path, query), &[], None).await
    }

    /// `GET` that waits until the view has reached `position`.
    pub async fn get_after(&self, path: &str, position: Option<&str>) -> Result<Answer, Failure> {
        let headers: Vec<_> =
            position.map(|position| ("chancery-min-position", position.to_owned())).into_iter().collect();
        self.send(Method::GET, path, &headers, None).await
    }

    /// A change: `POST`, `PUT`, `PATCH` or `DELETE` with a JSON body. Waits for slow work unless told not to.
    pub async fn change(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, Failure> {
        let body = body.map(|body| (Bytes::from(body.to_string()), "application/json"));
        self.change_with(method, path, body).await
    }

    /// A change whose body is a file of some content type.
    pub async fn upload(&self, path: &str, file: Vec<u8>, media: &str) -> Result<Answer, Failure> {
        self.change_with(Method::POST, path, Some((file.into(), media))).await
    }

    async fn change_with(
        &self,
        method: Method,
        path: &str,
        body: Option<(Bytes, &str)>,
    ) -> Result<Answer, Failure> {
        let key = match &self.options.idempotency_key {
            Some(key) => key.clone(),
            None => {
                let mut bytes = [0; 16];
                SystemEntropy.fill(&mut bytes);
                hex::encode(bytes)
            }
        };
        let wait = if self.options.no_wait { 0 } else { self.options.timeout.as_seconds().min(60) };
        let resume = format!("repeat the command with --idempotency-key {key}");
        let headers = [("idempotency-key", key), ("prefer", format!("wait={wait}"))];
        let path =
            if self.options.dry_run { with_query(path, &[("dryRun", "true")]) } else { path.to_owned() };
        let answer = unless_interrupted(resume, self.send(method, &path, &headers, body)).await?;
        if answer.status != 202 || self.options.no_wait {
            return Ok(answer);
        }
        self.wait(answer).await
    }

    /// Makes any call; a non-2xx answer is a [`Failure::Problem`].
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, String)],
        body: Option<(Bytes, &str)>,
    ) -> Result<Answer, Failure> {
        let response = self.begin(method, path, headers, body).await?;
        let (parts, incoming) = response.into_parts();
        let body = incoming.collect().await.map_err(|error| self.unreachable(&error))?.to_bytes();
        if parts.status.is_success() {
            return Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body });
        }
        match serde_json::from_slice::<Value>(&body) {
            Ok(problem) if problem.is_object() => Err(Failure::Problem(problem)),
            _ => Err(Failure::Unexpected(format!("status {}", parts.status))),
        }
    }

    /// Starts a call and leaves its body to be read piece by piece.
    pub async fn begin(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, String)],
        body: Option<(Bytes, &str)>,
    ) -> Result<http::Response<Incoming>, Failure> {
        let url = format!("{}{path}", self.target.server);
        if self.options.print_curl {
            output::line(&curl(
                &method,
                &url,
                headers,
                body.as_ref().map(|(body, kind)| (&body[..], *kind)),
                self.target.ca_file.as_deref(),
            ));
            std::process::exit(0);
        }
        let mut request = Request::builder().method(method).uri(&url).header(header::ACCEPT, "*/*");
        if let Some(token) = &self.target.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let payload = match body {
            Some((body, kind)) => {
                request = request.header(header::CONTENT_TYPE, kind);
                Full::new(body)
            }
            None => Full::default(),
        };
        let request = request.body(payload).map_err(|error| Failure::Usage(error.to_string()))?;
        self.client.request(request).await.map_err(|error| self.unreachable(&error))
    }

    /// Follows an operation to its end, one line a step.
    async fn wait(&self, mut answer: Answer) -> Result<Answer, Failure> {
        let operation = answer.json()?["id"].as_str().unwrap_or_default().to_owned();
        let bar = output::spinner(&operation, self.options.no_color.is_some());
        let seconds = u64::try_from(self.options.timeout.as_seconds()).unwrap_or(u64::MAX);
        let resume = format!("chancery op show {operation}");
        let done = tokio::time::timeout(
            Duration::from_secs(seconds),
            unless_interrupted(resume, async {
                loop {
                    let state = answer.json()?;
                    bar.set_message(format!("{operation} {}", standing(&state)));
                    match state["status"].as_str() {
                        Some("done") => {
                            let resource = state["resource"]["path"].as_str().unwrap_or_default().to_owned();
                            return self.get(&resource, &[]).await;
                        }
                        // That may take days, and the person has to do something meanwhile.
                        Some("waiting") if state["waitingFor"] == "certificate" => {
                            let resource = state["resource"]["path"].as_str().unwrap_or_default().to_owned();
                            // The view follows the log within a moment.
                            if let Ok(request) = self.get(&resource, &[]).await
                                && request.json()?["status"] == "awaiting_certificate"
                            {
                                return Ok(request);
                            }
                            tokio::time::sleep(Duration::from_millis(300)).await;
                        }
                        Some("failed") => return Err(Failure::Problem(state["error"].clone())),
                        _ => tokio::time::sleep(Duration::from_millis(300)).await,
                    }
                    answer = self.get(&format!("/api/v1/operations/{operation}"), &[]).await?;
                }
            }),
        )
        .await;
        bar.finish_and_clear();
        done.unwrap_or(Err(Failure::StillRunning { operation }))
    }

    fn unreachable(&self, error: &dyn std::error::Error) -> Failure {
        let mut cause = error.to_string();
        let mut next = error.source();
        while let Some(source) = next {
            cause = source.to_string();
            next = source.source();
        }
        Failure::Unreachable { server: self.target.server.clone(), cause }
    }
}

/// Waits for the server, or for Ctrl-C, after which the person is told how to resume.
async fn unless_interrupted<T>(
    resume: String,
    waiting: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        done = waiting => done,
        Ok(()) = tokio::signal::ctrl_c() => Err(Failure::Interrupted { resume: Some(resume) }),
    }
}

/// Where an operation stands, in a few words: `running, 400 of 1000 lines`.
fn standing(state: &Value) -> String {
    let status = state["status"].as_str().unwrap_or_default();
    let (progress, count) = (&state["progress"], |number: &Value| number.as_u64());
    match (count(&progress["done"]), count(&progress["total"])) {
        (Some(done), Some(total)) => {
            format!("{status}, {done} of {total} {}", progress["unit"].as_str().unwrap_or_default())
        }
        _ => status.to_owned(),
    }
}

/// Appends query parameters, percent-encoded.
pub fn with_query(path: &str, query: &[(&str, &str)]) -> String {
    if query.is_empty() {
        return path.to_owned();
    }
    let pairs = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    format!("{path}{}{pairs}", if path.contains('?') { '&' } else { '?' })
}

/// The call as a curl command; the token is left to the shell's environment.
fn curl(
    method: &Method,
    url: &str,
    headers: &[(&str, String)],
    body: Option<(&[u8], &str)>,
    ca_file: Option<&std::path::Path>,
) -> String {
    let quote = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let mut parts = vec![format!("curl --request {method} {}", quote(url))];
    parts.extend(ca_file.map(|file| format!("--cacert {}", quote(&file.display().to_string()))));
    parts.push("--header \"Authorization: Bearer $CHANCERY_TOKEN\"".into());
    parts.extend(
        headers.iter().map(|(name, value)| format!("--header {}", quote(&format!("{name}: {value}")))),
    );
    if let Some((body, kind)) = body {
        parts.push(format!("--header {}", quote(&format!("Content-Type: {kind}"))));
        parts.push(format!("--data-raw {}", quote(&String::from_utf8_lossy(body))));
    }
    parts.join(" \\\n  ")
}
