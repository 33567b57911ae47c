//! What a node may call itself and where it may say it is reached: these reach every browser.

use protocol::title;

use super::error::Error;

/// Most bytes of a hostname (RFC 1035, section 2.3.4, in text form).
const MAX_HOSTNAME_BYTES: usize = 253;
/// Most characters of one that is not ASCII, so that it has no more bytes.
const MAX_HOSTNAME_CHARS: usize = 63;
/// Most characters of a region's name.
const MAX_REGION_CHARS: usize = 64;
/// Most bytes of a public URL.
const MAX_URL_BYTES: usize = 2048;

/// Checks that a hostname has 1 to 253 printable ASCII characters, or 1 to 63 visible ones of any kind, and no space.
pub(super) fn check_hostname(hostname: &str) -> Result<(), Error> {
    let fits = if hostname.is_ascii() {
        hostname.len() <= MAX_HOSTNAME_BYTES
    } else {
        hostname.chars().count() <= MAX_HOSTNAME_CHARS
    };
    if !hostname.is_empty() && fits && hostname.chars().all(title::is_plain) {
        Ok(())
    } else {
        Err(Error::Invalid(
            "hostname needs 1 to 253 printable ASCII characters, or 1 to 63 visible ones, without spaces",
        ))
    }
}

/// Checks that a region has 1 to 64 printable characters and no space.
pub(super) fn check_region(region: &str) -> Result<(), Error> {
    let printable = region.chars().all(title::is_plain);
    if (1..=MAX_REGION_CHARS).contains(&region.chars().count()) && printable {
        Ok(())
    } else {
        Err(Error::Invalid("region needs 1 to 64 printable characters without spaces"))
    }
}

/// Checks a public URL and gives it back without the slash at its end: an `http(s)` URL without credentials,
/// query or fragment, or an absolute path.
pub(super) fn public_url(text: &str) -> Result<String, Error> {
    url(text).ok_or(Error::Invalid(
        "public_url needs to be an http or https URL, or a path that begins with one slash, without query or fragment",
    ))
}

/// The same for a peer URL.
pub(super) fn peer_url(text: &str) -> Result<String, Error> {
    url(text).ok_or(Error::Invalid(
        "peer_url needs to be an http or https URL, or a path that begins with one slash, without query or fragment",
    ))
}

fn url(text: &str) -> Option<String> {
    let tame = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'<>\\^`{|}?#@".contains(&byte));
    let is_address = match after_scheme(text) {
        Some(rest) => is_authority(rest.split('/').next().unwrap_or_default()),
        None => text.starts_with('/') && text.as_bytes().get(1).is_some_and(|second| *second != b'/'),
    };
    let fits = text.len() <= MAX_URL_BYTES;
    (tame && is_address && fits).then(|| text.trim_end_matches('/').to_owned())
}

/// What follows `http://` or `https://`.
fn after_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)).then_some(rest)
}

/// Whether `text` is a name or address and perhaps a port: `[A-Za-z0-9._-]+` or `[IPv6]`, then `:` and up to five digits.
fn is_authority(text: &str) -> bool {
    let in_brackets = text.strip_prefix('[').and_then(|text| text.split_once(']'));
    let (host, port) = match in_brackets {
        Some((address, port)) => {
            let is_address = address.bytes().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte));
            (is_address && !address.is_empty(), port)
        }
        None => {
            let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
            (is_name && !name.is_empty(), port)
        }
    };
    let digits = port.strip_prefix(':').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    host && (port.is_empty() || digits.is_some_and(|digits| (1..=5).contains(&digits.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_paths_are_taken_without_their_last_slash() {
        for (given, kept) in [
            ("/cdn/a", "/cdn/a"),
            ("/cdn/a/", "/cdn/a"),
            ("https://cdn-1.example.org", "https://cdn-1.example.org"),
            ("http://10.0.0.7:5001/cdn/a/", "http://10.0.0.7:5001/cdn/a"),
            ("http://[::1]:5001", "http://[::1]:5001"),
            ("HTTP://cdn_a", "HTTP://cdn_a"),
        ] {
            assert_eq!(public_url(given).as_deref(), Ok(kept), "{given}");
            assert_eq!(peer_url(given).as_deref(), Ok(kept), "{given}");
        }
    }

    #[test]
    fn what_a_browser_would_read_as_something_else_is_refused() {
        for text in [
            "",
            "/",
            "cdn/a",
            "//evil.example",
            "/\\evil.example",
            "javascript:alert(1)",
            "ftp://host/",
            "https://",
            "https:///path",
            "https://user:password@host",
            "https://host/?query",
            "https://host/#fragment",
            "https://ho st/",
            "https://hé/",
            "http://a:b/",
            "http://a:",
            "http://[::1",
            "http://[]/",
            "http://a%41/",
            &format!("/{}", "a".repeat(3000)),
        ] {
            assert!(public_url(text).is_err() && peer_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hostnames_are_printable_and_of_sane_length() {
        for name in ["a", "cdn-1.example.org", "Wohnzimmer-küche", &"x".repeat(253), &"ü".repeat(63)] {
            assert_eq!(check_hostname(name), Ok(()), "{name}");
        }
        for name in
            ["", "a b", "a\n", "a\u{0}", "\u{a0}", "a\u{200b}", "\u{202e}a", "\u{3164}", &"x".repeat(254)]
        {
            assert!(check_hostname(name).is_err(), "{name:?}");
        }
        assert_eq!(check_region("eu-west"), Ok(()));
        for name in ["", "eu west", "eu\u{202e}", &"x".repeat(65)] {
            assert!(check_region(name).is_err(), "{name:?}");
        }
    }
}
