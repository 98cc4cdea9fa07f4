//! C4, C6, C7: CSRs as people make them become certificates that say what the CSR says, byte for byte.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chancery_tests::{
    in_both_modes,
    subscriber::{self, P256, csr, csr_of, openssl, san_hex, spki_hex, subject_hex},
    world::World,
};
use serde_json::{Value, json};

in_both_modes!(
    the_csrs_of_the_guide_are_issued,
    nothing_beside_the_csr_changes_the_certificate,
    unusual_hashes_and_curves_are_issued,
    every_way_to_write_a_csr_is_read,
    a_csr_of_32_kib_is_issued_and_one_byte_more_is_refused,
    the_cli_issues_the_same,
);

async fn the_csrs_of_the_guide_are_issued(world: &mut World) {
    let existing_key = openssl(&["genrsa", "2048"], "");
    let names = "subjectAltName=DNS:a.example.com,DNS:b.example.com,IP:192.0.2.10";
    let full = "/CN=full.example.com/O=Example/OU=Web/C=CA/ST=Ontario/L=Kanata";
    let curve_key = openssl(&["ecparam", "-name", "prime256v1", "-genkey", "-noout"], "");
    let samples = [
        csr(&["-newkey", "rsa:2048", "-subj", "/CN=new.example.com/O=Example/C=US"]).pem,
        csr_of(&existing_key, &["-subj", "/CN=existing.example.com"]),
        csr(&["-newkey", "rsa:2048", "-subj", "/CN=san.example.com", "-addext", names]).pem,
        csr_of(&curve_key, &["-subj", "/CN=curve.example.com"]),
        csr(&[
            "-newkey",
            "rsa:2048",
            "-subj",
            full,
            "-addext",
            "subjectAltName=DNS:x.example.com,DNS:y.example.com",
        ])
        .pem,
    ];
    let sans = [
        "DNS:new.example.com",
        "DNS:existing.example.com",
        "DNS:a.example.com, DNS:b.example.com, IP Address:192.0.2.10",
        "DNS:curve.example.com",
        "DNS:x.example.com, DNS:y.example.com",
    ];
    let root = world.root().await;
    for (csr, san) in samples.iter().zip(sans) {
        for leaf in issued_every_way(world, csr).await {
            subscriber::verify(&root, "", &leaf).unwrap();
            assert_eq!(subject_hex(&leaf), subject_hex(csr));
            assert_eq!(spki_hex(&leaf), spki_hex(csr));
            let shown = subscriber::x509(&leaf, &["-ext", "subjectAltName"]);
            assert_eq!(shown.lines().last().unwrap().trim(), san);
            assert!(san_hex(csr).is_empty() || san_hex(&leaf) == san_hex(csr));
        }
    }
}

/// Certificates for one CSR: by our API, by the compatible endpoint, by the command line.
async fn issued_every_way(world: &World, csr: &str) -> [String; 3] {
    let ours = certificate(&world.issue(csr).await);
    let body = json!({"csr": csr});
    let compatible = world.api().post("/api/v1/cert-manager/certificates", &body).await.expect(200).json();
    let (_folder, file) = subscriber::as_file(csr);
    let printed = world.cli(&["issue", "--csr", &file, "-o", "json"]).await.json();
    [ours, certificate(&compatible["certificate"]), certificate(&printed)]
}

