//! What rules say, and that what holds when it is approved is what counts.

use chancery_tests::{schemas::Validator, world::World};
use http::Method;
use serde_json::{Value, json};

use super::cast::{ask, count, officers, profile, somebody, waiting};

pub async fn a_rule_approves_at_once_and_says_why(world: &mut World) {
    let [hugo] = officers(world, ["hugo"]).await;
    let internal = json!({"name": "internal hosts", "reason": "reachable from inside only", "names": ["*.corp.example.com"]});
    profile(world, "mostly-automatic", json!({"required": 1, "auto": [internal]})).await;
    let issued = ask(&world.api(), "mostly-automatic", "db.corp.example.com").await.expect(201).json();
    assert_eq!(
        (&issued["status"], &issued["approval"]["rule"]),
        (&json!("issued"), &json!("internal hosts"))
    );
    let path = format!("/api/v1/certificate-requests/{}/timeline", issued["id"].as_str().unwrap());
    let told = world.api().get(&path).await.expect(200).text();
    assert!(told.contains("internal hosts") && told.contains("reachable from inside only"), "{told}");

    let asked = waiting(&world.api(), "mostly-automatic", "www.example.com").await;
    let shown = world.api().get(&asked.path()).await.expect(200).json();
    let why = json!([{"rule": "internal hosts", "why": "'www.example.com' fits none of its patterns"}]);
    assert_eq!(shown["unmatched"], why);
    let told = world.api().get(&format!("{}/timeline", asked.resource)).await.expect(200).text();
    assert!(told.contains("fits none of its patterns"), "{told}");
    _ = asked.approve(&hugo).await.expect(200);
    _ = asked.becomes(&world.api(), "issued").await;
}

pub async fn a_rule_that_cannot_be_met_is_refused(world: &mut World) {
    let one = somebody(world, "ida", "organization_officer").await.id;
    let table = [
        (json!({"required": 21}), "required", "too_many"),
        (
            json!({"required": 2, "approvers": {"administrators": [one, one]}}),
            "required",
            "too_few_approvers",
        ),
        (json!({"required": 1, "expires": "366d"}), "expires", "too_long"),
        (json!({"required": 1, "remind": vec!["1d"; 11]}), "remind", "too_many"),
        (json!({"required": 1, "auto": [{"name": "", "names": ["*"]}]}), "auto/0/name", "empty_text"),
    ];
    for (rule, field, code) in table {
        let body = json!({"name": "never", "approval": rule});
        let problem = world.api().post("/api/v1/profiles", &body).await.expect(422).json();
        let error = &problem["errors"][0];
        assert_eq!(
            (&error["pointer"], &error["code"]),
            (&json!(format!("#/approval/{field}")), &json!(code))
        );
        let rules = json!({"rules": [{"kind": "certificate_request", "rule": rule}]});
        let problem = put(world, "/api/v1/approval-policy", &rules).await;
        let error = &problem["errors"][0];
        let pointer = json!(format!("#/rules/0/rule/{field}"));
        assert_eq!((&error["pointer"], &error["code"]), (&pointer, &json!(code)), "{problem}");
    }
    // Each can be met, both together cannot: three approvals, and one person who may give them.
    let by_one = json!({"rules": [{"kind": "certificate_request", "rule": {"required": 1, "approvers": {"administrators": [one]}}}]});
    let three = json!({"rules": [{"kind": "certificate_request", "rule": {"required": 3}}]});
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.json");
    std::fs::write(&file, by_one.to_string()).unwrap();
    let set =
        world.cli(&["approval-policy", "set", file.to_str().unwrap(), "--organization", "default"]).await;
    assert_eq!(set.code, 0, "{}", set.stderr);
    let problem = put(world, "/api/v1/approval-policy", &three).await;
    assert_eq!(problem["code"], json!("invalid_state"), "{problem}");
    let got = world.cli(&["approval-policy", "get", "--organization", "default"]).await;
    let shown: Value = serde_json::from_str(&got.stdout).unwrap();
    assert_eq!(shown["rules"][0]["rule"]["approvers"]["administrators"], json!([one]), "{shown}");
    let (set, token) = (["approval-policy", "set", "-", "--organization", "default"], world.token());
    let emptied = world.cli_with(&set, &[("CHANCERY_TOKEN", &token)], br#"{"rules": []}"#).await;
    assert_eq!(emptied.code, 0, "{}", emptied.stderr);
    // A kind of act that does not exist yet is no word of a policy.
    for kind in ["revocation", "key_export"] {
        let rules = json!({"rules": [{"kind": kind, "rule": {"required": 1}}]});
        assert!(put(world, "/api/v1/approval-policy", &rules).await["code"].is_string());
    }
}

async fn put(world: &World, path: &str, body: &Value) -> Value {
    let headers = [("content-type", "application/json")];
    let answer = world.api().request(Method::PUT, path, &headers, body.to_string().into()).await.unwrap();
    assert!(answer.status.is_client_error(), "{}", answer.text());
    answer.json()
}

pub async fn what_was_tightened_meanwhile_is_judged_again(world: &mut World) {
    let [jana] = officers(world, ["jana"]).await;
    let policy = world.api().post("/api/v1/policies", &json!({"name": "tightened"})).await.expect(201).json();
    let body = json!({"name": "tightened", "policy": "name:tightened", "approval": {"required": 1}});
    _ = world.api().post("/api/v1/profiles", &body).await.expect(201);
    let asked = waiting(&world.api(), "tightened", "tightened.example.com").await;
    let (path, rules) = (
        format!("/api/v1/policies/{}", policy["id"].as_str().unwrap()),
        json!({"keyAlgorithms": ["rsa_2048"]}),
    );
    let headers = [("content-type", "application/json")];
    let changed =
        world.api().request(Method::PATCH, &path, &headers, rules.to_string().into()).await.unwrap();
    _ = changed.expect(200);
    _ = asked.approve(&jana).await.expect(200);
    let request = asked.becomes(&world.api(), "failed").await;
    let told = request.to_string();
    assert!(told.contains("policy_violation") && told.contains("(policy 'tightened', version 2)"), "{told}");
    let operation = world.api().get(&asked.operation).await.expect(200).json();
    assert_eq!(
        (&operation["status"], &operation["error"]["code"]),
        (&json!("failed"), &json!("policy_violation"))
    );
    assert_eq!(count(world, "issuance.intended", &asked.approval).await, 0);
}

pub async fn what_is_told_of_it_fits_its_schema(world: &mut World) {
    let mut validator = Validator::new();
    for what in ["submitted", "approved", "rejected", "cancelled", "failed"] {
        let path = format!("/api/v1/events?types=certificate_request.{what}&limit=200");
        let told = world.api().get(&path).await.expect(200).json();
        let told = told["items"].as_array().unwrap();
        assert!(!told.is_empty(), "{what}");
        told.iter().for_each(|event| validator.check(event));
    }
}

pub async fn who_asked_has_to_have_the_right_still(world: &mut World) {
    let [kurt] = officers(world, ["kurt"]).await;
    let ruth = somebody(world, "ruth", "requester").await;
    let asked = waiting(&ruth.client, "four-eyes", "gone.example.com").await;
    _ = world.api().post(&format!("/api/v1/admins/{}/disable", ruth.id), &json!({})).await.expect(200);
    _ = asked.approve(&kurt).await.expect(200);
    let request = asked.becomes(&world.api(), "failed").await;
    assert!(request.to_string().contains("who asked for it may not do it any more"), "{request}");
    assert_eq!(count(world, "issuance.intended", &asked.approval).await, 0);
}
