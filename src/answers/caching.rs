//! Which answers may be kept, by where they come from (`Cache-Control`).

use actix_web::http::StatusCode;

/// Who may keep an answer (RFC 9111).
#[derive(Clone, Copy)]
pub enum CacheControl {
    /// Nobody: tokens and accounts.
    NoStore,
    /// The reader, who asks again before each use: a private book.
    Private,
    /// Anybody, likewise; but nobody keeps an error.
    Open,
    /// Anybody, for a minute without asking: public pages.
    Public,
}

impl CacheControl {
    pub fn of(path: &str) -> Self {
        let is_below =
            |area: &str| path.strip_prefix(area).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if is_below("/auth") || is_below("/me") {
            Self::NoStore
        } else if is_below("/dogowner") {
            Self::Private
        } else if is_below("/users") || is_below("/dogs") {
            Self::Public
        } else {
            Self::Open
        }
    }

    pub fn value(self, status: StatusCode) -> &'static str {
        let is_error = status.is_client_error() || status.is_server_error();
        match self {
            Self::Private => "private, no-cache",
            Self::Open if !is_error => "no-cache",
            Self::Public if !is_error => "public, max-age=60",
            Self::Open | Self::Public | Self::NoStore => "no-store",
        }
    }
}
