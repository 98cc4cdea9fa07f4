//! Stopped, or killed in the middle of work, and started again: everything is as it was.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::collections::BTreeMap;

use bytes::Bytes;
use chancery_tests::{
    in_both_modes,
    subscriber::{self, p256},
    world::{Mode, World, eventually},
};
use contracts::Timestamp;
use futures::future::join_all;
use http::Method;
use runtime::clock::{Clock, SystemClock};
use serde_json::{Value, json};

in_both_modes!(
    after_an_orderly_stop_all_is_there,
    after_a_kill_all_is_there,
    what_was_begun_when_the_kill_came_is_finished_once,
    the_log_is_sound,
);

/// D14.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ca_that_ended_while_it_was_down_is_told_at_the_start_and_issues_nothing() {
    let mut world = World::start(Mode::OneProcess).await;
    let ca = json!({"name": "short", "kind": "micro", "ttl": "3s"});
    let ca = world.api().post("/api/v1/cas", &ca).await.expect(201).json();
    let not_after: Timestamp = ca["notAfter"].as_str().unwrap().parse().unwrap();
    _ = world.api().post("/api/v1/profiles", &json!({"name": "short", "ca": "name:short"})).await.expect(201);
    world.stop().await;
    // The last second counts.
    eventually("its last second is over", async || {
        (SystemClock::new().now().whole_second() > not_after).then_some(())
    })
    .await;
    let before = world.logs().len();
    world.start().await;
    eventually("it is told", async || {
        let told = world.logs()[before..]
            .lines()
            .any(|line| line.contains("ERROR") && line.contains("a CA has ended") && line.contains("short"));
        told.then_some(())
    })
    .await;
    let body = json!({"profile": "name:short", "csr": p256("late.example.com").pem});
    let refused = world.api().post("/api/v1/certificate-requests", &body).await;
    assert!(refused.status.is_client_error(), "{}", refused.text());
    assert!(refused.text().contains("has expired"), "{}", refused.text());
}

async fn after_an_orderly_stop_all_is_there(world: &mut World) {
    let issuing = json!({"name": "root-1", "kind": "root", "key": {"algorithm": "ecdsa_p384"}});
    _ = world.api().post("/api/v1/cas", &issuing).await.expect(201);
    let issued = world.issue(&p256("before.example.com").pem).await;
    let path = format!("/api/v1/certificates/{}", issued["certificateId"].as_str().unwrap());
    let headers = [("content-type", "application/json")];
    let note = Bytes::from_static(br#"{"labels":{"env":"prod"},"note":"kept"}"#);
    _ = world.api().request(Method::PATCH, &path, &headers, note).await.unwrap().expect(200);
    let before = everything(world).await;
    let head = world.head().await;
    world.stop().await;
    world.start().await;
    assert_eq!(everything(world).await, before);
    assert_eq!(world.head().await, head, "a start appends nothing");
    subscriber::verify(&world.root().await, "", issued["certificate"].as_str().unwrap()).unwrap();
}

async fn after_a_kill_all_is_there(world: &mut World) {
    let before = everything(world).await;
    world.kill();
    world.start().await;
    assert_eq!(everything(world).await, before);
    let issued = world.issue(&p256("after.example.com").pem).await;
    subscriber::verify(&world.root().await, "", issued["certificate"].as_str().unwrap()).unwrap();
}

async fn what_was_begun_when_the_kill_came_is_finished_once(world: &mut World) {
    let bodies: Vec<Value> =
        (0..30).map(|number| json!({"csr": p256(&format!("begun{number}.example.com")).pem})).collect();
    let api = world.api();
    let submit = async |number: usize| {
        let key = format!("begun-{number}");
        let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
        let body = Bytes::from(bodies[number].to_string());
        api.request(Method::POST, "/api/v1/certificate-requests", &headers, body).await
    };
    let before = world.head().await;
    let requests = join_all((0..30).map(&submit));
    let kill = async {
        // In the middle: some are through, others are not.
        eventually("the first event of them", async || (world.head().await > before + 5).then_some(())).await;
        world.kill();
    };
    let (answers, ()) = tokio::join!(requests, kill);
    world.start().await;
    for (number, answer) in answers.into_iter().enumerate() {
        let again = eventually("it is answered", async || {
            submit(number).await.ok().filter(|answer| ![503, 504].contains(&answer.status.as_u16()))
        })
        .await
        .expect(201)
        .json();
        if let Ok(first) = answer
            && first.status.is_success()
        {
            assert_eq!(first.json()["certificate"], again["certificate"], "what was answered is kept");
        }
    }
    let count = async |kind: &str| -> i64 {
        let sql = "select count(*) from log.event where position > $1 and type = $2";
        world.admin().await.query_one(sql, &[&before, &kind]).await.unwrap().get(0)
    };
    assert_eq!(count("certificate_request.submitted").await, 30);
    assert_eq!(count("issuance.intended").await, 30);
    assert_eq!(count("issuance.completed").await, 30);
}

async fn the_log_is_sound(world: &mut World) {
    let said = world.server_command(&["log", "verify"]).await.done();
    assert!(said.starts_with("The log is sound"), "{said}");
}

/// What every list of the API shows, but for what reading it changes.
async fn everything(world: &World) -> BTreeMap<&'static str, Value> {
    let head = world.head().await.to_string();
    let headers = [("chancery-min-position", head.as_str())];
    let mut all = BTreeMap::new();
    for path in [
        "/api/v1/certificates?limit=200",
        "/api/v1/certificate-requests?limit=200",
        "/api/v1/cas",
        "/api/v1/profiles",
        "/api/v1/policies",
        "/api/v1/keys",
        "/api/v1/organizations",
        "/api/v1/tokens",
        "/api/v1/events?limit=200",
    ] {
        let headers = if path.contains("events") { &headers[..0] } else { &headers[..] };
        let answer = eventually(path, async || {
            let answer = world.api().request(Method::GET, path, headers, Bytes::new()).await.unwrap();
            answer.status.is_success().then(|| answer.json())
        });
        let mut list = answer.await;
        for item in list["items"].as_array_mut().unwrap() {
            if let Some(token) = item.as_object_mut() {
                token.remove("lastUsedAt");
            }
        }
        all.insert(path, list);
    }
    all
}
