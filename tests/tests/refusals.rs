//! C5, C10, E4 and the issue's bad input: each refusal is its own problem document, over HTTP and on the command line,
//! and leaves nothing behind.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use chancery_tests::{
    in_both_modes,
    subscriber::{self, P256, csr, openssl, p256},
    world::{World, eventually},
};
use contracts::{TokenId, token::TokenText};
use http::Method;
use serde_json::{Value, json};
use testkit::Answer;
use uuid::Uuid;

in_both_modes!(
    what_is_no_good_csr_is_refused_in_its_own_words,
    what_a_policy_forbids_is_refused_in_the_known_words,
    three_faults_are_three_errors,
    a_csr_does_not_fit_a_self_signed_profile,
    what_is_no_good_request_is_refused,
    sensitive_denials_are_recorded_and_nonsense_is_not,
);

const PATH: &str = "/api/v1/certificate-requests";

async fn what_is_no_good_csr_is_refused_in_its_own_words(world: &mut World) {
    let good = p256("good.example.com").pem;
    let certificate = world.issue(&good).await["certificate"].as_str().unwrap().to_owned();
    let body = good.lines().filter(|line| !line.starts_with("-----")).collect::<String>();
    let der = STANDARD.decode(&body).unwrap();
    let mut tampered = der.clone();
    *tampered.last_mut().unwrap() ^= 1;
    let short = csr(&["-newkey", "rsa:1024", "-subj", "/CN=short.example.com"]).pem;
    let curve =
        csr(&["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1", "-subj", "/CN=k1.example.com"]).pem;
    let sha1 = csr(&[P256, &["-sha1", "-subj", "/CN=sha1.example.com"]].concat()).pem;
    let control = csr(&[P256, &["-utf8", "-subj", "/CN=a\u{7}b.example.com"]].concat()).pem;
    let mail = ["-subj", "/CN=a.example.com/emailAddress=a@example.com"];
    let name = |name: &str| {
        ["-subj", "/CN=a.example.com", "-addext", &format!("subjectAltName={name}")].map(str::to_owned)
    };
    let table: Vec<(&str, String, &str)> = vec![
        ("empty", String::new(), "csr_empty"),
        ("blank", " \t\r\n ".into(), "csr_empty"),
        ("not PEM", "please give me a certificate!".into(), "csr_not_pem"),
        ("a certificate", certificate, "csr_is_certificate"),
        ("a private key", p256("key.example.com").key, "csr_is_private_key"),
        ("a public key", openssl(&["req", "-noout", "-pubkey"], &good), "csr_is_other"),
        ("no footer", good.lines().take(4).collect::<Vec<_>>().join("\n"), "csr_no_footer"),
        ("truncated base64", in_pem(&body[..body.len() - 5]), "csr_base64_truncated"),
        ("bad base64", good.replacen("MI", "!!", 1), "csr_base64_invalid"),
        ("two CSRs", format!("{good}{good}"), "csr_several"),
        ("truncated DER", in_pem(&STANDARD.encode(&der[..der.len() - 8])), "csr_der_truncated"),
        ("trailing garbage", in_pem(&STANDARD.encode([&der[..], b"garbage"].concat())), "csr_trailing_bytes"),
        ("bad self-signature", in_pem(&STANDARD.encode(tampered)), "csr_signature_invalid"),
        ("RSA 1024", short, "rsa_size_unsupported"),
        ("e = 1", in_pem(&STANDARD.encode(csr_with_exponent_one())), "rsa_exponent_unsupported"),
        ("unknown curve", curve, "curve_unsupported"),
        ("SHA-1", sha1, "signature_algorithm_unsupported"),
        ("control characters", control, "subject_control_character"),
        ("NUL", csr_with_nul(&["-subj", "/CN=goodXevil.example.com"]), "subject_control_character"),
        ("NUL in a name", csr_with_nul(&name("DNS:goodXevil.example.com")), "san_control_character"),
        ("forbidden subject", csr(&[P256, &mail].concat()).pem, "subject_attribute_unsupported"),
        (
            "forbidden name",
            csr(&[P256, &["-subj", "/CN=a.example.com", "-addext", "subjectAltName=RID:1.2.3.4"]].concat())
                .pem,
            "san_kind_unsupported",
        ),
        ("33 KiB", good.clone() + &"\n".repeat(33 * 1024 - good.len()), "csr_too_large"),
    ];
    for (what, csr, code) in &table {
        let refused =
            unchanged(world, async |world: &World| world.api().post(PATH, &json!({"csr": csr})).await).await;
        let (problem, violation) = only_violation(what, &refused, 422, "csr_invalid");
        assert_eq!(
            (&violation["code"], &violation["pointer"]),
            (&json!(code), &json!("#/csr")),
            "{what}: {violation}"
        );
        assert_eq!(problem["detail"], violation["detail"], "{what}");

        let token = world.token();
        let ran =
            world.cli_with(&["issue", "--csr", "-"], &[("CHANCERY_TOKEN", &token)], csr.as_bytes()).await;
        // A private key is refused before it is sent.
        let (exit, said) = match *code {
            "csr_is_private_key" => (2, "error: standard input holds a private key".to_owned()),
            _ => (5, format!("error[csr_invalid]: {}\n", violation["detail"].as_str().unwrap())),
        };
        assert_eq!(ran.code, exit, "{what}: {ran:?}");
        assert!(ran.stderr.starts_with(&said), "{what}: {ran:?}");
        assert_eq!(ran.stdout, "", "{what}: standard output is for data");
    }
    // Missing altogether, on both endpoints and on the command line.
    let missing = world.cli(&["issue", "--profile", "default"]).await;
    assert!(missing.code == 2 && missing.stderr.contains("CSR cannot be empty"), "{missing:?}");
    for (path, body) in [
        (PATH, json!({})),
        ("/api/v1/cert-manager/certificates", json!({"attributes": {"ttl": "1d"}})),
        ("/api/v1/cert-manager/certificates", json!({"csr": ""})),
        ("/api/v1/cert-manager/certificates", json!({"csr": " \n"})),
    ] {
        let refused = unchanged(world, async |world: &World| world.api().post(path, &body).await).await;
        let (_, violation) = only_violation(path, &refused, 422, "csr_invalid");
        assert_eq!(violation["detail"], "CSR cannot be empty");
    }
}

