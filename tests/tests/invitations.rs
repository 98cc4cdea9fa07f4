//! I1, O4, N6: what people are told by mail and act upon: a link to set a password, the code that confirms a domain, neither
//! of which is kept anywhere but in the mail; what waits for their approval, and what became of what they asked for.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::collections::BTreeSet;

use chancery_tests::{
    browser::{Browser, PASSWORD},
    forms::Forms,
    in_both_modes,
    mailbox::{MailServer, after, header, text},
    world::{World, eventually},
};
use http::Method;
use serde_json::{Value, json};

in_both_modes!(
    who_is_invited_sets_a_password_by_the_link_in_the_mail,
    a_shown_link_is_shown_once,
    whoever_reads_the_domains_mail_confirms_it,
    who_may_decide_and_who_asked_are_told,
);

const LINK: &str = "/sign-in/link/";
const CONFIRM: &str = "/domain-validation/";

async fn set_up_mail(world: &World, server: &MailServer) {
    let (path, headers) = ("/api/v1/settings/mail", [("content-type", "application/json")]);
    let body = server.settings().to_string().into();
    _ = world.api().request(Method::PUT, path, &headers, body).await.unwrap().expect(200);
}

/// Appoints an officer with an address.
async fn appoint(world: &World, name: &str, email: Option<&str>) -> String {
    let me = world.api().get("/api/v1/me").await.expect(200).json();
    let grants = json!([{"role": "organization_officer", "organization": me["organizationId"]}]);
    let body = json!({"name": name, "email": email, "grants": grants});
    let made = world.api().post("/api/v1/admins", &body).await.expect(201).json();
    made["id"].as_str().unwrap().to_owned()
}

/// The notifications of a kind with this status, once there are so many.
async fn notifications(world: &World, filter: &str, status: &str, count: usize) -> Vec<Value> {
    eventually(&format!("{count} notifications of {filter} are {status}"), async || {
        let path = format!("/api/v1/notifications?{filter}&status={status}");
        let items = world.api().get(&path).await.expect(200).json()["items"].as_array().unwrap().clone();
        (items.len() >= count).then_some(items)
    })
    .await
}

/// How often a text stands in the log or in the notifier's tables.
async fn kept(world: &World, secret: &str) -> i64 {
    let sql = "select (select count(*) from log.event where payload::text like $1) \
               + (select count(*) from notifier.message m where m::text like $1)";
    world.admin().await.query_one(sql, &[&format!("%{secret}%")]).await.unwrap().get(0)
}

async fn who_is_invited_sets_a_password_by_the_link_in_the_mail(world: &mut World) {
    let server = MailServer::start().await;
    set_up_mail(world, &server).await;
    let ann = appoint(world, "ann", Some("ann@example.com")).await;
    let link = format!("/api/v1/admins/{ann}/link");
    let wanted = world.api().post(&link, &json!({})).await.expect(200).json();
    assert_eq!(wanted, json!({"administratorId": ann}));
    let mail = server.takes(1).await.remove(0);
    assert_eq!(
        (&mail["to"], header(&mail, "Subject").as_str()),
        (&json!(["ann@example.com"]), "Your link to set a password")
    );
    let first = after(&mail, LINK);
    let filter = format!("kind=set_password&administratorId={ann}");
    let sent = notifications(world, &filter, "sent", 1).await.remove(0);
    let told = sent["text"].as_str().unwrap();
    assert!(told.contains("[not kept]") && !told.contains(&first), "{told}");
    assert_eq!(kept(world, &first).await, 0);

    // Another one takes its place. (The first is sent again on request: with a new link.)
    let resend = format!("/api/v1/notifications/{}/resend", sent["id"].as_str().unwrap());
    _ = world.api().post(&resend, &json!({})).await.expect(200);
    let second = after(&server.takes(2).await[1], LINK);
    let origin = text(&mail).split(LINK).next().unwrap().split_whitespace().last().unwrap().to_owned();
    let mut browser = Browser::new(world, &origin);
    let void = browser.set_password(&first, PASSWORD).await.expect(409).json();
    assert_eq!(void["code"], "link_void");
    _ = browser.set_password(&second, PASSWORD).await.expect(200);
    _ = browser.sign_in("ann", PASSWORD, None).await.expect(201);

    // Now none is wanted, so none is drawn, whoever has the mail sent again.
    _ = notifications(world, &filter, "sent", 1).await;
    _ = world.api().post(&resend, &json!({})).await.expect(200);
    let dead = notifications(world, &filter, "dead", 1).await.remove(0);
    assert_eq!(dead["reason"], "obsolete");
    // Who has no address cannot be asked to; who lost it in between gets nothing, and it shows.
    let ben = appoint(world, "ben", None).await;
    let refused = world.api().post(&format!("/api/v1/admins/{ben}/link"), &json!({})).await;
    assert_eq!(refused.expect(409).json()["code"], "invalid_state");
    assert_eq!(server.mails().len(), 2);

    // Who forgot the password gets a link the same way.
    let forgotten =
        world.api().with_token(None).post("/api/v1/sign-in/forgotten", &json!({"name": "ann"})).await;
    _ = forgotten.expect(202);
    let third = after(&server.takes(3).await[2], LINK);
    _ = browser.set_password(&third, "violet engine hums softly").await.expect(200);
}

