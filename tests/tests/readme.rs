//! The README's tutorial, run as it is written: every `sh` block in order in one shell, and what it prints compared with
//! the block of expected output that follows it (`…` stands for anything).
//!
//! `make up` is the real one, in a copy of the checkout where the programs are built already.

#![allow(clippy::unwrap_used)] // a test that cannot read what it checks fails

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use regex::Regex;
use testkit::{Folder, environment, ports};

#[test]
fn the_tutorial_is_true() {
    let steps = tutorial();
    assert!(steps.len() > 8, "the README has {} steps", steps.len());
    let checkout = Checkout::new();
    let printed = checkout.run(&steps);
    for (step, printed) in steps.iter().zip(&printed) {
        if let Some(expected) = &step.expected {
            let pattern = Regex::new(&pattern(expected)).unwrap();
            let seen = words(printed);
            assert!(
                pattern.is_match(&seen),
                "{}\n\nprinted:\n{printed}\nexpected:\n{expected}",
                step.commands
            );
        }
    }
    let list = |step: &usize| printed[*step].lines().filter(|line| line.contains("crt_")).collect::<Vec<_>>();
    let lists: Vec<_> =
        (0..steps.len()).filter(|&i| steps[i].commands.contains("chancery cert list")).collect();
    let [before, after] = &lists[..] else { panic!("two steps list certificates: {lists:?}") };
    assert_eq!(list(before).len(), 3 + 1, "three certificates, and the one just issued as it was printed");
    assert_eq!(list(before)[1..], list(after), "what was there before the kill is there after it");
}

#[test]
fn anything_stands_for_itself_or_for_nothing() {
    let matches =
        |expected: &str, printed: &str| Regex::new(&pattern(expected)).unwrap().is_match(&words(printed));
    assert!(matches("{\"id\":\"crt_…\",…}", "{\"id\":\"crt_01\",\"b\":2}"));
    assert!(matches("NAME   ID\na  crt_…", "NAME ID\na      crt_01\n"));
    assert!(!matches("NAME ID\nb crt_…", "NAME ID\na crt_01\n"));
}

/// Commands, and what they print if the README says so.
struct Step {
    commands: String,
    expected: Option<String>,
}

fn tutorial() -> Vec<Step> {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let start = readme.find("## Tutorial").unwrap();
    let text = &readme[start..start + readme[start + 1..].find("\n## ").unwrap()];
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else { continue };
        let block: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
        match language {
            "sh" => steps.push(Step { commands: block.join("\n"), expected: None }),
            _ => steps.last_mut().unwrap().expected = Some(block.join("\n")),
        }
    }
    steps
}

/// The expected output as a pattern, in which runs of blanks are one. Ports are those of the test.
fn pattern(expected: &str) -> String {
    let expected =
        words(expected).replace("localhost:8443", "localhost:…").replace("127.0.0.1:4222", "127.0.0.1:…");
    let pieces: Vec<_> = expected.split('…').map(regex::escape).collect();
    format!("(?s){}", pieces.join(".*"))
}

fn words(text: &str) -> String {
    text.lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n")
        .collect::<String>()
        .trim()
        .into()
}

/// A checkout with the programs built, a home, and free ports.
struct Checkout {
    folder: Folder,
}

impl Checkout {
    fn new() -> Self {
        let folder = Folder::new();
        let checkout = folder.path().join("checkout");
        for directory in ["ops", "docs/examples", "target/release", "home", "bin", ".private"] {
            fs::create_dir_all(checkout.join(directory)).unwrap();
        }
        fs::copy(root().join("Makefile"), checkout.join("Makefile")).unwrap();
        for folder in ["ops", "docs/examples"] {
            for file in fs::read_dir(root().join(folder)).unwrap().map(|file| file.unwrap().path()) {
                if file.is_file() {
                    fs::copy(&file, checkout.join(folder).join(file.file_name().unwrap())).unwrap();
                }
            }
        }
        if root().join(".private/venv").exists() {
            symlink(root().join(".private/venv"), checkout.join(".private/venv")).unwrap();
        }
        symlink(environment::program("chancery"), checkout.join("target/release/chancery")).unwrap();
        // `cargo build` has nothing to do here.
        symlink("/bin/true", checkout.join("bin/cargo")).unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("checkout")
    }

    /// Runs the steps in one shell, and gives what each printed.
    fn run(&self, steps: &[Step]) -> Vec<String> {
        const MARK: &str = "--- next step ---";
        let mut script = String::from("set -euo pipefail\n");
        for step in steps {
            script.push_str(&format!("{}\necho; echo '{MARK}'\n", step.commands));
        }
        let output = self.shell(&script);
        let (printed, log) = (String::from_utf8_lossy(&output.0), output.1);
        let printed: Vec<_> = printed.split(&format!("{MARK}\n")).map(str::to_owned).collect();
        let reached = printed.len() - 1;
        assert_eq!(
            reached,
            steps.len(),
            "this step failed:\n{}\n\nprinted:\n{}\n{log}",
            steps[reached.min(steps.len() - 1)].commands,
            printed[reached]
        );
        printed
    }

    fn shell(&self, script: &str) -> (Vec<u8>, String) {
        let checkout = self.path();
        let [gateway, operations] = ports::free();
        let path = environment::of_test().get("PATH").unwrap_or("/usr/bin:/bin").to_owned();
        let output = Command::new("/bin/bash")
            .args(["-c", script])
            .current_dir(&checkout)
            .env("HOME", checkout.join("home"))
            .env_remove("XDG_CONFIG_HOME")
            .env("PATH", format!("{}:{path}", checkout.join("bin").display()))
            .env("CHANCERY_SERVER__DATA_DIR", self.folder.path().join("data"))
            .env("CHANCERY_SERVER__PUBLIC_URL", format!("https://localhost:{}", gateway.port()))
            .env("CHANCERY_SERVER__LISTEN", gateway.to_string())
            .env("CHANCERY_SERVER__OPS_LISTEN", operations.to_string())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        (output.stdout, String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        _ = Command::new(self.path().join("ops/down.sh")).stdout(Stdio::null()).status();
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
