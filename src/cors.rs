//! The other origins whose pages may call from a browser (the Fetch standard's CORS protocol). The headers go onto
//! every response in `middleware::response`, and so onto errors, panics' among them.

use std::{collections::BTreeSet, str::FromStr, sync::Mutex};

use actix_web::{
    HttpResponse,
    http::{
        Method, Uri,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
};

use crate::{
    headers::{parts, single},
    problem::Kind,
    urls::{
        PublicUrl,
        origin::{WebOrigin, has_right_port},
    },
    workers::lock,
};

/// The headers of a response that pages may read, beside those that they always may.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Accept-Patch, Allow, ETag, Link, Location, Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate, X-Request-Id, X-Total-Count, \
     Idempotency-Replayed, Content-Disposition",
);
/// The headers that pages may send: those that the server reads, and those that libraries put onto every request (trace
/// contexts of W3C and Sentry, jQuery's and axios's mark, a forced reload), since one that is not allowed would keep
/// the request from being sent.
const ALLOWED_HEADERS: [&str; 14] = [
    "Accept",
    "Authorization",
    "Cache-Control",
    "Content-Type",
    "Idempotency-Key",
    "Last-Event-ID",
    "If-Match",
    "If-None-Match",
    "X-Request-Id",
    "X-Requested-With",
    "baggage",
    "sentry-trace",
    "traceparent",
    "tracestate",
];
const ALLOWED_METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
/// The longest time for which a browser may remember a preflight, in seconds; Chromium keeps none longer.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const ORIGIN: HeaderValue = HeaderValue::from_static("Origin");
const TRUE: HeaderValue = HeaderValue::from_static("true");
/// The most refused origins and headers that are logged: strangers can make them up.
const MOST_TOLD: usize = 100;
/// The most bytes of an origin that is logged; a host name has 253 at most.
const LONGEST_TOLD: usize = 300;

/// An origin whose pages may call, as `CORS_ORIGINS` lists it: scheme, host and port, in lower case and without a
/// default port, exactly as a browser sends it in `Origin` (RFC 6454 §6.2), such as `https://app.example.com`. Parsing
/// refuses every other spelling, `null`, wildcards, and the schemes `ftp`, `file`, `ws` and `wss`, whose pages never
/// call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

impl FromStr for Origin {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let uri: Uri = text.parse().map_err(|_| ())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(()) };
        // A browser leaves the default port away, and so an origin with it would never be equal.
        let has_usual_port = matches!((scheme, authority.port_u16()), ("http", Some(80)) | ("https", Some(443)));
        let is_exact = text == format!("{scheme}://{authority}") && text == text.to_ascii_lowercase();
        // Apps have schemes of their own (`capacitor://localhost`); no page of these schemes ever calls.
        let is_no_pages = matches!(scheme, "ftp" | "file" | "ws" | "wss");
        if is_no_pages
            || has_usual_port
            || !has_right_port(authority)
            || !is_exact
            || authority.as_str().contains(['@', '*'])
        {
            return Err(());
        }
        HeaderValue::from_str(text).map(Self).map_err(|_| ())
    }
}

/// The name of a request header (RFC 9110 §5.1) that pages of other origins may send beside the usual ones, as
/// `CORS_HEADERS` lists it. `*` is refused: in requests with credentials it is no wildcard but the name of a header
/// (the Fetch standard's CORS protocol).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHeader(HeaderName);

impl FromStr for AllowedHeader {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let name = text.parse().map_err(|_| ())?;
        if text.contains('*') { Err(()) } else { Ok(Self(name)) }
    }
}

/// The configuration of [`Cors`]: which pages of other origins may call this server from a browser.
#[derive(Clone, Debug, Default)]
pub struct CorsSettings {
    /// The origins whose pages may call: `CORS_ORIGINS`.
    pub origins: Vec<Origin>,
    /// The request headers that such pages may send beside the usual ones: `CORS_HEADERS`.
    pub headers: Vec<AllowedHeader>,
    /// Whether pages of `localhost` and loopback addresses may call too, whatever their port: `DEV`.
    pub from_this_machine: bool,
}

