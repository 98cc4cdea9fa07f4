//! S7: a repeat of a request is the same request, whatever happens in between; slow work can be followed.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::collections::BTreeSet;

use chancery_tests::{
    in_both_modes,
    subscriber::{self, p256},
    world::{Mode, World, eventually},
};
use contracts::Service;
use futures::future::join_all;
use http::Method;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use testkit::Answer;

in_both_modes!(
    twenty_requests_with_one_key_are_one_certificate,
    a_key_is_for_one_request,
    the_command_line_repeats_without_harm,
    a_repeat_survives_a_crash,
    work_that_is_not_waited_for_can_be_followed,
    a_change_can_ask_for_the_version_it_was_made_for,
    a_dry_run_appends_nothing,
    a_read_sees_the_write_before_it,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_cannot_go_on_says_why_and_goes_on_once_it_can() {
    let world = World::start(Mode::ProcessPerService).await;
    let ca = world.api().get("/api/v1/cas").await.expect(200).json()["items"][0].clone();
    let path = |act: &str| format!("/api/v1/cas/{}/{act}", ca["id"].as_str().unwrap());

    // The request is accepted; the signature does not come.
    world.signal(Service::Keystore, Signal::SIGSTOP);
    let body = json!({"csr": p256("stands-still.example.com").pem});
    let accepted = eventually("it is accepted", async || {
        let answer = submit(&world, "stands-still", &[("prefer", "wait=1")], &body).await;
        (answer.status == 202).then_some(answer)
    })
    .await;
    assert_eq!(accepted.json()["status"], "running");
    let location = accepted.header("location").to_owned();
    _ = world.api().post(&path("suspend"), &json!({"reason": "drill"})).await.expect(200);
    let failed = world.api().get(&location).await.expect(200).json();
    assert_eq!(failed["status"], "failed");
    assert_eq!(failed["error"]["code"], "invalid_state");
    let words = format!("the certification authority '{}' is suspended: drill", ca["name"].as_str().unwrap());
    assert_eq!(failed["error"]["detail"], words);

    world.signal(Service::Keystore, Signal::SIGCONT);
    _ = world.api().post(&path("resume"), &json!({})).await.expect(200);
    let done = eventually("it is done", async || {
        let now = world.api().get(&location).await.expect(200).json();
        (now["status"] == "done").then_some(now)
    })
    .await;
    assert_eq!(done.get("error"), None);
}

const PATH: &str = "/api/v1/certificate-requests";

async fn twenty_requests_with_one_key_are_one_certificate(world: &mut World) {
    let body = json!({"csr": p256("twenty.example.com").pem});
    let before = world.head().await;
    let calls = (0..20).map(|_| submit(world, "twenty", &[], &body));
    let answers: Vec<Answer> = join_all(calls).await.into_iter().map(|answer| answer.expect(201)).collect();
    let certificates: BTreeSet<String> =
        answers.iter().map(|answer| answer.json()["certificate"].to_string()).collect();
    assert_eq!(certificates.len(), 1);
    let requests: BTreeSet<String> = answers.iter().map(|answer| answer.json()["id"].to_string()).collect();
    assert_eq!(requests.len(), 1);
    let replayed = answers.iter().filter(|answer| answer.header("idempotency-replayed") == "true").count();
    assert_eq!(replayed, 19);
    assert_eq!(issued_since(world, before).await, 1);
}

async fn a_key_is_for_one_request(world: &mut World) {
    let first = json!({"csr": p256("one.example.com").pem});
    let other = json!({"csr": p256("other.example.com").pem});
    let answer = submit(world, "one-request", &[], &first).await.expect(201);
    assert_eq!(answer.header("idempotency-replayed"), "");
    let refused = submit(world, "one-request", &[], &other).await.expect(422).json();
    assert_eq!(refused["code"], "idempotency_key_reused");
    let again = submit(world, "one-request", &[], &first).await.expect(201);
    assert_eq!(again.json(), answer.json());
    // A refused request leaves nothing: its key is free.
    _ = submit(world, "refused", &[], &json!({"csr": ""})).await.expect(422);
    _ = submit(world, "refused", &[], &other).await.expect(201);
    // Other kinds of things: a CA.
    let ca = json!({"name": "idempotent", "kind": "root"});
    let headers = [("idempotency-key", "a-ca")];
    let made = world.api().post_with("/api/v1/cas", &headers, &ca).await.expect(201);
    let again = world.api().post_with("/api/v1/cas", &headers, &ca).await.expect(201);
    assert_eq!(again.json()["id"], made.json()["id"]);
    assert_eq!(again.header("idempotency-replayed"), "true");
    let long = "k".repeat(256);
    let refused = submit(world, &long, &[], &first).await.expect(400).json();
    assert_eq!(refused["errors"][0]["header"], "Idempotency-Key");
}

async fn the_command_line_repeats_without_harm(world: &mut World) {
    let [(_one, one), (_other, other)] =
        ["one-cli", "other-cli"].map(|name| subscriber::as_file(&p256(&format!("{name}.example.com")).pem));
    let before = world.head().await;
    let issue = async |file: &str| {
        world.cli(&["issue", "--csr", file, "--idempotency-key", "by-hand", "-o", "json"]).await
    };
    let printed = join_all((0..20).map(|_| issue(&one))).await;
    let certificates: BTreeSet<String> =
        printed.into_iter().map(|ran| ran.json()["certificate"].to_string()).collect();
    assert_eq!(certificates.len(), 1);
    assert_eq!(issued_since(world, before).await, 1);
    let reused = issue(&other).await;
    assert!(reused.code == 5 && reused.stderr.contains("\"idempotency_key_reused\""), "{reused:?}");
    assert_eq!(issued_since(world, before).await, 1);
}

async fn issued_since(world: &World, position: i64) -> i64 {
    let sql = "select count(*) from log.event where position > $1 and type = 'issuance.completed'";
    world.admin().await.query_one(sql, &[&position]).await.unwrap().get(0)
}

async fn a_repeat_survives_a_crash(world: &mut World) {
    let body = json!({"csr": p256("crash.example.com").pem});
    let first = submit(world, "crash", &[], &body).await.expect(201).json();
    world.kill();
    world.start().await;
    let again = eventually("the gateway answers again", async || {
        let answer = submit(world, "crash", &[], &body).await;
        (answer.status != 503).then_some(answer)
    })
    .await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.expect(201).json(), first);
}

