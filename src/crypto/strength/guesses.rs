//! An estimate of the guesses that a text withstands from a guesser who tries words, names, dates, walks over the
//! keyboard and the usual decoration. zxcvbn knows these one by one; how they are put together is counted here, since
//! zxcvbn takes any three pieces for hard (it adds 10,000 guesses for each further piece), and a word between signs for
//! random letters.

use std::collections::HashSet;

use icu_properties::{CodePointMapData, props::Script};
use zxcvbn::{Entropy, matching::patterns::MatchPattern, zxcvbn};

use super::known;

/// The endings of ordinal numbers.
const ORDINALS: [&str; 4] = ["st", "nd", "rd", "th"];
/// The two-letter words of English that others are joined with; any other pair of letters counts as random.
const SHORT_WORDS: &[&str] = &[
    "am", "an", "as", "at", "be", "by", "do", "go", "he", "hi", "if", "in", "is", "it", "me", "my", "no", "of", "oh",
    "ok", "on", "or", "so", "to", "up", "us", "we",
];
/// The length of the longest word that is looked for in a run of letters.
const LONGEST_WORD: usize = 14;
/// The guesses for each further piece: whether there is one, and where.
const JOINT: u128 = 2;
/// The guesses for a further word that no sign divides from the one before.
const CUT: u128 = 4;
/// The most letters of a run that are cut into words: enough to know that they are hard.
const MOST_LETTERS: usize = 20;
/// The guesses for a disguise: how many ways to write a text are tried before the one that was taken.
const DISGUISE: u128 = 4;
/// The most different signs that decorate words.
const MOST_SIGNS: usize = 2;
/// The divisor of a text's guesses when all of its letters are in words.
const WORDS_ALONE: u128 = 10;
/// The guesses for which digits of a walk over the keyboard are typed with Shift.
const SHIFTED: u128 = 32;
/// The guesses for a word that no list here ranks: all languages together have more, but one is tried at a time.
const A_WORD: u128 = 20_000;
/// The length of the shortest Latin run that is taken for an unranked word; most of the shorter ones are words.
const SHORTEST_WORD: usize = 5;
/// The most consonants in a row in most words.
const MOST_CONSONANTS: usize = 3;
/// The guesses for a word that is usual in passwords, in whatever language.
const AN_EVERYDAY_WORD: u128 = 200;
/// The guesses for each syllable of a Chinese name in Latin letters.
const A_SYLLABLE: u128 = 40;
/// The guesses for a constant of mathematics or physics, or a well-known sequence of numbers.
const A_CONSTANT: u128 = 1_000;
/// The guesses for `th` behind a number.
const AN_ORDINAL: u128 = 4;
/// The guesses for an address's scheme or top-level domain; and for an IPv4 address, since people type few of them.
const AN_ADDRESS: u128 = 4;
const A_HOST_NUMBER: u128 = 10_000;
/// The length of the longest text that may be a walk over the keyboard with Shift held now and then.
const LONGEST_WALK: usize = 20;

/// An estimate of how many guesses an attacker needs for `text`, who tries words, names and dates joined in the usual
/// ways; `expected` are words that the attacker tries first. The cheapest way to put the text together counts.
pub fn least(text: &str, expected: &[&str]) -> u128 {
    let plain = structured(text, expected);
    let undisguised = disguises(text).into_iter().map(|text| structured(&text, expected).saturating_mul(DISGUISE));
    let address =
        without_address(text).map_or(u128::MAX, |(rest, guesses)| structured(&rest, expected).saturating_mul(guesses));
    let walk = unshifted(text).map_or(u128::MAX, |text| {
        product(&zxcvbn(&text, expected)).min(structured(&text, expected)).saturating_mul(SHIFTED)
    });
    undisguised.fold(plain.min(walk).min(address), u128::min)
}

/// The guesses of a zxcvbn estimate, as the product over its parts; parts without a pattern count by their alphabet.
/// Unlike zxcvbn's own number it adds nothing for each further part.
pub fn product(estimate: &Entropy) -> u128 {
    let parts = estimate.sequence().iter().map(|part| match part.pattern {
        MatchPattern::BruteForce => at_random(&part.token),
        _ => part.guesses.unwrap_or(1).into(),
    });
    parts.fold(1, u128::saturating_mul)
}

