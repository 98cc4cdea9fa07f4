//! T2: a backup made under load, proved, damaged, and restored at another place and address.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt as _, path::Path, process::Output};

use chancery_tests::{
    clients::{self, Clients},
    subscriber::{self, p256},
};
use serde_json::{Value, json};
use testkit::{Https, Installation};

fn run(installation: &Installation, arguments: &[&str]) -> Output {
    installation.command(arguments).output().unwrap()
}

fn done(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Exit code and what it told.
fn refused(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Everything an API lists there, by id.
async fn listed(api: &Https, path: &str) -> BTreeMap<String, Value> {
    let (mut all, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let page = api.get(&format!("{path}?limit=200{cursor}")).await.expect(200).json();
        let items = page["items"].as_array().unwrap().iter();
        all.extend(items.map(|item| (item["id"].as_str().unwrap().to_owned(), item.clone())));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_made_under_load_restores_elsewhere_as_it_was() {
    let here = Installation::up().await;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (key, other_key, backup) = (at("backup.key"), at("other.key"), at("chancery.backup"));
    let recipient = done(run(&here, &["backup", "key", "--to", &key]));
    _ = done(run(&here, &["backup", "key", "--to", &other_key]));
    let mode = fs::metadata(&key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the key is its owner's alone");

    let mut clients = Clients::start(&here.https(), 8, clients::wishes("backup", 120));
    clients.have(20).await;
    let before = listed(&here.https(), "/api/v1/certificates").await;
    let create = ["backup", "create", "--to", &backup, "--recipient", recipient.trim()];
    let command = here.command(&create);
    let said = tokio::task::spawn_blocking(move || {
        let mut command = command;
        command.output().unwrap()
    });
    let said = done(said.await.unwrap());
    assert!(said.contains("the master key is not in it"), "{said}");
    _ = clients.all().await;
    let again = refused(&run(&here, &create));
    assert!(again.0 == Some(1) && again.1.contains("exists"), "{again:?}");

    let sound = done(run(&here, &["backup", "verify", &backup, "--key", &key, "--with-master-key"]));
    assert!(sound.starts_with("The backup is sound: ") && sound.contains("(each opens)"), "{sound}");
    assert!(sound.contains("read models equal to a replay"), "{sound}");
    what_is_wrong_is_told(&here, folder.path(), &backup, &key, &other_key);

    // Without the master key nothing is begun; with it everything is there.
    let plan = Installation::plan();
    let there = plan.unstarted();
    let restore = ["backup", "restore", &backup, "--key", &key];
    let early = refused(&run(there, &restore));
    assert!(early.0 == Some(2) && early.1.contains("keystore-master.key"), "{early:?}");
    assert!(!there.data_dir().join("postgresql").exists());
    let secrets = there.secrets();
    bring_secrets(&here, secrets.folder());
    let said = done(run(there, &restore));
    assert!(said.starts_with("Restored: installation ") && said.contains("the log is sound"), "{said}");
    let taken = refused(&run(there, &restore));
    assert!(taken.0 == Some(2) && taken.1.contains("an empty one"), "{taken:?}");

    let there = plan.up().await;
    let restored = listed(&there.https(), "/api/v1/certificates").await;
    let source = listed(&here.https(), "/api/v1/certificates").await;
    assert!(before.keys().all(|id| restored.contains_key(id)), "{} of {}", restored.len(), before.len());
    for (id, certificate) in &restored {
        assert_eq!(source.get(id), Some(certificate));
    }
    for path in ["/api/v1/cas", "/api/v1/profiles", "/api/v1/policies", "/api/v1/organizations"] {
        assert_eq!(listed(&there.https(), path).await, listed(&here.https(), path).await, "{path}");
    }
    // Its CA signs, and the log goes on where it was.
    let body = json!({"csr": p256("restored.example.com").pem});
    let issued = there.https().post("/api/v1/certificate-requests", &body).await.expect(201).json();
    let cas = there.https().get("/api/v1/cas").await.expect(200).json();
    let root = cas["items"][0]["certificate"].as_str().unwrap().to_owned();
    subscriber::verify(&root, "", issued["certificate"].as_str().unwrap()).unwrap();
    let said = done(run(&there, &["log", "verify"]));
    assert!(said.starts_with("The log is sound"), "{said}");
}

/// A wrong key, and one byte of the backup changed: each named.
fn what_is_wrong_is_told(here: &Installation, folder: &Path, backup: &str, key: &str, other_key: &str) {
    let verify = |file: &str, key: &str| refused(&run(here, &["backup", "verify", file, "--key", key]));
    let other = verify(backup, other_key);
    assert!(other.0 == Some(2) && other.1.contains("not sealed to this key"), "{other:?}");
    let whole = fs::read(backup).unwrap();
    let damaged = folder.join("damaged.backup").display().to_string();
    let (middle, end) = (whole.len() / 2, whole.len() - 1);
    for at in [middle, end] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&damaged, bytes).unwrap();
        let (code, told) = verify(&damaged, key);
        assert_eq!(code, Some(10), "{told}");
        let numbers = told.split_once("bytes ").unwrap_or_else(|| panic!("{told}")).1;
        let mut numbers = numbers.split(' ').filter_map(|word| word.parse::<usize>().ok());
        let (from, to) = (numbers.next().unwrap(), numbers.next().unwrap());
        assert!((from..to).contains(&at), "{at}: {told}");
    }
    fs::write(&damaged, &whole[..middle]).unwrap();
    let (code, told) = verify(&damaged, key);
    assert!(code == Some(10) && told.contains(&format!("ends at byte {middle}")), "{told}");
}

/// What an operator brings beside the backup: the master key, and the token in use.
fn bring_secrets(from: &Installation, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
    for name in ["keystore-master.key", "first.token"] {
        fs::copy(from.secrets().folder().join(name), to.join(name)).unwrap();
    }
}
