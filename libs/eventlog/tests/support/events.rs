//! Appends for tests: ids count up, so that each is used once.

use std::sync::atomic::{AtomicU64, Ordering};

use chancery_eventlog::{Append, Expected, NewEvent};
use uuid::Uuid;

/// The organization of every append here.
pub const TENANT: Uuid = Uuid::from_u128(0xACE);

static NEXT: AtomicU64 = AtomicU64::new(1);

/// An id used nowhere else in this test.
pub fn fresh() -> Uuid {
    Uuid::from_u128(
        0x0192_0000_0000_7000_8000_0000_0000_0000 | u128::from(NEXT.fetch_add(1, Ordering::Relaxed)),
    )
}

/// One command with `count` events of directory's category `organization`.
pub fn append(stream: Uuid, expected: Expected, count: usize) -> Append {
    let payload = |n: usize| format!(r#"{{"name":"Acme {n}","note":"{}"}}"#, "x".repeat(400));
    Append {
        tenant: TENANT,
        category: "organization",
        stream,
        expected,
        command_id: fresh(),
        fingerprint: [7; 32],
        causation: fresh(),
        correlation: fresh(),
        actor: "prn_test".into(),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
        events: (0..count)
            .map(|n| NewEvent { id: fresh(), kind: "organization.created", schema: 1, payload: payload(n) })
            .collect(),
    }
}

/// One command with one event on a stream of its own.
pub fn single() -> Append {
    append(fresh(), Expected::Version(0), 1)
}
