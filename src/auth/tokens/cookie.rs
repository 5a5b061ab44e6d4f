//! The cookie that holds the refresh token of a page in a browser, so that no script can read it (RFC 6265). Only
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

/// The way in which a client gets its refresh token, and sends it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The token is in the JSON body, and the client keeps it.
    Body,
    /// The token is in the cookie `__Host-kennel_refresh`, which a browser keeps and no script can read.
    Cookie,
}

/// The refresh tokens in the cookies of a request: of the present cookie `__Host-kennel_refresh`, and of its earlier
/// name `kennel_refresh`.
#[derive(Debug, Default)]
pub struct Cookies {
    /// The tokens, not checked yet, in the order of the headers, but those of the earlier name last. Neighbouring hosts
    /// may have planted some.
    pub tokens: Vec<String>,
    /// Whether a cookie has the earlier name, so that the response removes it.
    pub has_old: bool,
}

impl Cookies {
    /// Reads the refresh tokens from the `Cookie` headers of a request. Whether the page that sends it may use them is
    /// not checked: see [`admitted`].
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

/// Reads the refresh tokens from the cookies of a request, if the page that sends it may use them
/// ([`Cors::check_cookie`]).
///
/// # Errors
/// `cross-site`, when another site's page sends them; `foreign-origin`, when the page's origin may not call.
pub fn admitted(request: &HttpRequest, cors: &Cors) -> Result<Cookies, Problem> {
    cors.check_cookie(request.headers())?;
    Ok(Cookies::of(request.headers()))
}

/// The value of a `Set-Cookie` that stores a refresh token in the cookie `__Host-kennel_refresh` for `seconds` from now
/// (`HttpOnly; Secure; SameSite=Strict`).
///
/// # Errors
/// `InvalidHeaderValue`, when the token cannot stand in a header; genuine ones can.
pub fn set(token: &str, seconds: u64) -> Result<HeaderValue, InvalidHeaderValue> {
    HeaderValue::try_from(format!("{NAME}={token}; {ATTRIBUTES}; Max-Age={seconds}"))
}

/// The value of a `Set-Cookie` that removes the cookie with the refresh token.
///
/// # Errors
/// Never in practice: an empty value can stand in a header.
pub fn cleared() -> Result<HeaderValue, InvalidHeaderValue> {
    set("", 0)
}

/// The value of a `Set-Cookie` that removes the cookie of the earlier name, `kennel_refresh`.
///
/// # Errors
/// Never in practice: an empty value can stand in a header.
pub fn old_cleared() -> Result<HeaderValue, InvalidHeaderValue> {
    HeaderValue::try_from(format!("{OLD_NAME}=; {OLD_ATTRIBUTES}; Max-Age=0"))
}
