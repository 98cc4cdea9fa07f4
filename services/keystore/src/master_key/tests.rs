//! K-2: each source gives its key, and says what to do when it cannot.

use std::{fs, os::unix::fs::PermissionsExt as _};

use runtime::{config::MasterKeyProvider, entropy::SystemEntropy};

use super::*;

const DIGITS: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn keystore(provider: MasterKeyProvider) -> Keystore {
    Keystore {
        provider,
        allow_weak_master_key: false,
        allow_unlocked_memory: false,
        tokens: vec![],
        token_sessions: 4,
    }
}

fn file(content: &str, mode: u32) -> (tempfile::TempDir, Keystore) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keystore-master.key");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    (folder, keystore(MasterKeyProvider::File(path)))
}

fn load(config: &Keystore, production: bool) -> Result<MasterKey, MasterKeyError> {
    Ok(Source::read(config, production)?.master_key(None, &[0; SALT])?.unwrap())
}

fn load_file(content: &str, mode: u32) -> Result<MasterKey, MasterKeyError> {
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
            MasterKeyProvider::Passphrase(Some(Secret::new("correct horse battery staple".to_owned()))),
            MasterKeyProvider::Passphrase(None),
        ]
    };
    for provider in weak() {
        assert!(matches!(load(&keystore(provider), true), Err(MasterKeyError::Weak(_))));
    }
    let [environment, ..] = weak();
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

#[test]
fn a_new_key_stands_beside_the_old_one_until_it_takes_its_place() {
    let (folder, config) = file(DIGITS, 0o600);
    let source = Source::read(&config, true).unwrap();
    let files = || {
        let mut names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        names
    };
    let old = source.master_key(None, &[0; SALT]).unwrap().unwrap();
    let new = source.prepare(&SystemEntropy).unwrap();
    let [_, beside] = &files()[..] else { panic!("{:?}", files()) };
    assert_eq!(fs::metadata(beside).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(source.master_key(None, &[0; SALT]).unwrap().unwrap().id(), old.id());
    assert_eq!(source.master_key(Some(old.id()), &[0; SALT]).unwrap().unwrap().id(), old.id());
    assert_eq!(source.master_key(Some(new.id()), &[0; SALT]).unwrap().unwrap().id(), new.id());

    // Whoever opened the file before sees that what was in it is gone.
    let mut opened = fs::File::open(folder.path().join("keystore-master.key")).unwrap();
    for _ in 0..2 {
        source.install(new.id()).unwrap();
        assert_eq!(source.master_key(None, &[0; SALT]).unwrap().unwrap().id(), new.id());
        assert_eq!(files().len(), 1);
    }
    let mut content = vec![];
    std::io::Read::read_to_end(&mut opened, &mut content).unwrap();
    assert_eq!(content, [0; 64]);

    let unused = source.prepare(&SystemEntropy).unwrap();
    source.discard(unused.id()).unwrap();
    assert_eq!(files().len(), 1);
    assert!(source.prepared(unused.id()).unwrap().is_none());
}

#[test]
fn the_environment_is_no_place_for_a_new_key() {
    let environment = keystore(MasterKeyProvider::Environment(Secret::new(DIGITS.to_owned())));
    let refused = Source::read(&environment, false).unwrap().prepare(&SystemEntropy).unwrap_err();
    assert!(matches!(refused, MasterKeyError::NoPlace("the environment")), "{refused}");
}

#[test]
fn the_key_before_opens_under_the_new_one_alone() {
    let [old, new, other] = [1, 2, 3].map(|byte| MasterKey::new(SecretBytes::new(vec![byte; KEY])).unwrap());
    let wrapped = new.wrap_previous(&old, &SystemEntropy).unwrap();
    assert_eq!(new.open_previous(old.id(), &wrapped).unwrap().id(), old.id());
    assert!(new.open_previous(other.id(), &wrapped).is_err());
    assert!(other.open_previous(old.id(), &wrapped).is_err());
}
