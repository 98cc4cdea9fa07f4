//! B2, B10, B12: keys are used again where somebody chooses so; a compromised one is refused everywhere, signs nothing any
//! more, and is of no use to another organization.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use bytes::Bytes;
use chancery_tests::{
    in_both_modes,
    subscriber::{as_file, csr_of, openssl, x509},
    world::{World, eventually},
};
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Https};

in_both_modes!(
    a_chosen_key_is_used_again,
    a_compromised_key_is_refused_from_then_on,
    a_key_of_another_organization_does_not_exist,
);

const REQUESTS: &str = "/api/v1/certificate-requests";

async fn a_chosen_key_is_used_again(world: &mut World) {
    let request = |name: &str, key: Value| json!({"key": key, "sans": [{"type": "dns", "value": name}]});
    let first = submit(world, &request("a.example.com", json!({}))).await;
    let key = first["keyId"].as_str().unwrap().to_owned();
    let second = submit(world, &request("b.example.com", json!({"id": key}))).await;
    let third = submit(world, &request("c.example.com", json!({"algorithm": "ecdsa_p256"}))).await;
    let public = |of: &Value| x509(of["certificate"].as_str().unwrap(), &["-pubkey"]);
    assert_eq!((second["keyId"].as_str(), public(&second)), (Some(&*key), public(&first)));
    assert_ne!(public(&third), public(&first));

    let uses = get(world, &format!("/api/v1/keys/{key}/uses")).await.expect(200).json();
    let ids = |list: &str| -> Vec<Value> {
        uses[list].as_array().unwrap().iter().map(|one| one["id"].clone()).collect()
    };
    // The newest first.
    assert_eq!(ids("certificates"), [second["certificateId"].clone(), first["certificateId"].clone()]);
    assert_eq!(ids("certificateRequests"), [second["id"].clone(), first["id"].clone()]);
    let printed = world.cli(&["key", "uses", &key]).await.done();
    assert!(printed.contains(second["certificateId"].as_str().unwrap()), "{printed}");
    let listed = get(world, &format!("{REQUESTS}?keyId={key}")).await.expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);

    // Another kind than the key's is a contradiction; so is a CA's key.
    let other = request("d.example.com", json!({"id": key, "algorithm": "ed25519"}));
    let refused = world.api().post(REQUESTS, &other).await.expect(422).json();
    assert_eq!(refused["errors"][0]["code"], "contradictory_key");
    let ca =
        world.api().post("/api/v1/cas", &json!({"name": "own", "kind": "root"})).await.expect(201).json();
    let of_ca = request("d.example.com", json!({"id": ca["keyId"]}));
    _ = world.api().post(REQUESTS, &of_ca).await.expect(404);
    let uses = get(world, &format!("/api/v1/keys/{}/uses", ca["keyId"].as_str().unwrap())).await;
    assert_eq!(uses.expect(200).json()["cas"][0]["id"], ca["id"]);

    // Whoever may not read keys uses none again.
    let (_, narrow) = world
        .new_token(json!({"name": "narrow", "scope": {"permissions": ["certificate_request.create"]}}))
        .await;
    _ = narrow.post(REQUESTS, &request("e.example.com", json!({"id": key}))).await.expect(403);

    let issued = world.cli(&["issue", "--dns", "f.example.com", "--key-id", &key, "-o", "json"]).await.json();
    assert_eq!(issued["key"]["id"], *key);
}

