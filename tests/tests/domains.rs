//! O2, O3: an organization is certified what a master delegated to it, and nothing else.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::time::{Duration, Instant};

use bytes::Bytes;
use chancery_tests::{
    house::House,
    in_both_modes,
    observed::views_at_rest,
    subscriber::{self, P256, p256},
    world::{World, eventually},
};
use contracts::{
    AdministratorId, OrganizationId, Service,
    directory::{
        AdministratorAppointed, AdministratorEvent, AdministratorKind, BuiltInRole, Details, Grant,
        OrganizationCreated, OrganizationEvent, Role,
    },
};
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Https};
use uuid::Uuid;

in_both_modes!(
    each_refusal_of_a_name_has_its_code,
    names_and_policy_are_told_together,
    a_masters_delegation_counts_and_anybody_elses_waits,
    who_speaks_for_some_types_asks_for_these_alone,
    a_department_needs_its_organization,
    a_domain_of_any_script_has_one_name,
    nobody_sees_what_is_delegated_to_others,
    a_change_is_repeated_tried_and_guarded_like_any_other,
    the_command_line_does_all_of_it,
    without_every_name_the_first_certificate_is_refused_in_clear_words,
    domains_outlive_a_restart_and_a_rebuild,
);

const REQUESTS: &str = "/api/v1/certificate-requests";

/// Asks for a certificate with this host as its common name.
async fn ask(client: &Https, host: &str, profile: Option<&str>) -> Answer {
    let mut body = json!({"csr": p256(host).pem});
    if let Some(profile) = profile {
        body["profile"] = format!("name:{profile}").into();
    }
    client.post(REQUESTS, &body).await
}

/// The one violation of a refusal.
fn refusal(answer: Answer) -> Value {
    let problem = answer.expect(422).json();
    assert_eq!(problem["code"], "policy_violation", "{problem}");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 1, "{problem}");
    assert_eq!(problem["detail"], problem["errors"][0]["detail"], "{problem}");
    problem["errors"][0].clone()
}

async fn delete(client: &Https, path: &str) -> Answer {
    client.request(Method::DELETE, path, &[], Bytes::new()).await.unwrap()
}

/// A read that knows everything written so far.
async fn fresh(world: &World, client: &Https, path: &str) -> Answer {
    let head = world.head().await.to_string();
    client
        .request(Method::GET, path, &[("chancery-min-position", head.as_str())], Bytes::new())
        .await
        .unwrap()
}

async fn each_refusal_of_a_name_has_its_code(world: &mut World) {
    let master = world.api();
    let shop = world.organization_without_domain("shop").await;
    let refused = refusal(ask(&shop, "www.shop.example", None).await);
    assert_eq!(
        (&refused["code"], &refused["pointer"]),
        (&json!("organization_without_domain"), &json!("#/csr"))
    );
    assert!(refused["detail"].as_str().unwrap().contains("'shop'"), "{refused}");

    let domain = json!({"name": "shop.example", "types": ["server", "client"], "delegateTo": ["name:shop"]});
    let domain = master.post("/api/v1/domains", &domain).await.expect(201).json();
    assert_eq!((&domain["status"], &domain["version"]), (&json!("active"), &json!(2)));
    for host in ["shop.example", "www.shop.example", "a.b.shop.example", "*.shop.example"] {
        _ = ask(&shop, host, None).await.expect(201);
    }
    for host in ["www.example.org", "notshop.example", "shop.example.org", "example"] {
        let csr = subscriber::csr(
            &[P256, &["-subj", "/CN=x", "-addext", &format!("subjectAltName=DNS:{host}")]].concat(),
        );
        let refused = refusal(shop.post(REQUESTS, &json!({"csr": csr.pem})).await);
        assert_eq!(refused["code"], "domain_not_delegated");
        assert_eq!(refused["allowed"], json!(["shop.example"]));
        assert!(refused["detail"].as_str().unwrap().contains(&format!("'{host}'")), "{refused}");
    }

    let signing = json!({"name": "signing", "type": "code_signing"});
    _ = shop.post("/api/v1/profiles", &signing).await.expect(201);
    let refused = refusal(ask(&shop, "tool.shop.example", Some("signing")).await);
    assert_eq!(refused["code"], "certificate_type_not_allowed");
    assert_eq!(refused["allowed"], json!(["server", "client"]));
    let own = json!({"name": "own", "ca": "self"});
    _ = shop.post("/api/v1/profiles", &own).await.expect(201);
    let managed = |host: &str| json!({"profile": "name:own", "key": {"algorithm": "ecdsa_p256"}, "subject": {"commonName": "x"}, "sans": [{"type": "dns", "value": host}]});
    _ = shop.post(REQUESTS, &managed("own.shop.example")).await.expect(201);
    let refused = refusal(shop.post(REQUESTS, &managed("own.example.org")).await);
    assert_eq!(
        (&refused["code"], &refused["pointer"]),
        (&json!("domain_not_delegated"), &json!("#/sans/0/value"))
    );

    let path = format!("/api/v1/domains/{}", domain["id"].as_str().unwrap());
    let off = json!({"reason": "sold"});
    let off = master.post(&format!("{path}/deactivate"), &off).await.expect(200).json();
    assert_eq!(off["status"], "inactive");
    let switched = Instant::now();
    let refused = eventually("it is refused", async || {
        let answer = ask(&shop, "www.shop.example", None).await;
        (answer.status != 201).then_some(answer)
    });
    let refused = refusal(refused.await);
    assert!(switched.elapsed() < Duration::from_secs(1), "{:?}", switched.elapsed());
    assert_eq!(refused["code"], "domain_inactive");
    assert!(refused["detail"].as_str().unwrap().contains("'shop.example'"), "{refused}");
    _ = master.post(&format!("{path}/activate"), &json!({})).await.expect(200);
    _ = ask(&shop, "www.shop.example", None).await.expect(201);
    // What is more specific decides, and is another's.
    let lab = json!({"name": "lab.shop.example"});
    _ = master.post("/api/v1/domains", &lab).await.expect(201);
    let refused = eventually("it is refused", async || {
        let answer = ask(&shop, "www.lab.shop.example", None).await;
        (answer.status != 201).then_some(answer)
    });
    assert_eq!(refusal(refused.await)["code"], "domain_not_delegated");
}

