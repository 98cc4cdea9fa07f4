//! How an approval ends that is not granted, and what happens while nobody decides.

use chancery_tests::world::{World, eventually};
use serde_json::json;

use super::cast::{count, officers, profile, refusal, somebody, waiting};

pub async fn one_refusal_ends_it(world: &mut World) {
    let [bea, carl] = officers(world, ["bea", "carl"]).await;
    let rolf = somebody(world, "rolf", "requester").await;
    profile(world, "refusable", json!({"required": 2})).await;
    let asked = waiting(&rolf.client, "refusable", "refused.example.com").await;
    _ = asked.approve(&bea).await.expect(200);
    for reason in ["", &"x".repeat(1_001)] {
        let refused = asked.decline(&carl, reason).await.expect(422).json();
        assert_eq!(refused["errors"][0]["pointer"], "#/reason");
    }
    let environment = [("CHANCERY_TOKEN", carl.token.as_str())];
    let decline = ["approval", "decline", &asked.approval, "--reason", "not our name", "-o", "json"];
    let declined = world.cli_with(&decline, &environment, b"").await.json();
    assert_eq!((&declined["status"], &declined["endedBy"]), (&json!("declined"), &json!(carl.id)));
    assert_eq!(declined["reason"], "not our name");
    let request = asked.becomes(&rolf.client, "rejected").await;
    assert!(request.to_string().contains("not our name"), "{request}");
    let operation = rolf.client.get(&asked.operation).await.expect(200).json();
    assert_eq!(operation["status"], "failed");
    assert!(operation["error"]["detail"].as_str().unwrap().contains("not our name"), "{operation}");
    assert_eq!(refusal(&asked.approve(&carl).await), (409, "invalid_state".into()));
    assert_eq!(count(world, "issuance.intended", &asked.approval).await, 0);
}

pub async fn what_nobody_wants_any_more_is_taken_back(world: &mut World) {
    let [dirk] = officers(world, ["dirk"]).await;
    let rosa = somebody(world, "rosa", "requester").await;
    let asked = waiting(&rosa.client, "refusable", "back.example.com").await;
    let withdraw = format!("{}/withdraw", asked.path());
    assert_eq!(refusal(&dirk.client.post(&withdraw, &json!({})).await), (403, "forbidden".into()));
    let cancel = format!("{}/cancel", asked.resource);
    _ = rosa.client.post(&cancel, &json!({"reason": "typed wrongly"})).await.expect(200);
    let request = asked.becomes(&rosa.client, "cancelled").await;
    assert!(request.to_string().contains("typed wrongly"), "{request}");
    assert_eq!(refusal(&asked.approve(&dirk).await), (409, "invalid_state".into()));
}

pub async fn nobody_decides_in_time(world: &mut World) {
    let [emma] = officers(world, ["emma"]).await;
    profile(world, "hasty", json!({"required": 1, "expires": "4s", "remind": ["2s", "1s", "1h"]})).await;
    let asked = waiting(&world.api(), "hasty", "hasty.example.com").await;
    assert_eq!(asked.ends(&world.api(), "expired").await["remaining"], 1);
    // A reminder that is late is not sent twice; whatever comes after its time is not asked for.
    let mut history = asked.history(&world.api()).await;
    history.dedup();
    assert_eq!(history, ["requested", "reminded", "expired"].map(|what| format!("approval.{what}")));
    let late = asked.approve(&emma).await;
    assert_eq!(refusal(&late), (409, "invalid_state".into()));
    assert!(late.json()["detail"].as_str().unwrap().contains("expired"), "{}", late.text());
    let request = asked.becomes(&world.api(), "rejected").await;
    assert!(request.to_string().contains("nobody decided in time"), "{request}");
}

pub async fn others_join_when_nobody_decides(world: &mut World) {
    let [finn, gina] = officers(world, ["finn", "gina"]).await;
    let approvers = json!({"administrators": [finn.id]});
    let later = json!({"after": "8s", "approvers": {"administrators": [gina.id]}});
    profile(world, "escalated", json!({"required": 1, "approvers": approvers, "escalate": later})).await;
    let asked = waiting(&world.api(), "escalated", "escalated.example.com").await;
    assert_eq!(refusal(&asked.approve(&gina).await), (403, "forbidden".into()), "not yet");
    let shown = eventually("others may decide as well", async || {
        let shown = world.api().get(&asked.path()).await.expect(200).json();
        (shown["escalated"] == true).then_some(shown)
    })
    .await;
    assert_eq!(shown["approvers"]["administrators"], json!([finn.id, gina.id]));
    _ = asked.approve(&gina).await.expect(200);
    _ = asked.becomes(&world.api(), "issued").await;
}
