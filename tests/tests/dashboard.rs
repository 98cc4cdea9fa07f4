//! The figures of the dashboard: each is how many its list shows.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use chancery_tests::{in_both_modes, subscriber::p256, world::World};
use http::Method;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P384_SHA384};
use runtime::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};
use testkit::Https;
use time::Duration;

in_both_modes!(every_figure_is_what_its_list_shows, nobody_counts_what_they_cannot_read);

const DASHBOARD: &str = "/api/v1/dashboard";

async fn every_figure_is_what_its_list_shows(world: &mut World) {
    let first = request(&world.api(), json!({})).await;
    for name in ["long-gone", "gone-today", "soon", "in-a-month"] {
        let days = match name {
            "long-gone" => Duration::days(-300),
            "gone-today" => Duration::seconds(-1),
            "soon" => Duration::days(3),
            _ => Duration::days(31),
        };
        import(world, name, days).await;
    }
    let figures = fresh(world, &world.api(), DASHBOARD).await;
    let certificates = &figures["certificates"];
    assert_eq!(
        ["total", "active", "expired", "archived"].map(|name| certificates[name].as_u64().unwrap()),
        [5, 3, 2, 0]
    );
    assert_eq!(every_list(world, &figures).await, 6 + 26 + 3 + 3 + 2 + 1 + 2, "{figures:#}");

    _ = world.api().post(&format!("/api/v1/certificates/{first}/archive"), &json!({})).await.expect(200);
    let figures = fresh(world, &world.api(), DASHBOARD).await;
    assert_eq!(figures["certificates"]["active"], 2);
    assert_eq!(figures["certificates"]["archived"], 1);
    _ = every_list(world, &figures).await;
    _ = world.api().post(&format!("/api/v1/certificates/{first}/restore"), &json!({})).await.expect(200);
    assert_eq!(fresh(world, &world.api(), DASHBOARD).await["certificates"]["active"], 3);
}

async fn nobody_counts_what_they_cannot_read(world: &mut World) {
    let theirs = world.organization("counted").await;
    _ = request(&theirs, json!({})).await;
    assert_eq!(fresh(world, &theirs, DASHBOARD).await["certificates"]["total"], 1);
    let all = fresh(world, &world.api(), DASHBOARD).await;
    let me = world.api().get("/api/v1/me").await.expect(200).json();
    let home = me["organizationId"].as_str().unwrap();
    let ours = fresh(world, &world.api(), &format!("{DASHBOARD}?organizationId={home}")).await;
    let total = |figures: &Value| figures["certificates"]["total"].as_u64().unwrap();
    assert_eq!(total(&all), total(&ours) + 1);
    _ = every_list(world, &ours).await;
    let foreign = fresh(world, &theirs, &format!("{DASHBOARD}?organizationId={home}")).await;
    assert_eq!(total(&foreign), 0);

    // Whoever sees their own alone, and a token for one certificate: counted one by one.
    let grants = json!([{"role": "requester", "organization": home}]);
    let person = world.api().post("/api/v1/admins", &json!({"name": "own", "grants": grants})).await;
    let person = person.expect(201).json();
    let (_, own) = world.new_token(json!({"name": "own", "administrator": person["id"]})).await;
    assert_eq!(total(&fresh(world, &own, DASHBOARD).await), 0);
    let one = request(&world.api(), json!({})).await;
    let scope = json!({"name": "one", "scope": {"certificates": [one]}});
    let (_, limited) = world.new_token(scope).await;
    assert_eq!(total(&fresh(world, &limited, DASHBOARD).await), 1);
}

/// Follows each list, which shows as many as its figure says; how many there are.
async fn every_list(world: &World, figures: &Value) -> usize {
    let mut pending = vec![figures];
    let mut followed = 0;
    while let Some(value) = pending.pop() {
        if let (Some(list), Some(count)) = (value["list"].as_str(), value["count"].as_u64()) {
            let shown = world.api().get(&format!("{list}&limit=200")).await.expect(200).json();
            assert_eq!(shown["items"].as_array().unwrap().len() as u64, count, "{list}");
            followed += 1;
        }
        match value {
            Value::Array(all) => pending.extend(all),
            Value::Object(members) => pending.extend(members.values()),
            _ => {}
        }
    }
    followed
}

/// A certificate of ours; its id.
async fn request(client: &Https, more: Value) -> String {
    let mut body = json!({"csr": p256("counted.example.com").pem});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let request = client.post("/api/v1/certificate-requests", &body).await.expect(201).json();
    request["certificateId"].as_str().unwrap().to_owned()
}

/// One of somebody else's, which ends so much from now.
async fn import(world: &World, name: &str, ends: Duration) {
    let mut parameters = CertificateParams::new(vec![format!("{name}.example.com")]).unwrap();
    parameters.distinguished_name.push(DnType::CommonName, name);
    let now = SystemClock::default().now().0;
    parameters.not_before = now - Duration::days(400);
    parameters.not_after = now + ends;
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    let file = json!({"name": format!("{name}.cer"), "content": STANDARD.encode(certificate.der())});
    _ = world.api().post("/api/v1/imports", &json!({"files": [file]})).await.expect(200);
}

/// Reads what was written before.
async fn fresh(world: &World, client: &Https, path: &str) -> Value {
    let head = world.head().await.to_string();
    let headers = [("chancery-min-position", head.as_str())];
    client.request(Method::GET, path, &headers, Bytes::new()).await.unwrap().expect(200).json()
}
