//! S5: whoever follows the events over HTTP misses none, and every event is what `schemas/` says. (Over NATS:
//! `subscribers.rs`.)

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests fail as tests do

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use chancery_tests::{in_both_modes, schemas::Validator, subscriber::p256, world::World};
use contracts::public::PublicEvent;
use http::Method;
use serde_json::{Value, json};

in_both_modes!(
    a_stream_over_http_goes_on_where_it_ended,
    watch_prints_what_happens,
    a_killed_watch_goes_on_after_what_it_printed,
    a_watch_outlives_its_server,
    a_type_that_no_event_has_is_refused,
    events_are_read_by_page_and_filter,
    every_event_fits_its_schema,
);

const STREAM: &str = "/api/v1/events/stream";

async fn a_stream_over_http_goes_on_where_it_ended(world: &mut World) {
    let begin = world.head().await;
    for number in 0..3 {
        _ = world.issue(&p256(&format!("sse{number}.example.com")).pem).await;
    }
    let all = stream(world, &format!("?after={begin}"), &[], 6).await;
    let positions: Vec<i64> = all.iter().map(|(id, _)| *id).collect();
    assert!(positions.is_sorted() && positions[0] > begin);
    let last = all[1].0;
    let rest = stream(world, "", &[&format!("Last-Event-ID: {last}")], 4).await;
    assert_eq!(rest, all[2..]);
    let issued = stream(world, &format!("?after={begin}&types=certificate.issued"), &[], 3).await;
    assert!(issued.iter().all(|(_, event)| event["type"] == "chancery.certificate.issued.v1"));
    // One that is written while it listens comes at once.
    let after = format!("?after={}", world.head().await);
    let csr = p256("live.example.com").pem;
    let (heard, _) = tokio::join!(stream(world, &after, &[], 2), world.issue(&csr));
    assert!(heard.iter().any(|(_, event)| event["data"]["commonName"] == "live.example.com"), "{heard:?}");
    let mut validator = Validator::new();
    all.iter().chain(&heard).for_each(|(_, event)| validator.check(event));
}

async fn watch_prints_what_happens(world: &mut World) {
    let after = world.head().await.to_string();
    _ = world.issue(&p256("watched.example.com").pem).await;
    let arguments = ["watch", "certificate.issued", "--after", &after, "--count", "1", "-o", "ndjson"];
    let event = world.cli(&arguments).await.json();
    assert_eq!(event["data"]["commonName"], "watched.example.com");
}

