//! The check that a secret was drawn at random, as far as that can be seen: text, sequences and repetitions were not. A
//! random secret fails it once in billions of times.

use std::collections::HashSet;

use aws_lc_rs::digest;

use super::strength::{of_piece, pieces};

/// The bits that a secret's beginning must have if it is read as words, keys and sequences. 32 random bytes have about
/// 200 by this count, and forty letters of prose a hundred.
const ENOUGH_BITS: u32 = 128;
/// The characters of a secret's beginning, which are counted.
const JUDGED: usize = 48;
/// The least letters of either case in random base64: 32 bytes of it have fewer once in 10⁸ times.
const OF_EACH_CASE: usize = 2;

/// Words that people hash to have something that looks like a secret.
const HASHED: [&str; 24] = [
    "",
    "0",
    "1",
    "123",
    "1234",
    "123456",
    "12345678",
    "a",
    "abc",
    "admin",
    "changeme",
    "dog",
    "foo",
    "hello",
    "hello world",
    "jwt",
    "jwt_secret",
    "kennel",
    "key",
    "password",
    "root",
    "secret",
    "test",
    "your-256-bit-secret",
];

/// Whether a secret may have been drawn at random: `text` as it was given, and the `bytes` that it stands for in
/// base64. Words, sequences and repetitions are not; a random secret fails once in billions of times.
pub fn is_random(text: &str, bytes: &[u8]) -> bool {
    let in_hex = of_hex(text);
    let is_mixed = in_hex.is_some() || is_in_both_cases(text);
    let drawn = in_hex.as_deref().unwrap_or(bytes);
    let hidden = as_text(drawn);
    is_mixed
        && !is_decimal(text)
        && !is_known_hash(drawn)
        && is_varied(drawn)
        && !is_regular(drawn)
        && !is_regular(text.as_bytes())
        && bits(text) >= ENOUGH_BITS
        && hidden.is_none_or(|hidden| match of_hex(hidden) {
            Some(drawn) => !is_decimal(hidden) && !is_known_hash(&drawn) && is_varied(&drawn) && !is_regular(&drawn),
            None => !hidden.contains(' ') && is_in_both_cases(hidden) && bits(hidden) >= ENOUGH_BITS,
        })
}

/// Whether hexadecimal digits are all decimal, as those of a number from a book are. (64 at random are so once in 10¹³
/// times.)
fn is_decimal(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_digit())
}

/// Whether bytes are the hash of a word in [`HASHED`], with or without the line break of `echo`.
fn is_known_hash(bytes: &[u8]) -> bool {
    let hashes = [&digest::SHA256, &digest::SHA384, &digest::SHA512];
    let is_hash_of = |text: &[u8]| hashes.iter().any(|hash| digest::digest(hash, text).as_ref() == bytes);
    HASHED.iter().any(|word| is_hash_of(word.as_bytes()) || is_hash_of(format!("{word}\n").as_bytes()))
}

/// Whether bytes are nearly all different, as random ones are. (32 of them have 30 different values on average, and
/// fewer than 20 once in 10¹⁰ times.)
fn is_varied(bytes: &[u8]) -> bool {
    bytes.iter().collect::<HashSet<_>>().len() >= bytes.len().min(32) * 5 / 8
}

/// Whether most bytes differ by the same amount from the byte some steps before: a sequence, or a repetition.
fn is_regular(bytes: &[u8]) -> bool {
    (1..=bytes.len() / 2).any(|step| {
        let mut count = [0_usize; 256];
        for (before, after) in bytes.iter().zip(bytes.iter().skip(step)) {
            if let Some(count) = count.get_mut(usize::from(after.wrapping_sub(*before))) {
                *count += 1;
            }
        }
        count.iter().any(|count| 2 * count > bytes.len() - step)
    })
}

fn is_in_both_cases(text: &str) -> bool {
    let count = |is: fn(&char) -> bool| text.chars().filter(is).count();
    count(char::is_ascii_lowercase) >= OF_EACH_CASE && count(char::is_ascii_uppercase) >= OF_EACH_CASE
}

/// The bytes that hexadecimal digits of one case stand for.
fn of_hex(text: &str) -> Option<Vec<u8>> {
    let is_in =
        |letters: std::ops::RangeInclusive<char>| text.chars().all(|c| c.is_ascii_digit() || letters.contains(&c));
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|_| is_in('a'..='f') || is_in('A'..='F'))?;
    Some(digits.chunks_exact(2).filter_map(|pair| Some(pair.first()? << 4 | pair.last()?)).collect())
}

