//! How long a proof of control may be relied on: the Baseline Requirements' dated rules, in one table.
//!
//! Sources: Baseline Requirements for TLS server certificates, section 4.2.1, as ballot SC-081v3 changed it
//! (<https://cabforum.org/2025/04/11/ballot-sc081v3-introduce-schedule-of-reducing-validity-and-data-reuse-periods/>), and
//! ballot SC-090, which ends proofs by e-mail on 2028-03-15
//! (<https://cabforum.org/2025/11/20/ballot-sc-090-gradually-sunset-all-remaining-email-based-phone-based-and-crossover-validation-methods/>).

use contracts::{Timestamp, directory::ValidationMethod};
use time::{Date, Duration, OffsetDateTime, macros::date};

/// From a day on (00:00 UTC), a proof counts for so many days.
struct Rule {
    from: Date,
    days: i64,
}

/// Oldest first.
const RULES: [Rule; 4] = [
    Rule { from: date!(1970 - 01 - 01), days: 398 },
    Rule { from: date!(2026 - 03 - 15), days: 200 },
    Rule { from: date!(2027 - 03 - 15), days: 100 },
    Rule { from: date!(2029 - 03 - 15), days: 10 },
];

/// From this day on no proof by e-mail is taken.
const NO_EMAIL_FROM: Date = date!(2028 - 03 - 15);

/// Whether a method is taken on a day.
#[must_use]
pub fn is_taken(method: ValidationMethod, now: Timestamp) -> bool {
    method != ValidationMethod::Email || now < start_of(NO_EMAIL_FROM)
}

/// Until when a proof of this moment may be relied on, by the rule of the day.
#[must_use]
pub fn valid_until(validated: Timestamp) -> Timestamp {
    let rule = RULES.iter().rev().find(|rule| start_of(rule.from) <= validated).unwrap_or(&RULES[0]);
    validated.plus(Duration::days(rule.days))
}

/// When a proof of this moment is to be repeated: after two thirds of the time that it counts, which a later rule may
/// cut short, since that one judges by the day on which a certificate is issued.
#[must_use]
pub fn renew_at(validated: Timestamp) -> Timestamp {
    let end = counts_until(validated);
    validated.plus((end.0 - validated.0) * 2 / 3).whole_second()
}

/// Until when certificates can be issued on a proof of this moment.
fn counts_until(validated: Timestamp) -> Timestamp {
    let mut end = valid_until(validated);
    for rule in &RULES {
        let from = start_of(rule.from);
        if from > validated && from < end {
            end = validated.plus(Duration::days(rule.days)).max(from).min(end);
        }
    }
    end
}

fn start_of(day: Date) -> Timestamp {
    Timestamp(OffsetDateTime::new_utc(day, time::Time::MIDNIGHT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_proof_counts_by_the_rule_of_its_day() {
        for (validated, until) in [
            ("2026-03-14T23:59:59Z", "2027-04-16T23:59:59Z"), // 398 days
            ("2026-03-15T00:00:00Z", "2026-10-01T00:00:00Z"), // 200
            ("2026-11-21T09:00:00Z", "2027-06-09T09:00:00Z"),
            ("2027-03-14T23:59:59Z", "2027-09-30T23:59:59Z"),
            ("2027-03-15T00:00:00Z", "2027-06-23T00:00:00Z"), // 100
            ("2029-03-14T12:00:00Z", "2029-06-22T12:00:00Z"),
            ("2029-03-15T00:00:00Z", "2029-03-25T00:00:00Z"), // 10
            ("2035-01-01T00:00:00Z", "2035-01-11T00:00:00Z"),
        ] {
            assert_eq!(valid_until(at(validated)), at(until), "{validated}");
        }
    }

    #[test]
    fn a_proof_is_repeated_before_a_later_rule_cuts_it_short() {
        for (validated, until) in [
            ("2026-04-01T00:00:00Z", "2026-10-18T00:00:00Z"), // the whole 200 days lie before the next rule
            ("2026-11-21T00:00:00Z", "2027-03-15T00:00:00Z"), // 100 days were over before it began
            ("2027-03-01T00:00:00Z", "2027-06-09T00:00:00Z"), // 100 days reach beyond its first day
            ("2029-03-01T00:00:00Z", "2029-03-15T00:00:00Z"),
            ("2029-03-10T00:00:00Z", "2029-03-20T00:00:00Z"),
        ] {
            assert_eq!(counts_until(at(validated)), at(until), "{validated}");
        }
        assert_eq!(renew_at(at("2027-03-15T00:00:00Z")), at("2027-05-20T16:00:00Z"));
        assert_eq!(renew_at(at("2029-03-15T00:00:00Z")), at("2029-03-21T16:00:00Z"));
    }

    #[test]
    fn no_proof_by_mail_is_taken_from_the_ides_of_march_2028_on() {
        let (before, after) = (at("2028-03-14T23:59:59Z"), at("2028-03-15T00:00:00Z"));
        assert!(is_taken(ValidationMethod::Email, before));
        assert!(!is_taken(ValidationMethod::Email, after));
        assert!(is_taken(ValidationMethod::DnsTxt, after) && is_taken(ValidationMethod::Http, after));
    }
}
