//! Certificates that others issued, brought in from the files they are in.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests fail as tests do

use std::{fs, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use chancery_tests::{in_both_modes, subscriber::openssl, tool::run, world::World};
use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::Answer;

in_both_modes!(
    a_certificate_is_one_record_however_often_and_in_whatever_file_it_comes,
    a_preview_changes_nothing,
    an_archive_is_imported_file_by_file,
    an_archive_of_five_hundred_files_is_imported_but_for_five,
    what_cannot_be_read_says_why,
    an_import_says_what_is_recorded_of_each_certificate,
    the_cli_imports_files_and_directories,
);

pub const IMPORTS: &str = "/api/v1/imports";

/// A CA, and a leaf with its key, in files.
pub struct Files {
    pub folder: TempDir,
}

impl Files {
    pub fn new(name: &str) -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        files.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-subj",
            &format!("/CN=CA of {name}"),
        ]);
        files.openssl(&[
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "leaf.key",
            "-out",
            "leaf.csr",
            "-subj",
            &format!("/CN={name}.import.example.com"),
        ]);
        files.sign("leaf");
        files
    }

    pub fn openssl(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("openssl");
        command.args(arguments).current_dir(self.folder.path());
        run(command, b"").done()
    }

    fn sign(&self, out: &str) {
        let (out, ext) = (format!("{out}.pem"), "leaf.ext");
        fs::write(self.folder.path().join(ext), "basicConstraints=CA:FALSE\n").unwrap();
        self.openssl(&[
            "x509",
            "-req",
            "-in",
            "leaf.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "90",
            "-extfile",
            ext,
            "-out",
            &out,
        ]);
    }

    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    pub fn base64(&self, name: &str) -> String {
        STANDARD.encode(fs::read(self.folder.path().join(name)).unwrap())
    }
}

pub async fn import(world: &World, body: Value) -> Value {
    world.api().post(IMPORTS, &body).await.expect(200).json()
}

pub fn one(name: &str, content: &str) -> Value {
    json!({"files": [{"name": name, "content": content}]})
}

pub fn sums(report: &Value) -> (u64, u64, u64) {
    let sum = |name: &str| report[name].as_u64().unwrap();
    (sum("imported"), sum("known"), sum("failed"))
}

/// A read that sees everything that stands in the log.
pub async fn fresh(world: &World, path: &str) -> Answer {
    let head = world.head().await.to_string();
    let headers = [("chancery-min-position", head.as_str())];
    world.api().request(Method::GET, path, &headers, Bytes::new()).await.unwrap()
}

async fn a_certificate_is_one_record_however_often_and_in_whatever_file_it_comes(world: &mut World) {
    let files = Files::new("one");
    let pem = files.text("leaf.key") + &files.text("ca.pem") + "some words\n" + &files.text("leaf.pem");
    let report = import(world, one("one.pem", &pem)).await;
    assert_eq!(sums(&report), (2, 0, 0), "{report}");
    let item = &report["items"][0];
    assert_eq!((&item["file"], &item["recognizedAs"]), (&json!("one.pem"), &json!("pem")));
    assert_eq!(item["keys"][0]["algorithm"], "rsa_2048");
    let leaf = item["certificates"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["subject"] == "CN=one.import.example.com");
    let id = leaf.unwrap()["certificateId"].as_str().unwrap();

    files.openssl(&[
        "pkcs12",
        "-export",
        "-inkey",
        "leaf.key",
        "-in",
        "leaf.pem",
        "-passout",
        "pass:opensesame",
        "-out",
        "leaf.p12",
    ]);
    files.openssl(&["crl2pkcs7", "-nocrl", "-certfile", "leaf.pem", "-out", "leaf.p7b"]);
    files.openssl(&["x509", "-in", "leaf.pem", "-outform", "DER", "-out", "leaf.cer"]);
    for name in ["leaf.p12", "leaf.p7b", "leaf.cer"] {
        let mut body = one(name, &files.base64(name));
        body["passphrases"] = json!(["wrong one", "opensesame"]);
        let report = import(world, body).await;
        assert_eq!(sums(&report), (0, 1, 0), "{name}: {report}");
        assert_eq!(report["items"][0]["certificates"][0]["certificateId"], id, "{name}");
    }
    let shown = fresh(world, &format!("/api/v1/certificates/{id}")).await.expect(200).json();
    assert_eq!(shown["origin"], "imported");
    assert_eq!(shown["mode"], "monitored");
    assert_eq!(shown["commonName"], "one.import.example.com");
    assert_eq!(shown["certificate"], files.text("leaf.pem"));
    let listed = fresh(world, "/api/v1/certificates?origin=imported&q=one.import").await.expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let timeline = fresh(world, &format!("/api/v1/certificates/{id}/timeline")).await.expect(200).json();
    assert_eq!(timeline["items"][0]["type"], "certificate.imported");

    // One of our own is known by its first id.
    let csr = chancery_tests::subscriber::p256("own.import.example.com").pem;
    let issued =
        world.api().post("/api/v1/certificate-requests", &json!({"csr": csr})).await.expect(201).json();
    _ = fresh(world, "/api/v1/certificates").await.expect(200);
    let report = import(world, one("own.pem", issued["certificate"].as_str().unwrap())).await;
    assert_eq!(sums(&report), (0, 1, 0), "{report}");
    assert_eq!(report["items"][0]["certificates"][0]["certificateId"], issued["certificateId"]);
}

