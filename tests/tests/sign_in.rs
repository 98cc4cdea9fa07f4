//! Signing in: a link that works once, a password of one's own, a session that ends, a second factor, and what whoever
//! guesses comes upon.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests fail as tests do

use std::time::Duration;

use bytes::Bytes;
use chancery_tests::{
    browser::{Browser, PASSWORD, link},
    in_both_modes,
    tool::run_with,
    world::{World, eventually},
};
use http::Method;
use runtime::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};
use testkit::Answer;

in_both_modes!(
    a_link_works_once_and_a_password_is_its_owners_own,
    a_cookie_alone_changes_nothing,
    a_session_is_listed_and_ended,
    sensitive_acts_need_a_proof,
    the_sessions_of_who_is_stopped_end,
    a_code_is_used_once_and_a_sixth_try_waits,
    who_guesses_waits_also_after_a_restart,
);

async fn appoint(world: &World, name: &str, role: &str) -> String {
    let me = world.api().get("/api/v1/me").await.expect(200).json();
    let grants = json!([{"role": role, "organization": me["organizationId"]}]);
    let body = json!({"name": name, "grants": grants});
    let made = world.api().post("/api/v1/admins", &body).await.expect(201).json();
    made["id"].as_str().unwrap().to_owned()
}

fn code(answer: &Answer) -> (u16, String) {
    let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
    (answer.status.as_u16(), code)
}

async fn a_link_works_once_and_a_password_is_its_owners_own(world: &mut World) {
    let alice = appoint(world, "alice", "organization_officer").await;
    let (origin, first) = link(&world.api(), &alice).await;
    let (_, second) = link(&world.api(), &alice).await;
    let mut browser = Browser::new(world, &origin);
    let void = (409, "link_void".to_owned());
    assert_eq!(code(&browser.set_password(&first, PASSWORD).await), void, "replaced by a later one");
    assert_eq!(code(&browser.set_password("chl_x_y", PASSWORD).await), void);
    let refused = browser.set_password(&second, "Password1234").await.expect(422).json();
    assert_eq!(refused["errors"][0]["code"], "password_breached");
    _ = browser.set_password(&second, PASSWORD).await.expect(200);
    assert_eq!(code(&browser.set_password(&second, "violet engine hums softly").await), void, "used");

    // Names are the same whatever their case and width; those that do not exist get the same answer.
    let unknown = browser.sign_in("nobody", PASSWORD, None).await;
    let wrong = browser.sign_in("alice", "plum tractor sails south", None).await;
    assert_eq!(unknown.json()["detail"], wrong.json()["detail"]);
    assert_eq!(
        (code(&unknown), code(&wrong)),
        ((401, "unauthenticated".into()), (401, "unauthenticated".into()))
    );
    _ = browser.sign_in(" ＡLICE ", PASSWORD, None).await.expect(201);
    let me = browser.request("GET", "/api/v1/me", None).await.expect(200).json();
    assert_eq!((&me["administratorId"], &me["tokenId"]), (&json!(alice), &Value::Null));

    // Somebody else's session of hers, and her own after she changes the password.
    let mut elsewhere = Browser::new(world, &origin);
    _ = elsewhere.sign_in("alice", PASSWORD, None).await.expect(201);
    let change =
        json!({"oldPassword": "plum tractor sails south", "newPassword": "violet engine hums softly"});
    let refused = browser.request("POST", "/api/v1/me/password", Some(&change)).await.expect(422).json();
    assert_eq!(refused["errors"][0]["code"], "wrong_password");
    let change = json!({"oldPassword": PASSWORD, "newPassword": "violet engine hums softly"});
    let before = browser.clone();
    let changed = browser.request("POST", "/api/v1/me/password", Some(&change)).await.expect(200);
    browser.keep(&changed);
    assert_ne!(before.cookie, browser.cookie);
    for (whose, old) in [("another session", &elsewhere), ("the cookie of before", &before)] {
        let gone = async || {
            let answer = old.request("GET", "/api/v1/me", None).await;
            (answer.status == 401).then_some(())
        };
        eventually(whose, gone).await;
    }
    _ = browser.request("GET", "/api/v1/me", None).await.expect(200);
    assert_eq!(code(&elsewhere.sign_in("alice", PASSWORD, None).await), (401, "unauthenticated".into()));
    _ = elsewhere.sign_in("alice", "violet engine hums softly", None).await.expect(201);

    // What failed is in the log, and no password is anywhere in it.
    let admin = world.admin().await;
    let sql =
        "select payload::jsonb ->> 'reason' from log.event where category = 'sign_in' order by position";
    let reasons: Vec<String> = admin.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(reasons, ["unknown_name", "wrong_password", "wrong_password", "wrong_password"]);
    let sql = "select count(*) from log.event where payload::text like any (array['%tractor%', '%violet%'])";
    let found: i64 = admin.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(found, 0);
}