async fn names_and_policy_are_told_together(world: &mut World) {
    let shop = world.new_token(json!({"name": "shop-2", "organization": "name:shop"})).await.1;
    let policy = json!({"name": "rsa", "keyAlgorithms": ["rsa_2048"]});
    _ = shop.post("/api/v1/policies", &policy).await.expect(201);
    _ = shop.post("/api/v1/profiles", &json!({"name": "rsa", "policy": "name:rsa"})).await.expect(201);
    let asked = "subjectAltName=DNS:a.example.org,email:ada@example.org,URI:https://b.example.org/,IP:192.0.2.1,DNS:ok.shop.example";
    let csr = subscriber::csr(&[P256, &["-subj", "/CN=c.example.org", "-addext", asked]].concat());
    let body = json!({"csr": csr.pem, "profile": "name:rsa", "ttl": "900d"});
    let problem = shop.post(REQUESTS, &body).await.expect(422).json();
    let errors = problem["errors"].as_array().unwrap();
    let codes: Vec<_> = errors.iter().map(|error| error["code"].as_str().unwrap()).collect();
    let mut expected = vec!["ttl_not_allowed", "key_algorithm_not_allowed"];
    expected.extend(["domain_not_delegated"; 4]);
    assert_eq!(codes, expected, "{problem}");
    let verdict = shop.post(&format!("{REQUESTS}/validate"), &body).await.expect(200).json();
    assert_eq!((&verdict["ok"], &verdict["errors"]), (&json!(false), &problem["errors"]));
}

