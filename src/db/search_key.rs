//! The search key of a name: the spelling by which it is found and sorted, stored beside it in the database.

use icu_properties::{CodePointSetData, props::DefaultIgnorableCodePoint};
use unicode_normalization::UnicodeNormalization;

use crate::letters::plain_letters;

/// The separator of the two spellings in a [`search_key`]: sorted before every character of a name, and never in a text
/// that is searched for.
const SEPARATOR: char = '\u{1f}';

/// The spelling by which a name is found and sorted. It is stored with each name, so a change of it needs a migration.
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

/// The spelling by which a text is searched for: in small letters, without accents, and with plain apostrophes,
/// quotation marks, dashes and blanks.
#[must_use]
pub fn folded(text: &str) -> String {
    if is_plain(text) {
        return text.to_ascii_lowercase();
    }
    without_accents(&without_case(text))
}

/// Whether a text differs from its folded spelling in letter case at most, as most names do.
fn is_plain(text: &str) -> bool {
    text.is_ascii() && !text.contains('`') && !text.contains("  ")
}

fn without_accents(text: &str) -> String {
    // The signs first: Unicode takes some of them apart into a blank and an accent.
    let signs = text.chars().flat_map(plain_letters);
    let seen = signs.nfkd().filter(|c| !is_accent(*c) && !is_hidden(*c));
    let mut plain = String::with_capacity(text.len());
    for c in seen.flat_map(plain_letters) {
        // Of several blanks one is kept.
        if c != ' ' || !plain.ends_with(' ') {
            plain.push(c);
        }
    }
    // Most names are ASCII by now, which has nothing to compose.
    if plain.is_ascii() { plain } else { plain.nfc().collect() }
}

/// A text without letter case. This is Unicode's canonical caseless matching by simple means: upper case, then lower,
/// so that `ß` is `ss`; and lower case before that, since the capital `ẞ` has no other upper case.
fn without_case(text: &str) -> String {
    let lower = text.nfd().flat_map(char::to_lowercase);
    lower.flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfc().collect()
}

/// Whether a character is a combining mark over or under letters, or a point of Hebrew or Arabic. The marks of other
/// scripts are letters of their own.
fn is_accent(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{fe20}'..='\u{fe2f}' | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}' | '\u{5c2}' | '\u{5c4}' | '\u{5c5}' | '\u{5c7}' | '\u{64b}'..='\u{65f}' | '\u{670}')
}

/// Whether a character is invisible, such as a soft hyphen or one that was pasted along (Default_Ignorable_Code_Point).
fn is_hidden(c: char) -> bool {
    !c.is_ascii() && CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

#[cfg(test)]
mod tests {
    use super::{folded, search_key};

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
