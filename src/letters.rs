//! Plain letters and signs for those that a keyboard lacks, such as `ae` for `æ`: by the plain ones names are searched
//! for and passwords judged.

/// The plain letters, one or two, that stand for a character where names are searched for and passwords are judged:
/// `ae` for `æ`, `'` for a typographic apostrophe. Small letters only, and only those that Unicode's decomposition
/// leaves whole; any other character stands for itself.
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
