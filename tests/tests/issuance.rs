//! From a CSR to a certificate, by directory, keystore and signer over real servers, checked by OpenSSL.

#![allow(clippy::unwrap_used)] // a story that cannot go on has failed

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use chancery_tests::house::House;
use contracts::{
    Actor, Code, Lifetime, Problem, Service, TokenId,
    directory::{IssueToken, TokenScope},
    id::Reference,
    signer::{
        CaChoice, CaKind, CaStatus, CreateCa, CreatePolicy, CreateProfile, IssuedCertificate, KeyChoice,
        RequestKey, RequestSource, RequestStatus, ResumeCa, SubmitCertificateRequest, SuspendCa,
        UpdatePolicy,
    },
    x509::{
        CertificateType, ExtendedKeyUsage, KeyAlgorithm, KeyUsage, PolicyRules, Subject, SubjectAltName,
        SubjectSources,
    },
};
use pki::{certificate::Certificate, pem};
use testkit::openssl;
use uuid::Uuid;

const ALL: &[Service] = &[Service::Directory, Service::Keystore, Service::Signer];

fn with_csr(csr: &str) -> SubmitCertificateRequest {
    SubmitCertificateRequest { csr: Some(csr.to_owned()), ..SubmitCertificateRequest::default() }
}

fn shop() -> SubmitCertificateRequest {
    with_csr(&openssl::csr("shop.example.com", &[]).csr)
}

fn by_profile(name: &str, command: SubmitCertificateRequest) -> SubmitCertificateRequest {
    SubmitCertificateRequest { profile: Some(Reference::Name(name.into())), ..command }
}

fn profile(name: &str) -> CreateProfile {
    CreateProfile {
        name: name.into(),
        certificate_type: CertificateType::Server,
        ca: None,
        policy: None,
        ttl: None,
        key_usages: None,
        extended_key_usages: None,
        exportable: false,
        subject: SubjectSources::default(),
        approval: None,
        terms: None,
    }
}

fn ca(name: &str, kind: CaKind) -> CreateCa {
    CreateCa { name: name.into(), kind, parent: None, key: None, subject: None, ttl: None, max_ttl: None }
}

fn certificate(issued: &IssuedCertificate) -> Certificate {
    Certificate::read_der(&BASE64_STANDARD.decode(&issued.certificate).unwrap()).unwrap()
}

fn in_pem(base64: &str) -> String {
    pem::certificate(&BASE64_STANDARD.decode(base64).unwrap())
}

