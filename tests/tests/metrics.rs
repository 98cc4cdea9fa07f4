//! Every metric and every label of a running Chancery is in docs/metrics.md, and keeps the rules stated there.

#![allow(clippy::unwrap_used)] // a test that cannot read what it checks fails

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    path::Path,
    process::Command,
};

use chancery_tests::{
    tool::run_with,
    world::{Mode, World},
};
use regex::Regex;
use serde_json::json;
use testkit::Installation;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A metric as documented, or as found.
#[derive(Debug, Default, PartialEq)]
struct Metric {
    kind: String,
    labels: BTreeSet<String>,
}

#[tokio::test]
async fn every_metric_and_label_is_documented() {
    let installation = Installation::up().await;
    let https = installation.https();
    let request =
        json!({"key": {"algorithm": "ecdsa_p256"}, "subject": {"commonName": "metrics.example.com"}});
    _ = https.post("/api/v1/certificate-requests", &request).await.expect(201);
    _ = https.post("/api/v1/certificate-requests", &json!({"csr": "no"})).await.expect(422);
    _ = https.with_token(None).get("/api/v1/certificates").await.expect(401);

    let documented = documented();
    let text = scrape(installation.operations("up")).await;
    let found = found(&text);
    assert!(found.len() > 15, "{text}");
    for (name, metric) in &found {
        let Some(known) = documented.get(name) else { panic!("docs/metrics.md lacks {name} {metric:?}") };
        assert_eq!(metric.kind, known.kind, "{name}");
        assert!(text.contains(&format!("# HELP {name} ")), "{name} has no help text");
        let unknown: Vec<_> = metric.labels.difference(&known.labels).collect();
        assert!(unknown.is_empty(), "docs/metrics.md lacks labels of {name}: {unknown:?}");
    }
}

#[tokio::test]
async fn prometheus_has_nothing_to_say_about_the_metrics_of_any_process() {
    let world = World::start(Mode::ProcessPerService).await;
    let request =
        json!({"key": {"algorithm": "ecdsa_p256"}, "subject": {"commonName": "metrics.example.com"}});
    _ = world.api().post("/api/v1/certificate-requests", &request).await.expect(201);
    for process in world.processes() {
        let text = scrape(world.operations(process)).await;
        assert!(text.contains("# TYPE chancery_build_info gauge"), "{process}: {text}");
        assert_eq!(promtool(&text).await, (0, String::new()), "{process}");
    }
    let planted = "# TYPE chancery_things counter\nchancery_things 1\n";
    let (code, said) = promtool(planted).await;
    assert!(code != 0 && said.contains("_total"), "{said}");
}

/// What `promtool check metrics` ends with, and says.
async fn promtool(metrics: &str) -> (i32, String) {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]);
    let ran = run_with(command, metrics.as_bytes()).await;
    (ran.code, ran.stdout + &ran.stderr)
}

#[tokio::test]
async fn each_alert_fires_when_it_should_and_says_what_to_do() {
    for arguments in
        [["check", "rules", "ops/prometheus/rules.yaml"], ["test", "rules", "ops/prometheus/rules.test.yaml"]]
    {
        let mut command = Command::new("promtool");
        command.args(arguments).current_dir(root());
        let ran = run_with(command, b"").await;
        assert_eq!(ran.code, 0, "{arguments:?}: {}{}", ran.stdout, ran.stderr);
    }
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let (rules, tests, operations) = (
        read("ops/prometheus/rules.yaml"),
        read("ops/prometheus/rules.test.yaml"),
        read("docs/operations.md"),
    );
    let names = Regex::new(r"- alert: (\w+)").unwrap();
    let names: Vec<&str> = names.captures_iter(&rules).map(|found| found.get(1).unwrap().as_str()).collect();
    assert!(!names.is_empty(), "{rules}");
    let documented = documented();
    for name in names {
        assert!(operations.contains(&format!("\n### {name}\n")), "{name} has no runbook");
        let anchor = format!("runbook: docs/operations.md#{}\n", name.to_lowercase());
        assert!(rules.contains(&anchor), "{name} names no runbook");
        assert!(tests.contains(&format!("alertname: {name}\n")), "{name} is not tested");
    }
    let used = Regex::new("chancery_[a-z_]+").unwrap();
    for metric in used.find_iter(&rules) {
        assert!(documented.contains_key(metric.as_str()), "there is no metric {}", metric.as_str());
    }
}

#[test]
fn what_is_documented_is_in_the_code_and_named_by_the_rules() {
    let code = sources();
    for (name, metric) in documented() {
        // Units and `_total` are added when a metric is printed.
        let base = name.trim_end_matches("_total").trim_end_matches("_seconds");
        assert!(code.contains(&format!("\"{base}")), "nothing counts {name}");
        assert_eq!(metric.kind == "counter", name.ends_with("_total"), "{name} is a {}", metric.kind);
        assert!(metric.kind != "histogram" || name.ends_with("_seconds"), "{name} is not in seconds");
        for forbidden in ["common_name", "serial", "host", "id", "key", "token", "fingerprint"] {
            assert!(!metric.labels.contains(forbidden), "{name} has the label {forbidden}");
        }
    }
}

fn documented() -> BTreeMap<String, Metric> {
    let text = fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let row = Regex::new(r"(?m)^\| `([a-z_]+)` \| ([a-z]+) \| ([a-z_ ]*)\| .+ \|$").unwrap();
    let metrics = row.captures_iter(&text).map(|row| {
        let labels = row[3].split_whitespace().map(str::to_owned).collect();
        (row[1].to_owned(), Metric { kind: row[2].to_owned(), labels })
    });
    metrics.collect()
}

/// What a scrape shows: the text format of Prometheus.
fn found(text: &str) -> BTreeMap<String, Metric> {
    let mut metrics: BTreeMap<String, Metric> = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            metrics.entry(name.to_owned()).or_default().kind = kind.to_owned();
        }
    }
    let sample = Regex::new(r#"(?m)^([a-z_]+?)(?:_bucket|_sum|_count)?\{(.*)\} "#).unwrap();
    let label = Regex::new(r#"([a-z_]+)="(?:[^"\\]|\\.)*""#).unwrap();
    for found in sample.captures_iter(text) {
        let metric = metrics.get_mut(&found[1]).unwrap_or_else(|| panic!("{} has no type", &found[1]));
        let labels = label.captures_iter(&found[2]).map(|label| label[1].to_owned());
        metric.labels.extend(labels.filter(|name| metric.kind != "histogram" || name != "le"));
    }
    metrics
}

async fn scrape(operations: SocketAddr) -> String {
    let mut stream = TcpStream::connect(operations).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.0 200"), "{head}");
    body.to_owned()
}

/// All code of libraries and services.
fn sources() -> String {
    let mut text = String::new();
    let mut folders = vec![root().join("libs"), root().join("services")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                text += &fs::read_to_string(entry).unwrap();
            }
        }
    }
    text
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
