//! B3: beside another master key, every operation on keys fails, and says why.

#![allow(clippy::unwrap_used)] // a test cannot go on without what it asked for

mod support;

use contracts::{
    Code, Problem, Service,
    keystore::{DestroyKey, GenerateCaKey, GenerateKey, GenerateRequestKey, SignCaCertificate},
    signer::CaKind,
    x509::KeyAlgorithm,
};
use runtime::service::ServiceContext;
use support::{Stage, foundation};

#[tokio::test(flavor = "multi_thread")]
async fn another_master_key_opens_nothing() {
    let stage = Stage::start().await;
    let ca = stage.ca(CaKind::Micro, stage.ca_key(KeyAlgorithm::EcdsaP256).await, None).await;
    let leaf = stage.request_key(KeyAlgorithm::EcdsaP256).await;
    let issuance = stage.intend(Some(&ca), &leaf).await;
    let by_user =
        GenerateKey { algorithm: KeyAlgorithm::Ed25519, exportable: false, label: None, token: None };
    stage.as_administrator(&by_user).await.unwrap();
    assert!(stage.keystore.shutdown.stop(std::time::Duration::from_secs(10)).await);
    stage.keystore.bus.stop_serving().await;

    let file = stage.servers.secrets.master_key_file();
    std::fs::write(&file, "ab".repeat(32)).unwrap();
    let restored = foundation(&stage.servers, stage.clock.clone());
    let keystore = ServiceContext::open(&restored, Service::Keystore).await.unwrap();
    let bus = keystore.bus.clone();
    chancery_keystore::start(keystore).await.unwrap();
    bus.client().flush().await.unwrap(); // the server knows of its subscriptions
    let said = loop {
        let report = restored.health.report();
        let vault = report.into_iter().find(|state| state.name.ends_with("vault"));
        match vault.and_then(|state| state.reason) {
            Some(reason) if reason.contains("master key") => break reason,
            _ => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    };
    assert_eq!(said, "the configured master key is not the one this database was made with");

    fn sealed<T: std::fmt::Debug>(answer: Result<T, Problem>) {
        assert_eq!(answer.unwrap_err().code, Code::KeystoreSealed);
    }
    sealed(stage.sign(&issuance).await);
    sealed(stage.sign_self(&issuance).await);
    sealed(stage.send(&SignCaCertificate { ca: ca.id }).await);
    sealed(
        stage.send(&GenerateCaKey { algorithm: KeyAlgorithm::Ed25519, label: "x".into(), token: None }).await,
    );
    let for_request =
        GenerateRequestKey { algorithm: KeyAlgorithm::Ed25519, exportable: false, label: None, token: None };
    sealed(stage.send(&for_request).await);
    sealed(stage.as_administrator(&by_user).await);
    sealed(stage.as_administrator(&DestroyKey { key: leaf.id, reason: None }).await);
    assert!(stage.has_blob(leaf.id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_master_key_keystore_does_not_start() {
    let stage = Stage::set().await;
    std::fs::remove_file(stage.servers.secrets.master_key_file()).unwrap();
    let words = chancery_keystore::start(stage.keystore.clone()).await.unwrap_err().to_string();
    assert!(words.contains("does not exist") && words.contains("openssl rand -hex 32"), "{words}");
}
