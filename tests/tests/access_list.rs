//! O8: an access list says from where people may come; it counts at once, and nobody locks themselves out by mistake.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests fail as tests do

use std::time::Duration;

use bytes::Bytes;
use chancery_tests::world::{Mode, World, begin, eventually};
use contracts::Service;
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Https};
use tokio::time::Instant;

/// Where most people are, and those whom the first list names.
const OUTSIDE: &str = "127.0.0.1";
const INSIDE: &str = "127.0.0.2";
/// Whom the configuration always lets in; a proxy that it trusts, and one that it does not.
const OPERATOR: &str = "127.0.0.7";
const PROXY: &str = "127.0.0.9";
const STRANGER: &str = "127.0.0.8";

const LIST: &str = "# the office\n192.168.0.0/16\n#0.0.0.0/0\n127.0.0.2 # this desk\n";
const INSTALLATION: &str = "/api/v1/access-list";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_one_process() {
    every_journey(Mode::OneProcess).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_process_per_service() {
    every_journey(Mode::ProcessPerService).await;
}

async fn every_journey(mode: Mode) {
    let settings = [("server.trusted_proxies", PROXY), ("server.always_allowed", OPERATOR)];
    let mut world = World::start_with(mode, &settings).await;
    begin("a list that shuts out who saves it is refused unless forced", mode);
    refused_unless_forced(&world).await;
    begin("a list counts at once, on every path", mode);
    counts_at_once(&world).await;
    begin("a forged header changes nothing", mode);
    a_forged_header_changes_nothing(&world).await;
    begin("a restart keeps the list", mode);
    a_restart_keeps_it(&mut world).await;
    begin("whoever runs the machine gets back in", mode);
    there_is_a_way_back_in(&world).await;
    begin("an organization has a list of its own", mode);
    an_organization_has_its_own(&world).await;
    begin("the command line keeps it in a file", mode);
    the_command_line_keeps_it_in_a_file(&world).await;
}

async fn refused_unless_forced(world: &World) {
    let api = from(world, OUTSIDE);
    let empty = api.get(INSTALLATION).await.expect(200);
    assert_eq!(empty.json(), json!({"organizationId": null, "text": "", "networks": [], "version": 0}));
    assert_eq!(empty.header("etag"), "\"0\"");
    for path in [INSTALLATION.to_owned(), format!("{INSTALLATION}?dryRun=true")] {
        let problem = save(&api, &path, LIST, false).await.expect(422).json();
        assert_eq!(problem["errors"][0]["code"], "shuts_out_caller");
        assert_eq!(problem["errors"][0]["allowed"], json!([OUTSIDE]));
    }
    let problem = save(&api, INSTALLATION, "10.0.0.1/8\n127.0.0.1\noffice", false).await.expect(422).json();
    let codes: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| &error["code"]).collect();
    assert_eq!(codes, ["host_bits_set", "invalid_address"]);
    assert_eq!(problem["errors"][0]["allowed"], json!(["10.0.0.0/8", "10.0.0.1"]));
    let dry = save(&api, &format!("{INSTALLATION}?dryRun=true"), LIST, true).await.expect(200).json();
    assert_eq!(dry["wouldChange"], true);
    assert_eq!(api.get(INSTALLATION).await.expect(200).json()["version"], 0, "nothing was saved");
}

async fn counts_at_once(world: &World) {
    let (inside, outside) = (from(world, INSIDE), from(world, OUTSIDE));
    let listening = listen(&outside);
    eventually("somebody listens", async || {
        let (_, metrics) = operations(world, "/metrics").await;
        metrics
            .lines()
            .any(|line| line.starts_with("chancery_sse_clients") && !line.ends_with(" 0"))
            .then_some(())
    })
    .await;

    let headers = [("if-match", "\"0\""), ("idempotency-key", "first list")];
    let saved = put(&inside, INSTALLATION, &headers, &json!({"text": LIST})).await.expect(200);
    let since = Instant::now();
    assert_eq!(saved.header("etag"), "\"1\"");
    assert_eq!(saved.json()["networks"], json!(["192.168.0.0/16", INSIDE]));
    for path in [
        "/api/v1/me",
        "/api/v1/meta",
        "/api/v1/openapi.json",
        "/api/v1/certificates",
        "/api/v1/events/stream",
        "/docs/api",
        "/docs/style.css",
        "/docs/problems/address_denied",
        "/nowhere",
    ] {
        for client in [outside.clone(), outside.with_token(None)] {
            let refused = client.get(path).await.expect(403);
            assert_eq!(refused.json()["code"], "address_denied", "{path}");
        }
    }
    let refused = outside.post("/api/v1/certificate-requests", &json!({"csr": "none"})).await.expect(403);
    assert_eq!(refused.json()["code"], "address_denied");
    let ended = tokio::time::timeout(Duration::from_secs(1).saturating_sub(since.elapsed()), listening).await;
    _ = ended.expect("who listens is shut out within a second").unwrap();
    assert_eq!(alive(world).await, 200, "operations are none of the list's business");

    // Read back as it was written; a repeat is the same request, another one has to know the version.
    let shown = inside.get(INSTALLATION).await.expect(200).json();
    assert_eq!((&shown["text"], &shown["version"]), (&json!(LIST), &json!(1)));
    let again = put(&inside, INSTALLATION, &headers, &json!({"text": LIST})).await.expect(200);
    assert_eq!(again.header("idempotency-replayed"), "true");
    let late = put(&inside, INSTALLATION, &[("if-match", "\"0\"")], &json!({"text": ""})).await.expect(412);
    assert_eq!(late.json()["currentVersion"], 1);
    let history = inside.get(&format!("{INSTALLATION}/timeline")).await.expect(200).json();
    assert_eq!(history["items"][0]["type"], "access_list.replaced");
}

