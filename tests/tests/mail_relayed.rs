//! N3, N5: mail by way of other real servers, which hand it on. OpenSMTPD says what it does not offer, refuses whom it does
//! not know, is away for an hour, and what was written meanwhile still gets there and is of use. Exim wants TLS and a
//! password. (That of Debian 12 is the one of the two whose TLS works with its OpenSSL.)

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use chancery_tests::{
    browser::{Browser, PASSWORD},
    mailbox::{MailServer, after, text},
    world::{Mode, World, eventually},
};
use http::Method;
use serde_json::{Value, json};
use testkit::{Exim, Relay, ports};

const SETTINGS: &str = "/api/v1/settings/mail";

async fn set_up(world: &World, port: u16, with: Value) {
    let mut settings =
        json!({"server": "127.0.0.1", "port": port, "tls": "none", "fromAddress": "pki@example.com"});
    settings.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
    let (headers, body) = ([("content-type", "application/json")], settings.to_string().into());
    _ = world.api().request(Method::PUT, SETTINGS, &headers, body).await.unwrap().expect(200);
}

/// The last step of a test mail: its name, and what is said about it.
async fn tried(world: &World, to: &str) -> (String, String) {
    let diagnosis =
        world.api().post(&format!("{SETTINGS}/test"), &json!({"to": to})).await.expect(200).json();
    let last = diagnosis["steps"].as_array().unwrap().last().unwrap().clone();
    (last["step"].as_str().unwrap().to_owned(), last["detail"].as_str().unwrap().to_owned())
}

async fn invite(world: &World, name: &str, email: &str) -> String {
    let me = world.api().get("/api/v1/me").await.expect(200).json();
    let grants = json!([{"role": "organization_officer", "organization": me["organizationId"]}]);
    let body = json!({"name": name, "email": email, "grants": grants});
    let made = world.api().post("/api/v1/admins", &body).await.expect(201).json();
    let id = made["id"].as_str().unwrap().to_owned();
    _ = world.api().post(&format!("/api/v1/admins/{id}/link"), &json!({})).await.expect(200);
    id
}

async fn becomes(world: &World, administrator: &str, status: &str) -> Value {
    let path = format!("/api/v1/notifications?administratorId={administrator}&status={status}");
    eventually(&format!("the mail is {status}"), async || {
        let items = world.api().get(&path).await.expect(200).json();
        items["items"].as_array().unwrap().first().cloned()
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_arrives_by_way_of_a_server_that_was_away() {
    let world = World::start(Mode::OneProcess).await;
    let inbox = MailServer::start().await;
    let [address] = ports::free::<1>();
    let port = address.port();
    set_up(&world, port, json!({})).await;
    let ann = invite(&world, "ann", "ann@example.com").await;
    let eve = invite(&world, "eve", "eve@elsewhere.example").await;
    let deferred = becomes(&world, &ann, "deferred").await;
    assert_eq!(deferred["attempts"][0]["step"], "connect", "{deferred}");
    _ = becomes(&world, &eve, "deferred").await;

    let next = inbox.plain;
    let relay = tokio::task::spawn_blocking(move || Relay::start(port, "example.com", next));
    let _relay = relay.await.unwrap();
    // The hour goes by: what was to be tried then is due now.
    world.admin().await.execute("update notifier.timer set not_before = now()", &[]).await.unwrap();
    _ = becomes(&world, &ann, "sent").await;
    let dead = becomes(&world, &eve, "dead").await;
    assert_eq!(
        (&dead["reason"], &dead["attempts"][1]["code"]),
        (&json!("address_refused"), &json!(550)),
        "{dead}"
    );
    let mail = inbox.takes(1).await.remove(0);
    assert!(mail["data"].as_str().unwrap().contains("by relay.example (OpenSMTPD)"), "{mail}");
    assert_eq!(mail["to"], json!(["ann@example.com"]));
    let origin =
        text(&mail).split("/sign-in/link/").next().unwrap().split_whitespace().last().unwrap().to_owned();
    let mut browser = Browser::new(&world, &origin);
    _ = browser.set_password(&after(&mail, "/sign-in/link/"), PASSWORD).await.expect(200);
    _ = browser.sign_in("ann", PASSWORD, None).await.expect(201);

    let (step, words) = tried(&world, "bob@example.com").await;
    assert_eq!((step.as_str(), words.contains("Message accepted")), ("data", true), "{words}");
    let (step, words) = tried(&world, "bob@elsewhere.example").await;
    assert_eq!((step.as_str(), words.contains("550")), ("recipient", true), "{words}");
    set_up(&world, port, json!({"tls": "starttls"})).await;
    let (step, words) = tried(&world, "bob@example.com").await;
    assert_eq!((step.as_str(), words.contains("does not offer STARTTLS")), ("tls", true), "{words}");
    set_up(&world, port, json!({"tls": "implicit"})).await;
    assert_eq!(tried(&world, "bob@example.com").await.0, "tls");
    set_up(&world, port, json!({"user": "pki", "password": "correct horse"})).await;
    let (step, words) = tried(&world, "bob@example.com").await;
    assert_eq!((step.as_str(), words.contains("offers no way to sign in")), ("auth", true), "{words}");
    assert_eq!(inbox.takes(2).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_wants_tls_and_a_password_takes_mail() {
    let world = World::start(Mode::OneProcess).await;
    let inbox = MailServer::start().await;
    let exim = Exim::start(inbox.plain);
    let settings = |with: Value| {
        let mut settings = json!({"server": "localhost", "tls": "starttls", "user": "pki",
            "password": "correct horse", "caBundle": exim.certificate});
        settings.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        settings
    };
    set_up(&world, exim.starttls, settings(json!({}))).await;
    _ = invite(&world, "ann", "ann@example.com").await;
    let mail = inbox.takes(1).await.remove(0);
    let received = mail["data"].as_str().unwrap();
    assert!(received.contains("by mta.example with esmtpsa") && received.contains("(TLS1.3)"), "{received}");
    let origin =
        text(&mail).split("/sign-in/link/").next().unwrap().split_whitespace().last().unwrap().to_owned();
    let browser = Browser::new(&world, &origin);
    _ = browser.set_password(&after(&mail, "/sign-in/link/"), PASSWORD).await.expect(200);

    let (step, words) = tried(&world, "refused@example.com").await;
    assert_eq!(
        (step.as_str(), words.contains("550 5.1.1 nobody of that name")),
        ("recipient", true),
        "{words}"
    );
    set_up(&world, exim.implicit, settings(json!({"tls": "implicit"}))).await;
    assert_eq!(tried(&world, "bob@example.com").await.0, "data");
    assert_eq!(inbox.takes(2).await[1]["to"], json!(["bob@example.com"]));
    for (with, at, says) in [
        (json!({"password": "wrong horse"}), "auth", "535"),
        (json!({"user": null, "password": null}), "sender", "sign in first"),
        (json!({"caBundle": null}), "tls", "comes from a CA that is not trusted here"),
        (json!({"server": "127.0.0.1"}), "tls", "is not for the address '127.0.0.1'"),
        (json!({"tls": "implicit"}), "tls", "does the port expect STARTTLS?"),
    ] {
        set_up(&world, exim.starttls, settings(with.clone())).await;
        let (step, words) = tried(&world, "bob@example.com").await;
        assert_eq!((step.as_str(), words.contains(says)), (at, true), "{with}: {words}");
    }
    set_up(&world, exim.implicit, settings(json!({}))).await;
    let (step, words) = tried(&world, "bob@example.com").await;
    assert_eq!(step, "connect", "{words}"); // it waits for TLS, we for its greeting
}
