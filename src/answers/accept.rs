//! Whether the caller takes what we make (`Accept`, RFC 9110 §12.5.1).

use actix_web::{
    dev::ServiceResponse,
    http::{
        Method,
        header::{self, HeaderMap, Quality, QualityItem},
    },
    mime,
};

/// Whether the caller takes what was made for it. Errors are problem documents whatever is asked for.
pub fn is_accepted(response: &ServiceResponse) -> bool {
    if !response.status().is_success() || response.request().method() == Method::OPTIONS {
        return true;
    }
    let Some(made) = response.headers().get(header::CONTENT_TYPE) else { return true };
    accepts(response.request().headers(), made.to_str().unwrap_or_default())
}

/// Whether `Accept` admits a media type (RFC 9110 §12.5.1): the most specific range decides.
pub fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let Some(value) = headers.get(header::ACCEPT) else { return true };
    if value == "*/*" || value.is_empty() || value.as_bytes() == media_type.as_bytes() {
        return true;
    }
    // What cannot be understood asks for nothing.
    let Ok(ranges) = header::from_comma_delimited::<_, QualityItem<mime::Mime>>(headers.get_all(header::ACCEPT)) else {
        return true;
    };
    let (kind, subtype) = media_type.split_once('/').unwrap_or_default();
    let specificity = |range: &mime::Mime| match (range.type_().as_str(), range.subtype().as_str()) {
        ("*", "*") => Some(0),
        (a, "*") if a == kind => Some(1),
        (a, b) if a == kind && b == subtype => Some(2),
        _ => None,
    };
    let matching = ranges.iter().filter_map(|range| Some((specificity(&range.item)?, range.quality)));
    matching.max_by_key(|(specificity, _)| *specificity).is_some_and(|(_, quality)| quality > Quality::ZERO)
}