async fn what_a_policy_forbids_is_refused_in_the_known_words(world: &mut World) {
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

async fn three_faults_are_three_errors(world: &mut World) {
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

async fn a_csr_does_not_fit_a_self_signed_profile(world: &mut World) {
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

async fn what_is_no_good_request_is_refused(world: &mut World) {
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
        (world.api().with_token(Some(expired)).get("/api/v1/me").await.status == 401).then_some(())
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

async fn sensitive_denials_are_recorded_and_nonsense_is_not(world: &mut World) {
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

/// A profile with a policy of the same name.
async fn profile_with(world: &World, name: &str, mut rules: Value) -> String {
    rules["name"] = name.into();
    let policy = world.api().post("/api/v1/policies", &rules).await.expect(201).json();
    let profile = json!({"name": name, "policy": policy["id"]});
    let profile = world.api().post("/api/v1/profiles", &profile).await.expect(201).json();
    profile["id"].as_str().unwrap().to_owned()
}

/// What a call answers, after seeing that it left nothing: no event, and no row beside the log.
async fn unchanged(world: &World, call: impl AsyncFn(&World) -> Answer) -> Answer {
    let before = rows(world).await;
    let answer = call(world).await;
    assert_eq!(rows(world).await, before, "something was kept: {}", answer.text());
    answer
}

/// How many rows each table has that commands write to. (The read models follow the log.)
async fn rows(world: &World) -> Vec<i64> {
    let tables = [
        "log.event",
        "log.stream",
        "log.command",
        "log.inbox",
        "keystore.organization_key",
        "keystore.wrapped_key",
        "keystore.signature",
    ];
    let counts = tables.map(|table| format!("(select count(*) from {table})"));
    let row = world.admin().await.query_one(&format!("select {}", counts.join(",")), &[]).await.unwrap();
    (0..tables.len()).map(|column| row.get(column)).collect()
}

/// The problem document of a refusal, complete as RFC 9457 and our conventions want it.
fn documented(what: &str, refused: &Answer, status: u16, code: &str) -> Value {
    assert_eq!(refused.status.as_u16(), status, "{what}: {}", refused.text());
    assert_eq!(refused.header("content-type"), "application/problem+json", "{what}");
    let problem = refused.json();
    assert_eq!(problem["code"], code, "{what}: {problem}");
    assert_eq!(problem["type"], format!("urn:chancery:problem:{code}"), "{what}");
    assert_eq!(problem["status"], status, "{what}");
    for member in ["title", "detail", "instance", "traceId"] {
        assert!(
            problem[member].as_str().is_some_and(|text| !text.is_empty()),
            "{what}: no {member} in {problem}"
        );
    }
    problem
}

fn only_violation(what: &str, refused: &Answer, status: u16, code: &str) -> (Value, Value) {
    let problem = documented(what, refused, status, code);
    let violations = problem["errors"].as_array().unwrap();
    assert_eq!(violations.len(), 1, "{what}: {problem}");
    (problem.clone(), violations[0].clone())
}

fn in_pem(base64: &str) -> String {
    let lines: Vec<&str> =
        base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n", lines.join("\n"))
}

/// An RSA CSR whose public exponent is 1: a signature is then the padded hash itself, so anybody can write one.
fn csr_with_exponent_one() -> Vec<u8> {
    let modulus = openssl(&["genrsa", "2048"], "");
    let modulus = openssl(&["rsa", "-noout", "-modulus"], &modulus);
    let modulus = hex::decode(modulus.trim().trim_start_matches("Modulus=")).unwrap();
    let sequence = |parts: &[&[u8]]| der(0x30, &parts.concat());
    let integer = |bytes: &[u8]| der(0x02, &[&[0][..], bytes].concat());
    let key = sequence(&[&integer(&modulus), &[0x02, 0x01, 0x01]]);
    let rsa = sequence(&[&hex::decode("06092a864886f70d010101").unwrap(), &[5, 0]]);
    let spki = sequence(&[&rsa, &der(0x03, &[&[0][..], &key].concat())]);
    let common_name = sequence(&[&hex::decode("0603550403").unwrap(), &der(0x0c, b"one.example.com")]);
    let subject = sequence(&[&der(0x31, &common_name)]);
    let info = sequence(&[&[0x02, 0x01, 0x00], &subject, &spki, &der(0xa0, &[])]);
    let digest = <sha2::Sha256 as sha2::Digest>::digest(&info);
    let info_of_digest =
        [&hex::decode("3031300d060960864801650304020105000420").unwrap()[..], &digest].concat();
    let fill = vec![0xff; modulus.len() - 3 - info_of_digest.len()];
    let signature = [&[0, 1][..], &fill, &[0], &info_of_digest].concat();
    let algorithm = sequence(&[&hex::decode("06092a864886f70d01010b").unwrap(), &[5, 0]]);
    sequence(&[&info, &algorithm, &der(0x03, &[&[0][..], &signature].concat())])
}

/// A CSR with a NUL in place of the X after `good`, signed properly.
fn csr_with_nul(arguments: &[impl AsRef<str>]) -> String {
    let arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
    let made = csr(&[P256, &arguments].concat());
    let body: String = made.pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let mut bytes = STANDARD.decode(body).unwrap();
    let at = bytes.windows(5).position(|window| window == b"goodX").unwrap() + 4;
    bytes[at] = 0;
    resigned(&bytes, &made.key)
}

/// The CSR with the signature that its (changed) contents need.
fn resigned(csr: &[u8], key: &str) -> String {
    use x509_parser::prelude::FromDer as _;
    let (_, parsed) = x509_parser::certification_request::X509CertificationRequest::from_der(csr).unwrap();
    let info = parsed.certification_request_info.raw.to_vec();
    let folder = tempfile::tempdir().unwrap();
    let (info_file, key_file) = (folder.path().join("info"), folder.path().join("key"));
    std::fs::write(&info_file, &info).unwrap();
    std::fs::write(&key_file, key).unwrap();
    let signature_file = folder.path().join("signature");
    let path = |file: &std::path::Path| file.display().to_string();
    _ = openssl(
        &["dgst", "-sha256", "-sign", &path(&key_file), "-out", &path(&signature_file), &path(&info_file)],
        "",
    );
    let signature = std::fs::read(signature_file).unwrap();
    let algorithm = der(0x30, &hex::decode("06082a8648ce3d040302").unwrap());
    let whole = der(0x30, &[&info[..], &algorithm, &der(0x03, &[&[0][..], &signature].concat())].concat());
    in_pem(&STANDARD.encode(whole))
}

/// Tag, length and contents (X.690 §8.1).
fn der(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let mut header = vec![tag];
    match length {
        0..128 => header.push(u8::try_from(length).unwrap()),
        128..256 => header.extend([0x81, u8::try_from(length).unwrap()]),
        _ => header.extend([&[0x82][..], &u16::try_from(length).unwrap().to_be_bytes()].concat()),
    }
    [&header, contents].concat()
}
