//! B2, B4: private keys are brought from files of other programs, and go out only marked, with a reason and encrypted.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::process::Command;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use chancery_tests::{
    in_both_modes,
    subscriber::{as_file, openssl},
    tool::run,
    world::{World, eventually},
};
use http::Method;
use serde_json::{Value, json};
use testkit::Answer;

in_both_modes!(a_key_of_others_is_brought_once, a_key_goes_out_under_four_conditions);

const IMPORT: &str = "/api/v1/keys/import";
const PASSPHRASE: &str = "four unrelated words here";

async fn a_key_of_others_is_brought_once(world: &mut World) {
    let p256 = openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "");
    let rsa = openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "");
    let ed25519 = openssl(&["genpkey", "-algorithm", "ED25519"], "");
    let locked = openssl(&["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", "pass:opens it"], &rsa);
    let p384 = openssl(&["ecparam", "-name", "secp384r1", "-genkey"], ""); // parameters before the key
    let (_folder, file) = as_file(&p256);
    let mut der = Command::new("openssl");
    der.args(["ec", "-in", &file, "-outform", "DER", "-out", "/dev/stdout"]);
    let der = {
        let output = der.output().unwrap();
        assert!(output.status.success());
        STANDARD.encode(output.stdout)
    };

    // A wrong passphrase, none, no key, a weak one: nothing is kept.
    for (body, code, violation) in [
        (json!({"key": locked, "passphrase": "opens it not"}), "wrong_passphrase", "wrong_passphrase"),
        (json!({"key": locked}), "wrong_passphrase", "passphrase_needed"),
        (json!({"key": openssl(&["pkey", "-pubout"], &rsa)}), "validation_failed", ""),
        (json!({"key": "not a key"}), "validation_failed", ""),
        (json!({"key": openssl(&["genrsa", "1024"], "")}), "validation_failed", "rsa_size_unsupported"),
    ] {
        let refused = world.api().post(IMPORT, &body).await.expect(422).json();
        assert_eq!(refused["code"], code, "{refused}");
        assert!(violation.is_empty() || refused["errors"][0]["code"] == violation, "{refused}");
        assert!(!refused.to_string().contains("opens it"));
    }

    for (body, pem, algorithm) in [
        (json!({"key": der, "label": "SEC 1, DER"}), &p256, "ecdsa_p256"),
        (json!({"key": locked, "passphrase": "opens it", "exportable": true}), &rsa, "rsa_2048"),
        (json!({"key": ed25519}), &ed25519, "ed25519"),
        (json!({"key": p384}), &p384, "ecdsa_p384"),
    ] {
        let key = world.api().post(IMPORT, &body).await.expect(201).json();
        assert_eq!((&key["algorithm"], &key["origin"]), (&algorithm.into(), &"imported".into()));
        assert_eq!(key["publicKey"], openssl(&["pkey", "-pubout"], pem));
        // It signs: for a certificate of its own.
        let request = json!({"key": {"id": key["id"]}, "profile": "name:self",
            "subject": {"commonName": "old.example.com"}, "sans": [{"type": "dns", "value": "old.example.com"}]});
        if world.api().get("/api/v1/profiles/name:self").await.status != 200 {
            let profile = json!({"name": "self", "ca": "self"});
            _ = world.api().post("/api/v1/profiles", &profile).await.expect(201);
        }
        _ = world.api().post("/api/v1/certificate-requests", &request).await.expect(201);
        let head = world.head().await.to_string();
        let headers = [("chancery-min-position", head.as_str())];
        let path = format!("/api/v1/keys/{}", key["id"].as_str().unwrap());
        let listed = world.api().request(Method::GET, &path, &headers, Bytes::new()).await.unwrap();
        assert_eq!(listed.expect(200).json()["status"], "active");
        let again = world.api().post(IMPORT, &body).await.expect(409).json();
        assert_eq!(again["code"], "already_exists");
    }
    let listed = world.api().get("/api/v1/keys?origin=imported").await.expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 4);

    // A repeat is answered as the first was; the key that somebody destroyed may be brought again, a compromised one not.
    let (_folder, file) = as_file(&openssl(&["genpkey", "-algorithm", "ED25519"], ""));
    let import = ["key", "import", &file, "--label", "again", "-o", "json", "--idempotency-key", "once"];
    let first = world.cli(&import).await.json();
    assert_eq!(world.cli(&import).await.json()["id"], first["id"]);
    let id = first["id"].as_str().unwrap();
    _ = world.api().post(&format!("/api/v1/keys/{id}/destroy"), &json!({})).await.expect(200);
    let back = world.cli(&["key", "import", &file, "-o", "json"]).await.json();
    assert_eq!((&back["id"], &back["status"]), (&first["id"], &"active".into()));
    let lost = json!({"reason": "stolen with the laptop"});
    _ = world.api().post(&format!("/api/v1/keys/{id}/compromise"), &lost).await.expect(200);
    _ = world.api().post(&format!("/api/v1/keys/{id}/destroy"), &json!({})).await.expect(200);
    let refused = world.cli(&["key", "import", &file]).await;
    assert!(refused.code == 5 && refused.stderr.contains("the key is compromised"), "{refused:?}");
}

