//! Where and how to ask a node for a stream: from where nodes reach it to the URL of a WebSocket.

use protocol::{StreamId, event::FrameName};

use super::link_error::LinkError;

/// How far back an edge begins that has nothing yet, so that its own viewers can resume a while back.
const BACK_MS: u64 = 10_000;

/// The WebSocket of one stream on one node. Its `Debug` form does not show the grant.
pub(super) struct Address {
    authority: String,
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
    /// [`LinkError::Unreachable`] if it is no `http` URL, or one that needs TLS, which links between nodes do not speak yet.
    pub(super) fn new(url: &str, main_server: &str, wanted: &SourceRequest<'_>) -> Result<Self, LinkError> {
        Self::read(url, main_server, wanted).ok_or_else(|| {
            LinkError::Unreachable(format!("nodes pull from each other over plain http, not at {url}"))
        })
    }

    fn read(url: &str, main_server: &str, wanted: &SourceRequest<'_>) -> Option<Self> {
        let (authority, path) = match url.strip_prefix('/') {
            Some(path) => (split(main_server)?.0, path),
            None => split(url)?,
        };
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        if authority.is_empty() {
            return None;
        }
        let path = path.trim_matches('/');
        let slash = if path.is_empty() { "" } else { "/" };
        let SourceRequest { stream, grant, hostname, after } = wanted;
        let from = match after {
            Some(FrameName { take, group, index }) => format!("after={take}.{group}.{index}"),
            None => format!("back_ms={BACK_MS}"),
        };
        let (grant, hostname) = (escaped(grant), escaped(hostname));
        let url = format!(
            "ws://{authority}{slash}{path}/ws/{stream}?grant={grant}&relay={hostname}&format=frames&{from}"
        );
        let port = if has_port(authority) { "" } else { ":80" };
        Some(Self { authority: format!("{authority}{port}"), url })
    }

    /// Host and port.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    /// The whole, with the grant.
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

/// Authority and path of an `http` URL.
fn split(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("http://")?;
    Some(rest.split_once('/').unwrap_or((rest, "")))
}

/// Whether `authority` ends in a port; an IPv6 address has colons of its own, in brackets.
fn has_port(authority: &str) -> bool {
    authority.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'))
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
        for (public_url, authority, start) in [
            ("http://cdn-1:5001", "cdn-1:5001", "ws://cdn-1:5001/ws/"),
            ("http://cdn-1/", "cdn-1:80", "ws://cdn-1/ws/"),
            ("http://[::1]/x/y", "[::1]:80", "ws://[::1]/x/y/ws/"),
            ("/cdn/a", "main:5000", "ws://main:5000/cdn/a/ws/"),
        ] {
            let address = address(public_url, None).unwrap();
            assert_eq!(address.authority(), authority);
            assert_eq!(
                address.url(),
                format!("{start}{id}?grant=x.y&relay=a%26b&format=frames&back_ms=10000")
            );
        }
        for public_url in ["https://cdn-1", "", "cdn-1", "http://", "ftp://x"] {
            assert!(matches!(address(public_url, None), Err(LinkError::Unreachable(_))), "{public_url}");
        }
    }

    #[test]
    fn who_has_something_asks_for_what_follows() {
        let after = FrameName { take: 1, group: 20, index: 3 };
        assert!(address("http://a", Some(after)).unwrap().url().ends_with("&after=1.20.3"));
    }
}
