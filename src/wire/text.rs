//! Text in bodies: trimmed, with limits in characters, and without control characters.

use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use super::fields::Fault;

/// What a name, of an owner or a dog, may be.
const NAME: Rule = Rule { least: 1, most: 255 };

/// How long a text may be, in characters (code points) after trimming white space.
#[derive(Clone, Copy)]
pub struct Rule {
    pub least: usize,
    pub most: usize,
}

impl Rule {
    /// Reads text that keeps to the rule.
    ///
    /// # Errors
    /// It is not text, too short or too long, or has a control character (Unicode's Cc, NUL among them).
    pub fn read(self, value: &Value) -> Result<String, Fault> {
        let text = string(value)?;
        refuse_control_characters(text)?;
        let trimmed = text.trim();
        self.check_length(trimmed)?;
        Ok(trimmed.to_owned())
    }

    /// Whether `text` keeps to the rule as it is.
    ///
    /// # Errors
    /// As [`Rule::read`].
    pub fn check(self, text: &str) -> Result<(), Fault> {
        refuse_control_characters(text)?;
        self.check_length(text)
    }

    /// Whether `text` is neither too short nor too long.
    ///
    /// # Errors
    /// It is one of them.
    pub fn check_length(self, text: &str) -> Result<(), Fault> {
        let length = text.chars().count();
        if length < self.least {
            return Err(Fault::new("too_short", format!("At least {}.", characters(self.least))));
        }
        if length > self.most {
            return Err(Fault::new("too_long", format!("At most {}.", characters(self.most))));
        }
        Ok(())
    }
}

fn refuse_control_characters(text: &str) -> Result<(), Fault> {
    if text.chars().any(char::is_control) {
        return Err(Fault::new("control_character", "Control characters, line breaks among them, are not allowed."));
    }
    Ok(())
}

/// The spelling by which a name is found and sorted: letter case does not count, nor how an accent is encoded
/// (Unicode's canonical caseless matching, but by simple means: upper case, then lower, so that `ß` is `ss`). It is
/// stored with each name: what would change it needs a migration.
#[must_use]
pub fn search_key(text: &str) -> String {
    text.nfd().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfc().collect()
}

/// Reads a name: 1 to 255 characters.
///
/// # Errors
/// As [`Rule::read`].
pub fn name(value: &Value) -> Result<String, Fault> {
    NAME.read(value)
}

/// Reads text as it is.
///
/// # Errors
/// It is not text.
pub fn string(value: &Value) -> Result<&str, Fault> {
    value.as_str().ok_or(Fault::new("type", "This is text, in quotes."))
}

fn characters(count: usize) -> String {
    if count == 1 { "1 character".to_owned() } else { format!("{count} characters") }
}

#[cfg(test)]
mod tests {
    use super::search_key;

    #[test]
    fn letter_case_and_the_encoding_of_accents_do_not_count() {
        for (one, other) in [("Élan", "e\u{301}LAN"), ("Straße", "STRASSE"), ("ΟΔΟΣ", "οδος"), ("Ｒｅｘ", "ｒＥＸ")]
        {
            assert_eq!(search_key(one), search_key(other), "{one}");
        }
        assert_ne!(search_key("Rex"), search_key("Réx"));
    }
}
