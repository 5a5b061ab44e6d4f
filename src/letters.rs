//! Letters and signs in the place of which a keyboard has plainer ones: names are found by those, and passwords guessed.

/// What stands for a character on a keyboard that lacks it: letters that Unicode does not take apart, and signs that
/// programs put in the place of what was typed.
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
