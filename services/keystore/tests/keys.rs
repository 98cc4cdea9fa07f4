//! Making and destroying keys.

#![allow(clippy::unwrap_used)] // a test cannot go on without what it asked for

mod support;

use std::collections::HashSet;

use contracts::{
    Code, KeyId, Service,
    keystore::{DestroyKey, GenerateCaKey, GenerateKey, GenerateRequestKey, KeyPurpose, KeyStatus},
    signer::CaKind,
    x509::KeyAlgorithm,
};
use support::{OURS, Stage, THEIRS};
use uuid::Uuid;

fn wanted(algorithm: KeyAlgorithm) -> GenerateRequestKey {
    GenerateRequestKey { algorithm, exportable: false, label: None, token: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_is_made_once_per_command() {
    let stage = Stage::start().await;
    let mut spki = HashSet::new();
    for &algorithm in KeyAlgorithm::ALL {
        let (context, command) = (stage.command(), wanted(algorithm));
        let key = stage.signer.bus.call(&context, &command).await.unwrap();
        assert!(!key.replayed);
        assert_eq!((key.result.algorithm, key.result.status), (algorithm, KeyStatus::Active));
        assert!(key.result.public_key.starts_with("-----BEGIN PUBLIC KEY-----\n"));
        spki.insert(key.result.spki_sha256.clone());

        let again = stage.signer.bus.call(&context, &command).await.unwrap();
        assert!(again.replayed);
        assert_eq!((again.result, again.position), (key.result, key.position));
    }
    assert_eq!(spki.len(), KeyAlgorithm::ALL.len());
    // The checkpoint key is the eighth.
    assert_eq!(stage.count("wrapped_key").await, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn repeats_at_once_give_one_key() {
    let stage = Stage::start().await;
    let _second = stage.second_keystore().await;
    let before = stage.count("wrapped_key").await;
    let (context, command) = (stage.command(), wanted(KeyAlgorithm::EcdsaP256));
    let calls = (0..20).map(|_| stage.signer.bus.call(&context, &command));
    let keys: HashSet<_> = futures::future::join_all(calls)
        .await
        .into_iter()
        .map(|key| key.unwrap().result.spki_sha256)
        .collect();
    assert_eq!(keys.len(), 1);
    assert_eq!(stage.count("wrapped_key").await, before + 1);

    let other = stage.signer.bus.call(&context, &wanted(KeyAlgorithm::Ed25519)).await.unwrap_err();
    assert_eq!(other.code, Code::IdempotencyKeyReused);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destroyed_key_has_no_blob_and_signs_nothing() {
    let stage = Stage::start().await;
    let key = stage.request_key(KeyAlgorithm::EcdsaP256).await;
    let issuance = stage.intend(None, &key).await;
    let signature = stage.sign_self(&issuance).await.unwrap();
    let unsigned = stage.intend(None, &key).await;
    assert!(stage.has_blob(key.id).await);

    let destroy = DestroyKey { key: key.id, reason: Some("test".into()) };
    let destroyed = stage.as_administrator(&destroy).await.unwrap();
    assert_eq!((destroyed.result.status, destroyed.version), (KeyStatus::Destroyed, 2));
    assert_eq!(destroyed.result.public_key, key.public_key);
    assert!(!stage.has_blob(key.id).await);

    // Once is enough; what was released stays released; nothing new is signed.
    assert_eq!(stage.as_administrator(&destroy).await.unwrap().position, 0);
    assert_eq!(stage.sign_self(&issuance).await.unwrap(), signature);
    assert_eq!(stage.sign_self(&unsigned).await.unwrap_err().code, Code::InvalidState);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_a_ca_needs_is_not_destroyed() {
    let stage = Stage::start().await;
    let mut ca = stage.ca(CaKind::Micro, stage.ca_key(KeyAlgorithm::EcdsaP256).await, None).await;
    let destroy = DestroyKey { key: ca.key.id, reason: None };
    assert_eq!(stage.as_administrator(&destroy).await.unwrap_err().code, Code::InUse);
    stage.suspend(&mut ca).await;
    assert_eq!(stage.as_administrator(&destroy).await.unwrap().result.status, KeyStatus::Destroyed);
    assert!(!stage.has_blob(ca.key.id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_others_are_not_there() {
    let stage = Stage::start().await;
    let context = stage.command_in(THEIRS);
    let theirs = stage.signer.bus.call(&context, &wanted(KeyAlgorithm::EcdsaP256)).await.unwrap().result;
    assert_eq!(theirs.organization_id, THEIRS);
    let refused = stage.as_administrator(&DestroyKey { key: theirs.id, reason: None }).await.unwrap_err();
    assert_eq!(refused.code, Code::NotFound);
    let unknown = DestroyKey { key: KeyId(Uuid::from_u128(1)), reason: None };
    assert_eq!(stage.as_administrator(&unknown).await.unwrap_err().code, Code::NotFound);
    assert!(stage.has_blob(theirs.id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_key_is_an_end_entitys_and_needs_permission() {
    let stage = Stage::start().await;
    let generate = GenerateKey {
        algorithm: KeyAlgorithm::Ed25519,
        exportable: true,
        label: Some("laptop".into()),
        token: None,
    };
    let key = stage.as_administrator(&generate).await.unwrap().result;
    assert_eq!(
        (key.purpose, key.exportable, key.label.as_deref()),
        (KeyPurpose::EndEntity, true, Some("laptop"))
    );

    let bad = GenerateKey { label: Some("a\nb".into()), ..generate.clone() };
    let refused = stage.as_administrator(&bad).await.unwrap_err();
    assert_eq!(
        (refused.code, refused.errors[0].pointer.as_deref()),
        (Code::ValidationFailed, Some("#/label"))
    );

    let nobody = contracts::Actor::Administrator {
        administrator: stage.signer.ids.id(),
        credential: stage.signer.ids.id::<contracts::TokenId>().into(),
    };
    let gateway = runtime::service::ServiceContext::open(&stage.foundation, Service::Gateway).await.unwrap();
    let refused = gateway.bus.call(&stage.command().by(nobody), &generate).await.unwrap_err();
    assert_eq!(refused.code, Code::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_view_shows_keys_within_the_scope() {
    let stage = Stage::start().await;
    let key = stage
        .send(&GenerateCaKey { algorithm: KeyAlgorithm::EcdsaP384, label: "root".into(), token: None })
        .await
        .unwrap();
    let mut gateway = stage.servers.pool(Service::Gateway).get().await.unwrap();
    let sql = "select document::text, status, algorithm, purpose from api_keystore.key where id = $1";
    let found = loop {
        let scope = runtime::database::Scope::Organizations(vec![OURS]);
        let read = runtime::database::scoped_read(&mut gateway, &scope).await.unwrap();
        if let Some(row) = read.query_opt(sql, &[&key.result.id.uuid()]).await.unwrap() {
            break (0..4).map(|column| row.get::<_, String>(column)).collect::<Vec<_>>();
        }
        drop(read);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    let document: contracts::keystore::KeyView = serde_json::from_str(&found[0]).unwrap();
    assert_eq!(document, key.result);
    assert_eq!(found[1..], ["active", "ecdsa_p384", "ca"]);

    let theirs = runtime::database::Scope::Organizations(vec![THEIRS]);
    let read = runtime::database::scoped_read(&mut gateway, &theirs).await.unwrap();
    assert!(read.query_opt(sql, &[&key.result.id.uuid()]).await.unwrap().is_none());
}