async fn nothing_beside_the_csr_changes_the_certificate(world: &mut World) {
    let csr = csr(&[
        P256,
        &[
            "-subj",
            "/CN=mine.example.com/O=Mine",
            "-addext",
            "subjectAltName=DNS:mine.example.com,IP:192.0.2.1",
        ],
    ]
    .concat());
    let other_names = json!([{"type": "dns_name", "value": "other.example.com"}]);
    let compatible = json!({"csr": csr.pem, "attributes": {"commonName": "other.example.com", "organization": "Other",
        "altNames": other_names, "keyAlgorithm": "RSA_4096", "ttl": "10d"}});
    let ours = json!({"csr": csr.pem, "subject": {"commonName": "other.example.com"}, "key": {"algorithm": "rsa_4096"},
        "sans": [{"type": "dns", "value": "other.example.com"}], "ttl": "10d"});
    let first = world.api().post("/api/v1/cert-manager/certificates", &compatible).await.expect(200).json();
    let second = world.api().post("/api/v1/certificate-requests", &ours).await.expect(201).json();
    let (_folder, file) = subscriber::as_file(&csr.pem);
    let others = ["--cn", "other.example.com", "--dns", "other.example.com", "--key", "rsa_4096"];
    let both = world.cli(&[&["issue", "--csr", &file][..], &others].concat()).await;
    assert!(both.code == 2 && both.stderr.contains("cannot be used with"), "{both:?}");
    let body = ours.to_string();
    let third = world.cli(&["api", "POST", "/certificate-requests", "-d", &body]).await.json();
    for leaf in [&first["certificate"]["certificate"], &second["certificate"], &third["certificate"]] {
        let leaf = leaf.as_str().unwrap();
        assert_eq!(subject_hex(leaf), subject_hex(&csr.pem));
        assert_eq!(spki_hex(leaf), spki_hex(&csr.pem));
        assert_eq!(san_hex(leaf), san_hex(&csr.pem));
    }
}

async fn unusual_hashes_and_curves_are_issued(world: &mut World) {
    let root = world.root().await;
    let curve = |name| format!("ec_paramgen_curve:{name}");
    for (curve, hash, shown) in [
        (curve("P-256"), "-sha384", "NIST CURVE: P-256"),
        (curve("P-256"), "-sha512", "NIST CURVE: P-256"),
        (curve("P-384"), "-sha256", "NIST CURVE: P-384"),
        (curve("P-521"), "-sha512", "NIST CURVE: P-521"),
        (curve("P-521"), "-sha256", "NIST CURVE: P-521"),
    ] {
        let csr = csr(&["-newkey", "ec", "-pkeyopt", &curve, hash, "-subj", "/CN=hash.example.com"]);
        for leaf in issued_every_way(world, &csr.pem).await {
            subscriber::verify(&root, "", &leaf).unwrap();
            assert_eq!(spki_hex(&leaf), spki_hex(&csr.pem));
            assert!(subscriber::x509(&leaf, &["-text"]).contains(shown));
        }
    }
    let ed25519 = csr(&["-newkey", "ed25519", "-subj", "/CN=ed.example.com"]);
    let leaf = certificate(&world.issue(&ed25519.pem).await);
    assert!(subscriber::x509(&leaf, &["-text"]).contains("ED25519"));
}

async fn every_way_to_write_a_csr_is_read(world: &mut World) {
    let pem = subscriber::p256("written.example.com").pem;
    let der = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap().1.contents;
    for written in [
        pem.replace('\n', "\r\n"),
        pem.replace('\n', "\\n"),
        pem.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"),
        format!("Dear CA,\nplease sign\n{pem}\nthank you\n"),
        STANDARD.encode(&der),
    ] {
        let leaf = certificate(&world.issue(&written).await);
        assert_eq!(spki_hex(&leaf), spki_hex(&pem), "{written}");
    }
    let headers = [("content-type", "application/pkcs10")];
    for bytes in [der, pem.clone().into_bytes()] {
        let path = "/api/v1/certificate-requests?ttl=7d&profile=name:default";
        let answer = world.api().request(http::Method::POST, path, &headers, bytes.into()).await.unwrap();
        let answer = answer.expect(201).json();
        assert_eq!(answer["ttl"], "7d");
        assert_eq!(spki_hex(&certificate(&answer)), spki_hex(&pem));
    }
}

