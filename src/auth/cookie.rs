//! Cookie mode: for pages in a browser the refresh token lies in a cookie that no script can read (RFC 6265). Only
//! refreshing and logging out look at it, and only where the page that sends it may (`cors`).

use actix_web::http::header::{self, HeaderMap, HeaderValue};

const NAME: &str = "kennel_refresh";
const ATTRIBUTES: &str = "HttpOnly; Secure; SameSite=Strict; Path=/auth";

/// How a client gets its refresh token, and keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// In the answer's body.
    Body,
    Cookie,
}

/// The refresh tokens in a request's cookies, as they come.
pub fn presented(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let cookies = headers.get_all(header::COOKIE).filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == NAME).map(|(_, token)| token)
}

/// `Set-Cookie` for a token that is good for so many seconds.
///
/// # Errors
/// The token is no text for a header; ours are.
pub fn set(token: &str, seconds: u64) -> Result<HeaderValue, header::InvalidHeaderValue> {
    HeaderValue::try_from(format!("{NAME}={token}; {ATTRIBUTES}; Max-Age={seconds}"))
}

/// `Set-Cookie` that takes it away.
///
/// # Errors
/// As [`set`].
pub fn cleared() -> Result<HeaderValue, header::InvalidHeaderValue> {
    set("", 0)
}