async fn a_masters_delegation_counts_and_anybody_elses_waits(world: &mut World) {
    let master = world.api();
    _ = world.organization_without_domain("asker").await;
    let may = ["domain.read", "domain.request", "certificate_request.create"];
    let scope = json!({"name": "asker", "organization": "name:asker", "scope": {"permissions": may}});
    let asker = world.new_token(scope).await.1;
    let domain = master.post("/api/v1/domains", &json!({"name": "asked.example"})).await.expect(201).json();
    let path = format!("/api/v1/domains/{}", domain["id"].as_str().unwrap());
    let (delegations, to) = (format!("{path}/delegations"), format!("{path}/delegations/name:asker"));

    _ = asker.get(&path).await.expect(404);
    _ = asker.post(&delegations, &json!({})).await.expect(404);
    let by_name = "/api/v1/domains/name:Asked.Example/delegations";
    let requested = asker.post(by_name, &json!({"types": ["server"]})).await.expect(201).json();
    assert_eq!((&requested["status"], &requested["types"]), (&json!("requested"), &json!([])));
    assert_eq!(requested["requestedTypes"], json!(["server"]));
    let refused = refusal(ask(&asker, "www.asked.example", None).await);
    assert_eq!(refused["code"], "organization_without_domain");
    // Seen from now on, and decided by a master alone.
    assert_eq!(fresh(world, &asker, &path).await.expect(200).json()["name"], "asked.example");
    _ = asker.post(&format!("{to}/approve"), &json!({})).await.expect(403);
    _ = asker.post("/api/v1/domains", &json!({"name": "own.example"})).await.expect(403);

    _ = master.post(&format!("{to}/reject"), &json!({"reason": ""})).await.expect(422);
    let words = json!({"reason": "it belongs to somebody else"});
    let rejected = master.post(&format!("{to}/reject"), &words).await.expect(200).json();
    assert_eq!((&rejected["status"], &rejected["reason"]), (&json!("refused"), &words["reason"]));
    let again = master.post(&format!("{to}/approve"), &json!({})).await.expect(409).json();
    assert_eq!(again["code"], "invalid_state");

    _ = asker.post(&delegations, &json!({"types": ["server"]})).await.expect(201);
    let approved = master.post(&format!("{to}/approve"), &json!({})).await.expect(200).json();
    assert_eq!((&approved["status"], &approved["types"]), (&json!("approved"), &json!(["server"])));
    _ = ask(&asker, "www.asked.example", None).await.expect(201);
    let shown = fresh(world, &asker, &delegations).await.expect(200).json();
    assert_eq!(shown["items"], json!([approved]), "the read model shows what was answered");

    // More is asked for: what there is goes on to count.
    let more = asker.post(&delegations, &json!({"types": ["client"]})).await.expect(201).json();
    assert_eq!((&more["status"], &more["requestedTypes"]), (&json!("approved"), &json!(["client"])));
    let waiting = fresh(world, &master, &format!("{delegations}?status=approved")).await.expect(200).json();
    assert_eq!(waiting["items"], json!([more]));
    let given = json!({"delegateTo": "name:asker", "types": ["server", "client"]});
    let given = master.post(&delegations, &given).await.expect(201).json();
    assert_eq!((&given["types"], &given["requestedTypes"]), (&json!(["server", "client"]), &json!([])));

    _ = delete(&asker, &to).await.expect(200);
    let refused = eventually("it is refused", async || {
        let answer = ask(&asker, "www.asked.example", None).await;
        (answer.status != 201).then_some(answer)
    });
    assert_eq!(refusal(refused.await)["code"], "organization_without_domain");
    _ = delete(&master, &to).await.expect(404);
}

async fn who_speaks_for_some_types_asks_for_these_alone(world: &mut World) {
    let master = world.api();
    _ = world.organization_without_domain("mailers").await;
    let appointed = async |name: &str, grant: Value| {
        let made = json!({"name": name, "grants": [grant]});
        let made = master.post("/api/v1/admins", &made).await.expect(201).json();
        world.new_token(json!({"name": name, "administrator": made["id"]})).await.1
    };
    let of_clients = json!({"role": "organization_officer", "organization": "name:mailers",
        "certificateTypes": ["client"]});
    let officer = appointed("client-officer", of_clients).await;
    let limited = appointed("client-master", json!({"role": "master", "certificateTypes": ["client"]})).await;

    let typed = |name: &str, types: Value| json!({"name": name, "types": types});
    let both = json!(["server", "client"]);
    _ = limited.post("/api/v1/domains", &typed("typed.example", both.clone())).await.expect(403);
    _ = limited.post("/api/v1/domains", &typed("clients.example", json!(["client"]))).await.expect(201);
    _ = master.post("/api/v1/domains", &typed("typed.example", both.clone())).await.expect(201);
    let (of_both, of_own) = ("/api/v1/domains/name:typed.example", "/api/v1/domains/name:clients.example");
    let patch = async |client: &Https, path: &str, body: Value| {
        let headers = [("content-type", "application/json")];
        client.request(Method::PATCH, path, &headers, body.to_string().into()).await.unwrap().status.as_u16()
    };
    assert_eq!(patch(&limited, of_both, json!({"description": "mine"})).await, 403);
    assert_eq!(patch(&limited, of_own, json!({"types": both})).await, 403);
    assert_eq!(patch(&limited, of_own, json!({"description": "mine"})).await, 200);

    let delegations = format!("{of_both}/delegations");
    let refused = officer.post(&delegations, &json!({"types": ["server"]})).await.expect(403).json();
    assert!(refused["detail"].as_str().unwrap().contains("'server'"), "{refused}");
    let asked = officer.post(&delegations, &json!({})).await.expect(201).json();
    assert_eq!(asked["requestedTypes"], json!(["client"]), "what they speak for");
    let given = json!({"delegateTo": "name:mailers", "types": both});
    _ = master.post(&delegations, &given).await.expect(201);
    let to = format!("{delegations}/name:mailers");
    _ = delete(&officer, &to).await.expect(403);
    _ = delete(&master, &to).await.expect(200);
}

