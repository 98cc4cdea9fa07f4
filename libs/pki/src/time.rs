//! Times in certificates (RFC 5280 §4.1.2.5): UTCTime to 2049, GeneralizedTime after, whole seconds, `Z`.

use ::time::{Date, Month, PrimitiveDateTime, Time};
use contracts::Timestamp;

use crate::asn1::{DerError, Element, Writer, tag};

const WRONG: DerError = DerError::Value("time");

/// Reads either type; a GeneralizedTime before 2050 is taken too.
pub(crate) fn read_time(element: Element<'_>) -> Result<Timestamp, DerError> {
    let (year, rest) = match element.tag {
        tag::UTC_TIME => {
            let (year, rest) = two_digits(element.value)?;
            (i32::from(year) + if year < 50 { 2000 } else { 1900 }, rest)
        }
        tag::GENERALIZED_TIME => {
            let (century, rest) = two_digits(element.value)?;
            let (year, rest) = two_digits(rest)?;
            (i32::from(century) * 100 + i32::from(year), rest)
        }
        _ => return Err(WRONG),
    };
    let (month, rest) = two_digits(rest)?;
    let (day, rest) = two_digits(rest)?;
    let (hour, rest) = two_digits(rest)?;
    let (minute, rest) = two_digits(rest)?;
    let (second, rest) = two_digits(rest)?;
    if rest != b"Z" {
        return Err(WRONG);
    }
    let month = Month::try_from(month).map_err(|_| WRONG)?;
    let date = Date::from_calendar_date(year, month, day).map_err(|_| WRONG)?;
    let time = Time::from_hms(hour, minute, second).map_err(|_| WRONG)?;
    Ok(Timestamp(PrimitiveDateTime::new(date, time).assume_utc()))
}

fn two_digits(bytes: &[u8]) -> Result<(u8, &[u8]), DerError> {
    match bytes {
        [tens @ b'0'..=b'9', units @ b'0'..=b'9', rest @ ..] => Ok(((tens - b'0') * 10 + units - b'0', rest)),
        _ => Err(WRONG),
    }
}

/// Writes a time of the years 1950 to 9999.
pub(crate) fn write_time(writer: &mut Writer, time: Timestamp) {
    let t = time.0.to_offset(::time::UtcOffset::UTC);
    let (year, rest) = (t.year(), [u8::from(t.month()), t.day(), t.hour(), t.minute(), t.second()]);
    let rest = rest.map(|n| format!("{n:02}")).concat();
    if (1950..2050).contains(&year) {
        writer.put(tag::UTC_TIME, format!("{:02}{rest}Z", year % 100).as_bytes());
    } else {
        writer.put(tag::GENERALIZED_TIME, format!("{year:04}{rest}Z").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asn1::Reader;

    #[test]
    fn the_type_changes_with_2050() {
        for (time, tag, text) in [
            ("1950-01-01T00:00:00Z", tag::UTC_TIME, "500101000000Z"),
            ("2049-12-31T23:59:59Z", tag::UTC_TIME, "491231235959Z"),
            ("2050-01-01T00:00:00Z", tag::GENERALIZED_TIME, "20500101000000Z"),
            ("9999-12-31T23:59:59Z", tag::GENERALIZED_TIME, "99991231235959Z"),
        ] {
            let time: Timestamp = time.parse().unwrap();
            let mut writer = Writer::default();
            write_time(&mut writer, time);
            let der = writer.finish();
            let element = Reader::new(&der).element().unwrap();
            assert_eq!((element.tag, element.value), (tag, text.as_bytes()));
            assert_eq!(read_time(element), Ok(time));
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "4912312359Z",
            "491231235959+0100",
            "491331235959Z",
            "490230000000Z",
            "49123123595",
            "x91231235959Z",
        ] {
            let element = Element { tag: tag::UTC_TIME, value: text.as_bytes(), der: &[] };
            assert_eq!(read_time(element), Err(WRONG), "{text}");
        }
    }
}
