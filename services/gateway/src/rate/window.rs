//! How many requests came within the last minute, in two numbers: those of this minute, and those of the one before, of
//! which the part counts that is less than a minute old.

use contracts::Timestamp;

/// Seconds of a window.
pub const LENGTH: i64 = 60;

/// The requests of one subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    minute: i64,
    before: u64,
    count: u64,
    unsaved: u64,
}

/// Whether one more was within the limit, and what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Requests in a minute.
    pub limit: u32,
    /// How many more there may be now.
    pub remaining: u32,
    /// Seconds until this minute is over.
    pub resets_in: u32,
    /// Seconds after which the next one is within the limit; set when this one was not.
    pub retry_after: Option<u32>,
}

impl Window {
    /// Counts a request, unless it is beyond the limit: what is refused does not count, so that waiting helps.
    pub fn take(&mut self, limit: u32, now: Timestamp) -> Quota {
        self.advance(now);
        let fits = self.fits(limit, now);
        if fits {
            self.add();
        }
        self.quota(limit, now, fits)
    }

    /// Adds what was counted elsewhere: before a restart.
    pub fn restore(&mut self, minute: i64, count: u64, now: Timestamp) {
        self.advance(now);
        match self.minute - minute {
            0 => self.count += count,
            1 => self.before += count,
            _ => {}
        }
    }

    /// What was counted since this was last asked: the minute, and how many.
    pub fn take_unsaved(&mut self) -> Option<(i64, u64)> {
        let unsaved = std::mem::take(&mut self.unsaved);
        (unsaved > 0).then_some((self.minute, unsaved))
    }

    /// Learns how many there were of a minute in all, here and elsewhere.
    pub fn shared(&mut self, minute: i64, count: u64) {
        if self.minute == minute {
            self.count = count + self.unsaved;
        }
    }

    /// Whether nothing of it counts any more.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        minute_of(now) > self.minute + 1
    }

    fn add(&mut self) {
        self.count += 1;
        self.unsaved += 1;
    }

    fn advance(&mut self, now: Timestamp) {
        let minute = minute_of(now);
        // A clock that is set back stays in the minute it was in.
        if minute > self.minute {
            let before = if minute == self.minute + 1 { self.count } else { 0 };
            *self = Self { minute, before, count: 0, unsaved: 0 };
        }
    }

    fn fits(&self, limit: u32, at: Timestamp) -> bool {
        self.used(at) < f64::from(limit)
    }

    /// How many count at a moment of this minute or of a later one, if no more come.
    #[allow(clippy::cast_precision_loss)] // counts of a minute are far below 2^52
    fn used(&self, at: Timestamp) -> f64 {
        let (before, count) = match minute_of(at) - self.minute {
            ..=0 => (self.before, self.count),
            1 => (self.count, 0),
            _ => (0, 0),
        };
        before as f64 * (1.0 - passed(at)) + count as f64
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 0 and the limit
    fn quota(&self, limit: u32, now: Timestamp, fits: bool) -> Quota {
        let left = (f64::from(limit) - self.used(now)).max(0.0).ceil() as u32;
        let later = |seconds: &u32| self.fits(limit, now.plus(time::Duration::seconds(i64::from(*seconds))));
        let longest = 2 * LENGTH as u32;
        Quota {
            limit,
            remaining: if fits { left } else { 0 },
            resets_in: ((1.0 - passed(now)) * LENGTH as f64).ceil() as u32,
            retry_after: (!fits).then(|| (1..longest).find(later).unwrap_or(longest)),
        }
    }
}

/// The minute of a moment, counted from 1970.
pub fn minute_of(at: Timestamp) -> i64 {
    at.unix().div_euclid(LENGTH)
}

