//! Certificates come with their private keys: out of key stores, sets of PEM files and archives. What belongs to a key or to a
//! request of ours is recognized.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::{fs, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chancery_tests::{
    in_both_modes,
    subscriber::openssl,
    tool::run,
    world::{World, eventually},
};
use serde_json::{Value, json};

use crate::import::{Files, IMPORTS, fresh, import, one, sums};

in_both_modes!(
    a_key_store_is_imported_with_its_keys,
    keys_and_certificates_may_stand_in_files_of_their_own,
    a_key_that_belongs_nowhere_is_told_and_not_kept,
    a_request_that_waits_gets_its_certificate,
    who_may_not_see_a_certificate_does_not_learn_its_id,
    the_cli_imports_keys_and_says_so,
);

fn outcomes(report: &Value, of: &str) -> Vec<String> {
    let items = report["items"].as_array().unwrap().iter();
    let all = items.flat_map(|item| item[of].as_array().unwrap());
    let mut all: Vec<String> = all.map(|one| one["outcome"].as_str().unwrap().to_owned()).collect();
    all.sort();
    all
}

async fn keys(world: &World) -> usize {
    fresh(world, "/api/v1/keys?origin=imported").await.expect(200).json()["items"].as_array().unwrap().len()
}

/// The certificate of a file, as the inventory shows it once its key is linked.
async fn linked(world: &World, id: &str) -> Value {
    eventually("the certificate names its key", async || {
        let shown = fresh(world, &format!("/api/v1/certificates/{id}")).await.expect(200).json();
        shown["key"]["id"].is_string().then_some(shown)
    })
    .await
}

async fn a_key_store_is_imported_with_its_keys(world: &mut World) {
    let files = Files::new("stored");
    files.openssl(&[
        "pkcs12",
        "-export",
        "-inkey",
        "leaf.key",
        "-in",
        "leaf.pem",
        "-certfile",
        "ca.pem",
        "-name",
        "shop",
        "-passout",
        "pass:opensesame",
        "-out",
        "leaf.p12",
    ]);
    let mut body = one("leaf.p12", &files.base64("leaf.p12"));
    body["passphrases"] = json!(["opensesame"]);

    // A preview says what would become of both, and changes nothing.
    let preview = world.api().post(&format!("{IMPORTS}?dryRun=true"), &body).await.expect(200).json();
    assert_eq!((sums(&preview), &preview["keys"]), ((2, 0, 0), &json!(1)), "{preview}");
    assert_eq!((&preview["items"][0]["keys"][0]["keyId"], keys(world).await), (&json!(null), 0));

    let report = import(world, body.clone()).await;
    assert_eq!((sums(&report), &report["keys"]), ((2, 0, 0), &json!(1)), "{report}");
    let key = &report["items"][0]["keys"][0];
    assert_eq!((&key["outcome"], &key["alias"]), (&json!("imported"), &json!("shop")));
    let certificates = report["items"][0]["certificates"].as_array().unwrap();
    let leaf = certificates.iter().find(|one| one["subject"] == "CN=stored.import.example.com").unwrap();
    assert_eq!(leaf["keyId"], key["keyId"]);
    let shown = linked(world, leaf["certificateId"].as_str().unwrap()).await;
    assert_eq!((&shown["key"]["id"], &shown["key"]["custody"]), (&key["keyId"], &json!("managed")));
    let path = format!("/api/v1/keys/{}", key["keyId"].as_str().unwrap());
    let kept = fresh(world, &path).await.expect(200).json();
    assert_eq!((&kept["exportable"], &kept["label"]), (&json!(false), &json!("shop")));
    let again = import(world, body.clone()).await;
    assert_eq!((sums(&again), outcomes(&again, "keys")), ((0, 2, 0), vec!["known".to_owned()]), "{again}");
    let previewed = world.api().post(&format!("{IMPORTS}?dryRun=true"), &body).await.expect(200).json();
    assert_eq!((sums(&previewed), &previewed["keys"]), ((0, 2, 0), &json!(0)), "{previewed}");

    // A store of Java with two aliases, of which one key has another passphrase; exportable, as was asked.
    for (alias, password) in [("first", "opensesame"), ("second", "othersesame")] {
        let mut keytool = Command::new("keytool");
        keytool.args([
            "-genkeypair",
            "-alias",
            alias,
            "-keyalg",
            "RSA",
            "-keysize",
            "2048",
            "-storetype",
            "JKS",
        ]);
        keytool.args(["-dname", &format!("CN={alias}.java.example.com"), "-keystore", "store.jks"]);
        keytool.args(["-storepass", "opensesame", "-keypass", password]).current_dir(files.folder.path());
        _ = run(keytool, b"").done();
    }
    let mut body = one("store.jks", &files.base64("store.jks"));
    body["passphrases"] = json!(["opensesame", "othersesame"]);
    body["exportable"] = json!(true);
    let report = import(world, body).await;
    assert_eq!((sums(&report), &report["keys"]), ((2, 0, 0), &json!(2)), "{report}");
    let key = report["items"][0]["keys"][1]["keyId"].as_str().unwrap();
    let wanted = json!({"format": "pkcs8", "reason": "CHG-7", "passphrase": "four unrelated words here"});
    let file = world.api().post(&format!("/api/v1/keys/{key}/export"), &wanted).await.expect(200).json();
    let pem = String::from_utf8(STANDARD.decode(file["content"].as_str().unwrap()).unwrap()).unwrap();
    let public = openssl(&["pkey", "-pubout", "-passin", "pass:four unrelated words here"], &pem);
    assert_eq!(public, fresh(world, &format!("/api/v1/keys/{key}")).await.expect(200).json()["publicKey"]);
}

