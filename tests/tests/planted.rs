//! D16: a profile whose certificates would break a rule of the format signs nothing. The rule is named, and the signature
//! journal stays as it was.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use chancery_tests::{
    in_both_modes,
    subscriber::{P256, csr, p256, x509},
    world::World,
};
use serde_json::{Value, json};

in_both_modes!(a_planted_profile_signs_nothing, what_cannot_be_planted_comes_out_right);

const PATH: &str = "/api/v1/certificate-requests";

async fn a_planted_profile_signs_nothing(world: &mut World) {
    for (name, usages, rule) in [
        ("server-auth", vec!["keyCertSign"], "server_auth_with_ca_key_usage"),
        ("cert-sign", vec!["digitalSignature", "keyCertSign"], "key_cert_sign_without_ca"),
        ("crl-sign", vec!["cRLSign"], "crl_sign_on_leaf"),
        ("encipherment", vec!["keyEncipherment"], "key_usage_does_not_fit_key"),
    ] {
        let profile =
            json!({"name": name, "type": "server", "keyUsages": usages, "extendedKeyUsages": ["serverAuth"]});
        _ = world.api().post("/api/v1/profiles", &profile).await.expect(201);
        let before = (journal(world).await, world.head().await);
        let file = world.data_dir().join("planted.csr");
        let pem = p256("planted.example.com").pem;
        std::fs::write(&file, &pem).unwrap();
        let profile = format!("name:{name}");
        let subject = json!({"commonName": "planted.example.com"});
        for body in [
            json!({"profile": profile, "csr": pem}),
            json!({"profile": profile, "key": {"algorithm": "ecdsa_p256"}, "subject": subject}),
        ] {
            let refused = world.api().post(PATH, &body).await.expect(422).json();
            assert_eq!(refused["code"], "lint_failed", "{refused}");
            let rules: Vec<&Value> =
                refused["errors"].as_array().unwrap().iter().map(|error| &error["code"]).collect();
            assert!(rules.contains(&&json!(rule)), "{name}: {refused}");
        }
        let said = world.cli(&["issue", "--csr", &file.display().to_string(), "--profile", &profile]).await;
        assert!(said.code != 0 && said.stderr.contains("lint_failed"), "{said:?}");
        assert_eq!((journal(world).await, world.head().await), before, "{name}");
    }
}

/// A CSR that asks to be a CA, and one without a subject.
async fn what_cannot_be_planted_comes_out_right(world: &mut World) {
    let ca = ["-subj", "/CN=ca.example.com", "-addext", "basicConstraints=critical,CA:TRUE"];
    let before = journal(world).await;
    let answer = world.api().post(PATH, &json!({"csr": csr(&[P256, &ca].concat()).pem})).await;
    if answer.status.is_success() {
        let answer = answer.json();
        let text = x509(answer["certificate"].as_str().unwrap(), &["-text"]);
        assert!(text.contains("CA:FALSE") && !text.contains("CA:TRUE"), "{text}");
    } else {
        _ = answer.expect(422);
        assert_eq!(journal(world).await, before);
    }
    let nameless = ["-subj", "/", "-addext", "subjectAltName=DNS:nameless.example.com"];
    let issued = world.issue(&csr(&[P256, &nameless].concat()).pem).await;
    let text = x509(issued["certificate"].as_str().unwrap(), &["-text"]);
    assert!(text.contains("X509v3 Subject Alternative Name: critical"), "{text}");
}

/// How many signatures were released.
async fn journal(world: &World) -> i64 {
    let rows = "select count(*) from keystore.signature";
    world.admin().await.query_one(rows, &[]).await.unwrap().get(0)
}
