//! `chancery_notifications_total`: attempts at sending, by kind and outcome.

use std::sync::LazyLock;

use contracts::notifier::NotificationKind;
use opentelemetry::{KeyValue, global, metrics::Counter};

use crate::notification::Notification;

static NOTIFICATIONS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    global::meter("chancery-notifier")
        .u64_counter("chancery_notifications")
        .with_description("Notifications by kind and outcome: sent, deferred, given up")
        .build()
});

/// Counts what became of a notification. All labels come from closed sets.
pub fn count(kind: NotificationKind, now: &Notification) {
    let outcome = match now {
        Notification::Sent(_) => "sent",
        Notification::Waiting(_) => "deferred",
        Notification::Dead(_) => "given_up",
        Notification::Absent | Notification::Attempting(_) => return,
    };
    let labels = [
        KeyValue::new("channel_type", "email"),
        KeyValue::new("kind", kind.as_str()),
        KeyValue::new("outcome", outcome),
    ];
    NOTIFICATIONS.add(1, &labels);
}
