//! N2, N3, N5, N6: mail through a real server: set up, tried, sent, refused, sent later; all of it kept.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use chancery_tests::{
    in_both_modes,
    mailbox::{MailServer, header},
    world::{World, eventually},
};
use http::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

in_both_modes!(
    mail_is_set_up_and_tried_over_http,
    whatever_goes_wrong_is_said_step_by_step,
    the_command_line_does_it_too,
);

const PATH: &str = "/api/v1/settings/mail";

async fn put(world: &World, body: &Value) -> testkit::Answer {
    world
        .api()
        .request(Method::PUT, PATH, &[("content-type", "application/json")], body.to_string().into())
        .await
        .unwrap()
}

/// Saves settings and sends a test mail.
async fn tried(world: &World, settings: &Value, to: &str) -> Value {
    _ = put(world, settings).await.expect(200);
    world.api().post(&format!("{PATH}/test"), &json!({"to": to})).await.expect(200).json()
}

/// The last step of a diagnosis: its name, and what is said about it.
fn last(diagnosis: &Value) -> (String, String) {
    let step = diagnosis["steps"].as_array().unwrap().last().unwrap();
    let text = |name: &str| step[name].as_str().unwrap().to_owned();
    (text("step"), text("detail"))
}

async fn mail_is_set_up_and_tried_over_http(world: &mut World) {
    let server = MailServer::start().await;
    let api = world.api();
    let before = api.get(PATH).await.expect(200).json();
    assert_eq!((&before["configured"], &before["version"]), (&json!(false), &json!(0)));
    let refused = api.post(&format!("{PATH}/test"), &json!({"to": "ann@example.com"})).await;
    assert_eq!(refused.expect(409).json()["code"], "invalid_state");

    let diagnosis = tried(world, &server.settings(), "ann@example.com").await;
    assert_eq!(diagnosis["ok"], true, "{diagnosis}");
    let steps: Vec<&str> =
        diagnosis["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    let expected = ["resolve", "connect", "hello", "tls", "hello", "auth", "sender", "recipient", "data"];
    assert_eq!(steps, expected);
    let mails = server.takes(1).await;
    assert_eq!((&mails[0]["user"], &mails[0]["tls"]), (&json!("pki"), &json!(true)));
    assert_eq!(mails[0]["to"], json!(["ann@example.com"]));
    assert_eq!(header(&mails[0], "From"), "Chancery <pki@example.com>");
    assert_eq!(header(&mails[0], "Auto-Submitted"), "auto-generated");

    // The password is written, never read.
    let shown = eventually("the settings are read back", async || {
        Some(api.get(PATH).await.expect(200)).filter(|shown| shown.json()["passwordSet"] == true)
    });
    assert!(!shown.await.text().contains("correct horse"));
    let mut kept = server.settings();
    kept.as_object_mut().unwrap().remove("password");
    kept["fromName"] = json!("PKI");
    assert_eq!(tried(world, &kept, "ann@example.com").await["ok"], true, "the password stays");
    kept["server"] = json!("127.0.0.1");
    let moved = put(world, &kept).await.expect(422).json();
    assert_eq!(moved["errors"][0]["pointer"], "#/password", "it goes to no other server");

    let mut implicit = server.settings();
    (implicit["port"], implicit["tls"]) = (json!(server.implicit), json!("implicit"));
    assert_eq!(tried(world, &implicit, "bob@example.com").await["ok"], true);
    assert_eq!(tried(world, &server.plain_settings(), "eve@example.com").await["ok"], true);
    assert_eq!(server.takes(4).await.len(), 4);
    let events = "select string_agg(payload::text, ' ') from log.event where category in \
                  ('mail_settings', 'credential', 'notification')";
    let events: String = world.admin().await.query_one(events, &[]).await.unwrap().get(0);
    assert!(!events.contains("correct horse") && !events.contains("ann@example.com"), "{events}");
    let credentials = "select count(*) from keystore.wrapped_credential";
    let credentials: i64 = world.admin().await.query_one(credentials, &[]).await.unwrap().get(0);
    assert_eq!(credentials, 0, "a password that is no longer used is gone");
}

async fn whatever_goes_wrong_is_said_step_by_step(world: &mut World) {
    let server = MailServer::start().await;
    let with = |changes: Value| {
        let mut settings = server.settings();
        settings.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        settings
    };
    let to = "ann@example.com";
    let wrong = tried(world, &with(json!({"password": "wrong horse"})), to).await;
    assert_eq!((wrong["ok"].as_bool(), last(&wrong).0.as_str()), (Some(false), "auth"), "{wrong}");
    assert!(last(&wrong).1.contains("535") && !wrong.to_string().contains("horse"), "{wrong}");

    let untrusted = tried(world, &with(json!({"caBundle": null})), to).await;
    assert_eq!(last(&untrusted).0, "tls");
    assert!(last(&untrusted).1.contains("not trusted here"), "{untrusted}");
    let misnamed = tried(world, &with(json!({"server": "127.0.0.1"})), to).await;
    assert!(last(&misnamed).1.contains("is not for the address '127.0.0.1'"), "{misnamed}");

    let plain = tried(world, &with(json!({"port": server.plain})), to).await;
    assert_eq!(last(&plain).0, "tls");
    assert!(last(&plain).1.contains("does not offer STARTTLS"), "{plain}");
    let unencrypted = tried(world, &with(json!({"port": server.plain, "tls": "implicit"})), to).await;
    assert!(last(&unencrypted).1.contains("does the port expect STARTTLS?"), "{unencrypted}");

    let [closed] = testkit::ports::free();
    let closed = tried(world, &with(json!({"port": closed.port()})), to).await;
    assert_eq!(last(&closed).0, "connect", "{closed}");
    let unknown = tried(world, &with(json!({"server": "nowhere.invalid"})), to).await;
    assert_eq!(last(&unknown).0, "resolve", "{unknown}");

    let refused = tried(world, &server.settings(), "refused@example.com").await;
    assert_eq!(last(&refused).0, "recipient");
    assert!(last(&refused).1.contains("550 5.1.1 nobody of that name here"), "{refused}");

    // One that says nothing, and one that says something else.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = with(json!({"port": silent.local_addr().unwrap().port()}));
    let silent = tried(world, &settings, to).await;
    assert_eq!(last(&silent).0, "connect");
    assert!(last(&silent).1.contains("no answer within 10 s"), "{silent}");
    assert!(silent["steps"][1]["milliseconds"].as_u64().unwrap() >= 9_000, "{silent}");

    let bad = json!({"to": "ann@example.com\r\nRCPT TO:<eve@example.com>"});
    let bad = world.api().post(&format!("{PATH}/test"), &bad).await.expect(422).json();
    assert_eq!(bad["errors"][0]["pointer"], "#/to");
    assert!(server.mails().is_empty());
}

async fn the_command_line_does_it_too(world: &mut World) {
    let server = MailServer::start().await;
    let file = |name: &str, text: &str| {
        let path = world.data_dir().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (bundle, password) =
        (file("mail-ca.pem", &server.certificate), file("mail-password", "correct horse\n"));
    let port = server.starttls.to_string();
    let set = [
        "settings",
        "mail",
        "set",
        "localhost",
        "--port",
        &port,
        "--user",
        "pki",
        "--password-file",
        &password,
        "--from",
        "pki@example.com",
        "--ca-bundle",
        &bundle,
    ];
    assert!(world.cli(&[&set[..], &["--dry-run"]].concat()).await.done().contains("true"));
    _ = world.cli(&set).await.done();
    let shown = world.cli(&["settings", "mail", "show", "-o", "json"]).await.json();
    assert_eq!((&shown["server"], &shown["passwordSet"]), (&json!("localhost"), &json!(true)));
    let tested = world.cli(&["settings", "mail", "test", "ann@example.com"]).await.done();
    assert!(tested.contains("recipient") && tested.contains("kept as 1"), "{tested}");
    let failed = world.cli(&["settings", "mail", "test", "refused@example.com"]).await;
    assert_eq!(failed.code, 10, "{failed:?}");
    let listed = world.cli(&["notification", "list"]).await;
    assert_eq!(listed.code, 0, "{listed:?}");
}