async fn work_that_is_not_waited_for_can_be_followed(world: &mut World) {
    let body = json!({"csr": p256("async.example.com").pem});
    let mut accepted = submit(world, "async", &[("prefer", "wait=0")], &body).await;
    // On an idle machine the work may be done before anybody looks at the clock.
    for attempt in 0..20 {
        if accepted.status == 202 {
            break;
        }
        accepted = submit(world, &format!("async-{attempt}"), &[("prefer", "wait=0")], &body).await;
    }
    let operation = accepted.clone().expect(202).json();
    let location = accepted.header("location").to_owned();
    assert_eq!(location, format!("/api/v1/operations/{}", operation["id"].as_str().unwrap()));
    assert_eq!(operation["kind"], "certificate_request");
    let done = eventually("the operation is done", async || {
        let now = world.api().get(&location).await.expect(200).json();
        (now["status"] == "done").then_some(now)
    })
    .await;
    assert_eq!(done["resource"]["kind"], "certificate_request");
    let request = eventually("the request is listed", async || {
        let answer = world.api().get(done["resource"]["path"].as_str().unwrap()).await;
        answer.status.is_success().then(|| answer.json()).filter(|request| request["status"] == "issued")
    })
    .await;
    let certificate = format!("/api/v1/certificates/{}", request["certificateId"].as_str().unwrap());
    let certificate = eventually("the certificate is listed", async || {
        let answer = world.api().get(&certificate).await;
        answer.status.is_success().then(|| answer.json())
    })
    .await;
    let key = certificate_key(world, &accepted, &body).await;
    assert_eq!(key["certificate"], certificate["certificate"]);
    // From the command line: the id now, the rest later.
    let printed =
        world.cli(&["issue", "--dns", "async-cli.example.com", "--no-wait", "-o", "json"]).await.json();
    assert!(
        printed["id"].as_str().unwrap().starts_with("op_")
            || printed["commonName"] == "async-cli.example.com"
    );
}

/// The same request again, this time waited for: the first answer, whole.
async fn certificate_key(world: &World, accepted: &Answer, body: &Value) -> Value {
    let operation = accepted.json()["id"].clone();
    for key in ["async".to_owned()].into_iter().chain((0..20).map(|attempt| format!("async-{attempt}"))) {
        let again = submit(world, &key, &[], body).await.expect(201);
        if again.json()["id"] == accepted.json()["resource"]["id"] {
            assert_eq!(again.header("idempotency-replayed"), "true");
            return again.json();
        }
    }
    panic!("nothing belongs to {operation}");
}

