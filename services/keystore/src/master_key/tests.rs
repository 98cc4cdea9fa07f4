//! K-2: each source gives its key, and says what to do when it cannot.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

const DIGITS: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn keystore(provider: MasterKeyProvider) -> Keystore {
    Keystore { provider, allow_weak_master_key: false, allow_unlocked_memory: false }
}

fn file(content: &str, mode: u32) -> (tempfile::TempDir, Keystore) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keystore-master.key");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    (folder, keystore(MasterKeyProvider::File(path)))
}

fn load(config: &Keystore, production: bool) -> Result<WrappingKey, MasterKeyError> {
    Source::read(config, production)?.master_key(&[0; SALT])
}

fn load_file(content: &str, mode: u32) -> Result<WrappingKey, MasterKeyError> {
    let (_folder, config) = file(content, mode);
    load(&config, true)
}

#[test]
fn a_file_and_the_environment_hold_the_same_key() {
    let from_file = load_file(&format!("{DIGITS}\n"), 0o600).unwrap();
    let environment = keystore(MasterKeyProvider::Environment(Secret::new(DIGITS.to_owned())));
    assert_eq!(from_file.id(), load(&environment, false).unwrap().id());
}

#[test]
fn a_missing_file_says_what_to_do() {
    let config = keystore(MasterKeyProvider::File("/nowhere/keystore-master.key".into()));
    let words = load(&config, true).unwrap_err().to_string();
    assert!(words.contains("/nowhere/keystore-master.key does not exist"), "{words}");
    assert!(words.contains("openssl rand -hex 32"), "{words}");
}

#[test]
fn a_file_that_others_may_read_is_refused() {
    for mode in [0o640, 0o604, 0o660] {
        let refused = load_file(DIGITS, mode);
        assert!(matches!(refused, Err(MasterKeyError::Open { mode: found, .. }) if found == mode));
    }
}

#[test]
fn a_file_with_something_else_is_refused_without_telling_it() {
    for content in ["", "password", &DIGITS[..62], &format!("{DIGITS}00")] {
        let words = load_file(content, 0o600).unwrap_err().to_string();
        assert!(words.ends_with("is not 64 hexadecimal digits"), "{words}");
        assert!(content.is_empty() || !words.contains(content), "{words}");
    }
}

#[test]
fn the_strict_profile_takes_weak_sources_only_when_told() {
    let weak = || {
        [
            MasterKeyProvider::Environment(Secret::new(DIGITS.to_owned())),
            MasterKeyProvider::Passphrase(Secret::new("correct horse battery staple".to_owned())),
        ]
    };
    for provider in weak() {
        assert!(matches!(load(&keystore(provider), true), Err(MasterKeyError::Weak(_))));
    }
    let [environment, _] = weak();
    let allowed = Keystore { allow_weak_master_key: true, ..keystore(environment) };
    assert!(load(&allowed, true).is_ok());
}

/// Expected value from OpenSSL 3.5 (python: cryptography.hazmat.primitives.kdf.argon2.Argon2id, salt b"0123456789abcdef",
/// length 32, iterations 4, lanes 1, memory_cost 262144).
#[test]
fn a_passphrase_is_derived_by_argon2id() {
    let key = from_passphrase("correct horse", b"0123456789abcdef").unwrap();
    assert_eq!(hex::encode(key.expose()), "a721ccccc4adaf7de9987cf6bfa36afeccb1e42d267f2fbdaec52517f1cc0d1e");
}
