//! Trusted CA sets (L6), and chains judged by them (A19).

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use bytes::Bytes;
use chancery_tests::{
    subscriber::{as_file, openssl, p256, x509},
    world::{Mode, World, begin},
};
use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Answer, Installation};

const SETS: &str = "/api/v1/trust-sets";

/// A CA of somebody else, whose key `openssl` has.
struct Outside {
    _folder: TempDir,
    key: String,
    file: String,
    pem: String,
}

impl Outside {
    fn root(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (key, file) = (path("key.pem"), path("root.pem"));
        let subject = format!("/CN={name}");
        let make = ["req", "-x509", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
        let of = ["-keyout", &key, "-out", &file, "-days", "3650", "-subj", &subject];
        _ = openssl(&[&make[..], &of].concat(), "");
        let pem = std::fs::read_to_string(&file).unwrap();
        Self { _folder: folder, key, file, pem }
    }

    /// A certificate with name and key of another CA, signed by this one.
    fn crosses(&self, other: &str) -> String {
        let (_kept, other) = as_file(other);
        let (_too, extensions) =
            as_file("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n");
        let by = ["-CA", &self.file, "-CAkey", &self.key, "-set_serial", "7", "-days", "365"];
        let how = ["x509", "-in", &other, "-clrext", "-extfile", &extensions];
        openssl(&[&how[..], &by].concat(), "")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_one_process() {
    every_journey(Mode::OneProcess).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_process_per_service() {
    every_journey(Mode::ProcessPerService).await;
}

async fn every_journey(mode: Mode) {
    // What OpenSSL and others take for the system's roots.
    let old = Outside::root("Old Root");
    let plan = || Installation::plan().variable("SSL_CERT_FILE", &old.file);
    let world = World::start_planned(mode, plan()).await;
    begin("the_system_set_is_there_and_is_nobodys_to_change", mode);
    the_system_set_is_there_and_is_nobodys_to_change(&world).await;
    begin("a_set_is_filled_renamed_and_archived", mode);
    a_set_is_filled_renamed_and_archived(&world).await;
    begin("a_chain_is_ok_under_one_set_and_not_under_another", mode);
    a_chain_is_ok_under_one_set_and_not_under_another(&world, &old).await;
    begin("sets_belong_to_an_organization", mode);
    sets_belong_to_an_organization(&world, &old).await;
    begin("the_cli_does_the_same", mode);
    the_cli_does_the_same(&world, &old).await;
}

async fn the_system_set_is_there_and_is_nobodys_to_change(world: &World) {
    let set = fresh(world, &format!("{SETS}/name:mozilla")).await.expect(200).json();
    assert_eq!(
        (&set["kind"], &set["default"], &set["organizationId"]),
        (&json!("system"), &json!(true), &json!(null))
    );
    assert_eq!(set["source"]["license"], "CDLA-Permissive-2.0");
    assert!(set["source"]["date"].as_str().unwrap() >= "2026-10-23", "{set}");
    let certificates = fresh(world, &format!("{SETS}/name:mozilla/certificates")).await.expect(200).json();
    let certificates = certificates["items"].as_array().unwrap().clone();
    assert_eq!(json!(certificates.len()), set["certificateCount"]);
    assert!(certificates.len() > 100);
    let isrg = certificates.iter().find(|one| one["name"] == "ISRG Root X1").unwrap();
    let seen = x509(isrg["certificate"].as_str().unwrap(), &["-fingerprint", "-sha256"]);
    let seen = seen.trim().rsplit('=').next().unwrap().replace(':', "").to_lowercase();
    assert_eq!(isrg["fingerprintSha256"], seen);
    let path = format!("{SETS}/{}", set["id"].as_str().unwrap());
    let fingerprint = format!("{path}/certificates/{seen}");
    for (method, path, body) in [
        (Method::PATCH, &path, json!({"name": "mine"})),
        (Method::DELETE, &path, Value::Null),
        (Method::DELETE, &fingerprint, Value::Null),
    ] {
        let refused = change(world, method, path, &body).await.expect(409).json();
        assert_eq!(refused["code"], "invalid_state");
    }
}

async fn a_set_is_filled_renamed_and_archived(world: &World) {
    let (first, second) = (Outside::root("First"), Outside::root("Second"));
    let both = format!("# ours\n{}{}{}", first.pem, second.pem, first.pem);
    let made = world.api().post(SETS, &json!({"name": "private", "certificates": first.pem})).await;
    let made = made.expect(201).json();
    assert_eq!((&made["certificateCount"], &made["kind"]), (&json!(1), &json!("user")));
    let path = format!("{SETS}/{}", made["id"].as_str().unwrap());
    let more = json!({"certificates": both});
    let merged = change(world, Method::POST, &format!("{path}/certificates"), &more).await.expect(200).json();
    assert_eq!(merged["certificateCount"], 2, "each certificate once");
    let again = change(world, Method::POST, &format!("{path}/certificates"), &more).await.expect(200).json();
    assert_eq!((&again["certificateCount"], &again["version"]), (&json!(2), &merged["version"]));
    let copied = world.api().post(SETS, &json!({"name": "copied", "copyOf": "name:private"})).await;
    assert_eq!(copied.expect(201).json()["certificateCount"], 2);

    let leaf = world.issue(&p256("no-ca.example.com").pem).await;
    let leaf =
        fresh(world, &format!("/api/v1/certificates/{}", leaf["certificateId"].as_str().unwrap())).await;
    for (given, code) in
        [(leaf.json()["certificate"].clone(), "not_a_ca"), (json!("nonsense"), "certificate_invalid")]
    {
        let (into, given) = (format!("{path}/certificates"), json!({"certificates": given}));
        let refused = change(world, Method::POST, &into, &given).await.expect(422).json();
        assert_eq!(refused["errors"][0]["code"], code);
    }
    let print =
        x509(&first.pem, &["-fingerprint", "-sha256"]).trim().rsplit('=').next().unwrap().replace(':', "");
    let removed = change(world, Method::DELETE, &format!("{path}/certificates/{print}"), &Value::Null).await;
    assert_eq!(removed.expect(200).json()["certificateCount"], 1);

    _ = change(world, Method::PATCH, &path, &json!({"name": "internal", "default": true})).await.expect(200);
    let renamed = fresh(world, &format!("{SETS}/name:internal")).await.expect(200).json();
    assert_eq!((&renamed["id"], &renamed["default"]), (&made["id"], &json!(true)));
    let taken = world.api().post(SETS, &json!({"name": "internal"})).await.expect(409).json();
    assert_eq!(taken["code"], "already_exists");
    let refused = change(world, Method::DELETE, &path, &Value::Null).await.expect(409).json();
    assert_eq!(refused["code"], "in_use");
    _ = change(world, Method::PATCH, &path, &json!({"default": false})).await.expect(200);
    let archived = change(world, Method::DELETE, &path, &Value::Null).await.expect(200).json();
    assert_eq!(archived["status"], "archived");
    let refused =
        change(world, Method::POST, &format!("{path}/certificates"), &more).await.expect(409).json();
    assert_eq!(refused["code"], "invalid_state");
    let told = fresh(world, &format!("{path}/timeline")).await.expect(200).json();
    let told: Vec<&str> =
        told["items"].as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap()).collect();
    let kinds = [
        "created",
        "certificates_added",
        "certificates_added",
        "certificates_removed",
        "updated",
        "made_default",
        "default_ended",
        "archived",
    ];
    assert_eq!(told, kinds.map(|kind| format!("trust_set.{kind}")));
}

async fn a_chain_is_ok_under_one_set_and_not_under_another(world: &World, old: &Outside) {
    let issued = world.issue(&p256("judged.example.com").pem).await;
    let path = format!("/api/v1/certificates/{}/chain", issued["certificateId"].as_str().unwrap());
    let micro = world.root().await;
    let make = async |name: &str, certificates: &str| {
        let set = json!({"name": name, "certificates": certificates});
        _ = world.api().post(SETS, &set).await.expect(201);
    };
    make("a", &micro).await;
    make("b", &Outside::root("Other").pem).await;
    let judged = async |query: &str| fresh(world, &format!("{path}{query}")).await.expect(200).json();
    let verdict = async |query: &str| {
        let panel = judged(query).await;
        (
            panel["trustSet"]["name"].as_str().unwrap().to_owned(),
            panel["verdict"].as_str().unwrap().to_owned(),
        )
    };
    let pair = |set: &str, verdict: &str| (set.to_owned(), verdict.to_owned());
    assert_eq!(verdict("?trustSet=name:a").await, pair("a", "ok"));
    assert_eq!(verdict("?trustSet=name:b").await, pair("b", "not_ok"));
    assert_eq!(verdict("").await, pair("mozilla", "not_ok"), "the default of the installation");
    _ = change(world, Method::PATCH, &format!("{SETS}/name:a"), &json!({"default": true})).await.expect(200);
    assert_eq!(verdict("").await, pair("a", "ok"), "the default of the organization");
    _ = fresh(world, &format!("{path}?trustSet=name:nothing")).await.expect(404);

    let cross = old.crosses(&micro);
    make("known", &cross).await;
    // The process was told by SSL_CERT_FILE that the old root is trusted, which says nothing here.
    let panel = judged("?trustSet=name:b").await;
    assert_eq!(ends(&panel), ["not_ok untrusted_root 2", "not_ok issuer_unknown 2"]);
    make("old", &old.pem).await;
    let panel = judged("?trustSet=name:old").await;
    assert_eq!(
        ends(&panel),
        ["ok trusted 3", "not_ok untrusted_root 2"],
        "both paths of a cross-signed chain"
    );
    let links = panel["paths"][0]["links"].as_array().unwrap();
    assert_eq!((&links[0]["name"], &links[2]["name"]), (&json!("judged.example.com"), &json!("Old Root")));
    assert_eq!(
        (&links[1]["status"], &links[1]["trusted"], &links[1]["faults"]),
        (&json!("active"), &json!(false), &json!([]))
    );
    assert_eq!((&links[2]["trusted"], &links[2]["verdict"]), (&json!(true), &json!("ok")));
    let (_kept, between) = as_file(&cross);
    let (_leaf, leaf) = as_file(links[0]["certificate"].as_str().unwrap());
    let said = openssl(&["verify", "-no-CApath", "-CAfile", &old.file, "-untrusted", &between, &leaf], "");
    assert!(said.contains("OK"), "openssl says the same: {said}");
    // What is handed out stays what it was.
    let pem = fresh(world, &format!("{path}?format=pem&root=include")).await.expect(200).text();
    assert_eq!(pem.matches("BEGIN").count(), 2);
    assert_eq!(panel["items"].as_array().unwrap().len(), 1);
}

/// Verdict, end and length of each path.
fn ends(panel: &Value) -> Vec<String> {
    let paths = panel["paths"].as_array().unwrap().iter();
    let words = paths.map(|path| {
        let length = path["links"].as_array().unwrap().len();
        format!("{} {} {length}", path["verdict"].as_str().unwrap(), path["end"].as_str().unwrap())
    });
    words.collect()
}

async fn sets_belong_to_an_organization(world: &World, old: &Outside) {
    let theirs = world.organization("elsewhere").await;
    let set = json!({"name": "a", "certificates": old.pem, "default": true});
    let made = theirs.post(SETS, &set).await.expect(201).json();
    let own = fresh(world, &format!("{SETS}/name:a")).await.expect(200).json();
    assert_ne!(made["id"], own["id"], "a name is unique within an organization");
    let issued =
        theirs.post("/api/v1/certificate-requests", &json!({"csr": p256("theirs.example.com").pem})).await;
    let chain = format!(
        "/api/v1/certificates/{}/chain",
        issued.expect(201).json()["certificateId"].as_str().unwrap()
    );
    let head = world.head().await.to_string();
    let headers = [("chancery-min-position", head.as_str())];
    let panel = theirs.request(Method::GET, &chain, &headers, Bytes::new()).await.unwrap().expect(200).json();
    assert_eq!(panel["trustSet"]["id"], made["id"]);
    let foreign = format!("{chain}?trustSet={}", own["id"].as_str().unwrap());
    _ = theirs.request(Method::GET, &foreign, &headers, Bytes::new()).await.unwrap().expect(404);
    let everybody = world.api().post(SETS, &json!({"name": "everybody", "installation": true})).await;
    let everybody = everybody.expect(201).json();
    assert_eq!(everybody["organizationId"], json!(null));
    let head = world.head().await.to_string();
    let path = format!("{SETS}/name:everybody");
    let seen = theirs.request(Method::GET, &path, &[("chancery-min-position", &head)], Bytes::new()).await;
    assert_eq!(seen.unwrap().expect(200).json()["id"], everybody["id"]);
}

async fn the_cli_does_the_same(world: &World, old: &Outside) {
    let der = tempfile::tempdir().unwrap();
    let der = der.path().join("other.der").display().to_string();
    let other = Outside::root("Other one");
    std::fs::create_dir_all(std::path::Path::new(&der).parent().unwrap()).unwrap();
    _ = openssl(&["x509", "-in", &other.file, "-outform", "DER", "-out", &der], "");
    let made = world.cli(&["-o", "json", "trust-set", "create", "shell", &old.file, &der]).await.json();
    assert_eq!(made["certificateCount"], 2);
    let listed = world.cli(&["-o", "json", "trust-set", "certificates", "shell"]).await.json();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let fingerprint = x509(&old.pem, &["-fingerprint", "-sha256"]);
    let fingerprint = fingerprint.trim().rsplit('=').next().unwrap();
    let left = world.cli(&["-o", "json", "trust-set", "remove", "shell", fingerprint]).await.json();
    assert_eq!(left["certificateCount"], 1);
    let renamed = world.cli(&["-o", "json", "trust-set", "update", "shell", "--name", "bash"]).await.json();
    assert_eq!(renamed["name"], "bash");
    let gone = world.cli(&["-o", "json", "--yes", "trust-set", "archive", "bash"]).await.json();
    assert_eq!(gone["status"], "archived");
    let refused = world.cli(&["trust-set", "add", "bash", &old.key]).await;
    assert!(refused.stderr.contains("private key"), "{}", refused.stderr);
    let listed = world.cli(&["trust-set", "list"]).await.done();
    assert!(listed.contains("mozilla"), "{listed}");
}

/// Reads what was written before.
async fn fresh(world: &World, path: &str) -> Answer {
    let head = world.head().await.to_string();
    world.api().request(Method::GET, path, &[("chancery-min-position", &head)], Bytes::new()).await.unwrap()
}

async fn change(world: &World, method: Method, path: &str, body: &Value) -> Answer {
    let headers: &[(&str, &str)] = if body.is_null() { &[] } else { &[("content-type", "application/json")] };
    let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
    world.api().request(method, path, headers, body).await.unwrap()
}
