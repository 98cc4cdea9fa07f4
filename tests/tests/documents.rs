//! Documents say true things about the tree: links lead somewhere, and nothing in it names one machine or one registry.

#![allow(clippy::unwrap_used)] // a test that cannot read what it checks fails

use std::{
    collections::BTreeSet,
    path::{Component, Path, PathBuf},
    process::Command,
};

use regex::Regex;

#[test]
fn links_in_documents_lead_to_a_file_or_a_heading() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let mut broken = Vec::new();
    for document in tracked().iter().filter(|path| path.extension().is_some_and(|e| e == "md")) {
        let text = read(document);
        for target in link.captures_iter(&prose(&text)).map(|found| found[1].to_owned()) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((&target, ""));
            let file = if file.is_empty() {
                document.clone()
            } else {
                normal(&document.parent().unwrap().join(file))
            };
            let place = root().join(&file);
            if !place.exists() || (!heading.is_empty() && !headings(&read(&file)).contains(heading)) {
                broken.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

#[test]
fn decisions_are_numbered_without_gaps_and_have_their_parts() {
    let numbered = Regex::new(r"^docs/adr/(\d{4})-[a-z0-9-]+\.md$").unwrap();
    let mut numbers = Vec::new();
    for path in tracked() {
        let Some(found) =
            numbered.captures(path.to_str().unwrap()).map(|found| found[1].parse::<usize>().unwrap())
        else {
            continue;
        };
        numbers.push(found);
        let text = read(&path);
        for part in ["Status: ", "## Context", "## Decision", "## Consequences"] {
            assert!(text.contains(part), "{} lacks '{part}'", path.display());
        }
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (0..numbers.len()).collect::<Vec<_>>(), "0000 is the template");
}

#[test]
fn nothing_names_the_machine_it_was_written_on_or_a_registry() {
    let home =
        Regex::new(r"(^|[^A-Za-z0-9._~$}-])/(root|home/[a-z]+|Users/[A-Za-z]+|work|mnt)/[A-Za-z.]").unwrap();
    // Clients know their registries by themselves; a mirror is the machine's business. In pieces, for this file too.
    let registries: Vec<String> = [
        ["crates", "io"],
        ["pypi", "org"],
        ["pythonhosted", "org"],
        ["deb.debian", "org"],
        ["ghcr", "io"],
        ["quay", "io"],
    ]
    .iter()
    .map(|parts| parts.join("."))
    .collect();
    let mut found = Vec::new();
    for path in tracked().iter().filter(|path| *path != Path::new("Cargo.lock")) {
        let Ok(text) = std::fs::read_to_string(root().join(path)) else { continue };
        for (number, line) in text.lines().enumerate() {
            if home.is_match(line) || registries.iter().any(|host| line.contains(host.as_str())) {
                found.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "paths of one machine, or registries by host name:\n{}", found.join("\n"));
}

#[test]
fn a_heading_is_linked_by_its_words_in_lower_case() {
    let anchors = headings("# One `make up`, two!\ntext\n```sh\n# a comment\n```\n## Run it for real\n");
    assert_eq!(anchors, BTreeSet::from(["one-make-up-two".to_owned(), "run-it-for-real".to_owned()]));
}

#[test]
fn the_configuration_document_lists_every_key() {
    let rows = runtime::config::KEYS.iter().map(|key| {
        let default = if key.default.is_empty() { "none".to_owned() } else { format!("`{}`", key.default) };
        format!("| `{}` | {default} | {} |", key.path, key.about)
    });
    compare("docs/configuration.md", "| `", &rows.collect::<Vec<_>>());
}

#[test]
fn the_events_document_lists_every_public_event() {
    let rows = contracts::public::PublicEvent::descriptions().into_iter().map(|event| {
        let (name, version, service, title) = (event.name, event.version, event.service, event.title);
        format!("| [`chancery.{name}.v{version}`](../schemas/events/{name}.v{version}.json) | {service} | {title} |")
    });
    compare("docs/events.md", "| [`", &rows.collect::<Vec<_>>());
}

/// Compares the rows of a document's table, which begin so, with what they have to be.
fn compare(document: &str, beginning: &str, expected: &[String]) {
    let text = read(Path::new(document));
    let found: Vec<_> = text.lines().filter(|line| line.starts_with(beginning)).collect();
    let missing: Vec<_> = expected.iter().filter(|row| !found.contains(&row.as_str())).cloned().collect();
    let stale: Vec<_> = found.iter().filter(|row| !expected.iter().any(|e| e == *row)).copied().collect();
    assert!(missing.is_empty(), "{document} lacks rows:\n{}", missing.join("\n"));
    assert!(stale.is_empty(), "{document} has rows that are no longer true:\n{}", stale.join("\n"));
    assert_eq!(found, expected, "{document}: the rows stand in another order");
}

/// The anchors that a forge gives a document's headings.
fn headings(text: &str) -> BTreeSet<String> {
    prose(text)
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .map(|line| {
            let words = line.trim_start_matches('#').trim().to_lowercase();
            words
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
                .collect::<String>()
                .replace(' ', "-")
        })
        .collect()
}

/// The text without its fenced blocks, in which `#` and brackets mean something else.
fn prose(text: &str) -> String {
    let mut fenced = false;
    text.lines()
        .filter(|line| {
            let fence = line.trim_start().starts_with("```");
            fenced ^= fence;
            !fence && !fenced
        })
        .collect::<Vec<_>>()
        .join("\n")
}

fn normal(path: &Path) -> PathBuf {
    let mut parts: Vec<Component<'_>> = Vec::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(parts.pop()),
            Component::CurDir => {}
            other => parts.push(other),
        }
    }
    parts.iter().collect()
}

/// Files under version control, relative to the root.
fn tracked() -> Vec<PathBuf> {
    let output = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let paths: Vec<_> = String::from_utf8(output.stdout)
        .unwrap()
        .split_terminator('\0')
        .map(PathBuf::from)
        .filter(|path| root().join(path).is_file())
        .collect();
    assert!(paths.len() > 20, "git lists {} files", paths.len());
    paths
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
