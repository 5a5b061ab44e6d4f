//! Text in bodies: trimmed, with limits in characters, and without control characters.

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{DefaultIgnorableCodePoint, GeneralCategory},
};
use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use super::fields::Invalid;

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
    /// It is not text, too short or too long, has a control character (Unicode's Cc, NUL among them), or nothing of it can
    /// be seen.
    pub fn read(self, value: &Value) -> Result<String, Invalid> {
        let text = string(value)?;
        refuse_control_characters(text)?;
        let trimmed = text.trim();
        self.check_length(trimmed)?;
        refuse_unseen(trimmed)?;
        Ok(trimmed.to_owned())
    }

    /// Whether `text` keeps to the rule as it is.
    ///
    /// # Errors
    /// It is too short or too long, or has a control character.
    pub fn check(self, text: &str) -> Result<(), Invalid> {
        refuse_control_characters(text)?;
        self.check_length(text)
    }

    /// Whether `text` is neither too short nor too long.
    ///
    /// # Errors
    /// It is one of them.
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

/// Refuses text of which nothing can be seen, though it has characters. Beside a character that can be seen all others
/// are kept: joiners and marks of direction write languages and emoji, and a text that turns what stands around it is
/// for the page to isolate that shows it (`<bdi>`).
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

/// Between the two spellings in a [`search_key`]: before every character of a name, and never in what is searched for.
const SEPARATOR: char = '\u{1f}';

/// The spelling by which a name is found and sorted. It is stored with each name: what would change it needs a
/// migration.
///
/// First comes the name as [`folded`] has it; a name with accents is followed by a separator and the spelling that
/// keeps them. So one column serves both: a search finds its folded text in the first half (and in the second only
/// what is in the first, too), and the order tells accents apart after everything else, as the Unicode Collation
/// Algorithm does (UTS #10): `zoe`, `zoë`, `zoea`.
#[must_use]
pub fn search_key(text: &str) -> String {
    if is_plain(text) {
        return text.to_ascii_lowercase();
    }
    let accented = without_case(text);
    let mut key = without_accents(&accented);
    if accented != key {
        key.push(SEPARATOR);
        key.push_str(&accented);
    }
    key
}

/// A text as it is looked for: letter case does not count, nor accents, nor how apostrophes, quotation marks, dashes
/// and blanks are set.
#[must_use]
pub fn folded(text: &str) -> String {
    if is_plain(text) {
        return text.to_ascii_lowercase();
    }
    without_accents(&without_case(text))
}

/// Whether only its letter case can differ from how it is found: most names are so.
fn is_plain(text: &str) -> bool {
    text.is_ascii() && !text.contains('`') && !text.contains("  ")
}

fn without_accents(text: &str) -> String {
    // The signs first: Unicode takes some of them apart into a blank and an accent.
    let signs = text.chars().flat_map(plain_letters);
    let seen = signs.nfkd().filter(|c| !is_accent(*c) && !is_hidden(*c));
    let mut plain = String::with_capacity(text.len());
    for c in seen.flat_map(plain_letters) {
        // Of several blanks one counts.
        if c != ' ' || !plain.ends_with(' ') {
            plain.push(c);
        }
    }
    // Most names are ASCII by now, which has nothing to compose.
    if plain.is_ascii() { plain } else { plain.nfc().collect() }
}

/// Unicode's canonical caseless matching, but by simple means: upper case, then lower, so that `ß` is `ss`; and lower
/// case before that, since the capital `ẞ` has no other upper case.
fn without_case(text: &str) -> String {
    let lower = text.nfd().flat_map(char::to_lowercase);
    lower.flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfc().collect()
}

/// The combining marks that are written over and under letters, and the points of Hebrew and Arabic. Those of other
/// scripts are letters of their own.
fn is_accent(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{fe20}'..='\u{fe2f}' | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}' | '\u{5c2}' | '\u{5c4}' | '\u{5c5}' | '\u{5c7}' | '\u{64b}'..='\u{65f}' | '\u{670}')
}