/// The text that `bytes` are, if they are printable UTF-8.
fn as_text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| text.chars().all(|c| !c.is_control() || c.is_whitespace()))
}

/// The bits of a text's beginning, taken apart into words, digits and signs; a repeated word has none.
fn bits(text: &str) -> u32 {
    let beginning: String = text.chars().take(JUDGED).collect();
    let mut seen = HashSet::new();
    let bits = pieces(&beginning).into_iter().map(|piece| {
        let length = piece.chars().count();
        if length > 2 && !seen.insert(piece.to_lowercase()) {
            return 0;
        }
        1 + of_piece(&piece, &[]).ilog2()
    });
    bits.sum()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{digest, rand};
    use base64::{
        Engine,
        engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
    };

    use crate::crypto::keys::Secret;

    fn in_hex(bytes: &[u8]) -> String {
        let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
    }

    #[test]
    fn what_is_random_passes_however_it_is_written() {
        for round in 0..2_000 {
            let mut bytes = vec![0; 32 + round % 33];
            rand::fill(&mut bytes).expect("random bytes");
            let hex = in_hex(&bytes);
            let base64 = STANDARD.encode(&bytes);
            for text in [URL_SAFE_NO_PAD.encode(&bytes), hex.to_uppercase(), hex, STANDARD.encode(&base64), base64] {
                assert!(Secret::parse(&text).is_ok(), "{text}");
            }
        }
    }

    #[test]
    fn text_sequences_and_repetitions_are_no_secret() {
        let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let counted: Vec<u8> = (0..32).collect();
        let backwards: Vec<u8> = (100..180).rev().step_by(2).collect();
        let hex = in_hex(&counted);
        let pi = "3141592653589793238462643383279502884197169399375105820974944592";
        for weak in [
            "to_be_or_not_to_be_that_is_the_question_whether",
            "tobeornottobethatisthequestionwhethertisnobler",
            "ToBeOrNotToBeThatIsTheQuestionWhetherTisNobler",
            "TOBEORNOTTOBETHATISTHEQUESTIONWHETHERTISNOBLER",
            "My-Very-Secret-Key-For-Signing-Tokens-In-Production",
            "my-very-secret-key-for-signing-tokens-in-production",
            "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKL",
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_",
            "aAbBcCdDeEfFgGhHiIjJkKlLmMnNoOpPqQrRsStTuUvVwWxXyYzZ",
            "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
            "qwertyuiopQWERTYUIOP1234567890asdfghjklASDFGHJKL",
            "Password1Password2Password3Password4Password5",
            "password-secret-password-secret-password-secret-password",
            "0000000000000000000000000000000000000000000000000000000000000001",
            &hex,
            &hex.to_uppercase(),
            pi,
            &encoded(pi.as_bytes()),
            "8350914627750283916407258391620475830196427518306947250381649725",
            &encoded(&counted),
            &encoded(&backwards),
            &encoded(b"to be or not to be, that is the question"),
            &encoded(b"The secret of the kennel, do not tell!!"),
            &encoded("Der gr\u{fc}ne Hund schl\u{e4}ft auf dem Sofa nebenan".as_bytes()),
            &encoded(&[7; 40]),
            &encoded(&[1, 2, 3, 4].repeat(10)),
        ] {
            assert!(Secret::parse(weak).is_err(), "{weak}");
        }
    }

    #[test]
    fn the_hash_of_nothing_or_of_a_word_is_no_secret() {
        let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let of_password = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8";
        for weak in [of_nothing, of_password, &of_password.to_uppercase(), &STANDARD.encode(of_password)] {
            assert!(Secret::parse(weak).is_err(), "{weak}");
        }
        for word in ["", "\n", "password", "password\n", "secret", "123456\n"] {
            for algorithm in [&digest::SHA256, &digest::SHA384, &digest::SHA512] {
                let hash = digest::digest(algorithm, word.as_bytes());
                for weak in [STANDARD.encode(hash), URL_SAFE_NO_PAD.encode(hash), in_hex(hash.as_ref())] {
                    assert!(Secret::parse(&weak).is_err(), "{weak} of {word:?}");
                }
            }
        }
        let of_another = in_hex(digest::digest(&digest::SHA256, b"gherkin wombat").as_ref());
        assert!(Secret::parse(&of_another).is_ok(), "nobody can tell");
    }
}
