//! The media types that a caller accepts, and which of two the caller prefers (`Accept`, RFC 9110 §12.5.1).

use actix_web::{
    dev::ServiceResponse,
    http::{
        Method,
        header::{self, HeaderMap},
    },
};

use crate::headers::split_unquoted;

/// Whether the `Accept` of the request admits the media type of this response to it. An error, which is a problem
/// document, is always accepted, and so is a response without a media type, or to OPTIONS.
pub fn is_accepted(response: &ServiceResponse) -> bool {
    if !response.status().is_success() || response.request().method() == Method::OPTIONS {
        return true;
    }
    let Some(made) = response.headers().get(header::CONTENT_TYPE) else { return true };
    let made = std::str::from_utf8(made.as_bytes()).unwrap_or_default();
    accepts(response.request().headers(), made.split(';').next().unwrap_or_default())
}

/// Whether `Accept` admits `media_type`, written without parameters, such as `text/html` (RFC 9110 §12.5.1): the most
/// specific range decides, and without the header every type is admitted. A part of the header that cannot be read
/// refuses nothing, since it may have meant this type.
pub fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let mut values = headers.get_all(header::ACCEPT);
    let Some(value) = values.next() else { return true };
    let is_usual = value == "*/*" || value.is_empty() || value.as_bytes() == media_type.as_bytes();
    if is_usual && values.next().is_none() {
        return true;
    }
    let read = Ranges::read(headers);
    read.quality_of(media_type).map_or(read.may_mean_any || read.ranges.is_empty(), |quality| quality > 0)
}

/// Whether `Accept` gives `media_type` more weight than `other` (RFC 9110 §12.5.1). A header that names neither, or
/// both alike (`*/*`), prefers neither; a part that cannot be read says nothing.
pub fn prefers(headers: &HeaderMap, media_type: &str, other: &str) -> bool {
    // Nearly everybody who calls names no type, or this one, and there is nothing to weigh.
    if headers.get(header::ACCEPT).is_none_or(|value| value == "*/*" || value.as_bytes() == other.as_bytes()) {
        return false;
    }
    let read = Ranges::read(headers);
    read.quality_of(media_type).unwrap_or(0) > read.quality_of(other).unwrap_or(0)
}

/// All media ranges of a request.
struct Ranges<'a> {
    ranges: Vec<Range<'a>>,
    /// Whether there are parts that cannot be read.
    may_mean_any: bool,
}

impl<'a> Ranges<'a> {
    fn read(headers: &'a HeaderMap) -> Self {
        let values = headers.get_all(header::ACCEPT);
        let items = values.flat_map(|value| split_unquoted(value.as_bytes(), b',')).filter(|item| !item.is_empty());
        let (mut ranges, mut may_mean_any) = (Vec::new(), false);
        for item in items {
            match Range::read(item) {
                Some(range) => ranges.push(range),
                None => may_mean_any = true,
            }
        }
        Self { ranges, may_mean_any }
    }

    /// The weight of a media type in thousandths, by the most specific range; none, if there is no range for it.
    fn quality_of(&self, media_type: &str) -> Option<u16> {
        let fitting = self.ranges.iter().filter_map(|range| Some((range.specificity(media_type)?, range.quality)));
        fitting.max().map(|(_, quality)| quality)
    }
}

/// A media range and its weight.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    /// In thousandths; 0 is not wanted at all.
    quality: u16,
}

impl<'a> Range<'a> {
    /// Reads a media range. Of its parameters only the weight counts; all others are ignored.
    fn read(item: &'a [u8]) -> Option<Self> {
        let mut parts = split_unquoted(item, b';');
        let (kind, subtype) = std::str::from_utf8(parts.next()?).ok()?.split_once('/')?;
        if !is_token(kind) || !is_token(subtype) || kind == "*" && subtype != "*" || is_open(item) {
            return None;
        }
        let mut quality = 1000;
        for part in parts {
            let mut sides = part.splitn(2, |byte| *byte == b'=').map(<[u8]>::trim_ascii);
            if sides.next().is_some_and(|name| name.eq_ignore_ascii_case(b"q")) {
                quality = thousandths(sides.next().unwrap_or_default())?;
            }
        }
        Some(Self { kind, subtype, quality })
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

/// A weight in thousandths, of which there is one at least if it is above 0; none, if it is no number. It may have any
/// number of digits, and be written without the 0 before the point, as Java does.
fn thousandths(weight: &[u8]) -> Option<u16> {
    let mut parts = weight.splitn(2, |byte| *byte == b'.');
    let (whole, fraction) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let is_number = weight.iter().any(u8::is_ascii_digit) && [whole, fraction].concat().iter().all(u8::is_ascii_digit);
    if !is_number {
        return None;
    }
    let is_more_than_nothing = |digits: &[u8]| digits.iter().any(|digit| *digit != b'0');
    if is_more_than_nothing(whole) {
        return Some(1000);
    }
    let digits = fraction.iter().chain(b"000").take(3).fold(0, |sum, digit| 10 * sum + u16::from(*digit - b'0'));
    Some(digits.max(u16::from(is_more_than_nothing(fraction))))
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

    use super::{accepts, prefers};

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

    #[test]
    fn html_is_for_those_who_give_it_more_weight_than_json() {
        let prefers_html = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_bytes(accept.as_bytes()).expect("a header"));
            prefers(&headers, "text/html", "application/json")
        };
        for browser in [
            // Firefox, Chromium, Safari; lynx; w3m.
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,\
             application/signed-exchange;v=b3;q=0.7",
            "text/html, text/plain, text/sgml, text/css, application/xhtml+xml, */*;q=0.01",
            "text/html, text/*;q=0.5, image/*, application/*;q=0.9",
            "text/html",
            "TEXT/HTML;charset=utf-8",
            "text/*",
            "application/json;q=0.5, text/html;q=0.501",
            "application/json;q=0, */*;q=0.0001",
            "text/html, é",
        ] {
            assert!(prefers_html(browser), "{browser}");
        }
        for program in [
            "",
            "*/*",
            "application/json",
            "application/json, text/plain, */*",
            "application/json, text/html",
            "text/html, application/json;q=1.5",
            "text/html;q=0.9, application/json;q=0.9",
            "text/html;q=0.5, */*",
            "text/html;q=0",
            "text/html;q=0, */*;q=0.1",
            "application/xhtml+xml",
            "text/html;q=x",
            "é",
        ] {
            assert!(!prefers_html(program), "{program}");
        }
        assert!(!prefers(&HeaderMap::new(), "text/html", "application/json"));
    }
}
