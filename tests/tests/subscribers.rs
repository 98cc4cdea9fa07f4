//! The example subscribers, in Rust and in Python, against the real thing: killed in the middle, with the store wiped
//! beneath them, they end with every event once, each as `schemas/` says.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use chancery_tests::schemas::Validator;
use serde_json::{Value, json};
use testkit::{Installation, environment};
use tokio::time::{sleep, timeout};

#[tokio::test]
async fn the_subscriber_in_rust_keeps_every_event_once() {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().parent().unwrap().join("examples/subscriber");
    assert!(program.exists(), "{} is missing: cargo build -p chancery-tests --examples", program.display());
    follows(|installation, file| {
        let mut command = Command::new(&program);
        command.args([installation.nats_url(), seed(installation).display().to_string()]);
        command.arg(file).arg("evt.>");
        command
    })
    .await;
}

#[tokio::test]
async fn the_subscriber_in_python_keeps_every_event_once() {
    let python = environment::of_test().get("CHANCERY_TEST_PYTHON").map(PathBuf::from);
    let python = python.unwrap_or_else(|| root().join(".private/venv/bin/python"));
    assert!(python.exists(), "{} is missing: ops/test-tools.sh installs it", python.display());
    follows(|installation, file| {
        let mut command = Command::new(&python);
        command.arg(root().join("docs/examples/subscriber.py")).arg("--seed").arg(seed(installation));
        command.args(["--server", &installation.nats_url()]).arg(file);
        command
    })
    .await;
}

async fn follows(command: impl Fn(&Installation, &Path) -> Command) {
    let installation = Installation::up().await;
    let file = installation.data_dir().join("events.ndjson");
    let start = || Subscriber(command(&installation, &file).stdin(Stdio::null()).spawn().unwrap());

    // Before the subscriber exists, while it runs, when it is killed in the middle, while it does not run.
    issue(&installation, "before").await;
    let subscriber = start();
    issue(&installation, "while").await;
    has(&file, "while").await;
    let rush: Vec<String> = (0..20).map(|number| format!("rush-{number}")).collect();
    let all = futures::future::join_all(rush.iter().map(|name| issue(&installation, name)));
    let killed = async {
        has(&file, "rush").await;
        drop(subscriber); // SIGKILL
    };
    _ = tokio::join!(all, killed);
    issue(&installation, "meanwhile").await;
    let _subscriber = start();
    has(&file, "meanwhile").await;

    // Streams and consumers are lost. Everything is published again, and comes again.
    let pid = pid_in(&installation.data_dir().join("nats/nats.pid"));
    fs::rename(installation.data_dir().join("nats/store"), installation.data_dir().join("wiped")).unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
    issue(&installation, "after").await;
    has(&file, "after").await;

    let kept = events(&file);
    let ids: BTreeSet<_> = kept.iter().map(|event| event["id"].to_string()).collect();
    assert_eq!(ids.len(), kept.len(), "an event was kept twice");
    let issued: Vec<_> =
        kept.iter().filter(|event| event["type"] == "chancery.certificate.issued.v1").collect();
    let names: Vec<_> = issued.iter().map(|event| event["data"]["commonName"].as_str().unwrap()).collect();
    assert_eq!(names[..2], ["before", "while"]);
    // What was delivered to the one that was killed comes again when it likes, perhaps after what came later.
    let middle: BTreeSet<_> = names[2..names.len() - 1].iter().copied().collect();
    assert!(
        middle.contains("meanwhile") && rush.iter().all(|name| middle.contains(name.as_str())),
        "{names:?}"
    );
    assert_eq!((names.len(), names.last()), (rush.len() + 4, Some(&"after")), "{names:?}");
    let mut validator = Validator::new();
    kept.iter().for_each(|event| validator.check(event));

    // What HTTP lists is what NATS brought.
    let listed = installation.https().get("/api/v1/events?limit=200").await.expect(200).json();
    let listed: BTreeSet<_> =
        listed["items"].as_array().unwrap().iter().map(|event| event["id"].to_string()).collect();
    assert_eq!(ids, listed);
}

/// Has a certificate issued, however long NATS is away.
async fn issue(installation: &Installation, name: &str) {
    let sans = json!([{"type": "dns", "value": format!("{name}.example.com")}]);
    let body = json!({"key": {"algorithm": "ecdsa_p256"}, "subject": {"commonName": name}, "sans": sans});
    let issued = async {
        let https = installation.https();
        loop {
            let answer =
                https.post_with("/api/v1/certificate-requests", &[("idempotency-key", name)], &body).await;
            match answer.status.as_u16() {
                201 => return,
                503 | 504 => sleep(Duration::from_millis(100)).await,
                _ => panic!("{}", answer.text()),
            }
        }
    };
    let waited = timeout(Duration::from_secs(60), issued).await;
    assert!(waited.is_ok(), "no certificate for '{name}' within a minute");
}

/// Waits until a certificate whose name begins like this is in the file.
async fn has(file: &Path, name: &str) {
    let arrived = async {
        let is_it = |event: &Value| {
            event["data"]["commonName"].as_str().is_some_and(|common| common.starts_with(name))
        };
        while !events(file).iter().any(is_it) {
            sleep(Duration::from_millis(50)).await;
        }
    };
    let waited = timeout(Duration::from_secs(60), arrived).await;
    assert!(waited.is_ok(), "'{name}' did not arrive; the file holds {} events", events(file).len());
}

/// The whole lines of the file.
fn events(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole.map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn seed(installation: &Installation) -> PathBuf {
    installation.data_dir().join("secrets/nats-subscriber.nk")
}

fn pid_in(path: &Path) -> i32 {
    fs::read_to_string(path).unwrap().trim().parse().unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A running subscriber, killed when dropped.
struct Subscriber(Child);

impl Drop for Subscriber {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}
