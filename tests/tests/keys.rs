//! B1: keys are made in the keystore, of every kind and each another; a destroyed one is gone for good.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::collections::BTreeSet;

use bytes::Bytes;
use chancery_tests::{
    in_both_modes,
    subscriber::openssl,
    world::{Mode, World},
};
use futures::{StreamExt as _, stream};
use http::Method;
use serde_json::{Value, json};
use testkit::Answer;

in_both_modes!(every_kind_is_made_and_no_key_twice, a_destroyed_key_is_gone, a_key_in_use_is_kept);

/// Our word for a kind, OpenSSL's, and how many of a thousand: the large primes of RSA take seconds to find.
const KINDS: [(&str, &str, usize); 7] = [
    ("rsa_2048", "Public-Key: (2048 bit)", 80),
    ("rsa_3072", "Public-Key: (3072 bit)", 12),
    ("rsa_4096", "Public-Key: (4096 bit)", 8),
    ("ecdsa_p256", "ASN1 OID: prime256v1", 225),
    ("ecdsa_p384", "ASN1 OID: secp384r1", 225),
    ("ecdsa_p521", "ASN1 OID: secp521r1", 225),
    ("ed25519", "ED25519 Public-Key:", 225),
];

async fn every_kind_is_made_and_no_key_twice(world: &mut World) {
    // A thousand once; the keystore in a process of its own makes them no other way.
    let share = if world.mode == Mode::OneProcess { 1 } else { 10 };
    let wanted: Vec<(&str, &str)> = KINDS
        .iter()
        .flat_map(|(algorithm, shown, count)| vec![(*algorithm, *shown); count.div_ceil(share)])
        .collect();
    assert!(world.mode != Mode::OneProcess || wanted.len() == 1_000);
    let made: Vec<(Value, &str)> = stream::iter(&wanted)
        .map(async |(algorithm, shown)| {
            let answer = world.api().post("/api/v1/keys", &json!({"algorithm": algorithm})).await;
            (answer.expect(201).json(), *shown)
        })
        .buffer_unordered(4)
        .collect()
        .await;
    let mut hashes = BTreeSet::new();
    for (key, shown) in &made {
        let public = key["publicKey"].as_str().unwrap();
        let text = openssl(&["pkey", "-pubin", "-noout", "-text"], public);
        assert!(text.contains(shown), "{key}: {text}");
        let (_, block) = x509_parser::pem::parse_x509_pem(public.as_bytes()).unwrap();
        let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&block.contents));
        assert_eq!(key["spkiSha256"], hash);
        assert!(!key.to_string().contains("PRIVATE"));
        hashes.insert(hash);
    }
    assert_eq!(hashes.len(), wanted.len());
    assert!(hashes.is_subset(&listed(world).await));
    let id = made[0].0["id"].as_str().unwrap();
    let printed = world.cli(&["key", "public-key", id]).await.done();
    assert_eq!(printed, made[0].0["publicKey"].as_str().unwrap());
}

/// The SPKI hashes of every key that lists show, page by page.
async fn listed(world: &World) -> BTreeSet<String> {
    let (mut hashes, mut path) = (BTreeSet::new(), "/api/v1/keys?limit=200".to_owned());
    loop {
        let page = get(world, &path).await.expect(200).json();
        for key in page["items"].as_array().unwrap() {
            assert!(hashes.insert(key["spkiSha256"].as_str().unwrap().to_owned()), "{key} stands twice");
        }
        let Some(cursor) = page["nextCursor"].as_str() else { return hashes };
        path = format!("/api/v1/keys?limit=200&cursor={cursor}");
    }
}

async fn a_destroyed_key_is_gone(world: &mut World) {
    let key = world.cli(&["key", "create", "ecdsa_p384", "--label", "old", "-o", "json"]).await.json();
    let id = key["id"].as_str().unwrap();
    let asks = world.cli(&["key", "destroy", id]).await;
    assert_eq!(asks.code, 2, "destroying wants a yes: {asks:?}");
    let blobs = "select count(*) from keystore.wrapped_key where key_id = $1";
    let count = async || -> i64 {
        let uuid = id.parse::<contracts::KeyId>().unwrap().uuid();
        world.admin().await.query_one(blobs, &[&uuid]).await.unwrap().get(0)
    };
    assert_eq!(count().await, 1);
    let destroyed =
        world.cli(&["key", "destroy", id, "--yes", "--reason", "drill", "-o", "json"]).await.json();
    assert_eq!(destroyed["status"], "destroyed");
    assert_eq!(count().await, 0, "nothing is left to open");
    let again = world.api().post(&format!("/api/v1/keys/{id}/destroy"), &json!({})).await.expect(200).json();
    assert_eq!(again["status"], "destroyed");
    let timeline = get(world, &format!("/api/v1/keys/{id}/timeline")).await.expect(200).json();
    let kinds: Vec<&Value> =
        timeline["items"].as_array().unwrap().iter().map(|entry| &entry["type"]).collect();
    assert_eq!(kinds, ["key.generated", "key.destroyed"]);
}

async fn a_key_in_use_is_kept(world: &mut World) {
    let ca =
        world.api().post("/api/v1/cas", &json!({"name": "keeps", "kind": "root"})).await.expect(201).json();
    let destroy = format!("/api/v1/keys/{}/destroy", ca["keyId"].as_str().unwrap());
    let refused = world.api().post(&destroy, &json!({})).await.expect(409).json();
    assert_eq!(refused["code"], "in_use");
    let suspend = format!("/api/v1/cas/{}/suspend", ca["id"].as_str().unwrap());
    _ = world.api().post(&suspend, &json!({"reason": "retired"})).await.expect(200);
    let destroyed = world.api().post(&destroy, &json!({})).await.expect(200).json();
    assert_eq!(destroyed["status"], "destroyed");
    let body = json!({"name": "below", "kind": "issuing", "parent": "name:keeps"});
    let refused = world.api().post("/api/v1/cas", &body).await;
    assert!(refused.status.is_client_error(), "{}", refused.text());
}

async fn get(world: &World, path: &str) -> Answer {
    let head = world.head().await.to_string();
    let headers = [("chancery-min-position", head.as_str())];
    world.api().request(Method::GET, path, &headers, Bytes::new()).await.unwrap()
}
