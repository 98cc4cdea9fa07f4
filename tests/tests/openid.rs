//! O10: people sign in at a real OpenID provider, and their groups there say what they may do here. What is believed of
//! tokens is tested where it is decided, `services/directory/src/oidc/`.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use chancery_tests::{
    browser::Browser,
    openid::{CLIENT, NAME, OpenIdProvider, Person, SECRET, Visitor},
    world::{Mode, World, begin, eventually},
};
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, NameServer};
use url::Url;

/// An installation, a provider, and what one is to the other.
struct Stage {
    world: World,
    provider: OpenIdProvider,
    origin: String,
    id: String,
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
    let mut provider = OpenIdProvider::start().await;
    for name in ["alice", "bob", "carol"] {
        provider.user(name);
    }
    provider.group("officers", &["alice"]);
    provider.group("auditors", &["carol"]);
    let names = NameServer::start(&[(NAME, &format!("@ A {}", provider.address))]).await;
    let (resolver, allowed) = (names.address().to_string(), provider.address.to_string());
    let ca_file = provider.ca_file().display().to_string();
    let settings = [
        ("outbound.resolver", resolver.as_str()),
        ("outbound.allow", allowed.as_str()),
        ("outbound.ca_file", ca_file.as_str()),
    ];
    let world = World::start_with(mode, &settings).await;
    let mut stage = set_up(world, provider).await;
    begin("somebody_comes_in_with_what_their_groups_give", mode);
    somebody_comes_in_with_what_their_groups_give(&mut stage).await;
    begin("an_answer_is_good_for_one_end_in_one_browser", mode);
    an_answer_is_good_for_one_end_in_one_browser(&mut stage).await;
    begin("what_groups_give_follows_the_groups", mode);
    what_groups_give_follows_the_groups(&mut stage).await;
    begin("who_is_in_no_group_or_disabled_stays_out", mode);
    who_is_in_no_group_or_disabled_stays_out(&mut stage).await;
    begin("who_came_from_a_provider_proves_there_who_they_are", mode);
    who_came_from_a_provider_proves_there_who_they_are(&mut stage).await;
    begin("a_wrong_secret_or_address_lets_nobody_in", mode);
    a_wrong_secret_or_address_lets_nobody_in(&mut stage).await;
    begin("nobody_maps_more_than_they_hold", mode);
    nobody_maps_more_than_they_hold(&mut stage).await;
    begin("a_provider_that_is_away_keeps_nobody_else_out", mode);
    a_provider_that_is_away_keeps_nobody_else_out(&mut stage).await;
    begin("what_failed_is_recorded", mode);
    what_failed_is_recorded(&stage).await;
    drop(names);
}

async fn set_up(world: World, mut provider: OpenIdProvider) -> Stage {
    let new = json!({"name": "staff", "displayName": "Staff account", "organization": "name:default",
        "issuer": provider.issuer(), "clientId": CLIENT, "clientSecret": SECRET, "groups": [
            {"group": "officers", "grant": {"role": "admin"}},
            {"group": "auditors", "grant": {"role": "auditor"}}]});
    let made = world.api().post("/api/v1/identity-providers", &new).await.expect(201).json();
    assert_eq!(made.get("clientSecret"), None);
    let id = made["id"].as_str().unwrap().to_owned();
    let listed = async || {
        let path = "/api/v1/sign-in/providers?organization=default";
        let all = world.api().with_token(None).get(path).await.expect(200).json();
        all["items"][0]["url"].as_str().map(str::to_owned)
    };
    let url = eventually("the provider is offered", listed).await;
    let origin = url.strip_suffix(&format!("/sign-in/with/{id}")).unwrap().to_owned();
    provider.client(&format!("{origin}{}", made["redirectPath"].as_str().unwrap()));
    Stage { world, provider, origin, id }
}

impl Stage {
    fn visitor(&self) -> Visitor {
        Visitor::new(&self.world.api(), &self.origin)
    }

    /// Goes to the provider, and comes back to this address.
    async fn sent_back(&self, visitor: &mut Visitor, person: &Person) -> Url {
        let begun = visitor.get(&format!("/sign-in/with/{}", self.id)).await.expect(303);
        person.goes(begun.header("location")).await.unwrap()
    }

