//! Commands over a real server: what the handler sees, and what the caller reads.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test that cannot go on should say where

#[allow(dead_code)] // each test file uses its part
mod support;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use chancery_bus::{Answer, Context, Reply};
use contracts::{
    Actor, AdministratorId, Code, KeyId, Problem, Service, TokenId,
    command::{Change, DryRun},
    directory::{CreateOrganization, RecordDenial, RecordTokenUse, RevokeToken, TokenView},
    keystore::{DestroyKey, KeyView, SignCertificate, SignatureView},
};
use serde_json::json;
use support::{Hour, Nats, context, settle};
use uuid::Uuid;

fn token_use() -> RecordTokenUse {
    RecordTokenUse { uses: vec![] }
}

#[tokio::test]
async fn a_command_reaches_its_service_with_all_it_carries() {
    let (nats, hour) = (Nats::start().await, Hour::default());
    let (gateway, directory) =
        (nats.connect_at(Service::Gateway, &hour).await, nats.connect_at(Service::Directory, &hour).await);
    let (seen, mut sees) = tokio::sync::mpsc::unbounded_channel();
    let handler = move |context: Context, _: RecordTokenUse| {
        seen.send(context).unwrap();
        async {
            Ok(Reply {
                stream: Some(Uuid::from_u128(9)),
                version: 4,
                position: 17,
                replayed: false,
                result: (),
            })
        }
    };
    directory.serve(handler).await.unwrap();
    settle(&directory).await;

    let sent = Context { if_version: Some(3), ..context(&hour, 5) };
    let reply = gateway.call(&sent, &token_use()).await.unwrap();

    assert_eq!(
        reply,
        Reply { stream: Some(Uuid::from_u128(9)), version: 4, position: 17, replayed: false, result: () }
    );
    let received = sees.recv().await.unwrap();
    assert_ne!(received.fingerprint, [0; 32]);
    assert_eq!(Context { fingerprint: [0; 32], ..received }, sent);
}

#[tokio::test]
async fn a_refusal_arrives_as_the_problem_it_was() {
    let nats = Nats::start().await;
    let (gateway, directory) = (nats.connect(Service::Gateway).await, nats.connect(Service::Directory).await);
    let refusal =
        Problem { current_version: Some(7), ..Problem::new(Code::VersionMismatch, "it has version 7") };
    let refused = refusal.clone();
    directory
        .serve(move |_, _: RecordTokenUse| std::future::ready(Err::<Reply<()>, _>(refused.clone())))
        .await
        .unwrap();
    settle(&directory).await;
    assert_eq!(gateway.call(&context(&Hour::default(), 1), &token_use()).await, Err(refusal));
}

#[tokio::test]
async fn nobody_there_is_unavailable_and_no_answer_is_a_timeout() {
    let (nats, hour) = (Nats::start().await, Hour::default());
    let gateway = nats.connect_at(Service::Gateway, &hour).await;
    let problem = gateway.call(&context(&hour, 1), &token_use()).await.unwrap_err();
    assert_eq!((problem.code, problem.retryable), (Code::ServiceUnavailable, true));

    let directory = nats.connect_at(Service::Directory, &hour).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let handler = move |_, _: RecordTokenUse| {
        count.fetch_add(1, Ordering::SeqCst);
        std::future::pending::<Result<Reply<()>, Problem>>()
    };
    directory.serve(handler).await.unwrap();
    settle(&directory).await;
    let short = Context { deadline: hour.now().plus(time::Duration::milliseconds(200)), ..context(&hour, 2) };
    let problem = gateway.call(&short, &token_use()).await.unwrap_err();
    assert_eq!(problem.code, Code::CommandTimeout);
    assert_eq!(asked.load(Ordering::SeqCst), 2, "a command without answer is sent once more");
}

