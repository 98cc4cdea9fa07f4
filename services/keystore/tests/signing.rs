//! Signing: only what the log permits, once per intent.

#![allow(clippy::unwrap_used)] // a test cannot go on without what it asked for

mod support;

use std::collections::HashSet;

use contracts::{
    Code, Event as _,
    keystore::{SignCaCertificate, SignCertificate},
    signer::{CaKind, PolicyCreated, PolicyEvent},
    x509::{KeyAlgorithm, PolicyRules},
};
use support::{
    Stage, THEIRS,
    ca::{assembled, bytes},
};
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_of_every_kind_signs_certificates_that_verify() {
    let stage = Stage::start().await;
    let leaf = stage.request_key(KeyAlgorithm::EcdsaP256).await;
    for &algorithm in KeyAlgorithm::ALL {
        let ca = stage.ca(CaKind::Micro, stage.ca_key(algorithm).await, None).await;
        let issuance = stage.intend(Some(&ca), &leaf).await;
        assembled(&issuance.tbs, &ca.key, &stage.sign(&issuance).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_signs_an_issuing_ca_and_that_one_signs_certificates() {
    let stage = Stage::start().await;
    let root = stage.ca(CaKind::Root, stage.ca_key(KeyAlgorithm::EcdsaP384).await, None).await;
    let issuing = stage.ca(CaKind::Issuing, stage.ca_key(KeyAlgorithm::EcdsaP256).await, Some(&root)).await;
    let leaf = stage.request_key(KeyAlgorithm::Ed25519).await;
    let issuance = stage.intend(Some(&issuing), &leaf).await;
    assembled(&issuance.tbs, &issuing.key, &stage.sign(&issuance).await.unwrap());
    let by_root = stage.intend(Some(&root), &leaf).await;
    assert_eq!(stage.sign(&by_root).await.unwrap_err().code, Code::LintFailed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_managed_key_signs_its_own_certificate() {
    let stage = Stage::start().await;
    for algorithm in [KeyAlgorithm::Rsa2048, KeyAlgorithm::EcdsaP521, KeyAlgorithm::Ed25519] {
        let key = stage.request_key(algorithm).await;
        let issuance = stage.intend(None, &key).await;
        assert_eq!(stage.sign(&issuance).await.unwrap_err().code, Code::LintFailed);
        assembled(&issuance.tbs, &key, &stage.sign_self(&issuance).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_has_one_signature_however_often_it_is_asked_for() {
    let stage = Stage::start().await;
    let _second = stage.second_keystore().await;
    let ca = stage.ca(CaKind::Micro, stage.ca_key(KeyAlgorithm::EcdsaP256).await, None).await;
    let leaf = stage.request_key(KeyAlgorithm::EcdsaP256).await;
    for _ in 0..5 {
        let issuance = stage.intend(Some(&ca), &leaf).await;
        let before = stage.count("signature").await;
        let calls = (0..40).map(|_| stage.sign(&issuance));
        let signatures: HashSet<_> =
            futures::future::join_all(calls).await.into_iter().map(|signature| signature.unwrap()).collect();
        assert_eq!(signatures.len(), 1);
        assert_eq!(stage.count("signature").await, before + 1);
        assert!(signatures.contains(&stage.sign(&issuance).await.unwrap()));
    }
    let again = SignCaCertificate { ca: ca.id };
    let (first, second) = (stage.send(&again).await.unwrap(), stage.send(&again).await.unwrap());
    assert!(first.replayed);
    assert_eq!(bytes(&first.result), bytes(&second.result));
    assert_eq!(bytes(&first.result), ca.certificate.signature());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspension_counts_from_its_event_on() {
    let stage = Stage::start().await;
    let mut ca = stage.ca(CaKind::Micro, stage.ca_key(KeyAlgorithm::EcdsaP256).await, None).await;
    let leaf = stage.request_key(KeyAlgorithm::EcdsaP256).await;
    let (signed, unsigned) = (stage.intend(Some(&ca), &leaf).await, stage.intend(Some(&ca), &leaf).await);
    let signature = stage.sign(&signed).await.unwrap();
    stage.suspend(&mut ca).await;
    assert_eq!(stage.sign(&unsigned).await.unwrap_err().code, Code::InvalidState);
    // What was released can be asked for again, so that an issuance that was under way ends.
    assert_eq!(stage.sign(&signed).await.unwrap(), signature);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_signed_without_an_intent_of_the_callers_organization() {
    let stage = Stage::start().await;
    let ca = stage.ca(CaKind::Micro, stage.ca_key(KeyAlgorithm::EcdsaP256).await, None).await;
    let leaf = stage.request_key(KeyAlgorithm::EcdsaP256).await;
    let issuance = stage.intend(Some(&ca), &leaf).await;
    assert_eq!(stage.sign_in(THEIRS, &issuance).await.unwrap_err().code, Code::NotFound);
    for stream in [Uuid::from_u128(7), ca.id.uuid(), leaf.id.uuid()] {
        assert_eq!(stage.send(&SignCertificate { issuance: stream }).await.unwrap_err().code, Code::NotFound);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_keystore_may_not_read_hurts_only_its_caller() {
    let stage = Stage::start().await;
    let ca = stage.ca(CaKind::Micro, stage.ca_key(KeyAlgorithm::EcdsaP256).await, None).await;
    let leaf = stage.request_key(KeyAlgorithm::EcdsaP256).await;
    let policy = Uuid::from_u128(9);
    let created = PolicyCreated { id: policy.into(), name: "x".into(), rules: PolicyRules::default() };
    assert_eq!(PolicyEvent::CATEGORY, "policy");
    stage.append(&stage.signer, policy, 0, PolicyEvent::from(created)).await;
    let mut good = vec![];
    for _ in 0..10 {
        good.push(stage.intend(Some(&ca), &leaf).await);
    }
    let poison = SignCertificate { issuance: policy };
    let poisoned = futures::future::join_all((0..10).map(|_| stage.send(&poison)));
    let signed = futures::future::join_all(good.iter().map(|issuance| stage.sign(issuance)));
    let (poisoned, signed) = tokio::join!(poisoned, signed);
    assert!(poisoned.iter().all(Result::is_err));
    assert!(signed.iter().all(Result::is_ok));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_behind_the_log_signs_nothing() {
    let stage = Stage::start().await;
    let ca = stage.ca(CaKind::Micro, stage.ca_key(KeyAlgorithm::EcdsaP256).await, None).await;
    let leaf = stage.request_key(KeyAlgorithm::EcdsaP256).await;
    let issuance = stage.intend(Some(&ca), &leaf).await;
    for wrong in [-10, -3_600, 40] {
        stage.clock.shift(wrong);
        assert_eq!(stage.sign(&issuance).await.unwrap_err().code, Code::ClockGuard, "{wrong}");
    }
    stage.clock.shift(0);
    assert!(stage.sign(&issuance).await.is_ok());
}
