//! C4: CSRs for keys of the keystore, without a certificate request, as OpenSSL reads them.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use chancery_tests::{
    in_both_modes,
    subscriber::{as_file, csr, openssl, spki_hex},
    world::{World, eventually},
};
use serde_json::{Value, json};

in_both_modes!(
    a_csr_says_what_was_asked_for,
    a_csr_is_for_a_key_that_is_there,
    what_cannot_stand_in_a_csr_is_refused,
    a_challenge_password_of_others_is_told_and_not_shown,
);

const PATH: &str = "/api/v1/csrs";
const CHALLENGE: &str = "Ask me no questions 17";

/// What `openssl req` prints of a CSR of which it verified the signature.
fn described(pem: &str) -> String {
    openssl(&["req", "-noout", "-text", "-verify"], pem)
}

async fn timeline(world: &World, key: &str) -> Vec<Value> {
    let timeline = world.api().get(&format!("/api/v1/keys/{key}/timeline")).await.expect(200).json();
    timeline["items"].as_array().unwrap().clone()
}

async fn a_csr_says_what_was_asked_for(world: &mut World) {
    let subject = json!({"commonName": "shop.example.com", "organization": "Example Inc",
        "organizationalUnit": ["Web", "Shop"], "locality": "Ottawa", "state": "Ontario", "country": "CA"});
    let sans = json!([{"type": "dns", "value": "www.example.com"}, {"type": "ip", "value": "192.0.2.10"},
        {"type": "ip", "value": "2001:db8::10"}, {"type": "email", "value": "web@example.com"},
        {"type": "uri", "value": "https://shop.example.com/"}]);
    let wish = json!({"key": {"algorithm": "rsa_3072"}, "label": "shop", "exportable": true, "subject": subject,
        "sans": sans, "keyUsages": ["digitalSignature", "keyEncipherment"], "extendedKeyUsages": ["serverAuth"],
        "challengePassword": CHALLENGE});
    let made = world.api().post(PATH, &wish).await.expect(201).json();
    let text = described(made["csr"].as_str().unwrap());
    for part in [
        "C = CA",
        "ST = Ontario",
        "L = Ottawa",
        " O = Example Inc",
        "OU = Web, OU = Shop",
        "CN = shop.example.com",
        "Public-Key: (3072 bit)",
        "DNS:www.example.com, IP Address:192.0.2.10, IP Address:2001:DB8:0:0:0:0:0:10, email:web@example.com, \
         URI:https://shop.example.com/, DNS:shop.example.com",
        "Digital Signature, Key Encipherment",
        "TLS Web Server Authentication",
        "challengePassword",
        CHALLENGE,
        "Signature Algorithm: sha256WithRSAEncryption",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert_eq!((&made["challengePassword"], &made["findings"]), (&json!(true), &json!([])));

    // The key is in the keystore, and the log knows what it signed, but for the challenge password.
    let key = made["keyId"].as_str().unwrap();
    let shown = eventually("the key is listed", async || {
        let shown = world.api().get(&format!("/api/v1/keys/{key}")).await;
        (shown.status == 200).then(|| shown.json())
    })
    .await;
    assert_eq!((&shown["label"], &shown["exportable"]), (&json!("shop"), &json!(true)));
    let events = timeline(world, key).await;
    assert_eq!(events[1]["type"], "key.csr_signed");
    let says = events[1]["summary"].as_str().unwrap();
    assert!(says.contains("CN=shop.example.com") && says.contains("192.0.2.10"), "{says}");
    assert!(!json!(events).to_string().contains(CHALLENGE));

    // Every kind of key, by the command line; the names are filled in.
    let (_folder, file) = as_file(CHALLENGE);
    for (kind, told) in [
        ("rsa_2048", "(2048 bit)"),
        ("ecdsa_p256", "P-256"),
        ("ecdsa_p384", "P-384"),
        ("ecdsa_p521", "P-521"),
        ("ed25519", "ED25519"),
    ] {
        let pem = world
            .cli(&["csr", "create", "--cn", "db.example.com", "--country", "CA", "--key", kind])
            .await
            .done();
        let text = described(&pem);
        assert!(text.contains(told) && text.contains("DNS:db.example.com"), "{kind}: {text}");
        assert!(!text.contains("challengePassword"), "{text}");
    }
    let asked = ["csr", "create", "--email", "kim@example.com", "--challenge-password-file", &file];
    let text = described(&world.cli(&asked).await.done());
    assert!(text.contains("email:kim@example.com") && text.contains(CHALLENGE), "{text}");
}

async fn a_csr_is_for_a_key_that_is_there(world: &mut World) {
    let key = world.api().post("/api/v1/keys", &json!({"algorithm": "ecdsa_p256"})).await.expect(201).json();
    let id = key["id"].as_str().unwrap();
    let wish = |host: &str| json!({"key": {"id": id}, "subject": {"commonName": host}});
    let first = world.api().post(PATH, &wish("one.example.com")).await.expect(201).json();
    let second = world.api().post(PATH, &wish("two.example.com")).await.expect(201).json();
    assert_eq!((&first["keyId"], &second["keyId"]), (&key["id"], &key["id"]));
    let spki = |made: &Value| spki_hex(made["csr"].as_str().unwrap());
    assert_eq!(spki(&first), spki(&second));
    assert_eq!(timeline(world, id).await.len(), 3);

    // A repeat is for the same key and recorded once; another CSR under the same idempotency key is refused.
    let create =
        |host: &'static str| ["csr", "create", "--cn", host, "--idempotency-key", "once", "-o", "json"];
    let first = world.cli(&create("once.example.com")).await.json();
    let again = world.cli(&create("once.example.com")).await.json();
    assert_eq!(again["keyId"], first["keyId"]);
    assert_eq!(timeline(world, first["keyId"].as_str().unwrap()).await.len(), 2);
    let other = world.cli(&create("other.example.com")).await;
    assert!(other.stderr.contains("idempotency_key_reused"), "{other:?}");

    // A dry run makes nothing.
    let tried = world.api().post(&format!("{PATH}?dryRun=true"), &wish("dry.example.com")).await;
    assert_eq!(tried.expect(200).json()["wouldChange"], true);
    assert_eq!(timeline(world, id).await.len(), 3);

    // Another organization has no such key; a key that others know, or that is gone, signs nothing.
    let stranger = world.organization("csr-elsewhere").await;
    _ = stranger.post(PATH, &wish("foreign.example.com")).await.expect(404);
    let lost = json!({"reason": "stolen"});
    _ = world.api().post(&format!("/api/v1/keys/{id}/compromise"), &lost).await.expect(200);
    let refused = world.api().post(PATH, &wish("lost.example.com")).await.expect(409).json();
    assert_eq!(refused["code"], "invalid_state");
}

async fn what_cannot_stand_in_a_csr_is_refused(world: &mut World) {
    let keys = "select count(*) from log.event where type = 'key.generated'";
    let before: i64 = world.admin().await.query_one(keys, &[]).await.unwrap().get(0);
    for (wish, pointer) in [
        (json!({}), "#/subject"),
        (json!({"subject": {"commonName": "a.example.com", "country": "Canada"}}), "#/subject"),
        (json!({"sans": [{"type": "dns", "value": "not a host"}]}), "#/sans/0/value"),
        (
            json!({"subject": {"commonName": "a.example.com"}, "challengePassword": "x".repeat(256)}),
            "#/challengePassword",
        ),
        (json!({"subject": {"commonName": "a.example.com"}, "challengePassword": ""}), "#/challengePassword"),
    ] {
        let refused = world.api().post(PATH, &wish).await.expect(422).json();
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{refused}");
        assert!(!refused.to_string().contains("xxxx"), "{refused}");
    }
    let after: i64 = world.admin().await.query_one(keys, &[]).await.unwrap().get(0);
    assert_eq!(after, before, "no key was made");
}

async fn a_challenge_password_of_others_is_told_and_not_shown(world: &mut World) {
    let config = format!(
        "[req]\ndistinguished_name=dn\nattributes=at\nprompt=no\n[dn]\nCN=theirs.example.com\n[at]\nchallengePassword={CHALLENGE}\n"
    );
    let (_folder, file) = as_file(&config);
    let theirs = csr(&["-newkey", "rsa:2048", "-config", &file]).pem;
    let inspected =
        world.api().post("/api/v1/csrs/inspect", &json!({"csr": theirs})).await.expect(200).json();
    assert_eq!(inspected["challengePassword"], true, "{inspected}");
    let codes: Vec<&str> =
        inspected["findings"].as_array().unwrap().iter().filter_map(|one| one["code"].as_str()).collect();
    assert_eq!(codes, ["sans_missing", "challenge_password"]);
    assert!(!inspected.to_string().contains(CHALLENGE));
}
