//! Headers that others write into: browsers, proxies, neighbours on the same domain. Their bytes are split first, and
//! each part is judged by itself, so that one that is no text spoils no other.

use actix_web::http::header::{HeaderMap, HeaderName};

/// The white space around a part (RFC 9110 §5.6.3).
const WHITE: [char; 2] = [' ', '\t'];

/// The parts of all headers of this name, without the white space around them; empty where one is no text.
pub fn parts<'a>(headers: &'a HeaderMap, name: &HeaderName, separator: u8) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).flat_map(move |value| split(value.as_bytes(), separator))
}

/// The parts of one value, without the white space around them; empty where one is no text.
fn split(value: &[u8], separator: u8) -> impl Iterator<Item = &str> {
    value
        .split(move |byte| *byte == separator)
        .map(|part| std::str::from_utf8(part).unwrap_or_default().trim_matches(WHITE))
}

/// The parts of one value as bytes, without the white space around them; a separator in a quoted string does not count
/// (RFC 9110 §5.6.4).
pub fn split_unquoted(value: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let ends = move |byte: &u8| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match *byte {
            b'\\' if is_quoted && !was_escaped => is_escaped = true,
            b'"' if !was_escaped => is_quoted = !is_quoted,
            byte => return byte == separator && !is_quoted,
        }
        false
    };
    value.split(ends).map(<[u8]>::trim_ascii)
}

/// The value of the one header of this name; `None` if there are several, or if it is no text.
pub fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name);
    let value = values.next().filter(|_| values.next().is_none())?;
    std::str::from_utf8(value.as_bytes()).ok().map(|value| value.trim_matches(WHITE))
}

/// Bytes as text, at most `most` characters: UTF-8, and all other bytes as ISO 8859-1, in which headers were written
/// before (RFC 9110 §5.5). Control characters are left out.
#[must_use]
pub fn lossy_text(value: &[u8], most: usize) -> String {
    let chunks = value.utf8_chunks();
    let chars = chunks.flat_map(|chunk| chunk.valid().chars().chain(chunk.invalid().iter().copied().map(char::from)));
    let text: String = chars.filter(|c| !c.is_control()).take(most).collect();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::lossy_text;

    #[test]
    fn bytes_are_read_as_people_mean_them() {
        for (bytes, text) in [
            (&b"Lynx/2.9"[..], "Lynx/2.9"),
            ("Rex’s é".as_bytes(), "Rex’s é"),
            (b"Rex\xe9 \xc3\xa9", "Rexé é"),
            (b"a\x80\xc2\x85\x7f\tb", "ab"),
            (b"\xff\xfe", "ÿþ"),
            (b" \t", ""),
        ] {
            assert_eq!(lossy_text(bytes, 255), text);
        }
        assert_eq!(lossy_text("é".repeat(300).as_bytes(), 255), "é".repeat(255));
    }
}
