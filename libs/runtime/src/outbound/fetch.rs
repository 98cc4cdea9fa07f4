//! Requests and their limits. One connection each, HTTP/1.1, closed afterwards.

use std::time::Duration;

use ::url::Url;
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{ACCEPT_ENCODING, CONNECTION, HOST, LOCATION, USER_AGENT},
};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, client::conn::http1};

use super::{
    Outbound,
    error::OutboundError,
    url::{self, UrlError},
};

/// The most bytes of an answer's head.
const HEAD: usize = 32 * 1024;

/// Where requests may go and how much they may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// With TLS or without.
    pub schemes: Schemes,
    /// At which ports.
    pub ports: Ports,
    /// The most redirects that are followed, of a GET; each is checked like the first address.
    pub redirects: usize,
    /// How long all of it may take.
    pub time: Duration,
    /// The most bytes of the answer's body.
    pub bytes: usize,
}

/// With TLS or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schemes {
    /// HTTPS alone.
    Https,
    /// HTTP too.
    Both,
}

/// At which ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// At 80 for HTTP and 443 for HTTPS.
    Web,
    /// At any.
    Any,
}

impl Policy {
    /// For a provider of sign-ins: HTTPS at the host that was named and no other, 10 s, 1 MiB.
    pub const PROVIDER: Self = Self {
        schemes: Schemes::Https,
        ports: Ports::Any,
        redirects: 0,
        time: Duration::from_secs(10),
        bytes: 1 << 20,
    };
    /// For the proof that a domain is controlled (M-2).
    pub const VALIDATION: Self = Self {
        schemes: Schemes::Both,
        ports: Ports::Web,
        redirects: 10,
        time: Duration::from_secs(10),
        bytes: 512,
    };

    fn admit(&self, url: &Url) -> Result<(), UrlError> {
        let is_secure = url.scheme() == "https";
        if self.schemes == Schemes::Https && !is_secure {
            return Err(UrlError::Insecure);
        }
        // `port` is the one that is not the scheme's own.
        if self.ports == Ports::Web && url.port().is_some() {
            return Err(UrlError::Port);
        }
        Ok(())
    }
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Request {
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Request {
    /// A GET.
    pub fn get(url: impl Into<String>) -> Self {
        Self { method: Method::GET, url: url.into(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// A POST. A redirect of it is never followed: what it carries is for one place.
    pub fn post(url: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self { method: Method::POST, url: url.into(), headers: HeaderMap::new(), body: body.into() }
    }

    /// With a header. Headers go to the first place only, not to where it redirects.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The address that answered, after redirects.
    pub url: Url,
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, as it was sent.
    pub body: Bytes,
}

impl Outbound {
    /// Fetches an address.
    pub async fn get(&self, url: &str, policy: &Policy) -> Result<Fetched, OutboundError> {
        self.send(Request::get(url), policy).await
    }

    /// Sends a request. Every status but a redirect is an answer.
    pub async fn send(&self, request: Request, policy: &Policy) -> Result<Fetched, OutboundError> {
        let named = |reason| OutboundError::Url { url: request.url.clone(), reason };
        let url = url::parse(&request.url).map_err(named)?;
        policy.admit(&url).map_err(named)?;
        let host = host(&url);
        let within = policy.time;
        let done = tokio::time::timeout(within, self.follow(url, request, policy)).await;
        done.unwrap_or(Err(OutboundError::TimedOut { host, within }))
    }

    /// The request, and wherever it is sent on to.
    async fn follow(
        &self,
        mut url: Url,
        request: Request,
        policy: &Policy,
    ) -> Result<Fetched, OutboundError> {
        let Request { method, mut headers, body, .. } = request;
        let most = if method == Method::GET { policy.redirects } else { 0 };
        for _ in 0..=most {
            let (head, incoming) = self.exchange(&url, &method, headers, body.clone()).await?;
            if !is_redirect(head.status) {
                let body = read(incoming, &url, policy.bytes).await?;
                return Ok(Fetched { url, status: head.status, headers: head.headers, body });
            }
            if most == 0 {
                break;
            }
            url = redirected(&url, &head.headers, policy)?;
            headers = HeaderMap::new();
        }
        Err(OutboundError::Redirects { host: host(&url), most })
    }

    /// One request and the head of its answer.
    async fn exchange(
        &self,
        url: &Url,
        method: &Method,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<(http::response::Parts, Incoming), OutboundError> {
        let failed = |reason| OutboundError::Http { host: host(url), reason };
        let stream = self.connect(url).await?;
        let mut builder = http1::Builder::new();
        builder.max_buf_size(HEAD);
        let (mut sender, connection) = builder.handshake(stream).await.map_err(failed)?;
        let mut request = http::Request::builder().method(method).uri(target(url)).body(Full::new(body))?;
        *request.headers_mut() = headers;
        let own = [
            (HOST, HeaderValue::try_from(authority(url)).map_err(http::Error::from)?),
            (USER_AGENT, HeaderValue::from_static("chancery")),
            (ACCEPT_ENCODING, HeaderValue::from_static("identity")),
            (CONNECTION, HeaderValue::from_static("close")),
        ];
        request.headers_mut().extend(own.map(|(name, value)| (Some(name), value)));
        // It ends with the answer: when the sender and the body are dropped, or the time is over.
        tokio::spawn(async move { _ = connection.await });
        let answer = sender.send_request(request).await.map_err(failed)?;
        Ok(answer.into_parts())
    }
}

/// The body, unless it is longer than may be read.
async fn read(mut body: Incoming, url: &Url, most: usize) -> Result<Bytes, OutboundError> {
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|reason| OutboundError::Http { host: host(url), reason })?;
        let Some(data) = frame.data_ref() else { continue };
        if all.len() + data.len() > most {
            return Err(OutboundError::TooLarge { host: host(url), most });
        }
        all.extend_from_slice(data);
    }
    Ok(all.into())
}

/// The address that a redirect leads to, if it may be followed.
fn redirected(from: &Url, headers: &HeaderMap, policy: &Policy) -> Result<Url, OutboundError> {
    let location = headers.get(LOCATION).map_or(&[][..], HeaderValue::as_bytes);
    let location = String::from_utf8_lossy(location).into_owned();
    let next = url::join(from, &location).and_then(|next| policy.admit(&next).map(|()| next));
    next.map_err(|reason| OutboundError::Url { url: location, reason })
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Path and query: a fragment is not sent.
fn target(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

/// Host, and the port if it is not the scheme's own.
fn authority(url: &Url) -> String {
    match url.port() {
        Some(port) => format!("{}:{port}", host(url)),
        None => host(url),
    }
}

fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}
