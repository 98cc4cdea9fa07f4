//! CSRs that are none, or none that can be signed.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chancery_tests::{
    forged::{csr_with_exponent_one, csr_with_nul, in_pem},
    refused::{only_violation, unchanged},
    subscriber::{P256, csr, openssl, p256},
    world::World,
};
use serde_json::json;

use super::PATH;

pub async fn what_is_no_good_csr_is_refused_in_its_own_words(world: &mut World) {
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