#[tokio::test]
async fn a_deadline_that_has_passed_starts_nothing() {
    let (nats, caller_hour, late) = (Nats::start().await, Hour::default(), Hour::default());
    let (gateway, directory) = (
        nats.connect_at(Service::Gateway, &caller_hour).await,
        nats.connect_at(Service::Directory, &late).await,
    );
    let begun = Arc::new(AtomicUsize::new(0));
    let count = begun.clone();
    let handler = move |_, _: RecordTokenUse| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok(Reply::nothing(())) }
    };
    directory.serve(handler).await.unwrap();
    settle(&directory).await;
    late.advance(10);
    let problem = gateway.call(&context(&caller_hour, 1), &token_use()).await.unwrap_err();
    assert_eq!(problem.code, Code::CommandTimeout);
    assert!(problem.detail.contains("nothing was changed"), "{problem}");
    assert_eq!(begun.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_handler_that_panics_fails_only_its_caller() {
    let (nats, hour) = (Nats::start().await, Hour::default());
    let (gateway, directory) = (nats.connect(Service::Gateway).await, nats.connect(Service::Directory).await);
    let handler = |context: Context, _: RecordTokenUse| async move {
        assert_ne!(context.command_id, Uuid::from_u128(1), "poison");
        Ok(Reply::nothing(()))
    };
    directory.serve(handler).await.unwrap();
    settle(&directory).await;
    let problem = gateway.call(&context(&hour, 1), &token_use()).await.unwrap_err();
    assert_eq!(problem.code, Code::Internal);
    assert!(!problem.detail.contains("poison"), "{problem}");
    gateway.call(&context(&hour, 2), &token_use()).await.unwrap();
}

#[tokio::test]
async fn what_is_no_command_is_refused_before_the_handler() {
    let (nats, hour) = (Nats::start().await, Hour::default());
    let (gateway, directory) = (nats.connect(Service::Gateway).await, nats.connect(Service::Directory).await);
    let handler = |_, _: RecordTokenUse| async { Ok(Reply::nothing(())) };
    directory.serve(handler).await.unwrap();
    settle(&directory).await;
    let subject = "cmd.directory.v1.record_token_use";
    let ask = |headers: Option<Context>, body: Vec<u8>| {
        let request = async_nats::Request::new().payload(body.into());
        let request = match headers {
            Some(context) => request.headers(context.to_headers()),
            None => request,
        };
        gateway.client().send_request(subject, request)
    };
    let code = |message: &async_nats::Message| {
        let headers = message.headers.as_ref().unwrap();
        headers.get("Nats-Service-Error-Code").unwrap().to_string()
    };
    let body = br#"{"uses":[]}"#.to_vec();
    assert_eq!(code(&ask(None, body.clone()).await.unwrap()), "400");
    assert_eq!(code(&ask(Some(context(&hour, 1)), b"{".to_vec()).await.unwrap()), "400");
    assert_eq!(
        code(&ask(Some(context(&hour, 1)), br#"{"uses":[],"more":1}"#.to_vec()).await.unwrap()),
        "400"
    );
    assert_eq!(code(&ask(Some(context(&hour, 1)), vec![b' '; 512 * 1024 + 1]).await.unwrap()), "413");
    let done = ask(Some(context(&hour, 1)), body).await.unwrap();
    assert!(done.headers.is_none());
}

#[tokio::test]
async fn a_dry_run_reaches_only_handlers_that_can_do_one() {
    let (nats, hour) = (Nats::start().await, Hour::default());
    let (gateway, directory) = (nats.connect(Service::Gateway).await, nats.connect(Service::Directory).await);
    let change = Change { pointer: "/status".into(), from: json!("active"), to: json!("revoked") };
    let would = DryRun { would_change: true, changes: vec![change] };
    let dry = would.clone();
    let revoke = move |context: Context, _: RevokeToken| {
        assert!(context.dry_run);
        std::future::ready(Ok(Answer::<TokenView>::Dry(dry.clone())))
    };
    directory.serve(revoke).await.unwrap();
    directory.serve(|_, _: RecordTokenUse| async { Ok(Reply::nothing(())) }).await.unwrap();
    settle(&directory).await;
    let command = RevokeToken { token: Uuid::from_u128(3).into(), reason: None };
    assert_eq!(gateway.dry_run(&context(&hour, 1), &command).await, Ok(would));
    let problem = gateway.dry_run(&context(&hour, 2), &token_use()).await.unwrap_err();
    assert_eq!(problem.code, Code::UnknownParameter);
}

#[tokio::test]
async fn two_instances_share_the_work_and_one_may_stop() {
    let (nats, hour) = (Nats::start().await, Hour::default());
    let gateway = nats.connect(Service::Gateway).await;
    let done = Arc::new(AtomicUsize::new(0));
    let mut instances = vec![];
    for _ in 0..2 {
        let directory = nats.connect(Service::Directory).await;
        let done = done.clone();
        let handler = move |_, _: RecordTokenUse| {
            done.fetch_add(1, Ordering::SeqCst);
            async { Ok(Reply::nothing(())) }
        };
        directory.serve(handler).await.unwrap();
        settle(&directory).await;
        instances.push(directory);
    }
    for id in 0..50 {
        gateway.call(&context(&hour, id), &token_use()).await.unwrap();
    }
    assert_eq!(done.load(Ordering::SeqCst), 50);
    instances.pop().unwrap().stop_serving().await;
    for id in 50..100 {
        gateway.call(&context(&hour, id), &token_use()).await.unwrap();
    }
    assert_eq!(done.load(Ordering::SeqCst), 100);
}

#[tokio::test]
async fn stopping_lets_begun_work_end() {
    let (nats, hour) = (Nats::start().await, Hour::default());
    let (gateway, directory) = (nats.connect(Service::Gateway).await, nats.connect(Service::Directory).await);
    let begun = Arc::new(tokio::sync::Notify::new());
    let notify = begun.clone();
    let handler = move |_, _: RecordTokenUse| {
        notify.notify_one();
        async {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            Ok(Reply::nothing(()))
        }
    };
    directory.serve(handler).await.unwrap();
    settle(&directory).await;
    let call = tokio::spawn(async move { gateway.call(&context(&hour, 1), &token_use()).await });
    begun.notified().await;
    directory.stop_serving().await;
    call.await.unwrap().unwrap();
}

#[tokio::test]
async fn calls_go_on_after_the_server_was_killed() {
    let (mut nats, hour) = (Nats::start().await, Hour::default());
    let (gateway, directory) = (nats.connect(Service::Gateway).await, nats.connect(Service::Directory).await);
    directory.serve(|_, _: RecordTokenUse| async { Ok(Reply::nothing(())) }).await.unwrap();
    settle(&directory).await;
    gateway.call(&context(&hour, 1), &token_use()).await.unwrap();
    nats.kill();
    let problem = gateway.call(&context(&hour, 2), &token_use()).await.unwrap_err();
    assert!(problem.retryable, "{problem}");
    // By now the loss is no surprise any more: nothing is begun, and nobody waits.
    let began = tokio::time::Instant::now();
    for _ in 0..5 {
        let problem = gateway.call(&context(&hour, 3), &token_use()).await.unwrap_err();
        assert_eq!(problem.code, Code::ServiceUnavailable, "{problem}");
    }
    assert!(began.elapsed() < std::time::Duration::from_millis(500), "{:?}", began.elapsed());
    nats.restart().await;
    for up in [gateway.connected(), directory.connected()] {
        up.clone().wait_for(|up| *up).await.unwrap();
    }
    settle(&directory).await;
    gateway.call(&context(&hour, 2), &token_use()).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_outlives_its_connection_is_dropped_without_an_alarm() {
    let (mut nats, hour) = (Nats::start().await, Hour::default());
    let (gateway, directory) =
        (nats.connect_at(Service::Gateway, &hour).await, nats.connect_at(Service::Directory, &hour).await);
    let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
    let (end, ended) = tokio::sync::watch::channel(false);
    let handler = move |_: Context, _: RecordTokenUse| {
        let mut ended = ended.clone();
        begun.send(()).unwrap();
        async move {
            ended.wait_for(|ended| *ended).await.unwrap();
            Ok(Reply::nothing(()))
        }
    };
    directory.serve(handler).await.unwrap();
    settle(&directory).await;

    let sent = Context { deadline: hour.now().plus(time::Duration::minutes(10)), ..context(&hour, 5) };
    let call = tokio::spawn({
        let gateway = gateway.clone();
        async move { gateway.call(&sent, &token_use()).await }
    });
    begins.recv().await.unwrap();
    nats.kill();
    for bus in [&gateway, &directory] {
        bus.connected().wait_for(|up| !up).await.unwrap();
    }
    nats.restart().await;
    directory.connected().wait_for(|up| *up).await.unwrap();
    end.send_replace(true);

    // The caller has not waited five minutes for what cannot come: it asked again, or tells its own caller to.
    let answer = call.await.unwrap();
    assert!(
        answer.as_ref().is_ok_and(|reply| !reply.replayed) || answer.is_err_and(|problem| problem.retryable)
    );
    directory.stop_serving().await;
    settle(&directory).await;
    assert_eq!(directory.violations(), 0);
}

#[tokio::test]
async fn nats_micro_sees_the_service_and_its_figures() {
    let (nats, hour) = (Nats::start().await, Hour::default());
    let (gateway, directory) = (nats.connect(Service::Gateway).await, nats.connect(Service::Directory).await);
    directory.serve(|_, _: RecordTokenUse| async { Ok(Reply::nothing(())) }).await.unwrap();
    directory.serve(|_, _: RecordDenial| async { Err::<Reply<()>, _>(Problem::internal()) }).await.unwrap();
    settle(&directory).await;
    gateway.call(&context(&hour, 1), &token_use()).await.unwrap();
    // No user may ask `$SRV.…` by our table; what the server would deliver is answered by the service itself.
    let stats = directory.service_stats().unwrap();
    assert_eq!(stats["name"], "chancery-directory");
    assert_eq!(stats["endpoints"][0]["subject"], "cmd.directory.v1.record_token_use");
    assert_eq!(stats["endpoints"][0]["num_requests"], 1);
    assert_eq!(stats["endpoints"][1]["num_requests"], 0);
}

#[tokio::test]
async fn only_the_owner_of_a_command_can_offer_it() {
    let nats = Nats::start().await;
    let signer = nats.connect(Service::Signer).await;
    let offered =
        signer.serve(|_, _: CreateOrganization| async { Err::<Reply<_>, _>(Problem::internal()) }).await;
    assert!(matches!(offered, Err(chancery_bus::BusError::NotOurs { .. })));
}

#[tokio::test]
async fn only_the_gateway_speaks_for_a_person() {
    let (nats, hour) = (Nats::start().await, Hour::default());
    let (gateway, signer) =
        (nats.connect_at(Service::Gateway, &hour).await, nats.connect_at(Service::Signer, &hour).await);
    let keystore = nats.connect_at(Service::Keystore, &hour).await;
    let begun = Arc::new(AtomicUsize::new(0));
    let count = begun.clone();
    let sign = move |_, _: SignCertificate| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Err::<Reply<SignatureView>, _>(Problem::internal()) }
    };
    keystore.serve(sign).await.unwrap();
    keystore
        .serve(|_, _: DestroyKey| async { Err::<Reply<KeyView>, _>(Problem::not_found("key", 1)) })
        .await
        .unwrap();
    settle(&keystore).await;

    let actor = Actor::Administrator {
        administrator: AdministratorId(Uuid::from_u128(1)),
        credential: TokenId(Uuid::from_u128(2)).into(),
    };
    let as_person = context(&hour, 1).by(actor);
    let refused =
        signer.call(&as_person, &SignCertificate { issuance: Uuid::from_u128(3) }).await.unwrap_err();
    assert_eq!(refused.code, Code::Forbidden, "{refused}");
    assert_eq!(begun.load(Ordering::SeqCst), 0);

    let heard = gateway
        .call(&as_person, &DestroyKey { key: KeyId(Uuid::from_u128(4)), reason: None })
        .await
        .unwrap_err();
    assert_eq!(heard.code, Code::NotFound, "the gateway's word counts: {heard}");
}