async fn a_forged_header_changes_nothing(world: &World) {
    for (address, forwarded, status) in [
        (OUTSIDE, "192.168.1.1", 403),
        (STRANGER, "192.168.1.1", 403),
        (INSIDE, "203.0.113.1", 200),
        (PROXY, "192.168.1.1", 200),
        (PROXY, "203.0.113.1, 192.168.1.1", 200),
        (PROXY, "192.168.1.1, 203.0.113.1", 403),
        (PROXY, "192.168.1.1, unknown", 403),
    ] {
        let answer = ask(&from(world, address), &[("x-forwarded-for", forwarded)]).await;
        assert_eq!(answer.status.as_u16(), status, "{address} {forwarded}: {}", answer.text());
    }
}

async fn a_restart_keeps_it(world: &mut World) {
    let gateway = world.process_of(Service::Gateway);
    world.restart(gateway);
    let inside = from(world, INSIDE);
    eventually("the gateway is back", async || {
        let answer = inside.request(Method::GET, "/api/v1/me", &[], Bytes::new()).await;
        answer.ok().filter(|answer| answer.status == 200)
    })
    .await;
    _ = from(world, OUTSIDE).get("/api/v1/meta").await.expect(403);
    world.start().await;
}

async fn there_is_a_way_back_in(world: &World) {
    let nobody = "192.168.0.0/16\n#0.0.0.0/0\n";
    let inside = from(world, INSIDE);
    _ = save(&inside, INSTALLATION, nobody, false).await.expect(422);
    _ = save(&inside, INSTALLATION, nobody, true).await.expect(200);
    for address in [INSIDE, OUTSIDE] {
        _ = from(world, address).get("/api/v1/me").await.expect(403);
    }
    let operator = from(world, OPERATOR);
    _ = operator.get("/api/v1/me").await.expect(200);
    _ = save(&operator, INSTALLATION, "# nobody is kept out\n", false).await.expect(200);
    _ = from(world, OUTSIDE).get("/api/v1/me").await.expect(200);
    let sql = "select payload::text from log.event where type = 'access_list.replaced' order by position";
    let events = world.admin().await.query(sql, &[]).await.unwrap();
    let forced: Vec<_> = events
        .iter()
        .map(|row| serde_json::from_str::<Value>(row.get(0)).unwrap()["forced"].as_bool().unwrap())
        .collect();
    assert_eq!(forced, [false, true, false]);
}