/// The rules of the Fetch standard's CORS protocol for this server: which pages of other origins may call it from a
/// browser and read the responses. By default none may. The middleware [`response`](crate::middleware::response)
/// applies them to every response.
#[derive(Debug)]
pub struct Cors {
    allowed: Vec<Origin>,
    from_this_machine: bool,
    allowed_headers: HeaderValue,
    /// The server's own origin, as people reach it.
    own: Option<WebOrigin>,
    /// The origins that may not call, and the headers that may not be sent, that were logged.
    told: Mutex<BTreeSet<Vec<u8>>>,
}

impl Cors {
    /// The rules of a server with these settings. Pages of `public_url`, where people reach the server, count as its
    /// own, as do those of the `Host` that a request names.
    #[must_use]
    pub fn new(settings: CorsSettings, public_url: Option<&PublicUrl>) -> Self {
        let CorsSettings { origins, headers, from_this_machine } = settings;
        let names = ALLOWED_HEADERS.into_iter().chain(headers.iter().map(|header| header.0.as_str()));
        let names = names.collect::<Vec<_>>().join(", ");
        Self {
            allowed: origins,
            from_this_machine,
            // Names of headers are visible ASCII.
            allowed_headers: HeaderValue::try_from(names).unwrap_or(HeaderValue::from_static("")),
            own: public_url.and_then(|url| WebOrigin::parse(&url.origin())),
            told: Mutex::default(),
        }
    }

