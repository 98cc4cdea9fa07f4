//! Who acts in these stories, and what they find there.

use bytes::Bytes;
use chancery_tests::{
    subscriber::p256,
    world::{World, eventually},
};
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Https};

/// The id in an answer.
pub fn id(answer: &Value) -> String {
    answer["id"].as_str().unwrap_or_else(|| panic!("no id in {answer}")).to_owned()
}

/// Makes something and gives its id. An organization or a department may have every name certified.
pub async fn make(client: &Https, path: &str, body: Value) -> String {
    let made = id(&client.post(&format!("/api/v1/{path}"), &body).await.expect(201).json());
    if path == "organizations" || path.ends_with("/departments") {
        let delegation = json!({"delegateTo": made});
        _ = client.post("/api/v1/domains/name:*/delegations", &delegation).await.expect(201);
    }
    made
}

/// The first organization.
pub async fn home(world: &World) -> String {
    let me = world.api().get("/api/v1/me").await.expect(200).json();
    me["organizationId"].as_str().unwrap().to_owned()
}

/// Appoints an administrator with these grants.
pub async fn appoint(client: &Https, name: &str, grants: Value) -> String {
    make(client, "admins", json!({"name": name, "grants": grants})).await
}

/// A token that is known everywhere: its id and a client with it.
pub async fn token(client: &Https, body: Value) -> (String, Https) {
    let token = client.post("/api/v1/tokens", &body).await.expect(201).json();
    let theirs = client.with_token(token["secret"].as_str());
    let known = async || theirs.get("/api/v1/me").await.status.is_success().then_some(());
    eventually("the token is known", known).await;
    (id(&token), theirs)
}

/// Somebody new with these grants, signed in.
pub async fn somebody(world: &World, name: &str, grants: Value) -> (String, Https) {
    let administrator = appoint(&world.api(), name, grants).await;
    let client = token(&world.api(), json!({"name": name, "administrator": administrator})).await.1;
    (administrator, client)
}

/// A certificate for a department, or for the organization as a whole.
pub async fn certificate(client: &Https, department: Option<&str>) -> Value {
    let mut body = json!({"csr": p256("access.example.com").pem});
    if let Some(department) = department {
        body["department"] = department.into();
    }
    client.post("/api/v1/certificate-requests", &body).await.expect(201).json()
}

/// A request with a body of JSON, or without one.
pub async fn call(client: &Https, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let headers: &[(&str, &str)] = if body.is_some() { &[("content-type", "application/json")] } else { &[] };
    let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
    client.request(method.parse::<Method>().unwrap(), path, headers, body).await.unwrap()
}

/// Waits until everything that was written is read back.
pub async fn settled(world: &World) {
    let head = world.head().await.to_string();
    for path in [
        "certificates",
        "certificate-requests",
        "keys",
        "tokens",
        "domains",
        "people",
        "sessions",
        "identity-providers",
        "trust-sets",
        "views",
    ] {
        let (path, headers) = (format!("/api/v1/{path}"), [("chancery-min-position", head.as_str())]);
        _ = world.api().request(Method::GET, &path, &headers, Bytes::new()).await.unwrap().expect(200);
    }
}
