//! Moments in queries and bodies: RFC 3339, with any offset.

use std::time::Duration;

use chrono::{DateTime, Datelike, SubsecRound};
use serde_json::Value;

use super::query::Refusal;
use crate::{db::timestamp::Timestamp, problem::Invalid};

/// The time from now after which a moment is taken for a mistake: clocks differ, but not by days.
const FUTURE: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads a moment from a query parameter: RFC 3339 with any offset, cut off after the milliseconds, which is all that
/// responses show. A `+` that was not percent-encoded arrives as a blank, and is read as one.
///
/// # Errors
/// The code `format`, when the text is not written so, or there is no such moment.
pub fn read(text: &str) -> Result<Timestamp, Refusal> {
    parse(text).ok_or((
        "format",
        "A moment is a date, a time and its offset (RFC 3339): 2026-11-20T09:30:00Z, or 2026-11-20T10:30:00%2B01:00."
            .into(),
    ))
}

/// Reads the moment at which something happened from a body: a text in RFC 3339, with any offset, of the years from 1 to
/// now, or at most a day later.
///
/// # Errors
/// The code of the [`Invalid`] is `type` for a value that is no text, `format` for a text that is not written so, and
/// `out_of_range` for a moment of other years or in the future.
pub fn past(value: &Value) -> Result<Timestamp, Invalid> {
    let text = value.as_str().ok_or(Invalid::new("type", "A moment is text: 2026-11-20T09:30:00Z."))?;
    let moment = parse(text).filter(|_| !text.contains(' ')).ok_or(Invalid::new(
        "format",
        "A moment is a date, a time and its offset (RFC 3339): 2026-11-20T09:30:00Z, or 2026-11-20T10:30:00+01:00.",
    ))?;
    if moment.day().year() < 1 || moment > Timestamp::now().plus(FUTURE) {
        return Err(Invalid::new("out_of_range", "A moment of the years from 1 on, and at most a day from now."));
    }
    Ok(moment)
}

fn parse(text: &str) -> Option<Timestamp> {
    let moment = DateTime::parse_from_rfc3339(&text.replace(' ', "+")).ok()?;
    // chrono knows the year 0, and takes a minus sign that is not ASCII's.
    let is_plain = text.is_ascii() && moment.year() >= 1;
    is_plain.then(|| Timestamp::at(moment.to_utc().trunc_subsecs(3)))
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
            "2026-11-20T09:30:00\u{2212}01:00",
            "1763631000",
            "yesterday",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
