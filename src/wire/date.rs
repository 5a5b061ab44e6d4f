//! Dates in bodies: `YYYY-MM-DD` (RFC 3339's full-date).

use chrono::NaiveDate;
use serde::Serializer;
use serde_json::Value;

use crate::problem::Invalid;

/// Reads a date from a body: a text `YYYY-MM-DD` (RFC 3339's full-date) of the years 1 to 9999.
///
/// # Errors
/// The code of the [`Invalid`] is `type` for a value that is no text, and `format` for a text that is not written so or
/// names no day.
pub fn date(value: &Value) -> Result<NaiveDate, Invalid> {
    let text = value.as_str().ok_or(Invalid::new("type", "A date is text: YYYY-MM-DD."))?;
    parse(text).ok_or(Invalid::new("format", "A date is YYYY-MM-DD, and a day that exists."))
}

/// Reads a date from a text.
pub(super) fn parse(text: &str) -> Option<NaiveDate> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text.as_bytes() else { return None };
    let number = |digits: &[&u8]| {
        digits
            .iter()
            .try_fold(0_u32, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u32::from(**digit - b'0')))
    };
    let year = number(&[y1, y2, y3, y4]).filter(|year| *year >= 1)?;
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, number(&[m1, m2])?, number(&[d1, d2])?)
}

/// Writes a date as `YYYY-MM-DD`, or `None` as null, for `#[serde(serialize_with)]`.
pub fn day<S: Serializer>(day: &Option<NaiveDate>, serializer: S) -> Result<S::Ok, S::Error> {
    match day {
        Some(day) => serializer.collect_str(&day.format("%Y-%m-%d")),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_date_is_a_day_that_exists_written_one_way() {
        for right in ["0001-01-01", "2024-02-29", "9999-12-31"] {
            assert_eq!(parse(right).expect(right).format("%Y-%m-%d").to_string(), right);
        }
        for wrong in
            ["", "0000-01-01", "2023-02-29", "2024-2-9", "2024-13-01", "+024-01-01", "2024-01-01T", "２024-1-1"]
        {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
