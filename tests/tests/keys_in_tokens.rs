//! B7: keys in a PKCS #11 token (SoftHSM). They are made there, sign there and never leave; a token that is away, or does not
//! open, stops what needs it and nothing else.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use chancery_tests::{
    soft_hsm::{PIN, SoftHsm},
    subscriber::{self, openssl, p256},
    tool::Ran,
    world::{Mode, World, begin, eventually},
};
use contracts::Service;
use futures::future::join_all;
use serde_json::{Value, json};
use testkit::{Answer, Installation};

const REQUESTS: &str = "/api/v1/certificate-requests";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_one_process() {
    every_journey(Mode::OneProcess).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_process_per_service() {
    every_journey(Mode::ProcessPerService).await;
}

async fn every_journey(mode: Mode) {
    let hsm = SoftHsm::new();
    let plan = hsm.given_to(Installation::plan());
    let mut world = World::start_planned(mode, plan).await;
    begin("a CA whose key is in a token issues", mode);
    a_ca_whose_key_is_in_a_token_issues(&world, &hsm).await;
    begin("every kind of key signs", mode);
    every_kind_of_key_signs(&world).await;
    begin("what no token does is refused", mode);
    what_no_token_does_is_refused(&world).await;
    begin("a destroyed key is gone from the token", mode);
    a_destroyed_key_is_gone_from_the_token(&world, &hsm).await;
    begin("a token that is pulled out stops its keys alone", mode);
    a_token_that_is_pulled_out_stops_its_keys_alone(&world, &hsm).await;
    begin("a wrong PIN is tried once", mode);
    a_wrong_pin_is_tried_once(&world, &hsm).await;
    begin("a key that was made and not recorded is found again", mode);
    a_key_that_was_made_and_not_recorded_is_found_again(&mut world, &hsm).await;
    begin("after a restart", mode);
    world.stop().await;
    world.start().await;
    issues(&world, "restarted.example.com").await;
    let logs = world.logs();
    assert!(!logs.contains(PIN), "the PIN is in a log");
}

/// Gets a certificate of the CA in the token, which openssl believes.
async fn issues(world: &World, host: &str) {
    let issued = eventually("the CA in the token issues", async || {
        let answer = ask(world, host, host).await;
        (answer.status == 201).then(|| answer.json())
    })
    .await;
    believed(world, &issued).await;
}

async fn believed(world: &World, issued: &Value) {
    let root = world.api().get("/api/v1/cas/name:hsm-root").await.expect(200).json();
    let leaf = issued["certificate"].as_str().unwrap();
    assert_eq!(subscriber::verify(root["certificate"].as_str().unwrap(), "", leaf), Ok(()));
}

async fn ask(world: &World, host: &str, key: &str) -> Answer {
    let body =
        json!({"profile": "name:hsm", "subject": {"commonName": host}, "key": {"algorithm": "ecdsa_p256"}});
    world.api().post_with(REQUESTS, &[("idempotency-key", key)], &body).await
}

async fn a_ca_whose_key_is_in_a_token_issues(world: &World, hsm: &SoftHsm) {
    let create = ["ca", "create", "hsm-root", "--key", "ecdsa_p384", "--in-token", "hsm", "-o", "json"];
    let ca = eventually("the token is there", async || {
        let ran = world.cli(&create).await;
        (ran.code == 0).then(|| ran.json())
    })
    .await;
    _ = world
        .api()
        .post("/api/v1/profiles", &json!({"name": "hsm", "ca": "name:hsm-root"}))
        .await
        .expect(201);
    let csr = json!({"profile": "name:hsm", "csr": p256("shop.example.com").pem});
    believed(world, &world.api().post(REQUESTS, &csr).await.expect(201).json()).await;

    let id = ca["keyId"].as_str().unwrap();
    let objects = hsm.tool(&["--list-objects", "--type", "privkey"]).done();
    let object = objects.split("Private Key Object").find(|text| text.contains(id)).unwrap();
    let access = object.lines().find(|line| line.contains("Access:")).unwrap();
    assert!(access.contains("sensitive, always sensitive, never extractable, local"), "{object}");
    let read = hsm.tool(&["--read-object", "--type", "privkey", "--label", id]);
    assert_eq!(read.stdout, "", "nothing of the private key comes out");

    let key = world.api().get(&format!("/api/v1/keys/{id}")).await.expect(200).json();
    assert_eq!((&key["token"], &key["exportable"]), (&json!("hsm"), &json!(false)));
    let blobs = "select count(*) from keystore.wrapped_key where key_id = $1";
    let uuid = id.parse::<contracts::KeyId>().unwrap().uuid();
    let count: i64 = world.admin().await.query_one(blobs, &[&uuid]).await.unwrap().get(0);
    assert_eq!(count, 0, "nothing of it is in the database");
    let listed = world.api().get("/api/v1/keys?token=hsm").await.expect(200).json();
    assert!(listed["items"].as_array().unwrap().iter().any(|key| key["id"] == id), "{listed}");
    let uses = world.api().get(&format!("/api/v1/keys/{id}/uses")).await.expect(200).text();
    assert!(uses.contains("hsm-root"), "{uses}");
}

/// Each kind certifies itself, and makes a CSR for a CA outside.
async fn every_kind_of_key_signs(world: &World) {
    for (name, ca) in [("itself", "self"), ("outside", "manual")] {
        _ = world.api().post("/api/v1/profiles", &json!({"name": name, "ca": ca})).await.expect(201);
    }
    let kinds = ["rsa_2048", "rsa_3072", "rsa_4096", "ecdsa_p256", "ecdsa_p384", "ecdsa_p521"];
    for kind in kinds {
        let host = format!("{}.example.com", kind.replace('_', "-"));
        let wish = |profile: &str| {
            let key = json!({"algorithm": kind, "token": "hsm"});
            json!({"profile": format!("name:{profile}"), "subject": {"commonName": host}, "key": key})
        };
        // Tokens take their time for the large ones; whoever asks again gets the key that was made meanwhile.
        let issued = eventually("it is issued", async || {
            let headers = [("idempotency-key", kind), ("prefer", "wait=60")];
            let answer = world.api().post_with(REQUESTS, &headers, &wish("itself")).await;
            (answer.status == 201).then(|| answer.json())
        })
        .await;
        let leaf = issued["certificate"].as_str().unwrap();
        assert_eq!(subscriber::verify(leaf, "", leaf), Ok(()), "{kind}");
    }
    let body = json!({"profile": "name:outside", "subject": {"commonName": "a.example.com"},
        "key": {"algorithm": "ecdsa_p384", "token": "hsm"}});
    let waiting = world.api().post(REQUESTS, &body).await.expect(202).json();
    let path = format!("{}/csr", waiting["resource"]["path"].as_str().unwrap());
    let csr = eventually("the CSR is there", async || {
        let answer = world.api().get(&path).await;
        (answer.status == 200).then(|| answer.text())
    })
    .await;
    let checked = openssl(&["req", "-verify", "-noout", "-subject"], &csr);
    assert!(checked.contains("a.example.com"), "{checked}");
}

async fn what_no_token_does_is_refused(world: &World) {
    let key =
        |key: Value| json!({"profile": "name:hsm", "subject": {"commonName": "a.example.com"}, "key": key});
    for (path, body, pointer, code) in [
        (
            "/api/v1/keys",
            json!({"algorithm": "ecdsa_p256", "token": "elsewhere"}),
            "#/token",
            "token_unknown",
        ),
        (
            "/api/v1/keys",
            json!({"algorithm": "ed25519", "token": "hsm"}),
            "#/algorithm",
            "token_algorithm_unsupported",
        ),
        (
            "/api/v1/keys",
            json!({"algorithm": "ecdsa_p256", "token": "hsm", "exportable": true}),
            "#/exportable",
            "token_key_exportable",
        ),
        (REQUESTS, key(json!({"token": "elsewhere"})), "#/key/token", "token_unknown"),
        (
            "/api/v1/cas",
            json!({"name": "no", "kind": "root", "key": {"algorithm": "ecdsa_p256", "token": "elsewhere"}}),
            "#/key/token",
            "token_unknown",
        ),
    ] {
        let refused = world.api().post(path, &body).await.expect(422).json();
        assert_eq!(
            (&refused["errors"][0]["pointer"], &refused["errors"][0]["code"]),
            (&json!(pointer), &json!(code))
        );
        if code == "token_unknown" {
            assert_eq!(refused["errors"][0]["allowed"], json!(["hsm"]), "{refused}");
        }
    }
    let made = json!({"algorithm": "ecdsa_p256", "token": "hsm"});
    let made = world.api().post("/api/v1/keys", &made).await.expect(201).json();
    let export = format!("/api/v1/keys/{}/export", made["id"].as_str().unwrap());
    let body = json!({"format": "pkcs8", "reason": "to see what happens"});
    let refused = world.api().post(&export, &body).await.expect(409).json();
    assert_eq!(refused["code"], "key_in_token", "{refused}");
}

async fn a_destroyed_key_is_gone_from_the_token(world: &World, hsm: &SoftHsm) {
    let create = ["key", "create", "ecdsa_p256", "--in-token", "hsm", "-o", "json"];
    let key = world.cli(&create).await.json();
    let id = key["id"].as_str().unwrap();
    assert_eq!(made(hsm, id), 1);
    let destroyed = world.cli(&["key", "destroy", id, "--yes", "-o", "json"]).await.json();
    assert_eq!((&destroyed["status"], &destroyed["token"]), (&json!("destroyed"), &json!("hsm")));
    assert_eq!(made(hsm, id), 0);
}

/// How many private keys of that name the token holds.
fn made(hsm: &SoftHsm, label: &str) -> usize {
    hsm.tool(&["--list-objects", "--type", "privkey"]).done().matches(&format!("label:      {label}")).count()
}

async fn a_token_that_is_pulled_out_stops_its_keys_alone(world: &World, hsm: &SoftHsm) {
    let create = ["key", "create", "ecdsa_p256", "--in-token", "hsm", "-o", "json"];
    let key = world.cli(&create).await.json();
    // Under load: each request is answered, and those that were refused are granted when they are repeated.
    let hosts: Vec<String> = (0..24).map(|number| format!("pulled-{number}.example.com")).collect();
    let load = async { join_all(hosts.iter().map(|host| ask(world, host, host))).await };
    let pulled = async { hsm.pull_out() };
    let (answers, ()) = tokio::join!(load, pulled);
    for answer in &answers {
        assert!(answer.status == 201 || answer.json()["code"] == "token_unavailable", "{}", answer.text());
    }
    let refused = eventually("its CA is refused", async || {
        let answer = ask(world, "late.example.com", "late").await;
        (answer.status == 503).then(|| answer.json())
    })
    .await;
    assert_eq!(refused["code"], "token_unavailable");
    assert!(refused["detail"].as_str().unwrap().contains("'hsm'"), "{refused}");
    assert_eq!(refused["retryable"], true);
    let path = format!("/api/v1/keys/{}/destroy", key["id"].as_str().unwrap());
    let refused = world.api().post(&path, &json!({})).await.expect(503).json();
    assert_eq!(refused["code"], "token_unavailable");

    // Everything else works, and whoever looks sees what is missing.
    _ = world.issue(&p256("meanwhile.example.com").pem).await;
    let shown = health(world).await;
    let token = shown["dependencies"].as_array().unwrap().iter();
    let token = token.clone().find(|one| one["name"] == "keystore/token hsm").unwrap().clone();
    assert_eq!(
        (&shown["ready"], &token["ready"], &token["optional"]),
        (&json!(true), &json!(false), &json!(true))
    );
    assert!(token["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{token}");

    hsm.put_back();
    issues(world, "back.example.com").await;
    for host in &hosts {
        let issued = ask(world, host, host).await.expect(201).json();
        believed(world, &issued).await;
    }
    let path_of_all = "/api/v1/certificates?commonName[startsWith]=pulled-&limit=200";
    let head = world.head().await.to_string();
    let headers = [("chancery-min-position", head.as_str())];
    let found =
        world.api().request(http::Method::GET, path_of_all, &headers, bytes::Bytes::new()).await.unwrap();
    let found = found.expect(200).json();
    assert_eq!(found["items"].as_array().unwrap().len(), hosts.len(), "one for each, whatever happened");
    _ = world.api().post(&path, &json!({})).await.expect(200);
    assert_eq!(made(hsm, key["id"].as_str().unwrap()), 0);
}

async fn health(world: &World) -> Value {
    let address = world.operations(world.process_of(Service::Keystore));
    let mut curl = std::process::Command::new("curl");
    curl.args(["-s", &format!("http://{address}/readyz")]);
    chancery_tests::tool::run_with(curl, b"").await.json()
}

async fn a_wrong_pin_is_tried_once(world: &World, hsm: &SoftHsm) {
    let told = || {
        let logs = world.logs();
        logs.lines().filter(|line| line.contains("WARN") && line.contains("does not take the PIN")).count()
    };
    hsm.pull_out();
    eventually("it is away", async || (ask(world, "w.example.com", "w").await.status == 503).then_some(()))
        .await;
    hsm.write_pin("not the PIN");
    hsm.put_back();
    eventually("the PIN is refused", async || (told() > 0).then_some(())).await;
    // Asked again and again, by users and by whoever looks after it: it is not tried again.
    for number in 0..5 {
        let refused = ask(world, "w.example.com", &format!("w {number}")).await.expect(503).json();
        assert!(!refused.to_string().contains("not the PIN"), "{refused}");
    }
    eventually("somebody has looked again", async || {
        let shown = health(world).await.to_string();
        shown.contains("not tried again until it is changed").then_some(())
    })
    .await;
    assert_eq!(told(), 1, "it is said once");
    hsm.write_pin(PIN);
    issues(world, "right-again.example.com").await;
    assert!(!world.logs().contains("not the PIN"));
}

async fn a_key_that_was_made_and_not_recorded_is_found_again(world: &mut World, hsm: &SoftHsm) {
    let keystore = world.process_of(Service::Keystore);
    world.start_armed(keystore, "X06-key-made-not-stored").await;
    let body = json!({"algorithm": "ecdsa_p256", "token": "hsm", "label": "crash"});
    let headers = [("idempotency-key", "made once")];
    let before =
        hsm.tool(&["--list-objects", "--type", "privkey"]).done().matches("Private Key Object").count();
    let client = world.api();
    let asked = tokio::spawn(async move {
        // Refused for as long as the token is not found, then cut off.
        let key = [("idempotency-key", "made once"), ("content-type", "application/json")];
        loop {
            let bytes = body.to_string().into();
            let sent = client.request(http::Method::POST, "/api/v1/keys", &key, bytes).await;
            if sent.is_err() || sent.is_ok_and(|answer| answer.status != 503) {
                return;
            }
        }
    });
    world.has_crashed(keystore).await;
    asked.abort();
    world.start().await;
    let body = json!({"algorithm": "ecdsa_p256", "token": "hsm", "label": "crash"});
    let key = eventually("it is made", async || {
        let answer = world.api().post_with("/api/v1/keys", &headers, &body).await;
        (answer.status == 201).then(|| answer.json())
    })
    .await;
    assert_eq!(made(hsm, key["id"].as_str().unwrap()), 1);
    let after: Ran = hsm.tool(&["--list-objects", "--type", "privkey"]);
    assert_eq!(after.done().matches("Private Key Object").count(), before + 1, "one key, whatever happened");
}
