//! Plain letters and signs in place of those that a keyboard lacks: names are found by the plain ones, and passwords
//! guessed.

/// The plain letters for a character that a keyboard lacks: for letters that Unicode does not take apart, and for signs
/// that programs put in place of typed ones.
pub fn plain_letters(c: char) -> impl Iterator<Item = char> {
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
