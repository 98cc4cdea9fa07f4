//! The command line as people meet it before any server answers: what it refuses, prints and hints at by itself.

#![allow(clippy::unwrap_used)] // helpers of tests

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use chancery_tests::tool::{Ran, run};
use testkit::{environment, openssl};

/// A folder to run `chancery` in, without a context and with a server that is away.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(environment::program("chancery"));
        command.args(arguments).current_dir(self.0.path()).env("HOME", self.0.path());
        command.env("XDG_CONFIG_HOME", self.0.path().join("config"));
        command.env("CHANCERY_SERVER", "https://127.0.0.1:1").env("CHANCERY_TOKEN", "none");
        command.env_remove("CHANCERY_CONFIG").env_remove("CHANCERY_CONTEXT").env_remove("CHANCERY_CA_FILE");
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        run(self.command(arguments), b"")
    }
}

#[test]
fn a_private_key_is_refused_before_anything_is_sent() {
    let desk = Desk::new();
    let made = openssl::csr("a.example.com", &["a.example.com"]);
    desk.file("pem.key", &made.key);
    desk.file("both.pem", format!("{}{}", made.csr, made.key));
    desk.file("cut.key", &made.key[..made.key.len() - 60]);
    let mut to_der = Command::new("openssl");
    to_der.args(["pkey", "-outform", "DER", "-out", "der.key", "-in", "pem.key"]).current_dir(desk.0.path());
    let _ = run(to_der, b"").done();
    desk.file("body.json", serde_json::json!({"csr": made.key}).to_string());
    for arguments in [
        ["issue", "--csr", "pem.key"].as_slice(),
        &["issue", "--csr", "both.pem"],
        &["issue", "--csr", "cut.key"],
        &["issue", "--csr", "der.key", "--print-curl"],
        &["request", "create", "--csr", "pem.key"],
        &["request", "validate", "der.key"],
        &["api", "POST", "/certificate-requests", "--data", "@body.json"],
    ] {
        let refused = desk.run(arguments);
        assert_eq!((refused.code, &*refused.stdout), (2, ""), "{arguments:?}: {}", refused.stderr);
        let words = "holds a private key, which never leaves this machine: nothing was sent. Give its CSR: openssl req";
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
    for file in ["pem.key", "der.key"] {
        let inspected = desk.run(&["inspect", file]);
        assert_eq!(inspected.code, 2);
        assert_eq!(
            inspected.stderr,
            format!("error: {file} holds a private key, of which nothing is shown; it was sent nowhere\n")
        );
    }
    desk.file("good.csr", &made.csr);
    assert_eq!(
        desk.run(&["issue", "--csr", "good.csr"]).code,
        9,
        "a CSR goes on to the server, which is away"
    );
}

#[test]
fn a_list_is_sorted_downwards_as_the_help_writes_it() {
    for sort in [["--sort", "-notAfter"].as_slice(), &["--sort=-notAfter"]] {
        let call = Desk::new().run(&[&["cert", "list", "--print-curl"], sort].concat()).done();
        assert!(call.contains("sort=-notAfter"), "{call}");
    }
}

#[test]
fn a_completion_script_may_be_read_in_part() {
    let desk = Desk::new();
    let mut child =
        desk.command(&["completion", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
    assert!(desk.run(&["completion", "bash"]).done().contains("_chancery()"));
}

#[test]
fn a_csr_that_is_not_accepted_is_called_one() {
    let desk = Desk::new();
    let weak = openssl::csr_with(&["-newkey", "rsa:1024"], "a.example.com", &[]).csr;
    desk.file("weak.csr", &weak);
    desk.file("bare.csr", weak.lines().filter(|line| !line.contains("-----")).collect::<String>());
    desk.file("cut.csr", &weak[..weak.len() / 2]);
    for (file, reason) in [("weak.csr", "1024"), ("bare.csr", "1024"), ("cut.csr", "no footer")] {
        let inspected = desk.run(&["inspect", file]);
        assert_eq!(inspected.code, 2);
        let words = format!("error: {file} is a CSR that is not accepted: ");
        assert!(
            inspected.stderr.starts_with(&words) && inspected.stderr.contains(reason),
            "{}",
            inspected.stderr
        );
    }
    desk.file("text", "Dear CA, please");
    let inspected = desk.run(&["inspect", "text"]);
    assert!(inspected.stderr.contains("text is not a CSR ("), "{}", inspected.stderr);
}

#[test]
fn a_server_that_is_away_is_named_with_the_remedy() {
    let desk = Desk::new();
    let listed = desk.run(&["cert", "list"]);
    assert_eq!(listed.code, 9);
    assert!(listed.stderr.starts_with("error: cannot reach https://127.0.0.1:1: "), "{}", listed.stderr);
    assert!(listed.stderr.contains("'chancery up'"), "{}", listed.stderr);

    let data = desk.0.path().join("data");
    runtime::secrets::Secrets::at(data.join("secrets"))
        .make_missing(&runtime::entropy::SystemEntropy)
        .unwrap();
    let data = data.to_str().unwrap();
    let elsewhere = "database.url=postgresql://127.0.0.1:1/chancery";
    for command in [["log", "verify"].as_slice(), &["rebuild", "all"]] {
        for (place, set) in
            [(format!("{data}/"), [].as_slice()), ("127.0.0.1:1".into(), &["--set", elsewhere])]
        {
            let ran = desk.run(&[command, &["--data-dir", data], set].concat());
            assert_eq!(ran.code, 9, "{command:?}: {}", ran.stderr);
            let words = format!("error[unreachable]: no PostgreSQL answers at {place}");
            assert!(ran.stderr.starts_with(&words) && ran.stderr.contains("'make up'"), "{}", ran.stderr);
            assert!(!ran.stderr.contains("new object"), "{}", ran.stderr);
        }
    }
}

#[test]
fn without_a_command_there_is_help() {
    for (arguments, usage, about) in [
        ([].as_slice(), "Usage: chancery [OPTIONS] <COMMAND>", "Get a certificate: for a CSR"),
        (&["cert"], "Usage: chancery cert [OPTIONS] <COMMAND>", "What happened to a certificate"),
    ] {
        let ran = Desk::new().run(arguments);
        assert_eq!(ran.code, 2);
        assert!(ran.stderr.contains(usage) && ran.stderr.contains(about), "{}", ran.stderr);
    }
}
