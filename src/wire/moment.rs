//! Moments in queries: RFC 3339, with any offset.

use std::time::Duration;

use chrono::NaiveTime;

use super::{date, query::Refusal};
use crate::db::timestamp::Timestamp;

/// Reads a moment, cut off after the milliseconds, which is all that responses show. A `+` that was not percent-encoded
/// arrives as a blank, where no other sign can be meant.
///
/// # Errors
/// The text is not written so, or there is no such moment.
pub fn read(text: &str) -> Result<Timestamp, Refusal> {
    parse(text).ok_or((
        "format",
        "A moment is a date, a time and its offset (RFC 3339): 2026-11-20T09:30:00Z, or 2026-11-20T10:30:00%2B01:00."
            .into(),
    ))
}

fn parse(text: &str) -> Option<Timestamp> {
    let (day, rest) = text.split_at_checked(10)?;
    let (time, rest) = rest.strip_prefix(['T', 't'])?.split_at_checked(8)?;
    let (day, seconds) = (date::parse(day)?, seconds(time)?);
    let (millis, offset) = match rest.strip_prefix('.') {
        Some(rest) => fraction(rest)?,
        None => (0, rest),
    };
    let at_utc = Timestamp::at(day.and_time(NaiveTime::MIN).and_utc())
        .plus(Duration::from_secs(seconds) + Duration::from_millis(millis));
    if offset.eq_ignore_ascii_case("Z") {
        return Some(at_utc);
    }
    let (sign, offset) = offset.split_at_checked(1)?;
    let (hours, minutes) = offset.split_once(':')?;
    let offset = Duration::from_secs(number(hours, 23)? * 3_600 + number(minutes, 59)? * 60);
    match sign {
        "+" | " " => Some(at_utc.minus(offset)),
        "-" => Some(at_utc.plus(offset)),
        _ => None,
    }
}

/// The seconds of a time of day such as `09:30:00`; a leap second is the first of the next minute.
fn seconds(time: &str) -> Option<u64> {
    let (hours, rest) = time.split_once(':')?;
    let (minutes, seconds) = rest.split_once(':')?;
    Some(number(hours, 23)? * 3_600 + number(minutes, 59)? * 60 + number(seconds, 60)?)
}

/// The milliseconds of a fraction with any number of digits, and the text behind them.
fn fraction(text: &str) -> Option<(u64, &str)> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end).filter(|_| end > 0)?;
    let millis = digits.bytes().chain(*b"00").take(3).fold(0, |millis, digit| millis * 10 + u64::from(digit - b'0'));
    Some((millis, rest))
}

/// The number of two digits, up to `most`.
fn number(text: &str, most: u64) -> Option<u64> {
    let is_plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_plain && *number <= most)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_moment_is_read_with_any_offset_and_to_the_millisecond() {
        for (text, shown) in [
            ("2026-11-20T09:30:00Z", "2026-11-20T09:30:00.000Z"),
            ("2026-11-20t09:30:00.5z", "2026-11-20T09:30:00.500Z"),
            ("2026-11-20T09:30:00.123999999999Z", "2026-11-20T09:30:00.123Z"),
            ("2026-11-20T09:30:00+01:00", "2026-11-20T08:30:00.000Z"),
            ("2026-11-20T09:30:00.25 05:45", "2026-11-20T03:45:00.250Z"),
            ("2026-11-20T23:30:00-01:00", "2026-11-21T00:30:00.000Z"),
            ("2026-11-20T09:30:00-00:00", "2026-11-20T09:30:00.000Z"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ] {
            let moment = parse(text).map(|moment| serde_json::to_value(moment).expect("a moment"));
            assert_eq!(moment, Some(shown.into()), "{text}");
        }
        // Outside of the years that are written, but moments.
        for text in ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:60-23:59"] {
            assert!(parse(text).is_some(), "{text}");
        }
        for wrong in [
            "",
            "2026-11-20",
            "2026-11-20T09:30:00",
            "2026-11-20T09:30Z",
            "2026-11-20 09:30:00Z",
            "2026-11-20T09:30:00,5Z",
            "2026-11-20T09:30:00.Z",
            "2026-11-20T24:00:00Z",
            "2026-11-20T09:60:00Z",
            "2026-11-20T09:30:61Z",
            "2026-02-30T09:30:00Z",
            "0000-01-01T00:00:00Z",
            "2026-11-20T09:30:00+0100",
            "2026-11-20T09:30:00+1:00",
            "2026-11-20T09:30:00+24:00",
            "2026-11-20T09:30:00  01:00",
            "2026-11-20T09:30:00ZZ",
            "2026-11-20T09:30:00\u{661}Z",
            "1763631000",
            "yesterday",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
