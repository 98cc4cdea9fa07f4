//! Acts beside certificate requests that wait (I4): each is done once, after it was approved.

use chancery_tests::world::{World, eventually};
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Https};

use super::cast::{Person, granted, held, refusal, until};

/// The rules of a policy by which acts of these kinds need one approval.
fn rules(kinds: &[&str], expires: &str) -> Value {
    let rule = json!({"required": 1, "expires": expires});
    let rules: Vec<_> = kinds.iter().map(|kind| json!({"kind": kind, "rule": rule})).collect();
    json!({"rules": rules})
}

async fn send(client: &Https, method: &Method, path: &str, key: &str, body: &Value) -> Answer {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    client.request(method.clone(), path, &headers, body.to_string().into()).await.unwrap()
}

async fn events(world: &World, kind: &str) -> i64 {
    let sql = "select count(*) from log.event where type = $1";
    world.admin().await.query_one(sql, &[&kind]).await.unwrap().get(0)
}

/// Ends all rules; who approves it is a master.
async fn without_rules(world: &World, master: &Person, key: &str) {
    let path = "/api/v1/approval-policy";
    let operation = send(&world.api(), &Method::PUT, path, key, &rules(&[], "")).await.expect(202).json();
    let asked = held(&world.api(), &operation).await;
    _ = asked.approve(master).await.expect(200);
    _ = until(&world.api(), &asked.operation, "done").await;
}

pub async fn each_kind_of_act_waits_and_is_done_once(world: &mut World) {
    let mona = granted(world, "mona", json!([{"role": "master"}])).await;
    let api = world.api();
    let kinds = ["ca_creation", "policy_change"];
    let path = "/api/v1/approval-policy";
    _ = send(&api, &Method::PUT, path, "acts-begin", &rules(&kinds, "7d")).await.expect(200);
    assert_eq!(api.get(path).await.expect(200).json()["rules"].as_array().unwrap().len(), 2);

    let table = [
        (Method::POST, "/api/v1/cas", json!({"name": "waited", "kind": "root"}), "ca.created"),
        (Method::POST, "/api/v1/policies", json!({"name": "waited"}), "policy.created"),
        (
            Method::PATCH,
            "/api/v1/policies/name:waited",
            json!({"keyAlgorithms": ["ecdsa_p256"]}),
            "policy.updated",
        ),
        (
            Method::POST,
            "/api/v1/profiles",
            json!({"name": "waited", "policy": "name:waited"}),
            "profile.created",
        ),
        (
            Method::PATCH,
            "/api/v1/profiles/name:waited",
            json!({"ttl": {"default": "30d", "max": "60d"}}),
            "profile.updated",
        ),
        (Method::PUT, path, rules(&kinds, "6d"), "approval_policy.replaced"),
    ];
    for (method, path, body, kind) in table {
        let key = format!("acts-{kind}");
        let before = events(world, kind).await;
        if method == Method::POST {
            let dry = api.post(&format!("{path}?dryRun=true"), &body).await.expect(200).json();
            assert!(dry["changes"].to_string().contains("\"/approval\""), "{kind}: {dry}");
        }
        let operation = send(&api, &method, path, &key, &body).await.expect(202).json();
        let asked = held(&api, &operation).await;
        let again = send(&api, &method, path, &key, &body).await.expect(202).json();
        assert_eq!(again["id"], operation["id"], "{kind}: a repeat asks for nothing new");
        assert_eq!(
            refusal(&asked.approve(&own(world)).await),
            (403, "separation_of_duties".into()),
            "{kind}"
        );
        assert_eq!(events(world, kind).await, before, "{kind} waits");
        _ = asked.approve(&mona).await.expect(200);
        let done = until(&api, &asked.operation, "done").await;
        assert_eq!(done["waitingFor"], Value::Null, "{done}");
        assert_eq!(refusal(&asked.approve(&mona).await), (409, "invalid_state".into()), "{kind}");
        assert_eq!(events(world, kind).await, before + 1, "{kind} is done once");
    }
    // One that is declined is never done.
    let ca = json!({"name": "unwanted", "kind": "root"});
    let operation = send(&api, &Method::POST, "/api/v1/cas", "acts-unwanted", &ca).await.expect(202).json();
    let asked = held(&api, &operation).await;
    _ = asked.decline(&mona, "one root is enough").await.expect(200);
    let failed = until(&api, &asked.operation, "failed").await;
    assert!(failed["error"]["detail"].as_str().unwrap().contains("one root is enough"), "{failed}");
    assert_eq!(api.get("/api/v1/cas?name=unwanted").await.expect(200).json()["items"], json!([]));
    without_rules(world, &mona, "acts-end").await;
    _ = api.post("/api/v1/policies", &json!({"name": "at-once"})).await.expect(201);
}

/// The master who asks.
fn own(world: &World) -> Person {
    Person { id: String::new(), token: String::new(), client: world.api() }
}

pub async fn a_delegation_waits_where_a_rule_says_so(world: &mut World) {
    let maud = granted(world, "maud", json!([{"role": "master"}])).await;
    let api = world.api();
    let path = "/api/v1/approval-policy";
    let both = rules(&["delegation", "policy_change"], "7d");
    _ = send(&api, &Method::PUT, path, "delegation-begin", &both).await.expect(200);
    let home = api.get("/api/v1/me").await.expect(200).json()["organizationId"].clone();
    let with = json!({"name": "agreed.example", "delegateTo": [home]});
    let refused = api.post("/api/v1/domains", &with).await.expect(422).json();
    assert_eq!(refused["errors"][0]["code"], "approval_required", "{refused}");
    let domain = api.post("/api/v1/domains", &json!({"name": "agreed.example"})).await.expect(201).json();
    let delegations = format!("/api/v1/domains/{}/delegations", domain["id"].as_str().unwrap());
    let asked = api.post(&delegations, &json!({"delegateTo": home})).await.expect(201).json();
    assert_eq!(asked["status"], "requested", "a master's word waits, too");

    let waiting = eventually("the approval is shown", async || {
        let list = maud.client.get("/api/v1/me/approvals?kind=delegation").await.expect(200).json();
        list["items"][0]["id"].as_str().map(str::to_owned)
    })
    .await;
    let to = format!("{delegations}/{}", home.as_str().unwrap());
    let own = api.post(&format!("{to}/approve"), &json!({})).await;
    assert_eq!(refusal(&own), (403, "separation_of_duties".into()));
    let approve = format!("/api/v1/approvals/{waiting}/approve");
    _ = maud.client.post(&approve, &json!({})).await.expect(200);
    eventually("it counts", async || {
        let list = api.get(&delegations).await.expect(200).json();
        (list["items"][0]["status"] == "approved").then_some(())
    })
    .await;
    assert_eq!(super::cast::count(world, "domain.delegation_approved", home.as_str().unwrap()).await, 1);
    without_rules(world, &maud, "delegation-end").await;
}