async fn a_key_goes_out_under_four_conditions(world: &mut World) {
    let make = async |exportable: bool| {
        let body = json!({"algorithm": "ecdsa_p256", "exportable": exportable});
        world.api().post("/api/v1/keys", &body).await.expect(201).json()
    };
    let (kept, free) = (make(false).await, make(true).await);
    let path = |key: &Value| format!("/api/v1/keys/{}/export", key["id"].as_str().unwrap());
    let wanted =
        |passphrase: Value| json!({"format": "pkcs8", "reason": "CHG-1042", "passphrase": passphrase});

    let refused = world.api().post(&path(&kept), &wanted(PASSPHRASE.into())).await.expect(403).json();
    assert!(refused["detail"].as_str().unwrap().contains("exportable"), "{refused}");
    let denied = "select count(*) from log.event where category = 'denial' and payload ->> 'operation' = 'exportKey' \
                  and payload ->> 'target' = $1";
    let id = kept["id"].as_str().unwrap();
    eventually("the attempt is recorded", async || {
        let count: i64 = world.admin().await.query_one(denied, &[&id]).await.unwrap().get(0);
        (count == 1).then_some(())
    })
    .await;
    for passphrase in ["password1", "passwordpassword"] {
        let refused = world.api().post(&path(&free), &wanted(passphrase.into())).await.expect(422).json();
        assert_eq!(refused["code"], "weak_passphrase");
    }
    let without = json!({"format": "pkcs8", "reason": " ", "passphrase": PASSPHRASE});
    assert_eq!(
        world.api().post(&path(&free), &without).await.expect(422).json()["errors"][0]["code"],
        "reason_missing"
    );
    let none = json!({"format": "pkcs12", "reason": "CHG-1042"});
    assert_eq!(world.api().post(&path(&free), &none).await.expect(409).json()["code"], "invalid_state");

    // The key alone.
    let file = world.api().post(&path(&free), &wanted(PASSPHRASE.into())).await.expect(200).json();
    assert_eq!(file["passphrase"], Value::Null);
    let pem = String::from_utf8(STANDARD.decode(file["content"].as_str().unwrap()).unwrap()).unwrap();
    let public = openssl(&["pkey", "-pubout", "-passin", &format!("pass:{PASSPHRASE}")], &pem);
    assert_eq!(public, free["publicKey"].as_str().unwrap());
    let parsed = openssl(&["asn1parse"], &pem);
    assert!(
        parsed.contains("hmacWithSHA256") && parsed.contains("aes-256-cbc") && parsed.contains(":0927C0"),
        "{parsed}"
    );

    // With its certificate, under a passphrase that was drawn.
    let request = json!({"key": {"id": free["id"]}, "sans": [{"type": "dns", "value": "moves.example.com"}]});
    let request = world.api().post("/api/v1/certificate-requests", &request).await.expect(201).json();
    let certificate = request["certificateId"].as_str().unwrap();
    let answer = post_after(world, &format!("/api/v1/certificates/{certificate}/export"), &none).await;
    let file = answer.expect(200).json();
    let passphrase = file["passphrase"].as_str().unwrap();
    assert!(passphrase.len() >= 26);
    let content = STANDARD.decode(file["content"].as_str().unwrap()).unwrap();
    let mut open = Command::new("openssl");
    open.args(["pkcs12", "-info", "-nodes", "-passin", &format!("pass:{passphrase}")]);
    let shown = run(open, &content);
    assert_eq!(shown.code, 0, "{shown:?}");
    assert_eq!(shown.stdout.matches("BEGIN CERTIFICATE").count(), 2, "the certificate and its CA");
    let info = &shown.stderr;
    assert!(info.contains("PBKDF2") && info.contains("Iteration 600000") && !info.contains("RC2"), "{info}");
    let key = shown.stdout[shown.stdout.find("-----BEGIN PRIVATE KEY").unwrap()..].to_owned();
    assert_eq!(openssl(&["pkey", "-pubout"], &key), free["publicKey"].as_str().unwrap());

    // By the command line; the timeline tells each.
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("key.p12").display().to_string();
    let id = free["id"].as_str().unwrap();
    let drawn = world.cli(&["key", "export", id, "--out", &out, "--reason", "CHG-1043"]).await.done();
    let mut open = Command::new("openssl");
    open.args(["pkcs12", "-in", &out, "-noout", "-passin", &format!("pass:{}", drawn.trim())]);
    assert_eq!(run(open, b"").code, 0);
    let timeline = world.api().get(&format!("/api/v1/keys/{id}/timeline")).await.expect(200).json();
    let kinds: Vec<&Value> =
        timeline["items"].as_array().unwrap().iter().map(|entry| &entry["type"]).collect();
    assert_eq!(kinds, ["key.generated", "key.exported", "key.exported", "key.exported"]);
    assert!(!timeline.to_string().contains(PASSPHRASE));

    let other = world.organization("elsewhere").await;
    _ = other.post(&path(&free), &wanted(PASSPHRASE.into())).await.expect(404);
}

async fn post_after(world: &World, path: &str, body: &Value) -> Answer {
    let head = world.head().await.to_string();
    let headers = [("chancery-min-position", head.as_str()), ("content-type", "application/json")];
    world.api().request(Method::POST, path, &headers, body.to_string().into()).await.unwrap()
}
