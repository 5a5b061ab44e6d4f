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
/// `context`, the username and the e-mail address, is expected, and so are its parts.
pub fn check(password: &str, context: &[String]) -> Result<(), Fault> {
    let words = expected_words(context);
    let expected: Vec<&str> = words.iter().map(String::as_str).collect();
    judge(password, &expected)?;
    // zxcvbn takes several expected words with something between them for hard.
    let whole = password.to_lowercase();
    let rest = expected.iter().fold(whole.clone(), |rest, word| rest.replace(word, ""));
    if rest == whole { Ok(()) } else { judge(&rest, &expected) }
}

fn judge(text: &str, expected: &[&str]) -> Result<(), Fault> {
    let beginning: String = text.chars().take(JUDGED).collect();
    let estimate = zxcvbn(&beginning, expected);
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

/// What somebody tries first who knows the account, in lower case and the longest first.
fn expected_words(context: &[String]) -> Vec<String> {
    let wholes = context.iter().map(String::as_str);
    let local_parts = context.iter().filter_map(|text| text.split('@').next());
    let parts = context.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    let letters = context.iter().flat_map(|text| text.split(|c: char| !c.is_alphabetic()));
    let words = wholes.chain(local_parts).chain(parts).chain(letters).chain(OUR_WORDS);
    let mut words: Vec<_> = words.filter(|word| word.chars().count() >= 3).map(str::to_lowercase).collect();
    words.sort_unstable_by_key(|word| std::cmp::Reverse(word.len()));
    words
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn a_name_and_an_address_make_no_password() {
        let context = ["bart".to_owned(), "bartholomew.higginbottom2@example.com".to_owned()];
        for expected in [
            "bartholomew.higginbottom",
            "bartholomew.higginbottom2@example.com",
            "Bartholomew Higginbottom",
            "higginbottom-bart-example!",
        ] {
            assert!(check(expected, &context).is_err(), "{expected}");
        }
        assert!(check("bart likes vK8#qz!W", &context).is_ok());
        assert!(check("embarking on a tin roof", &context).is_ok());
    }

    #[test]
    fn a_long_password_is_judged_by_its_beginning() {
        let is_hard = |text: &str| check(text, &["alice".to_owned()]).is_ok();
        let weak = "alice".repeat(20);
        assert!(!is_hard(&weak));
        assert!(!is_hard(&format!("{weak}vK8#qz!W")));
        assert!(is_hard(&format!("vK8#qz!W{weak}")));
    }
}