async fn a_cookie_alone_changes_nothing(world: &mut World) {
    let bert = appoint(world, "bert", "organization_officer").await;
    let browser = Browser::of(world, &bert, "bert").await;
    let (path, body) = ("/api/v1/me/profile", json!({"displayName": "Bert"}));
    let token = browser.csrf_token.as_str();
    for headers in [
        vec![],
        vec![("origin", browser.origin.as_str())],
        vec![("x-csrf-token", token)],
        vec![("origin", "https://evil.example"), ("x-csrf-token", token)],
        vec![("origin", &browser.origin), ("x-csrf-token", "00")],
    ] {
        let refused = browser.bare("PATCH", path, Some(&body), &headers).await;
        assert_eq!(code(&refused), (403, "cross_site_request".into()), "{headers:?}");
    }
    let shown = browser.bare("GET", path, None, &[]).await.expect(200).json();
    assert_eq!((&shown["displayName"], &shown["hasPassword"]), (&Value::Null, &json!(true)));
    _ = browser.request("PATCH", path, Some(&body)).await.expect(200);
    let foreign = [("origin", "https://evil.example")];
    let signing_in = json!({"name": "bert", "password": PASSWORD});
    let refused = browser.bare("POST", "/api/v1/sign-in", Some(&signing_in), &foreign).await;
    assert_eq!(code(&refused), (403, "cross_site_request".into()));
}

async fn a_session_is_listed_and_ended(world: &mut World) {
    let cleo = appoint(world, "cleo", "organization_officer").await;
    let browser = Browser::of(world, &cleo, "cleo").await;
    let mut other = Browser::new(world, &browser.origin);
    _ = other.sign_in("cleo", PASSWORD, None).await.expect(201);
    let session = other.session().await;
    let listed = async |who: &Browser| {
        let all = who.request("GET", "/api/v1/sessions?status=active", None).await.expect(200).json();
        all["items"].as_array().unwrap().iter().any(|one| one["id"] == session.as_str())
    };
    assert!(listed(&browser).await);
    let path = format!("/api/v1/sessions/{session}");
    _ = browser.request("DELETE", &path, None).await.expect(200);
    let ended = async || (other.request("GET", "/api/v1/me", None).await.status == 401).then_some(());
    tokio::time::timeout(Duration::from_secs(10), eventually("it works nowhere", ended)).await.unwrap();

    // Her own sign-out takes the cookie away; the master's token reads and ends any session.
    let mut third = Browser::new(world, &browser.origin);
    _ = third.sign_in("cleo", PASSWORD, None).await.expect(201);
    let path = format!("/api/v1/sessions/{}", third.session().await);
    let (api, none) = (world.api(), bytes::Bytes::new());
    _ = api.request(http::Method::DELETE, &path, &[], none).await.unwrap().expect(200);
    let mut browser = browser;
    let out = browser.request("DELETE", "/api/v1/sessions/current", None).await.expect(200);
    browser.keep(&out);
    assert_eq!((browser.cookie, out.json()["ended"].as_str()), (None, Some("signed_out")));
}

