//! K-3: a keystore that people open does nothing before, says so, and opens by the right passphrase alone.

#![allow(clippy::unwrap_used)] // a test cannot go on without what it asked for

mod support;

use std::{sync::Arc, time::Duration};

use contracts::{
    Code, Event as _, Problem, SecretText,
    keystore::{GenerateRequestKey, MasterKeyEvent, RotateMasterKey, UnsealKeystore, master_key_stream},
    signer::CaKind,
    x509::KeyAlgorithm,
};
use runtime::{
    config::{Keystore, MasterKeyProvider},
    service::ServiceContext,
};
use support::Stage;

const FIRST: &str = "seventeen magpies over a frozen lake";
const SECOND: &str = "a ladder leans against no wall at all";

#[tokio::test(flavor = "multi_thread")]
async fn a_keystore_that_people_open_does_nothing_before() {
    let stage = Stage::set().await;
    let keystore = start(&stage, stage.keystore.clone()).await;
    let sealed = |problem: Problem| {
        assert_eq!(problem.code, Code::KeystoreSealed);
        assert!(problem.detail.contains("chancery keystore unseal"), "{}", problem.detail);
    };
    let wish = GenerateRequestKey {
        algorithm: KeyAlgorithm::EcdsaP256,
        exportable: false,
        label: None,
        token: None,
    };
    sealed(stage.send(&wish).await.unwrap_err());
    let report = stage.foundation.health.report();
    let vault = report.iter().find(|state| state.name == "keystore/vault").unwrap();
    assert!(!vault.ready && vault.reason.as_deref().unwrap().contains("sealed"), "{vault:?}");

    // The first passphrase is chosen, so it has to be a good one.
    assert_eq!(unseal(&stage, "passwordpassword").await.unwrap_err().code, Code::WeakPassphrase);
    unseal(&stage, FIRST).await.unwrap();
    stage.foundation.health.ready().await;
    let ca = stage.ca(CaKind::Micro, stage.ca_key(KeyAlgorithm::EcdsaP256).await, None).await;
    let leaf = stage.request_key(KeyAlgorithm::EcdsaP256).await;
    stage.sign(&stage.intend(Some(&ca), &leaf).await).await.unwrap();

    // Started again, it is closed, and another passphrase does not open it.
    stop(keystore).await;
    let keystore = start(&stage, again(&stage).await).await;
    sealed(stage.sign(&stage.intend(Some(&ca), &leaf).await).await.unwrap_err());
    let refused = unseal(&stage, SECOND).await.unwrap_err();
    assert_eq!(refused.code, Code::WrongPassphrase);
    assert!(!refused.detail.contains("magpies") && !refused.detail.contains("ladder"));
    sealed(stage.send(&wish).await.unwrap_err());
    unseal(&stage, FIRST).await.unwrap();
    stage.sign(&stage.intend(Some(&ca), &leaf).await).await.unwrap();

    // A new passphrase takes its place; the one before opens nothing any more.
    let rotate = |passphrase: Option<&str>| {
        let passphrase = passphrase.map(|text| SecretText::new(text.to_owned()));
        RotateMasterKey { passphrase, reason: None }
    };
    let (gateway, context) = stage.by_administrator().await;
    let missing = gateway.bus.call_or_wait(&context, &rotate(None)).await.err().unwrap();
    assert_eq!(missing.errors[0].code, "passphrase_missing");
    let (gateway, context) = stage.by_administrator().await;
    gateway.bus.call_or_wait(&context, &rotate(Some(SECOND))).await.unwrap();
    let kinds = async || {
        let events = stage.keystore.reader.read_stream(master_key_stream(), 0).await.unwrap();
        events.into_iter().map(|event| event.kind).collect::<Vec<_>>()
    };
    while kinds().await.last().is_none_or(|kind| kind != "master_key.rotated") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop(keystore).await;
    let _keystore = start(&stage, again(&stage).await).await;
    assert_eq!(unseal(&stage, FIRST).await.unwrap_err().code, Code::WrongPassphrase);
    unseal(&stage, SECOND).await.unwrap();
    stage.sign(&stage.intend(Some(&ca), &leaf).await).await.unwrap();
    let told =
        ["chosen", "unseal_refused", "unsealed", "rotation_begun", "rotated", "unseal_refused", "unsealed"];
    assert_eq!(kinds().await, told.map(|word| format!("{}.{word}", MasterKeyEvent::CATEGORY)));
    let events = stage.keystore.reader.read_stream(master_key_stream(), 0).await.unwrap();
    for secret in [FIRST, SECOND] {
        assert!(!events.iter().any(|event| event.payload.contains(secret)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keystore_that_opens_by_itself_is_not_opened_by_people() {
    let stage = Stage::start().await;
    let refused = unseal(&stage, FIRST).await.unwrap_err();
    assert_eq!(refused.code, Code::InvalidState);
    assert!(stage.keystore.reader.read_stream(master_key_stream(), 0).await.unwrap().is_empty());
}

async fn unseal(stage: &Stage, passphrase: &str) -> Result<(), Problem> {
    let command = UnsealKeystore { passphrase: Some(SecretText::new(passphrase.to_owned())), share: None };
    let reply = stage.as_administrator(&command).await?;
    assert!(!reply.result.sealed);
    Ok(())
}

/// Starts keystore without a passphrase in its configuration.
async fn start(stage: &Stage, mut keystore: ServiceContext) -> ServiceContext {
    let config = Arc::make_mut(&mut keystore.config);
    config.keystore = Keystore { provider: MasterKeyProvider::Passphrase(None), ..config.keystore.clone() };
    chancery_keystore::start(keystore.clone()).await.unwrap();
    let wish =
        GenerateRequestKey { algorithm: KeyAlgorithm::Ed25519, exportable: false, label: None, token: None };
    let answers = async || stage.send(&wish).await.is_err_and(|problem| problem.code == Code::KeystoreSealed);
    while !answers().await {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stage.ready().await;
    keystore
}

async fn stop(keystore: ServiceContext) {
    assert!(keystore.shutdown.stop(Duration::from_secs(10)).await);
    keystore.bus.stop_serving().await;
}

async fn again(stage: &Stage) -> ServiceContext {
    ServiceContext::open(&stage.foundation, contracts::Service::Keystore).await.unwrap()
}
