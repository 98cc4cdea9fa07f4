//! The environment that servers under test are looked for in.

use std::{fs, path::PathBuf};

use runtime::config::Environment;

/// The test's own environment (`CHANCERY_POSTGRES_BIN`, `CHANCERY_NATS_SERVER`, `PATH`).
#[must_use]
pub fn of_test() -> Environment {
    Environment::of_process()
}

/// A program of the workspace, built beside the test: `target/<profile>/<name>`.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has an executable");
    let profile = test.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "deps"));
    let folder =
        profile.and_then(|deps| deps.parent()).unwrap_or_else(|| test.parent().expect("it lies in a folder"));
    let program = folder.join(name);
    assert!(program.exists(), "{} is missing: cargo build -p {name}", program.display());
    program
}

/// One of PostgreSQL's programs, such as `pg_dump`: beside the server's own, else on the path.
#[must_use]
pub fn postgres_program(name: &str) -> PathBuf {
    let named = of_test().get("CHANCERY_POSTGRES_BIN").map(PathBuf::from);
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let mut folders: Vec<PathBuf> = debian.map(|entry| entry.path().join("bin")).collect();
    folders.sort();
    let found = named.into_iter().chain(folders.into_iter().rev()).map(|folder| folder.join(name));
    found.into_iter().find(|program| program.exists()).unwrap_or_else(|| name.into())
}
