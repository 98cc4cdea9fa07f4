//! A denied subject is an alarm: without this the caller would see a silent time-out.

use std::sync::atomic::{AtomicU64, Ordering};

use async_nats::Event;
use opentelemetry::{KeyValue, metrics::Counter};

use crate::User;

/// Listens to the connection's events.
pub struct Alarm {
    user: User,
    violations: AtomicU64,
    counter: Counter<u64>,
}

impl Alarm {
    /// An alarm for one user. Its metric is `chancery_bus_permission_violations_total{user}`.
    #[must_use]
    pub fn new(user: User) -> Self {
        let counter = opentelemetry::global::meter("chancery.bus")
            .u64_counter("chancery_bus_permission_violations")
            .with_description("Subjects that the NATS server denied to one of our users")
            .build();
        counter.add(0, &[KeyValue::new("user", user.as_str())]);
        Self { user, violations: AtomicU64::new(0), counter }
    }

    /// How many denials there were.
    #[must_use]
    pub fn violations(&self) -> u64 {
        self.violations.load(Ordering::Relaxed)
    }

    /// Takes note of one event of the connection.
    pub fn hear(&self, event: &Event) {
        let user = self.user.as_str();
        match event {
            Event::Connected => tracing::info!(user, "connected to NATS"),
            Event::Disconnected => tracing::warn!(user, "NATS is away; reconnecting"),
            Event::SlowConsumer(subscription) => {
                tracing::error!(user, subscription, "NATS messages were dropped")
            }
            Event::ServerError(error) => {
                let error = error.to_string();
                if error.to_lowercase().contains("permissions violation") {
                    self.violations.fetch_add(1, Ordering::Relaxed);
                    self.counter.add(1, &[KeyValue::new("user", user)]);
                    if is_answer(&error) {
                        tracing::warn!(user, error, "NATS refused an answer to a question it does not know");
                    } else {
                        tracing::error!(user, error, "NATS denied a subject");
                    }
                } else {
                    tracing::error!(user, error, "NATS server error");
                }
            }
            Event::ClientError(error) => tracing::warn!(user, %error, "NATS client error"),
            Event::LameDuckMode | Event::Draining | Event::Closed => {
                tracing::info!(user, %event, "NATS connection")
            }
        }
    }
}

/// Answers are allowed by `allow_responses`, which a server that was restarted no longer remembers. The caller asks
/// again with the same command id, so this counts, but nobody has to be woken for it.
fn is_answer(error: &str) -> bool {
    error.contains("Permissions Violation for Publish to \"_INBOX.")
}

#[cfg(test)]
mod tests {
    use contracts::Service;

    use super::*;

    #[test]
    fn only_permission_violations_are_counted() {
        let alarm = Alarm::new(User::Service(Service::Signer));
        let denied = async_nats::ServerError::Other("Permissions Violation for Publish to \"evt.x\"".into());
        alarm
            .hear(&Event::ServerError(async_nats::ServerError::Other("maximum connections exceeded".into())));
        assert_eq!(alarm.violations(), 0);
        alarm.hear(&Event::ServerError(denied));
        assert_eq!(alarm.violations(), 1);
    }
}
