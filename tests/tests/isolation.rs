//! A-1, O13, S1: a token does what it is for and reaches what is its organization's, and nothing else exists for it.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::time::Duration;

use bytes::Bytes;
use chancery_tests::{
    in_both_modes,
    operations::{Operation, Things},
    subscriber::p256,
    world::{World, eventually},
};
use http::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

in_both_modes!(
    nothing_is_answered_without_a_token,
    nothing_of_another_organization_is_found,
    a_token_ends_when_it_should,
    a_token_does_what_it_is_for,
);

async fn nothing_is_answered_without_a_token(world: &mut World) {
    let anonymous = world.api().with_token(None);
    let mut refused = 0;
    for operation in Operation::all(world).await {
        let answer = operation.call(&anonymous, &Things::new()).await;
        if operation.is_public && operation.method == Method::GET {
            assert_eq!(answer.status, 200, "{}: {}", operation.id, answer.text());
        } else if operation.is_public {
            // Ways in: judged by what they bring, which here is nothing that is known.
            assert!(
                [202, 401, 409, 422].contains(&answer.status.as_u16()),
                "{}: {}",
                operation.id,
                answer.text()
            );
        } else {
            assert_eq!(answer.status, 401, "{}: {}", operation.id, answer.text());
            assert_eq!(answer.json()["code"], "unauthenticated");
            refused += 1;
        }
    }
    assert!(refused > 40, "{refused}");
}

async fn nothing_of_another_organization_is_found(world: &mut World) {
    let other = world.organization("other").await;
    let ours = things_of(world).await;
    let before = world.head().await;
    let mut walked = 0;
    for operation in Operation::all(world).await.iter().filter(|operation| operation.path.contains('{')) {
        if operation.id == "addCertificateDocument" {
            continue; // takes a file: tests/access sends one
        }
        let answer = operation.call(&other, &ours).await;
        assert_eq!(answer.status, 404, "{}: {}", operation.id, answer.text());
        assert_eq!(answer.json()["code"], "not_found", "{}", operation.id);
        walked += 1;
    }
    assert!(walked > 25, "{walked}");
    for path in [
        "certificates",
        "certificate-requests",
        "keys",
        "cas",
        "profiles",
        "policies",
        "tokens",
        "domains",
        "events",
    ] {
        let list = other.get(&format!("/api/v1/{path}?limit=200")).await.expect(200).text();
        for id in ours.values() {
            assert!(!list.contains(id.as_str()), "{path} shows {id} of another organization");
        }
    }
    // Named in a body, what is another's is answered like what does not exist.
    let csr = p256("foreign.example.com").pem;
    for (path, member, foreign, missing, mut body) in [
        (
            "/api/v1/certificate-requests",
            "profile",
            &ours["profiles"],
            "prf_01jdp4q2x8f7mb3v5kz6n9w0ae",
            json!({"csr": csr}),
        ),
        (
            "/api/v1/cas",
            "parent",
            &ours["cas"],
            "ca_01jdp4q2x8f7mb3v5kz6n9w0ae",
            json!({"name": "below", "kind": "issuing"}),
        ),
        (
            "/api/v1/profiles",
            "policy",
            &ours["policies"],
            "pol_01jdp4q2x8f7mb3v5kz6n9w0ae",
            json!({"name": "foreign"}),
        ),
        ("/api/v1/profiles", "ca", &ours["cas"], "ca_01jdp4q2x8f7mb3v5kz6n9w0ae", json!({"name": "foreign"})),
    ] {
        let mut answers = vec![];
        for reference in [foreign, missing] {
            body[member] = reference.into();
            let problem = other.post(path, &body).await.json();
            assert!([404, 422].contains(&problem["status"].as_u64().unwrap()), "{path}: {problem}");
            let told = |text: &Value| text.to_string().replace(reference, "…");
            answers.push((problem["code"].clone(), told(&problem["detail"]), told(&problem["errors"])));
        }
        assert_eq!(answers[0], answers[1], "{path}");
    }
    let changed = "select count(*) from log.event where position > $1 and category <> 'denial'";
    let changed: i64 = world.admin().await.query_one(changed, &[&before]).await.unwrap().get(0);
    assert_eq!(changed, 0, "only denials were recorded");
}

async fn a_token_ends_when_it_should(world: &mut World) {
    let short = world.new_token(json!({"name": "short", "ttl": "2s"})).await;
    let expired = eventually("it expires", async || {
        let answer = short.1.get("/api/v1/me").await;
        (answer.status == 401 && answer.json()["code"] == "token_expired").then_some(answer)
    });
    _ = expired.await;

    let (id, client) = world.new_token(json!({"name": "revoked"})).await;
    let path = format!("/api/v1/tokens/{id}");
    _ = world.api().request(Method::DELETE, &path, &[], Bytes::new()).await.unwrap().expect(200);
    let revoked = Instant::now();
    eventually("it is refused", async || (client.get("/api/v1/me").await.status == 401).then_some(())).await;
    assert!(revoked.elapsed() <= Duration::from_secs(1), "{:?}", revoked.elapsed());
    // Longer than its limit, or wider than its maker: refused.
    let long = json!({"name": "long", "ttl": "366d"});
    assert_eq!(
        world.api().post("/api/v1/tokens", &long).await.expect(422).json()["errors"][0]["pointer"],
        "#/ttl"
    );
}

