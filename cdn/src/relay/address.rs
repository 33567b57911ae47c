//! Where and how to ask a node for a stream: from where nodes reach it to the URL of a WebSocket.

use protocol::{StreamId, event::FrameName};
use reqwest::Url;

use super::link_error::LinkError;

/// How far back an edge begins that has nothing yet, so that its own viewers can resume a while back.
const BACK_MS: u64 = 10_000;

/// The WebSocket of one stream on one node. Its `Debug` form does not show the grant.
pub(super) struct Address {
    authority: String,
    tls_host: Option<String>,
    url: String,
}

/// What is asked for.
pub(super) struct SourceRequest<'a> {
    pub(super) stream: StreamId,
    pub(super) grant: &'a str,
    /// The asking node.
    pub(super) hostname: &'a str,
    /// The newest run of frames it has.
    pub(super) after: Option<FrameName>,
}

impl Address {
    /// The address at `url`, which may be a path on the origin of `main_server`.
    ///
    /// # Errors
    /// [`LinkError::Unreachable`] if it is no `http` or `https` URL.
    pub(super) fn new(url: &str, main_server: &str, wanted: &SourceRequest<'_>) -> Result<Self, LinkError> {
        Self::read(url, main_server, wanted)
            .ok_or_else(|| LinkError::Unreachable(format!("{url:?} is not an http or https URL")))
    }

    fn read(url: &str, main_server: &str, wanted: &SourceRequest<'_>) -> Option<Self> {
        let url = base(url, main_server)?;
        let (host, port) = (url.host_str()?, url.port_or_known_default()?);
        let is_tls = match url.scheme() {
            "http" | "ws" => false,
            "https" | "wss" => true,
            _ => return None,
        };
        let scheme = if is_tls { "wss" } else { "ws" };
        let explicit_port = url.port().map_or_else(String::new, |port| format!(":{port}"));
        let path = url.path().trim_end_matches('/');
        let SourceRequest { stream, grant, hostname, after } = wanted;
        let from = match after {
            Some(FrameName { take, group, index }) => format!("after={take}.{group}.{index}"),
            None => format!("back_ms={BACK_MS}"),
        };
        let (grant, hostname) = (escaped(grant), escaped(hostname));
        Some(Self {
            authority: format!("{host}:{port}"),
            // An IPv6 address is in brackets in a URL alone.
            tls_host: is_tls.then(|| host.trim_matches(['[', ']']).to_owned()),
            url: format!(
                "{scheme}://{host}{explicit_port}{path}/ws/{stream}?grant={grant}&relay={hostname}&format=frames&{from}"
            ),
        })
    }

    /// Host and port.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    /// The name or IP address that the certificate has to be for, if the connection is one of TLS.
    pub(super) fn tls_host(&self) -> Option<&str> {
        self.tls_host.as_deref()
    }

    /// The whole, with the grant.
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

/// The base URL of the node at `url`.
fn base(url: &str, main_server: &str) -> Option<Url> {
    if !url.starts_with('/') {
        return Url::parse(url).ok();
    }
    let mut base = Url::parse(main_server).ok()?;
    base.set_path(url);
    Some(base)
}

/// `text` as a value in a query (RFC 3986, section 2.3: everything but the unreserved characters is escaped).
fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(public_url: &str, after: Option<FrameName>) -> Result<Address, LinkError> {
        let stream = StreamId::new("a", 1);
        let wanted = SourceRequest { stream, grant: "x.y", hostname: "a&b", after };
        Address::new(public_url, "http://main:5000/base", &wanted)
    }

    #[test]
    fn absolute_urls_and_paths_on_the_main_servers_origin_are_both_addresses() {
        let id = StreamId::new("a", 1);
        for (public_url, authority, tls_host, start) in [
            ("http://cdn-1:5001", "cdn-1:5001", None, "ws://cdn-1:5001/ws/"),
            ("http://cdn-1/", "cdn-1:80", None, "ws://cdn-1/ws/"),
            ("http://[::1]/x/y", "[::1]:80", None, "ws://[::1]/x/y/ws/"),
            ("/cdn/a", "main:5000", None, "ws://main:5000/cdn/a/ws/"),
            ("https://cdn-1", "cdn-1:443", Some("cdn-1"), "wss://cdn-1/ws/"),
            ("wss://cdn-1:5001/x/", "cdn-1:5001", Some("cdn-1"), "wss://cdn-1:5001/x/ws/"),
            (
                "https://[2001:db8::1]:5001",
                "[2001:db8::1]:5001",
                Some("2001:db8::1"),
                "wss://[2001:db8::1]:5001/ws/",
            ),
        ] {
            let address = address(public_url, None).unwrap();
            assert_eq!((address.authority(), address.tls_host()), (authority, tls_host));
            assert_eq!(
                address.url(),
                format!("{start}{id}?grant=x.y&relay=a%26b&format=frames&back_ms=10000")
            );
        }
        for public_url in ["", "cdn-1", "cdn-1:5001", "http://", "ftp://x"] {
            assert!(matches!(address(public_url, None), Err(LinkError::Unreachable(_))), "{public_url}");
        }
    }

    #[test]
    fn a_path_is_on_a_main_server_with_tls_as_well() {
        let wanted = SourceRequest { stream: StreamId::new("a", 1), grant: "", hostname: "a", after: None };
        let address = Address::new("/cdn/a", "https://main.test", &wanted).unwrap();
        assert_eq!((address.authority(), address.tls_host()), ("main.test:443", Some("main.test")));
        assert!(address.url().starts_with("wss://main.test/cdn/a/ws/"));
    }

    #[test]
    fn who_has_something_asks_for_what_follows() {
        let after = FrameName { take: 1, group: 20, index: 3 };
        assert!(address("http://a", Some(after)).unwrap().url().ends_with("&after=1.20.3"));
    }
}
