//! K-3: any three of five shares open the keystore, entered by three custodians; new shares count once custodians have them.

#![allow(clippy::unwrap_used)] // a test cannot go on without what it asked for

mod support;

use std::{sync::Arc, time::Duration};

use chancery_keystore::{SecretBytes, shamir::Share, share};
use contracts::{
    Actor, Code, CredentialId, OrganizationId, Problem, SecretText, Service,
    keystore::{
        GenerateRequestKey, KeystoreStanding, MakeMasterKeyShares, UnsealKeystore, master_key_stream,
    },
    signer::CaKind,
    x509::KeyAlgorithm,
};
use runtime::{
    config::{Keystore, MasterKeyProvider},
    sealed::OneTimeKey,
    service::ServiceContext,
};
use support::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn three_of_five_custodians_open_the_keystore() {
    let stage = Stage::set().await;
    let keystore = start(&stage, stage.keystore.clone()).await;
    let [ann, bob, cleo] = [stage.master("ann").await, stage.master("bob").await, stage.master("cleo").await];
    let early = enter(&stage, ann, "chancery-share-1:00").await.unwrap_err();
    assert_eq!(early.code, Code::InvalidState);

    let first = shares(&stage, ann).await.unwrap();
    assert_eq!(first.len(), 5);
    assert!(enter(&stage, ann, &first[0]).await.unwrap().sealed);
    assert_eq!(standing(&stage).await, (true, 3, 1));
    let again = enter(&stage, ann, &first[1]).await.unwrap_err();
    assert!(again.code == Code::InvalidState && again.detail.contains("another custodian"), "{again:?}");
    let twice = enter(&stage, bob, &first[0]).await.unwrap_err();
    assert!(twice.code == Code::InvalidState && twice.detail.contains("entered already"), "{twice:?}");
    let id = events(&stage).await[0].1["id"].as_str().unwrap().parse().unwrap();
    let forged = share::write(id, &Share { x: 2, y: SecretBytes::new(vec![7; 32]) });
    assert_eq!(enter(&stage, bob, &forged).await.unwrap_err().code, Code::WrongPassphrase);
    let mistyped = enter(&stage, bob, &first[1][..90]).await.unwrap_err();
    assert_eq!((mistyped.code, &*mistyped.errors[0].code), (Code::ValidationFailed, "share_invalid"));
    assert!(enter(&stage, bob, &first[1]).await.unwrap().sealed);
    assert_eq!(standing(&stage).await, (true, 3, 2));
    assert!(!enter(&stage, cleo, &first[4]).await.unwrap().sealed);
    assert_eq!(standing(&stage).await, (false, 3, 0));
    stage.ready().await;
    let ca = stage.ca(CaKind::Micro, stage.ca_key(KeyAlgorithm::EcdsaP256).await, None).await;
    let leaf = stage.request_key(KeyAlgorithm::EcdsaP256).await;
    let signs = async || stage.sign(&stage.intend(Some(&ca), &leaf).await).await.map(drop);
    signs().await.unwrap();

    // Made anew and entered by nobody, they change nothing.
    let unused = shares(&stage, bob).await.unwrap();
    stop(keystore).await;
    let keystore = start(&stage, again_as(&stage).await).await;
    assert_eq!(signs().await.unwrap_err().code, Code::KeystoreSealed);
    assert_eq!(shares(&stage, ann).await.unwrap_err().code, Code::KeystoreSealed);
    let other = enter(&stage, ann, &unused[0]).await.unwrap_err();
    assert!(other.detail.contains("another master key"), "{other:?}");
    for (custodian, share) in [(cleo, 3), (ann, 2), (bob, 1)] {
        enter(&stage, custodian, &first[share]).await.unwrap();
    }
    signs().await.unwrap();

    // Entered, they take the place of those before.
    let second = shares(&stage, ann).await.unwrap();
    for (custodian, share) in [(ann, 0), (bob, 2), (cleo, 4)] {
        assert!(!enter(&stage, custodian, &second[share]).await.unwrap().sealed);
    }
    while events(&stage).await.last().unwrap().0 != "master_key.rotated" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    signs().await.unwrap();
    stop(keystore).await;
    let _keystore = start(&stage, again_as(&stage).await).await;
    let old = enter(&stage, ann, &first[0]).await.unwrap_err();
    assert!(old.detail.contains("another master key"), "{old:?}");
    for (custodian, share) in [(ann, 1), (bob, 2), (cleo, 3)] {
        enter(&stage, custodian, &second[share]).await.unwrap();
    }
    signs().await.unwrap();

    let told: Vec<_> = events(&stage).await;
    for share in first.iter().chain(&unused).chain(&second) {
        let value = &share[share.len() - 72..share.len() - 8];
        assert!(
            !told.iter().any(|(_, payload)| payload.to_string().contains(value)),
            "no share is in the log"
        );
    }
    let told = told.iter().map(|(kind, _)| kind.strip_prefix("master_key.").unwrap()).collect::<Vec<_>>();
    let entered = ["share_entered"; 3];
    let opened: Vec<&str> = entered.into_iter().chain(["unsealed"]).collect();
    let mut expected =
        vec!["shares_made", "share_entered", "unseal_refused", "share_entered", "share_entered", "chosen"];
    expected.push("shares_made");
    expected.extend(&opened);
    expected.push("shares_made");
    expected.extend(entered);
    expected.extend(["rotation_begun", "rotated"]);
    expected.extend(&opened);
    assert_eq!(told, expected);
}

async fn shares(stage: &Stage, by: Actor) -> Result<Vec<String>, Problem> {
    let key = OneTimeKey::draw().unwrap();
    let command = MakeMasterKeyShares { seal_to: key.public(), reason: None };
    let made = stage.send_by(by, &command).await?.result;
    assert_eq!(made.needed, 3);
    let opened =
        key.open(OrganizationId::INSTALLATION, CredentialId(master_key_stream()), &made.shares).unwrap();
    Ok(opened.reveal().lines().map(str::to_owned).collect())
}

async fn enter(stage: &Stage, by: Actor, share: &str) -> Result<KeystoreStanding, Problem> {
    let command = UnsealKeystore { share: Some(SecretText::new(share.to_owned())), passphrase: None };
    Ok(stage.send_by(by, &command).await?.result)
}

/// Whether it is sealed, how many shares open it, how many were entered, as others see it.
async fn standing(stage: &Stage) -> (bool, i16, i32) {
    let client = stage.servers.connect(&Service::Gateway.role()).await;
    let row = "select sealed, shares_needed, shares_entered::int from api_keystore.standing";
    let row = client.query_one(row, &[]).await.unwrap();
    (row.get(0), row.get(1), row.get(2))
}

/// Kinds and payloads of what happened to the master key.
async fn events(stage: &Stage) -> Vec<(String, serde_json::Value)> {
    let events = stage.keystore.reader.read_stream(master_key_stream(), 0).await.unwrap();
    events.into_iter().map(|event| (event.kind, serde_json::from_str(&event.payload).unwrap())).collect()
}

async fn start(stage: &Stage, mut keystore: ServiceContext) -> ServiceContext {
    let config = Arc::make_mut(&mut keystore.config);
    let provider = MasterKeyProvider::Shares { needed: 3, of: 5 };
    config.keystore = Keystore { provider, ..config.keystore.clone() };
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

async fn again_as(stage: &Stage) -> ServiceContext {
    ServiceContext::open(&stage.foundation, Service::Keystore).await.unwrap()
}
