//! B9: the master key is replaced while keys sign, and what was under the old one opens by nothing else than the new one.

#![allow(clippy::unwrap_used)] // a test cannot go on without what it asked for

mod support;

use std::{sync::Arc, time::Duration};

use chancery_keystore::{
    master_key::Source,
    vault::{OpenError, Vault, VaultError},
};
use contracts::{
    Code, Event as _, Service,
    keystore::{CredentialPurpose, MasterKeyEvent, RotateMasterKey, master_key_stream},
    signer::CaKind,
    x509::KeyAlgorithm,
};
use runtime::{config::Keystore, entropy::SystemEntropy};
use support::Stage;

/// Signatures asked for while the master key is replaced: at 200 a second.
const SIGNATURES: usize = 600;
const PACE: Duration = Duration::from_millis(5);
/// Rotations meanwhile, one after the other.
const ROTATIONS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn the_master_key_is_replaced_during_200_signatures_a_second() {
    let stage = Arc::new(Stage::start().await);
    let ca = stage.ca(CaKind::Micro, stage.ca_key(KeyAlgorithm::EcdsaP256).await, None).await;
    let credential = stage.directory_keeps(CredentialPurpose::Totp, "GEZDGNBVGY3TQOJQ").await;
    let file = stage.servers.secrets.master_key_file();
    let first = std::fs::read_to_string(&file).unwrap();
    let mut intents = vec![];
    for number in 0..SIGNATURES {
        // Keys of certificates are opened each time; those of CAs stay in memory.
        let leaf = stage.request_key(KeyAlgorithm::EcdsaP256).await;
        intents.push((number % 2 == 0, stage.intend((number % 2 == 0).then_some(&ca), &leaf).await));
    }
    let signing = {
        let stage = stage.clone();
        tokio::spawn(async move {
            let mut under_way = vec![];
            let mut pace = tokio::time::interval(PACE);
            for (by_ca, intent) in intents {
                pace.tick().await;
                let stage = stage.clone();
                under_way.push(tokio::spawn(async move {
                    let made = stage.request_key(KeyAlgorithm::Ed25519);
                    let signed =
                        if by_ca { stage.sign(&intent).await } else { stage.sign_self(&intent).await };
                    (signed, made.await)
                }));
            }
            let mut failed = vec![];
            for one in under_way {
                if let (Err(problem), _) = one.await.unwrap() {
                    failed.push(problem);
                }
            }
            failed
        })
    };
    let mut rotated = 0;
    while rotated < ROTATIONS || !signing.is_finished() {
        stage.rotate().await;
        rotated += 1;
    }
    assert_eq!(signing.await.unwrap(), []);
    let now = std::fs::read_to_string(&file).unwrap();
    assert_ne!(now, first);

    // Another instance opens everything with what is in the file now; with what was there before, nothing.
    assert_eq!(opened(&stage).await.unwrap().check().err().map(|error| error.to_string()), None);
    let _second = stage.second_keystore().await;
    let used = stage.directory_uses(credential, CredentialPurpose::Totp).await.unwrap();
    assert_eq!(used.reveal(), "GEZDGNBVGY3TQOJQ");
    std::fs::write(&file, first).unwrap();
    let refused = opened(&stage).await.unwrap().check();
    assert!(matches!(refused, Err(VaultError::OtherMasterKey)), "{refused:?}");
    let keystore = stage.servers.connect(&Service::Keystore.role()).await;
    let left = "select previous_id is null and previous is null and not exists \
        (select from keystore.organization_key o where o.master_key <> m.id) from keystore.master_key m";
    assert!(keystore.query_one(left, &[]).await.unwrap().get::<_, bool>(0), "nothing is under an old one");
    let beside = std::fs::read_dir(file.parent().unwrap()).unwrap();
    let beside =
        beside.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("next"));
    assert_eq!(beside.count(), 0);
    let told = stage.keystore.reader.read_stream(master_key_stream(), 0).await.unwrap();
    let told: Vec<&str> = told.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(told, ["master_key.rotation_begun", "master_key.rotated"].repeat(rotated));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_is_refused_where_there_is_no_place_for_a_new_key() {
    let stage = Stage::set().await;
    let digits = std::fs::read_to_string(stage.servers.secrets.master_key_file()).unwrap();
    let provider = runtime::config::MasterKeyProvider::Environment(runtime::config::Secret::new(digits));
    let mut keystore = stage.keystore.clone();
    let config = Arc::make_mut(&mut keystore.config);
    config.keystore = Keystore { provider, ..config.keystore.clone() };
    chancery_keystore::start(keystore).await.unwrap();
    stage.ready().await;
    let refused = stage.as_administrator(&RotateMasterKey::default()).await.unwrap_err();
    assert_eq!(refused.code, Code::InvalidState);
    assert!(refused.detail.contains("environment"), "{refused:?}");
    assert!(stage.keystore.reader.read_stream(master_key_stream(), 0).await.unwrap().is_empty());
}

async fn opened(stage: &Stage) -> Result<Vault, OpenError> {
    let source = Source::read(&stage.keystore.config.keystore, false).unwrap();
    Vault::unlock(stage.keystore.pool.clone(), Arc::new(source), Arc::new(SystemEntropy)).await
}

impl Stage {
    /// Replaces the master key and waits until nothing is under the one before.
    async fn rotate(&self) {
        let before = self.keystore.reader.head().await.unwrap();
        let (gateway, context) = self.by_administrator().await;
        let command = RotateMasterKey { reason: Some("a drill".into()), passphrase: None };
        gateway.bus.call_or_wait(&context, &command).await.unwrap();
        let is_over = async || {
            let events =
                self.keystore.reader.read(before, Some(&[MasterKeyEvent::CATEGORY]), 10).await.unwrap();
            let client = self.servers.connect(&Service::Keystore.role()).await;
            let row =
                client.query_one("select previous_id is null from keystore.master_key", &[]).await.unwrap();
            events.len() == 2 && row.get::<_, bool>(0)
        };
        while !is_over().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
