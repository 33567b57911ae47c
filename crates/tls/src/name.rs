//! Names and addresses in certificates.

use std::{fmt, net::IpAddr, str::FromStr};

/// Longest DNS name and longest of its labels (RFC 1035, section 2.3.4).
const MAX_NAME_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;

/// A name or an address by which clients reach a server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// A DNS name in lower case. The first label may be `*`.
    Dns(String),
    /// An address.
    Ip(IpAddr),
}

impl FromStr for Name {
    type Err = &'static str;

    /// Reads `example.org`, `*.example.org`, `192.0.2.1`, `2001:db8::1` or `[2001:db8::1]`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return Ok(Self::Ip(ip.to_canonical()));
        }
        let text = text.trim_end_matches('.').to_ascii_lowercase();
        let name = text.strip_prefix("*.").unwrap_or(&text);
        match name.len() <= MAX_NAME_BYTES && name.split('.').all(is_label) {
            true => Ok(Self::Dns(text)),
            false => Err("expected a DNS name or an address, for example example.org or 192.0.2.1"),
        }
    }
}

fn is_label(label: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=MAX_LABEL_BYTES).contains(&label.len())
        && label.bytes().all(is_allowed)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl fmt::Display for Name {
    /// In the form of a URL's host.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(ip)) => ip.fmt(f),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_names_and_addresses() {
        for (text, name) in [
            ("Example.org.", "example.org"),
            ("localhost", "localhost"),
            ("*.example.org", "*.example.org"),
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:DB8::1", "[2001:db8::1]"),
            ("[::1]", "[::1]"),
        ] {
            assert_eq!(text.parse::<Name>().unwrap().to_string(), name);
        }
        let long = "a".repeat(64);
        for wrong in ["", ".", "*", "a..b", "a b", "-a", "a-", "a/b", "host:80", "größe", "a.*.b", &long] {
            assert!(wrong.parse::<Name>().is_err(), "{wrong}");
        }
    }
}
