//! The tree is the architecture: which crate may use which (ARCHITECTURE.md, docs/adr/0001), read from `cargo metadata`.

#![allow(clippy::unwrap_used)] // a test that cannot read what it checks fails

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// Per library, what it may use of ours. A service may use every one of them but `testkit`.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("contracts", &[]),
    ("pki", &["contracts"]),
    ("eventlog", &["contracts"]),
    ("bus", &["contracts"]),
    ("runtime", &["contracts", "eventlog", "bus"]),
    ("testkit", &["contracts", "pki", "eventlog", "bus", "runtime"]),
];

/// The one service that uses others: it is the binary, and starts them.
const BINARY: &str = "chancery";

/// A crate of the workspace: its folder (`libs/bus`), and the folders of ours that it uses.
struct Crate {
    folder: String,
    uses: Vec<String>,
    tests_use: Vec<String>,
}

#[test]
fn libraries_use_only_what_the_architecture_says() {
    for library in crates().iter().filter(|c| c.folder.starts_with("libs/")) {
        let name = &library.folder["libs/".len()..];
        let Some((_, allowed)) = LIBRARIES.iter().find(|(listed, _)| *listed == name) else {
            panic!("{} is not in the table of libraries", library.folder);
        };
        for used in &library.uses {
            let known = used.strip_prefix("libs/").is_some_and(|used| allowed.contains(&used));
            assert!(known, "{} uses {used}; it may use {allowed:?}", library.folder);
        }
    }
}

#[test]
fn services_meet_only_in_the_libraries() {
    for service in crates().iter().filter(|c| c.folder.starts_with("services/")) {
        let starts_services = service.folder == format!("services/{BINARY}");
        for used in &service.uses {
            assert!(used.starts_with("libs/") || starts_services, "{} uses {used}", service.folder);
            assert_ne!(used, &format!("services/{BINARY}"), "{} uses the binary", service.folder);
        }
    }
}

#[test]
fn the_testkit_is_for_tests() {
    for one in crates().iter().filter(|c| c.folder != "tests") {
        assert!(!one.uses.iter().any(|used| used == "libs/testkit"), "{} ships the testkit", one.folder);
        for used in &one.tests_use {
            assert!(
                used.starts_with("libs/") || one.folder == format!("services/{BINARY}"),
                "tests of {} use {used}",
                one.folder
            );
        }
    }
}

#[test]
fn nothing_uses_the_journeys() {
    for one in crates() {
        assert!(
            !one.uses.iter().chain(&one.tests_use).any(|used| used == "tests"),
            "{} uses tests/",
            one.folder
        );
    }
}

#[test]
fn every_crate_takes_the_workspace_lints_and_carries_its_folder_as_name() {
    for (folder, manifest) in manifests() {
        let manifest: toml::Table = manifest.parse().unwrap();
        assert_eq!(
            manifest["lints"]["workspace"].as_bool(),
            Some(true),
            "{folder}: [lints] workspace = true"
        );
        for key in ["version", "edition", "rust-version", "license", "publish"] {
            let value = manifest["package"].get(key).and_then(|value| value.get("workspace"));
            assert_eq!(value.and_then(toml::Value::as_bool), Some(true), "{folder}: {key}.workspace = true");
        }
        let short = folder.rsplit('/').next().unwrap();
        let name = if short == BINARY { BINARY.to_owned() } else { format!("chancery-{short}") };
        assert_eq!(manifest["package"]["name"].as_str(), Some(name.as_str()), "{folder}");
    }
}

#[test]
fn versions_of_dependencies_stand_in_the_workspace_alone() {
    for (folder, manifest) in manifests() {
        let manifest: toml::Table = manifest.parse().unwrap();
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(dependencies) = manifest.get(kind).and_then(toml::Value::as_table) else { continue };
            for (name, value) in dependencies {
                let inherited = value.get("workspace").and_then(toml::Value::as_bool) == Some(true);
                assert!(inherited, "{folder}: {kind}.{name} states its own version or features");
            }
        }
    }
}

fn crates() -> Vec<Crate> {
    let metadata = metadata();
    let root = PathBuf::from(metadata["workspace_root"].as_str().unwrap());
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| {
            let (mut uses, mut tests_use) = (Vec::new(), Vec::new());
            for dependency in package["dependencies"].as_array().unwrap() {
                let Some(path) = dependency["path"].as_str() else { continue };
                let list = if dependency["kind"] == "dev" { &mut tests_use } else { &mut uses };
                list.push(folder(&root, Path::new(path)));
            }
            let manifest = Path::new(package["manifest_path"].as_str().unwrap());
            Crate { folder: folder(&root, manifest.parent().unwrap()), uses, tests_use }
        })
        .collect()
}

fn manifests() -> BTreeMap<String, String> {
    let root = PathBuf::from(metadata()["workspace_root"].as_str().unwrap());
    crates()
        .into_iter()
        .map(|one| {
            let text = std::fs::read_to_string(root.join(&one.folder).join("Cargo.toml")).unwrap();
            (one.folder, text)
        })
        .collect()
}

fn folder(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
