//! Reading of request headers that others may write into: browsers, proxies, neighbours on the same domain. A header is
//! split into its parts as bytes, so that a part that is no text spoils no other.

use actix_web::http::header::{HeaderMap, HeaderName};

/// The white space around a part (RFC 9110 §5.6.3).
const WHITE: [char; 2] = [' ', '\t'];

/// The parts between `separator` of all headers of this name, in their order, each without the white space around it. A
/// part that is not UTF-8 is an empty string. Quoted strings are not respected: see [`split_unquoted`].
pub fn parts<'a>(headers: &'a HeaderMap, name: &HeaderName, separator: u8) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).flat_map(move |value| split(value.as_bytes(), separator))
}

/// The parts of one value, without the white space around them; empty where one is no text.
fn split(value: &[u8], separator: u8) -> impl Iterator<Item = &str> {
    value
        .split(move |byte| *byte == separator)
        .map(|part| std::str::from_utf8(part).unwrap_or_default().trim_matches(WHITE))
}

/// The parts of one header's value between `separator`, as bytes, each without the white space around it. A separator
/// within a quoted string does not count (RFC 9110 §5.6.4).
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

/// The value of the header of this name, without the white space around it; `None` if there is none or several, or if
/// it is not UTF-8.
pub fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name);
    let value = values.next().filter(|_| values.next().is_none())?;
    std::str::from_utf8(value.as_bytes()).ok().map(|value| value.trim_matches(WHITE))
}

/// The value of a header as text for people, at most `most` characters of it: read as UTF-8, and any other byte as ISO
/// 8859-1, in which headers were written before (RFC 9110 §5.5). Control characters are left out.
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