    /// Signs in, or reads why not.
    async fn sign_in(&self, visitor: &mut Visitor, person: &Person) -> Answer {
        let back = self.sent_back(visitor, person).await;
        visitor.returns(&back).await
    }

    /// Somebody who is signed in.
    async fn signed_in(&self, name: &str) -> Visitor {
        let mut visitor = self.visitor();
        let answer = self.sign_in(&mut visitor, &self.provider.person(name)).await.expect(303);
        assert_eq!(answer.header("location"), "/sign-in");
        visitor
    }

    async fn change(&self, path: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json")];
        self.world.api().request(Method::PATCH, path, &headers, body.to_string().into()).await.unwrap()
    }

    async fn change_provider(&self, body: &Value) -> Answer {
        self.change(&format!("/api/v1/identity-providers/{}", self.id), body).await
    }

    /// The administrator of this name, as soon as there is one.
    async fn administrator(&self, name: &str) -> Value {
        let look = async || {
            let all = self.world.api().get(&format!("/api/v1/admins?name={name}")).await.expect(200).json();
            Some(all["items"][0].clone()).filter(|found| !found.is_null())
        };
        eventually("the administrator is listed", look).await
    }
}

/// The roles of who is signed in, and whether a provider gave them.
async fn roles(visitor: &mut Visitor) -> Vec<(String, bool)> {
    let me = visitor.get("/api/v1/me").await.expect(200).json();
    let grants = me["grants"].as_array().unwrap().iter();
    let role = |grant: &Value| grant["role"].as_str().unwrap().to_owned();
    grants.map(|grant| (role(grant), !grant["identityProviderId"].is_null())).collect()
}

fn given(role: &str) -> (String, bool) {
    (role.to_owned(), true)
}

/// A page that says why somebody is not let in.
fn says(page: &Answer, status: u16, code: &str) {
    let text = page.text();
    assert!(
        page.status == status && text.contains(&format!("<code>{code}</code>")),
        "{} {text}",
        page.status
    );
    assert!(
        !page.headers.get_all("set-cookie").iter().any(|set| set.to_str().unwrap().contains("session=chs"))
    );
}

async fn somebody_comes_in_with_what_their_groups_give(stage: &mut Stage) {
    let mut visitor = stage.visitor();
    for (path, offered) in [("/sign-in/default", true), ("/sign-in", true), ("/sign-in/elsewhere", false)] {
        let page = visitor.get(path).await.expect(200).text();
        let link =
            format!("<a href=\"/sign-in/with/{}\" rel=\"nofollow\">Sign in with Staff account</a>", stage.id);
        assert_eq!(page.contains(&link), offered, "{path}: {page}");
    }
    let begun = visitor.get(&format!("/sign-in/with/{}", stage.id)).await.expect(303);
    let url = Url::parse(begun.header("location")).unwrap();
    let asked = |name: &str| url.query_pairs().find(|(known, _)| known == name).unwrap().1.into_owned();
    assert_eq!(asked("scope"), "openid profile email groups");
    assert_eq!((asked("code_challenge_method"), asked("response_type")), ("S256".into(), "code".into()));
    assert_eq!(asked("redirect_uri"), format!("{}/sign-in/callback/{}", stage.origin, stage.id));

    let mut alice = stage.signed_in("alice").await;
    assert_eq!(roles(&mut alice).await, [given("organization_officer")]);
    let session = alice.clone().current().await;
    assert_eq!((&session["method"], &session["steppedUpUntil"]), (&json!("oidc"), &Value::Null));
    let time = |name: &str| session[name].as_str().unwrap().parse::<contracts::Timestamp>().unwrap();
    assert!((time("expiresAt").0 - time("createdAt").0).whole_seconds() <= 3_600, "{session}");
    assert!(alice.get("/sign-in").await.expect(200).text().contains("Signed in as alice@staff"));

    let known = stage.administrator("alice@staff").await;
    assert_eq!(known["identityProviderId"], json!(stage.id));
    assert_eq!(
        (&known["displayName"], &known["email"]),
        (&json!("alice ALICE"), &json!("alice@example.com"))
    );
    assert_eq!(known["hasPassword"], false);
    let link = format!("/api/v1/admins/{}/link", known["id"].as_str().unwrap());
    let refused = stage.world.api().post(&link, &json!({"show": true})).await.expect(409).json();
    assert_eq!(refused["code"], "invalid_state");
    // The second time they are the same person.
    let again = stage.signed_in("alice").await.current().await;
    assert_eq!(again["administratorId"], known["id"]);
}