    /// The `Origin` of a request, if pages of that origin may call; `None` without the header, with two of them, or for
    /// an origin that is not allowed.
    #[must_use]
    pub fn allowed<'a>(&self, request: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let mut origins = request.get_all(header::ORIGIN);
        let origin = origins.next().filter(|_| origins.next().is_none())?;
        let is_listed = self.allowed.iter().any(|allowed| allowed.0 == origin);
        let is_allowed = is_listed || (self.from_this_machine && is_of_this_machine(origin));
        is_allowed.then_some(origin)
    }

    /// Logs, once for each origin, that a page of an origin which is not allowed has called: the page's developer sees
    /// only an error in the browser, which does not say that `CORS_ORIGINS` is to be set. `request` is the headers of a
    /// request for which [`Cors::allowed`] returned `None`. Nothing is logged of the server's own pages, of origins
    /// longer than 300 bytes, and after the first 100.
    pub fn tell_of_stranger(&self, request: &HeaderMap) {
        let Some(origin) = single(request, &header::ORIGIN).filter(|origin| origin.len() <= LONGEST_TOLD) else {
            return;
        };
        if WebOrigin::parse(origin).is_some_and(|page| self.is_own(&page, request)) {
            return;
        }
        if !self.is_news(origin.as_bytes()) {
            return;
        }
        if origin.parse::<Origin>().is_ok() {
            tracing::warn!(origin, "a page of this origin calls, and may not read the answers; add it to CORS_ORIGINS");
        } else {
            tracing::warn!(
                origin,
                "a page without an origin calls, and may not read the answers; open it from a server, not from a file"
            );
        }
    }

    /// Logs a header that a page wants to send and may not: once, and not its value.
    fn tell_of_headers(&self, origin: &HeaderValue, request: &HeaderMap) {
        let allowed = self.allowed_headers.to_str().unwrap_or_default();
        for name in parts(request, &header::ACCESS_CONTROL_REQUEST_HEADERS, b',') {
            let is_allowed = allowed.split(", ").any(|allowed| allowed.eq_ignore_ascii_case(name));
            if is_allowed || HeaderName::from_str(name).is_err() || name.len() > LONGEST_TOLD {
                continue;
            }
            if self.is_news(name.to_ascii_lowercase().as_bytes()) {
                tracing::warn!(header = name, ?origin, "a page may not send this header; add it to CORS_HEADERS");
            }
        }
    }

    /// Whether `what` was not logged yet, and may be.
    fn is_news(&self, what: &[u8]) -> bool {
        let mut told = lock(&self.told);
        told.len() < MOST_TOLD && told.insert(what.into())
    }

    /// Checks that the page which sends a request may use the cookie with the refresh token: it must be a page of this
    /// server, or of an origin that may call. Judged by `Sec-Fetch-Site` (Fetch Metadata) and `Origin`, which browsers
    /// send; a request without `Origin` comes from no other page.
    ///
    /// # Errors
    /// `cross-site`, when the page is another site's; `foreign-origin`, when its origin may not call.
    pub fn check_cookie(&self, request: &HeaderMap) -> Result<(), Kind> {
        if parts(request, &SEC_FETCH_SITE, b',').any(|site| site.eq_ignore_ascii_case("cross-site")) {
            return Err(Kind::CrossSite);
        }
        let page = single(request, &header::ORIGIN).and_then(WebOrigin::parse);
        // Not every browser says so of plain http. `localhost` and `127.0.0.1` are one machine and two sites.
        let host = single(request, &header::HOST);
        if page.as_ref().zip(host).is_some_and(|(page, host)| page.is_other_name_of_loopback(host)) {
            return Err(Kind::CrossSite);
        }
        if !request.contains_key(header::ORIGIN) || self.allowed(request).is_some() {
            return Ok(());
        }
        if page.is_some_and(|page| self.is_own(&page, request)) { Ok(()) } else { Err(Kind::ForeignOrigin) }
    }

    /// Whether a page is one of this server, as it was reached or as `PUBLIC_URL` says.
    fn is_own(&self, page: &WebOrigin, request: &HeaderMap) -> bool {
        single(request, &header::HOST).is_some_and(|host| page.is_at(host)) || self.own.as_ref() == Some(page)
    }

    /// The response to a preflight (204), the `OPTIONS` request by which a browser asks beforehand whether a page may
    /// send the real one; `None` if the request is not one, or its origin may not call.
    #[must_use]
    pub fn preflight(&self, method: &Method, request: &HeaderMap) -> Option<HttpResponse> {
        if method != Method::OPTIONS || !request.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        let origin = self.allowed(request)?;
        self.tell_of_headers(origin, request);
        Some(
            HttpResponse::NoContent()
                .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS))
                .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, self.allowed_headers.clone()))
                .insert_header((header::ACCESS_CONTROL_MAX_AGE, MAX_AGE))
                .finish(),
        )
    }

    /// Adds the headers to a response that let the pages of `origin` read it, and `Vary: Origin` for caches; `origin`
    /// is what [`Cors::allowed`] returned. Without any allowed origin nothing is added.
    pub fn complete(&self, origin: Option<&HeaderValue>, answer: &mut HeaderMap) {
        if self.allowed.is_empty() && !self.from_this_machine {
            return;
        }
        // A cache must not give one origin's response to another.
        answer.append(header::VARY, ORIGIN);
        let Some(origin) = origin else { return };
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answer.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

/// Whether a page was opened from this machine: its origin is `localhost`, a name below it, or a loopback address
/// (RFC 6761 §6.3).
fn is_of_this_machine(origin: &HeaderValue) -> bool {
    let page = std::str::from_utf8(origin.as_bytes()).ok().and_then(WebOrigin::parse);
    page.is_some_and(|page| page.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{AllowedHeader, Origin};

    #[test]
    fn an_allowed_header_is_a_name_and_no_pattern() {
        for right in ["x-tenant", "X-CSRF-Token", "apollo_operation"] {
            assert!(right.parse::<AllowedHeader>().is_ok(), "{right}");
        }
        for wrong in ["", "*", "x-*", "x tenant", "x:", "x-t\u{e4}nant", "a\r\nb"] {
            assert!(wrong.parse::<AllowedHeader>().is_err(), "{wrong}");
        }
    }

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
