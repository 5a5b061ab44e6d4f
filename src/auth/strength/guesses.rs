//! How many guesses a text withstands from somebody who tries words, names, dates, walks over the keyboard and the
//! usual decoration. zxcvbn knows these one by one; how they are put together is counted here, since zxcvbn takes any
//! three pieces for hard (it adds 10,000 guesses for each further piece), and a word between signs for random letters.

use std::collections::HashSet;

use zxcvbn::{Entropy, matching::patterns::MatchPattern, zxcvbn};

/// The two-letter words that others are joined with; of all other pairs of letters there is some word.
const SHORT_WORDS: &[&str] = &[
    "am", "an", "as", "at", "be", "by", "do", "go", "he", "hi", "if", "in", "is", "it", "me", "my", "no", "of", "oh",
    "ok", "on", "or", "so", "to", "up", "us", "we",
];
/// Letters of the longest word that is looked for in a run of letters.
const LONGEST_WORD: usize = 14;
/// What each further piece is worth: whether there is one, and where.
const JOINT: u128 = 2;
/// The same for a word that nothing divides from the one before.
const CUT: u128 = 4;
/// So many letters of a run are cut into words, which is enough to know that they are hard.
const MOST_LETTERS: usize = 20;
/// How many of the ways to write a text in disguise are tried before the one that was taken.
const DISGUISE: u128 = 4;
/// So many different signs decorate words.
const MOST_SIGNS: usize = 2;
/// What is left of a text's guesses when it has no letters but in words.
const WORDS_ALONE: u128 = 10;
/// Which of the digits of a walk over the keyboard are typed with Shift.
const SHIFTED: u128 = 32;
/// Up to this length a text may be a walk over the keyboard with Shift held now and then.
const LONGEST_WALK: usize = 20;

/// The guesses for the way of putting `text` together that takes the fewest.
pub fn least(text: &str, expected: &[&str]) -> u128 {
    let plain = structured(text, expected);
    let undisguised = disguises(text).into_iter().map(|text| structured(&text, expected).saturating_mul(DISGUISE));
    let walk = unshifted(text).map_or(u128::MAX, |text| {
        product(&zxcvbn(&text, expected)).min(structured(&text, expected)).saturating_mul(SHIFTED)
    });
    undisguised.fold(plain.min(walk), u128::min)
}

/// The product of what zxcvbn found, with what it did not know counted by its alphabet.
pub fn product(estimate: &Entropy) -> u128 {
    let parts = estimate.sequence().iter().map(|part| match part.pattern {
        MatchPattern::BruteForce => at_random(&part.token),
        _ => part.guesses.unwrap_or(1).into(),
    });
    parts.fold(1, u128::saturating_mul)
}

/// The runs of letters, of digits and of other characters; a capital begins a new run of letters.
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

/// The guesses for one piece.
pub fn of_piece(piece: &str, expected: &[&str]) -> u128 {
    let random = at_random(piece);
    let length = piece.chars().count();
    match piece.chars().next().map(kind) {
        // A single sign is a space, a dot, an exclamation mark: one of the few that everybody takes.
        Some(CharKind::Sign) if length == 1 => 10,
        Some(CharKind::MailKind) if length > 1 => random.min(of_letters(piece, expected)),
        Some(CharKind::Digit) if length > 2 => random.min(product(&zxcvbn(piece, expected))),
        _ => random,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum CharKind {
    MailKind,
    Digit,
    Sign,
}

fn kind(c: char) -> CharKind {
    match c {
        '0'..='9' => CharKind::Digit,
        c if c.is_alphanumeric() => CharKind::MailKind,
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
    text.chars().map(alphabet).fold(1, u128::saturating_mul)
}

/// The product of all different pieces: a repetition is hardly worth a guess.
fn structured(text: &str, expected: &[&str]) -> u128 {
    let (mut seen, mut guesses, mut only_words, mut signs) = (HashSet::new(), 1_u128, true, 0);
    for piece in pieces(text) {
        if !seen.insert(piece.to_lowercase()) {
            continue;
        }
        signs += usize::from(piece.chars().next().is_some_and(|c| kind(c) == CharKind::Sign));
        // Where there are many different signs they do not decorate.
        let is_random = signs > MOST_SIGNS && piece.chars().count() == 1;
        let of_piece = if is_random { at_random(&piece) } else { of_piece(&piece, expected) };
        let joint = if seen.len() > 1 { JOINT } else { 1 };
        guesses = guesses.saturating_mul(of_piece).saturating_mul(joint);
        let is_letters = piece.chars().next().is_some_and(|c| kind(c) == CharKind::MailKind);
        // How much easier than its letters a word is, as far as it is one.
        let ease = if piece.chars().count() < 3 { 5 } else { 100 };
        only_words &= !is_letters || of_piece.saturating_mul(ease) < at_random(&piece);
    }
    if only_words { guesses / WORDS_ALONE } else { guesses }
}

/// The guesses for letters of one case, or with a capital: as one word, or cut into words where that takes the fewest.
fn of_letters(piece: &str, expected: &[&str]) -> u128 {
    let lower = piece.to_lowercase();
    let whole = product(&zxcvbn(&lower, expected)).max(2);
    let letters: Vec<char> = lower.chars().take(MOST_LETTERS).collect();
    // The fewest for the first so many letters.
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

/// The rank of a word; of what is none, its letters.
fn of_word(word: &str, expected: &[&str]) -> u128 {
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

/// What a text may be without the signs that look like letters, and without letters that come twice.
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
    // What stands at the end decorates.
    let spelled = text.char_indices().map(|(at, c)| if at < last_letter { letter(c) } else { c }).collect::<String>();
    let mut once = String::new();
    for c in text.chars() {
        if !once.ends_with(c) {
            once.push(c);
        }
    }
    let mut disguises = Vec::new();
    if spelled != text {
        disguises.push(spelled);
    }
    if once.chars().count() * 3 <= text.chars().count() * 2 {
        disguises.push(once);
    }
    disguises
}

/// The keys of an American keyboard, if Shift was held for some of the digits.
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
