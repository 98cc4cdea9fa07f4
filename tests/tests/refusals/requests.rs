//! Requests that are wrong whatever CSR they carry, and callers who may not make them.

use bytes::Bytes;
use chancery_tests::{
    refused::{documented, unchanged},
    subscriber::{self, p256},
    world::{World, eventually},
};
use contracts::{TokenId, token::TokenText};
use http::Method;
use serde_json::json;
use uuid::Uuid;

use super::PATH;

pub async fn what_is_no_good_request_is_refused(world: &mut World) {
    let csr = p256("fine.example.com").pem;
    let fine = json!({"csr": csr}).to_string();
    let json_type = "application/json";
    let key = "key_01jdp4q2x8f7mb3v5kz6n9w0ae";
    let large = json!({"csr": csr, "note": "x".repeat(1_100_000)}).to_string();
    for (what, path, media, body, status, code, place) in [
        (
            "wrong content type",
            PATH,
            "text/plain",
            fine.clone(),
            415,
            "unsupported_media_type",
            "Content-Type",
        ),
        ("no content type", PATH, "", fine.clone(), 415, "unsupported_media_type", "Content-Type"),
        ("broken JSON", PATH, json_type, "{\"csr\": \"".into(), 400, "malformed_request", ""),
        ("not an object", PATH, json_type, "[]".into(), 422, "validation_failed", ""),
        (
            "a field twice",
            PATH,
            json_type,
            r#"{"csr":"a","csr":"b"}"#.into(),
            400,
            "malformed_request",
            "#/csr",
        ),
        (
            "unknown field",
            PATH,
            json_type,
            r#"{"csr":"a","profil":"b"}"#.into(),
            422,
            "validation_failed",
            "#/profil",
        ),
        ("wrong type", PATH, json_type, r#"{"csr":7}"#.into(), 422, "validation_failed", "#/csr"),
        ("NUL", PATH, json_type, r#"{"csr":"a","note":"\u0000"}"#.into(), 422, "validation_failed", "#/note"),
        (
            "control character",
            PATH,
            json_type,
            json!({"csr": csr, "note": "a\u{7}"}).to_string(),
            422,
            "validation_failed",
            "#/note",
        ),
        ("too large", PATH, json_type, large, 413, "payload_too_large", ""),
        (
            "wrong id type",
            PATH,
            json_type,
            json!({"csr": csr, "profile": key}).to_string(),
            400,
            "wrong_id_type",
            "#/profile",
        ),
        (
            "no such profile",
            PATH,
            json_type,
            json!({"csr": csr, "profile": "name:none"}).to_string(),
            404,
            "not_found",
            "",
        ),
        (
            "bad lifetime",
            PATH,
            json_type,
            json!({"csr": csr, "ttl": "soon"}).to_string(),
            422,
            "validation_failed",
            "#/ttl",
        ),
        (
            "too long",
            PATH,
            json_type,
            json!({"csr": csr, "ttl": "399d"}).to_string(),
            422,
            "policy_violation",
            "#/ttl",
        ),
        (
            "unknown parameter",
            "/api/v1/certificate-requests?dryrun=true",
            json_type,
            fine.clone(),
            400,
            "unknown_parameter",
            "dryrun",
        ),
    ] {
        let headers: Vec<_> =
            [("content-type", media)].into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let refused = unchanged(world, async |world: &World| {
            world.api().request(Method::POST, path, &headers, Bytes::from(body.clone())).await.unwrap()
        })
        .await;
        let problem = documented(what, &refused, status, code);
        let first = &problem["errors"][0];
        let found = ["pointer", "parameter", "header"]
            .iter()
            .find_map(|name| first[*name].as_str())
            .unwrap_or_default();
        assert!(place.is_empty() || found == place, "{what}: {problem}");
    }
    for (what, path, status, code) in [
        ("wrong id type", format!("/api/v1/certificates/{key}"), 400, "wrong_id_type"),
        ("no id", "/api/v1/certificates/nonsense".to_owned(), 400, "malformed_request"),
        (
            "no such certificate",
            "/api/v1/certificates/crt_01jdp4q2x8f7mb3v5kz6n9w0ae".to_owned(),
            404,
            "not_found",
        ),
        ("no such path", "/api/v1/nonsense".to_owned(), 404, "not_found"),
        ("unknown parameter", "/api/v1/certificates?state=active".to_owned(), 400, "unknown_parameter"),
        ("foreign cursor", "/api/v1/certificates?cursor=abc".to_owned(), 400, "invalid_cursor"),
    ] {
        let refused = world.api().get(&path).await;
        _ = documented(what, &refused, status, code);
    }
    let wrong = world.api().request(Method::DELETE, "/api/v1/meta", &[], Bytes::new()).await.unwrap();
    _ = documented("wrong method", &wrong, 405, "method_not_allowed");
    // A token that is none, one of another installation, one that has expired.
    let foreign = TokenText::new(TokenId(Uuid::from_u128(7)), [7; 32]).reveal().to_string();
    let short = json!({"name": "short", "ttl": "1s"});
    let short = world.api().post("/api/v1/tokens", &short).await.expect(201).json();
    let expired = short["secret"].as_str().unwrap();
    eventually("it expires", async || {
        let answer = world.api().with_token(Some(expired)).get("/api/v1/me").await;
        (answer.status == 401 && answer.json()["code"] == "token_expired").then_some(())
    })
    .await;
    let (_folder, file) = subscriber::as_file(&csr);
    for (token, code) in [
        (None, "unauthenticated"),
        (Some("nonsense"), "unauthenticated"),
        (Some("chy_01jdp4q2x8f7mb3v5kz6n9w0ae_AAAA_0000"), "unauthenticated"),
        (Some(foreign.as_str()), "unauthenticated"),
        (Some(expired), "token_expired"),
    ] {
        let refused = unchanged(world, async |world: &World| {
            world.api().with_token(token).post(PATH, &json!({"csr": csr})).await
        })
        .await;
        _ = documented("no good token", &refused, 401, code);
        assert!(refused.header("www-authenticate").starts_with("Bearer"));
        if let Some(token) = token {
            let ran = world.cli_with(&["issue", "--csr", &file], &[("CHANCERY_TOKEN", token)], b"").await;
            assert!(ran.code != 0 && ran.stderr.starts_with(&format!("error[{code}]: ")), "{ran:?}");
        }
    }
    for (arguments, code) in [
        (&["--profile", key][..], "wrong_id_type"),
        (&["--profile", "none"], "not_found"),
        (&["--ttl", "399d"], "policy_violation"),
        (&["--note", "a\u{7}"], "validation_failed"),
    ] {
        let ran = world.cli(&[&["issue", "--csr", &file][..], arguments].concat()).await;
        assert!(ran.code != 0 && ran.stderr.starts_with(&format!("error[{code}]: ")), "{ran:?}");
    }
    assert!(!world.logs().contains("panicked"), "nothing of this made anything panic");
}

pub async fn sensitive_denials_are_recorded_and_nonsense_is_not(world: &mut World) {
    let scope = json!({"permissions": ["certificate.read"]});
    let token = json!({"name": "reader", "scope": scope});
    let token = world.api().post("/api/v1/tokens", &token).await.expect(201).json();
    let reader = world.api().with_token(token["secret"].as_str());
    let (before, count) = (world.head().await, denials(world).await);

    let refused = reader.post("/api/v1/cas", &json!({"name": "mine", "kind": "root"})).await;
    let problem = documented("not allowed", &refused, 403, "forbidden");
    assert!(problem["detail"].as_str().unwrap().contains("ca.create"), "{problem}");
    let recorded = eventually("a denial is recorded", async || {
        let now = denials(world).await;
        (now > count).then_some(now)
    })
    .await;
    assert_eq!(recorded, count + 1);
    let row = world
        .admin()
        .await
        .query_one(
            "select payload::text from log.event where category = 'denial' order by position desc limit 1",
            &[],
        )
        .await
        .unwrap();
    let payload: String = row.get(0);
    assert!(payload.contains("ca.create") || payload.contains("createCa"), "{payload}");

    // Nonsense from the same caller, and a read that is refused, leave no trace.
    _ = reader.get("/api/v1/keys").await.expect(403);
    _ = reader.get("/api/v1/certificates/nonsense").await.expect(400);
    _ = world.api().post("/api/v1/cas", &json!({"name": 7})).await.expect(422);
    assert_eq!(denials(world).await, count + 1);
    assert_eq!(world.head().await, before + 1);
}

async fn denials(world: &World) -> i64 {
    let sql = "select count(*) from log.event where category = 'denial'";
    world.admin().await.query_one(sql, &[]).await.unwrap().get(0)
}