/// What is there and not seen, such as a soft hyphen or what was pasted along (Default_Ignorable_Code_Point).
fn is_hidden(c: char) -> bool {
    !c.is_ascii() && CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// What stands for a character on a keyboard that lacks it: letters that Unicode does not take apart, and signs that
/// programs put in the place of what was typed.
pub(crate) fn plain_letters(c: char) -> impl Iterator<Item = char> {
    let (first, second) = match c {
        'ø' => ('o', None),
        'ł' => ('l', None),
        'đ' | 'ð' => ('d', None),
        'ħ' => ('h', None),
        'ı' => ('i', None),
        'ŧ' => ('t', None),
        'æ' => ('a', Some('e')),
        'œ' => ('o', Some('e')),
        'þ' => ('t', Some('h')),
        '‘' | '’' | '‚' | '‛' | 'ʼ' | 'ʻ' | '′' | '´' | '`' | '‹' | '›' => ('\'', None),
        '“' | '”' | '„' | '‟' | '″' | '«' | '»' => ('"', None),
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' => ('-', None),
        blank if blank.is_whitespace() => (' ', None),
        other => (other, None),
    };
    std::iter::once(first).chain(second)
}

/// Reads a name: 1 to 255 characters.
///
/// # Errors
/// As [`Rule::read`].
pub fn name(value: &Value) -> Result<String, Invalid> {
    NAME.read(value)
}

/// Reads text as it is.
///
/// # Errors
/// It is not text.
pub fn string(value: &Value) -> Result<&str, Invalid> {
    value.as_str().ok_or(Invalid::new("type", "This is text, in quotes."))
}

fn characters(count: usize) -> String {
    if count == 1 { "1 character".to_owned() } else { format!("{count} characters") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Rule, folded, search_key};

    #[test]
    fn a_name_is_found_however_it_is_set() {
        for (name, asked) in [
            ("\u{201a}Rex\u{2018}", "'rex'"),
            ("O`Neil", "o'neil"),
            ("O\u{ff07}Neil", "o'neil"),
            ("Rex\u{2015}Max", "rex-max"),
            ("Rex\u{ff0d}Max", "rex-max"),
            ("\u{5e9}\u{5c1}\u{5b8}\u{5dc}\u{5d5}\u{5b9}\u{5dd}", "\u{5e9}\u{5dc}\u{5d5}\u{5dd}"),
            ("\u{ff32}\u{ff45}\u{ff58}", "rex"),
            ("Rex  Two", "rex two"),
            ("Rex\u{a0}\u{2003}Two", "rex two"),
            ("Rex Two", "rex  two"),
            ("Rex\u{ad}Max", "rexmax"),
            ("Rex", "rex\u{200b}"),
            ("\u{fb01}do", "fido"),
        ] {
            assert!(search_key(name).contains(&folded(asked)), "{asked} in {name}");
        }
        assert!(!search_key("Rex Two").contains(&folded("rextwo")));
    }

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

    #[test]
    fn letter_case_and_the_encoding_of_accents_do_not_count() {
        for (one, other) in [
            ("Élan", "e\u{301}LAN"),
            ("Straße", "STRASSE"),
            ("STRAẞE", "straße"),
            ("ΟΔΟΣ", "οδος"),
            ("Ｒｅｘ", "ｒＥＸ"),
        ] {
            assert_eq!(search_key(one), search_key(other), "{one}");
        }
        assert_ne!(search_key("Rex"), search_key("Réx"));
    }

    #[test]
    fn what_is_looked_for_is_in_the_key_of_every_name_that_differs_by_accents_only() {
        for (name, spellings) in [
            ("Zoë", &["zoe", "ZOË", "Zoé", "oe"][..]),
            ("Łódź", &["lodz", "Lódz", "ŁÓDŹ"]),
            ("O’Neill", &["o'neill", "O´Neill", "’n"]),
            ("Æsop – Smørrebrød", &["aesop - smorrebrod", "ÆSOP —"]),
            ("Việt", &["viet", "vie\u{323}t"]),
            ("Ёлка", &["елка"]),
            ("Ελλάδα", &["ελλαδα", "ΕΛΛΑΔΑ"]),
            ("STRAẞE", &["ss", "ß", "strasse"]),
        ] {
            for spelling in spellings {
                assert!(search_key(name).contains(&folded(spelling)), "{spelling} finds {name}");
            }
        }
        for (name, other) in [("か", "が"), ("कि", "कु"), ("Zoë", "zoex")] {
            assert!(!search_key(name).contains(&folded(other)), "{other} does not find {name}");
        }
    }

    #[test]
    fn accents_tell_names_apart_in_the_order_once_all_letters_are_the_same() {
        let mut names = ["Zoë", "Zoea", "Zoe", "Zoé", "Zof", "zoe b"];
        names.sort_by_key(|name| search_key(name));
        assert_eq!(names, ["Zoe", "Zoé", "Zoë", "zoe b", "Zoea", "Zof"]);
    }
}