async fn sensitive_acts_need_a_proof(world: &mut World) {
    let master = json!({"name": "mia", "grants": [{"role": "master"}]});
    let mia = world.api().post("/api/v1/admins", &master).await.expect(201).json();
    let mut browser = Browser::of(world, mia["id"].as_str().unwrap(), "mia").await;
    let ca = json!({"name": "stepped", "kind": "root"});
    let refused = browser.request("POST", "/api/v1/cas", Some(&ca)).await;
    assert_eq!(code(&refused), (403, "step_up_required".into()));
    _ = browser.request("GET", "/api/v1/cas", None).await.expect(200);
    let step_up = "/api/v1/sessions/current/step-up";
    let wrong = json!({"password": "violet engine hums softly"});
    assert_eq!(browser.request("POST", step_up, Some(&wrong)).await.status, 401);
    let before = browser.clone();
    let done = browser.request("POST", step_up, Some(&json!({"password": PASSWORD}))).await.expect(200);
    browser.keep(&done);
    assert_ne!(before.cookie, browser.cookie, "what may do more has another name");
    let gone = async || (before.request("GET", "/api/v1/me", None).await.status == 401).then_some(());
    eventually("the cookie of before is worth nothing", gone).await;
    _ = browser.request("POST", "/api/v1/cas", Some(&ca)).await.expect(201);
}

async fn the_sessions_of_who_is_stopped_end(world: &mut World) {
    let dan = appoint(world, "dan", "organization_officer").await;
    let browser = Browser::of(world, &dan, "dan").await;
    _ = browser.request("GET", "/api/v1/me", None).await.expect(200);
    _ = world.api().post(&format!("/api/v1/admins/{dan}/disable"), &json!({})).await.expect(200);
    let stopped = async || (browser.request("GET", "/api/v1/me", None).await.status == 401).then_some(());
    eventually("the session works nowhere", stopped).await;
    let mut again = Browser::new(world, &browser.origin);
    assert_eq!(code(&again.sign_in("dan", PASSWORD, None).await), (401, "unauthenticated".into()));
    _ = world.api().post(&format!("/api/v1/admins/{dan}/enable"), &json!({})).await.expect(200);
    assert_eq!(browser.request("GET", "/api/v1/me", None).await.status, 401, "who is back signs in again");
    let back = async || again.clone().sign_in("dan", PASSWORD, None).await.status.is_success().then_some(());
    eventually("dan is let in", back).await;
}

/// The code of a seed at a time (RFC 6238), by OpenSSL: another implementation than ours.
async fn totp(secret: &str, step: i64) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: String =
        secret.chars().map(|c| format!("{:05b}", ALPHABET.find(c).unwrap())).collect::<Vec<_>>().concat();
    let seed: Vec<u8> =
        (0..bits.len() / 8).map(|at| u8::from_str_radix(&bits[at * 8..at * 8 + 8], 2).unwrap()).collect();
    let key = format!("hexkey:{}", hex::encode(seed));
    let mut command = std::process::Command::new("openssl");
    command.args(["dgst", "-sha1", "-mac", "HMAC", "-macopt", &key]);
    let output = run_with(command, &step.to_be_bytes()).await.done();
    let tag = hex::decode(output.trim().rsplit(' ').next().unwrap()).unwrap();
    let at = usize::from(tag[19] & 15);
    let word = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", word % 1_000_000)
}

