//! How a request reached the server: the client's address, and the host, scheme and path under which it asked.
//!
//! This is decided once per request, before it is routed. Behind a trusted proxy the forwarding headers tell it; those of
//! other peers are ignored, because anyone can write them. Handlers take [`Forwarded`] as an extractor.

mod headers;
mod prefix;
mod proxies;

use std::{convert::Infallible, net::IpAddr};

use axum::{
    extract::FromRequestParts,
    http::{request::Parts, uri::Authority},
};
use per_address::network;

pub use self::{
    prefix::Prefix,
    proxies::{Network, Proxies},
};

/// How a request reached the server. As an extractor it never fails; without a server that decided, nothing is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forwarded {
    client: Option<IpAddr>,
    secure: bool,
    host: Option<String>,
    prefix: Prefix,
}

impl From<IpAddr> for Forwarded {
    /// A client that is connected without a proxy, over plain HTTP.
    fn from(client: IpAddr) -> Self {
        Self { client: Some(client.to_canonical()), ..Self::default() }
    }
}

impl Forwarded {
    /// The client's address, an IPv4-mapped one as IPv4.
    #[must_use]
    pub fn client(&self) -> Option<IpAddr> {
        self.client
    }

    /// The address that limits per client count: the client's own, or with IPv6 the 64-bit network of one customer.
    #[must_use]
    pub fn network(&self) -> Option<IpAddr> {
        self.client.map(network)
    }

    /// Whether the client's connection is encrypted, its own hop at least.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host that the client named, with the port where it named one.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The path below which the client reaches the site.
    #[must_use]
    pub fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    /// Whether `origin`, the value of an `Origin` header, is the host that the client asked. Schemes are not compared: a proxy
    /// that is not trusted hides that the client's own hop is encrypted.
    #[must_use]
    pub fn is_own_origin(&self, origin: &str) -> bool {
        let Some((scheme, origin)) = origin.split_once("://") else { return false };
        let default_port = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return false,
        };
        let parts = |text: &str| {
            let authority: Authority = text.parse().ok()?;
            Some((authority.host().to_ascii_lowercase(), authority.port_u16().unwrap_or(default_port)))
        };
        let host = self.host().and_then(parts);
        host.is_some() && host == parts(origin)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Forwarded {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

/// Any lines as the address of a request and its headers: what a peer that is not trusted says changes nothing, and what a trusted one
/// says is a host and a path.
#[cfg(feature = "fuzzing")]
#[allow(clippy::missing_panics_doc, reason = "a broken promise is a panic here")]
pub fn fuzz_forwarded(input: &[u8]) {
    use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};

    let text = String::from_utf8_lossy(input);
    let mut lines = text.lines();
    let Ok(uri) = lines.next().unwrap_or_default().parse::<Uri>() else { return };
    let field = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.trim().parse::<HeaderName>().ok()?, HeaderValue::from_str(value.trim()).ok()?))
    };
    let headers: HeaderMap = lines.filter_map(field).collect();
    let proxies = Proxies {
        trusted: vec!["10.0.0.0/8".parse().expect("a network")],
        base_path: "/base".parse().expect("a path"),
    };
    let of = |peer: [u8; 4]| proxies.forwarded(IpAddr::from(peer), false, &uri, &headers);
    let (direct, proxied) = (of([192, 0, 2, 1]), of([10, 0, 0, 1]));
    assert_eq!((direct.client(), direct.is_secure()), (Some(IpAddr::from([192, 0, 2, 1])), false));
    assert_eq!(direct.prefix(), &proxies.base_path);
    for forwarded in [&direct, &proxied] {
        let path = forwarded.prefix().path("/live");
        assert!(
            path.ends_with("/live") && path.parse::<Uri>().is_ok_and(|uri| uri.authority().is_none()),
            "{path}"
        );
        if let Some(host) = forwarded.host() {
            assert!(host.parse::<Authority>().is_ok() && !host.contains('@'), "{host}");
        }
        if let Some(origin) = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()) {
            let _ = forwarded.is_own_origin(origin);
        }
    }
    if let Some(inner) = proxies.without_base_path(&uri) {
        assert!(inner.path().starts_with('/'), "{inner}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_the_sites_own_if_host_and_port_are() {
        let at = |host: &str| Forwarded { host: Some(host.into()), ..Forwarded::default() };
        assert!(at("Live.Example.org").is_own_origin("https://live.example.org"));
        assert!(at("live.example.org:443").is_own_origin("https://live.example.org"));
        assert!(at("[::1]:5000").is_own_origin("http://[::1]:5000"));
        for other in
            ["null", "", "https://evil.example", "https://live.example.org:8443", "ftp://live.example.org"]
        {
            assert!(!at("live.example.org").is_own_origin(other), "{other}");
        }
        assert!(!Forwarded::default().is_own_origin("https://live.example.org"));
    }
}
