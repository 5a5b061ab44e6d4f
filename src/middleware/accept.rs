//! Whether the caller accepts a response's media type (`Accept`, RFC 9110 §12.5.1).

use actix_web::{
    dev::ServiceResponse,
    http::{
        Method,
        header::{self, HeaderMap},
    },
};

use crate::headers::split_unquoted;

/// Whether the caller accepts a response. Errors are problem documents whatever the request accepts.
pub fn is_accepted(response: &ServiceResponse) -> bool {
    if !response.status().is_success() || response.request().method() == Method::OPTIONS {
        return true;
    }
    let Some(made) = response.headers().get(header::CONTENT_TYPE) else { return true };
    accepts(response.request().headers(), std::str::from_utf8(made.as_bytes()).unwrap_or_default())
}

/// Whether `Accept` admits a media type: the most specific range decides. A part that cannot be read refuses nothing,
/// since it may have meant this type.
pub fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let mut values = headers.get_all(header::ACCEPT);
    let Some(value) = values.next() else { return true };
    let is_usual = value == "*/*" || value.is_empty() || value.as_bytes() == media_type.as_bytes();
    if is_usual && values.next().is_none() {
        return true;
    }
    let values = headers.get_all(header::ACCEPT);
    let items = values.flat_map(|value| split_unquoted(value.as_bytes(), b',')).filter(|item| !item.is_empty());
    let (mut asks, mut may_have_meant_it, mut best) = (false, false, None);
    for item in items {
        asks = true;
        match Range::read(item) {
            Some(range) => {
                best = best.max(range.specificity(media_type).map(|specificity| (specificity, range.is_wanted)));
            }
            None => may_have_meant_it = true,
        }
    }
    best.map_or(may_have_meant_it || !asks, |(_, is_wanted)| is_wanted)
}

/// A media range, and whether its weight is above 0: there is one type to choose from, so preferences do not matter.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    is_wanted: bool,
}

impl<'a> Range<'a> {
    /// Reads a media range. Of its parameters only the weight counts; all others are ignored.
    fn read(item: &'a [u8]) -> Option<Self> {
        let mut parts = split_unquoted(item, b';');
        let (kind, subtype) = std::str::from_utf8(parts.next()?).ok()?.split_once('/')?;
        if !is_token(kind) || !is_token(subtype) || kind == "*" && subtype != "*" || is_open(item) {
            return None;
        }
        let mut is_wanted = true;
        for part in parts {
            let mut sides = part.splitn(2, |byte| *byte == b'=').map(<[u8]>::trim_ascii);
            if sides.next().is_some_and(|name| name.eq_ignore_ascii_case(b"q")) {
                is_wanted = is_more_than_nothing(sides.next().unwrap_or_default())?;
            }
        }
        Some(Self { kind, subtype, is_wanted })
    }

    /// The specificity with which the range names a media type, from 0 to 2; `None` if it does not match.
    fn specificity(&self, media_type: &str) -> Option<u8> {
        let (kind, subtype) = media_type.split_once('/').unwrap_or_default();
        match (self.kind, self.subtype) {
            ("*", "*") => Some(0),
            (a, "*") if a.eq_ignore_ascii_case(kind) => Some(1),
            (a, b) if a.eq_ignore_ascii_case(kind) && b.eq_ignore_ascii_case(subtype) => Some(2),
            _ => None,
        }
    }
}

/// Whether a weight is above 0; `None` if it is no number. A weight may have any number of digits, and be written
/// without the 0 before the point, as Java does.
fn is_more_than_nothing(weight: &[u8]) -> Option<bool> {
    let mut parts = weight.split(|byte| *byte == b'.');
    let is_number = weight.iter().any(u8::is_ascii_digit)
        && parts.by_ref().take(2).all(|digits| digits.iter().all(u8::is_ascii_digit))
        && parts.next().is_none();
    is_number.then(|| weight.iter().any(|byte| matches!(byte, b'1'..=b'9')))
}

/// Whether a quoted string begins that does not end, so that the rest cannot be understood.
fn is_open(item: &[u8]) -> bool {
    let (is_quoted, _) = item.iter().fold((false, false), |(is_quoted, is_escaped), byte| match byte {
        b'\\' if is_quoted && !is_escaped => (true, true),
        b'"' if !is_escaped => (!is_quoted, false),
        _ => (is_quoted, false),
    });
    is_quoted
}

/// Whether a text is a token (RFC 9110 §5.6.2).
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{ACCEPT, HeaderMap, HeaderValue};

    use super::accepts;

    fn admits(accept: &[u8]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_bytes(accept).expect("a header"));
        accepts(&headers, "application/json")
    }

    #[test]
    fn the_most_specific_range_that_can_be_read_decides() {
        for accept in [
            &b"application/json;note=\"a,b\""[..],
            b"application/*;q=0, application/json;q=0.1",
            "application/*;q=0, é/é, application/json;q=.1".as_bytes(),
            b"text/html;title=\"\xe9\", application/json",
            b"application/json;q=0.5555",
            b"application/json;q=1.5",
            b"application/json; Q=1.",
            b"application/json;q=0, application/json",
            b"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
            b",, application/json ,",
            b"*/*;q=0.001",
            b"",
            b" , ",
        ] {
            assert!(admits(accept), "{}", String::from_utf8_lossy(accept));
        }
        for accept in [
            &b"text/html"[..],
            b"text/html;title=\"\xe9\"",
            b"text/html;title=\"a, application/json\"",
            b"text/html;title=\"\\\", application/json\"",
            b"application/json;q=0",
            b"application/json;q=0.000, */*",
            b"application/json; q=.0",
            b"application/json;note=\xe9;q=0",
            b"*/*;q=0",
            b"application/problem+json",
        ] {
            assert!(!admits(accept), "{}", String::from_utf8_lossy(accept));
        }
    }

    #[test]
    fn what_cannot_be_read_refuses_nothing() {
        for accept in [
            &b"foo"[..],
            b"*",
            b"*;q=.2",
            b"/",
            b"json/",
            b"*/json",
            b"text/html/x",
            b"text html",
            "é".as_bytes(),
            b"text/\xe9",
            b"\xff, text/html",
            b"text/html, *;q=.2",
            b"application/json;q=abc",
            b"application/json;q=",
            b"application/json;q",
            b"application/json;q=-1",
            b"application/json;q=nan",
            b"application/json;q=0.0.0",
            b"text/html;q=x, image/gif",
            b"text/html;title=\"a, image/gif",
        ] {
            assert!(admits(accept), "{}", String::from_utf8_lossy(accept));
        }
        assert!(!admits(b"application/json;q=0, foo"), "what can be read says no");
    }
}
