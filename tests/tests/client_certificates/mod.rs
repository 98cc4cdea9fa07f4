//! O9: TLS client certificates, made by OpenSSL and shown by curl: bound to an administrator by thumbprint, judged at each
//! request. Whatever does not count gets one and the same answer.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests fail as tests do

mod corporate_ca;

use std::fs;

use chancery_tests::{
    browser::{Browser, PASSWORD, link},
    subscriber::p256,
    tool::{Ran, run_with},
    world::{Mode, World, begin, eventually},
};
use http::Method;
use serde_json::{Value, json};
use testkit::Answer;

use self::corporate_ca::{CorporateCa, Identity, curl};

const ME: &str = "/api/v1/me";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_one_is_enough() {
    let ca = CorporateCa::new("Corporate");
    let world = start(Mode::OneProcess, "optional", &ca).await;
    begin("only a bound and valid certificate signs in", world.mode);
    only_a_bound_and_valid_certificate(&world, &ca).await;
    begin("a connection is judged anew at each request", world.mode);
    a_revocation_counts_on_open_connections(&world, &ca).await;
    begin("an event stream ends with the certificate that it began with", world.mode);
    a_stream_ends_with_its_certificate(&world, &ca).await;
    begin("nobody binds what another one has, and what is taken away is worth nothing", world.mode);
    a_certificate_has_one_owner(&world, &ca).await;
    begin("one that only the SHA-1 is known of", world.mode);
    one_that_only_the_sha1_is_known_of(&world, &ca).await;
    begin("without the roots no certificate counts", world.mode);
    without_the_roots_no_certificate_counts(&world, &ca).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_people_need_one_on_top() {
    let ca = CorporateCa::new("Corporate");
    let world = start(Mode::ProcessPerService, "required", &ca).await;
    begin("a program signs in with one, a person does not", world.mode);
    let (person, program) = (ca.client("paula"), ca.client("robot"));
    let paula = appoint(&world, "paula", "person").await;
    let robot = appoint(&world, "robot", "service").await;
    bind(&world, &paula, &json!({"certificate": person.pem()})).await;
    bind(&world, &robot, &json!({"certificate": program.pem()})).await;
    signs_in(&world, &program, &robot).await;
    assert_eq!(status(&world, Some(&person), ME, &[]).await, "401");
    begin("people need it beside their password, and beside each request", world.mode);
    a_person_needs_it_beside_the_password(&world, &ca, &paula, &person, &program).await;
}

async fn a_person_needs_it_beside_the_password(
    world: &World,
    ca: &CorporateCa,
    paula: &str,
    person: &Identity,
    program: &Identity,
) {
    let (origin, code) = link(&world.api(), paula).await;
    _ = Browser::new(world, &origin).set_password(&code, PASSWORD).await.expect(200);
    let jar = world.data_dir().join("cookies");
    let jar = jar.display().to_string();
    let sign_in = async |identity: Option<&Identity>, password: &str| {
        let body = json!({"name": "paula", "password": password}).to_string();
        let json = ["--header", "content-type: application/json", "--data", &body, "--cookie-jar", &jar];
        let ran = ask(world, identity, "/api/v1/sign-in", &json).await;
        serde_json::from_str::<Value>(&ran.done()).unwrap()
    };
    let unbound = ca.client("somebody");
    let (wrong, words) = (sign_in(Some(person), "another password").await, "name or password is wrong");
    assert_eq!((&wrong["status"], &wrong["detail"]), (&json!(401), &json!(words)));
    for (what, identity) in [("none", None), ("unbound", Some(&unbound)), ("another's", Some(program))] {
        let refused = sign_in(identity, PASSWORD).await;
        assert_eq!((&refused["status"], &refused["detail"]), (&json!(401), &json!(words)), "{what}");
    }
    let session = sign_in(Some(person), PASSWORD).await;
    assert_eq!(session["administratorId"], paula, "{session}");
    let with_cookie = ["--cookie", &jar];
    eventually("the session counts", async || {
        (status(world, Some(person), ME, &with_cookie).await == "200").then_some(())
    })
    .await;
    // Another certificate of hers is not the one that the session began with.
    let second = ca.client("paula2");
    bind(world, paula, &json!({"certificate": second.pem()})).await;
    for identity in [None, Some(&unbound), Some(program), Some(&second)] {
        assert_eq!(status(world, identity, ME, &with_cookie).await, "401", "{identity:?}");
    }
    ca.revoke(person);
    eventually("the revoked certificate ends it", async || {
        (status(world, Some(person), ME, &with_cookie).await == "401").then_some(())
    })
    .await;
}

/// An installation that trusts a CA.
async fn start(mode: Mode, worth: &str, ca: &CorporateCa) -> World {
    let (authorities, crl) = (ca.certificate().display().to_string(), ca.crl().display().to_string());
    let settings = [
        ("auth.client_certificates", worth),
        ("auth.client_ca_file", &authorities),
        ("auth.client_crl_file", &crl),
    ];
    World::start_with(mode, &settings).await
}

/// A requester.
async fn appoint(world: &World, name: &str, kind: &str) -> String {
    let home = world.api().get(ME).await.expect(200).json()["organizationId"].clone();
    let body = json!({"name": name, "kind": kind, "grants": [{"role": "requester", "organization": home}]});
    world.api().post("/api/v1/admins", &body).await.expect(201).json()["id"].as_str().unwrap().to_owned()
}

/// Lets an administrator sign in with a certificate.
async fn bind(world: &World, administrator: &str, certificate: &Value) -> Value {
    let path = format!("/api/v1/admins/{administrator}/certificates");
    world.api().post(&path, certificate).await.expect(201).json()
}

/// Takes something away, with a reason.
async fn delete(world: &World, path: &str, reason: &str) -> Answer {
    let headers = [("content-type", "application/json")];
    world.api().request(Method::DELETE, path, &headers, reason.to_owned().into()).await.unwrap()
}

/// What curl gets.
async fn ask(world: &World, identity: Option<&Identity>, path: &str, more: &[&str]) -> Ran {
    run_with(curl(&world.address(), &world.ca_file(), identity, path, more), b"").await
}

/// The status that curl gets.
async fn status(world: &World, identity: Option<&Identity>, path: &str, more: &[&str]) -> String {
    let all = [&["--output", "/dev/null", "--write-out", "%{http_code}"], more].concat();
    ask(world, identity, path, &all).await.done()
}

/// Waits until a certificate makes its owner somebody: where services run apart, each learns of a binding by itself.
async fn signs_in(world: &World, identity: &Identity, administrator: &str) {
    eventually("the certificate signs in", async || {
        let ran = ask(world, Some(identity), ME, &[]).await;
        let me: Value = serde_json::from_str(&ran.stdout).ok()?;
        (me["administratorId"] == *administrator).then_some(())
    })
    .await;
}

async fn only_a_bound_and_valid_certificate(world: &World, ca: &CorporateCa) {
    let alice = appoint(world, "alice", "person").await;
    let good = ca.client("alice");
    let bound = bind(world, &alice, &json!({"certificate": good.pem()})).await;
    assert_eq!(bound["id"], good.fingerprint("-sha256").replace(':', "").to_lowercase());
    signs_in(world, &good, &alice).await;
    let p12 = good.p12("secret");
    let shown = format!("{}:secret", p12.display());
    assert_eq!(status(world, None, ME, &["--cert-type", "P12", "--cert", &shown]).await, "200");

    // Bound, too: what is wrong with the others is something else.
    let past = "-startdate 20200101000000Z -enddate 20200201000000Z";
    let (expired, server) = (ca.issue("alice", "client", past), ca.issue("alice", "server", ""));
    let (revoked, same_name) = (ca.client("revoked"), ca.self_signed("alice"));
    let other_ca = CorporateCa::new("Corporate");
    let foreign = other_ca.client("alice");
    for identity in [&expired, &server, &revoked, &same_name, &foreign] {
        bind(world, &alice, &json!({"sha256": identity.fingerprint("-sha256")})).await;
    }
    ca.revoke(&revoked);
    eventually("the CRL is read", async || {
        (status(world, Some(&revoked), ME, &[]).await == "401").then_some(())
    })
    .await;
    let unbound = ca.issue("alice", "client", "-days 29");
    let mut answers = vec![];
    for (what, identity) in [
        ("none", None),
        ("not bound", Some(&unbound)),
        ("expired", Some(&expired)),
        ("revoked", Some(&revoked)),
        ("for servers", Some(&server)),
        ("self-signed with the same name", Some(&same_name)),
        ("of a CA of the same name", Some(&foreign)),
    ] {
        let ran = ask(world, identity, ME, &[]).await;
        let mut problem: Value = serde_json::from_str(&ran.done()).unwrap();
        assert_eq!(problem["status"], 401, "{what}");
        for varies in ["instance", "traceId"] {
            problem[varies] = Value::Null;
        }
        answers.push(problem);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");

    begin("pages of a browser and headers of a proxy prove nothing", world.mode);
    let forwarded = format!("X-Forwarded-Client-Cert: Hash={}", good.fingerprint("-sha256").replace(':', ""));
    for headers in [["Origin: https://evil.example"], ["Sec-Fetch-Site: cross-site"], ["Cookie: a=b"]] {
        assert_eq!(status(world, Some(&good), ME, &["--header", headers[0]]).await, "401", "{headers:?}");
    }
    assert_eq!(status(world, None, ME, &["--header", &forwarded]).await, "401");
    let token = format!("Authorization: Bearer {}", world.token());
    assert_eq!(
        status(world, Some(&unbound), ME, &["--header", &token]).await,
        "200",
        "a token speaks for itself"
    );
}

async fn a_revocation_counts_on_open_connections(world: &World, ca: &CorporateCa) {
    let bob = appoint(world, "bob", "person").await;
    let identity = ca.client("bob");
    bind(world, &bob, &json!({"certificate": identity.pem()})).await;
    signs_in(world, &identity, &bob).await;
    // One connection; curl asks again and again while the certificate is revoked.
    let url = format!("{}{ME}", world.address());
    let first = world.data_dir().join("first-answer");
    let told = ["--write-out", "%{http_code} %{http_version} %{num_connects}\n", "--output"];
    let shown = first.display().to_string();
    let all = [&["--http2", "--rate", "1/s"], &told[..], &[&shown]].concat();
    let mut command = curl(&world.address(), &world.ca_file(), Some(&identity), ME, &all);
    for _ in 0..13 {
        command.args(told).arg("/dev/null").arg(&url);
    }
    let asking = tokio::spawn(async move { run_with(command, b"").await.done() });
    eventually("the first answer is there", async || first.exists().then_some(())).await;
    ca.revoke(&identity);
    let lines = asking.await.unwrap();
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.first(), Some(&"200 2 1"), "{lines:?}");
    assert_eq!(lines.last(), Some(&"401 2 0"), "the same connection, another verdict: {lines:?}");
}

async fn a_stream_ends_with_its_certificate(world: &World, ca: &CorporateCa) {
    let home = world.api().get(ME).await.expect(200).json()["organizationId"].clone();
    let grants = json!([{"role": "organization_officer", "organization": home}]);
    let body = json!({"name": "stella", "kind": "service", "grants": grants});
    let stella = world.api().post("/api/v1/admins", &body).await.expect(201).json()["id"].clone();
    let (stella, identity) = (stella.as_str().unwrap(), ca.client("stella"));
    bind(world, stella, &json!({"certificate": identity.pem()})).await;
    signs_in(world, &identity, stella).await;
    let file = world.data_dir().join("stream");
    let shown = file.display().to_string();
    let all = ["--no-buffer", "--output", &shown];
    let command = curl(&world.address(), &world.ca_file(), Some(&identity), "/api/v1/events/stream", &all);
    let listening = tokio::spawn(run_with(command, b""));
    let heard = || fs::read_to_string(&file).unwrap_or_default();
    eventually("the stream begins", async || heard().contains("id: ").then_some(())).await;
    let told = world.issue(&p256("told.example.com").pem).await["id"].clone();
    let told = told.as_str().unwrap();
    eventually("events come by the certificate alone", async || heard().contains(told).then_some(())).await;
    ca.revoke(&identity);
    eventually("the CRL is read", async || {
        (status(world, Some(&identity), ME, &[]).await == "401").then_some(())
    })
    .await;
    let withheld = world.issue(&p256("withheld.example.com").pem).await["id"].clone();
    // Nothing ends it but the event that it is not told.
    _ = listening.await.unwrap();
    assert!(!heard().contains(withheld.as_str().unwrap()), "{}", heard());
}

async fn a_certificate_has_one_owner(world: &World, ca: &CorporateCa) {
    let (carol, dan) = (appoint(world, "carol", "person").await, appoint(world, "dan", "person").await);
    let identity = ca.client("carol");
    let sha256 = identity.fingerprint("-sha256");
    bind(world, &carol, &json!({"sha256": sha256})).await;
    let taken = format!("/api/v1/admins/{dan}/certificates");
    let problem = world.api().post(&taken, &json!({"certificate": identity.pem()})).await.expect(409).json();
    assert_eq!(problem["code"], "already_exists");
    for body in [json!({}), json!({"sha256": sha256, "certificate": identity.pem()}), json!({"sha1": "ab"})] {
        let refused = world.api().post(&taken, &body).await;
        assert!([400, 422].contains(&refused.status.as_u16()), "{body}");
    }
    signs_in(world, &identity, &carol).await;
    // By its other hash it is hers, too, once that is known.
    let known = ca.client("known");
    bind(world, &carol, &json!({"certificate": known.pem()})).await;
    let by_sha1 = json!({"sha1": known.fingerprint("-sha1")});
    let problem = world.api().post(&taken, &by_sha1).await.expect(409).json();
    assert_eq!(problem["code"], "already_exists");
    let path =
        format!("/api/v1/admins/{carol}/certificates/{}", known.fingerprint("-sha256").replace(':', ""));
    _ = delete(world, &path.to_lowercase(), "{}").await.expect(200);
    let listed = world.api().get(&format!("/api/v1/admins/{carol}/certificates")).await.expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let path = format!("/api/v1/admins/{carol}/certificates/{}", listed["items"][0]["id"].as_str().unwrap());
    let reason = json!({"reason": "the card was lost"}).to_string();
    _ = delete(world, &path, &reason).await.expect(200);
    assert_eq!(status(world, Some(&identity), ME, &[]).await, "401");
    _ = delete(world, &path, &reason).await.expect(404);
    // It is nobody's now.
    bind(world, &dan, &json!({"certificate": identity.pem()})).await;
    signs_in(world, &identity, &dan).await;
    _ = world.api().post(&format!("/api/v1/admins/{dan}/disable"), &json!({})).await.expect(200);
    assert_eq!(status(world, Some(&identity), ME, &[]).await, "401", "who may not act does not");
}

async fn one_that_only_the_sha1_is_known_of(world: &World, ca: &CorporateCa) {
    let erin = appoint(world, "erin", "person").await;
    let identity = ca.client("erin");
    let bound = bind(world, &erin, &json!({"sha1": identity.fingerprint("-sha1")})).await;
    assert_eq!(bound["id"], bound["sha1"]);
    signs_in(world, &identity, &erin).await;
    let listed = world.api().get(&format!("/api/v1/admins/{erin}/certificates")).await.expect(200).json();
    let sha256 = identity.fingerprint("-sha256").replace(':', "").to_lowercase();
    assert_eq!(listed["items"][0]["id"], sha256, "it is known by its SHA-256 from its first use on");
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}

async fn without_the_roots_no_certificate_counts(world: &World, ca: &CorporateCa) {
    let frank = appoint(world, "frank", "person").await;
    let identity = ca.client("frank");
    bind(world, &frank, &json!({"certificate": identity.pem()})).await;
    for (file, key) in [(ca.certificate(), "auth.client_ca_file"), (ca.crl(), "auth.client_crl_file")] {
        signs_in(world, &identity, &frank).await;
        let content = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        eventually("no certificate counts", async || {
            (status(world, Some(&identity), ME, &[]).await == "401").then_some(())
        })
        .await;
        let ready = format!("http://{}/readyz", world.operations("up"));
        let mut readyz = std::process::Command::new("curl");
        readyz.args(["--silent", &ready]);
        let said = run_with(readyz, b"").await.stdout;
        assert!(said.contains("no client certificate counts") && said.contains(key), "{said}");
        fs::write(&file, content).unwrap();
    }
    signs_in(world, &identity, &frank).await;
}