async fn a_department_needs_its_organization(world: &mut World) {
    let master = world.api();
    let (departments, web) = ("/api/v1/organizations/name:asker/departments", json!({"name": "web"}));
    let web = master.post(departments, &web).await.expect(201).json()["id"].clone();
    let path = "/api/v1/domains/name:asked.example/delegations";
    let to_web = json!({"delegateTo": web, "types": ["server"]});
    assert_eq!(master.post(path, &to_web).await.expect(409).json()["code"], "invalid_state");
    _ = master.post(path, &json!({"delegateTo": "name:asker", "types": ["client"]})).await.expect(201);
    let problem = master.post(path, &to_web).await.expect(422).json();
    assert_eq!(problem["errors"][0]["allowed"], json!(["client"]));
    let made = master.post(path, &json!({"delegateTo": web})).await.expect(201).json();
    assert_eq!((&made["id"], &made["departmentId"], &made["types"]), (&web, &web, &json!(["client"])));
    _ = delete(&master, &format!("{path}/name:asker")).await.expect(200);
    assert_eq!(fresh(world, &master, path).await.expect(200).json()["items"], json!([]));
}

async fn a_domain_of_any_script_has_one_name(world: &mut World) {
    let master = world.api();
    let home = master.get("/api/v1/me").await.expect(200).json()["organizationId"].clone();
    let domain = json!({"name": "Bücher.example", "description": "The book shop", "delegateTo": [home]});
    let domain = master.post("/api/v1/domains", &domain).await.expect(201).json();
    assert_eq!(domain["name"], "xn--bcher-kva.example");
    assert_eq!(domain["displayName"], "bücher.example");
    for name in ["xn--bcher-kva.example", "bücher.example", "BU\u{308}CHER.example"] {
        let taken = master.post("/api/v1/domains", &json!({"name": name})).await.expect(409).json();
        assert_eq!(taken["code"], "already_exists", "{name}");
    }
    for path in ["name:xn--bcher-kva.example", "name:b%C3%BCcher.example"] {
        assert_eq!(
            fresh(world, &master, &format!("/api/v1/domains/{path}")).await.expect(200).json(),
            domain
        );
    }
    let found = master.get("/api/v1/domains?displayName%5BstartsWith%5D=b%C3%BC").await.expect(200).json();
    assert_eq!(found["items"], json!([domain]));
    _ = ask(&master, "www.xn--bcher-kva.example", None).await.expect(201);
    for name in ["*.example.com", "exa mple", "a_b.example", "10.0.0.1", "", "-a.example"] {
        let problem = master.post("/api/v1/domains", &json!({"name": name})).await.expect(422).json();
        assert_eq!(problem["errors"][0]["pointer"], "#/name", "{name}: {problem}");
    }
}