async fn a_csr_of_32_kib_is_issued_and_one_byte_more_is_refused(world: &mut World) {
    const LIMIT: usize = 32_768;
    let refusal = async |answer: testkit::Answer| {
        assert!([413, 422].contains(&answer.status.as_u16()), "{}", answer.text());
        let problem = answer.json();
        assert_eq!(
            (&problem["errors"][0]["code"], &problem["errors"][0]["pointer"]),
            (&json!("csr_too_large"), &json!("#/csr"))
        );
    };
    // As PEM, padded by an extension and then by line ends.
    let mut pem = padded_csr(24_100).0;
    pem.push_str(&"\n".repeat(LIMIT - pem.len()));
    let leaf = certificate(&world.issue(&pem).await);
    assert!(subscriber::x509(&leaf, &["-subject"]).contains("padded.example.com"));
    let body = json!({"csr": format!("{pem}\n")});
    for path in ["/api/v1/certificate-requests", "/api/v1/cert-manager/certificates"] {
        refusal(world.api().post(path, &body).await).await;
    }
    let (_folder, file) = subscriber::as_file(&pem);
    let printed = world.cli(&["issue", "--csr", &file, "-o", "json"]).await.json();
    assert_eq!(printed["commonName"], "padded.example.com");
    std::fs::write(&file, format!("{pem}\n")).unwrap();
    let refused = world.cli(&["issue", "--csr", &file]).await;
    assert!(refused.code == 5 && refused.stderr.contains("32768"), "{refused:?}");

    // As DER.
    let send = async |der: Vec<u8>| {
        let headers = [("content-type", "application/pkcs10")];
        world
            .api()
            .request(http::Method::POST, "/api/v1/certificate-requests", &headers, der.into())
            .await
            .unwrap()
    };
    let der = padded_csr(LIMIT).1;
    assert_eq!(der.len(), LIMIT);
    _ = send(der).await.expect(201);
    refusal(send(padded_csr(LIMIT + 1).1).await).await;
}

async fn the_cli_issues_the_same(world: &mut World) {
    let csr = subscriber::p256("cli.example.com");
    let (_folder, file) = subscriber::as_file(&csr.pem);
    let chain = world.cli(&["issue", "--csr", &file, "--ttl", "20d", "-o", "pem"]).await.done();
    assert_eq!(spki_hex(&chain), spki_hex(&csr.pem));
    subscriber::verify(&world.root().await, &chain, &chain).unwrap();
    let shown = world.cli(&["issue", "--csr", &file, "-o", "json"]).await.json();
    assert_eq!(shown["commonName"], "cli.example.com");
    assert_eq!(spki_hex(shown["certificate"].as_str().unwrap()), spki_hex(&csr.pem));
}

fn certificate(answer: &Value) -> String {
    answer["certificate"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// A P-256 CSR, as PEM and as DER, whose DER has exactly so many bytes: an extension nobody knows takes what is left.
fn padded_csr(length: usize) -> (String, Vec<u8>) {
    let key = openssl(&["ecparam", "-name", "prime256v1", "-genkey", "-noout"], "");
    let (_key, key) = subscriber::as_file(&key);
    let mut padding = length - 400;
    // An ECDSA signature takes 70 to 72 bytes, so the same padding is tried until it fits.
    for _ in 0..200 {
        let config = format!(
            "[req]\ndistinguished_name=dn\nreq_extensions=ext\nprompt=no\n[dn]\nCN=padded.example.com\n[ext]\n\
             1.3.6.1.4.1.55738.1=DER:{}\n",
            "00".repeat(padding)
        );
        let (_config, config) = subscriber::as_file(&config);
        let pem = openssl(&["req", "-new", "-key", &key, "-config", &config], "");
        let der = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap().1.contents;
        if der.len() == length {
            return (pem, der);
        }
        if der.len().abs_diff(length) > 2 {
            padding = (padding + length).checked_sub(der.len()).unwrap();
        }
    }
    panic!("no CSR of {length} bytes came about");
}