async fn an_answer_is_good_for_one_end_in_one_browser(stage: &mut Stage) {
    let alice = stage.provider.person("alice");
    let mut visitor = stage.visitor();
    let back = stage.sent_back(&mut visitor, &alice).await;
    let before = visitor.clone();
    _ = visitor.returns(&back).await.expect(303);
    says(&before.clone().returns(&back).await, 409, "sign_in_void");
    // In a browser that did not begin it, and afterwards in the one that did.
    let mut visitor = stage.visitor();
    let back = stage.sent_back(&mut visitor, &alice).await;
    says(&stage.visitor().returns(&back).await, 409, "sign_in_void");
    says(&visitor.returns(&back).await, 409, "sign_in_void");
    // In one that began another.
    let (mut visitor, mut other) = (stage.visitor(), stage.visitor());
    let back = stage.sent_back(&mut visitor, &alice).await;
    _ = stage.sent_back(&mut other, &alice).await;
    says(&other.returns(&back).await, 409, "sign_in_void");
    // With another issuer's name, without the code, and with none of ours.
    for (name, value, status, code) in [
        ("iss", Some("https://evil.example"), 401, "identity_refused"),
        ("iss", None, 401, "identity_refused"),
        ("code", Some("guessed"), 401, "identity_refused"),
        ("code", None, 401, "identity_refused"),
        ("error", Some("access_denied"), 403, "not_admitted"),
        ("state", Some("guessed"), 409, "sign_in_void"),
    ] {
        let mut visitor = stage.visitor();
        let mut back = stage.sent_back(&mut visitor, &alice).await;
        let kept: Vec<(String, String)> =
            back.query_pairs().into_owned().filter(|(known, _)| known != name).collect();
        back.query_pairs_mut().clear().extend_pairs(kept).extend_pairs(value.map(|value| (name, value)));
        says(&visitor.returns(&back).await, status, code);
    }
    // A provider that there is not.
    let none = "/sign-in/with/idp_01jdp4q2x8f7mb3v5kz6n9w0ae";
    says(&stage.visitor().get(none).await, 403, "not_admitted");
}

async fn what_groups_give_follows_the_groups(stage: &mut Stage) {
    let mut first = stage.signed_in("alice").await;
    let known = stage.administrator("alice@staff").await;
    let path = format!("/api/v1/admins/{}", known["id"].as_str().unwrap());
    // What people give stays beside what groups give, and takes nothing of it away.
    let by_hand = json!({"grants": [{"role": "requester", "organization": "name:default"}]});
    let changed = stage.change(&path, &by_hand).await.expect(200).json();
    assert_eq!(changed["grants"].as_array().unwrap().len(), 2, "{changed}");
    stage.provider.group("officers", &[]);
    stage.provider.group("auditors", &["alice", "carol"]);
    let mut second = stage.signed_in("alice").await;
    let expected = [("requester".to_owned(), false), given("auditor")];
    assert_eq!(roles(&mut second).await, expected);
    assert_eq!(roles(&mut first).await, expected, "the session of before");
    // An API token carries what people gave and nothing else.
    let token = json!({"name": "alices", "administrator": known["id"]});
    let token = stage.world.new_token(token).await.1.get("/api/v1/me").await.expect(200).json();
    assert_eq!(token["grants"].as_array().unwrap().len(), 1, "{token}");
    assert_eq!(token["grants"][0]["role"], "requester");
    let mut both = json!({"groups": [{"group": "auditors", "grant": {"role": "auditor"}},
        {"group": "officers", "grant": {"role": "admin"}}, {"group": "all", "grant": {"role": "requester"}}]});
    both["groups"][0]["grant"]["certificateTypes"] = json!(["server"]);
    _ = stage.change_provider(&both).await.expect(200);
    stage.provider.group("officers", &["alice"]);
    let mut third = stage.signed_in("alice").await;
    let expected = [("requester".to_owned(), false), given("auditor"), given("organization_officer")];
    assert_eq!(roles(&mut third).await, expected);
}