async fn keys_and_certificates_may_stand_in_files_of_their_own(world: &mut World) {
    let files = Files::new("apart");
    let set = json!({"files": [{"name": "leaf.key", "content": files.text("leaf.key")},
        {"name": "leaf.pem", "content": files.text("leaf.pem")}]});
    let mut without = set.clone();
    without["privateKeys"] = json!("ignore");
    let before = keys(world).await;
    let report = import(world, without).await;
    assert_eq!(
        (sums(&report), outcomes(&report, "keys")),
        ((1, 0, 0), vec!["ignored".to_owned()]),
        "{report}"
    );
    assert_eq!(keys(world).await, before);
    _ = fresh(world, "/api/v1/certificates").await.expect(200);
    // The certificate is here; its key comes later, in an archive and without it.
    let zip = "import zipfile\nz = zipfile.ZipFile('made.zip', 'w')\nz.write('leaf.key')\nz.close()";
    let mut python = Command::new("python3");
    python.args(["-c", zip]).current_dir(files.folder.path());
    _ = run(python, b"").done();
    let report = import(world, one("made.zip", &files.base64("made.zip"))).await;
    assert_eq!(
        (sums(&report), outcomes(&report, "keys")),
        ((0, 0, 0), vec!["imported".to_owned()]),
        "{report}"
    );
    let again = import(world, set).await;
    assert_eq!((sums(&again), outcomes(&again, "keys")), ((0, 1, 0), vec!["known".to_owned()]), "{again}");
    let id = again["items"][1]["certificates"][0]["certificateId"].as_str().unwrap();
    _ = linked(world, id).await;

    // A key that was made here is recognized under its certificate.
    let key = world.api().post("/api/v1/keys", &json!({"algorithm": "rsa_2048"})).await.expect(201).json();
    fs::write(files.folder.path().join("ours.pub"), key["publicKey"].as_str().unwrap()).unwrap();
    files.openssl(&[
        "x509",
        "-req",
        "-in",
        "leaf.csr",
        "-force_pubkey",
        "ours.pub",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "9",
        "-out",
        "ours.pem",
    ]);
    _ = fresh(world, "/api/v1/keys").await.expect(200);
    let report = import(world, one("ours.pem", &files.text("ours.pem"))).await;
    assert_eq!(report["items"][0]["certificates"][0]["keyId"], key["id"], "{report}");
    let shown = linked(world, report["items"][0]["certificates"][0]["certificateId"].as_str().unwrap()).await;
    assert_eq!(shown["key"]["id"], key["id"]);
}

async fn a_key_that_belongs_nowhere_is_told_and_not_kept(world: &mut World) {
    let (files, before) = (Files::new("strange"), keys(world).await);
    let other = openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "");
    let report = import(world, one("mixed.pem", &(files.text("leaf.pem") + &other))).await;
    assert_eq!(
        (sums(&report), outcomes(&report, "keys")),
        ((1, 0, 1), vec!["unmatched".to_owned()]),
        "{report}"
    );
    assert_eq!(report["items"][0]["problems"][0]["code"], "key_mismatch");
    // A weak key is refused, its certificate is kept.
    let weak = openssl(
        &["req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", "-", "-subj", "/CN=weak.example.com"],
        "",
    );
    let report = import(world, one("weak.pem", &weak)).await;
    assert_eq!(
        (sums(&report), outcomes(&report, "keys")),
        ((1, 0, 1), vec!["refused".to_owned()]),
        "{report}"
    );
    assert_eq!(report["items"][0]["problems"][0]["code"], "rsa_size_unsupported");
    assert_eq!(keys(world).await, before);

    // Who may bring certificates and no keys brings certificates.
    let home = world.api().get("/api/v1/me").await.expect(200).json()["organizationId"].clone();
    let department = format!("/api/v1/organizations/{}/departments", home.as_str().unwrap());
    let department = world.api().post(&department, &json!({"name": "web"})).await.expect(201).json();
    let officer = officer(world, &home, &department["id"]).await;
    let files = Files::new("keyless");
    let body = one("keyless.pem", &(files.text("leaf.pem") + &files.text("leaf.key")));
    let report = officer.post(IMPORTS, &body).await.expect(200).json();
    assert_eq!(
        (sums(&report), outcomes(&report, "keys")),
        ((1, 0, 1), vec!["refused".to_owned()]),
        "{report}"
    );
    assert_eq!(report["items"][0]["problems"][0]["code"], "forbidden");
}