async fn a_shown_link_is_shown_once(world: &mut World) {
    let cara = appoint(world, "cara", None).await;
    let path = format!("/api/v1/admins/{cara}/link");
    let show = async || {
        let headers = [("content-type", "application/json"), ("idempotency-key", "show cara's link")];
        let body = json!({"show": true}).to_string().into();
        world.api().request(Method::POST, &path, &headers, body).await.unwrap()
    };
    let shown = show().await.expect(200).json();
    assert_eq!(show().await.expect(409).json()["code"], "already_exists");
    let (origin, code) = shown["url"].as_str().unwrap().split_once(LINK).unwrap();
    _ = Browser::new(world, origin).set_password(code, PASSWORD).await.expect(200);
}

async fn whoever_reads_the_domains_mail_confirms_it(world: &mut World) {
    let server = MailServer::start().await;
    set_up_mail(world, &server).await;
    let api = world.api();
    let new = json!({"name": "shop.example", "delegateTo": ["name:default"]});
    _ = api.post("/api/v1/domains", &new).await.expect(201);
    let path = "/api/v1/domains/name:shop.example/validations";
    let begun = api.post(path, &json!({"method": "email"})).await.expect(201).json();
    let mails = server.takes(5).await;
    let to: BTreeSet<&str> = mails.iter().map(|mail| mail["to"][0].as_str().unwrap()).collect();
    let wanted = begun["challenge"]["recipients"].as_array().unwrap();
    assert_eq!(to, wanted.iter().map(|address| address.as_str().unwrap()).collect());
    let codes: BTreeSet<String> = mails.iter().map(|mail| after(mail, CONFIRM)).collect();
    assert_eq!(codes.len(), 5, "each mail has its own code");
    assert_eq!(header(&mails[0], "Subject"), "Who controls shop.example? A code for default");

    let (mail, code) = (&mails[2], after(&mails[2], CONFIRM));
    let origin = text(mail).split(CONFIRM).next().unwrap().split_whitespace().last().unwrap().to_owned();
    let secret = code.split_once('.').unwrap().1;
    assert_eq!(kept(world, secret).await, 0);
    let mut forms = Forms::new(world, &origin);
    // Programs that look through mail follow links: that confirms nothing.
    let page = forms.get(&format!("{CONFIRM}{code}")).await.expect(200);
    let one = format!(
        "/api/v1/domains/{}/validations/{}",
        begun["domainId"].as_str().unwrap(),
        begun["id"].as_str().unwrap()
    );
    assert_eq!(api.get(&one).await.expect(200).json()["status"], "pending");
    let foreign = forms.send(&format!("{CONFIRM}{code}"), "https://evil.example", String::new()).await;
    assert_eq!(foreign.status, 403);
    let guessed = forms.post(&format!("{CONFIRM}val_x.00"), &page, &[]).await;
    assert!(guessed.status == 409 && guessed.text().contains("not known"), "{}", guessed.text());
    let confirmed = forms.post(&format!("{CONFIRM}{code}"), &page, &[]).await.expect(200);
    assert!(confirmed.text().contains("shop.example is confirmed"), "{}", confirmed.text());
    eventually("the domain is validated", async || {
        (api.get(&one).await.expect(200).json()["status"] == "validated").then_some(())
    })
    .await;
    // One is enough: the others are void.
    for code in &codes {
        let void =
            api.with_token(None).post("/api/v1/domain-validations/confirm", &json!({"code": code})).await;
        assert_eq!(void.expect(409).json()["code"], "link_void");
    }
}