async fn a_preview_changes_nothing(world: &mut World) {
    let files = Files::new("preview");
    let head = world.head().await;
    let body = one("preview.pem", &files.text("leaf.pem"));
    for _ in 0..2 {
        let report = world.api().post(&format!("{IMPORTS}?dryRun=true"), &body).await.expect(200).json();
        assert_eq!(sums(&report), (1, 0, 0), "{report}");
        assert_eq!(report["items"][0]["certificates"][0]["certificateId"], Value::Null);
        let note = report["items"][0]["notes"][0].as_str().unwrap().to_owned();
        assert!(note.contains("'CN=CA of preview' is not in the file"), "{note}");
    }
    let listed = fresh(world, "/api/v1/certificates?q=preview.import").await.expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 0);
    assert!(world.head().await >= head);
}

async fn an_archive_is_imported_file_by_file(world: &mut World) {
    let files = Files::new("archive");
    for number in 0..20 {
        files.sign(&format!("good-{number}"));
    }
    let script = "import glob, zipfile\nz = zipfile.ZipFile('made.zip', 'w', zipfile.ZIP_DEFLATED)\n\
                  [z.write(n) for n in sorted(glob.glob('good-*.pem'))[1:]]\n\
                  z.write('good-0.pem', '../../../../tmp/chancery-import-slipped.pem')\n\
                  z.writestr('broken.cer', b'0\\x82\\xff\\xff')\nz.writestr('notes.txt', 'hello')\nz.close()";
    let mut python = Command::new("python3");
    python.args(["-c", script]).current_dir(files.folder.path());
    _ = run(python, b"").done();
    let report = import(world, one("made.zip", &files.base64("made.zip"))).await;
    assert_eq!(sums(&report), (20, 0, 2), "{report}");
    let failed: Vec<_> =
        report["items"].as_array().unwrap().iter().filter(|item| item["problems"] != json!([])).collect();
    assert_eq!(failed[0]["file"], "made.zip: broken.cer");
    assert_eq!(failed[0]["problems"][0]["code"], "file_damaged");
    assert_eq!(failed[1]["problems"][0]["code"], "file_unrecognized");
    assert!(!std::path::Path::new("/tmp/chancery-import-slipped.pem").exists());
    let again = import(world, one("made.zip", &files.base64("made.zip"))).await;
    assert_eq!(sums(&again), (0, 20, 2));
}