async fn a_killed_watch_goes_on_after_what_it_printed(world: &mut World) {
    let begin = world.head().await;
    for number in 0..4 {
        _ = world.issue(&p256(&format!("watched{number}.example.com")).pem).await;
    }
    let all = stream(world, &format!("?after={begin}"), &[], 8).await;
    let mut command = world.command(&["watch", "--after", &begin.to_string(), "-o", "ndjson"]);
    command.env("CHANCERY_SERVER", world.address()).env("CHANCERY_CA_FILE", world.ca_file());
    command.env("CHANCERY_TOKEN", world.token()).stdout(Stdio::piped());
    let some = tokio::task::spawn_blocking(move || {
        let mut watch = Killed(command.spawn().unwrap());
        let lines = BufReader::new(watch.0.stdout.take().unwrap()).lines().take(3);
        lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect::<Vec<Value>>()
    });
    let mut seen = some.await.unwrap();
    let last = position(&seen[2]).to_string();
    let rest = world.cli(&["watch", "--after", &last, "--count", "5", "-o", "ndjson"]).await.done();
    seen.extend(rest.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
    assert!(seen.iter().eq(all.iter().map(|(_, event)| event)), "{seen:?} {all:?}");
}

async fn a_watch_outlives_its_server(world: &mut World) {
    let begin = world.head().await.to_string();
    let mut command = world.command(&["watch", "certificate.issued", "--after", &begin, "-o", "ndjson"]);
    command.args(["--count", "2"]).env("CHANCERY_SERVER", world.address());
    command.env("CHANCERY_CA_FILE", world.ca_file()).env("CHANCERY_TOKEN", world.token());
    let mut watch = Killed(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let mut told = BufReader::new(watch.0.stdout.take().unwrap()).lines();
    let mut notes = BufReader::new(watch.0.stderr.take().unwrap()).lines();
    _ = world.issue(&p256("before.example.com").pem).await;
    let first: Value = serde_json::from_str(&told.next().unwrap().unwrap()).unwrap();
    assert_eq!(first["data"]["commonName"], "before.example.com");

    world.kill();
    let lost = format!(
        "lost the connection to {}; trying again, to go on after position {}",
        world.address(),
        position(&first)
    );
    assert_eq!(notes.next().unwrap().unwrap(), lost);
    let alone = world.cli(&["watch"]).await;
    assert_eq!(alone.code, 9, "{alone:?}");
    assert!(alone.stderr.starts_with("error: cannot reach "), "{alone:?}");

    world.start().await;
    _ = world.issue(&p256("behind.example.com").pem).await;
    assert_eq!(notes.next().unwrap().unwrap(), "connected again");
    let second: Value = serde_json::from_str(&told.next().unwrap().unwrap()).unwrap();
    assert_eq!(second["data"]["commonName"], "behind.example.com");
    assert!(watch.0.wait().unwrap().success());
}

async fn a_type_that_no_event_has_is_refused(world: &mut World) {
    let ran = world.cli(&["watch", "certificate.isued", "ca.*"]).await;
    assert_eq!(ran.code, 5, "{ran:?}");
    assert!(
        ran.stderr.starts_with(
            "error[malformed_request]: there is no event type 'certificate.isued'; did you mean 'certificate.issued'?\n"
        ),
        "{ran:?}"
    );
    for path in ["/api/v1/events?types=evt.%3E", "/api/v1/events/stream?types=evt.%3E"] {
        let problem = world.api().get(path).await.expect(400).json();
        assert_eq!(problem["errors"][0]["parameter"], "types", "{problem}");
        let allowed = problem["errors"][0]["allowed"].as_array().unwrap();
        assert_eq!(allowed.len(), PublicEvent::NAMES.len(), "{problem}");
    }
}

async fn events_are_read_by_page_and_filter(world: &mut World) {
    let begin = world.head().await;
    let issued = world.issue(&p256("paged.example.com").pem).await;
    let certificate = issued["certificateId"].as_str().unwrap();
    let list =
        async |query: String| world.api().get(&format!("/api/v1/events?{query}")).await.expect(200).json();
    let all = list(format!("after={begin}")).await;
    let kinds: Vec<&str> =
        all["items"].as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["chancery.certificate_request.submitted.v1", "chancery.certificate.issued.v1"]);
    let first = list(format!("after={begin}&limit=1")).await;
    let second = list(format!("limit=1&cursor={}", first["nextCursor"].as_str().unwrap())).await;
    assert_eq!(second["items"][0], all["items"][1]);
    let of_it = list(format!("subject={certificate}")).await;
    assert_eq!(of_it["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        list(format!("after={begin}&actor=service:signer")).await["items"].as_array().unwrap().len(),
        0
    );
}

async fn every_event_fits_its_schema(world: &mut World) {
    // One of each kind that there can be now.
    let api = world.api();
    let ca = api.post("/api/v1/cas", &json!({"name": "told", "kind": "root"})).await.expect(201).json();
    let ca = format!("/api/v1/cas/{}", ca["id"].as_str().unwrap());
    _ = api.post(&format!("{ca}/suspend"), &json!({"reason": "drill"})).await.expect(200);
    _ = api.post(&format!("{ca}/resume"), &json!({})).await.expect(200);
    let policy = api.post("/api/v1/policies", &json!({"name": "told"})).await.expect(201).json();
    let profile = api.post("/api/v1/profiles", &json!({"name": "told"})).await.expect(201).json();
    let key = api.post("/api/v1/keys", &json!({"algorithm": "ed25519"})).await.expect(201).json();
    _ = api
        .post(&format!("/api/v1/keys/{}/destroy", key["id"].as_str().unwrap()), &json!({}))
        .await
        .expect(200);
    let token = api.post("/api/v1/tokens", &json!({"name": "told"})).await.expect(201).json();
    let organization = api.post("/api/v1/organizations", &json!({"name": "told"})).await.expect(201).json();
    let departments = format!("/api/v1/organizations/{}/departments", organization["id"].as_str().unwrap());
    _ = api.post(&departments, &json!({"name": "told"})).await.expect(201);
    let certificate = world.issue(&p256("told.example.com").pem).await["certificateId"].clone();
    for (method, kind, id, body) in [
        (Method::PATCH, "policies", &policy["id"], json!({"maxTtl": "30d"})),
        (Method::PATCH, "profiles", &profile["id"], json!({"ttl": {"default": "10d", "max": "30d"}})),
        (Method::PATCH, "certificates", &certificate, json!({"note": "told"})),
        (Method::DELETE, "tokens", &token["id"], json!({"reason": "told"})),
    ] {
        let (path, headers) =
            (format!("/api/v1/{kind}/{}", id.as_str().unwrap()), [("content-type", "application/json")]);
        _ = api.request(method, &path, &headers, body.to_string().into()).await.unwrap().expect(200);
    }
    let all = api.get("/api/v1/events?limit=200").await.expect(200).json();
    let all = all["items"].as_array().unwrap();
    let mut validator = Validator::new();
    all.iter().for_each(|event| validator.check(event));
    let told: BTreeSet<String> = all.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    let known = PublicEvent::descriptions();
    // Proofs of control have servers to ask: tests/domain_validation.rs. What waits has people to ask: tests/approvals. Files
    // and lost keys have tests of their own: tests/import.rs, key_files.rs, compromised_keys.rs.
    let elsewhere = |name: &str| {
        name.starts_with("domain.validat")
            || ["certificate.imported", "key.imported", "key.exported", "key.compromised"].contains(&name)
            || (name.starts_with("certificate_request.") && name != "certificate_request.submitted")
    };
    let known = known
        .iter()
        .filter(|event| !elsewhere(event.name))
        .map(|event| format!("chancery.{}.v{}", event.name, event.version))
        .collect();
    assert_eq!(told, known);
}

fn position(event: &Value) -> i64 {
    event["position"].as_str().unwrap().parse().unwrap()
}

/// So many events of a stream over HTTP as curl hears them: id and data of each.
async fn stream(world: &World, query: &str, headers: &[&str], count: usize) -> Vec<(i64, Value)> {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--no-buffer", "--fail", "--max-time", "60", "--cacert"]).arg(world.ca_file());
    curl.arg("--header").arg(format!("Authorization: Bearer {}", world.token()));
    for header in headers {
        curl.args(["--header", header]);
    }
    curl.arg(format!("{}{STREAM}{query}", world.address())).stdout(Stdio::piped());
    let read = move || {
        let mut curl = Killed(curl.spawn().unwrap());
        let mut lines = BufReader::new(curl.0.stdout.take().unwrap()).lines();
        let (mut heard, mut id) = (vec![], 0);
        while heard.len() < count {
            let line = lines.next().expect("the stream goes on").unwrap();
            match line.split_once(": ") {
                Some(("id", value)) => id = value.parse().unwrap(),
                Some(("data", value)) => {
                    let data: Value = serde_json::from_str(value).unwrap();
                    assert_eq!(position(&data), id);
                    heard.push((id, data));
                }
                _ => {}
            }
        }
        heard
    };
    tokio::task::spawn_blocking(read).await.unwrap()
}

/// A program that is killed with its handle.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}
