//! What comes in from outside, held to deny.toml by cargo itself, so that it is checked where cargo-deny is absent.

#![allow(clippy::unwrap_used)] // a test that cannot read what it checks fails

use std::{collections::BTreeSet, path::Path, process::Command};

#[test]
fn every_licence_is_allowed() {
    let rules = rules();
    let allowed: Vec<_> =
        rules["licenses"]["allow"].as_array().unwrap().iter().map(|l| l.as_str().unwrap()).collect();
    // Every package built for this machine, with its licence expression.
    let output = cargo(&[
        "tree",
        "--workspace",
        "--offline",
        "--edges",
        "all",
        "--prefix",
        "none",
        "--format",
        "{p}\t{l}",
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let packages: BTreeSet<_> = tree.lines().filter_map(|line| line.split_once('\t')).collect();
    assert!(packages.len() > 100, "only {} packages were read", packages.len());
    for (package, licence) in packages {
        let licence = licence.trim_end_matches(" (*)"); // shown before
        assert!(permits(licence, &allowed), "{package} is under '{licence}'; deny.toml allows {allowed:?}");
    }
}

#[test]
fn nothing_comes_from_git_or_another_registry() {
    let lock: toml::Table = std::fs::read_to_string(root().join("Cargo.lock")).unwrap().parse().unwrap();
    let packages = lock["package"].as_array().unwrap();
    let sources: BTreeSet<_> = packages.iter().filter_map(|p| p.get("source")?.as_str()).collect();
    assert_eq!(sources.len(), 1, "one registry, no git: {sources:?}");
    assert!(sources.iter().all(|source| source.starts_with("registry+")), "{sources:?}");
}

#[test]
fn banned_crates_are_not_built() {
    for ban in rules()["bans"]["deny"].as_array().unwrap() {
        let name = ban["crate"].as_str().unwrap();
        // Either no such package is in the lock file, or (an optional dependency nobody turned on) nothing needs it.
        let output = cargo(&["tree", "--workspace", "--offline", "--edges", "all", "--invert", name]);
        let tree = String::from_utf8_lossy(&output.stdout);
        assert!(tree.trim().is_empty(), "{name} is banned ({}):\n{tree}", ban["reason"]);
        let complaint = String::from_utf8_lossy(&output.stderr);
        let absent =
            complaint.contains("nothing to print") || complaint.contains("did not match any packages");
        assert!(absent, "cargo tree --invert {name}: {complaint}");
    }
}

#[test]
fn an_expression_of_licences_is_read_as_spdx() {
    let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"];
    assert!(permits("MIT", &allowed));
    assert!(permits("GPL-3.0 OR MIT", &allowed));
    assert!(permits("MIT/Apache-2.0", &allowed), "the old spelling of OR");
    assert!(permits("ISC AND (GPL-3.0 OR MIT)", &allowed));
    assert!(permits("Apache-2.0 WITH LLVM-exception OR GPL-3.0", &allowed));
    assert!(!permits("ISC AND GPL-3.0", &allowed));
    assert!(!permits("(MIT OR ISC) AND GPL-3.0", &allowed));
    assert!(!permits("Apache-2.0", &allowed), "an exception is a licence of its own");
}

/// Whether one can take the package under allowed licences alone: `OR` and the older `/`, `AND`, `WITH`, parentheses.
fn permits(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<_> = spaced.split_whitespace().collect();
    let (verdict, rest) = any_of(&words, allowed);
    assert!(rest.is_empty(), "licence expression '{expression}' goes on after its end: {rest:?}");
    verdict
}

fn any_of<'w>(words: &'w [&'w str], allowed: &[&str]) -> (bool, &'w [&'w str]) {
    let (mut verdict, mut rest) = all_of(words, allowed);
    while let ["OR", more @ ..] = rest {
        let (next, after) = all_of(more, allowed);
        (verdict, rest) = (verdict | next, after);
    }
    (verdict, rest)
}

fn all_of<'w>(words: &'w [&'w str], allowed: &[&str]) -> (bool, &'w [&'w str]) {
    let (mut verdict, mut rest) = one(words, allowed);
    while let ["AND", more @ ..] = rest {
        let (next, after) = one(more, allowed);
        (verdict, rest) = (verdict & next, after);
    }
    (verdict, rest)
}

fn one<'w>(words: &'w [&'w str], allowed: &[&str]) -> (bool, &'w [&'w str]) {
    match words {
        ["(", inner @ ..] => match any_of(inner, allowed) {
            (verdict, [")", rest @ ..]) => (verdict, rest),
            (_, rest) => panic!("a parenthesis is not closed before {rest:?}"),
        },
        [licence, "WITH", exception, rest @ ..] => {
            (allowed.contains(&format!("{licence} WITH {exception}").as_str()), rest)
        }
        [licence, rest @ ..] => (allowed.contains(licence), rest),
        [] => panic!("a licence is missing"),
    }
}

fn rules() -> toml::Table {
    std::fs::read_to_string(root().join("deny.toml")).unwrap().parse().unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn cargo(arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap()
}