async fn a_code_is_used_once_and_a_sixth_try_waits(world: &mut World) {
    let eve = appoint(world, "eve", "organization_officer").await;
    let mut browser = Browser::of(world, &eve, "eve").await;
    let refused = browser.request("POST", "/api/v1/me/mfa/totp", None).await;
    assert_eq!(code(&refused), (403, "step_up_required".into()));
    let proof = json!({"password": PASSWORD});
    let done = browser.request("POST", "/api/v1/sessions/current/step-up", Some(&proof)).await.expect(200);
    browser.keep(&done);
    let enrolled = browser.request("POST", "/api/v1/me/mfa/totp", None).await.expect(201).json();
    let secret = enrolled["secret"].as_str().unwrap().to_owned();
    assert!(enrolled["url"].as_str().unwrap().contains(&secret));
    // Until it is confirmed the password is enough.
    _ = Browser::new(world, &browser.origin).sign_in("eve", PASSWORD, None).await.expect(201);
    let step = || SystemClock::default().now().unix() / 30;
    let first = totp(&secret, step()).await;
    let confirm = "/api/v1/me/mfa/totp/confirm";
    let confirmed = browser.request("POST", confirm, Some(&json!({"code": first}))).await.expect(200).json();
    let recovery: Vec<&str> =
        confirmed["recoveryCodes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(recovery.len(), 10);

    let mut other = Browser::new(world, &browser.origin);
    assert_eq!(code(&other.sign_in("eve", PASSWORD, None).await), (401, "second_factor_required".into()));
    let replayed = other.sign_in("eve", PASSWORD, Some(&first)).await;
    assert_eq!(code(&replayed), (401, "unauthenticated".into()), "the same code twice");
    _ = other.sign_in("eve", PASSWORD, Some(&totp(&secret, step() + 1).await)).await.expect(201);
    _ = other.sign_in("eve", PASSWORD, Some(recovery[0])).await.expect(201);
    assert_eq!(other.sign_in("eve", PASSWORD, Some(recovery[0])).await.status, 401, "used up");
    for _ in 0..3 {
        assert_eq!(other.sign_in("eve", PASSWORD, Some("000000")).await.status, 401);
    }
    let sixth = other.sign_in("eve", PASSWORD, Some(recovery[1])).await;
    assert_eq!(code(&sixth), (429, "sign_in_locked".into()), "with the right code");
    let wait: u32 = sixth.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((60..=901).contains(&wait), "{wait}");
    // Who lost the phone and the codes begins anew, if somebody who holds as much says so.
    let theirs = format!("/api/v1/admins/{eve}/mfa/totp");
    let reset = world.api().request(Method::DELETE, &theirs, &[], Bytes::new()).await.unwrap();
    assert_eq!(reset.expect(200).json()["hasSecondFactor"], false);
    let (origin, drawn) = link(&world.api(), &eve).await;
    let mut anew = Browser::new(world, &origin);
    _ = anew.set_password(&drawn, "plum tractor sails west").await.expect(200);
    _ = anew.sign_in("eve", "plum tractor sails west", None).await.expect(201);
    // The seed is nowhere in the database as it is.
    let sql = "select count(*) from log.event where payload::text like '%' || $1 || '%'";
    let found: i64 = world.admin().await.query_one(sql, &[&secret]).await.unwrap().get(0);
    assert_eq!(found, 0);
}

async fn who_guesses_waits_also_after_a_restart(world: &mut World) {
    let finn = appoint(world, "finn", "organization_officer").await;
    let mut browser = Browser::of(world, &finn, "finn").await;
    let mut other = Browser::new(world, &browser.origin);
    let last = async |browser: &mut Browser| {
        let mut refused = None;
        for _ in 0..8 {
            let answer = browser.sign_in("finn", "plum tractor sails south", None).await;
            if code(&answer) == (429, "sign_in_locked".into()) {
                refused = Some(answer);
                break;
            }
            assert_eq!(code(&answer), (401, "unauthenticated".into()));
        }
        refused.expect("it is locked")
    };
    let refused = last(&mut other).await;
    assert!(refused.headers.contains_key("retry-after"));
    let with_the_right_one = other.sign_in("finn", PASSWORD, None).await;
    assert_eq!(code(&with_the_right_one), (429, "sign_in_locked".into()));
    // Whoever is signed in already is not kept out by those who guess.
    let proof = json!({"password": PASSWORD});
    let done = browser.request("POST", "/api/v1/sessions/current/step-up", Some(&proof)).await.expect(200);
    browser.keep(&done);
    world.stop().await;
    world.start().await;
    let still = async || {
        let answer = other.clone().sign_in("finn", PASSWORD, None).await;
        (answer.status != 503 && answer.status != 504).then_some(answer)
    };
    assert_eq!(code(&eventually("the directory answers", still).await), (429, "sign_in_locked".into()));
    // Who is signed in stays so, and a new link is a new beginning.
    let me = async || browser.request("GET", "/api/v1/me", None).await.status.is_success().then_some(());
    eventually("the session goes on", me).await;
    let (_, code) = link(&world.api(), &finn).await;
    _ = browser.set_password(&code, "violet engine hums softly").await.expect(200);
    _ = browser.sign_in("finn", "violet engine hums softly", None).await.expect(201);
}
