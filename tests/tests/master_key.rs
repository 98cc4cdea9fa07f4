//! B9: the master key is replaced; wherever the process dies meanwhile, nothing is lost and the rotation ends.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::fs;

use chancery_tests::{
    in_both_modes,
    subscriber::p256,
    world::{Mode, World, eventually},
};
use http::Method;
use serde_json::{Value, json};
use testkit::{Https, Installation};

in_both_modes!(a_master_replaces_the_master_key);

/// The keystore waits for a passphrase.
const ENTERED: [(&str, &str); 1] = [("keystore.provider", "passphrase")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_open_the_keystore_in_one_process() {
    people_open_the_keystore(&mut World::start_with(Mode::OneProcess, &ENTERED).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_open_the_keystore_in_a_process_of_its_own() {
    people_open_the_keystore(&mut World::start_with(Mode::ProcessPerService, &ENTERED).await).await;
}

const PATH: &str = "/api/v1/keystore";

async fn a_master_replaces_the_master_key(world: &mut World) {
    let api = world.api();
    _ = world.issue(&p256("before.example.com").pem).await;
    let (file, before) = (world.secrets().master_key_file(), api.get(PATH).await.expect(200).json());
    let old = fs::read_to_string(&file).unwrap();
    let dry = api.post(&format!("{PATH}/rotate?dryRun=true"), &json!({})).await.expect(200).json();
    assert_eq!(dry["wouldChange"], true);
    assert_eq!(api.get(PATH).await.expect(200).json(), before);

    // The command line waits until it is over.
    let rotated =
        world.cli(&["--yes", "-o", "json", "keystore", "rotate", "--reason", "a drill"]).await.done();
    let rotated: Value = serde_json::from_str(&rotated).unwrap();
    assert_ne!(rotated["masterKeyId"], before["masterKeyId"]);
    assert_ne!(fs::read_to_string(&file).unwrap(), old);
    _ = world.issue(&p256("after.example.com").pem).await;
    let timeline = api.get(&format!("{PATH}/timeline")).await.expect(200).json();
    let kinds: Vec<&str> =
        timeline["items"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["master_key.rotation_begun", "master_key.rotated"]);

    // A repeat is the same rotation.
    let headers = [("content-type", "application/json"), ("idempotency-key", "once")];
    let rotate = async || {
        let path = format!("{PATH}/rotate");
        api.request(Method::POST, &path, &headers, "{}".into()).await.unwrap().expect(202).json()
    };
    assert_eq!(rotate().await["id"], rotate().await["id"]);
    let done = async || (api.get(PATH).await.expect(200).json()["rotation"].is_null()).then_some(());
    eventually("the rotation is over", done).await;

    world.stop().await;
    world.start().await;
    _ = world.issue(&p256("restarted.example.com").pem).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn custodians_open_the_keystore_with_shares() {
    let settings =
        [("keystore.provider", "shares"), ("keystore.shares_needed", "2"), ("keystore.shares", "3")];
    let mut world = World::start_with(Mode::OneProcess, &settings).await;
    let mut tokens = vec![];
    for name in ["ann", "bob"] {
        let wish = json!({"name": name, "grants": [{"role": "master"}]});
        let custodian = world.api().post("/api/v1/admins", &wish).await.expect(201).json();
        let wish = json!({"name": name, "administrator": custodian["id"]});
        let token = world.api().post("/api/v1/tokens", &wish).await.expect(201).json();
        tokens.push(token["secret"].as_str().unwrap().to_owned());
    }
    let shares = world.cli(&["--yes", "keystore", "shares"]).await;
    let shares: Vec<String> = shares.done().lines().map(str::to_owned).collect();
    assert_eq!(shares.len(), 3);
    let enter = async |world: &World, token: &str, share: &str| {
        let environment = [("CHANCERY_TOKEN", token)];
        let arguments = ["-o", "json", "keystore", "unseal", "--share-file", "-"];
        world.cli_with(&arguments, &environment, share.as_bytes()).await.json()
    };
    for round in [[0, 1], [2, 0]] {
        let first = enter(&world, &tokens[0], &shares[round[0]]).await;
        assert_eq!((&first["sealed"], &first["shares"]), (&json!(true), &json!({"needed": 2, "entered": 1})));
        let second = enter(&world, &tokens[1], &shares[round[1]]).await;
        assert_eq!(second["sealed"], false, "{second}");
        let key = world.api().post("/api/v1/keys", &json!({"algorithm": "ed25519"})).await.expect(201).json();
        assert_eq!(key["status"], "active");
        world.stop().await;
        world.start().await;
        let refused =
            world.api().post("/api/v1/keys", &json!({"algorithm": "ed25519"})).await.expect(503).json();
        assert_eq!(refused["code"], "keystore_sealed");
    }
}

const PASSPHRASE: &[u8] = b"seventeen magpies over a frozen lake\n";

async fn people_open_the_keystore(world: &mut World) {
    let sealed = async |world: &World, expected: bool| {
        let status = world.cli(&["-o", "json", "keystore", "status"]).await.json();
        assert_eq!((&status["provider"], &status["sealed"]), (&json!("passphrase"), &json!(expected)));
    };
    let unseal = async |world: &World, passphrase: &[u8]| {
        world
            .cli_with(
                &["-o", "json", "keystore", "unseal"],
                &[("CHANCERY_TOKEN", &world.token())],
                passphrase,
            )
            .await
    };
    sealed(world, true).await;
    let key = json!({"algorithm": "ed25519"});
    let refused = world.api().post("/api/v1/keys", &key).await.expect(503).json();
    assert_eq!(refused["code"], "keystore_sealed");
    assert!(refused["detail"].as_str().unwrap().contains("chancery keystore unseal"), "{refused}");
    // What needs no key goes on.
    _ = world.api().post("/api/v1/organizations", &json!({"name": "meanwhile"})).await.expect(201);

    let opened = unseal(world, PASSPHRASE).await.json();
    assert_eq!(opened["sealed"], false);
    let issued = async || (!world.api().get("/api/v1/cas").await.json()["items"][0].is_null()).then_some(());
    eventually("the first CA is there", issued).await;
    _ = world.issue(&p256("opened.example.com").pem).await;

    world.stop().await;
    world.start().await;
    sealed(world, true).await;
    assert_eq!(world.api().post("/api/v1/keys", &key).await.expect(503).json()["code"], "keystore_sealed");
    let refused = unseal(world, b"another passphrase altogether\n").await;
    assert_ne!(refused.code, 0);
    assert!(refused.stderr.contains("wrong_passphrase"), "{refused:?}");
    sealed(world, true).await;
    _ = unseal(world, PASSPHRASE).await.done();
    sealed(world, false).await;
    _ = world.issue(&p256("again.example.com").pem).await;
    let timeline = world.api().get(&format!("{PATH}/timeline")).await.expect(200).json();
    let kinds: Vec<&str> =
        timeline["items"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["master_key.chosen", "master_key.unseal_refused", "master_key.unsealed"]);
}

/// Each point of a rotation at which the process may die.
const POINTS: &[&str] = &[
    "X40-master-key-written",
    "X41-master-key-announced",
    "X42-master-key-registered",
    "X43-organization-keys-rewrapped",
    "X44-rotated-not-forgotten",
];

#[tokio::test]
async fn a_rotation_survives_a_crash_at_every_point() {
    let mut installation = Installation::up().await;
    let key =
        installation.https().post("/api/v1/keys", &json!({"algorithm": "ed25519", "exportable": true})).await;
    let key = key.expect(201).json()["id"].as_str().unwrap().to_owned();
    let state = async |api: &Https| api.get(PATH).await.expect(200).json()["masterKeyId"].clone();
    let mut last = state(&installation.https()).await;
    for point in POINTS {
        installation.start_armed("up", point).await;
        let headers = [("content-type", "application/json")];
        let path = format!("{PATH}/rotate");
        _ = installation.https().request(Method::POST, &path, &headers, "{}".into()).await;
        installation.has_crashed("up").await;
        installation.start().await;
        let api = installation.https();
        let is_over = async || {
            let state = api.get(PATH).await.expect(200).json();
            let timeline = api.get(&format!("{PATH}/timeline")).await.expect(200).json();
            let ended = timeline["items"]
                .as_array()
                .unwrap()
                .last()
                .is_none_or(|event| event["type"] == "master_key.rotated");
            (state["rotation"].is_null() && ended).then_some(state["masterKeyId"].clone())
        };
        let now = eventually("the rotation is over", is_over).await;
        // Before it was announced, nothing happened.
        assert_eq!(now == last, *point == POINTS[0], "{point}");
        last = now;
        let export = json!({"format": "pkcs8", "reason": "a drill"});
        _ = api.post(&format!("/api/v1/keys/{key}/export"), &export).await.expect(200);
    }
}
