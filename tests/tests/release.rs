//! What is built for use has no crash points: whoever could set a variable of its environment could stop it.

#![allow(clippy::unwrap_used)] // a test that cannot read what it checks fails

use std::{path::Path, process::Command};

/// The files that say how it is built.
const RECIPES: &[&str] = &["Makefile", "ops/Dockerfile"];
/// Arguments of `cargo build` that do not change which features are on.
const IRRELEVANT: &[&str] = &["--release", "--locked", "--bins"];

#[test]
fn no_release_build_turns_crash_points_on() {
    let mut seen = 0;
    for recipe in RECIPES {
        let text = std::fs::read_to_string(root().join(recipe)).unwrap();
        for line in text.lines().filter(|line| line.contains("cargo build --release")) {
            let (_, arguments) = line.split_once("cargo build").unwrap();
            let arguments: Vec<_> =
                arguments.split_whitespace().take_while(|word| !["&&", "\\"].contains(word)).collect();
            assert!(!has_failpoints(&arguments), "{recipe}: cargo build {}", arguments.join(" "));
            seen += 1;
        }
    }
    assert!(seen >= RECIPES.len(), "only {seen} builds were found");
}

#[test]
fn the_build_for_tests_turns_them_on() {
    assert!(has_failpoints(&["--workspace"]));
    assert!(fail::has_failpoints());
}

/// Whether a build with these arguments has the feature, as cargo resolves it.
fn has_failpoints(arguments: &[&str]) -> bool {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--offline", "--edges", "normal,features", "--invert", "fail"]);
    cargo.args(arguments.iter().filter(|argument| !IRRELEVANT.contains(argument)));
    // Would turn on for one package what another asks for, as no build for use does.
    let output = cargo.env_remove("CARGO_RESOLVER_FEATURE_UNIFICATION").current_dir(root()).output().unwrap();
    let tree = String::from_utf8_lossy(&output.stdout);
    assert!(tree.contains("fail v"), "{}", String::from_utf8_lossy(&output.stderr));
    tree.contains("failpoints")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
