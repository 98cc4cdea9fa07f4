//! N5, I-14: a notification is sent once, later when the server is away, and given up when it is refused; what it
//! reports does not depend on it. (X21: whoever dies before the outcome is recorded sends it again, as the same mail.)

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use chancery_tests::{
    mailbox::{MailServer, header},
    notifications::{find, give_address, messages, queue},
    world::eventually,
};
use http::Method;
use runtime::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};
use testkit::Installation;

const PATH: &str = "/api/v1/settings/mail";

async fn set_up(installation: &Installation, settings: &Value) {
    let body = settings.to_string().into();
    _ = installation
        .https()
        .request(Method::PUT, PATH, &[("content-type", "application/json")], body)
        .await
        .unwrap()
        .expect(200);
}

async fn becomes(installation: &Installation, id: &str, status: &str) -> Value {
    eventually(&format!("the notification is {status}"), async || {
        find(installation, id).await.filter(|found| found["status"] == status)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_are_sent_once_kept_and_sent_again_on_request() {
    let (installation, server) = (Installation::up().await, MailServer::start().await);
    // Before mail is set up it waits.
    let early = queue(&installation, "ann@example.com", "Ann").await;
    eventually("it waits", async || {
        let waiting = "select from notifier.message where waiting";
        let client = tokio_client(&installation).await;
        (client.query(waiting, &[]).await.unwrap().len() == 1).then_some(())
    })
    .await;
    set_up(&installation, &server.settings()).await;
    let sent = eventually("it is sent, and what the server said is kept", async || {
        find(&installation, &early).await.filter(|found| found["attempts"][0]["ok"] == true)
    })
    .await;
    assert_eq!(sent["status"], "sent");
    let mails = server.takes(1).await;
    assert_eq!(mails[0]["to"], json!(["ann@example.com"]));
    assert!(header(&mails[0], "Message-ID").contains(&early), "{}", mails[0]);
    assert_eq!(header(&mails[0], "Subject"), "Declined: certificate for shop.example.com");
    assert!(sent["text"].as_str().unwrap().contains("the name is not ours"), "{sent}");
    assert_eq!((&sent["attempts"][0]["ok"], &sent["name"]), (&json!(true), &json!("Ann")));
    assert!(sent["attempts"][0]["answer"].as_str().unwrap().contains("kept as 1"));

    // A refused address ends it, and gets no more mail until somebody asks for it.
    let refused = queue(&installation, "refused@example.com", "Bob").await;
    let dead = becomes(&installation, &refused, "dead").await;
    assert_eq!((&dead["reason"], &dead["attempts"][0]["code"]), (&json!("address_refused"), &json!(550)));
    let second = queue(&installation, "Refused@example.com", "Bob").await;
    assert_eq!(becomes(&installation, &second, "dead").await["reason"], "suppressed");
    let api = installation.https();
    give_address(&installation, &second, "bob@example.com").await;
    let resend = format!("/api/v1/notifications/{second}/resend");
    assert_eq!(api.post(&resend, &json!({})).await.expect(200).json()["status"], "queued");
    _ = becomes(&installation, &second, "sent").await;
    assert_eq!(server.takes(2).await[1]["to"], json!(["bob@example.com"]));

    // Refused for now: tried again.
    let later = queue(&installation, "later@example.com", "Carol").await;
    let deferred = becomes(&installation, &later, "deferred").await;
    assert!(deferred["nextAt"].is_string() && deferred["attempts"][0]["code"] == 450, "{deferred}");
    assert_eq!(api.post(&format!("/api/v1/notifications/{later}/resend"), &json!({})).await.status, 409);

    // What it said, and to whom, is forgotten in time.
    let client = tokio_client(&installation).await;
    let old = "update notifier.message set made_at = now() - interval '401 days' where address = 'refused@example.com'";
    assert_eq!(client.execute(old, &[]).await.unwrap(), 1);
    let cutoff = SystemClock::new().now().plus(-time::Duration::days(400));
    assert_eq!(messages(&installation).forget(cutoff).await.unwrap(), 1);
    let forgotten = find(&installation, &refused).await.unwrap();
    assert_eq!((&forgotten["status"], &forgotten["address"]), (&json!("dead"), &Value::Null));
    assert_eq!(forgotten["text"], Value::Null);

    let listed = api.get("/api/v1/notifications?status=dead").await.expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    let by_address = api.get("/api/v1/notifications?address=ann@example.com").await.expect(200).json();
    assert_eq!(by_address["items"][0]["id"], json!(early));
    let timeline = api.get(&format!("/api/v1/notifications/{early}/timeline")).await.expect(200).json();
    let kinds: Vec<&Value> = timeline["items"].as_array().unwrap().iter().map(|item| &item["type"]).collect();
    assert_eq!(kinds, ["notification.queued", "notification.attempted", "notification.sent"]);
    assert_eq!(server.mails().len(), 2, "nothing twice");
    let log = "select string_agg(payload::text, ' ') from log.event";
    let log: String = tokio_client(&installation).await.query_one(log, &[]).await.unwrap().get(0);
    assert!(
        !log.contains("@example.com\"") || log.contains("pki@example.com"),
        "addresses stay out of the log"
    );
    assert!(!log.contains("ann@example.com") && !log.contains("bob@example.com"));
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_arrives_when_a_dead_server_is_back() {
    let (installation, [starttls, implicit, plain]) = (Installation::up().await, testkit::ports::free());
    let settings = json!({"server": "127.0.0.1", "port": plain.port(), "tls": "none",
        "fromAddress": "pki@example.com"});
    set_up(&installation, &settings).await;
    let id = queue(&installation, "ann@example.com", "Ann").await;
    let deferred = becomes(&installation, &id, "deferred").await;
    assert_eq!(deferred["attempts"][0]["step"], "connect");
    let server = MailServer::start_at(starttls.port(), implicit.port(), plain.port()).await;
    // The hour goes by: what was to be tried then is due now.
    let client = tokio_client(&installation).await;
    client.execute("update notifier.timer set not_before = now()", &[]).await.unwrap();
    _ = becomes(&installation, &id, "sent").await;
    assert_eq!(server.takes(1).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_after_the_servers_yes_sends_the_same_mail_again() {
    let (mut installation, server) = (Installation::up().await, MailServer::start().await);
    set_up(&installation, &server.plain_settings()).await;
    installation.start_armed("up", "X21-smtp-accepted-unmarked").await;
    let id = queue(&installation, "ann@example.com", "Ann").await;
    installation.has_crashed("up").await;
    assert_eq!(server.takes(1).await.len(), 1);
    installation.start().await;
    // The lease of who died runs out at once.
    let client = tokio_client(&installation).await;
    client.execute("update notifier.timer set lease_until = now()", &[]).await.unwrap();
    let sent = becomes(&installation, &id, "sent").await;
    let mails = server.takes(2).await;
    let ids: Vec<String> = mails.iter().map(|mail| header(mail, "Message-ID")).collect();
    assert_eq!(ids[0], ids[1], "one who gets it twice sees that it is one");
    // What is queued afterwards comes through, and nothing came with it.
    let next = queue(&installation, "bob@example.com", "Bob").await;
    _ = becomes(&installation, &next, "sent").await;
    let to: Vec<Value> = server.takes(3).await.iter().map(|mail| mail["to"][0].clone()).collect();
    assert_eq!(to, ["ann@example.com", "ann@example.com", "bob@example.com"], "{sent}");
}

async fn tokio_client(installation: &Installation) -> tokio_postgres::Client {
    chancery_tests::notifications::admin(installation).await
}