async fn an_organization_has_its_own(world: &World) {
    let (alice, bob) = (organization(world, "alice").await, organization(world, "bob").await);
    let [alice_inside, bob_outside] = [(INSIDE, &alice), (OUTSIDE, &bob)]
        .map(|(address, token)| from(world, address).with_token(Some(token)));
    let alice_outside = from(world, OUTSIDE).with_token(Some(&alice));
    let path = "/api/v1/organizations/name:alice/access-list";
    // Whose list it is not learns nothing of it, and an organization does not decide for the installation.
    let id = alice_inside.get("/api/v1/me").await.expect(200).json()["organizationId"]
        .as_str()
        .unwrap()
        .to_owned();
    let by_id = format!("/api/v1/organizations/{id}/access-list");
    _ = bob_outside.get(&by_id).await.expect(404);
    _ = save(&bob_outside, &by_id, INSIDE, true).await.expect(404);
    _ = alice_inside.get(INSTALLATION).await.expect(403);
    _ = save(&alice_inside, INSTALLATION, INSIDE, true).await.expect(403);
    let missing = "/api/v1/organizations/org_01jdp4q2x8f7mb3v5kz6n9w0ae/access-list";
    _ = save(&from(world, OUTSIDE), missing, "", false).await.expect(404);

    let listening = listen(&alice_outside);
    _ = save(&alice_outside, &by_id, INSIDE, false).await.expect(422);
    let saved = save(&alice_inside, path, INSIDE, false).await.expect(200).json();
    assert_eq!((&saved["organizationId"], &saved["networks"]), (&json!(id), &json!([INSIDE])));
    let since = Instant::now();
    for path in ["/api/v1/me", "/api/v1/certificates", "/api/v1/events/stream"] {
        assert_eq!(alice_outside.get(path).await.expect(403).json()["code"], "address_denied");
        _ = alice_inside.get("/api/v1/certificates").await.expect(200);
        _ = bob_outside.get("/api/v1/certificates").await.expect(200);
    }
    // Who is not signed in belongs to no organization.
    _ = alice_outside.with_token(None).get("/api/v1/meta").await.expect(200);
    let ended = tokio::time::timeout(Duration::from_secs(1).saturating_sub(since.elapsed()), listening).await;
    _ = ended.expect("who listens is shut out within a second").unwrap();

    let sql = "select payload::text from log.event where category = 'denial' and payload::text like '%address_denied%'";
    let denials = eventually("the denial is recorded", async || {
        let rows = world.admin().await.query(sql, &[]).await.unwrap();
        (!rows.is_empty()).then_some(rows)
    })
    .await;
    assert_eq!(denials.len(), 1, "once, however often it is tried");
    let denial: Value = serde_json::from_str(denials[0].get(0)).unwrap();
    assert_eq!(denial, json!({"operation": "getMe", "code": "address_denied", "address": OUTSIDE}));
    _ = save(&from(world, OUTSIDE), path, "", false).await.expect(200);
    _ = alice_outside.get("/api/v1/me").await.expect(200);
}

async fn the_command_line_keeps_it_in_a_file(world: &World) {
    let (token, text) = (world.token(), "# everybody here\n127.0.0.0/8\n");
    let environment = [("CHANCERY_TOKEN", token.as_str())];
    let set = ["access-list", "set", "-", "--organization", "alice"];
    let refused = world.cli_with(&set, &environment, b"192.168.0.0/16\n").await;
    assert_eq!(refused.code, 5, "{}", refused.stderr);
    assert!(refused.stderr.contains(&format!("allowed: {OUTSIDE}")), "{}", refused.stderr);
    let set = world.cli_with(&set, &environment, text.as_bytes()).await;
    assert_eq!(set.code, 0, "{}", set.stderr);
    let got = world.cli(&["access-list", "get", "--organization", "alice"]).await;
    assert_eq!((got.code, got.stdout.as_str()), (0, text), "{}", got.stderr);
    let empty = world.cli(&["access-list", "get"]).await;
    assert!(empty.stderr.contains("people may come from everywhere"), "{}", empty.stderr);
}

fn from(world: &World, address: &str) -> Https {
    world.https_from(address.parse().unwrap())
}

async fn ask(client: &Https, headers: &[(&str, &str)]) -> Answer {
    client.request(Method::GET, "/api/v1/me", headers, Bytes::new()).await.unwrap()
}

async fn save(client: &Https, path: &str, text: &str, force: bool) -> Answer {
    put(client, path, &[], &json!({"text": text, "force": force})).await
}

async fn put(client: &Https, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let headers = [&[("content-type", "application/json")], headers].concat();
    client.request(Method::PUT, path, &headers, body.to_string().into()).await.unwrap()
}

/// Follows events until the gateway ends the stream.
fn listen(client: &Https) -> tokio::task::JoinHandle<Answer> {
    let client = client.clone();
    tokio::spawn(async move { client.get("/api/v1/events/stream").await.expect(200) })
}

/// An organization and a token of its own.
async fn organization(world: &World, name: &str) -> String {
    _ = world.api().post("/api/v1/organizations", &json!({"name": name})).await.expect(201);
    let body = json!({"name": name, "organization": format!("name:{name}")});
    let token = world.api().post("/api/v1/tokens", &body).await.expect(201).json();
    let token = token["secret"].as_str().unwrap().to_owned();
    let client = world.api().with_token(Some(&token));
    eventually("the token is known", async || (client.get("/api/v1/me").await.status == 200).then_some(()))
        .await;
    token
}

/// The status of `/livez` of the gateway's process.
async fn alive(world: &World) -> u16 {
    operations(world, "/livez").await.0
}

/// What the gateway's process answers to operators: status and text.
async fn operations(world: &World, path: &str) -> (u16, String) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = world.operations(world.process_of(Service::Gateway));
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    _ = stream.read_to_string(&mut answer).await.unwrap();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}