async fn a_change_can_ask_for_the_version_it_was_made_for(world: &mut World) {
    let issued = world.issue(&p256("etag.example.com").pem).await;
    let path = format!("/api/v1/certificates/{}", issued["certificateId"].as_str().unwrap());
    let shown = eventually("the certificate is listed", async || {
        let answer = world.api().get(&path).await;
        answer.status.is_success().then_some(answer)
    })
    .await;
    assert_eq!(shown.header("etag"), "\"0\"", "a certificate's version counts what inventory recorded");
    let patch = async |version: &str, body: Value| {
        let headers = [("content-type", "application/json"), ("if-match", version)];
        world.api().request(Method::PATCH, &path, &headers, body.to_string().into()).await.unwrap()
    };
    let changed = patch("\"0\"", json!({"labels": {"env": "prod"}})).await.expect(200);
    assert_eq!(changed.header("etag"), "\"1\"");
    let late = patch("\"0\"", json!({"note": "too late"})).await.expect(412).json();
    assert_eq!((&late["code"], &late["currentVersion"]), (&json!("version_mismatch"), &json!(1)));
    let position = changed.header("chancery-position").to_owned();
    let headers = [("chancery-min-position", position.as_str())];
    let now =
        world.api().request(Method::GET, &path, &headers, bytes::Bytes::new()).await.unwrap().expect(200);
    assert_eq!(now.header("etag"), "\"1\"");
    assert_eq!(now.json()["labels"], json!({"env": "prod"}));
    assert_eq!(now.json()["note"], Value::Null);
}

async fn a_dry_run_appends_nothing(world: &mut World) {
    let before = world.head().await;
    let csr = p256("dry.example.com").pem;
    for (path, body) in [
        (PATH, json!({"csr": csr})),
        (PATH, json!({"subject": {"commonName": "dry.example.com"}})),
        ("/api/v1/cert-manager/certificates", json!({"csr": csr})),
        ("/api/v1/cas", json!({"name": "dry", "kind": "root"})),
        ("/api/v1/keys", json!({"algorithm": "ecdsa_p256"})),
        ("/api/v1/profiles", json!({"name": "dry"})),
        ("/api/v1/policies", json!({"name": "dry"})),
        ("/api/v1/organizations", json!({"name": "dry"})),
        ("/api/v1/tokens", json!({"name": "dry"})),
    ] {
        let answer = world.api().post(&format!("{path}?dryRun=true"), &body).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text());
        let answer = answer.json();
        assert_eq!(answer["wouldChange"], true, "{path}: {answer}");
        assert!(answer["changes"].as_array().is_some_and(|changes| !changes.is_empty()), "{path}: {answer}");
    }
    let refused = world.api().post(&format!("{PATH}?dryRun=true"), &json!({"csr": ""})).await.expect(422);
    assert_eq!(refused.json()["errors"][0]["detail"], "CSR cannot be empty");
    assert_eq!(world.head().await, before);
}

async fn a_read_sees_the_write_before_it(world: &mut World) {
    let body = json!({"csr": p256("read.example.com").pem});
    let written = world.api().post(PATH, &body).await.expect(201);
    let position = written.header("chancery-position").to_owned();
    assert_eq!(position.parse::<i64>().unwrap(), world.head().await);
    let id = written.json()["certificateId"].as_str().unwrap().to_owned();
    let headers = [("chancery-min-position", position.as_str())];
    let get = async |path: String, headers: &[(&str, &str)]| {
        world.api().request(Method::GET, &path, headers, bytes::Bytes::new()).await.unwrap()
    };
    let shown = get(format!("/api/v1/certificates/{id}"), &headers).await.expect(200);
    assert_eq!(shown.json()["commonName"], "read.example.com");
    let beyond = (world.head().await + 1_000).to_string();
    let refused =
        get(format!("/api/v1/certificates/{id}"), &[("chancery-min-position", &beyond)]).await.expect(400);
    assert_eq!(refused.json()["errors"][0]["code"], "position_beyond_log");
}

async fn submit(world: &World, key: &str, more: &[(&str, &str)], body: &Value) -> Answer {
    let headers = [&[("idempotency-key", key)], more].concat();
    world.api().post_with(PATH, &headers, body).await
}
