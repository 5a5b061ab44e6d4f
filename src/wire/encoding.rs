//! The encoding that a caller accepts (`Accept-Encoding`, RFC 9110 §12.5.3).

use actix_web::http::header::{ACCEPT_ENCODING, HeaderMap};

/// Whether a caller accepts gzip, and does not prefer the plain form (`Accept-Encoding`, RFC 9110 §12.5.3). A part of
/// the header that cannot be read does not count; the rest does.
#[must_use]
pub fn accepts_gzip(headers: &HeaderMap) -> bool {
    let (mut gzip, mut any, mut identity) = (None, None, None);
    for value in headers.get_all(ACCEPT_ENCODING) {
        for part in value.as_bytes().split(|byte| *byte == b',') {
            let Some((coding, quality)) = std::str::from_utf8(part).ok().and_then(read) else { continue };
            match coding.to_ascii_lowercase().as_str() {
                "gzip" | "x-gzip" => gzip = Some(quality),
                "identity" => identity = Some(quality),
                "*" => any = Some(quality),
                _ => {}
            }
        }
    }
    let gzip = gzip.or(any).unwrap_or(0.0);
    gzip > 0.0 && gzip >= identity.unwrap_or(0.0)
}

/// Reads a coding such as `gzip` or `gzip;q=0.5`, with its weight.
fn read(part: &str) -> Option<(&str, f32)> {
    let (coding, parameter) = part.split_once(';').map_or((part, None), |(coding, rest)| (coding, Some(rest.trim())));
    let quality = match parameter.and_then(|parameter| parameter.split_once('=')) {
        Some((name, quality)) if name.trim().eq_ignore_ascii_case("q") => quality.trim().parse().ok()?,
        _ => 1.0,
    };
    (0.0..=1.0).contains(&quality).then_some((coding.trim(), quality))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};

    use super::accepts_gzip;

    fn accepts(values: &[&[u8]]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(ACCEPT_ENCODING, HeaderValue::from_bytes(value).expect("a header's value"));
        }
        accepts_gzip(&headers)
    }

    #[test]
    fn gzip_is_for_those_who_ask_for_it_and_like_it_no_less() {
        for taken in [
            "gzip",
            "GZIP",
            "br, gzip",
            "x-gzip",
            "*",
            "gzip;q=0.1",
            "gzip ; q=0.5, identity;q=0.5",
            "identity;q=0, *;q=0.1",
            "deflate;q=2, gzip",
        ] {
            assert!(accepts(&[taken.as_bytes()]), "{taken}");
        }
        for refused in ["", "br", "gzip;q=0", "*;q=0", "gzip;q=0, *", "identity, gzip;q=0.5", "gzip;q=high", "gzipped"]
        {
            assert!(!accepts(&[refused.as_bytes()]), "{refused}");
        }
        assert!(!accepts(&[]));
    }

    #[test]
    fn what_cannot_be_read_spoils_nothing_but_itself() {
        assert!(accepts(&[b"caf\xc3\xa9;q=1, gzip"]));
        assert!(accepts(&[b"\xff", b"gzip"]));
    }
}
