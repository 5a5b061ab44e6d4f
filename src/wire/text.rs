//! Text in bodies: trimmed, with limits in characters, and without control characters.

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{DefaultIgnorableCodePoint, GeneralCategory},
};
use serde_json::Value;

use crate::problem::Invalid;

/// The rule of an owner's or a dog's name.
const NAME: Rule = Rule { least: 1, most: 255 };

/// The limits of the length of a text in a body, in characters (code points) after trimming white space.
#[derive(Clone, Copy)]
pub struct Rule {
    /// The fewest characters that the text may have.
    pub least: usize,
    /// The most characters that the text may have.
    pub most: usize,
}

impl Rule {
    /// Reads a text from a body, trims it, and checks that it keeps to the rule.
    ///
    /// # Errors
    /// The code of the [`Invalid`]: `type` for a value that is no text, `control_character` for one with a control
    /// character (Unicode's Cc, NUL among them), `too_short`, `too_long`, or `invisible` for a text without a visible
    /// character.
    pub fn read(self, value: &Value) -> Result<String, Invalid> {
        let text = string(value)?;
        refuse_control_characters(text)?;
        let trimmed = text.trim();
        self.check_length(trimmed)?;
        refuse_unseen(trimmed)?;
        Ok(trimmed.to_owned())
    }

    /// Checks that `text` as it is, without trimming, keeps to the rule.
    ///
    /// # Errors
    /// The code of the [`Invalid`]: `too_short`, `too_long` or `control_character`.
    pub fn check(self, text: &str) -> Result<(), Invalid> {
        refuse_control_characters(text)?;
        self.check_length(text)
    }

    /// Checks that `text`, without trimming, is neither too short nor too long; it may have any character.
    ///
    /// # Errors
    /// The code of the [`Invalid`]: `too_short` or `too_long`.
    pub fn check_length(self, text: &str) -> Result<(), Invalid> {
        let length = text.chars().count();
        if length < self.least {
            return Err(Invalid::new("too_short", format!("At least {}.", characters(self.least))));
        }
        if length > self.most {
            return Err(Invalid::new("too_long", format!("At most {}.", characters(self.most))));
        }
        Ok(())
    }
}

fn refuse_control_characters(text: &str) -> Result<(), Invalid> {
    if text.chars().any(char::is_control) {
        return Err(Invalid::new("control_character", "Control characters, line breaks among them, are not allowed."));
    }
    Ok(())
}

/// Refuses text without a visible character. Beside a visible one all others are kept: joiners and marks of direction
/// write languages and emoji, and a page that shows the text has to isolate it from what stands around it (`<bdi>`).
fn refuse_unseen(text: &str) -> Result<(), Invalid> {
    if text.is_empty() || text.chars().any(is_seen) {
        return Ok(());
    }
    Err(Invalid::new("invisible", "Nothing of this can be seen. Write at least one character that can."))
}

/// Whether a character leaves ink, alone or on another one: it is neither white space nor one that Unicode lets a
/// program show as nothing (Default_Ignorable_Code_Point), or that formats others, or whose glyph is empty.
fn is_seen(c: char) -> bool {
    let has_no_ink = matches!(c, '\u{2800}' | '\u{1d159}');
    let formats = CodePointMapData::<GeneralCategory>::new().get(c) == GeneralCategory::Format;
    !(c.is_whitespace()
        || c.is_control()
        || has_no_ink
        || formats
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c))
}

/// Reads the name of an owner or a dog from a body: 1 to 255 characters, trimmed.
///
/// # Errors
/// The codes `type`, `control_character`, `too_short`, `too_long` and `invisible`, as [`Rule::read`].
pub fn name(value: &Value) -> Result<String, Invalid> {
    NAME.read(value)
}

/// Reads a text from a body as it is, of any length, without trimming.
///
/// # Errors
/// An [`Invalid`] with the code `type`, when the value is not text.
pub fn string(value: &Value) -> Result<&str, Invalid> {
    value.as_str().ok_or(Invalid::new("type", "This is text, in quotes."))
}

fn characters(count: usize) -> String {
    if count == 1 { "1 character".to_owned() } else { format!("{count} characters") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Rule;

    #[test]
    fn a_text_can_be_seen() {
        let code = |text: &str| Rule { least: 1, most: 20 }.read(&json!(text)).map_err(|fault| fault.code());
        for unseen in [
            "\u{200b}",
            "\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}",
            "\u{ad}",
            "\u{34f}",
            "\u{61c}",
            "\u{115f}",
            "\u{1160}",
            "\u{3164}",
            "\u{ffa0}",
            "\u{17b4}",
            "\u{180e}",
            "\u{200e}\u{200f}",
            "\u{202e}\u{2067}\u{2069}",
            "\u{2061}",
            "\u{206f}",
            "\u{2800}\u{2800}",
            "\u{fe0f}",
            "\u{e0041}\u{e007f}",
            "\u{e0100}",
            "\u{fff9}",
            "\u{1d159}",
            "\u{1d173}",
            "\u{200b} \u{3000} \u{200b}",
        ] {
            assert_eq!(code(unseen), Err("invisible"), "{}", unseen.escape_unicode());
        }
        for seen in [
            "\u{200b}Rex",
            "Re\u{ad}x",
            "\u{202e}xeR",
            "👩\u{200d}🚒",
            "❤\u{fe0f}",
            "🏴\u{e0067}\u{e0062}\u{e007f}",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "\u{200f}שלום",
            "é",
            "e\u{301}",
            "\u{301}",
            "犬",
            "ㄱ",
            ".",
            "-",
            "\u{e000}",
        ] {
            assert!(code(seen).is_ok(), "{}", seen.escape_unicode());
        }
        assert_eq!(code(" \u{3000} \u{a0}"), Err("too_short"));
    }
}
