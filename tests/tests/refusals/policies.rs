//! CSRs that can be signed, and may not be.

use chancery_tests::{
    refused::{only_violation, unchanged},
    subscriber::{self, P256, csr, p256},
    world::World,
};
use serde_json::{Value, json};

use super::PATH;

pub async fn what_a_policy_forbids_is_refused_in_the_known_words(world: &mut World) {
    let san = |names: &str| format!("subjectAltName={names}");
    let asks =
        |subject: &str, names: &str| csr(&[P256, &["-subj", subject, "-addext", &san(names)]].concat()).pem;
    let plain = p256("web.example.com").pem;
    for (name, rules, csr, words) in [
        (
            "needs-o",
            json!({"subject": {"organization": {"required": true}}}),
            plain.clone(),
            "Missing required organization attribute",
        ),
        (
            "cn-pattern",
            json!({"subject": {"commonName": {"patterns": ["*.example.org"]}}}),
            plain.clone(),
            "common_name value does not match allowed patterns",
        ),
        (
            "no-ip",
            json!({"sans": [{"type": "dns"}]}),
            asks("/CN=web.example.com", "DNS:web.example.com,IP:192.0.2.1"),
            "ip_address SAN is not allowed by template policy",
        ),
        (
            "needs-dns",
            json!({"sans": [{"type": "dns", "required": true}, {"type": "ip"}]}),
            asks("/CN=a device", "IP:192.0.2.1"),
            "Required dns_name SAN not found",
        ),
        (
            "rsa-only",
            json!({"keyAlgorithms": ["rsa_2048"]}),
            plain.clone(),
            "Key algorithm is not allowed by template policy",
        ),
        (
            "sha512-only",
            json!({"signatureHashes": ["sha512"]}),
            plain.clone(),
            "Signature algorithm is not allowed by template policy",
        ),
    ] {
        let profile = profile_with(world, name, rules).await;
        let body = json!({"profile": profile, "csr": csr});
        let refused = unchanged(world, async |world: &World| world.api().post(PATH, &body).await).await;
        let (problem, violation) = only_violation(name, &refused, 422, "policy_violation");
        assert_eq!((&violation["detail"], &problem["detail"]), (&json!(words), &json!(words)));
        assert_eq!(violation["pointer"], "#/csr");

        let compatible = json!({"profileId": profile, "csr": csr});
        let refused =
            world.api().post("/api/v1/cert-manager/certificates", &compatible).await.expect(422).json();
        assert_eq!(refused["message"], words);

        let verdict = world.api().post(&format!("{PATH}/validate"), &body).await.expect(200).json();
        assert_eq!((&verdict["ok"], &verdict["errors"][0]["detail"]), (&json!(false), &json!(words)));

        let (_folder, file) = subscriber::as_file(&csr);
        let ran = world.cli(&["issue", "--profile", name, "--csr", &file]).await;
        assert_eq!(ran.code, 5, "{ran:?}");
        assert!(ran.stderr.starts_with(&format!("error[policy_violation]: {words}\n")), "{ran:?}");
    }
}

pub async fn three_faults_are_three_errors(world: &mut World) {
    let rules = json!({"subject": {"organization": {"required": true}}, "sans": [{"type": "dns"}],
        "keyAlgorithms": ["rsa_2048", "rsa_3072"]});
    let profile = profile_with(world, "strict", rules).await;
    let csr =
        csr(&[P256, &["-subj", "/CN=x.example.com", "-addext", "subjectAltName=IP:192.0.2.9"]].concat());
    let body = json!({"profile": profile, "csr": csr.pem});
    let refused = unchanged(world, async |world: &World| world.api().post(PATH, &body).await).await;
    let problem = refused.expect(422).json();
    let details: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|error| error["detail"].as_str().unwrap()).collect();
    assert_eq!(
        details,
        [
            "Missing required organization attribute",
            "ip_address SAN is not allowed by template policy",
            "Key algorithm is not allowed by template policy"
        ]
    );
    assert_eq!(problem["errors"][2]["allowed"], json!(["rsa_2048", "rsa_3072"]));
    let compatible = json!({"profileId": profile, "csr": csr.pem});
    let refused = world.api().post("/api/v1/cert-manager/certificates", &compatible).await.expect(422);
    assert_eq!(refused.json()["errors"], problem["errors"]);
    let (_folder, file) = subscriber::as_file(&csr.pem);
    let ran = world.cli(&["issue", "--profile", "strict", "--csr", &file]).await;
    assert_eq!(ran.code, 5);
    let judged = world.cli(&["request", "validate", &file, "--profile", "strict"]).await;
    assert_eq!((judged.code, &*judged.stdout), (10, "OK  false\n"), "the answer to a question is no");
    for detail in details {
        assert!(ran.stderr.contains(detail) && judged.stderr.contains(detail), "{ran:?} {judged:?}");
    }
    let machine = world.cli(&["issue", "--profile", "strict", "--csr", &file, "-o", "json"]).await;
    let document: Value = serde_json::from_str(&machine.stderr).unwrap();
    assert_eq!(document["errors"].as_array().unwrap().len(), 3);
}

pub async fn a_csr_does_not_fit_a_self_signed_profile(world: &mut World) {
    _ = world.api().post("/api/v1/profiles", &json!({"name": "own", "ca": "self"})).await.expect(201);
    let words = "Self-signed certificates are not supported for CSR signing";
    let body = json!({"profile": "name:own", "csr": p256("own.example.com").pem});
    let refused = unchanged(world, async |world: &World| world.api().post(PATH, &body).await).await;
    assert_eq!(only_violation("self-signed", &refused, 422, "policy_violation").1["detail"], words);
    let compatible = json!({"profileId": "name:own", "csr": body["csr"]});
    let refused = world.api().post("/api/v1/cert-manager/certificates", &compatible).await.expect(422).json();
    assert_eq!(refused["message"], words);
    let (_folder, file) = subscriber::as_file(body["csr"].as_str().unwrap());
    let ran = world.cli(&["issue", "--profile", "own", "--csr", &file]).await;
    assert_eq!(ran.code, 5, "{ran:?}");
    assert!(ran.stderr.starts_with(&format!("error[policy_violation]: {words}\n")), "{ran:?}");

    // A managed key may sign its own.
    let managed = json!({"profile": "name:own", "key": {"algorithm": "ecdsa_p384"},
        "subject": {"commonName": "own.example.com"}});
    let issued = world.api().post(PATH, &managed).await.expect(201).json();
    let compatible = json!({"profileId": "name:own", "attributes": {"commonName": "own.example.com"}});
    let other = world.api().post("/api/v1/cert-manager/certificates", &compatible).await.expect(200).json();
    let printed =
        world.cli(&["issue", "--profile", "own", "--cn", "own.example.com", "-o", "json"]).await.json();
    for answer in [&issued, &other["certificate"], &printed] {
        let certificate = answer["certificate"].as_str().unwrap();
        subscriber::verify(certificate, "", certificate).unwrap();
        let names = subscriber::x509(certificate, &["-subject", "-issuer"]);
        let names: Vec<&str> = names.lines().map(|line| line.split_once('=').unwrap().1).collect();
        assert_eq!(names[0], names[1]);
    }
}

/// A profile with a policy of the same name.
async fn profile_with(world: &World, name: &str, mut rules: Value) -> String {
    rules["name"] = name.into();
    let policy = world.api().post("/api/v1/policies", &rules).await.expect(201).json();
    let profile = json!({"name": name, "policy": policy["id"]});
    let profile = world.api().post("/api/v1/profiles", &profile).await.expect(201).json();
    profile["id"].as_str().unwrap().to_owned()
}
