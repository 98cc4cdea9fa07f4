//! S1: Schemathesis calls every operation of the served OpenAPI document with what it makes up: nothing fails, and no
//! answer is one that the document does not describe.

#![allow(clippy::unwrap_used, clippy::print_stderr)] // helpers of tests fail as tests do

use std::process::Command;

use chancery_tests::{
    subscriber::p256,
    tool::{in_venv, run_with},
    world::{Mode, World},
};

const CHECKS: [&str; 4] = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_as_the_document_says() {
    // What it makes up may be an access list that keeps it out, forced.
    let world = World::start_with(Mode::OneProcess, &[("server.always_allowed", "127.0.0.1")]).await;
    _ = world.issue(&p256("schemathesis.example.com").pem).await;
    let token = format!("Authorization: Bearer {}", world.token());
    let runs = [
        ("the master", vec![token.as_str()], "examples,coverage,fuzzing", "5"),
        ("nobody", vec![], "examples,fuzzing", "1"),
    ];
    for (who, headers, phases, examples) in runs {
        let mut schemathesis = Command::new(in_venv("schemathesis"));
        schemathesis.arg("run").arg(format!("{}/api/v1/openapi.json", world.address()));
        schemathesis.arg("--tls-verify").arg(world.ca_file());
        schemathesis.args(["--phases", phases, "--max-examples", examples, "--seed", "1"]);
        schemathesis.arg("--checks").arg(CHECKS.join(","));
        // It streams without end.
        schemathesis.args(["--exclude-path", "/api/v1/events/stream"]);
        schemathesis.args(["--request-timeout", "30", "--warnings", "off"]);
        for header in headers {
            schemathesis.args(["--header", header]);
        }
        schemathesis.current_dir(world.data_dir()).env("NO_COLOR", "1");
        let ran = run_with(schemathesis, b"").await;
        let lines: Vec<&str> = ran.stdout.lines().collect();
        let end = lines[lines.len().saturating_sub(120)..].join("\n");
        assert_eq!(ran.code, 0, "{who}:\n{end}\n{}", ran.stderr);
        eprintln!(
            "{who}: {}",
            lines.iter().filter(|line| line.contains("generated")).copied().collect::<String>()
        );
    }
}
