//! D16: pkilint, a linter of others, has nothing to say about 1,000 certificates of all kinds of keys and all profiles.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::{fs, path::Path};

use chancery_tests::{
    subscriber::{as_file, csr_of, openssl, verify, x509},
    tool::{python, run_with},
    world::{Mode, World},
};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_certificates_verify_and_are_without_errors() {
    let world = World::start(Mode::OneProcess).await;
    let mut made = cas_and_profiles(&world).await;
    let profiles = ["default", "web", "client", "code", "device"];
    let keys = keys();
    let with_csr = (0..CERTIFICATES - MANAGED - CAS).map(|number| {
        let (profile, key) = (profiles[number % profiles.len()], keys[number % keys.len()].clone());
        let body =
            move || json!({"profile": format!("name:{profile}"), "csr": csr(number, &key), "ttl": "30d"});
        Box::new(body) as Box<dyn Fn() -> Value>
    });
    let algorithms =
        ["rsa_2048", "ecdsa_p256", "ecdsa_p384", "rsa_3072", "ecdsa_p521", "ed25519", "rsa_4096"];
    let managed = (0..MANAGED).map(|number| {
        let (profile, algorithm) = (["self", "web", "client"][number % 3], algorithms[number % algorithms.len()]);
        let subject =
            json!({"commonName": format!("managed{number}.example.com"), "organization": "Example"});
        let body = json!({"profile": format!("name:{profile}"), "key": {"algorithm": algorithm}, "subject": subject});
        Box::new(move || body.clone()) as Box<dyn Fn() -> Value>
    });
    let wanted = stream::iter(with_csr.chain(managed).collect::<Vec<_>>());
    let issued = wanted.map(|body| issue(&world, body())).buffer_unordered(4).collect::<Vec<_>>().await;
    made.extend(issued);
    assert_eq!(made.len(), CERTIFICATES);
    let names = |certificate: &String| x509(certificate, &["-subject", "-issuer", "-nameopt", "RFC2253"]);
    let self_signed = |certificate: &&String| {
        let names = names(certificate);
        let (subject, issuer) = names.split_once('\n').unwrap();
        subject.strip_prefix("subject=") == issuer.trim_end().strip_prefix("issuer=")
    };
    let roots: String = made[..CAS].iter().filter(self_signed).map(String::as_str).collect();
    let between: String = made[..CAS].iter().filter(|ca| !self_signed(ca)).map(String::as_str).collect();
    for certificate in &made {
        let root = if self_signed(&certificate) { certificate } else { &roots };
        assert_eq!(verify(root, &between, certificate), Ok(()), "{}", names(certificate));
    }
    let folder = world.data_dir().join("certificates");
    fs::create_dir(&folder).unwrap();
    for (number, certificate) in made.iter().enumerate() {
        fs::write(folder.join(format!("{number:03}.pem")), certificate).unwrap();
    }
    // One that is wrong, to see that errors are found: a CA's basic constraints are critical (RFC 5280 §4.2.1.9).
    let (_key, key) = as_file(&openssl(&["genpkey", "-algorithm", "ED25519"], ""));
    let wrong =
        ["req", "-x509", "-new", "-key", &key, "-subj", "/CN=wrong", "-addext", "basicConstraints=CA:TRUE"];
    let planted = world.data_dir().join("planted");
    fs::create_dir(&planted).unwrap();
    fs::write(planted.join("wrong.pem"), openssl(&wrong, "")).unwrap();

    let said = lint(&folder).await;
    assert_eq!(said.lines().last().unwrap(), format!("{} linted, 0 errors", made.len()), "{said}");
    let found = lint(&planted).await;
    assert!(found.contains("pkix.basic_constraints_extension_not_critical"), "{found}");
    assert!(found.contains("1 linted") && !found.contains("linted, 0 errors"), "{found}");
}

/// How many certificates are made.
const CERTIFICATES: usize = 1_000;
/// How many of them for keys of the keystore.
const MANAGED: usize = 42;
/// How many CAs there are, the Micro CA of the first start among them.
const CAS: usize = 6;

/// CAs over two levels, and a profile for each type; the CAs' certificates.
async fn cas_and_profiles(world: &World) -> Vec<String> {
    let mut made = vec![world.root().await];
    for ca in [
        json!({"name": "root", "kind": "root", "key": {"algorithm": "ecdsa_p384"}}),
        json!({"name": "old-root", "kind": "root", "key": {"algorithm": "rsa_4096"}}),
        json!({"name": "issuing", "kind": "issuing", "parent": "name:root", "subject": {"commonName": "Example Issuing CA",
            "organization": "Example", "country": "CA"}}),
        json!({"name": "old-issuing", "kind": "issuing", "parent": "name:old-root", "key": {"algorithm": "rsa_3072"}}),
        json!({"name": "edwards", "kind": "micro", "key": {"algorithm": "ed25519"}}),
    ] {
        let answer = world.api().post("/api/v1/cas", &ca).await.expect(201).json();
        made.push(answer["certificate"].as_str().unwrap().to_owned());
    }
    for profile in [
        json!({"name": "web", "type": "server", "ca": "name:issuing"}),
        json!({"name": "client", "type": "client", "ca": "name:old-issuing"}),
        json!({"name": "code", "type": "code_signing", "ca": "name:edwards"}),
        json!({"name": "device", "type": "device", "ca": "name:issuing"}),
        json!({"name": "self", "type": "server", "ca": "self"}),
    ] {
        _ = world.api().post("/api/v1/profiles", &profile).await.expect(201);
    }
    made
}

async fn issue(world: &World, body: Value) -> String {
    let answer = world.api().post("/api/v1/certificate-requests", &body).await.expect(201).json();
    answer["certificate"].as_str().unwrap().to_owned()
}

/// CSRs with everything people put into them, but for three forms of names that are right and that pkilint's own parser
/// does not read: wildcards (RFC 9525), SPIFFE ids, and URNs.
fn csr(number: usize, key: &str) -> String {
    let subjects = [
        format!("/CN=host{number}.example.com"),
        format!("/CN=host{number}.example.com/O=Example/OU=Web/C=CA/ST=Ontario/L=Kanata"),
        format!("/O=Example/CN=Device {number}"),
        format!("/CN=Größe {number}/O=Beispiel GmbH/C=DE"),
        "/".to_owned(),
    ];
    let names = [
        format!("DNS:host{number}.example.com"),
        format!("DNS:host{number}.example.com,DNS:www.host{number}.example.com,IP:192.0.2.1,IP:2001:db8::1"),
        format!(
            "URI:https://example.com/{number},email:device{number}@example.com,DNS:d{number}.example.com"
        ),
    ];
    let names = format!("subjectAltName={}", names[number % names.len()]);
    csr_of(key, &["-utf8", "-subj", &subjects[number % subjects.len()], "-addext", &names])
}

fn keys() -> Vec<String> {
    let rsa =
        |bits| openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", &format!("rsa_keygen_bits:{bits}")], "");
    let curve = |name| {
        openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", &format!("ec_paramgen_curve:{name}")], "")
    };
    let edwards = openssl(&["genpkey", "-algorithm", "ED25519"], "");
    vec![rsa(2048), rsa(3072), rsa(4096), curve("P-256"), curve("P-384"), curve("P-521"), edwards]
}

async fn lint(folder: &Path) -> String {
    let mut program = python();
    program.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("lint_certificates.py")).arg(folder);
    run_with(program, b"").await.done()
}