async fn who_is_in_no_group_or_disabled_stays_out(stage: &mut Stage) {
    let bob = stage.provider.person("bob");
    says(&stage.sign_in(&mut stage.visitor(), &bob).await, 403, "not_admitted");
    let all = stage.world.api().get("/api/v1/admins?name=bob@staff").await.expect(200).json();
    assert_eq!(all["items"], json!([]));
    // Whoever is in no group any more loses at once what groups gave.
    let mut alice = stage.signed_in("alice").await;
    stage.provider.group("officers", &[]);
    stage.provider.group("auditors", &["carol"]);
    says(&stage.sign_in(&mut stage.visitor(), &stage.provider.person("alice")).await, 403, "not_admitted");
    let lost = async || (roles(&mut alice).await == [("requester".to_owned(), false)]).then_some(());
    eventually("the session has lost what groups gave", lost).await;
    // Whoever is disabled here stays so, whatever the provider says.
    let mut carol = stage.signed_in("carol").await;
    let path = format!("/api/v1/admins/{}", stage.administrator("carol@staff").await["id"].as_str().unwrap());
    let api = stage.world.api();
    _ = api.post(&format!("{path}/disable"), &json!({})).await.expect(200);
    let out = async || (carol.get("/api/v1/me").await.status == 401).then_some(());
    eventually("the session has ended", out).await;
    says(&stage.sign_in(&mut stage.visitor(), &stage.provider.person("carol")).await, 403, "not_admitted");
    _ = api.post(&format!("{path}/enable"), &json!({})).await.expect(200);
    _ = stage.signed_in("carol").await;
}

async fn who_came_from_a_provider_proves_there_who_they_are(stage: &mut Stage) {
    stage.provider.group("officers", &["alice", "bob"]);
    let mut alice = stage.signed_in("alice").await;
    let role =
        json!({"name": "from-afar", "organization": "name:default", "permissions": ["certificate.read"]});
    let asked = alice.post("/api/v1/roles", &role).await.expect(403).json();
    assert_eq!(asked["code"], "step_up_required");
    let told = alice.post("/api/v1/sessions/current/step-up", &json!({"password": "x"})).await.expect(409);
    assert!(told.text().contains("/sign-in/again"), "{}", told.text());
    // Somebody else's proof is none.
    let begun = alice.get("/sign-in/again").await.expect(303);
    assert!(begun.header("location").ends_with("&prompt=login&max_age=300"), "{}", begun.header("location"));
    let back = stage.provider.person("bob").goes(begun.header("location")).await.unwrap();
    says(&alice.returns(&back).await, 401, "identity_refused");
    assert_eq!(alice.post("/api/v1/roles", &role).await.status, 403);
    let begun = alice.get("/sign-in/again").await.expect(303);
    let back = stage.provider.person("alice").goes(begun.header("location")).await.unwrap();
    let before = alice.clone();
    _ = alice.returns(&back).await.expect(303);
    assert_eq!(before.clone().get("/api/v1/me").await.status, 401, "the cookie of before");
    let told = async || (!alice.clone().current().await["steppedUpUntil"].is_null()).then_some(());
    eventually("the session tells that its owner proved who they are", told).await;
    _ = alice.post("/api/v1/roles", &role).await.expect(201);
    // A token of somebody who has nothing but what groups give would carry nothing.
    let bob = stage.administrator("bob@staff").await;
    let token = json!({"name": "bobs", "administrator": bob["id"]});
    _ = stage.world.api().post("/api/v1/tokens", &token).await.expect(409);
    // Nobody who is not signed in is asked.
    let out = stage.visitor().get("/sign-in/again").await.expect(303);
    assert_eq!(out.header("location"), "/sign-in");
}

