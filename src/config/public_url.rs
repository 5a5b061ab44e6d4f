//! Where people reach the server.

use std::{fmt, str::FromStr};

use actix_web::http::Uri;

/// An absolute http URL without a query, and without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// Scheme, host and port, as a browser sends them (RFC 6454 §6.2).
    #[must_use]
    pub fn origin(&self) -> String {
        let (scheme, rest) = self.0.split_once("://").unwrap_or_default();
        let authority = rest.split('/').next().unwrap_or_default().to_ascii_lowercase();
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
        let is_plain = uri.query().is_none() && !text.contains(['#', '@']);
        if is_http && is_plain { Ok(Self(text.trim_end_matches('/').to_owned())) } else { Err(()) }
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
            ("https://example.com:8443/kennel/", "https://example.com:8443"),
            ("https://Kennel.example.com:443", "https://kennel.example.com"),
        ] {
            assert_eq!(url.parse::<PublicUrl>().expect(url).origin(), origin);
        }
        for wrong in ["", "kennel.example.com", "ftp://example.com", "https://example.com/?a=b", "https://a@b.example"]
        {
            assert!(wrong.parse::<PublicUrl>().is_err(), "{wrong}");
        }
    }
}