async fn nobody_sees_what_is_delegated_to_others(world: &mut World) {
    let master = world.api();
    let (left, right) =
        (world.organization_without_domain("left").await, world.organization_without_domain("right").await);
    let both = json!({"name": "both.example", "delegateTo": ["name:left", "name:right"]});
    let both = master.post("/api/v1/domains", &both).await.expect(201).json();
    let only = json!({"name": "right.both.example", "delegateTo": ["name:right"]});
    let only = master.post("/api/v1/domains", &only).await.expect(201).json();
    let (both, only) = (both["id"].as_str().unwrap(), only["id"].as_str().unwrap());

    let names = |list: Value| -> Vec<String> {
        let items = list["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["name"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let list = fresh(world, &left, "/api/v1/domains").await.expect(200).json();
    assert_eq!(names(list), ["both.example"]);
    _ = left.get(&format!("/api/v1/domains/{only}")).await.expect(404);
    _ = left.get("/api/v1/domains/name:right.both.example").await.expect(404);
    let delegations = left.get(&format!("/api/v1/domains/{both}/delegations")).await.expect(200).json();
    let id = |name: &str| format!("/api/v1/organizations/name:{name}");
    let (own, foreign) = (
        master.get(&id("left")).await.expect(200).json()["id"].clone(),
        master.get(&id("right")).await.expect(200).json()["id"].clone(),
    );
    assert_eq!(delegations["items"].as_array().unwrap().len(), 1);
    assert_eq!(delegations["items"][0]["id"], own);
    let timeline = left.get(&format!("/api/v1/domains/{both}/timeline")).await.expect(200).json();
    assert_eq!(timeline["items"].as_array().unwrap().len(), 2, "{timeline}");
    _ = delete(&left, &format!("/api/v1/domains/{both}/delegations/{}", foreign.as_str().unwrap()))
        .await
        .expect(404);
    let refused = refusal(ask(&left, "www.right.both.example", None).await);
    assert!(!refused.to_string().contains("'right.both.example'"), "{refused}");
    _ = ask(&right, "www.right.both.example", None).await.expect(201);
    let list = format!("/api/v1/domains?organizationId={}", foreign.as_str().unwrap());
    let list = master.get(&list).await.expect(200).json();
    assert_eq!(names(list), ["both.example", "right.both.example"]);
}

async fn a_change_is_repeated_tried_and_guarded_like_any_other(world: &mut World) {
    let master = world.api();
    let (path, body) = ("/api/v1/domains", json!({"name": "once.example"}));
    let dry = master.post(&format!("{path}?dryRun=true"), &body).await.expect(200).json();
    assert_eq!(dry["wouldChange"], true);
    let key = [("idempotency-key", "domain-once")];
    let first = master.post_with(path, &key, &body).await.expect(201);
    let again = master.post_with(path, &key, &body).await.expect(201);
    assert_eq!((first.json(), again.header("idempotency-replayed")), (again.json(), "true"));
    _ = master.post_with(path, &key, &json!({"name": "twice.example"})).await.expect(422);

    let one = first.header("location").to_owned();
    let patch = async |version: &str, body: Value| {
        let headers = [("content-type", "application/json"), ("if-match", version)];
        master.request(Method::PATCH, &one, &headers, body.to_string().into()).await.unwrap()
    };
    _ = patch("\"7\"", json!({"types": ["server"]})).await.expect(412);
    let changed = patch("\"1\"", json!({"types": ["device", "server"]})).await.expect(200);
    assert_eq!(changed.header("etag"), "\"2\"");
    assert_eq!(changed.json()["types"], json!(["server", "device"]));
    assert_eq!(
        patch("\"2\"", json!({"types": []})).await.expect(422).json()["errors"][0]["code"],
        "empty_list"
    );
    let delegations = format!("{one}/delegations");
    let dry = json!({"delegateTo": "name:shop", "types": ["device"]});
    let dry = master.post(&format!("{delegations}?dryRun=true"), &dry).await.expect(200).json();
    assert_eq!(dry["wouldChange"], true, "{dry}");
    assert_eq!(fresh(world, &master, &delegations).await.expect(200).json()["items"], json!([]));
}

async fn the_command_line_does_all_of_it(world: &mut World) {
    _ = world.organization_without_domain("desk").await;
    let cli = async |arguments: &[&str]| world.cli(&[arguments, &["-o", "json"]].concat()).await.json();
    let made = ["domain", "create", "schön.example", "--type", "server", "--description", "desk"];
    let made = cli(&made).await;
    assert_eq!(made["name"], "xn--schn-7qa.example");
    let may = ["domain.read", "domain.request"];
    let token = json!({"name": "desk", "organization": "name:desk", "scope": {"permissions": may}});
    let token = world.api().post("/api/v1/tokens", &token).await.expect(201).json();
    let environment = [("CHANCERY_TOKEN", token["secret"].as_str().unwrap())];
    let asked = eventually("the token is known", async || {
        let request = ["domain", "request", "schön.example", "-o", "json"];
        let asked = world.cli_with(&request, &environment, b"").await;
        (asked.code != 6).then_some(asked)
    });
    assert_eq!(asked.await.json()["status"], "requested");
    let table = world.cli(&["domain", "delegations", "schön.example"]).await.done();
    assert!(table.contains("requested") && table.contains("STATUS"), "{table}");
    let waiting = cli(&["domain", "delegations", "--waiting"]).await;
    assert_eq!(waiting.as_array().unwrap().len(), 1, "{waiting}");
    assert_eq!(waiting[0]["domainName"], "xn--schn-7qa.example", "{waiting}");
    let no = cli(&["domain", "reject", "schön.example", "desk", "--reason", "not yet"]).await;
    assert_eq!(no["status"], "refused");
    let yes = cli(&["domain", "delegate", "schön.example", "--to", "desk"]).await;
    assert_eq!(yes["status"], "approved");
    assert_eq!(
        cli(&["domain", "update", "schön.example", "--type", "client"]).await["types"],
        json!(["client"])
    );
    assert_eq!(cli(&["domain", "show", "schön.example"]).await["types"], json!(["client"]));
    assert_eq!(cli(&["domain", "deactivate", "schön.example", "--yes"]).await["status"], "inactive");
    assert_eq!(cli(&["domain", "activate", "schön.example"]).await["status"], "active");
    _ = cli(&["domain", "withdraw", "schön.example", "desk", "--yes"]).await;
    let timeline = world.cli(&["domain", "timeline", "schön.example"]).await.done();
    assert!(timeline.contains("domain.delegation_withdrawn"), "{timeline}");
    let list = world.cli(&["domain", "list", "--all"]).await.done();
    assert!(list.contains("schön.example") && list.contains("bücher.example"), "{list}");
}

async fn without_every_name_the_first_certificate_is_refused_in_clear_words(world: &mut World) {
    _ = ask(&world.api(), "first.example.com", None).await.expect(201);
    let withdrawn = world.cli(&["domain", "withdraw", "*", "default", "--yes"]).await;
    _ = withdrawn.done();
    let moment = Instant::now();
    eventually("it is refused", async || {
        (ask(&world.api(), "first.example.com", None).await.status == 422).then_some(())
    })
    .await;
    assert!(moment.elapsed() < Duration::from_secs(1), "{:?}", moment.elapsed());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("first.csr");
    std::fs::write(&file, p256("first.example.com").pem).unwrap();
    let refused = world.cli(&["issue", "--csr", file.to_str().unwrap()]).await;
    assert_eq!(refused.code, 5, "{refused:?}");
    let words = "'first.example.com' is under no domain that is delegated to the organization 'default'";
    assert!(refused.stderr.contains(words), "{}", refused.stderr);
    // A restart does not bring it back; a master's word does.
    world.stop().await;
    world.start().await;
    assert_eq!(ask(&world.api(), "first.example.com", None).await.status, 422);
    _ = world.cli(&["domain", "delegate", "*", "--to", "default"]).await.done();
    _ = ask(&world.api(), "first.example.com", None).await.expect(201);
}

async fn domains_outlive_a_restart_and_a_rebuild(world: &mut World) {
    let before = views_at_rest(world).await;
    assert!(
        before["api_directory.domain"].len() >= 6 && !before["api_directory.domain_delegation"].is_empty()
    );
    let said = world.server_command(&["rebuild", "all"]).await.done();
    assert!(said.contains("domain was built again"), "{said}");
    assert_eq!(views_at_rest(world).await, before);
    world.kill();
    world.start().await;
    assert_eq!(views_at_rest(world).await, before);
}

/// An installation from before there were domains: whoever could issue still can.
#[tokio::test(flavor = "multi_thread")]
async fn organizations_from_before_domains_keep_every_name() {
    let mut house = House::start(&[]).await;
    let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
    for (id, name) in [(first, "default"), (second, "branch")] {
        let created = OrganizationCreated::new(OrganizationId(id), name.into(), Details::default());
        house.append(Service::Directory, id, id, OrganizationEvent::from(created)).await;
    }
    let id = AdministratorId(Uuid::from_u128(3));
    let master = AdministratorAppointed {
        id,
        name: "master".into(),
        kind: AdministratorKind::Person,
        grants: vec![Grant::installation(Role::BuiltIn(BuiltInRole::Master))],
        identity_provider_id: None,
    };
    house.append(Service::Directory, first, id.uuid(), AdministratorEvent::from(master)).await;
    for _ in 0..2 {
        house.open(Service::Directory).await;
        house.ready().await;
        assert_eq!(house.count("domain.created").await, 1);
        assert_eq!(house.count("domain.delegated").await, 2);
        house.close(Service::Directory).await;
    }
    assert_eq!(house.count("administrator.appointed").await, 1);
}
