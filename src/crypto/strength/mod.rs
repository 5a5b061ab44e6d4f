//! The strength of a new password: how hard it is to guess.

mod guesses;
mod known;
mod plain;

pub(super) use self::guesses::{of_piece, pieces};

use zxcvbn::zxcvbn;

use crate::problem::Invalid;

/// The guesses that a new password must withstand, taken apart as zxcvbn does. Eight characters at random withstand
/// more.
const ENOUGH: u128 = 100_000_000;
/// The guesses that a new password must withstand, taken apart as `guesses` does: by the ways in which people put
/// words, dates and signs together.
const ENOUGH_STRUCTURED: u128 = 1_000_000_000;
/// The characters, from the first, that are judged: zxcvbn takes 50 ms for 32 of the worst kind (digits and signs that
/// look like letters), but 600 ms for 100, which an attacker could send all day.
const JUDGED: usize = 32;
/// The reason to refuse a password that zxcvbn alone would accept.
const USUAL: &str = "Words, names, dates and keys that lie together are tried first, with the usual signs between and \
                     behind them. Use four words that do not belong together, or more.";
/// Words that a guesser who knows this service tries first.
const OUR_WORDS: [&str; 4] = ["kennel", "dogowner", "dogs", "dog"];

/// Checks that a new password is hard to guess, as NIST SP 800-63B asks: not on lists of leaked ones, not put together
/// of words, names and dates in the usual ways, and not of the texts in `context` (the username and the e-mail address)
/// or their parts. Only the first 32 characters are judged.
///
/// # Errors
/// An [`Invalid`] with the code `too_guessable` and, in its detail, the reason for people.
pub fn check(password: &str, context: &[String]) -> Result<(), Invalid> {
    let plain = plain::plain(password);
    if [password, &plain].into_iter().any(known::has_leaked) {
        return Err(too_guessable("It is on lists of passwords that leaked elsewhere."));
    }
    if known::is_saying(&plain) {
        return Err(too_guessable("Everybody knows this saying. Use words that do not belong together."));
    }
    let words = expected_words(context);
    let expected: Vec<&str> = words.iter().map(String::as_str).collect();
    judge(&plain, &expected)?;
    // zxcvbn takes several expected words with something between them for hard.
    let whole = plain.to_lowercase();
    let rest = expected.iter().fold(whole.clone(), |rest, word| rest.replace(word, ""));
    if rest == whole { Ok(()) } else { judge(&rest, &expected) }
}

fn judge(text: &str, expected: &[&str]) -> Result<(), Invalid> {
    let beginning: String = text.chars().take(JUDGED).collect();
    let known: Vec<&str> = expected.iter().copied().chain(known::OFFICE_WORDS).collect();
    let estimate = zxcvbn(&beginning, &known);
    if guesses::product(&estimate) >= ENOUGH && guesses::least(&beginning, &known) >= ENOUGH_STRUCTURED {
        return Ok(());
    }
    let mut reasons = Vec::new();
    if let Some(feedback) = estimate.feedback() {
        reasons.extend(feedback.warning().map(|warning| warning.to_string()));
        reasons.extend(feedback.suggestions().iter().map(ToString::to_string));
    }
    if reasons.is_empty() {
        reasons.push(USUAL.to_owned());
    }
    Err(too_guessable(&reasons.join(" ")))
}

fn too_guessable(reason: &str) -> Invalid {
    Invalid::new("too_guessable", format!("This password is too easy to guess. {reason}"))
}

/// Words that a guesser who knows the account tries first, in lower case, the longest first.
fn expected_words(context: &[String]) -> Vec<String> {
    let context: Vec<String> = context.iter().map(|text| plain::plain(text)).collect();
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
    fn what_people_make_of_words_dates_and_keys_is_guessed() {
        let guessable = include_str!("guessable.txt").lines().filter(|line| !line.is_empty());
        let accepted: Vec<_> = guessable.clone().filter(|password| check(password, &[]).is_ok()).collect();
        assert!(guessable.count() >= 300);
        assert_eq!(accepted, [""; 0]);
    }

    #[test]
    fn a_password_is_guessed_in_whatever_alphabet_and_disguise_it_is_written() {
        let context = ["наташа".to_owned(), "jürgen@example.com".to_owned()];
        for expected in
            ["Наташа-наташа-Юрген!", "наташа + jurgen", "Jürgen.Наташа.2024", "ｊｕｒｇｅｎ－ｎａｔａｓｈａ"]
        {
            assert!(check(expected, &context).is_err(), "{expected}");
        }
        for plain in ["password2024", "sunshine1990"] {
            let wide = plain.chars().filter_map(|c| char::from_u32(u32::from(c) + 0xfee0)).collect::<String>();
            let look_alike = plain.replace('a', "\u{430}").replace('o', "\u{3bf}").replace('e', "\u{435}");
            let accented = plain.replace('a', "\u{e4}").replace('u', "u\u{301}");
            let joined = plain.chars().flat_map(|c| [c, '\u{200d}']).collect::<String>();
            let [dotted, spaced, starred] =
                [".", " ", "**"].map(|sign| plain.chars().map(String::from).collect::<Vec<_>>().join(sign));
            for disguised in [wide, look_alike, accented, joined, dotted, spaced, starred] {
                assert!(check(&disguised, &[]).is_err(), "{disguised}");
            }
        }
    }

    #[test]
    fn letters_of_one_script_without_a_gap_are_a_word_until_they_are_longer_than_one() {
        assert!(check("щзхфкъэжцн", &[]).is_err());
        assert!(check("щзхфкъэжцнюбвйд", &[]).is_ok());
        assert!(check("щзхфк ъэжцн юбвйд", &[]).is_ok());
    }

    #[test]
    fn words_that_do_not_belong_together_and_random_characters_are_not_guessed() {
        let hard = include_str!("hard.txt").lines().filter(|line| !line.is_empty());
        let refused: Vec<_> = hard.clone().filter(|password| check(password, &[]).is_err()).collect();
        assert!(hard.count() >= 90);
        assert_eq!(refused, [""; 0]);
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