async fn a_compromised_key_is_refused_from_then_on(world: &mut World) {
    let pem = openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "");
    let csr = |name: &str| csr_of(&pem, &["-subj", &format!("/CN={name}")]);
    let mut serials = vec![];
    for name in ["a.example.com", "b.example.com", "c.example.com"] {
        serials.push(submit(world, &json!({"csr": csr(name)})).await["certificateId"].clone());
    }
    serials.reverse();
    let certificate = get(world, &format!("/api/v1/certificates/{}", serials[0].as_str().unwrap())).await;
    let spki = certificate.expect(200).json()["key"]["spkiSha256"].as_str().unwrap().to_owned();
    let reason = "found in a public repository";

    // Nothing happens in a dry run, nor without a reason, nor where more than one key is named.
    let list = "/api/v1/compromised-keys";
    for (body, code) in [
        (json!({"spkiSha256": spki, "reason": " "}), "reason_missing"),
        (json!({"spkiSha256": "00", "reason": reason}), "invalid_value"),
        (json!({"reason": reason}), "contradictory_key"),
        (json!({"pem": pem, "reason": reason}), "invalid_value"),
    ] {
        let refused = world.api().post(list, &body).await.expect(422).json();
        assert_eq!(refused["errors"][0]["code"], code, "{refused}");
    }
    let by_hash = json!({"spkiSha256": spki, "reason": reason});
    let tried = world.api().post(&format!("{list}?dryRun=true"), &by_hash).await.expect(200).json();
    assert_eq!(tried["wouldChange"], true);
    _ = submit(world, &json!({"csr": csr("still.example.com")})).await;

    // One call lists every certificate with it. By its hash alone it is refused here and nowhere else.
    let marked = post_after(world, list, &by_hash).await.expect(200).json();
    let shown: Vec<&Value> =
        marked["certificates"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!((shown.len(), marked["everywhere"].as_bool()), (4, Some(false)));
    assert!(serials.iter().all(|id| shown.contains(&id)));
    refused(&world.api(), &csr("d.example.com")).await;
    let other = world.organization("other").await;
    _ = other.post(REQUESTS, &json!({"csr": csr("other.example.com")})).await.expect(201);

    // A CSR that says so proves that the key is known: refused everywhere. Another one is no proof.
    for (name, everywhere) in [("handed-around.example.com", false), ("this key is compromised", true)] {
        let (_folder, proof) = as_file(&csr(name));
        let arguments = ["key", "compromise", "--file", &proof, "--reason", reason, "--yes", "-o", "json"];
        assert_eq!(world.cli(&arguments).await.json()["everywhere"], everywhere, "{name}");
    }
    refused(&other, &csr("other.example.com")).await;
    let entries = world.cli(&["key", "compromised", "-o", "json"]).await.json();
    assert_eq!(entries.as_array().unwrap().len(), 1, "{entries}");

    // A key of the keystore, named by one of its certificates' id: it signs nothing any more.
    let own = submit(world, &json!({"sans": [{"type": "dns", "value": "own.example.com"}]})).await;
    let key = own["keyId"].as_str().unwrap();
    let marked =
        post_after(world, &format!("/api/v1/keys/{key}/compromise"), &json!({"reason": reason})).await;
    assert_eq!(marked.expect(200).json()["everywhere"], true);
    let again = json!({"key": {"id": key}, "sans": [{"type": "dns", "value": "again.example.com"}]});
    let answer = world.api().post(REQUESTS, &again).await.expect(409).json();
    assert_eq!(answer["code"], "invalid_state");
    let view = get(world, &format!("/api/v1/keys/{key}")).await.expect(200).json();
    assert_eq!(view["status"], "compromised");
    let timeline = get(world, &format!("/api/v1/keys/{key}/timeline")).await.expect(200).json();
    assert_eq!(timeline["items"][1]["type"], "key.compromised");

    // And a CA's: the CA issues nothing any more.
    let ca = get(world, "/api/v1/cas/name:micro-ca").await.expect(200).json();
    let key = ca["keyId"].as_str().unwrap();
    let marked =
        world.api().post(&format!("/api/v1/keys/{key}/compromise"), &json!({"reason": reason})).await;
    _ = marked.expect(200);
    let body = json!({"sans": [{"type": "dns", "value": "late.example.com"}]});
    let answer = world.api().post(REQUESTS, &body).await.expect(409).json();
    assert!(answer["detail"].as_str().unwrap().contains("compromised"), "{answer}");
}

async fn a_key_of_another_organization_does_not_exist(world: &mut World) {
    let key = world.api().post("/api/v1/keys", &json!({"algorithm": "ecdsa_p256"})).await.expect(201).json();
    let key = key["id"].as_str().unwrap().to_owned();
    let other = world.organization("elsewhere").await;
    let path = format!("/api/v1/keys/{key}");
    _ = get(world, &path).await.expect(200);
    let request = json!({"key": {"id": key}, "sans": [{"type": "dns", "value": "a.example.com"}]});
    _ = other.get(&path).await.expect(404);
    _ = other.post(&format!("{path}/destroy"), &json!({})).await.expect(404);
    _ = other.post(&format!("{path}/compromise"), &json!({"reason": "mine"})).await.expect(404);
    _ = other.post(REQUESTS, &request).await.expect(404);
    // What exists nowhere is worth no event.
    _ = other.get("/api/v1/keys/key_01jdp4q2x8f7mb3v5kz6n9w0ae").await.expect(404);
    let sql = "select payload ->> 'operation' from log.event where category = 'denial' and payload ->> 'target' = $1 \
               and payload ->> 'code' = 'not_found' order by 1";
    let recorded = eventually("each attempt is recorded", async || {
        let rows = world.admin().await.query(sql, &[&key]).await.unwrap();
        let operations: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        (operations.len() == 4).then_some(operations)
    });
    assert_eq!(recorded.await, ["destroyKey", "getKey", "markKeyCompromised", "submitCertificateRequest"]);
}

async fn submit(world: &World, body: &Value) -> Value {
    world.api().post(REQUESTS, body).await.expect(201).json()
}

/// What the lists hold counts within a second; until then a certificate may still be issued.
async fn refused(client: &Https, csr: &str) {
    let refused = eventually("the key is refused", async || {
        let answer = client.post(REQUESTS, &json!({"csr": csr})).await;
        (answer.status == 422).then(|| answer.json())
    });
    assert_eq!(refused.await["errors"][0]["code"], "key_compromised");
}

/// As `get`, of a call that reads what was written before.
async fn post_after(world: &World, path: &str, body: &Value) -> Answer {
    let head = world.head().await.to_string();
    let headers = [("chancery-min-position", head.as_str()), ("content-type", "application/json")];
    world.api().request(Method::POST, path, &headers, body.to_string().into()).await.unwrap()
}

async fn get(world: &World, path: &str) -> Answer {
    let head = world.head().await.to_string();
    let headers = [("chancery-min-position", head.as_str())];
    world.api().request(Method::GET, path, &headers, Bytes::new()).await.unwrap()
}
