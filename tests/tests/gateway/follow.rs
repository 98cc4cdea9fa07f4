//! Server-sent events: followed as they happen, resumed without loss, ended when the credential ends.

use std::{sync::Arc, time::Duration};

use super::support::{installation, until};
use axum::{Router, body::BodyDataStream};
use futures::StreamExt;
use gateway::{gateway::Gateway, operations, router};
use http::{Method, Request};
use serde_json::{Value, json};
use tower::ServiceExt;

struct Stream {
    body: BodyDataStream,
    text: String,
}

impl Stream {
    async fn open(app: &Router, token: &str, target: &str, resume: Option<&str>) -> Self {
        let request = Request::builder().uri(target).header("authorization", format!("Bearer {token}"));
        let request = resume.into_iter().fold(request, |request, id| request.header("last-event-id", id));
        let response = app.clone().oneshot(request.body(axum::body::Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// Id, type and data of the next event; `None` at the end of the stream.
    async fn next(&mut self) -> Option<(String, String, Value)> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let field =
                    |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                if let Some(data) = field("data: ") {
                    let data = serde_json::from_str(&data).unwrap();
                    return Some((field("id: ").unwrap(), field("event: ").unwrap(), data));
                }
            }
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.body.next()).await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_followed_resumed_and_cut_off() {
    let it = installation().await;
    let gateway = Arc::new(Gateway::new(&it.gateway));
    let app = router::router(&gateway, operations::table()).unwrap();
    let master = it.gateway.secrets.first_token().unwrap().reveal();
    let make = |name: &'static str| {
        let https = it.https.clone();
        async move { https.post("/api/v1/organizations", &json!({"name": name})).await.expect(201) }
    };

    // As they happen, filtered.
    let mut live = Stream::open(&app, &master, "/api/v1/events/stream?types=organization.*", None).await;
    let first = make("one").await;
    let (id, kind, event) = live.next().await.unwrap();
    assert_eq!(kind, "chancery.organization.created.v1");
    assert_eq!(
        (event["data"]["name"].as_str(), event["position"].as_str()),
        (Some("one"), Some(id.as_str()))
    );
    assert!(first.header("chancery-position").parse::<i64>().unwrap() >= id.parse().unwrap());

    // Resumed after what was seen, by header and by parameter.
    let (_, _) = (make("two").await, make("three").await);
    for mut resumed in [
        Stream::open(&app, &master, "/api/v1/events/stream?types=organization.created", Some(&id)).await,
        Stream::open(&app, &master, &format!("/api/v1/events/stream?types=organization.*&after={id}"), None)
            .await,
    ] {
        let names = [resumed.next().await.unwrap().2, resumed.next().await.unwrap().2];
        assert_eq!(names.map(|event| event["data"]["name"].clone()), [json!("two"), json!("three")]);
    }

    // Another organization's events are not heard; a revoked token hears nothing more.
    let body = json!({"name": "ear", "organization": "name:one", "ttl": "1d"});
    let issued = it.https.post("/api/v1/tokens", &body).await.expect(201).json();
    let secret = issued["secret"].as_str().unwrap();
    let ear = it.https.with_token(Some(secret));
    let _ = until(401, || ear.get("/api/v1/me")).await.expect(200);
    let mut narrow = Stream::open(&app, secret, "/api/v1/events/stream?after=0", None).await;
    let heard = narrow.next().await.unwrap().2;
    assert_eq!(heard["organization"], event["data"]["organizationId"]);
    let path = format!("/api/v1/tokens/{}", issued["id"].as_str().unwrap());
    let _ = it.https.request(Method::DELETE, &path, &[], "".into()).await.unwrap().expect(200);
    while let Some((_, _, heard)) = narrow.next().await {
        assert_eq!(heard["organization"], event["data"]["organizationId"]);
    }
    it.stop().await;
}
