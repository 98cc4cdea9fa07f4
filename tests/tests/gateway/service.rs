//! The gateway with a directory and a keystore behind it, on real servers: what is written can be read, followed and
//! received.

use std::time::Duration;

use super::support::{Installation, installation, until, until_some};
use contracts::Service;
use futures::StreamExt;
use http::Method;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_is_read_followed_and_received() {
    let it = installation().await;

    // Who is there.
    let me = it.https.get("/api/v1/me").await.expect(200).json();
    assert_eq!(me["allOrganizations"], true);

    // A write is read back at its position; a repeat has one effect.
    let body = json!({"name": "hq", "displayName": "Headquarters", "country": "CA"});
    let key = [("idempotency-key", "k-1")];
    let made = it.https.post_with("/api/v1/organizations", &key, &body).await.expect(201);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(made.header("location"), format!("/api/v1/organizations/{id}"));
    let again = it.https.post_with("/api/v1/organizations", &key, &body).await.expect(201);
    assert_eq!((again.header("idempotency-replayed"), &again.json()["id"]), ("true", &made.json()["id"]));
    let other = it.https.post_with("/api/v1/organizations", &key, &json!({"name": "hq2"})).await.expect(422);
    assert_eq!(other.json()["code"], "idempotency_key_reused");
    let shown = it.read_after("/api/v1/organizations/name:hq", &made).await;
    assert_eq!((&shown["id"], &shown["displayName"]), (&made.json()["id"], &json!("Headquarters")));
    let taken = it.https.post("/api/v1/organizations", &body).await.expect(409);
    assert_eq!(taken.json()["code"], "already_exists");

    // A dry run tells and changes nothing.
    let dry =
        it.https.post("/api/v1/organizations?dryRun=true", &json!({"name": "dry"})).await.expect(200).json();
    assert_eq!(dry["wouldChange"], true);
    assert_eq!(it.https.get("/api/v1/organizations/name:dry").await.status, 404);

    // Versions.
    let patch = |version: &'static str, body: Value| {
        let headers = [("content-type", "application/json"), ("if-match", version)];
        let path = format!("/api/v1/organizations/{id}");
        let https = it.https.clone();
        async move { https.request(Method::PATCH, &path, &headers, body.to_string().into()).await.unwrap() }
    };
    let changed = patch("\"1\"", json!({"displayName": "Head office"})).await.expect(200);
    assert_eq!(changed.header("etag"), "\"2\"");
    let stale = patch("\"1\"", json!({"displayName": "x"})).await.expect(412);
    assert_eq!(
        (&stale.json()["code"], &stale.json()["currentVersion"]),
        (&json!("version_mismatch"), &json!(2))
    );

    // Pages.
    for name in ["web", "shop", "api"] {
        let path = format!("/api/v1/organizations/{id}/departments");
        let _ = it.https.post(&path, &json!({"name": name})).await.expect(201);
    }
    let last = it
        .https
        .post(&format!("/api/v1/organizations/{id}/departments"), &json!({"name": "zoo"}))
        .await
        .expect(201);
    let path = format!("/api/v1/organizations/{id}/departments?limit=3&fields=name");
    let page = it.read_after(&path, &last).await;
    let shown = |page: &Value| {
        let items = page["items"].as_array().unwrap().clone();
        assert!(items.iter().all(|item| item.as_object().unwrap().keys().eq(["id", "name"])), "{page}");
        items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(shown(&page), ["api", "shop", "web"]);
    let rest = format!("{path}&cursor={}", page["nextCursor"].as_str().unwrap());
    let rest = it.https.get(&rest).await.expect(200).json();
    assert_eq!((shown(&rest), &rest["nextCursor"]), (vec!["zoo".to_owned()], &Value::Null));
    let foreign = format!(
        "/api/v1/organizations/{id}/departments?sort=-name&cursor={}",
        page["nextCursor"].as_str().unwrap()
    );
    assert_eq!(it.https.get(&foreign).await.expect(400).json()["code"], "invalid_cursor");

    // Keys.
    let generated =
        it.https.post("/api/v1/keys", &json!({"algorithm": "ecdsa_p256", "label": "shop"})).await.expect(201);
    let key_path = generated.header("location").to_owned();
    let listed = it.read_after("/api/v1/keys?label=shop&algorithm=ecdsa_p256,ed25519", &generated).await;
    assert_eq!(listed["items"][0]["id"], generated.json()["id"]);
    let public = it.https.get(&format!("{key_path}/public-key")).await.expect(200);
    assert!(public.text().starts_with("-----BEGIN PUBLIC KEY-----\n"), "{}", public.text());
    let timeline = it.https.get(&format!("{key_path}/timeline")).await.expect(200).json();
    assert_eq!(timeline["items"][0]["type"], "key.generated");

    // Tokens: shown once, limited, revoked.
    let token = json!({"name": "reader", "scope": {"permissions": ["event.read"]}, "ttl": "1d"});
    let issued =
        it.https.post_with("/api/v1/tokens", &[("idempotency-key", "t-1")], &token).await.expect(201);
    let repeat =
        it.https.post_with("/api/v1/tokens", &[("idempotency-key", "t-1")], &token).await.expect(409).json();
    assert_eq!(
        (&repeat["code"], &repeat["errors"][0]["detail"]),
        (&json!("already_exists"), &issued.json()["id"])
    );
    let secret = issued.json()["secret"].as_str().unwrap().to_owned();
    let reader = it.https.with_token(Some(&secret));
    let denied = until(401, || reader.get("/api/v1/keys")).await;
    assert_eq!(denied.expect(403).json()["code"], "forbidden");
    let refused = reader.post("/api/v1/organizations", &json!({"name": "no"})).await.expect(403);
    assert!(refused.json()["detail"].as_str().unwrap().contains("organization.create"));

    // Events: by page, from any position, and on NATS.
    let events =
        it.https.get("/api/v1/events?types=organization.*,key.generated&limit=200").await.expect(200).json();
    let types: Vec<&str> =
        events["items"].as_array().unwrap().iter().map(|e| e["type"].as_str().unwrap()).collect();
    assert_eq!(types.iter().filter(|t| **t == "chancery.organization.created.v1").count(), 2, "{types:?}");
    assert_eq!(types.last(), Some(&"chancery.key.generated.v1"));
    received(&it, &events["items"]).await;

    // A denial is in the log.
    let denial = it.servers.admin().await;
    let denials = until_some(|| async {
        let rows =
            denial.query("select payload::text from log.event where category = 'denial'", &[]).await.unwrap();
        rows.first().map(|row| row.get::<_, String>(0))
    })
    .await;
    assert!(denials.contains("createOrganization"), "{denials}");

    // Revoked: works nowhere after a second.
    let path = format!("/api/v1/tokens/{}", issued.json()["id"].as_str().unwrap());
    let _ = it.https.request(Method::DELETE, &path, &[], "".into()).await.unwrap().expect(200);
    let gone = until(403, || reader.get("/api/v1/keys")).await;
    assert_eq!(gone.expect(401).json()["code"], "unauthenticated");
    it.stop().await;
}