/// Splits a text into runs of letters, of digits and of other characters; a capital after a small letter begins a new
/// run, and so does a letter that is not ASCII.
pub fn pieces(text: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut before: Option<char> = None;
    for c in text.chars() {
        let goes_on =
            before.is_some_and(|before| kind(before) == kind(c) && !(before.is_lowercase() && c.is_uppercase()));
        match pieces.last_mut() {
            Some(piece) if goes_on => piece.push(c),
            _ => pieces.push(c.to_string()),
        }
        before = Some(c);
    }
    pieces
}

/// An estimate of how many guesses an attacker needs for one of the [`pieces`] of a text; `expected` are words that the
/// attacker tries first.
pub fn of_piece(piece: &str, expected: &[&str]) -> u128 {
    let random = at_random(piece);
    let length = piece.chars().count();
    match piece.chars().next().map(kind) {
        // A single sign is a space, a dot, an exclamation mark: one of the few that are usual.
        Some(CharKind::Sign) if length == 1 => 10,
        Some(CharKind::Letter | CharKind::Foreign) if length > 1 => random.min(of_letters(piece, expected)),
        Some(CharKind::Digit) if length > 2 => random.min(product(&zxcvbn(piece, expected))).min(of_constant(piece)),
        _ => random,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum CharKind {
    Letter,
    /// A letter, or a number, that is not ASCII.
    Foreign,
    Digit,
    Sign,
}

fn kind(c: char) -> CharKind {
    match c {
        '0'..='9' => CharKind::Digit,
        'a'..='z' | 'A'..='Z' => CharKind::Letter,
        c if c.is_alphanumeric() => CharKind::Foreign,
        _ => CharKind::Sign,
    }
}

fn at_random(text: &str) -> u128 {
    let alphabet = |c: char| match c {
        '0'..='9' | ' ' => 10,
        'a'..='z' | 'A'..='Z' => 26,
        c if c.is_ascii() => 33,
        _ => 100,
    };
    let is_foreign = |c: char| kind(c) == CharKind::Foreign;
    let others = text.chars().filter(|c| !is_foreign(*c)).map(alphabet).fold(1, u128::saturating_mul);
    let foreign = text.split(|c| !is_foreign(c)).map(of_unknown_word);
    foreign.fold(others, u128::saturating_mul)
}

/// The guesses for a run of letters in which no list finds a word: up to some length the run counts as one. Letters at
/// random cannot be told from a word in most scripts, but no word is much longer.
fn of_unknown_word(run: &str) -> u128 {
    let longest = |c: char| match CodePointMapData::<Script>::new().get(c) {
        // First scripts with a sign for each syllable or word; then those without blanks or vowels between words.
        Script::Han | Script::Hangul => (4, 100_u128),
        Script::Hiragana | Script::Katakana | Script::Thai | Script::Lao | Script::Khmer | Script::Myanmar => (6, 40),
        _ => (10, 26),
    };
    let (letters, further) = run.chars().map(longest).min().unwrap_or((0, 1));
    let random = run.chars().fold(1_u128, |guesses, _| guesses.saturating_mul(100));
    let beyond = run.chars().skip(letters).fold(A_WORD, |guesses, _| guesses.saturating_mul(further));
    random.min(beyond)
}

/// Whether Latin letters can be a word of some language: every pair of them is usual in one.
fn may_be_word(lower: &str) -> bool {
    /// The letters that usually follow each letter.
    const FOLLOWERS: [&str; 26] = [
        "bcdefghiklmnprstuvwyz",
        "abeilorsuy",
        "aehikloqrtuyz",
        "adegiorsuwyz",
        "abcdefghiklmnoprstuvwxyz",
        "aefiloruty",
        "aeghilnoruy",
        "aeilmnortuyw",
        "abcdefgklmnoprstvz",
        "aeiou",
        "aeiklnorstuyw",
        "abcdefgiklmopstuvyz",
        "abeimnoptuy",
        "acdefgijknostuvyz",
        "abcdefghiklmnoprstuvwxy",
        "aefhiloprstuy",
        "u",
        "abcdefgiklmnoprstuvwyz",
        "aceihklmnopqstuwyz",
        "acehilorstuwyz",
        "abcdefghiklmnprstvyz",
        "aeiory",
        "aehinoruy",
        "aceioptuy",
        "aceilmnoprst",
        "aeiklouwyz",
    ];
    let usual = |first: char, second: char| {
        let nth = usize::try_from(u32::from(first).wrapping_sub('a'.into())).unwrap_or(usize::MAX);
        FOLLOWERS.get(nth).is_some_and(|followers| followers.contains(second))
    };
    let is_vowel = |c: char| "aeiouy".contains(c);
    let longest_of_consonants = lower.split(is_vowel).map(str::len).max().unwrap_or(0);
    lower.chars().count() >= SHORTEST_WORD
        && longest_of_consonants <= MOST_CONSONANTS
        && lower.chars().zip(lower.chars().skip(1)).all(|(a, b)| usual(a, b))
}

/// The guesses for digits if a part of them belongs to a known constant.
fn of_constant(digits: &str) -> u128 {
    known::constant_in(digits).map_or(u128::MAX, |(before, behind)| {
        [before, behind].into_iter().map(at_random).fold(A_CONSTANT, u128::saturating_mul)
    })
}

/// The product of the guesses for all different pieces: a repetition is hardly worth a guess.
fn structured(text: &str, expected: &[&str]) -> u128 {
    let (mut seen, mut guesses, mut only_words, mut signs) = (HashSet::new(), 1_u128, true, 0);
    let mut before = CharKind::Sign;
    for piece in pieces(text) {
        let kind = piece.chars().next().map_or(CharKind::Sign, kind);
        let is_ordinal = before == CharKind::Digit && ORDINALS.contains(&piece.as_str());
        before = kind;
        if !seen.insert(piece.to_lowercase()) {
            continue;
        }
        signs += usize::from(kind == CharKind::Sign);
        // Where there are many different signs, they do not decorate but are random.
        let is_random = signs > MOST_SIGNS && piece.chars().count() == 1;
        let of_piece = match is_random {
            true => at_random(&piece),
            false if is_ordinal => AN_ORDINAL,
            false => of_piece(&piece, expected),
        };
        let joint = if seen.len() > 1 { JOINT } else { 1 };
        guesses = guesses.saturating_mul(of_piece).saturating_mul(joint);
        // How much easier to guess a word is than its letters.
        let ease = match piece.chars().count() {
            0..3 => 5,
            3 => 20,
            _ => 100,
        };
        only_words &= kind != CharKind::Letter || of_piece.saturating_mul(ease) < at_random(&piece);
    }
    if only_words { guesses / WORDS_ALONE } else { guesses }
}

/// The guesses for letters of one case, or with a capital: as one word, or cut into words where that takes the fewest.
fn of_letters(piece: &str, expected: &[&str]) -> u128 {
    let lower = piece.to_lowercase();
    let is_of_one_case =
        piece == lower || piece == lower.to_uppercase() || piece.chars().skip(1).eq(lower.chars().skip(1));
    let unknown = if is_of_one_case && may_be_word(&lower) { of_unknown_word(&lower) } else { u128::MAX };
    let name = known::syllables_of_name(&lower).map_or(u128::MAX, |syllables| A_SYLLABLE.saturating_pow(syllables));
    let whole = product(&zxcvbn(&lower, expected)).max(2).min(unknown).min(name);
    let letters: Vec<char> = lower.chars().take(MOST_LETTERS).collect();
    // The fewest guesses for the first 0, 1, 2 … letters.
    let mut fewest = vec![1];
    fewest.resize(letters.len() + 1, u128::MAX);
    for begin in 0..letters.len() {
        let before = fewest.get(begin).copied().unwrap_or(u128::MAX);
        let joint = if begin == 0 { 1 } else { CUT };
        for end in begin + 1..=letters.len().min(begin + LONGEST_WORD) {
            let Some(fewest) = fewest.get_mut(end) else { break };
            let before = before.saturating_mul(joint);
            // No word is so easy that this way would be the easiest.
            if before.saturating_mul(2) < whole.min(*fewest) {
                let word: String = letters.get(begin..end).into_iter().flatten().collect();
                *fewest = before.saturating_mul(of_word(&word, expected)).min(*fewest);
            }
        }
    }
    let cut = fewest.last().copied().unwrap_or(u128::MAX);
    whole.min(cut).saturating_mul(if lower == piece { 1 } else { 2 })
}

/// The guesses for a word: its rank, or those for its letters if it is none.
fn of_word(word: &str, expected: &[&str]) -> u128 {
    let everyday = if known::is_everyday_word(word) { AN_EVERYDAY_WORD } else { u128::MAX };
    everyday.min(of_ranked_word(word, expected))
}

fn of_ranked_word(word: &str, expected: &[&str]) -> u128 {
    // Letters that zxcvbn does not know are one word, wherever they are cut.
    if !word.is_ascii() {
        return u128::MAX;
    }
    let random = at_random(word);
    let length = word.chars().count();
    if length < 2 || length == 2 && !SHORT_WORDS.contains(&word) {
        return random;
    }
    match zxcvbn(word, expected).sequence() {
        [part] if part.pattern != MatchPattern::BruteForce => {
            random.min(part.guesses.map_or(u128::MAX, u128::from).max(2))
        }
        _ => random,
    }
}

/// The texts that `text` may be in disguise: with letters for the signs that look like them, without repeated letters,
/// and so on.
fn disguises(text: &str) -> Vec<String> {
    let last_letter = text.char_indices().rev().find(|(_, c)| c.is_alphabetic()).map_or(0, |(at, _)| at);
    let letter = |c: char| match c {
        '4' | '@' => 'a',
        '3' => 'e',
        '1' | '!' => 'i',
        '0' => 'o',
        '$' | '5' => 's',
        '7' => 't',
        c => c,
    };
    // Signs at the end decorate.
    let spelled = text.char_indices().map(|(at, c)| if at < last_letter { letter(c) } else { c }).collect::<String>();
    let mut once = String::new();
    for c in text.chars() {
        if !once.ends_with(c) {
            once.push(c);
        }
    }
    let mut disguises: Vec<String> = known::without_number(text).into_iter().collect();
    disguises.extend(without_points(text));
    disguises.extend(known::name_in_capitals(text));
    if spelled != text {
        disguises.push(spelled);
    }
    if once.chars().count() * 3 <= text.chars().count() * 2 {
        disguises.push(once);
    }
    disguises
}

/// A text without the dots and commas that divide a number's digits.
fn without_points(text: &str) -> Option<String> {
    let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let (mut rest, mut before, mut behind) = (String::new(), None, text.chars().skip(1));
    for c in text.chars() {
        if !(matches!(c, '.' | ',') && is_digit(before) && is_digit(behind.clone().next())) {
            rest.push(c);
        }
        before = Some(c);
        let _mark = behind.next();
    }
    (rest != text).then_some(rest)
}

/// An address (of a page, a host, a mailbox) without its scheme and top-level domain, and the guesses for those.
fn without_address(text: &str) -> Option<(String, u128)> {
    let mut rest = text.to_lowercase();
    let mut guesses = 1_u128;
    for beginning in known::BEGINNINGS_OF_ADDRESSES {
        if let Some(behind) = rest.strip_prefix(beginning) {
            guesses = guesses.saturating_mul(AN_ADDRESS);
            rest = behind.to_owned();
        }
    }
    let mut kept: Vec<&str> = Vec::new();
    for part in rest.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-') {
        let host = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let end = part.get(host.len()..).unwrap_or_default();
        if is_host_number(host) {
            guesses = guesses.saturating_mul(A_HOST_NUMBER);
            kept.push(end);
        } else if let Some((name, number)) = without_top_level(host) {
            guesses = guesses.saturating_mul(AN_ADDRESS);
            kept.extend([name, number, end]);
        } else {
            kept.push(part);
        }
    }
    (guesses > 1).then(|| (kept.concat(), guesses))
}

/// The names before a top-level domain, and the number behind it.
fn without_top_level(host: &str) -> Option<(&str, &str)> {
    let (names, last) = host.rsplit_once('.')?;
    let top = last.trim_end_matches(|c: char| c.is_ascii_digit());
    known::TOP_LEVEL_DOMAINS.contains(&top).then(|| (names, last.get(top.len()..).unwrap_or_default()))
}

/// Whether a host is four numbers of a byte each, with a dot between them (IPv4).
fn is_host_number(host: &str) -> bool {
    host.split('.').count() == 4 && host.split('.').all(|number| number.parse::<u8>().is_ok())
}

/// The text with digits for the signs that Shift makes of them on an American keyboard, if there are any.
fn unshifted(text: &str) -> Option<String> {
    const SHIFTED: &str = ")!@#$%^&*(";
    if text.contains(' ') || text.chars().count() > LONGEST_WALK {
        return None;
    }
    let key =
        |c| SHIFTED.find(c).and_then(|digit| u32::try_from(digit).ok()).and_then(|digit| char::from_digit(digit, 10));
    let keys: String = text.to_lowercase().chars().map(|c| key(c).unwrap_or(c)).collect();
    (keys != text.to_lowercase()).then_some(keys)
}