/// A11: 500 files, of which five are broken and one would slip out of where it is unpacked.
async fn an_archive_of_five_hundred_files_is_imported_but_for_five(world: &mut World) {
    let folder = tempfile::tempdir().unwrap();
    let mut entries = vec![];
    for number in 0..495 {
        let name = format!("host-{number}.hundreds.example.com");
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate =
            rcgen::CertificateParams::new(vec![name.clone()]).unwrap().self_signed(&key).unwrap();
        let file = if number == 7 { format!("../../{name}.pem") } else { format!("{name}.pem") };
        entries.push((file, certificate.pem().into_bytes()));
    }
    for (number, bytes) in
        [&b"0\x82\xff\xff"[..], b"hello", b"", b"PK\x03\x04", b"-----BEGIN CERTIFICATE-----\nMII"]
            .into_iter()
            .enumerate()
    {
        entries.push((format!("broken-{number}.cer"), bytes.to_vec()));
    }
    for (number, (_, bytes)) in entries.iter().enumerate() {
        fs::write(folder.path().join(number.to_string()), bytes).unwrap();
    }
    let names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
    fs::write(folder.path().join("names"), names.join("\n")).unwrap();
    let script = "import zipfile\nz = zipfile.ZipFile('made.zip', 'w', zipfile.ZIP_DEFLATED)\n\
                  [z.write(str(i), n) for i, n in enumerate(open('names').read().split('\\n'))]\nz.close()";
    let mut python = Command::new("python3");
    python.args(["-c", script]).current_dir(folder.path());
    _ = run(python, b"").done();
    let before = below(&world.data_dir());
    let content = STANDARD.encode(fs::read(folder.path().join("made.zip")).unwrap());
    let report = import(world, one("made.zip", &content)).await;
    assert_eq!(sums(&report), (495, 0, 5), "{}", report["failed"]);
    let items = report["items"].as_array().unwrap();
    let failed: Vec<&str> = items
        .iter()
        .filter(|item| item["problems"] != json!([]))
        .map(|item| item["file"].as_str().unwrap())
        .collect();
    assert_eq!(failed, (0..5).map(|n| format!("made.zip: broken-{n}.cer")).collect::<Vec<_>>());
    // Nothing was written under any of the names, where the product lives or above it.
    let slipped =
        |paths: &[String]| paths.iter().filter(|path| path.contains("hundreds.example.com")).count();
    assert_eq!((slipped(&before), slipped(&below(&world.data_dir()))), (0, 0));
    assert!(!world.data_dir().join("../../host-7.hundreds.example.com.pem").exists());
    let path = "/api/v1/certificates?statusWord=external&q=hundreds.example&limit=200".to_owned();
    let (mut external, mut next) = (0, Some(path.clone()));
    while let Some(page) = next {
        let page = fresh(world, &page).await.expect(200).json();
        external += page["items"].as_array().unwrap().len();
        next = page["nextCursor"].as_str().map(|cursor| format!("{path}&cursor={cursor}"));
    }
    assert_eq!(external, 495);
}

/// Every path below a folder.
fn below(folder: &std::path::Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return vec![] };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .flat_map(|path| {
            let inside = if path.is_dir() { below(&path) } else { vec![] };
            std::iter::once(path.display().to_string()).chain(inside).collect::<Vec<_>>()
        })
        .collect()
}

async fn what_cannot_be_read_says_why(world: &mut World) {
    let files = Files::new("refused");
    files.openssl(&[
        "pkcs12",
        "-export",
        "-inkey",
        "leaf.key",
        "-in",
        "leaf.pem",
        "-passout",
        "pass:opensesame",
        "-out",
        "leaf.p12",
    ]);
    files.openssl(&[
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-out",
        "other.key",
    ]);
    let code = async |name: &str, content: &str, passphrases: Value| {
        let mut body = one(name, content);
        body["passphrases"] = passphrases;
        let report = import(world, body).await;
        report["items"][0]["problems"][0]["code"].as_str().unwrap_or_default().to_owned()
    };
    let p12 = files.base64("leaf.p12");
    assert_eq!(code("leaf.p12", &p12, json!(["wrong"])).await, "wrong_passphrase");
    assert_eq!(code("leaf.p12", &p12, json!([])).await, "passphrase_needed");
    assert_eq!(code("a.pem", "hello", json!([])).await, "file_unrecognized");
    let strange = files.text("leaf.pem") + &files.text("other.key");
    assert_eq!(code("a.pem", &strange, json!([])).await, "key_mismatch");
    let der = STANDARD.decode(files.base64("ca.pem")).unwrap();
    let der = pki::Certificate::read(&der).unwrap().der().to_vec();
    let ring = STANDARD.encode([&[0, 1, 0, 0, 0, 7, 7, 7][..], &der, &[0; 9]].concat());
    let report = import(world, one("keys.bin", &ring)).await;
    let problem = &report["items"][0]["problems"][0];
    assert_eq!(problem["code"], "file_is_key_ring");
    assert!(problem["detail"].as_str().unwrap().contains("kyrtool show certs -k keys.bin"), "{problem}");
    let many: Vec<Value> = (0..101).map(|n| json!({"name": n.to_string(), "content": "x"})).collect();
    _ = world.api().post(IMPORTS, &json!({"files": many})).await.expect(422);
}

