//! The plain form of a password, as a guesser writes it: without accents, full-width letters and look-alikes from other
//! alphabets. A guesser tries those for every word, so they are worth next to nothing.

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{DefaultIgnorableCodePoint, GeneralCategory, Script},
};
use unicode_normalization::UnicodeNormalization;

use crate::letters::plain_letters;

/// The least characters, with the same sign between each two, that are a word with signs strewn in.
const STREWN: usize = 4;
/// The zeros of the scripts that have digits of their own; the other nine follow.
const ZEROS: &str = "٠۰०০੦૦୦௦౦೦൦๐໐༠၀០᠐";
/// Letters that look like a Latin one, after that one. The second of each group replaces the Latin letter in a word of
/// another script.
const LOOK_ALIKES: [&str; 26] = [
    "aаαɑɐᴀ",
    "bвьβʙ",
    "cсϲᴄ",
    "dԁժᴅ",
    "eеєεҽҿэɛᴇɘ",
    "fғϝꜰ",
    "gԍɡɢց",
    "hнһηհʜɥ",
    "iіιɪїıɩ",
    "jјϳᴊ",
    "kкκᴋʞқ",
    "lӏʟ",
    "mмϻᴍɯ",
    "nпиոɴղπ",
    "oоοσօᴏθө",
    "pрρᴘ",
    "qԛզǫ",
    "rгяʀɹᴦ",
    "sѕꜱ",
    "tтτᴛʇ",
    "uцυսʋᴜ",
    "vѵνᴠʌ",
    "wшѡωԝᴡʍ",
    "xхχж",
    "yуүγყʏʎ",
    "zʐᴢ",
];

/// The password as it is judged: without accents, and with plain letters in the place of full-width ones and of
/// look-alikes from other alphabets, which a guesser tries for every word.
pub fn plain(text: &str) -> String {
    if text.is_ascii() {
        return gathered(text);
    }
    let bare = text.nfkd().filter(|c| !is_unseen(*c)).flat_map(on_a_keyboard);
    gathered(&in_one_script(&bare.nfc().collect::<String>()))
}

/// Whether a character is a mark or has no width. The marks that tell Japanese syllables apart are parts of letters.
fn is_unseen(c: char) -> bool {
    use GeneralCategory as G;
    let is_mark = || {
        let category = CodePointMapData::<G>::new().get(c);
        matches!(category, G::NonspacingMark | G::SpacingMark | G::EnclosingMark | G::Format)
    };
    !c.is_ascii()
        && !matches!(c, '\u{3099}' | '\u{309a}')
        && (is_mark() || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c))
}

fn on_a_keyboard(c: char) -> impl Iterator<Item = char> {
    // Letters in circles and squares, and those of flags.
    let boxed = [0x1_f150, 0x1_f170, 0x1_f1e6].into_iter().find_map(|first| nth_after(first, 26, c));
    let digit = ZEROS.chars().find_map(|zero| nth_after(zero.into(), 10, c));
    let (first, second) = match (boxed, digit) {
        (Some(nth), _) => (char::from_digit(nth + 10, 36).unwrap_or(c), None),
        (_, Some(nth)) => (char::from_digit(nth, 10).unwrap_or(c), None),
        _ => match c {
            'ß' => ('s', Some('s')),
            'ẞ' => ('S', Some('S')),
            'ə' | 'ǝ' => ('e', None),
            'Ə' | 'Ǝ' => ('E', None),
            'ŋ' => ('n', None),
            '。' | '·' | '・' | '•' => ('.', None),
            c => (c, None),
        },
    };
    let is_capital = first.is_uppercase() && !first.is_ascii();
    let lower = if is_capital { first.to_lowercase().next().unwrap_or(first) } else { first };
    let mut plain: Vec<char> = plain_letters(lower).chain(second).collect();
    if is_capital && let Some(first) = plain.first_mut() {
        *first = first.to_uppercase().next().unwrap_or(*first);
    }
    plain.into_iter()
}

fn nth_after(first: u32, count: u32, c: char) -> Option<u32> {
    u32::from(c).checked_sub(first).filter(|nth| *nth < count)
}