async fn a_wrong_secret_or_address_lets_nobody_in(stage: &mut Stage) {
    let alice = stage.provider.person("alice");
    let moved = json!({"issuer": "https://other.example"});
    let refused = stage.change_provider(&moved).await.expect(422).json();
    assert_eq!(refused["errors"][0]["pointer"], "#/clientSecret");
    _ = stage.change_provider(&json!({"clientSecret": "another"})).await.expect(200);
    says(&stage.sign_in(&mut stage.visitor(), &alice).await, 503, "provider_unavailable");
    _ = stage.change_provider(&json!({"clientSecret": SECRET})).await.expect(200);
    _ = stage.signed_in("alice").await;
    // The provider sends nobody back to an address that it does not know.
    stage.provider.client(&format!("{}/elsewhere", stage.origin));
    let begun = stage.visitor().get(&format!("/sign-in/with/{}", stage.id)).await.expect(303);
    assert!(alice.goes(begun.header("location")).await.is_err());
    stage.provider.client(&format!("{}/sign-in/callback/{}", stage.origin, stage.id));
    // Sessions that began at a provider end with it.
    let mut visitor = stage.signed_in("alice").await;
    _ = stage.change_provider(&json!({"active": false})).await.expect(200);
    let out = async || (visitor.get("/api/v1/me").await.status == 401).then_some(());
    eventually("the session has ended", out).await;
    says(&stage.visitor().get(&format!("/sign-in/with/{}", stage.id)).await, 403, "not_admitted");
    _ = stage.change_provider(&json!({"active": true})).await.expect(200);
    _ = stage.signed_in("alice").await;
}

async fn nobody_maps_more_than_they_hold(stage: &mut Stage) {
    let grants = json!([{"role": "organization_officer", "organization": "name:default"}]);
    let officer = json!({"name": "otto", "grants": grants});
    let otto = stage.world.api().post("/api/v1/admins", &officer).await.expect(201).json();
    let otto = stage.world.new_token(json!({"name": "otto", "administrator": otto["id"]})).await.1;
    let mut new = json!({"name": "ottos", "organization": "name:default", "issuer": stage.provider.issuer(),
        "clientId": CLIENT, "clientSecret": SECRET, "groups": [{"group": "all", "grant": {"role": "master"}}]});
    let refused = otto.post("/api/v1/identity-providers", &new).await.expect(403).json();
    assert!(refused["detail"].as_str().unwrap().contains("more than they hold"), "{refused}");
    new["groups"][0]["grant"]["role"] = "auditor".into();
    let made = otto.post("/api/v1/identity-providers", &new).await.expect(201).json();
    // The installation's is nobody's but a master's.
    new["name"] = "everybodys".into();
    new.as_object_mut().unwrap().remove("organization");
    _ = otto.post("/api/v1/identity-providers", &new).await.expect(403);
    let shown = stage.world.cli(&["identity-provider", "show", "ottos", "-o", "json"]).await.json();
    assert_eq!((&shown["id"], &shown["groups"][0]["group"]), (&made["id"], &json!("all")));
    let id = made["id"].as_str().unwrap();
    let gone = stage.world.cli(&["identity-provider", "archive", id, "--yes", "-o", "json"]).await.json();
    assert_eq!(gone["status"], "archived");
}

async fn a_provider_that_is_away_keeps_nobody_else_out(stage: &mut Stage) {
    let mut visitor = stage.visitor();
    let back = stage.sent_back(&mut visitor, &stage.provider.person("alice")).await;
    stage.provider.stop();
    says(&visitor.returns(&back).await, 503, "provider_unavailable");
    let page = stage.visitor().get(&format!("/sign-in/with/{}", stage.id)).await;
    says(&page, 503, "provider_unavailable");
    let grants = json!([{"role": "auditor", "organization": "name:default"}]);
    let body = json!({"name": "paula", "grants": grants});
    let paula = stage.world.api().post("/api/v1/admins", &body).await.expect(201).json();
    let browser = Browser::of(&stage.world, paula["id"].as_str().unwrap(), "paula").await;
    _ = browser.request("GET", "/api/v1/me", None).await.expect(200);
}

async fn what_failed_is_recorded(stage: &Stage) {
    let admin = stage.world.admin().await;
    let sql = "select payload::jsonb ->> 'reason', count(*) from log.event where category = 'sign_in' \
        and payload::jsonb ->> 'method' = 'oidc' group by 1 order by 1";
    let rows = admin.query(sql, &[]).await.unwrap();
    let found: Vec<(String, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let expected = [
        ("client_refused", 1),
        ("identity_refused", 4),
        ("no_group", 2),
        ("not_active", 1),
        ("not_bound", 1),
        ("provider_refused", 1),
        ("provider_unavailable", 2),
        ("sign_in_void", 5),
    ];
    assert_eq!(found, expected.map(|(reason, count)| (reason.to_owned(), count)));
    // Neither the secret nor anything that a provider gave.
    let sql = "select count(*) from log.event where payload::text like any (array['%s3cret%', '%alice@example.com%'])";
    let leaked: i64 = admin.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(leaked, 0);
}
