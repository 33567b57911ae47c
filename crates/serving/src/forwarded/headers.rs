//! What proxies say about a request: `X-Forwarded-For`, `-Proto`, `-Host` and `-Prefix`, or else `Forwarded` (RFC 7239).
//!
//! Each proxy appends to these lists, so the last entry comes from the nearest one.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, header::FORWARDED};

const FOR: &str = "x-forwarded-for";
const PROTO: &str = "x-forwarded-proto";
const HOST: &str = "x-forwarded-host";
const PREFIX: &str = "x-forwarded-prefix";

/// What the proxies' headers say, each list with the nearest proxy's entry last.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// The peer of each proxy; `None` where the entry is not an address.
    pub(super) addresses: Vec<Option<IpAddr>>,
    pub(super) schemes: Vec<String>,
    pub(super) hosts: Vec<String>,
    pub(super) prefixes: Vec<String>,
}

impl Said {
    /// Reads the headers. `Forwarded` counts only where no `X-Forwarded-For`, `-Proto` or `-Host` is present: a proxy that sets
    /// one kind may pass on what clients wrote into the other.
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let prefixes = list(headers, PREFIX);
        if [FOR, PROTO, HOST].iter().any(|name| headers.contains_key(*name)) {
            let addresses = list(headers, FOR).iter().map(|entry| address(entry)).collect();
            return Self { addresses, schemes: list(headers, PROTO), hosts: list(headers, HOST), prefixes };
        }
        let mut said = Self { prefixes, ..Self::default() };
        for value in headers.get_all(FORWARDED) {
            said.add_forwarded(value.to_str().unwrap_or_default());
        }
        said
    }

    /// Appends the elements of one `Forwarded` header (RFC 7239, section 4).
    fn add_forwarded(&mut self, value: &str) {
        for element in unquoted_split(value, ',') {
            let mut by_peer = None;
            for pair in unquoted_split(element, ';') {
                let Some((name, value)) = pair.split_once('=') else { continue };
                let value = unquoted(value.trim());
                match name.trim().to_ascii_lowercase().as_str() {
                    "for" => by_peer = address(&value),
                    "proto" => self.schemes.push(value),
                    "host" => self.hosts.push(value),
                    _ => {}
                }
            }
            self.addresses.push(by_peer);
        }
    }
}

/// The entry of `list` for the hop that is `hops` before the nearest proxy. A proxy in between that replaced the list left fewer.
pub(super) fn entry(list: &[String], hops: usize) -> Option<&str> {
    let index = list.len().checked_sub(1)?.saturating_sub(hops);
    list.get(index).map(String::as_str)
}

/// All entries of a comma-separated header.
fn list(headers: &HeaderMap, name: &str) -> Vec<String> {
    let values = headers.get_all(name).into_iter().map(|value| value.to_str().unwrap_or_default());
    values.flat_map(|value| value.split(',')).map(|entry| entry.trim().to_owned()).collect()
}

/// An address with or without a port, in brackets or not.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse().ok().map(|socket: SocketAddr| socket.ip());
    let address = bare.parse().ok().or_else(with_port)?;
    Some(IpAddr::to_canonical(&address))
}

/// Splits at `separator` outside of quoted strings.
fn unquoted_split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |char| {
        let splits = !quoted && char == separator;
        quoted ^= char == '"' && !escaped;
        escaped = quoted && char == '\\' && !escaped;
        splits
    })
}

/// The content of a quoted string (RFC 9110, section 5.6.4), or the token as it is.
fn unquoted(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return text.to_owned();
    };
    let mut content = String::new();
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        content.extend(if char == '\\' { chars.next() } else { Some(char) });
    }
    content
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    fn said(headers: &[(&'static str, &str)]) -> Said {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        Said::read(&map)
    }

    fn addresses(said: &Said) -> Vec<String> {
        said.addresses
            .iter()
            .map(|address| address.map_or("-".into(), |address| address.to_string()))
            .collect()
    }

    #[test]
    fn addresses_are_read_in_every_form_and_in_order() {
        let said = said(&[
            (FOR, "192.0.2.1, unknown,2001:db8::1"),
            (FOR, "[2001:db8::2]:4711, 192.0.2.3:80 ,::ffff:192.0.2.4, [::1], "),
        ]);
        let wanted = ["192.0.2.1", "-", "2001:db8::1", "2001:db8::2", "192.0.2.3", "192.0.2.4", "::1", "-"];
        assert_eq!(addresses(&said), wanted);
    }

    #[test]
    fn the_standard_header_is_read_with_its_quotes() {
        let said = said(&[
            (
                "forwarded",
                r#"for=192.0.2.1;proto=https;host="a.example:8443", For="[2001:db8::1]:47";by="x,y;\"z""#,
            ),
            ("forwarded", "for=_hidden;proto=http, for=unknown"),
        ]);
        assert_eq!(addresses(&said), ["192.0.2.1", "2001:db8::1", "-", "-"]);
        assert_eq!(
            (said.schemes, said.hosts),
            (vec!["https".into(), "http".into()], vec!["a.example:8443".into()])
        );
    }

    #[test]
    fn the_standard_header_does_not_count_beside_the_usual_ones() {
        for usual in [(FOR, "192.0.2.1"), (PROTO, "https"), (HOST, "a")] {
            let said = said(&[("forwarded", "for=198.51.100.7;proto=http;host=evil"), usual]);
            assert!(!addresses(&said).contains(&"198.51.100.7".to_owned()), "{usual:?}");
            assert!(!said.hosts.contains(&"evil".to_owned()), "{usual:?}");
        }
    }

    #[test]
    fn the_entry_of_a_hop_is_counted_from_the_nearest_proxy() {
        let list = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(entry(&list("far near"), 0), Some("near"));
        assert_eq!(entry(&list("far near"), 1), Some("far"));
        assert_eq!(entry(&list("only"), 3), Some("only"));
        assert_eq!(entry(&[], 0), None);
    }
}