async fn a_token_does_what_it_is_for(world: &mut World) {
    let csr = p256("scoped.example.com").pem;
    let request = "/api/v1/certificate-requests";
    let reader =
        world.new_token(json!({"name": "reader", "scope": {"permissions": ["certificate.read"]}})).await.1;
    _ = reader.get("/api/v1/certificates").await.expect(200);
    for answer in [reader.get("/api/v1/keys").await, reader.post(request, &json!({"csr": csr})).await] {
        let problem = answer.expect(403).json();
        assert_eq!(problem["code"], "forbidden");
        assert!(problem["detail"].as_str().unwrap().contains("permission"), "{problem}");
    }
    let profile = world.api().post("/api/v1/profiles", &json!({"name": "only"})).await.expect(201).json();
    let narrow = world.new_token(json!({"name": "narrow", "scope": {"profiles": [profile["id"]]}})).await.1;
    _ = narrow.post(request, &json!({"csr": csr, "profile": "name:only"})).await.expect(201);
    _ = narrow.post(request, &json!({"csr": csr})).await.expect(403);

    let (one, two) = (world.issue(&csr).await, world.issue(&csr).await);
    let (one, two) = (one["certificateId"].as_str().unwrap(), two["certificateId"].as_str().unwrap());
    let single = world.new_token(json!({"name": "single", "scope": {"certificates": [one]}})).await.1;
    let head = world.head().await.to_string();
    let get = async |id: &str| {
        let (path, headers) =
            (format!("/api/v1/certificates/{id}"), [("chancery-min-position", head.as_str())]);
        single.request(Method::GET, &path, &headers, Bytes::new()).await.unwrap()
    };
    _ = get(one).await.expect(200);
    _ = get(two).await.expect(404);
    let list = single.get("/api/v1/certificates").await.expect(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}

/// One thing of each kind, of the first organization.
async fn things_of(world: &World) -> Things {
    let api = world.api();
    let id = |answer: Value| answer["id"].as_str().unwrap().to_owned();
    let make = async |path: &str, body: Value| id(api.post(path, &body).await.expect(201).json());
    let issued = world.issue(&p256("ours.example.com").pem).await;
    let me = api.get("/api/v1/me").await.expect(200).json();
    let home = me["organizationId"].as_str().unwrap().to_owned();
    let headers = [("idempotency-key", "ours"), ("prefer", "wait=0")];
    let csr = json!({"csr": p256("operation.example.com").pem});
    let operation = eventually("something is not waited for", async || {
        let answer = api.post_with("/api/v1/certificate-requests", &headers, &csr).await;
        if answer.status == 202 {
            return Some(answer.json()["id"].as_str()?.to_owned());
        }
        let events =
            api.get(&format!("/api/v1/events?subject={}", answer.json()["id"].as_str()?)).await.json();
        Some(events["items"][0]["correlationid"].as_str()?.to_owned())
    })
    .await;
    let things = Things::from([
        ("certificates".to_owned(), issued["certificateId"].as_str().unwrap().to_owned()),
        ("certificate-requests".to_owned(), id(issued.clone())),
        ("keys".to_owned(), make("/api/v1/keys", json!({"algorithm": "ecdsa_p256"})).await),
        ("cas".to_owned(), make("/api/v1/cas", json!({"name": "ours", "kind": "root"})).await),
        ("policies".to_owned(), make("/api/v1/policies", json!({"name": "ours"})).await),
        ("profiles".to_owned(), make("/api/v1/profiles", json!({"name": "ours"})).await),
        ("tokens".to_owned(), make("/api/v1/tokens", json!({"name": "ours"})).await),
        (
            "domains".to_owned(),
            make("/api/v1/domains", json!({"name": "ours.example", "delegateTo": [home]})).await,
        ),
        (
            "departments".to_owned(),
            make(&format!("/api/v1/organizations/{home}/departments"), json!({"name": "ours"})).await,
        ),
        ("organizations".to_owned(), home),
        ("operations".to_owned(), operation),
    ]);
    let head = world.head().await.to_string();
    for path in ["certificates", "keys", "cas", "domains"] {
        let (path, headers) =
            (format!("/api/v1/{path}/{}", things[path]), [("chancery-min-position", head.as_str())]);
        _ = api.request(Method::GET, &path, &headers, Bytes::new()).await.unwrap().expect(200);
    }
    things
}
