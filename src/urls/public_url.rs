//! The URL where people reach the server, `PUBLIC_URL`.

use std::{fmt, str::FromStr};

use actix_web::http::Uri;

use super::origin::has_right_port;

/// The URL where people reach the server (`PUBLIC_URL`): an absolute `http` or `https` URL of a host, without a user, a
/// path, a query or a fragment, such as `https://kennel.example.com`; parsing drops a slash at its end, and refuses any
/// other text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// The host, without a port; an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let authority = self.0.split_once("://").map_or("", |(_, authority)| authority);
        match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => host,
            _ => authority,
        }
    }

    /// The URL's origin: scheme, host and port, as a browser sends them (RFC 6454 §6.2).
    #[must_use]
    pub fn origin(&self) -> String {
        let (scheme, rest) = self.0.split_once("://").unwrap_or_default();
        let authority = rest.to_ascii_lowercase();
        let scheme = scheme.to_ascii_lowercase();
        let usual_port = if scheme == "https" { ":443" } else { ":80" };
        format!("{scheme}://{}", authority.strip_suffix(usual_port).unwrap_or(&authority))
    }
}

impl FromStr for PublicUrl {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let uri: Uri = text.parse().map_err(|_| ())?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        let is_plain = uri.query().is_none() && uri.path() == "/" && !text.contains(['#', '@', '*']);
        let has_host = uri.authority().is_some_and(has_right_port);
        if is_http && is_plain && has_host { Ok(Self(text.trim_end_matches('/').to_owned())) } else { Err(()) }
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::PublicUrl;

    #[test]
    fn a_public_url_is_absolute_and_has_an_origin() {
        for (url, origin) in [
            ("https://kennel.example.com", "https://kennel.example.com"),
            ("https://example.com:8443/", "https://example.com:8443"),
            ("http://[::1]:8000", "http://[::1]:8000"),
            ("https://Kennel.example.com:443", "https://kennel.example.com"),
        ] {
            assert_eq!(url.parse::<PublicUrl>().expect(url).origin(), origin);
        }
        for (url, host) in [
            ("https://kennel.example.com/", "kennel.example.com"),
            ("http://127.0.0.1:8000", "127.0.0.1"),
            ("http://[::1]:8000", "[::1]"),
            ("http://[::1]", "[::1]"),
        ] {
            assert_eq!(url.parse::<PublicUrl>().expect(url).host(), host);
        }
        for wrong in [
            "",
            "kennel.example.com",
            "ftp://example.com",
            "https://example.com/?a=b",
            "https://a@b.example",
            "https://example.com/kennel",
            "https://example.com//",
            "https://example.com:99999",
            "https://example.com:",
            "http://*",
        ] {
            assert!(wrong.parse::<PublicUrl>().is_err(), "{wrong}");
        }
    }
}
