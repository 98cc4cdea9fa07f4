//! O1: organizations and departments with all their fields, archived and restored.

use chancery_tests::world::World;
use serde_json::json;

use super::cast::{call, certificate, id, make, settled, token};

pub async fn every_field_of_an_organization_is_kept(world: &mut World) {
    let api = world.api();
    let fields = json!({"name": "fields", "displayName": "Fields Ltd", "description": "Made of fields",
        "addressLines": ["1 Main Street", "Suite 2"], "city": "Kanata", "state": "Ontario", "postalCode": "K2K 1A1",
        "country": "CA"});
    let organization = make(&api, "organizations", fields.clone()).await;
    let path = format!("/api/v1/organizations/{organization}");
    let departments = format!("organizations/{organization}/departments");
    let plain = make(&api, &departments, json!({"name": "plain", "description": "No address"})).await;
    let remote = make(&api, &departments, json!({"name": "remote", "city": "Graz", "country": "AT"})).await;
    settled(world).await;
    let read = api.get(&path).await.expect(200).json();
    for (field, value) in fields.as_object().unwrap() {
        assert_eq!(read[field], *value, "{field}");
    }
    // Without an address of its own a department has its organization's.
    let department = async |id: &str| api.get(&format!("{path}/departments/{id}")).await.expect(200).json();
    let (plain, remote) = (department(&plain).await, department(&remote).await);
    assert_eq!((&plain["city"], &plain["addressInherited"]), (&json!("Kanata"), &json!(true)));
    assert_eq!(
        (&plain["addressLines"], &plain["description"]),
        (&fields["addressLines"], &json!("No address"))
    );
    assert_eq!((&remote["city"], &remote["addressInherited"]), (&json!("Graz"), &json!(false)));
    assert_eq!(remote["postalCode"], json!(null), "half an address is not filled up with another's");

    let wrong = json!({"name": "wrong", "country": "UK", "addressLines": ["a", "b", "c", "d", "e"]});
    let problem = api.post("/api/v1/organizations", &wrong).await.expect(422).json();
    let pointers: Vec<_> =
        problem["errors"].as_array().unwrap().iter().map(|error| error["pointer"].clone()).collect();
    assert_eq!(pointers, ["#/addressLines", "#/country"]);
    let changed =
        call(&api, "PATCH", &path, Some(&json!({"name": "renamed", "city": ""}))).await.expect(200).json();
    assert_eq!(
        (&changed["name"], &changed["city"], &changed["country"]),
        (&json!("renamed"), &json!(null), &json!("CA"))
    );
    let shown = world.cli(&["org", "show", "renamed", "-o", "json"]).await;
    assert_eq!(id(&serde_json::from_str(&shown.done()).unwrap()), organization);
}

pub async fn an_archived_organization_is_read_but_gets_nothing(world: &mut World) {
    let api = world.api();
    let organization = make(&api, "organizations", json!({"name": "closing"})).await;
    let path = format!("/api/v1/organizations/{organization}");
    let department =
        make(&api, &format!("organizations/{organization}/departments"), json!({"name": "shop"})).await;
    let theirs = token(&api, json!({"name": "closing", "organization": organization})).await.1;
    let issued = certificate(&theirs, Some(&department)).await;
    settled(world).await;

    let archived = call(&api, "POST", &format!("{path}/departments/{department}/archive"), None)
        .await
        .expect(200)
        .json();
    assert_eq!(archived["status"], "archived");
    let csr = json!({"csr": chancery_tests::subscriber::p256("closing.example.com").pem});
    let mut for_shop = csr.clone();
    for_shop["department"] = "name:shop".into();
    let requests = "/api/v1/certificate-requests";
    refused(&theirs, &for_shop, "the department 'shop' is archived: restore it first").await;
    _ = theirs.post(requests, &csr).await.expect(201);

    assert!(world.cli(&["org", "archive", "closing", "--reason", "sold", "--yes"]).await.code == 0);
    refused(&theirs, &csr, "the organization 'closing' is archived: restore it first").await;
    let certificate = format!("/api/v1/certificates/{}", issued["certificateId"].as_str().unwrap());
    _ = theirs.get(&certificate).await.expect(200);
    _ = theirs.get(&path).await.expect(200);
    let problem = call(&api, "PATCH", &path, Some(&json!({"city": "Graz"}))).await.expect(409).json();
    assert_eq!(problem["code"], "invalid_state");

    assert!(world.cli(&["org", "restore", "closing"]).await.code == 0);
    _ = call(&api, "POST", &format!("{path}/departments/{department}/restore"), None).await.expect(200);
    chancery_tests::world::eventually("it is in use again", async || {
        (theirs.post(requests, &for_shop).await.status == 201).then_some(())
    })
    .await;
}

/// A request is refused for this reason, as soon as the signer knows.
async fn refused(client: &testkit::Https, body: &serde_json::Value, words: &str) {
    let refusal = chancery_tests::world::eventually("it is refused", async || {
        let answer = client.post("/api/v1/certificate-requests", body).await;
        (answer.status == 409).then(|| answer.json())
    });
    let problem = refusal.await;
    assert_eq!((&problem["code"], &problem["detail"]), (&json!("invalid_state"), &json!(words)));
}