/// The public stream holds the same events, in the same order, each once; after a wipe it is filled again.
async fn received(it: &Installation, expected: &Value) {
    let wanted: Vec<&str> = expected.as_array().unwrap().iter().map(|e| e["id"].as_str().unwrap()).collect();
    let seed = it.servers.secrets.nats_seed(bus::User::Subscriber).unwrap();
    let options = async_nats::ConnectOptions::with_nkey(seed.reveal().to_owned())
        .custom_inbox_prefix("_INBOX.subscriber");
    let client = options.connect(it.servers.nats.url()).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    for _ in 0..2 {
        let config = async_nats::jetstream::consumer::pull::Config {
            durable_name: Some("cmdb".into()),
            filter_subjects: vec!["evt.*.organization.>".into(), "evt.*.key.>".into()],
            ..Default::default()
        };
        let consumer = until_some(|| async {
            jetstream.create_consumer_on_stream(config.clone(), "CHANCERY_EVENTS").await.ok()
        })
        .await;
        let mut messages = consumer.messages().await.unwrap();
        let mut ids = Vec::new();
        while ids.len() < wanted.len() {
            let message = tokio::time::timeout(Duration::from_secs(20), messages.next())
                .await
                .unwrap()
                .unwrap()
                .unwrap();
            let event: Value = serde_json::from_slice(&message.payload).unwrap();
            let headers = message.headers.as_ref().unwrap();
            assert_eq!(headers.get("Content-Type").unwrap().as_str(), "application/cloudevents+json");
            assert_eq!(headers.get("Nats-Msg-Id").unwrap().as_str(), event["id"].as_str().unwrap());
            message.ack().await.unwrap();
            ids.push(event["id"].as_str().unwrap().to_owned());
        }
        assert_eq!(ids, wanted);
        wipe(it).await;
    }
}

/// Takes the public stream away, as a lost disk would.
async fn wipe(it: &Installation) {
    let seed = it.servers.secrets.nats_seed(Service::Gateway.into()).unwrap();
    let options =
        async_nats::ConnectOptions::with_nkey(seed.reveal().to_owned()).custom_inbox_prefix("_INBOX.gateway");
    let client = options.connect(it.servers.nats.url()).await.unwrap();
    async_nats::jetstream::new(client).delete_stream("CHANCERY_EVENTS").await.unwrap();
}
