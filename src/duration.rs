//! Durations as people write them in configuration: `2s`, `15m`, `12h`, `30d`.

/// The number of seconds in a duration as people write it: a whole number and one of `s`, `m`, `h` and `d`, such as
/// `2s`, `15m`, `12h` or `30d`; `None` for any other text, and for more seconds than a `u64` holds.
#[must_use]
pub fn seconds(text: &str) -> Option<u64> {
    let unit = text.chars().last()?;
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    number.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        assert_eq!(seconds("15m"), Some(900));
        assert_eq!(seconds("30d"), Some(2_592_000));
        for wrong in ["", "15", "m", "-1s", "1.5h", "1w", "1 s", "99999999999999999999s", "18446744073709551615d"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
