//! A process that dies between the grant and the act, or between the act and its record.

use chancery_tests::world::{World, eventually};
use contracts::Service;
use http::Method;
use serde_json::json;

use super::cast::{Waiting, count, granted, held, profile, until, waiting};

/// Where the signer dies.
const POINTS: [&str; 2] = ["X04-granted-not-done", "X05-done-not-marked"];

pub async fn what_was_granted_is_done_once_after_a_crash(world: &mut World) {
    let mira = granted(world, "mira", json!([{"role": "master"}])).await;
    profile(world, "crashing", json!({"required": 1})).await;
    let signer = world.process_of(Service::Signer);
    for (number, point) in POINTS.into_iter().enumerate() {
        let asked = waiting(&world.api(), "crashing", &format!("crash{number}.example.com")).await;
        world.start_armed(signer, point).await;
        // In one process the answer may be lost with it; what was decided stands in the log.
        let path = format!("{}/approve", asked.path());
        let approve = mira.client.request(Method::POST, &path, &[], bytes::Bytes::new());
        let (_, ()) = tokio::join!(approve, world.has_crashed(signer));
        world.start().await;
        let issued = asked.becomes(&world.api(), "issued").await;
        assert_eq!(count(world, "approval.granted", issued["id"].as_str().unwrap()).await, 1, "{point}");
        assert_eq!(count(world, "issuance.intended", &asked.approval).await, 1, "{point}");
        done_once(world, &asked).await;
    }
    let rules = json!({"rules": [{"kind": "ca_creation", "rule": {"required": 1}}]});
    let put = async |rules: serde_json::Value| {
        let headers = [("content-type", "application/json")];
        let path = "/api/v1/approval-policy";
        _ = world
            .api()
            .request(Method::PUT, path, &headers, rules.to_string().into())
            .await
            .unwrap()
            .expect(200);
    };
    put(rules).await;
    let ca = json!({"name": "crashed", "kind": "root"});
    let operation = world.api().post("/api/v1/cas", &ca).await.expect(202).json();
    let asked = held(&world.api(), &operation).await;
    world.start_armed(signer, "X05-done-not-marked").await;
    let path = format!("{}/approve", asked.path());
    let approve = mira.client.request(Method::POST, &path, &[], bytes::Bytes::new());
    let (_, ()) = tokio::join!(approve, world.has_crashed(signer));
    world.start().await;
    _ = until(&world.api(), &asked.operation, "done").await;
    assert_eq!(count(world, "ca.intended", &asked.approval).await, 1);
    done_once(world, &asked).await;
    let made = world.api().get("/api/v1/cas?name=crashed").await.expect(200).json();
    assert_eq!(made["items"].as_array().unwrap().len(), 1, "{made}");
}

/// Waits until the act is marked as done.
async fn done_once(world: &World, asked: &Waiting) {
    let marked = async || (count(world, "guarded_act.done", &asked.approval).await == 1).then_some(());
    eventually("the act is marked as done", marked).await;
}
