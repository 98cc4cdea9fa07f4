//! The clock guard (C-14): nothing is signed by a clock that cannot be right.

use std::sync::atomic::{AtomicI64, Ordering};

use contracts::{Code, Problem, Timestamp};

/// How far our clock may be behind the log's last event, in milliseconds.
const BEHIND_THE_LOG: i64 = 5_000;
/// How far it may be off PostgreSQL's clock, in milliseconds.
const OFF_POSTGRESQL: i64 = 30_000;

/// Remembers what other clocks showed.
#[derive(Debug, Default)]
pub struct ClockGuard {
    /// When the newest event seen was recorded, in milliseconds since 1970.
    newest_event: AtomicI64,
    /// PostgreSQL's clock less ours when both were last read, in milliseconds.
    postgresql_ahead: AtomicI64,
}

impl ClockGuard {
    /// Takes note of an event that stands in the log.
    pub fn saw_event(&self, recorded_at: Timestamp) {
        self.newest_event.fetch_max(milliseconds(recorded_at), Ordering::Relaxed);
    }

    /// Takes note of what PostgreSQL's clock showed when ours showed `now`.
    pub fn saw_postgresql(&self, its_now: Timestamp, now: Timestamp) {
        self.postgresql_ahead.store(milliseconds(its_now) - milliseconds(now), Ordering::Relaxed);
    }

    /// Whether anything may be signed now. Errors: `clock_guard`.
    pub fn check(&self, now: Timestamp) -> Result<(), Problem> {
        let behind = self.newest_event.load(Ordering::Relaxed) - milliseconds(now);
        if behind > BEHIND_THE_LOG {
            return Err(refusal(format!("it is {} s behind the log's last event", behind / 1_000)));
        }
        let off = self.postgresql_ahead.load(Ordering::Relaxed);
        if off.abs() > OFF_POSTGRESQL {
            return Err(refusal(format!("it is {} s off PostgreSQL's", off.abs() / 1_000)));
        }
        Ok(())
    }
}

fn refusal(why: String) -> Problem {
    tracing::error!(why, "clock guard: nothing is signed");
    Problem::new(Code::ClockGuard, format!("keystore's clock cannot be right, so nothing was signed: {why}"))
}

fn milliseconds(time: Timestamp) -> i64 {
    // Timestamps lie within years 0 to 9999, far inside 64 bits.
    (time.0.unix_timestamp_nanos() / 1_000_000) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));

    fn at(seconds: i64) -> Timestamp {
        NOON.plus(time::Duration::seconds(seconds))
    }

    #[test]
    fn a_clock_behind_the_log_signs_nothing() {
        let guard = ClockGuard::default();
        assert_eq!(guard.check(NOON), Ok(()));
        guard.saw_event(at(5));
        guard.saw_event(at(-100)); // an older one changes nothing
        assert_eq!(guard.check(NOON), Ok(()));
        guard.saw_event(at(6));
        assert_eq!(guard.check(NOON).unwrap_err().code, Code::ClockGuard);
        assert_eq!(guard.check(at(1)), Ok(()));
    }

    #[test]
    fn a_clock_far_off_postgresqls_signs_nothing() {
        let guard = ClockGuard::default();
        for (off, allowed) in [(30, true), (-30, true), (31, false), (-31, false)] {
            guard.saw_postgresql(at(off), NOON);
            assert_eq!(guard.check(NOON).is_ok(), allowed, "{off}");
        }
        guard.saw_postgresql(NOON, NOON);
        assert!(guard.check(NOON).is_ok());
    }
}
