//! K-5: every field that the code logs was looked at and is listed, and nothing is listed that is not logged.

#![allow(clippy::unwrap_used)] // a test that cannot read what it checks fails

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use runtime::telemetry::LOGGED;

const MACROS: [&str; 6] = ["error!(", "warn!(", "info!(", "debug!(", "trace!(", "info_span!("];
/// Words that no field is named by.
const SECRET: [&str; 9] =
    ["secret", "password", "passphrase", "seed", "private", "pin", "otp", "credential", "authorization"];

#[test]
fn what_is_logged_is_listed() {
    let used = used();
    assert!(used.len() > 50 && used.contains("rpc.method") && used.contains("error"), "{used:?}");
    let listed: BTreeSet<String> = LOGGED.iter().map(ToString::to_string).collect();
    let unlisted: Vec<_> = used.difference(&listed).collect();
    assert!(
        unlisted.is_empty(),
        "shown as [redacted], for they are not in runtime::telemetry::LOGGED: {unlisted:?}"
    );
    let unused: Vec<_> = listed.difference(&used).filter(|name| !name.starts_with("log.")).collect();
    assert!(unused.is_empty(), "nobody logs {unused:?}");
    for name in LOGGED {
        assert!(!SECRET.iter().any(|word| name.split(['.', '_']).any(|part| part == *word)), "{name}");
    }
}

/// Names of the fields of events and spans, in everything that is built for use.
fn used() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut names = BTreeSet::new();
    for folder in ["libs", "services"] {
        for file in sources(&root.join(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            // What follows is for tests.
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            for name in MACROS {
                for (start, _) in code.match_indices(&format!("tracing::{name}")) {
                    names.extend(fields(&code[start + "tracing::".len() + name.len()..]));
                }
            }
        }
    }
    names
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = vec![];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true if path.ends_with("tests") || path.ends_with("testkit") => {}
            true => files.extend(sources(&path)),
            false if path.extension().is_some_and(|extension| extension == "rs") => files.push(path),
            false => {}
        }
    }
    files
}

/// The names among a macro's arguments: `%name`, `?name`, `name = value`, `name.of.span = value`.
fn fields(after: &str) -> Vec<String> {
    let name = |argument: &str| {
        let argument = argument.trim();
        let (name, value) = argument.split_once('=').unwrap_or((argument, ""));
        let name = name.trim().trim_start_matches(['%', '?']).replace("r#", "");
        let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || "._".contains(c)) && !name.is_empty();
        (is_name && !value.starts_with('=')).then_some(name)
    };
    arguments(after).iter().filter_map(|argument| name(argument)).collect()
}

/// The arguments up to the macro's closing parenthesis.
fn arguments(after: &str) -> Vec<String> {
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    let (mut arguments, mut argument) = (vec![], String::new());
    for c in after.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' if depth == 0 => break,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                arguments.push(std::mem::take(&mut argument));
                continue;
            }
            _ => {}
        }
        argument.push(c);
    }
    arguments.push(argument);
    arguments
}