async fn officer(world: &World, organization: &Value, department: &Value) -> testkit::Https {
    let name = format!("officer-{}", department.as_str().unwrap());
    let grants =
        json!([{"role": "department_officer", "organization": organization, "department": department}]);
    let appointed = json!({"name": name, "grants": grants});
    let appointed = world.api().post("/api/v1/admins", &appointed).await.expect(201).json();
    world.new_token(json!({"name": name, "administrator": appointed["id"]})).await.1
}

async fn a_request_that_waits_gets_its_certificate(world: &mut World) {
    let profile = json!({"name": "outside", "ca": "manual"});
    _ = world.api().post("/api/v1/profiles", &profile).await.expect(201);
    let host = "waits.import.example.com";
    let wanted =
        json!({"profile": "name:outside", "key": {"algorithm": "rsa_2048"}, "subject": {"commonName": host}});
    let operation = world.api().post("/api/v1/certificate-requests", &wanted).await.expect(202).json();
    let path = operation["resource"]["path"].as_str().unwrap().to_owned();
    let csr = eventually("the CSR is there", async || {
        let csr = world.api().get(&format!("{path}/csr")).await;
        (csr.status == 200).then(|| csr.text())
    })
    .await;
    let files = Files::new("waits");
    fs::write(files.folder.path().join("waits.csr"), csr).unwrap();
    files.openssl(&[
        "x509",
        "-req",
        "-in",
        "waits.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "90",
        "-copy_extensions",
        "copyall",
        "-out",
        "waits.pem",
    ]);
    _ = fresh(world, &path).await.expect(200);
    let body = one("answer.pem", &(files.text("waits.pem") + &files.text("ca.pem")));
    let preview = world.api().post(&format!("{IMPORTS}?dryRun=true"), &body).await.expect(200).json();
    assert_eq!((sums(&preview), &preview["answered"]), ((1, 0, 0), &json!(1)), "{preview}");
    assert_eq!(fresh(world, &path).await.expect(200).json()["status"], "awaiting_certificate");
    let report = import(world, body.clone()).await;
    assert_eq!((sums(&report), &report["answered"]), ((1, 0, 0), &json!(1)), "{report}");
    let taken = &report["items"][0]["certificates"][0];
    let request = fresh(world, &path).await.expect(200).json();
    assert_eq!((&taken["requestId"], &taken["outcome"]), (&request["id"], &json!("answered")));
    assert_eq!((&request["status"], &request["certificateId"]), (&json!("issued"), &taken["certificateId"]));
    let shown =
        fresh(world, &format!("/api/v1/certificates/{}", taken["certificateId"].as_str().unwrap())).await;
    assert_eq!(shown.expect(200).json()["origin"], "manual");
    assert_eq!(sums(&import(world, body).await), (0, 2, 0));
}

async fn who_may_not_see_a_certificate_does_not_learn_its_id(world: &mut World) {
    let home = world.api().get("/api/v1/me").await.expect(200).json()["organizationId"].clone();
    let path = format!("/api/v1/organizations/{}/departments", home.as_str().unwrap());
    let mut officers = vec![];
    for name in ["here", "there"] {
        let department = world.api().post(&path, &json!({"name": name})).await.expect(201).json();
        officers.push(officer(world, &home, &department["id"]).await);
    }
    let files = Files::new("hidden");
    let body = one("hidden.pem", &files.text("leaf.pem"));
    let first = officers[0].post(IMPORTS, &body).await.expect(200).json();
    let id = &first["items"][0]["certificates"][0]["certificateId"];
    assert!(id.is_string(), "{first}");
    let again = officers[0].post(IMPORTS, &body).await.expect(200).json();
    assert_eq!(&again["items"][0]["certificates"][0]["certificateId"], id);
    let theirs = officers[1].post(IMPORTS, &body).await.expect(200).json();
    assert_eq!(sums(&theirs), (0, 1, 0));
    assert_eq!(theirs["items"][0]["certificates"][0]["certificateId"], Value::Null, "{theirs}");
}

async fn the_cli_imports_keys_and_says_so(world: &mut World) {
    let files = Files::new("shell");
    let path = |name: &str| files.folder.path().join(name).display().to_string();
    let table = world.cli(&["import", &path("leaf.key"), &path("leaf.pem"), "--exportable"]).await.done();
    assert!(table.contains("private key rsa_2048") && table.contains("imported"), "{table}");
    let listed = fresh(world, "/api/v1/keys?origin=imported").await.expect(200).json();
    assert_eq!(listed["items"][0]["exportable"], json!(true), "{listed}");
    let told = world.cli(&["import", &path("leaf.key"), "--without-keys", "-o", "json"]).await.json();
    assert_eq!(outcomes(&told, "keys"), ["ignored"], "{told}");
}
