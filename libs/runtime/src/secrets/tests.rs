use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt as _};

use super::*;
use crate::entropy::SystemEntropy;

fn contents(secrets: &Secrets) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(secrets.folder()).unwrap().map(Result::unwrap);
    files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
}

fn made() -> (tempfile::TempDir, Secrets) {
    let folder = tempfile::tempdir().unwrap();
    let secrets = Secrets::at(folder.path().join("state/secrets"));
    secrets.make_missing(&SystemEntropy).unwrap();
    (folder, secrets)
}

#[test]
fn each_service_has_a_password_and_a_seed() {
    let (_folder, secrets) = made();
    let names: Vec<String> = contents(&secrets).into_keys().collect();
    assert_eq!(
        names,
        [
            "db-chancery_admin",
            "db-chancery_directory",
            "db-chancery_gateway",
            "db-chancery_inventory",
            "db-chancery_keystore",
            "db-chancery_notifier",
            "db-chancery_relay",
            "db-chancery_signer",
            "first.token",
            "gateway-tls.key",
            "keystore-master.key",
            "nats-directory.nk",
            "nats-gateway.nk",
            "nats-gateway.pub",
            "nats-inventory.nk",
            "nats-keystore.nk",
            "nats-notifier.nk",
            "nats-relay.nk",
            "nats-signer.nk",
            "nats-subscriber.nk",
            "transport-ca.key",
        ]
    );
    assert!(secrets.first_token().is_ok());
    assert_eq!(secrets.nats_users().unwrap().len(), User::all().len());
}

#[test]
fn nobody_else_may_read_them() {
    let (_folder, secrets) = made();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(secrets.folder()), 0o700);
    for name in contents(&secrets).keys() {
        assert_eq!(mode(&secrets.folder().join(name)), 0o600, "{name}");
    }
}

#[test]
fn a_second_start_keeps_every_one() {
    let (_folder, secrets) = made();
    let first = contents(&secrets);
    secrets.make_missing(&SystemEntropy).unwrap();
    assert_eq!(contents(&secrets), first);
}

#[test]
fn starts_at_once_end_with_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = Secrets::at(folder.path().join("secrets"));
    let seen: Vec<_> = std::thread::scope(|scope| {
        let start = || {
            secrets.make_missing(&SystemEntropy).unwrap();
            secrets.database_password(ADMIN_ROLE).unwrap()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(start)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(seen.iter().all(|password| *password == seen[0]));
    assert!(contents(&secrets).keys().all(|name| !name.contains("draft")));
}

#[test]
fn a_secret_that_others_may_read_is_refused() {
    let (_folder, secrets) = made();
    let path = secrets.folder().join("first.token");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let error = secrets.first_token().unwrap_err().to_string();
    assert!(error.ends_with("is open to others (mode 0644); expected 0600"), "{error}");
}
