//! Cookie mode: for pages in a browser the refresh token lies in a cookie that no script can read (RFC 6265). Only
//! refreshing and logging out look at it, and only where the page that sends it may (`cors`). Its name begins with
//! `__Host-`, so that browsers take it from this host alone, and no neighbour on the same domain can plant one.

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap, HeaderValue, InvalidHeaderValue},
};

use crate::{cors::Cors, headers::parts, problem::Problem};

const NAME: &str = "__Host-kennel_refresh";
const ATTRIBUTES: &str = "HttpOnly; Secure; SameSite=Strict; Path=/";
/// The cookie's earlier name, which is read for one release more.
const OLD_NAME: &str = "kennel_refresh";
const OLD_ATTRIBUTES: &str = "HttpOnly; Secure; SameSite=Strict; Path=/auth";

/// The way in which a client gets and keeps its refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The token is in the response's body.
    Body,
    Cookie,
}

/// The refresh tokens in a request's cookies.
#[derive(Debug, Default)]
pub struct Cookies {
    /// The refresh tokens in the order of the headers, but those of the old name last.
    pub tokens: Vec<String>,
    /// Whether one of the cookies has the old name.
    pub has_old: bool,
}

impl Cookies {
    /// The refresh tokens in a request's cookies, among those that neighbouring hosts and proxies have put there.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let named = |wanted: &'static str| {
            let pairs = parts(headers, &header::COOKIE, b';').filter_map(|pair| pair.split_once('='));
            pairs.filter(move |(name, _)| *name == wanted).map(|(_, token)| token.to_owned())
        };
        let mut tokens: Vec<_> = named(NAME).collect();
        let new = tokens.len();
        tokens.extend(named(OLD_NAME));
        Self { has_old: tokens.len() > new, tokens }
    }
}

/// The refresh tokens in a request's cookies, if its page may use them.
///
/// # Errors
/// `cross-site`, `foreign-origin`.
pub fn admitted(request: &HttpRequest, cors: &Cors) -> Result<Cookies, Problem> {
    cors.check_cookie(request.headers())?;
    Ok(Cookies::of(request.headers()))
}

/// The `Set-Cookie` of a token that is good for `seconds`.
///
/// # Errors
/// The token cannot stand in a header; genuine ones can.
pub fn set(token: &str, seconds: u64) -> Result<HeaderValue, InvalidHeaderValue> {
    HeaderValue::try_from(format!("{NAME}={token}; {ATTRIBUTES}; Max-Age={seconds}"))
}

/// The `Set-Cookie` that removes the cookie.
///
/// # Errors
/// The errors of [`set`].
pub fn cleared() -> Result<HeaderValue, InvalidHeaderValue> {
    set("", 0)
}

/// The `Set-Cookie` that removes the cookie of the old name.
///
/// # Errors
/// The errors of [`set`].
pub fn old_cleared() -> Result<HeaderValue, InvalidHeaderValue> {
    HeaderValue::try_from(format!("{OLD_NAME}=; {OLD_ATTRIBUTES}; Max-Age=0"))
}