/// What OpenSSL says of leaf and chain under the root at the chain's end.
fn verified(issued: &IssuedCertificate) {
    let root = in_pem(issued.chain.last().unwrap());
    let above: String = issued.chain.iter().map(|one| in_pem(one)).collect();
    openssl::verify(&root, &(in_pem(&issued.certificate) + &above)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_csr_becomes_a_certificate_that_openssl_verifies() {
    let house = House::start(ALL).await;
    let csr = openssl::csr_with(
        &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
        "shop.example.com/O=Example/C=US",
        &["shop.example.com", "www.example.com"],
    );
    let command = SubmitCertificateRequest { ttl: Some("365d".parse().unwrap()), ..with_csr(&csr.csr) };
    let reply = house.call("first", &command).await.unwrap();

    let issued = reply.result;
    verified(&issued);
    assert_eq!((issued.request.status, issued.request.source), (RequestStatus::Issued, RequestSource::Csr));
    assert_eq!(issued.chain.len(), 1);
    let leaf = certificate(&issued);
    let names = ["shop.example.com", "www.example.com"].map(|name| SubjectAltName::Dns(name.into()));
    assert_eq!(leaf.sans(), names);
    let length = leaf.not_after().unix() - leaf.not_before().unix() + 1;
    assert_eq!(length, Lifetime::days(365).as_seconds(), "both ends count (C-8)");
    assert!(leaf.serial().len() >= 17, "{}", leaf.serial_hex());

    let micro = Certificate::read_der(&BASE64_STANDARD.decode(&issued.chain[0]).unwrap()).unwrap();
    assert!(micro.subject().contains(&micro.not_before().to_string()), "{}", micro.subject());
    assert_eq!(micro.not_after().unix() - micro.not_before().unix() + 1, Lifetime::days(3_650).as_seconds());
    assert_eq!(house.count("issuance.completed").await, 1);
    assert_eq!(reply.position, house.gateway.reader.head().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_key_is_certified() {
    let house = House::start(ALL).await;
    for (algorithm, arguments) in [
        (KeyAlgorithm::Rsa2048, vec!["-newkey", "rsa:2048"]),
        (KeyAlgorithm::Rsa3072, vec!["-newkey", "rsa:3072"]),
        (KeyAlgorithm::EcdsaP256, vec!["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-sha384"]),
        (KeyAlgorithm::EcdsaP384, vec!["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"]),
        (KeyAlgorithm::EcdsaP521, vec!["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"]),
        (KeyAlgorithm::Ed25519, vec!["-newkey", "ed25519"]),
    ] {
        let csr = openssl::csr_with(&arguments, "shop.example.com", &[]);
        let issued = house.call(algorithm.as_str(), &with_csr(&csr.csr)).await.unwrap().result;
        verified(&issued);
        assert_eq!(issued.request.key_algorithm, algorithm);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_requests_that_name_no_ca_make_one_micro_ca() {
    let mut house = House::start(&[Service::Directory, Service::Keystore]).await;
    let commands: Vec<_> = (0..20).map(|n| (n.to_string(), shop())).collect();
    // They arrive while the signer starts, which wants to make the Micro CA too.
    house.open(Service::Signer).await;
    let calls = commands.iter().map(async |(key, command)| {
        loop {
            match house.call(key, command).await {
                Err(early) if early.code == Code::ServiceUnavailable => {}
                done => return done.unwrap().result,
            }
        }
    });
    let issued = futures::future::join_all(calls).await;
    assert!(issued.iter().all(|one| one.chain == issued[0].chain));
    for kind in ["ca.intended", "ca.created", "policy.created", "profile.created"] {
        assert_eq!(house.count(kind).await, 1, "{kind}");
    }
    assert_eq!(house.count("issuance.completed").await, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_gets_the_same_answer() {
    let house = House::start(ALL).await;
    let command = shop();
    let calls = (0..20).map(|_| house.call("again", &command));
    let mut replies: Vec<_> =
        futures::future::join_all(calls).await.into_iter().map(Result::unwrap).collect();
    replies.push(house.call("again", &command).await.unwrap());
    assert_eq!(replies.iter().filter(|reply| !reply.replayed).count(), 1);
    assert!(
        replies
            .iter()
            .all(|reply| (reply.position, &reply.result) == (replies[0].position, &replies[0].result))
    );
    assert_eq!(house.count("certificate_request.submitted").await, 1);
    assert_eq!(house.count("issuance.completed").await, 1);

    let other = house.call("again", &shop()).await.unwrap_err();
    assert_eq!(other.code, Code::IdempotencyKeyReused);
    assert_eq!(house.count("certificate_request.submitted").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_answered_though_the_rules_have_become_stricter() {
    let house = House::start(ALL).await;
    let command = shop();
    let first = house.call("before", &command).await.unwrap();
    let strict = PolicyRules { key_algorithms: Some(vec![KeyAlgorithm::Rsa4096]), ..PolicyRules::default() };
    let update = UpdatePolicy { policy: Reference::Name("default".into()), rules: strict };
    house.call("strict", &update).await.unwrap();

    let again = house.call("before", &command).await.unwrap();
    assert_eq!((again.replayed, again.result), (true, first.result));
    let new = house.call("after", &command).await.unwrap_err();
    assert_eq!(new.code, Code::PolicyViolation, "the next request is judged by the new rules");
    assert_eq!(new.detail, "Key algorithm is not allowed by template policy");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_managed_key_needs_no_csr_and_may_sign_itself() {
    let house = House::start(ALL).await;
    let managed = SubmitCertificateRequest {
        key: Some(RequestKey { algorithm: Some(KeyAlgorithm::EcdsaP384), ..RequestKey::default() }),
        subject: Some(Subject { common_name: Some("shop.example.com".into()), ..Subject::default() }),
        ..SubmitCertificateRequest::default()
    };
    let issued = house.call("managed", &managed).await.unwrap().result;
    verified(&issued);
    assert_eq!(issued.request.source, RequestSource::Managed);
    assert!(issued.request.key_id.is_some());

    let own = CreateProfile { ca: Some(CaChoice::SelfSigned), ..profile("own") };
    house.call("profile", &own).await.unwrap();
    let issued = house.call("self", &by_profile("own", managed)).await.unwrap().result;
    let leaf = certificate(&issued);
    assert!(leaf.is_self_issued() && leaf.is_signed_by(leaf.spki()));
    assert_eq!(issued.chain, Vec::<String>::new());

    let refusal = house.call("csr", &by_profile("own", shop())).await.unwrap_err();
    assert_eq!(refusal.detail, "Self-signed certificates are not supported for CSR signing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_signs_an_issuing_ca_which_signs_leaves() {
    let house = House::start(ALL).await;
    let root = CreateCa {
        key: Some(KeyChoice { algorithm: KeyAlgorithm::EcdsaP384, token: None }),
        ..ca("root-1", CaKind::Root)
    };
    let root = house.call("root", &root).await.unwrap().result;
    assert_eq!((root.status, root.version), (CaStatus::Active, 2));
    let issuing =
        CreateCa { parent: Some(Reference::Name("root-1".into())), ..ca("issuing-1", CaKind::Issuing) };
    let reply = house.call("issuing", &issuing).await.unwrap();
    assert_eq!(reply.result.parent_id, Some(root.id));
    let again = house.call("issuing", &issuing).await.unwrap();
    assert_eq!((again.replayed, again.result), (true, reply.result));

    let internal = CreateProfile {
        ca: Some(CaChoice::Ca(Reference::Name("issuing-1".into()))),
        ..profile("internal-web")
    };
    house.call("profile", &internal).await.unwrap();
    let issued = house.call("leaf", &by_profile("internal-web", shop())).await.unwrap().result;
    verified(&issued);
    assert_eq!(issued.chain.len(), 2);

    for (key, command, code) in [
        ("taken", ca("root-1", CaKind::Root), Code::AlreadyExists),
        ("reserved", ca("micro-ca", CaKind::Micro), Code::ValidationFailed),
        ("no parent", ca("issuing-2", CaKind::Issuing), Code::ValidationFailed),
        (
            "a parent",
            CreateCa { parent: issuing.parent.clone(), ..ca("root-2", CaKind::Root) },
            Code::ValidationFailed,
        ),
    ] {
        assert_eq!(house.call(key, &command).await.unwrap_err().code, code, "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_ca_signs_nothing_until_it_is_resumed() {
    let house = House::start(ALL).await;
    let micro = Reference::Name("micro-ca".into());
    let suspend = SuspendCa { ca: micro.clone(), reason: "drill".into() };
    assert_eq!(house.call("suspend", &suspend).await.unwrap().result.status, CaStatus::Suspended);
    let refusal = house.call("refused", &shop()).await.unwrap_err();
    assert_eq!(refusal.code, Code::InvalidState);
    assert_eq!(house.count("certificate_request.submitted").await, 0);
    house.call("resume", &ResumeCa { ca: micro, reason: None }).await.unwrap();
    house.call("accepted", &shop()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_break_a_rule_of_the_format_is_refused_before_anything_is_signed() {
    let house = House::start(ALL).await;
    let planted = CreateProfile {
        key_usages: Some(vec![KeyUsage::KeyCertSign]),
        extended_key_usages: Some(vec![ExtendedKeyUsage::ServerAuth]),
        ..profile("planted")
    };
    house.call("profile", &planted).await.unwrap();
    let before = house.gateway.reader.head().await.unwrap();
    let refusal = house.call("csr", &by_profile("planted", shop())).await.unwrap_err();
    assert_eq!(refusal.code, Code::LintFailed, "{refusal}");
    assert!(!refusal.errors.is_empty());
    let managed = SubmitCertificateRequest {
        subject: Some(Subject { common_name: Some("shop.example.com".into()), ..Subject::default() }),
        ..SubmitCertificateRequest::default()
    };
    let refusal = house.call("managed", &by_profile("planted", managed)).await.unwrap_err();
    assert_eq!(refusal.code, Code::LintFailed);
    assert_eq!(house.gateway.reader.head().await.unwrap(), before, "not even a key was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_kept_of_what_is_refused_or_tried() {
    let house = House::start(ALL).await;
    let before = house.gateway.reader.head().await.unwrap();
    let refused = |problem: Problem, code| assert_eq!(problem.code, code, "{problem}");
    for (key, csr, words) in [
        ("empty", "", "CSR cannot be empty"),
        ("blank", " \n ", "CSR cannot be empty"),
        ("text", "hello", "CSR is neither PEM nor base64 nor DER"),
    ] {
        let problem = house.call(key, &with_csr(csr)).await.unwrap_err();
        assert_eq!(problem.detail, words);
        refused(problem, Code::CsrInvalid);
    }
    let missing = house.call("missing", &SubmitCertificateRequest::default()).await.unwrap_err();
    assert_eq!(missing.detail, "CSR cannot be empty");
    refused(house.call("unknown", &by_profile("nowhere", shop())).await.unwrap_err(), Code::NotFound);
    let long = SubmitCertificateRequest { ttl: Some(Lifetime::days(399)), ..shop() };
    refused(house.call("long", &long).await.unwrap_err(), Code::PolicyViolation);
    let taken = CreatePolicy { name: "default".into(), rules: PolicyRules::default() };
    refused(house.call("taken", &taken).await.unwrap_err(), Code::AlreadyExists);
    let secret = SubmitCertificateRequest { note: Some("-----BEGIN PRIVATE KEY-----".into()), ..shop() };
    refused(house.call("secret", &secret).await.unwrap_err(), Code::ValidationFailed);

    let dry = house.dry_run("dry", &shop()).await.unwrap();
    assert!(dry.would_change && dry.changes.iter().any(|change| change.pointer == "/commonName"), "{dry:?}");
    assert!(house.dry_run("dry ca", &ca("root-1", CaKind::Root)).await.unwrap().would_change);
    assert!(house.dry_run("dry profile", &profile("web")).await.unwrap().would_change);
    refused(house.dry_run("dry taken", &taken).await.unwrap_err(), Code::AlreadyExists);
    assert_eq!(house.gateway.reader.head().await.unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_that_was_left_open_is_finished() {
    let mut house = House::start(ALL).await;
    house.close(Service::Keystore).await;
    let mut context = house.context("left").await;
    context.deadline = context.deadline.plus(time::Duration::seconds(-25));
    let command = shop();
    let problem = house.gateway.bus.call(&context, &command).await.unwrap_err();
    assert!(matches!(problem.code, Code::ServiceUnavailable | Code::CommandTimeout), "{problem}");
    assert_eq!(house.count("issuance.intended").await, 1);
    assert_eq!(house.count("issuance.completed").await, 0);
    house.close(Service::Signer).await;

    house.open(Service::Keystore).await;
    house.open(Service::Signer).await;
    tokio::time::timeout(Duration::from_secs(40), async {
        while house.count("issuance.completed").await == 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await
    .expect("somebody finishes it");
    let reply = house.call("left", &command).await.unwrap();
    assert!(reply.replayed);
    verified(&reply.result);
    assert_eq!(house.count("issuance.intended").await, 1);
    assert_eq!(house.count("issuance.completed").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_read_models_show_what_commands_answer() {
    let house = House::start(ALL).await;
    let command = SubmitCertificateRequest {
        labels: [("env".to_owned(), "prod".to_owned())].into(),
        note: Some("CHG-1042".into()),
        ..shop()
    };
    let reply = house.call("request", &command).await.unwrap();
    let root = house.call("root", &ca("root-1", CaKind::Root)).await.unwrap();
    let suspend = SuspendCa { ca: Reference::Name("root-1".into()), reason: "drill".into() };
    let suspended = house.call("suspend", &suspend).await.unwrap();
    assert_eq!((root.result.version, suspended.result.version), (2, 3));
    let web = house.call("web", &profile("web")).await.unwrap();
    let open = CreatePolicy { name: "open".into(), rules: PolicyRules::default() };
    let open = house.call("open", &open).await.unwrap();

    house.projected(Service::Signer, open.position).await;
    let request = reply.result.request;
    assert_eq!(house.document("certificate_request", request.id.uuid()).await, serde_json::json!(request));
    assert_eq!(house.document("ca", root.result.id.uuid()).await, serde_json::json!(suspended.result));
    assert_eq!(house.document("profile", web.result.id.uuid()).await, serde_json::json!(web.result));
    assert_eq!(house.document("policy", open.result.id.uuid()).await, serde_json::json!(open.result));

    let operation = house.document("operation", house.context("request").await.command_id).await;
    assert_eq!(operation["status"], "done");
    assert_eq!(operation["resource"]["path"], format!("/api/v1/certificate-requests/{}", request.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_some_profiles_gets_no_other() {
    let house = House::start(ALL).await;
    let web = house.call("web", &profile("web")).await.unwrap().result;
    let scope = TokenScope { profiles: Some(vec![web.id]), ..TokenScope::default() };
    let token = TokenId(Uuid::from_u128(7));
    let issue = IssueToken {
        id: token,
        hash: "00".repeat(32),
        administrator: None,
        name: "ci".into(),
        organization: None,
        scope,
        ttl: Lifetime::days(1),
    };
    house.call("token", &issue).await.unwrap();
    let mut context = house.context("by token").await;
    let Actor::Administrator { administrator, .. } = context.actor else { panic!("nobody else acts here") };
    context.actor = Actor::Administrator { administrator, credential: token.into() };

    let answer = async |profile: &str, step: &str| {
        let step = context.step(step);
        loop {
            match house.gateway.bus.call(&step, &by_profile(profile, shop())).await {
                // The signer learns of the token a moment later.
                Err(early) if early.code == Code::Unauthenticated => {}
                answer => return answer,
            }
        }
    };
    answer("web", "allowed").await.unwrap();
    assert_eq!(answer("default", "refused").await.unwrap_err().code, Code::Forbidden);
}