async fn who_may_decide_and_who_asked_are_told(world: &mut World) {
    let server = MailServer::start().await;
    set_up_mail(world, &server).await;
    let api = world.api();
    let everywhere = json!([{"role": "master"}]);
    let mona = json!({"name": "mona", "email": "mona@example.com", "grants": everywhere});
    let mona = api.post("/api/v1/admins", &mona).await.expect(201).json()["id"].as_str().unwrap().to_owned();
    let olaf = appoint(world, "olaf", Some("olaf@example.com")).await;
    let (_, officer) = world.new_token(json!({"name": "olaf", "administrator": olaf})).await;
    for name in ["one.example", "two.example", "three.example"] {
        _ = api.post("/api/v1/domains", &json!({"name": name})).await.expect(201);
    }
    // Somebody asks; who may decide is told, with the place to do it.
    let ask = async |name: &str| {
        let path = format!("/api/v1/domains/name:{name}/delegations");
        _ = officer.post(&path, &json!({})).await.expect(201);
    };
    let path = "/api/v1/approvals/";
    ask("one.example").await;
    let asked = server.takes(1).await.remove(0);
    assert_eq!(asked["to"], json!(["mona@example.com"]));
    assert!(
        header(&asked, "Subject").starts_with("Approval wanted: ") && text(&asked).contains("olaf asks for")
    );
    let first = after(&asked, path);
    let reason = json!({"reason": "the name is not ours\nBcc: eve@example.com"});
    _ = api.post(&format!("{path}{first}/decline"), &reason).await.expect(200);
    let declined = server.takes(2).await.remove(1);
    assert_eq!(declined["to"], json!(["olaf@example.com"]));
    assert!(header(&declined, "Subject").starts_with("Declined: ") && header(&declined, "Bcc").is_empty());
    assert!(text(&declined).contains("by master") && text(&declined).contains("the name is not ours"));

    ask("two.example").await;
    let second = after(&server.takes(3).await[2], path);
    _ = api.post(&format!("{path}{second}/approve"), &json!({"message": "welcome"})).await.expect(200);
    let granted = server.takes(4).await.remove(3);
    assert!(header(&granted, "Subject").starts_with("Approved: ") && text(&granted).contains("welcome"));
    assert_eq!(granted["to"], json!(["olaf@example.com"]));

    // The server is away, so the act goes on without mail; what is decided by the time it is back nobody is asked about.
    let (settings, headers) = ("/api/v1/settings/mail", [("content-type", "application/json")]);
    let [closed] = testkit::ports::free();
    let mut away = server.plain_settings();
    away["port"] = json!(closed.port());
    _ = api.request(Method::PUT, settings, &headers, away.to_string().into()).await.unwrap().expect(200);
    ask("three.example").await;
    let of_mona = format!("kind=approval_requested&administratorId={mona}");
    _ = notifications(world, &of_mona, "deferred", 1).await;
    let path = "/api/v1/approvals?status=pending";
    let third = eventually("the approval is listed", async || {
        api.get(path).await.expect(200).json()["items"][0]["id"].as_str().map(str::to_owned)
    });
    let approve = format!("/api/v1/approvals/{}/approve", third.await);
    _ = api.post(&approve, &json!({})).await.expect(200);
    set_up_mail(world, &server).await;
    world.admin().await.execute("update notifier.timer set not_before = now()", &[]).await.unwrap();
    assert_eq!(notifications(world, &of_mona, "dead", 1).await[0]["reason"], "obsolete");
    let last = server.takes(5).await.remove(4);
    assert_eq!(last["to"], json!(["olaf@example.com"]));
}
