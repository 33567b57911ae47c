//! Which peers are trusted as proxies, and what follows from that for a request.

use std::{net::IpAddr, str::FromStr};

use axum::http::{HeaderMap, HeaderValue, Uri, header, uri::Authority};
use ipnet::{IpNet, Ipv4Net};

use super::{
    Forwarded, Prefix,
    headers::{Said, entry},
};

/// The reverse proxies before a port.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// Peers whose forwarding headers are honoured.
    pub trusted: Vec<Network>,
    /// The path below which clients reach the site where no trusted proxy tells it.
    pub base_path: Prefix,
}

/// A block of addresses: `10.0.0.0/8`, `2001:db8::/32`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let single = || text.parse::<IpAddr>().map(IpNet::from);
        let network =
            text.parse().or_else(|_| single()).map_err(|_| "expected a network such as 10.0.0.0/8")?;
        Ok(Self(without_mapping(network)))
    }
}

/// A network of IPv4-mapped IPv6 addresses as the IPv4 network that it means: addresses are compared in that form.
fn without_mapping(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let mapped = v6.prefix_len().checked_sub(96).zip(v6.addr().to_ipv4_mapped());
    let v4 = mapped.and_then(|(length, address)| Ipv4Net::new(address, length).ok());
    v4.map_or(network, IpNet::V4)
}

impl Proxies {
    /// Whether `peer` is a proxy whose headers are honoured.
    #[must_use]
    pub fn trust(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted.iter().any(|network| network.contains(peer))
    }

    /// How a request from `peer` reached this port; `secure` if `peer` itself connected over TLS.
    pub(crate) fn forwarded(&self, peer: IpAddr, secure: bool, uri: &Uri, headers: &HeaderMap) -> Forwarded {
        let direct = Forwarded {
            client: Some(peer.to_canonical()),
            secure,
            host: host(uri, headers),
            prefix: self.base_path.clone(),
        };
        if self.trust(peer) { self.behind_proxy(direct, &Said::read(headers)) } else { direct }
    }

    /// What `said` changes about a request that a trusted proxy sent.
    fn behind_proxy(&self, direct: Forwarded, said: &Said) -> Forwarded {
        let (client, hops) = self.client(said);
        let scheme = entry(&said.schemes, hops);
        let host = entry(&said.hosts, hops).filter(|host| is_host(host));
        let prefix = entry(&said.prefixes, hops).filter(|prefix| !prefix.is_empty());
        Forwarded {
            client: client.or(direct.client),
            secure: scheme.map_or(direct.secure, |scheme| {
                ["https", "wss"].iter().any(|tls| scheme.eq_ignore_ascii_case(tls))
            }),
            host: host.map(str::to_owned).or(direct.host),
            prefix: prefix.and_then(|prefix| prefix.parse().ok()).unwrap_or(direct.prefix),
        }
    }

    /// The nearest address that is not a trusted proxy, and the number of trusted ones after it. Everything before it may be
    /// the client's own invention.
    fn client(&self, said: &Said) -> (Option<IpAddr>, usize) {
        let mut farthest = None;
        for (hops, address) in said.addresses.iter().rev().enumerate() {
            let Some(address) = *address else { return (farthest, hops) };
            farthest = Some(address);
            if !self.trust(address) {
                return (farthest, hops);
            }
        }
        (farthest, said.addresses.len().saturating_sub(1))
    }

    /// The address of the resource where a request names it with the base path, which a proxy did not remove.
    pub(crate) fn without_base_path(&self, uri: &Uri) -> Option<Uri> {
        if self.base_path.is_empty() {
            return None;
        }
        let path = self.base_path.strip(uri.path())?;
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = format!("{path}{query}").parse().ok();
        Uri::from_parts(parts).ok()
    }
}

/// The host that the request names, with its port where one is given.
fn host(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let named = || headers.get(header::HOST).and_then(|host: &HeaderValue| host.to_str().ok());
    let host = uri.authority().map(Authority::as_str).or_else(named)?;
    is_host(host).then(|| host.to_owned())
}