async fn an_import_says_what_is_recorded_of_each_certificate(world: &mut World) {
    let files = Files::new("recorded");
    let mut body = one("recorded.pem", &files.text("leaf.pem"));
    for (name, value) in [
        ("labels", json!({"env": "prod"})),
        ("owner", json!("web team")),
        ("note", json!("CHG-7")),
        ("mode", json!("managed")),
        ("certificateType", json!("server")),
    ] {
        body[name] = value;
    }
    let mut wrong = body.clone();
    wrong["note"] = json!("x".repeat(1_001));
    _ = world.api().post(IMPORTS, &wrong).await.expect(422);
    let mut nowhere = body.clone();
    nowhere["organization"] = json!("name:nowhere");
    _ = world.api().post(IMPORTS, &nowhere).await.expect(404);
    let report = import(world, body).await;
    let id = report["items"][0]["certificates"][0]["certificateId"].as_str().unwrap();
    let path = format!("/api/v1/certificates/{id}");
    let shown = fresh(world, &path).await.expect(200).json();
    let told = ["labels", "owner", "note", "mode", "certificateType"].map(|name| shown[name].clone());
    assert_eq!(
        told,
        [json!({"env": "prod"}), json!("web team"), json!("CHG-7"), json!("managed"), json!("server")]
    );
    let body = Bytes::from(json!({"owner": "shop team"}).to_string());
    let headers = [("content-type", "application/json")];
    _ = world.api().request(Method::PATCH, &path, &headers, body).await.unwrap().expect(200);
    let shown = fresh(world, &path).await.expect(200).json();
    assert_eq!((&shown["owner"], &shown["note"]), (&json!("shop team"), &json!("CHG-7")));
    let found = fresh(world, "/api/v1/certificates?labels.env=prod&origin=imported").await.expect(200).json();
    assert_eq!(found["items"][0]["id"], id);
}

async fn the_cli_imports_files_and_directories(world: &mut World) {
    let files = Files::new("cli");
    fs::create_dir(files.folder.path().join("in")).unwrap();
    fs::copy(files.folder.path().join("leaf.pem"), files.folder.path().join("in/leaf.pem")).unwrap();
    files.openssl(&[
        "pkcs12",
        "-export",
        "-inkey",
        "leaf.key",
        "-in",
        "ca.pem",
        "-nokeys",
        "-passout",
        "pass:opensesame",
        "-out",
        "in/ca.p12",
    ]);
    fs::write(files.folder.path().join("passphrases"), "wrong\nopensesame\n").unwrap();
    let path = |name: &str| files.folder.path().join(name).display().to_string();
    let arguments = ["import", &path("in"), "--password-file", &path("passphrases"), "--label", "from=cli"];
    let table = world.cli(&arguments).await.done();
    assert!(table.starts_with("FILE") && table.contains("imported") && table.contains("pkcs12"), "{table}");
    let again = world.cli(&[&arguments[..], &["-o", "json"]].concat()).await.json();
    assert_eq!(sums(&again), (0, 2, 0), "{again}");
    let text = openssl(&["x509", "-noout", "-subject"], &files.text("leaf.pem"));
    assert!(text.contains("cli.import.example.com"));
}
