//! Hosts, ports and origins, compared whatever their spelling: a browser leaves the default port away, and a proxy does
//! not always.

use std::net::{IpAddr, Ipv6Addr};

use actix_web::http::uri;

/// A host and a port (RFC 3986 §3.2), normalized, so that two spellings of the same are equal: letter case, and a
/// default port that is left away.
#[derive(Debug, PartialEq, Eq)]
pub struct Authority {
    host: String,
    port: u16,
}

impl Authority {
    /// Reads `host` or `host:port`, an IPv6 address in brackets; `usual` is the port where none is named. `None` if the
    /// text is neither.
    #[must_use]
    pub fn parse(text: &str, usual: u16) -> Option<Self> {
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (address, port) = rest.split_once(']')?;
            let address: Ipv6Addr = address.parse().ok()?;
            (format!("[{address}]"), port)
        } else {
            let (host, port) = text.split_at_checked(text.find(':').unwrap_or(text.len()))?;
            // The dot of the root names the same host.
            let host = host.strip_suffix('.').unwrap_or(host);
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            if host.is_empty() || !host.bytes().all(is_name) {
                return None;
            }
            (host.to_ascii_lowercase(), port)
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => usual,
            Some("") => usual,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
            _ => return None,
        };
        Some(Self { host, port })
    }
}

/// Whether the port in the authority of a URL, if there is one, is a number up to 65535: the crate `http` takes any
/// digits. The authority must have no user (`user@`).
#[must_use]
pub fn has_right_port(authority: &uri::Authority) -> bool {
    authority.port().is_some() || authority.as_str() == authority.host()
}

/// Whether a host is this machine: `localhost`, a name below it, or a loopback address, of IPv6 with or without
/// brackets (RFC 6761 §6.3).
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || host.ends_with(".localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// The origin of a page of the web (RFC 6454): http or https, a host and a port.
#[derive(Debug, PartialEq, Eq)]
pub struct WebOrigin {
    scheme: &'static str,
    authority: Authority,
}

impl WebOrigin {
    /// Reads an origin as browsers send it in `Origin`; `None` for any other text, such as `null`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let scheme = ["http", "https"].into_iter().find(|known| scheme.eq_ignore_ascii_case(known))?;
        Some(Self { scheme, authority: Authority::parse(authority, usual_port(scheme))? })
    }

    /// Whether the origin's host is this machine: `localhost`, a name below it, or a loopback address (RFC 6761 §6.3).
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.authority.host)
    }

    /// Whether the origin and the `host` of a request are both this machine, by different names (`localhost` and
    /// `127.0.0.1`): one machine, but two sites for a browser.
    #[must_use]
    pub fn is_other_name_of_loopback(&self, host: &str) -> bool {
        let here = Authority::parse(host, usual_port(self.scheme));
        here.is_some_and(|here| {
            here.host != self.authority.host && is_loopback(&here.host) && is_loopback(&self.authority.host)
        })
    }

    /// Whether the header `Host` names the host and port of this origin. `Host` does not tell the scheme, so the
    /// default port is that of the origin's.
    #[must_use]
    pub fn is_at(&self, host: &str) -> bool {
        Authority::parse(host, usual_port(self.scheme)).is_some_and(|here| here == self.authority)
    }
}

fn usual_port(scheme: &str) -> u16 {
    if scheme == "https" { 443 } else { 80 }
}

#[cfg(test)]
mod tests {
    use super::WebOrigin;

    fn is_at(origin: &str, host: &str) -> bool {
        WebOrigin::parse(origin).is_some_and(|origin| origin.is_at(host))
    }

    #[test]
    fn a_host_is_the_same_in_every_spelling() {
        for (origin, host) in [
            ("https://kennel.example", "kennel.example"),
            ("https://kennel.example", "kennel.example:443"),
            ("http://kennel.example", "kennel.example:80"),
            ("https://kennel.example:8443", "Kennel.EXAMPLE:8443"),
            ("https://kennel.example:443", "kennel.example"),
            ("https://kennel.example", "kennel.example.:443"),
            ("https://kennel.example.", "kennel.example"),
            ("http://[::1]:8000", "[0:0:0:0:0:0:0:1]:8000"),
            ("https://[2001:DB8::1]", "[2001:db8::1]:443"),
            ("http://127.0.0.1:8000", "127.0.0.1:8000"),
            ("http://kennel.example", "kennel.example:"),
        ] {
            assert!(is_at(origin, host), "{origin} is at {host}");
        }
        for (origin, host) in [
            ("https://kennel.example", "kennel.example:80"),
            ("http://kennel.example", "kennel.example:443"),
            ("http://kennel.example:8000", "kennel.example"),
            ("https://kennel.example", "kennel.example.evil.example"),
            ("https://kennel.example.evil.example", "kennel.example"),
            ("https://kennel.example", "kennel.example..:443"),
            ("https://me@kennel.example", "kennel.example"),
            ("https://kennel.example/", "kennel.example"),
            ("https://kennel.example:443:443", "kennel.example"),
            ("https://kennel.example:+443", "kennel.example"),
            ("https://", ""),
            ("https://:443", ":443"),
            ("file://", ""),
            ("file://kennel.example", "kennel.example"),
            ("capacitor://kennel.example", "kennel.example"),
            ("http://[::1]", "::1"),
            ("null", "null"),
            ("", ""),
        ] {
            assert!(!is_at(origin, host), "{origin} is not at {host}");
        }
    }
}
