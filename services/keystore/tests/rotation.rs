//! K-1: organization keys are replaced, and keys stay usable.

#![allow(clippy::unwrap_used)] // a test cannot go on without what it asked for

mod support;

use std::sync::Arc;

use chancery_keystore::{master_key::Source, rotation::rotate, vault::Vault};
use contracts::{
    Service,
    keystore::{CredentialPurpose, DestroyKey},
    signer::CaKind,
    x509::KeyAlgorithm,
};
use runtime::entropy::SystemEntropy;
use support::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn a_worn_organization_key_is_replaced_and_nothing_is_lost() {
    let stage = Stage::start().await;
    let ca = stage.ca(CaKind::Micro, stage.ca_key(KeyAlgorithm::EcdsaP256).await, None).await;
    let leaf = stage.request_key(KeyAlgorithm::EcdsaP256).await;
    let gone = stage.request_key(KeyAlgorithm::Ed25519).await;
    let credential = stage.directory_keeps(CredentialPurpose::Totp, "GEZDGNBVGY3TQOJQ").await;
    stage.as_administrator(&DestroyKey { key: gone.id, reason: None }).await.unwrap();
    let source = Source::read(&stage.keystore.config.keystore, false).unwrap();
    let vault =
        Vault::unlock(stage.keystore.pool.clone(), Arc::new(source), Arc::new(SystemEntropy)).await.unwrap();
    let reader = &stage.keystore.reader;
    assert_eq!(rotate(&vault, reader).await.unwrap(), 0);

    let owner = stage.servers.connect(&Service::Keystore.role()).await;
    owner
        .execute("update keystore.organization_key set made_at = made_at - interval '366 days'", &[])
        .await
        .unwrap();
    // The CA's key, the managed key, the credential, and the checkpoint key of the installation.
    assert_eq!(rotate(&vault, reader).await.unwrap(), 4);
    assert_eq!(rotate(&vault, reader).await.unwrap(), 0);
    assert_eq!(stage.count("organization_key").await, 4);

    // Read again from the table by another instance, both sign; new keys are wrapped under the new version.
    let _second = stage.second_keystore().await;
    assert!(stage.keystore.shutdown.stop(std::time::Duration::from_secs(10)).await);
    stage.keystore.bus.stop_serving().await;
    stage.sign(&stage.intend(Some(&ca), &leaf).await).await.unwrap();
    stage.sign_self(&stage.intend(None, &leaf).await).await.unwrap();
    stage.request_key(KeyAlgorithm::Ed25519).await;
    let used = stage.directory_uses(credential, CredentialPurpose::Totp).await.unwrap();
    assert_eq!(used.reveal(), "GEZDGNBVGY3TQOJQ");

    // Nothing needs the old versions: after a day they are gone.
    owner
        .execute("update keystore.organization_key set made_at = made_at - interval '2 days'", &[])
        .await
        .unwrap();
    rotate(&vault, reader).await.unwrap();
    let versions = owner.query("select distinct version from keystore.organization_key", &[]).await.unwrap();
    assert_eq!(versions.iter().map(|row| row.get::<_, i32>(0)).collect::<Vec<_>>(), [2]);
}
