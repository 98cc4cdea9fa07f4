//! B9: the master key is replaced; wherever the process dies meanwhile, nothing is lost and the rotation ends.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::fs;

use chancery_tests::{
    in_both_modes,
    subscriber::p256,
    world::{World, eventually},
};
use http::Method;
use serde_json::{Value, json};
use testkit::{Https, Installation};

in_both_modes!(a_master_replaces_the_master_key);

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
