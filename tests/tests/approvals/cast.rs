//! Who asks and who decides in these stories, and where what they asked for stands.

use chancery_tests::{
    subscriber::p256,
    world::{World, eventually},
};
use serde_json::{Value, json};
use testkit::{Answer, Https};

/// An administrator with a token.
pub struct Person {
    pub id: String,
    pub token: String,
    pub client: Https,
}

/// Something that waits.
pub struct Waiting {
    /// Path of the operation.
    pub operation: String,
    /// Path of what is asked for; of an act, that of its approval.
    pub resource: String,
    /// The approval's id.
    pub approval: String,
}

impl Waiting {
    /// The path of its approval.
    pub fn path(&self) -> String {
        format!("/api/v1/approvals/{}", self.approval)
    }

    /// Somebody approves.
    pub async fn approve(&self, person: &Person) -> Answer {
        person.client.post(&format!("{}/approve", self.path()), &json!({})).await
    }

    /// Somebody declines.
    pub async fn decline(&self, person: &Person, reason: &str) -> Answer {
        person.client.post(&format!("{}/decline", self.path()), &json!({"reason": reason})).await
    }

    /// The approval, once it has this status.
    pub async fn ends(&self, client: &Https, status: &str) -> Value {
        until(client, &self.path(), status).await
    }

    /// What is asked for, once it has this status.
    pub async fn becomes(&self, client: &Https, status: &str) -> Value {
        until(client, &self.resource, status).await
    }

    /// The types of the approval's events.
    pub async fn history(&self, client: &Https) -> Vec<String> {
        let timeline = client.get(&format!("{}/timeline", self.path())).await.expect(200).json();
        let items = timeline["items"].as_array().unwrap();
        items.iter().map(|item| item["type"].as_str().unwrap().to_owned()).collect()
    }
}

/// Somebody of the first organization with this role.
pub async fn somebody(world: &World, name: &str, role: &str) -> Person {
    let me = world.api().get("/api/v1/me").await.expect(200).json();
    granted(world, name, json!([{"role": role, "organization": me["organizationId"]}])).await
}

/// Somebody with these grants.
pub async fn granted(world: &World, name: &str, grants: Value) -> Person {
    let body = json!({"name": name, "grants": grants});
    let id = world.api().post("/api/v1/admins", &body).await.expect(201).json()["id"].clone();
    let body = json!({"name": name, "administrator": id});
    let token = world.api().post("/api/v1/tokens", &body).await.expect(201).json();
    let token = token["secret"].as_str().unwrap().to_owned();
    let client = world.api().with_token(Some(&token));
    eventually("the token is known", async || {
        client.get("/api/v1/me").await.status.is_success().then_some(())
    })
    .await;
    Person { id: id.as_str().unwrap().to_owned(), token, client }
}

/// Officers of the first organization.
pub async fn officers<const COUNT: usize>(world: &World, names: [&str; COUNT]) -> [Person; COUNT] {
    let mut all = Vec::with_capacity(COUNT);
    for name in names {
        all.push(somebody(world, name, "organization_officer").await);
    }
    all.try_into().unwrap_or_else(|_| panic!("as many as names"))
}

/// A certificate profile whose requests need this.
pub async fn profile(world: &World, name: &str, approval: Value) {
    let body = json!({"name": name, "approval": approval});
    _ = world.api().post("/api/v1/profiles", &body).await.expect(201);
}

/// Asks for a certificate.
pub async fn ask(client: &Https, profile: &str, host: &str) -> Answer {
    let body = json!({"profile": format!("name:{profile}"), "csr": p256(host).pem});
    client.post("/api/v1/certificate-requests", &body).await
}

/// Asks for a certificate that has to wait.
pub async fn waiting(client: &Https, profile: &str, host: &str) -> Waiting {
    held(client, &ask(client, profile, host).await.expect(202).json()).await
}

/// What an answered operation waits for.
pub async fn held(client: &Https, operation: &Value) -> Waiting {
    assert_eq!((&operation["status"], &operation["waitingFor"]), (&json!("waiting"), &json!("approval")));
    let resource = operation["resource"]["path"].as_str().unwrap().to_owned();
    let look = async || {
        let shown = client.get(&resource).await;
        if shown.status != 200 {
            return None;
        }
        let (kind, shown) = (operation["resource"]["kind"].as_str().unwrap(), shown.json());
        let id = if kind == "approval" { &shown["id"] } else { &shown["approval"]["approvalId"] };
        let id = id.as_str()?.to_owned();
        (client.get(&format!("/api/v1/approvals/{id}")).await.status == 200).then_some(id)
    };
    let approval = eventually("the approval is shown", look).await;
    let operation = format!("/api/v1/operations/{}", operation["id"].as_str().unwrap());
    Waiting { operation, resource, approval }
}

/// What is there, once it has this status.
pub async fn until(client: &Https, path: &str, status: &str) -> Value {
    eventually(&format!("{path} is {status}"), async || {
        let shown = client.get(path).await;
        let fits = shown.status == 200 && shown.json()["status"] == status;
        fits.then(|| shown.json())
    })
    .await
}

/// Status and code of a refusal.
pub fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.json()["code"].as_str().unwrap_or_default().to_owned())
}

/// How many events of a type the log holds that mention this.
pub async fn count(world: &World, kind: &str, mention: &str) -> i64 {
    let sql = "select count(*) from log.event where type = $1 and strpos(payload::text, $2) > 0";
    world.admin().await.query_one(sql, &[&kind, &mention]).await.unwrap().get(0)
}
