//! Time comes in through here, so that decisions can be replayed and tests set the hour.

use std::{sync::Arc, time::Instant};

use contracts::Timestamp;
use parking_lot::Mutex;
use time::Duration;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The time of day, UTC.
    fn now(&self) -> Timestamp;
    /// Time since some fixed moment; never goes back.
    fn monotonic(&self) -> std::time::Duration;
}

/// The machine's clock.
#[derive(Clone, Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// The machine's clock; `monotonic` counts from here.
    #[must_use]
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}
impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}
impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)] // the one place where the real clock is read
    fn now(&self) -> Timestamp {
        Timestamp(time::OffsetDateTime::now_utc())
    }
    fn monotonic(&self) -> std::time::Duration {
        self.origin.elapsed()
    }
}

/// A clock that stands still until it is moved; clones show the same time.
#[derive(Clone, Debug)]
pub struct TestClock(Arc<Mutex<(Timestamp, std::time::Duration)>>);

impl TestClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new((now, std::time::Duration::ZERO))))
    }

    /// Moves on by `length`; a negative one sets the time of day back, as a corrected clock does, while `monotonic`
    /// stays.
    pub fn advance(&self, length: Duration) {
        let mut time = self.0.lock();
        time.0 = time.0.plus(length);
        time.1 += length.max(Duration::ZERO).unsigned_abs();
    }
}
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.0.lock().0
    }
    fn monotonic(&self) -> std::time::Duration {
        self.0.lock().1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_set_back_does_not_turn_monotonic_time_back() {
        let clock = TestClock::at(Timestamp::from_unix(1_000));
        clock.advance(Duration::seconds(5));
        clock.advance(Duration::seconds(-60));
        assert_eq!(clock.now(), Timestamp::from_unix(945));
        assert_eq!(clock.monotonic(), std::time::Duration::from_secs(5));
    }
}
