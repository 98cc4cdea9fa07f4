//! Server-sent events: the log's public events as they happen, from any position on, without loss.

use std::{convert::Infallible, fmt::Write, sync::Arc, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use contracts::{Credential, Permission, Problem};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use opentelemetry::metrics::UpDownCounter;
use runtime::authority::Principal;

use crate::{
    answer::Answer,
    call::Call,
    caller::{self, Credentials},
    client_certificate::connection::PeerChain,
    events::{self, Batch, Filter},
    gateway::Gateway,
    news::News,
    rest,
};

/// A comment is sent when nothing else was for so long.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Answers with the events after a position.
pub fn answer(call: &Call, after: i64) -> Result<Answer, Problem> {
    let client = Client {
        gateway: call.gateway.clone(),
        headers: call.headers.clone(),
        chain: call.chain.clone(),
        address: call.address,
        filter: Filter::of(&call.query, call.caller()?)?,
        position: after,
        level: false,
        news: call.gateway.news.clone(),
        begun: false,
        _counted: Counted::one(call.gateway.figures.sse_clients.clone()),
    };
    let chunks = futures::stream::unfold(client, |mut client| async move {
        let chunk = client.next().await?;
        Some((Ok::<_, Infallible>(chunk), client))
    });
    Ok(Answer::new(StatusCode::OK, "text/event-stream", Body::from_stream(chunks))
        .with(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
        .with(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")))
}

struct Client {
    gateway: Arc<Gateway>,
    /// With the credential: whoever loses it while listening hears no more (Z-1).
    headers: http::HeaderMap,
    /// The client certificate of the connection, judged again as well.
    chain: Option<PeerChain>,
    /// Where they listen: whoever is no longer let in from there hears no more, either.
    address: Option<std::net::IpAddr>,
    filter: Filter,
    position: i64,
    /// Whether the last look met the end of the log.
    level: bool,
    news: News,
    begun: bool,
    _counted: Counted,
}

impl Client {
    /// The next bytes; `None` ends the stream. The first ones, and those that only show life, tell how far the client
    /// has come, so that it goes on there also when it has heard of no event yet.
    async fn next(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.begun, true) {
            return Some(Bytes::from(format!("retry: 3000\nid: {}\n\n", self.position)));
        }
        let gateway = self.gateway.clone();
        tokio::select! {
            chunk = self.follow() => chunk,
            () = tokio::time::sleep(HEARTBEAT) => {
                Some(Bytes::from(format!(": heartbeat\nid: {}\n\n", self.position)))
            }
            () = gateway.shutdown.requested() => None,
        }
    }

    /// Waits for events. Dropped at any await it has lost nothing: the position moves with what is handed out.
    async fn follow(&mut self) -> Option<Bytes> {
        loop {
            if self.level {
                self.news.wait().await;
            }
            let caller = self.caller().await?;
            self.filter.renew(caller);
            let Ok(Batch { told, position, at_end }) =
                events::next(&self.gateway.reader, &self.filter, self.position).await
            else {
                // The client comes back, and goes on at its last position.
                return None;
            };
            (self.position, self.level) = (position, at_end);
            if !told.is_empty() {
                let mut text = String::new();
                for told in told {
                    let data = serde_json::to_string(&told.event).ok()?;
                    // Writing to a String cannot fail.
                    _ = write!(text, "id: {}\nevent: {}\ndata: {data}\n\n", told.position, told.event.kind);
                }
                return Some(Bytes::from(text));
            }
        }
    }

    /// Whoever listens, if they still may.
    async fn caller(&self) -> Option<Principal> {
        let (gateway, now) = (&*self.gateway, self.gateway.clock.now());
        gateway.gate.admit(self.address).ok()?;
        let credentials =
            Credentials { method: &Method::GET, headers: &self.headers, chain: self.chain.as_ref() };
        let caller = credentials.judge(gateway, now).await.ok()?;
        let awake = match caller.credential {
            Credential::Session(session) => rest::is_awake(gateway, session, now),
            Credential::Token(_) | Credential::Certificate(_) => true,
        };
        caller::let_in(gateway, &caller, self.address).ok()?;
        Some(caller).filter(|caller| awake && caller.may(Permission::EventRead))
    }
}

/// Counts a client for as long as it listens.
struct Counted(UpDownCounter<i64>);

impl Counted {
    fn one(clients: UpDownCounter<i64>) -> Self {
        clients.add(1, &[]);
        Self(clients)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.add(-1, &[]);
    }
}
