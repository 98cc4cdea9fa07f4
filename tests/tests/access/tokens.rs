//! O12: API tokens, each for what it names and no more.

use std::time::Duration;

use chancery_tests::world::{World, eventually};
use serde_json::json;
use testkit::Https;
use tokio::time::Instant;

use super::cast::{call, certificate, home, id, make, settled, somebody, token};

pub async fn a_token_is_for_what_it_names(world: &mut World) {
    let api = world.api();
    let ours = home(world).await;
    let legal = make(&api, &format!("organizations/{ours}/departments"), json!({"name": "legal"})).await;
    let (a, b) = (certificate(&api, Some(&legal)).await, certificate(&api, Some(&legal)).await);
    let path = |issued: &serde_json::Value| {
        format!("/api/v1/certificates/{}", issued["certificateId"].as_str().unwrap())
    };
    settled(world).await;
    // One certificate: another one of the same department does not exist for it.
    let single =
        token(&api, json!({"name": "single", "scope": {"certificates": [a["certificateId"]]}})).await.1;
    _ = single.get(&path(&a)).await.expect(200);
    assert_eq!(single.get(&path(&b)).await.expect(404).json()["code"], "not_found");
    _ = single.get(&format!("/api/v1/certificate-requests/{}", id(&b))).await.expect(404);
    let annotate = json!({"owner": "legal"});
    _ = call(&single, "PATCH", &path(&a), Some(&annotate)).await.expect(200);
    _ = call(&single, "PATCH", &path(&b), Some(&annotate)).await.expect(404);
    _ = single.post("/api/v1/cas", &json!({"name": "more", "kind": "root"})).await.expect(403);
    // One department, one role, one organization.
    let there = token(&api, json!({"name": "legal", "scope": {"department": legal}})).await.1;
    _ = there.get(&path(&a)).await.expect(200);
    assert_eq!(certificate(&there, None).await["departmentId"], json!(legal), "the only one it may ask for");
    let outside = certificate(&api, None).await;
    settled(world).await;
    _ = there.get(&path(&outside)).await.expect(404);
    let grants = json!([{"role": "organization_officer", "organization": ours}, {"role": "auditor", "organization": ours}]);
    let (_, both) = somebody(world, "bea", grants).await;
    let reads = token(&both, json!({"name": "reads", "scope": {"roles": ["auditor"]}})).await.1;
    _ = reads.get(&path(&a)).await.expect(200);
    _ = call(&reads, "PATCH", &path(&a), Some(&annotate)).await.expect(403);
    // A narrow token makes no wider one.
    let wider = json!({"name": "wider"});
    for narrow in [&there, &single] {
        let refused = narrow.post("/api/v1/tokens", &wider).await;
        assert!([403, 422].contains(&refused.status.as_u16()), "{}", refused.text());
    }
}

pub async fn a_rotated_token_works_until_the_overlap_is_over(world: &mut World) {
    let api = world.api();
    let (old, client) =
        token(&api, json!({"name": "turning", "scope": {"permissions": ["certificate.read"]}})).await;
    let rotate = format!("/api/v1/tokens/{old}/rotate");
    let next = api.post(&rotate, &json!({"ttl": "30d", "overlap": "3s"})).await.expect(201).json();
    assert_eq!(
        (&next["name"], &next["scope"]),
        (&json!("turning"), &json!({"permissions": ["certificate.read"]}))
    );
    let renewed = api.with_token(next["secret"].as_str());
    let works = async |client: &Https| client.get("/api/v1/me").await.status == 200;
    eventually("the new one works", async || works(&renewed).await.then_some(())).await;
    assert!(works(&client).await, "the old one still does");
    eventually("the old one has ended", async || {
        (client.get("/api/v1/me").await.json()["code"] == "token_expired").then_some(())
    })
    .await;
    assert!(works(&renewed).await);
    let shown = eventually("the old one names its successor", async || {
        let shown = api.get(&format!("/api/v1/tokens/{old}")).await.expect(200).json();
        (!shown["supersededBy"].is_null()).then_some(shown)
    });
    assert_eq!(shown.await["supersededBy"], next["id"]);
    assert_eq!(api.post(&rotate, &json!({})).await.expect(409).json()["code"], "invalid_state");
}

pub async fn a_disabled_administrators_tokens_stop(world: &mut World) {
    let api = world.api();
    let (dan, client) =
        somebody(world, "dan", json!([{"role": "auditor", "organization": home(world).await}])).await;
    let path = format!("/api/v1/admins/{dan}");
    _ = call(&api, "POST", &format!("{path}/disable"), Some(&json!({"reason": "on leave"})))
        .await
        .expect(200);
    let disabled = Instant::now();
    eventually("nobody is signed in", async || (client.get("/api/v1/me").await.status == 401).then_some(()))
        .await;
    assert!(disabled.elapsed() < Duration::from_secs(1), "{:?}", disabled.elapsed());
    let token = json!({"name": "meanwhile", "administrator": dan});
    assert_eq!(api.post("/api/v1/tokens", &token).await.expect(409).json()["code"], "invalid_state");
    assert!(world.cli(&["admin", "enable", "dan"]).await.code == 0);
    eventually("he is back", async || (client.get("/api/v1/me").await.status == 200).then_some(())).await;
}