/// Rewrites runs of letters in two scripts, which are only written to disguise a word: where all letters of one script
/// look like some of the other, the run is in that other one.
fn in_one_script(text: &str) -> String {
    let mut plain = String::new();
    let mut run = String::new();
    for c in text.chars() {
        if c.is_alphabetic() {
            run.push(c);
        } else {
            plain.push_str(&of_one_script(&run));
            run.clear();
            plain.push(c);
        }
    }
    plain + &of_one_script(&run)
}

fn of_one_script(run: &str) -> String {
    if run.is_ascii() || run.chars().all(|c| !c.is_ascii() && !is_borrowed(c)) {
        return run.to_owned();
    }
    let latin: Option<String> = run.chars().map(|c| if c.is_ascii() { Some(c) } else { to_latin(c) }).collect();
    let other = || run.chars().map(|c| if c.is_ascii() { from_latin(c) } else { Some(c) }).collect();
    latin.or_else(other).unwrap_or_else(|| run.to_owned())
}

/// Whether a letter is of the Latin script: beyond ASCII, those are letters of phonetics, which decorate.
fn is_borrowed(c: char) -> bool {
    CodePointMapData::<Script>::new().get(c) == Script::Latin
}

fn to_latin(c: char) -> Option<char> {
    let lower = c.to_lowercase().next().unwrap_or(c);
    let group = LOOK_ALIKES.iter().find(|group| group.contains(c) || group.contains(lower))?;
    let latin = group.chars().next()?;
    Some(if c.is_uppercase() { latin.to_ascii_uppercase() } else { latin })
}

fn from_latin(c: char) -> Option<char> {
    let group = LOOK_ALIKES.iter().find(|group| group.starts_with(c.to_ascii_lowercase()))?;
    group.chars().nth(1).filter(|other| CodePointMapData::<Script>::new().get(*other) != Script::Latin)
}

/// Closes the gaps of `p.a.s.s`: single characters with the same sign between each two.
fn gathered(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut gathered = String::new();
    let mut at = 0;
    while let Some(c) = chars.get(at) {
        let (joined, end) = strewn_from(&chars, at);
        let is_strewn = joined.len() > STREWN || joined.len() == STREWN && joined.iter().any(|c| c.is_alphabetic());
        if is_strewn {
            gathered.extend(joined);
            at = end;
        } else {
            gathered.push(*c);
            at += 1;
        }
    }
    gathered
}

/// The letters and digits from `at` on that have the same sign between each two of them, and where they end.
fn strewn_from(chars: &[char], at: usize) -> (Vec<char>, usize) {
    let (mut joined, mut end) = (Vec::new(), at);
    let gap_after = |at: usize| {
        let gap: Vec<char> = chars.iter().skip(at).take_while(|c| !c.is_alphanumeric()).copied().collect();
        let is_one_sign = gap.first().is_some_and(|first| gap.iter().all(|c| c == first));
        is_one_sign.then_some(gap)
    };
    let is_single = |c: &&char| c.is_alphanumeric();
    let Some(first) = chars.get(at).filter(is_single) else { return (joined, end) };
    joined.push(*first);
    end += 1;
    let gap = gap_after(end);
    while let Some(gap) = &gap
        && gap_after(end).as_ref() == Some(gap)
        && let Some(next) = chars.get(end + gap.len()).filter(is_single)
    {
        joined.push(*next);
        end += gap.len() + 1;
    }
    (joined, end)
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn what_only_looks_different_is_the_same() {
        for (text, expected) in [
            ("Größe Łódź São", "Grosse Lodz Sao"),
            ("ＰａｓｓＷ０ｒｄ！", "PassW0rd!"),
            ("𝓹𝓪𝓼𝓼 ⓦⓞⓡⓓ 🅰🅱", "pass word ab"),
            ("pаsswоrd", "password"),
            ("парoль", "пароль"),
            ("pass\u{200b}wo\u{ad}rd", "password"),
            ("١٢٣۴५", "12345"),
            ("p.a.s.s.w.o.r.d!", "password!"),
            ("P - a - s - s", "P - a - s - s"),
            ("2024--l--e--t--m--e", "2024letme"),
        ] {
            assert_eq!(plain(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_different_stays_so() {
        for text in ["Катя und Jürgen", "ガラス", "1.2.3.4", "a b c", "창문", "vK8#qz!W", "🐕🦴"] {
            assert_eq!(plain(text), text.replace('ü', "u"));
        }
    }
}
