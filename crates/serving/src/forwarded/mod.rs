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
