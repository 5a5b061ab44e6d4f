//! How hard a new password is to guess.

use zxcvbn::zxcvbn;

use crate::wire::Fault;

/// The guesses that a new password must withstand. This is where zxcvbn's score 3 begins; the score itself asks
/// for a handful more, which no eight characters have, however random.
const ENOUGH_GUESSES: u64 = 100_000_000;
/// How many characters, from the first, are judged: zxcvbn takes 50 ms for 32 of the worst kind (digits and signs
/// that look like letters), but 600 ms for 100, and somebody would send those all day.
const JUDGED: usize = 32;
/// What somebody who knows this service tries first.
const OUR_WORDS: [&str; 4] = ["kennel", "dogowner", "dogs", "dog"];

/// NIST SP 800-63B asks to refuse what is commonly used, expected or compromised; zxcvbn knows most of it.
/// `context` and its parts count as expected.
pub fn check(password: &str, context: &[String]) -> Result<(), Fault> {
    let parts = context.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    let expected: Vec<&str> = context.iter().map(String::as_str).chain(parts).chain(OUR_WORDS).collect();
    let beginning: String = password.chars().take(JUDGED).collect();
    let estimate = zxcvbn(&beginning, &expected);
    if estimate.guesses() >= ENOUGH_GUESSES {
        return Ok(());
    }
    let mut reasons = vec!["This password is too easy to guess.".to_owned()];
    if let Some(feedback) = estimate.feedback() {
        reasons.extend(feedback.warning().map(|warning| warning.to_string()));
        reasons.extend(feedback.suggestions().iter().map(ToString::to_string));
    }
    Err(Fault::new("too_guessable", reasons.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn a_long_password_is_judged_by_its_beginning() {
        let is_hard = |text: &str| check(text, &["alice".to_owned()]).is_ok();
        let weak = "alice".repeat(20);
        assert!(!is_hard(&weak));
        assert!(!is_hard(&format!("{weak}vK8#qz!W")));
        assert!(is_hard(&format!("vK8#qz!W{weak}")));
    }
}
