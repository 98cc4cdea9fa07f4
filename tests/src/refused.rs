//! What a refusal looks like, and that it leaves nothing behind.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use serde_json::Value;
use testkit::Answer;

use crate::world::World;

/// What a call answers, after seeing that it left nothing: no event, and no row beside the log.
pub async fn unchanged(world: &World, call: impl AsyncFn(&World) -> Answer) -> Answer {
    let before = rows(world).await;
    let answer = call(world).await;
    assert_eq!(rows(world).await, before, "something was kept: {}", answer.text());
    answer
}

/// The problem document of a refusal, complete as RFC 9457 and our conventions want it.
#[must_use]
pub fn documented(what: &str, refused: &Answer, status: u16, code: &str) -> Value {
    assert_eq!(refused.status.as_u16(), status, "{what}: {}", refused.text());
    assert_eq!(refused.header("content-type"), "application/problem+json", "{what}");
    let problem = refused.json();
    assert_eq!(problem["code"], code, "{what}: {problem}");
    assert_eq!(problem["type"], format!("urn:chancery:problem:{code}"), "{what}");
    assert_eq!(problem["status"], status, "{what}");
    for member in ["title", "detail", "instance", "traceId"] {
        assert!(
            problem[member].as_str().is_some_and(|text| !text.is_empty()),
            "{what}: no {member} in {problem}"
        );
    }
    problem
}

/// The same, of a refusal with one violation; and that violation.
#[must_use]
pub fn only_violation(what: &str, refused: &Answer, status: u16, code: &str) -> (Value, Value) {
    let problem = documented(what, refused, status, code);
    let violations = problem["errors"].as_array().unwrap();
    assert_eq!(violations.len(), 1, "{what}: {problem}");
    (problem.clone(), violations[0].clone())
}

/// How many rows each table has that commands write to. (The read models follow the log.)
async fn rows(world: &World) -> Vec<i64> {
    let tables = [
        "log.event",
        "log.stream",
        "log.command",
        "log.inbox",
        "keystore.organization_key",
        "keystore.wrapped_key",
        "keystore.signature",
    ];
    let counts = tables.map(|table| format!("(select count(*) from {table})"));
    let row = world.admin().await.query_one(&format!("select {}", counts.join(",")), &[]).await.unwrap();
    (0..tables.len()).map(|column| row.get(column)).collect()
}
