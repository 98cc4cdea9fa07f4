//! Instants and lengths of time as users write them.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::{Duration, OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// An instant in UTC, printed as RFC 3339 with `Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub OffsetDateTime);

impl Timestamp {
    /// The instant `seconds` after 1970-01-01T00:00:00Z; out of range gives the nearest that can be printed.
    #[must_use]
    pub fn from_unix(seconds: i64) -> Self {
        // Years 0000–9999: what RFC 3339 can print.
        let seconds = seconds.clamp(-62_167_219_200, 253_402_300_799);
        Self(OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH))
    }

    /// Whole seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn unix(self) -> i64 {
        self.0.unix_timestamp()
    }

    /// The same instant without its fraction of a second, as X.509 writes times.
    #[must_use]
    pub fn whole_second(self) -> Self {
        Self::from_unix(self.unix())
    }

    /// This instant `length` later; stops at year 9999.
    #[must_use]
    pub fn plus(self, length: Duration) -> Self {
        self.0.checked_add(length).map_or(Self::from_unix(i64::MAX), Self)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_offset(UtcOffset::UTC).format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}
impl FromStr for Timestamp {
    type Err = time::error::Parse;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        OffsetDateTime::parse(text, &Rfc3339).map(|t| Self(t.to_offset(UtcOffset::UTC)))
    }
}
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(|_| de::Error::custom(format_args!("'{text}' is not an RFC 3339 time")))
    }
}
impl JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time", "description": "RFC 3339, UTC.", "examples": ["2026-11-21T09:00:00Z"]})
    }
}

/// A length of time written `"90d"`: a whole number and one of s m h d w y (y = 365 d).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lifetime {
    seconds: i64,
}

/// Not a length such as `"90d"`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{found}' is not a length of time: expected a whole number of 1 or more and one of s, m, h, d, w, y, such as '90d'"
)]
pub struct LifetimeError {
    found: String,
}

impl Lifetime {
    /// `days` times 24 hours.
    #[must_use]
    pub const fn days(days: i64) -> Self {
        Self { seconds: days * 86_400 }
    }

    /// `seconds` seconds.
    #[must_use]
    pub const fn seconds(seconds: i64) -> Self {
        Self { seconds }
    }

    /// Its length in seconds, at least 1.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.seconds
    }

    /// Its length as a duration.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::seconds(self.seconds)
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, unit) = match self.seconds {
            s if s % 86_400 == 0 => (s / 86_400, 'd'),
            s if s % 3_600 == 0 => (s / 3_600, 'h'),
            s if s % 60 == 0 => (s / 60, 'm'),
            s => (s, 's'),
        };
        write!(f, "{number}{unit}")
    }
}
impl FromStr for Lifetime {
    type Err = LifetimeError;
    fn from_str(text: &str) -> Result<Self, LifetimeError> {
        let refuse = || LifetimeError { found: text.chars().take(64).collect() };
        let unit = match text.as_bytes().last() {
            Some(b's') => 1,
            Some(b'm') => 60,
            Some(b'h') => 3_600,
            Some(b'd') => 86_400,
            Some(b'w') => 7 * 86_400,
            Some(b'y') => 365 * 86_400,
            _ => return Err(refuse()),
        };
        let digits = &text[..text.len() - 1];
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(refuse());
        }
        let seconds = digits.parse::<i64>().ok().and_then(|n| n.checked_mul(unit)).ok_or_else(refuse)?;
        // 1,000 years: longer is a slip of the pen, and stays clear of the calendar's end.
        if !(1..=1_000 * 365 * 86_400).contains(&seconds) {
            return Err(refuse());
        }
        Ok(Self { seconds })
    }
}
impl Serialize for Lifetime {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Lifetime {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(de::Error::custom)
    }
}
impl JsonSchema for Lifetime {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Lifetime".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[0-9]+[smhdwy]$", "description": "A whole number and one of s m h d w y (y = 365 d).", "examples": ["90d"]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_read_and_print() {
        for (text, seconds) in [
            ("90d", 7_776_000),
            ("365d", 31_536_000),
            ("1y", 31_536_000),
            ("12h", 43_200),
            ("2w", 1_209_600),
            ("5m", 300),
            ("1s", 1),
        ] {
            assert_eq!(text.parse::<Lifetime>().unwrap().as_seconds(), seconds, "{text}");
        }
        assert_eq!(Lifetime::days(90).to_string(), "90d");
        for bad in ["", "d", "0d", "-1d", "1.5d", "90", "90 d", "999999999999999999y", "9é"] {
            assert!(bad.parse::<Lifetime>().is_err(), "{bad}");
        }
    }

    #[test]
    fn times_print_in_utc() {
        let time: Timestamp = "2026-11-21T10:00:00+01:00".parse().unwrap();
        assert_eq!(time.to_string(), "2026-11-21T09:00:00Z");
    }
}
