//! Whether the caller takes what we make (`Accept`, RFC 9110 §12.5.1).

use actix_web::{
    dev::ServiceResponse,
    http::{
        Method,
        header::{self, HeaderMap},
    },
};

use crate::wire::header::split;

/// Whether the caller takes what was made for it. Errors are problem documents whatever is asked for.
pub fn is_accepted(response: &ServiceResponse) -> bool {
    if !response.status().is_success() || response.request().method() == Method::OPTIONS {
        return true;
    }
    let Some(made) = response.headers().get(header::CONTENT_TYPE) else { return true };
    accepts(response.request().headers(), std::str::from_utf8(made.as_bytes()).unwrap_or_default())
}

/// Whether `Accept` admits a media type (RFC 9110 §12.5.1): the most specific range decides.
pub fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let Some(value) = headers.get(header::ACCEPT) else { return true };
    if value == "*/*" || value.is_empty() || value.as_bytes() == media_type.as_bytes() {
        return true;
    }
    // What cannot be understood asks for nothing.
    let items = headers.get_all(header::ACCEPT).flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let mut ranges = items.filter_map(Range::read).peekable();
    if ranges.peek().is_none() {
        return true;
    }
    let matching = ranges.filter_map(|range| Some((range.specificity(media_type)?, range.is_wanted)));
    matching.max_by_key(|(specificity, _)| *specificity).is_some_and(|(_, is_wanted)| is_wanted)
}

/// A media range, and whether it is wanted at all: what is wanted more than another there is no choice of.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    is_wanted: bool,
}

impl<'a> Range<'a> {
    /// Reads a media range; a parameter that is no text spoils only itself.
    fn read(item: &'a [u8]) -> Option<Self> {
        let mut parts = split(item, b';');
        let (kind, subtype) = parts.next()?.split_once('/')?;
        if kind.is_empty() || subtype.is_empty() {
            return None;
        }
        let parameters = parts.filter_map(|parameter| parameter.split_once('='));
        let quality = parameters.filter(|(name, _)| name.eq_ignore_ascii_case("q")).last();
        let quality: f32 = quality.map_or(Some(1.0), |(_, value)| value.parse().ok())?;
        Some(Self { kind, subtype, is_wanted: quality > 0.0 })
    }

    /// How exactly the range names a media type; none, if the type is another one.
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

#[cfg(test)]
mod tests {
    use actix_web::http::header::{ACCEPT, HeaderMap, HeaderValue};

    use super::accepts;

    #[test]
    fn a_part_that_is_no_text_spoils_only_itself() {
        for (accept, admits) in [
            (&b"text/html;title=\"\xe9\", application/json"[..], true),
            (b"text/html;title=\"\xe9\"", false),
            ("é, text/html".as_bytes(), false),
            ("application/json;note=é;q=0".as_bytes(), false),
            ("application/json;note=\"a,b\"".as_bytes(), true),
            ("application/*;q=0, é/é, application/json;q=0.1".as_bytes(), true),
            ("é".as_bytes(), true),
            (b"nonsense", true),
            (b"text/html;q=x, application/json", true),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_bytes(accept).expect("a header"));
            assert_eq!(accepts(&headers, "application/json"), admits, "{}", String::from_utf8_lossy(accept));
        }
    }
}
