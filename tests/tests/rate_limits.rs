//! L-2: how many requests there may be in a minute, per address, administrator and organization; a restart forgets none.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use bytes::Bytes;
use chancery_tests::world::{Mode, World, begin, eventually};
use contracts::Service;
use http::Method;
use runtime::clock::{Clock as _, SystemClock};
use serde_json::json;
use testkit::{Answer, Https};

const ADMINISTRATOR: u32 = 20;
const ORGANIZATION: &str = "12";
const COSTLY: &str = "3";
const GUESSES: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_one_process() {
    every_journey(Mode::OneProcess).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_process_per_service() {
    every_journey(Mode::ProcessPerService).await;
}

async fn every_journey(mode: Mode) {
    let (requests, guesses) = (ADMINISTRATOR.to_string(), GUESSES.to_string());
    let mut world = World::start_with(
        mode,
        &[
            ("limits.requests_per_minute", &requests),
            ("limits.organization_requests_per_minute", ORGANIZATION),
            ("limits.costly_requests_per_minute", COSTLY),
            ("limits.failed_sign_ins_per_minute", &guesses),
        ],
    )
    .await;
    begin("who guesses is told to wait, others at the address are not", mode);
    who_guesses_has_to_wait(&world).await;
    begin("searches have a lower limit, an organization one for all", mode);
    searches_have_a_lower_limit(&world).await;
    begin("an address has a limit, and a restart does not lift it", mode);
    a_restart_lifts_no_limit(&mut world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_configuration_there_is_no_limit_and_no_header() {
    let world = World::start(Mode::OneProcess).await;
    for _ in 0..100 {
        let answer = world.api().get("/api/v1/me").await.expect(200);
        assert_eq!((answer.header("ratelimit"), answer.header("ratelimit-policy")), ("", ""));
    }
}

async fn who_guesses_has_to_wait(world: &World) {
    let guesser = from(world, "127.0.0.3").with_token(Some("chy_01jdp4q2x8f7mb3v5kz6n9w0ae_00_00000000"));
    for _ in 0..GUESSES {
        _ = guesser.get("/api/v1/me").await.expect(401);
    }
    let refused = guesser.get("/api/v1/me").await.expect(429);
    assert_eq!(refused.json()["code"], "rate_limited");
    assert!((1..=120).contains(&seconds(&refused)), "{}", refused.header("retry-after"));
    // Whoever shows nothing guesses nothing; whoever shows what is valid is let in.
    _ = guesser.with_token(None).get("/api/v1/me").await.expect(401);
    _ = from(world, "127.0.0.3").get("/api/v1/me").await.expect(200);
    _ = from(world, "127.0.0.4").with_token(Some("chy_none")).get("/api/v1/me").await.expect(401);
}

async fn searches_have_a_lower_limit(world: &World) {
    early_in_a_minute().await;
    let searcher = somebody(world, "searcher", "127.0.0.5").await;
    let search = "/api/v1/certificates?q=example";
    for left in (0..3).rev() {
        let answer = searcher.get(search).await.expect(200);
        assert!(
            answer.header("ratelimit").starts_with(&format!("\"costly\";r={left};t=")),
            "{:?}",
            answer.headers
        );
        assert_eq!(answer.header("ratelimit-policy"), "\"costly\";q=3;w=60");
    }
    assert_eq!(searcher.get(search).await.expect(429).json()["code"], "rate_limited");
    _ = searcher.get("/api/v1/certificates").await.expect(200);
    // Their organization's limit is used up before their own.
    let refused = eventually("the organization has had enough", async || {
        let answer = searcher.get("/api/v1/me").await;
        (answer.status == 429).then_some(answer)
    })
    .await;
    assert!(
        refused.json()["detail"].as_str().unwrap().contains("by this organization"),
        "{}",
        refused.text()
    );
}

async fn a_restart_lifts_no_limit(world: &mut World) {
    early_in_a_minute().await;
    let (path, anonymous) = ("/api/v1/meta", from(world, "127.0.0.6").with_token(None));
    let first = anonymous.get(path).await.expect(200);
    assert_eq!(first.header("ratelimit-policy"), format!("\"default\";q={ADMINISTRATOR};w=60"));
    assert!(first.header("ratelimit").starts_with(&format!("\"default\";r={};t=", ADMINISTRATOR - 1)));
    let refused = eventually("the address has had enough", async || {
        let answer = anonymous.get(path).await;
        (answer.status == 429).then_some(answer)
    })
    .await;
    assert!(refused.header("ratelimit").starts_with("\"default\";r=0;t="));
    assert_eq!(anonymous.get("/nowhere").await.status, 429);

    let admin = world.admin().await;
    let saved = "select sum(count)::bigint from gateway.request_count where key = 'default 127.0.0.6'";
    eventually("the counts are saved", async || {
        let count: Option<i64> = admin.query_one(saved, &[]).await.unwrap().get(0);
        count.filter(|count| *count >= i64::from(ADMINISTRATOR))
    })
    .await;
    let head = world.head().await;
    let gateway = world.process_of(Service::Gateway);
    world.restart(gateway);
    let again = eventually("the gateway is back", async || {
        anonymous.request(Method::GET, path, &[], Bytes::new()).await.ok()
    })
    .await;
    assert_eq!(again.status, 429, "{}", again.text());
    assert_eq!(world.head().await, head, "counting is none of the log's business");
}

fn from(world: &World, address: &str) -> Https {
    world.https_from(address.parse().unwrap())
}

/// What was counted in a minute counts less and less in the next: waits until the next is far.
async fn early_in_a_minute() {
    let early = async || (SystemClock::new().now().unix() % 60 < 40).then_some(());
    eventually("a minute begins", early).await;
}

/// The seconds of `Retry-After`.
fn seconds(answer: &Answer) -> u32 {
    answer.header("retry-after").parse().unwrap()
}

/// An organization, and its own auditor at an address.
async fn somebody(world: &World, name: &str, address: &str) -> Https {
    let api = world.api();
    _ = api.post("/api/v1/organizations", &json!({"name": name})).await.expect(201);
    let grants = json!([{"role": "auditor", "organization": format!("name:{name}")}]);
    let person =
        api.post("/api/v1/admins", &json!({"name": name, "grants": grants})).await.expect(201).json();
    let body = json!({"name": name, "administrator": person["id"]});
    let token = api.post("/api/v1/tokens", &body).await.expect(201).json();
    let client = from(world, address).with_token(token["secret"].as_str());
    // Until the token is known its owner guesses.
    eventually("the token is known", async || (client.get("/api/v1/me").await.status == 200).then_some(()))
        .await;
    client
}
