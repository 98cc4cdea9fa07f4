//! U2: read models come from the log alone. What was thrown away or falsified in them is back after a rebuild, and they
//! are read all the while.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use chancery_tests::{
    in_both_modes,
    observed::views_at_rest,
    subscriber::p256,
    world::{World, eventually},
};
use serde_json::json;

in_both_modes!(views_rebuilt_from_the_log_are_the_same);

async fn views_rebuilt_from_the_log_are_the_same(world: &mut World) {
    _ = world.api().post("/api/v1/cas", &json!({"name": "kept", "kind": "root"})).await.expect(201);
    _ = world.api().post("/api/v1/organizations", &json!({"name": "kept"})).await.expect(201);
    for number in 0..25 {
        _ = world.issue(&p256(&format!("rebuilt{number}.example.com")).pem).await;
    }
    let before = views_at_rest(world).await;
    assert!(before.len() > 8, "{:?}", before.keys());
    assert!(before["api_inventory.certificate"].len() >= 25);

    // Rows are lost and changed behind everybody's back.
    let admin = world.admin().await;
    let tables = "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname = 'inventory' and \
                  tablename ~ '^certificate_g[0-9]+$'";
    for row in admin.query(tables, &[]).await.unwrap() {
        let table: String = row.get(0);
        admin
            .batch_execute(&format!("delete from {table} where ctid in (select ctid from {table} limit 20)"))
            .await
            .unwrap();
    }
    assert_ne!(views_at_rest(world).await, before);

    let rebuild = world.server_command(&["rebuild", "all"]);
    let read = async {
        for _ in 0..50 {
            _ = world.api().get("/api/v1/certificates?limit=1").await.expect(200);
        }
    };
    let (rebuilt, ()) = tokio::join!(rebuild, read);
    let said = rebuilt.done();
    assert!(said.contains("certificate was built again"), "{said}");
    assert_eq!(views_at_rest(world).await, before);
    let issued = world.issue(&p256("after.example.com").pem).await;
    let path = format!("/api/v1/certificates/{}", issued["certificateId"].as_str().unwrap());
    eventually("the new one follows the log", async || {
        world.api().get(&path).await.status.is_success().then_some(())
    })
    .await;
}