/// How much of its minute has passed at a moment, from 0 to 1.
#[allow(clippy::cast_precision_loss)] // less than a minute in nanoseconds
fn passed(at: Timestamp) -> f64 {
    let nanoseconds = at.0.unix_timestamp_nanos().rem_euclid(i128::from(LENGTH) * 1_000_000_000);
    nanoseconds as f64 / (LENGTH as f64 * 1e9)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The start of a minute, and a moment so many milliseconds later.
    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_unix(1_790_000_040).plus(time::Duration::milliseconds(milliseconds))
    }

    /// How many more there may be.
    fn left(mut window: Window, limit: u32, milliseconds: i64) -> usize {
        (0..).take_while(|_| window.take(limit, at(milliseconds)).retry_after.is_none()).count()
    }

    #[test]
    fn a_minutes_limit_is_used_up_and_comes_back_as_time_passes() {
        let mut window = Window::default();
        for left in (0..3).rev() {
            let quota = window.take(3, at(0));
            assert_eq!((quota.remaining, quota.resets_in, quota.retry_after), (left, 60, None));
        }
        // In the next minute the three count less and less: after a third of it two of them.
        assert_eq!(window.take(3, at(1_000)).retry_after, Some(60));
        assert_eq!(window.take(3, at(61_000)).retry_after, None);
        assert_eq!(window.take(3, at(61_000)).retry_after, Some(20));
        assert_eq!(window.take(3, at(81_000)).retry_after, None);
        assert_eq!(left(window, 3, 200_000), 3);
    }

    #[test]
    fn what_was_counted_before_a_restart_counts_again() {
        let mut first = Window::default();
        for _ in 0..5 {
            first.take(5, at(1_000));
        }
        let (minute, count) = first.take_unsaved().unwrap();
        assert_eq!((first.take_unsaved(), count), (None, 5));
        let mut second = Window::default();
        second.restore(minute, count, at(2_000));
        assert!(second.take(5, at(2_000)).retry_after.is_some());
        let mut later = Window::default();
        later.restore(minute, count, at(90_000));
        assert_eq!(left(later, 5, 90_000), 3);
        assert!(!first.is_over(at(119_000)) && first.is_over(at(120_000)));
    }

    #[test]
    fn what_others_counted_is_not_counted_twice() {
        let mut window = Window::default();
        window.take(10, at(0));
        let (minute, _) = window.take_unsaved().unwrap();
        window.take(10, at(10));
        window.shared(minute, 4);
        assert_eq!(left(window, 10, 20), 5);
    }

    proptest! {
        #[test]
        fn whoever_keeps_to_the_limit_is_never_refused(limit in 1u32..200, minutes in 1i64..5) {
            let mut window = Window::default();
            let pause = 60_000 / i64::from(limit) + 1;
            for moment in (0..minutes * 60_000).step_by(usize::try_from(pause).unwrap()) {
                prop_assert_eq!(window.take(limit, at(moment)).retry_after, None);
            }
        }

        #[test]
        fn no_minute_sees_more_than_twice_the_limit_and_no_hour_more_than_it_may(
            limit in 1u32..50,
            pauses in proptest::collection::vec(0i64..4_000, 1..800),
        ) {
            let (mut window, mut moment, mut taken) = (Window::default(), 0, vec![]);
            for pause in pauses {
                moment += pause;
                if window.take(limit, at(moment)).retry_after.is_none() {
                    taken.push(moment);
                }
            }
            for start in &taken {
                let within = taken.iter().filter(|at| (*start..*start + 60_000).contains(*at)).count();
                prop_assert!(within <= 2 * limit as usize, "{} of {}", within, limit);
            }
            let minutes = usize::try_from(moment / 60_000).unwrap() + 1;
            prop_assert!(taken.len() <= minutes * limit as usize);
        }

        #[test]
        fn who_waits_as_long_as_told_is_let_in(limit in 1u32..50, begun in 0i64..60_000, more in 0i64..30_000) {
            let mut window = Window::default();
            for _ in 0..limit {
                window.take(limit, at(begun));
            }
            if let Some(wait) = window.take(limit, at(begun + more)).retry_after {
                let then = begun + more + i64::from(wait) * 1_000;
                prop_assert_eq!(window.take(limit, at(then)).retry_after, None);
            }
        }
    }
}