fn is_host(text: &str) -> bool {
    !text.contains('@') && text.parse::<Authority>().is_ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    fn proxies(trusted: &[&str], base_path: &str) -> Proxies {
        let trusted = trusted.iter().map(|network| network.parse().unwrap()).collect();
        Proxies { trusted, base_path: base_path.parse().unwrap() }
    }

    fn forwarded(proxies: &Proxies, peer: &str, headers: &[(&'static str, &str)]) -> Forwarded {
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        proxies.forwarded(peer.parse().unwrap(), false, &Uri::from_static("/live"), &headers.collect())
    }

    fn client(proxies: &Proxies, peer: &str, chain: &str) -> String {
        forwarded(proxies, peer, &[("x-forwarded-for", chain)]).client.unwrap().to_string()
    }

    const ALL: [(&str, &str); 5] = [
        ("host", "inner:5000"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "live.example.org"),
        ("x-forwarded-prefix", "/live-tv"),
    ];

    #[test]
    fn forwarding_headers_are_honoured_from_trusted_proxies_only() {
        let proxies = proxies(&["10.0.0.0/8", "2001:db8::7"], "");
        for peer in ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::7"] {
            let request = forwarded(&proxies, peer, &ALL);
            assert_eq!(request.client, "192.0.2.1".parse().ok(), "{peer}");
            assert!(request.secure, "{peer}");
            assert_eq!(
                (request.host(), request.prefix.as_str()),
                (Some("live.example.org"), "/live-tv"),
                "{peer}"
            );
        }
        for peer in ["192.0.2.9", "2001:db8::8", "::ffff:192.0.2.9"] {
            let request = forwarded(&proxies, peer, &ALL);
            assert_eq!(request.client, Some(peer.parse::<IpAddr>().unwrap().to_canonical()));
            assert!(!request.secure, "{peer}");
            assert_eq!((request.host(), request.prefix.as_str()), (Some("inner:5000"), ""), "{peer}");
        }
    }

    #[test]
    fn the_client_is_the_nearest_address_that_is_no_trusted_proxy() {
        let proxies = proxies(&["10.0.0.0/8", "::ffff:192.168.0.0/112"], "");
        for (chain, wanted) in [
            ("192.0.2.1", "192.0.2.1"),
            ("1.1.1.1, 192.0.2.1, 10.0.0.2", "192.0.2.1"),
            ("192.0.2.1, 192.168.0.9, 10.0.0.2", "192.0.2.1"),
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("192.0.2.1, nonsense, 10.0.0.2", "10.0.0.2"),
            ("192.0.2.1, nonsense", "10.0.0.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("", "10.0.0.1"),
        ] {
            assert_eq!(client(&proxies, "10.0.0.1", chain), wanted, "{chain}");
        }
    }

    #[test]
    fn scheme_and_host_are_those_of_the_clients_own_hop() {
        let proxies = proxies(&["10.0.0.0/8"], "");
        let request = forwarded(
            &proxies,
            "10.0.0.1",
            &[
                ("x-forwarded-for", "1.1.1.1, 192.0.2.1, 10.0.0.2"),
                ("x-forwarded-proto", "gopher, https, http"),
                ("x-forwarded-host", "evil, live.example.org, inner"),
            ],
        );
        assert!(request.secure);
        assert_eq!(request.host(), Some("live.example.org"));
    }

    #[test]
    fn prefixes_and_hosts_that_are_none_are_ignored() {
        let proxies = proxies(&["10.0.0.0/8"], "/base");
        for wrong in ["//evil.example", "https://evil.example", "/a\"b", ""] {
            let headers = [("host", "a"), ("x-forwarded-prefix", wrong), ("x-forwarded-host", "u@evil")];
            let request = forwarded(&proxies, "10.0.0.1", &headers);
            assert_eq!((request.prefix.as_str(), request.host()), ("/base", Some("a")), "{wrong}");
        }
    }

    #[test]
    fn a_base_path_that_the_proxy_left_is_removed() {
        let proxies = proxies(&[], "/live-tv");
        let inner =
            |uri: &'static str| proxies.without_base_path(&Uri::from_static(uri)).map(|uri| uri.to_string());
        assert_eq!(inner("/live-tv/view/a?b=c").as_deref(), Some("/view/a?b=c"));
        assert_eq!(inner("/live-tv").as_deref(), Some("/"));
        assert_eq!(inner("https://host/live-tv/live").as_deref(), Some("https://host/live"));
        assert_eq!((inner("/live"), inner("/live-tvs")), (None, None));
    }

    #[test]
    fn networks_are_blocks_or_single_addresses() {
        for right in ["10.0.0.0/8", "10.0.0.1", "::1", "2001:db8::/32", "::ffff:10.0.0.0/104"] {
            assert!(right.parse::<Network>().is_ok(), "{right}");
        }
        for wrong in ["", "proxy", "10.0.0.0/33", "10.0.0.0/8,::1", "10.0.0"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
