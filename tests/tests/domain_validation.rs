//! O4: an organization proves that it controls a domain, against a real DNS server and a real web server; a private CA
//! needs no proof. The dated windows are tested where they are decided, `services/directory/src/domain_validation/`.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use chancery_tests::{
    subscriber::p256,
    world::{Mode, World, begin, eventually},
};
use contracts::Timestamp;
use serde_json::{Value, json};
use testkit::{Https, NameServer, WebServer, web_server::own_address};
use tokio::net::TcpListener;

/// The peers of an installation.
struct Peers {
    names: NameServer,
    web: WebServer,
    /// Connections to an address of this machine that nobody may be sent to.
    forbidden: Arc<AtomicUsize>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_one_process() {
    every_journey(Mode::OneProcess).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_process_per_service() {
    every_journey(Mode::ProcessPerService).await;
}

async fn every_journey(mode: Mode) {
    let (inside, forbidden) = forbidden_listener().await;
    let web = WebServer::start(&[
        ("moved.example", "http://shop.example$request_uri"),
        ("metadata.example", "http://169.254.169.254/latest/meta-data/"),
        ("cloud.example", "http://instance.cloud.example/latest/meta-data/"),
        ("trap.example", "http://inside.trap.example/"),
        ("endless.example", "http://endless.example/again"),
        ("elsewhere.example", "http://shop.example:8080/"),
    ]);
    let at = web.address();
    let here = format!("@ A {at}");
    let names = NameServer::start(&[
        ("shop.example", &here),
        ("moved.example", &here),
        ("metadata.example", &here),
        ("cloud.example", &format!("{here}\ninstance A 169.254.169.254")),
        ("trap.example", &format!("{here}\ninside A {inside}")),
        ("endless.example", &here),
        ("elsewhere.example", &here),
        ("circle.example", "_chancery-challenge CNAME a\na CNAME b\nb CNAME _chancery-challenge"),
        ("alias.example", "_chancery-challenge CNAME proof\nproof A 192.0.2.1"),
        ("mixed.example", &format!("@ A {at}\n@ A {inside}")),
    ])
    .await;
    let (resolver, allowed) = (names.address().to_string(), at.to_string());
    let settings = [("outbound.resolver", resolver.as_str()), ("outbound.allow", allowed.as_str())];
    let mut world = World::start_with(mode, &settings).await;
    let mut peers = Peers { names, web, forbidden };
    begin("a_private_ca_needs_no_proof", mode);
    a_private_ca_needs_no_proof(&world).await;
    begin("a_txt_record_proves_control", mode);
    a_txt_record_proves_control(&world, &mut peers).await;
    begin("a_proof_is_found_unasked", mode);
    a_proof_is_found_unasked(&world, &mut peers).await;
    begin("cnames_are_followed_and_compared", mode);
    cnames_are_followed_and_compared(&world, &mut peers).await;
    begin("a_file_proves_control_where_it_may_be_fetched", mode);
    a_file_proves_control_where_it_may_be_fetched(&world, &peers).await;
    begin("a_mail_goes_to_the_domains_own_administrators", mode);
    a_mail_goes_to_the_domains_own_administrators(&world).await;
    begin("a_proof_is_one_organizations", mode);
    a_proof_is_one_organizations(&mut world).await;
    begin("the_command_line_does_it_too", mode);
    the_command_line_does_it_too(&world, &mut peers).await;
    assert_eq!(peers.forbidden.load(Ordering::SeqCst), 0, "nobody was sent where nobody may go");
}

/// Counts who comes to an address that is not allowed.
async fn forbidden_listener() -> (std::net::Ipv4Addr, Arc<AtomicUsize>) {
    let address = own_address();
    let listener = TcpListener::bind((address, 80)).await.unwrap();
    let count = Arc::<AtomicUsize>::default();
    let counted = count.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (address, count)
}

async fn domain(world: &World, name: &str) {
    let new = json!({"name": name, "delegateTo": ["name:default"]});
    _ = world.api().post("/api/v1/domains", &new).await.expect(201);
}

/// Begins a validation of a domain that is made for it.
async fn started(world: &World, name: &str, method: &str) -> Value {
    domain(world, name).await;
    begun(&world.api(), name, method).await
}

async fn begun(client: &Https, name: &str, method: &str) -> Value {
    let path = format!("/api/v1/domains/name:{name}/validations");
    client.post(&path, &json!({"method": method})).await.expect(201).json()
}

/// Looks now.
async fn checked(world: &World, validation: &Value) -> Value {
    let path = format!("{}/check", path(validation));
    world.api().post(&path, &json!({})).await.expect(200).json()
}

fn path(validation: &Value) -> String {
    format!("/api/v1/domains/{}/validations/{}", text(validation, "domainId"), text(validation, "id"))
}

fn text(of: &Value, member: &str) -> String {
    of[member].as_str().unwrap_or_else(|| panic!("no {member}: {of}")).to_owned()
}

/// It was looked for and not found, for this reason.
fn is_pending(validation: &Value, reason: &str) {
    assert_eq!(validation["status"], "pending", "{validation}");
    assert!(text(validation, "reason").contains(reason), "expected '{reason}': {validation}");
}

fn days_of(validation: &Value) -> i64 {
    let at = |member| text(validation, member).parse::<Timestamp>().unwrap();
    (at("validUntil").0 - at("validatedAt").0).whole_days()
}

async fn a_private_ca_needs_no_proof(world: &World) {
    domain(world, "private.example").await;
    let issued = world.issue(&p256("www.private.example").pem).await;
    assert_eq!(issued["status"], "issued", "{issued}");
    let all = world.api().get("/api/v1/domain-validations").await.expect(200).json();
    assert_eq!(all["items"], json!([]));
}

async fn a_txt_record_proves_control(world: &World, peers: &mut Peers) {
    let validation = started(world, "shop.example", "dns_txt").await;
    assert_eq!((&validation["status"], &validation["attempts"]), (&json!("pending"), &json!(0)));
    let (name, value) = (text(&validation["challenge"], "name"), text(&validation["challenge"], "value"));
    assert_eq!((name.as_str(), value.len()), ("_chancery-challenge.shop.example", 40));
    is_pending(
        &checked(world, &validation).await,
        "there is no TXT record at '_chancery-challenge.shop.example'",
    );
    peers.names.publish("shop.example", "_chancery-challenge TXT \"something else\"").await;
    is_pending(&checked(world, &validation).await, "says 'something else', expected");
    // Beside others, in two strings, in whatever order.
    let (half, rest) = value.split_at(20);
    peers.names.publish("shop.example", &format!("_chancery-challenge TXT \"{half}\" \"{rest}\"")).await;
    let validated = checked(world, &validation).await;
    assert_eq!(validated["status"], "validated", "{validated}");
    assert_eq!((days_of(&validated), &validated["coversNamesBelow"]), (200, &json!(true)));
    assert_eq!(validated["reason"], Value::Null);
    peers.names.withdraw("shop.example", "_chancery-challenge").await;
    // That it is gone by now is told, and the proof still counts.
    let again = checked(world, &validation).await;
    assert_eq!((&again["status"], &again["validUntil"]), (&json!("validated"), &validated["validUntil"]));
    let told = async || {
        let path = format!("/api/v1/events?subject={}&types=domain.validated", text(&validation, "domainId"));
        let events = world.api().get(&path).await.expect(200).json();
        events["items"].as_array().and_then(|all| all.first().cloned())
    };
    let event = eventually("the public event is told", told).await;
    assert_eq!(event["type"], "chancery.domain.validated.v1");
    assert_eq!(
        (&event["data"]["method"], &event["data"]["validUntil"]),
        (&json!("dns"), &validated["validUntil"])
    );
    let timeline = world.api().get(&format!("{}/timeline", path(&validation))).await.expect(200).json();
    assert_eq!(timeline["items"][0]["type"], "domain_validation.started");
}

async fn a_proof_is_found_unasked(world: &World, peers: &mut Peers) {
    let validation = begun(&world.api(), "shop.example", "dns_txt").await;
    let value = text(&validation["challenge"], "value");
    peers.names.publish("shop.example", &format!("_chancery-challenge TXT \"{value}\"")).await;
    let found = async || {
        let now = world.api().get(&path(&validation)).await.expect(200).json();
        (now["status"] == "validated").then_some(now)
    };
    let found = eventually("the proof is found", found).await;
    assert!(
        text(&found, "nextAttemptAt") < text(&found, "validUntil"),
        "it is proved again in time: {found}"
    );
    peers.names.withdraw("shop.example", "_chancery-challenge").await;
}

async fn cnames_are_followed_and_compared(world: &World, peers: &mut Peers) {
    let validation = begun(&world.api(), "shop.example", "dns_cname").await;
    let target = text(&validation["challenge"], "target");
    is_pending(&checked(world, &validation).await, "there is no CNAME record");
    peers.names.publish("shop.example", "_chancery-challenge CNAME other.invalid.").await;
    is_pending(&checked(world, &validation).await, "points to 'other.invalid', expected");
    peers.names.withdraw("shop.example", "_chancery-challenge").await;
    peers.names.publish("shop.example", &format!("_chancery-challenge CNAME {target}.")).await;
    assert_eq!(checked(world, &validation).await["status"], "validated");

    let circle = started(world, "circle.example", "dns_txt").await;
    is_pending(&checked(world, &circle).await, "leads in a circle");
    let alias = started(world, "alias.example", "dns_txt").await;
    let value = text(&alias["challenge"], "value");
    peers.names.publish("alias.example", &format!("proof TXT \"{value}\"")).await;
    assert_eq!(checked(world, &alias).await["status"], "validated");
}

async fn a_file_proves_control_where_it_may_be_fetched(world: &World, peers: &Peers) {
    let serve = |validation: &Value, content: &str| {
        let url = text(&validation["challenge"], "url");
        let (_, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        peers.web.put(path, content);
    };
    let validation = begun(&world.api(), "shop.example", "http").await;
    let content = text(&validation["challenge"], "content");
    is_pending(&checked(world, &validation).await, "answers with status 404");
    serve(&validation, "secret of the server");
    let refused = checked(world, &validation).await;
    is_pending(&refused, "does not say what it should");
    assert!(!refused.to_string().contains("secret of the server"), "{refused}");
    serve(&validation, &"x".repeat(513));
    is_pending(&checked(world, &validation).await, "more than 512 bytes");
    serve(&validation, &format!("{content}\n"));
    let validated = checked(world, &validation).await;
    assert_eq!((&validated["status"], &validated["coversNamesBelow"]), (&json!("validated"), &json!(false)));

    let moved = started(world, "moved.example", "http").await;
    serve(&moved, &text(&moved["challenge"], "content"));
    assert_eq!(checked(world, &moved).await["status"], "validated");
    for (name, reason) in [
        ("metadata.example", "its host is an address"),
        ("cloud.example", "169.254.169.254, which is a cloud's metadata service"),
        ("trap.example", "which is loopback"),
        ("mixed.example", "which is loopback"),
        ("endless.example", "more than 10 redirects"),
        ("elsewhere.example", "only port 80 of http and port 443 of https"),
    ] {
        let validation = started(world, name, "http").await;
        is_pending(&checked(world, &validation).await, reason);
    }
}

async fn a_mail_goes_to_the_domains_own_administrators(world: &World) {
    let validation = begun(&world.api(), "shop.example", "email").await;
    let recipients = &validation["challenge"]["recipients"];
    assert_eq!((recipients.as_array().unwrap().len(), &recipients[0]), (5, &json!("admin@shop.example")));
    let check = format!("{}/check", path(&validation));
    let refused = world.api().post(&check, &json!({})).await.expect(409).json();
    assert_eq!(refused["code"], "invalid_state");
    // Whoever guesses learns nothing, and needs no token to be told so.
    let anybody = world.api().with_token(None);
    for code in [format!("{}.{}", text(&validation, "id"), "00".repeat(32)), "x".into(), "val_x.0".into()] {
        let refused = anybody.post("/api/v1/domain-validations/confirm", &json!({"code": code})).await;
        assert_eq!(refused.expect(409).json()["code"], "link_void", "{code}");
    }
}

async fn a_proof_is_one_organizations(world: &mut World) {
    let other = world.organization_without_domain("other").await;
    let delegation = json!({"delegateTo": "name:other"});
    _ = world.api().post("/api/v1/domains/name:shop.example/delegations", &delegation).await.expect(201);
    let listed = world.api().get("/api/v1/domains/name:shop.example/validations").await.expect(200).json();
    assert!(listed["items"].as_array().unwrap().len() >= 4, "{listed}");
    let ours = listed["items"][0].clone();
    let head = world.head().await;
    let own = eventually("the delegation is seen", async || {
        let own = other.get("/api/v1/domains/name:shop.example/validations").await;
        (own.status == 200).then(|| own.json())
    });
    assert_eq!(own.await["items"], json!([]), "at {head}");
    _ = other.get(&path(&ours)).await.expect(404);
    _ = other.post(&format!("{}/check", path(&ours)), &json!({})).await.expect(404);
    let for_ours = json!({"method": "dns_txt", "organization": "name:default"});
    _ = other.post("/api/v1/domains/name:shop.example/validations", &for_ours).await.expect(404);
    // What is not delegated to an organization is not its to prove.
    let not_theirs = json!({"method": "dns_txt", "organization": "name:other"});
    let refused = world.api().post("/api/v1/domains/name:moved.example/validations", &not_theirs).await;
    assert_eq!(refused.expect(409).json()["code"], "invalid_state");
    let every = world.api().post("/api/v1/domains/name:*/validations", &json!({"method": "dns_txt"})).await;
    assert_eq!(every.expect(422).json()["errors"][0]["code"], "domain_not_validatable");
}

async fn the_command_line_does_it_too(world: &World, peers: &mut Peers) {
    let ran = world.cli(&["domain", "validate", "moved.example", "-o", "json"]).await;
    let validation: Value = serde_json::from_str(&ran.stdout).unwrap();
    let value = text(&validation["challenge"], "value");
    assert!(ran.stderr.contains(&format!("IN TXT \"{value}\"")), "{}", ran.stderr);
    peers.names.publish("moved.example", &format!("_chancery-challenge TXT \"{value}\"")).await;
    let id = text(&validation, "id");
    let ran = world.cli(&["domain", "check", "moved.example", &id, "-o", "json"]).await;
    let validated: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(validated["status"], "validated");
    let ran = world.cli(&["domain", "validations", "moved.example"]).await;
    assert!(ran.stdout.contains("validated"), "{}", ran.stdout);
}
