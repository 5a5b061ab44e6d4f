//! The source of a request, by which quotas know callers without a login: the address of its TCP peer, or the one that
//! a trusted proxy names.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use actix_web::{
    HttpRequest,
    http::header::{X_FORWARDED_FOR, X_FORWARDED_PROTO},
};
use ipnet::IpNet;

use crate::{headers::parts, workers::Flow};

/// The source of a request, as quotas count it: an IPv4 address, or an IPv6 network of 64 bits, as one customer of a
/// provider has. The default stands for a request whose address is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Source([u8; 16]);

impl Source {
    /// The address as 16 bytes: an IPv4 address is mapped into IPv6 (RFC 4291 §2.5.5.2), and of an IPv6 network it is
    /// the first.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The [`Flow`] under which jobs of requests from this source queue, while no user is known.
    #[must_use]
    pub fn flow(&self) -> Flow {
        Flow::Address(self.0)
    }

    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(v4.to_ipv6_mapped().octets()),
            IpAddr::V6(v6) => Self((v6.to_bits() >> 64 << 64).to_be_bytes()),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v6 = Ipv6Addr::from(self.0);
        match v6.to_ipv4_mapped() {
            Some(v4) => v4.fmt(f),
            None => write!(f, "{v6}/64"),
        }
    }
}

/// The address or network of a proxy whose headers about a request's source are believed, as `TRUSTED_PROXIES` lists
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustedProxy(IpNet);

/// Reads a network such as `10.0.0.0/8`, or an address, of IPv4 or IPv6. Any other text is an error.
impl FromStr for TrustedProxy {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(Self).map_err(|_| ())
    }
}

/// All trusted proxies; without any, no request's headers about its source are believed.
#[derive(Clone)]
pub struct Proxies(Vec<TrustedProxy>);

impl Proxies {
    /// The trusted proxies, by their addresses and networks.
    #[must_use]
    pub fn new(trusted: Vec<TrustedProxy>) -> Self {
        Self(trusted)
    }

    /// The source of a request: its TCP peer or, if that is a trusted proxy, the client that the proxies name: the last
    /// address in `X-Forwarded-For` that is not a trusted proxy's.
    #[must_use]
    pub fn source(&self, request: &HttpRequest) -> Source {
        let Some(peer) = request.peer_addr() else { return Source::default() };
        let forwarded: Vec<_> = parts(request.headers(), &X_FORWARDED_FOR, b',').collect();
        Source::of(self.client(peer.ip(), &forwarded))
    }

    /// The source of a TCP connection from `peer`; `None` for a trusted proxy's, which carries the requests of many.
    #[must_use]
    pub fn source_of_connection(&self, peer: IpAddr) -> Option<Source> {
        (!self.trust(peer)).then(|| Source::of(peer))
    }

    /// Whether a trusted proxy says that the client reached it by https (`X-Forwarded-Proto`, of several values the
    /// last).
    #[must_use]
    pub fn say_https(&self, request: &HttpRequest) -> bool {
        if self.0.is_empty() || !request.peer_addr().is_some_and(|peer| self.trust(peer.ip())) {
            return false;
        }
        parts(request.headers(), &X_FORWARDED_PROTO, b',')
            .last()
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
    }

    /// The client that proxies name. Each adds the address of its caller at the end, so the list is believed from
    /// there, and no further than to the first address that is not a trusted proxy's.
    fn client(&self, peer: IpAddr, forwarded: &[&str]) -> IpAddr {
        let mut client = peer;
        for named in forwarded.iter().rev() {
            if !self.trust(client) {
                break;
            }
            let Some(address) = address(named) else { break };
            client = address;
        }
        client
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|proxy| proxy.0.contains(&address.to_canonical()))
    }
}

/// Reads an address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|with_port| with_port.ip()))
}

#[cfg(test)]
mod tests {
    use super::{Proxies, Source};

    fn proxies(trusted: &[&str]) -> Proxies {
        Proxies::new(trusted.iter().map(|text| text.parse().expect("a network")).collect())
    }

    #[test]
    fn forwarded_addresses_count_from_trusted_proxies_only() {
        let proxies = proxies(&["10.0.0.0/8", "::1"]);
        for (peer, forwarded, client) in [
            ("192.0.2.1", vec!["198.51.100.7"], "192.0.2.1"),
            ("10.0.0.1", vec!["198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", vec!["203.0.113.9", "198.51.100.7", "10.2.3.4"], "198.51.100.7"),
            ("10.0.0.1", vec!["10.9.9.9"], "10.9.9.9"),
            ("10.0.0.1", vec!["198.51.100.7", "nonsense"], "10.0.0.1"),
            ("10.0.0.1", vec![], "10.0.0.1"),
            ("::1", vec!["[2001:db8::7]:4711"], "2001:db8::7"),
            ("::ffff:10.0.0.1", vec!["198.51.100.7:4711"], "198.51.100.7"),
        ] {
            let found = proxies.client(peer.parse().expect("an address"), &forwarded);
            assert_eq!(found.to_string(), client, "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn a_network_of_64_bits_is_one_source() {
        let source = |text: &str| Source::of(text.parse().expect("an address"));
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
        assert_eq!(source("2001:db8::1").to_string(), "2001:db8::/64");
        assert_eq!(source("192.0.2.1").to_string(), "192.0.2.1");
    }
}
