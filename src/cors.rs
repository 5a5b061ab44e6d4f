//! Which other origins' pages may call from a browser (the Fetch standard's CORS protocol). The headers go onto
//! every answer in `answers`, and so onto errors, panics' among them.

mod authority;

use std::str::FromStr;

use actix_web::{
    HttpResponse,
    http::{
        Method, Uri,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
};

use self::authority::WebOrigin;
use crate::{
    config::PublicUrl,
    wire::header::{parts, single},
};

/// What pages may read of an answer, beside what they always may.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "ETag, Link, Location, Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate, X-Request-Id, X-Total-Count, \
     Idempotency-Replayed, Content-Disposition",
);
/// What we read of a request.
const ALLOWED_HEADERS: HeaderValue = HeaderValue::from_static(
    "Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id",
);
const ALLOWED_METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
/// Seconds that a browser may remember a preflight; Chromium keeps none longer.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const ORIGIN: HeaderValue = HeaderValue::from_static("Origin");
const TRUE: HeaderValue = HeaderValue::from_static("true");

/// Scheme, host and port, exactly as a browser sends them (RFC 6454 §6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

impl FromStr for Origin {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let uri: Uri = text.parse().map_err(|_| ())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(()) };
        // A browser leaves a port away that goes without saying, and so it would never be equal.
        let has_usual_port = matches!((scheme, authority.port_u16()), ("http", Some(80)) | ("https", Some(443)));
        let has_wrong_port = authority.port().is_none() && authority.as_str() != authority.host();
        let is_exact = text == format!("{scheme}://{authority}") && text == text.to_ascii_lowercase();
        // Apps have schemes of their own (`capacitor://localhost`); of these no page ever calls.
        let is_no_pages = matches!(scheme, "ftp" | "file" | "ws" | "wss");
        if is_no_pages || has_usual_port || has_wrong_port || !is_exact || authority.as_str().contains(['@', '*']) {
            return Err(());
        }
        HeaderValue::from_str(text).map(Self).map_err(|_| ())
    }
}

/// The origins whose pages may call; none by default.
#[derive(Debug)]
pub struct Cors {
    allowed: Vec<Origin>,
    /// The server's own, as people reach it.
    own: Option<WebOrigin>,
}

impl Cors {
    #[must_use]
    pub fn new(allowed: Vec<Origin>, public_url: Option<&PublicUrl>) -> Self {
        Self { allowed, own: public_url.and_then(|url| WebOrigin::parse(&url.origin())) }
    }

    /// The request's origin, if its pages may call.
    #[must_use]
    pub fn allowed<'a>(&self, request: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let mut origins = request.get_all(header::ORIGIN);
        let origin = origins.next().filter(|_| origins.next().is_none())?;
        self.allowed.iter().any(|allowed| allowed.0 == origin).then_some(origin)
    }

    /// Whether the page that sends a request may use the cookie with it: ours, or one that may call. What no browser
    /// sends names no page. (`Sec-Fetch-Site` is of the Fetch Metadata specification.)
    #[must_use]
    pub fn admits_cookie(&self, request: &HeaderMap) -> bool {
        if parts(request, &SEC_FETCH_SITE, b',').any(|site| site.eq_ignore_ascii_case("cross-site")) {
            return false;
        }
        if !request.contains_key(header::ORIGIN) || self.allowed(request).is_some() {
            return true;
        }
        let Some(origin) = single(request, &header::ORIGIN).and_then(WebOrigin::parse) else { return false };
        let is_here = single(request, &header::HOST).is_some_and(|host| origin.is_at(host));
        is_here || self.own.as_ref() == Some(&origin)
    }

    /// The answer to a browser that asks before it sends the request proper.
    #[must_use]
    pub fn preflight(&self, method: &Method, request: &HeaderMap) -> Option<HttpResponse> {
        if method != Method::OPTIONS || !request.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        self.allowed(request)?;
        Some(
            HttpResponse::NoContent()
                .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS))
                .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS))
                .insert_header((header::ACCESS_CONTROL_MAX_AGE, MAX_AGE))
                .finish(),
        )
    }

    /// Lets the pages of `origin` read an answer.
    pub fn complete(&self, origin: Option<&HeaderValue>, answer: &mut HeaderMap) {
        if self.allowed.is_empty() {
            return;
        }
        // A cache must not give one origin's answer to another.
        answer.append(header::VARY, ORIGIN);
        let Some(origin) = origin else { return };
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answer.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

#[cfg(test)]
mod tests {
    use super::Origin;

    #[test]
    fn an_origin_is_spelled_as_browsers_send_it() {
        for right in [
            "https://app.example.com",
            "http://localhost:5173",
            "http://[::1]:3000",
            "https://example.com:80",
            "capacitor://localhost",
        ] {
            assert!(right.parse::<Origin>().is_ok(), "{right}");
        }
        for wrong in [
            "",
            "*",
            "null",
            "app.example.com",
            "https://*.example.com",
            "ftp://app.example.com",
            "https://app.example.com/",
            "https://App.example.com",
            "https://app.example.com:443",
            "http://localhost:80",
            "http://localhost:99999",
            "https://me@app.example.com",
            "https://",
        ] {
            assert!(wrong.parse::<Origin>().is_err(), "{wrong}");
        }
    }
}
