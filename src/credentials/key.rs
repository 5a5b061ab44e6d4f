//! The text of an API key: `kennel_`, 43 random characters and a checksum of both, in base 62.

use std::fmt;

use aws_lc_rs::{digest, rand};

use crate::problem::Problem;

const PREFIX: &str = "kennel_";
/// How many characters are random: 62⁴³ are a few more than 2²⁵⁶.
const RANDOM: usize = 43;
/// How many characters the sum has: 62⁶ are more than 2³².
const SUM: usize = 6;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// How many characters the hint has.
const HINT: usize = 4;

/// The hash by which an API key is stored and found: the SHA-256 of its text, 32 bytes.
pub type KeyHash = [u8; 32];

/// Whether a bearer token is meant to be an API key and no access token: it begins with `kennel_`.
#[must_use]
pub fn looks_like_key(token: &str) -> bool {
    token.starts_with(PREFIX)
}

/// The text of an API key whose checksum is right: `kennel_`, 43 random characters and the 6 of their CRC-32. Whose key
/// it is, and whether it is still good, the database knows ([`find_by_key`](super::find_by_key)). `Debug` shows nothing
/// of it.
#[derive(Clone)]
pub struct ApiKeyText(String);

impl fmt::Debug for ApiKeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeyText(…)")
    }
}

impl ApiKeyText {
    /// Makes the text of a new API key, with a little more than 256 random bits.
    ///
    /// # Errors
    /// `internal-error`, when the system gives no random numbers.
    pub fn random() -> Result<Self, Problem> {
        let mut text = PREFIX.to_owned();
        let mut bytes = [0; 64];
        while text.len() < PREFIX.len() + RANDOM {
            rand::fill(&mut bytes).map_err(Problem::internal)?;
            // Of six bits those that name a character, so that each is as likely as any other.
            let characters = bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 63)));
            let missing = PREFIX.len() + RANDOM - text.len();
            text.extend(characters.take(missing).map(|character| char::from(*character)));
        }
        let sum = sum_of(&text);
        text.extend(sum.map(char::from));
        Ok(Self(text))
    }

    /// Reads a bearer token as an API key; `None`, if its form or its checksum is wrong. Whether there is such a key is
    /// not looked up.
    #[must_use]
    pub fn parse(token: &str) -> Option<Self> {
        let (summed, sum) = token.split_at_checked(PREFIX.len() + RANDOM)?;
        let random = summed.strip_prefix(PREFIX)?;
        let is_key = random.bytes().all(|byte| byte.is_ascii_alphanumeric()) && sum.as_bytes() == sum_of(summed);
        is_key.then(|| Self(token.to_owned()))
    }

    /// The whole text: a secret, which the user is shown once, when the key is made.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The hash (SHA-256) that is stored instead of the text.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        let digest = digest::digest(&digest::SHA256, self.0.as_bytes());
        // The first 32 bytes of 32.
        digest.as_ref().first_chunk().copied().unwrap_or_default()
    }

    /// The last 4 characters of the text, by which people tell their keys apart.
    #[must_use]
    pub fn hint(&self) -> &str {
        self.0.get(PREFIX.len() + RANDOM + SUM - HINT..).unwrap_or_default()
    }
}

/// The sum of a text: its CRC-32 in base 62, with leading zeros.
fn sum_of(text: &str) -> [u8; SUM] {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut sum = [0; SUM];
    for digit in sum.iter_mut().rev() {
        *digit = ALPHABET.get((rest % 62) as usize).copied().unwrap_or_default();
        rest /= 62;
    }
    sum
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{ALPHABET, ApiKeyText, PREFIX, looks_like_key};

    #[test]
    fn a_new_key_is_one_and_no_other_is_like_it() {
        let keys: Vec<_> = (0..200).map(|_| ApiKeyText::random().expect("random numbers")).collect();
        for key in &keys {
            assert_eq!(key.as_str().len(), 56);
            assert!(looks_like_key(key.as_str()));
            assert_eq!(ApiKeyText::parse(key.as_str()).expect("a key").hash(), key.hash());
            assert!(key.as_str().ends_with(key.hint()) && key.hint().len() == 4);
        }
        assert_eq!(keys.iter().map(ApiKeyText::hash).collect::<HashSet<_>>().len(), keys.len());
        let characters: HashSet<_> = keys.iter().flat_map(|key| key.as_str().bytes().skip(PREFIX.len())).collect();
        assert_eq!(characters, ALPHABET.iter().copied().collect(), "every character comes");
    }

    #[test]
    fn what_is_mistyped_is_no_key() {
        let key = ApiKeyText::random().expect("random numbers").as_str().to_owned();
        for at in 0..key.len() {
            for other in ["0", "x", "-", "é", ""] {
                let mut wrong = key.clone();
                wrong.replace_range(at..=at, other);
                assert!(wrong == key || ApiKeyText::parse(&wrong).is_none(), "{wrong} for {key}");
            }
        }
        for wrong in ["", PREFIX, &format!("{key}0"), &format!(" {key}"), &key.to_uppercase()] {
            assert!(ApiKeyText::parse(wrong).is_none(), "{wrong}");
        }
    }
}
